//! The series as small plots beside each other.

use std::fmt::Write as _;

use crate::series::Samples;

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 110.0;
const COLUMNS: usize = 3;

/// An SVG with a plot for each of these series; each has its axis from zero to its maximum.
pub(crate) fn svg(samples: &Samples, names: &[String]) -> String {
    let rows = names.len().div_ceil(COLUMNS);
    let (width, height) = ((WIDTH + 20.0) * COLUMNS as f64, (HEIGHT + 40.0) * rows as f64);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let end = samples.times.last().copied().unwrap_or(1.0).max(1.0);
    for (place, name) in names.iter().enumerate() {
        let Some(values) = samples.series.get(name) else { continue };
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        let (left, top) =
            ((place % COLUMNS) as f64 * (WIDTH + 20.0) + 10.0, (place / COLUMNS) as f64 * (HEIGHT + 40.0) + 25.0);
        let points = samples.times.iter().zip(values).filter_map(|(at, value)| {
            let x = left + at / end * WIDTH;
            let y = top + HEIGHT - (*value)? / most.max(f64::MIN_POSITIVE) * HEIGHT;
            Some(format!("{x:.1},{y:.1}"))
        });
        let points: Vec<String> = points.collect();
        let _ = write!(
            text,
            "<text x=\"{left}\" y=\"{}\">{name}: 0 to {most:.4}</text>\n<rect x=\"{left}\" y=\"{top}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" fill=\"none\" stroke=\"#bbb\"/>\n<polyline fill=\"none\" stroke=\"#b3400a\" points=\"{}\"/>\n",
            top - 6.0,
            points.join(" ")
        );
    }
    text.push_str("</svg>\n");
    text
}
