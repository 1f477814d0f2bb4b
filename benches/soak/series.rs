//! Figures over time, and whether they are flat.

use std::collections::BTreeMap;

/// What was sampled, by name; every series has a value or none for each sample.
#[derive(Default)]
pub(crate) struct Samples {
    /// Seconds since the beginning.
    pub(crate) times: Vec<f64>,
    pub(crate) series: BTreeMap<String, Vec<Option<f64>>>,
}

/// A series over the last two thirds of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) mean: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
    /// Of the line of least squares, in an hour.
    pub(crate) growth_an_hour: f64,
    /// How many times the growth is its standard error.
    pub(crate) significance: f64,
}

/// The slope is that of the means of so many stretches: single samples go up and down with whatever is just being removed.
const STRETCHES: usize = 12;

impl Samples {
    pub(crate) fn begin(&mut self, at_secs: f64) {
        self.times.push(at_secs);
        for values in self.series.values_mut() {
            values.push(None);
        }
    }

    /// Of the sample that was begun last.
    pub(crate) fn note(&mut self, name: &str, value: f64) {
        let count = self.times.len();
        if !self.series.contains_key(name) {
            self.series.insert(name.to_owned(), vec![None; count]);
        }
        if let Some(last) = self.series.get_mut(name).and_then(|values| values.last_mut()) {
            *last = Some(value);
        }
    }

    pub(crate) fn last(&self, name: &str) -> Option<f64> {
        *self.series.get(name)?.last()?
    }

    /// Over the last two thirds.
    pub(crate) fn shape(&self, name: &str) -> Option<Shape> {
        let from = self.times.len() / 3;
        let values = self.series.get(name)?;
        let points: Vec<(f64, f64)> =
            self.times.iter().zip(values).skip(from).filter_map(|(at, value)| Some((*at, (*value)?))).collect();
        shape(&points)
    }

    /// As a table for other programs.
    pub(crate) fn csv(&self) -> String {
        let names: Vec<&str> = self.series.keys().map(String::as_str).collect();
        let mut text = format!("seconds,{}\n", names.join(","));
        for (at, seconds) in self.times.iter().enumerate() {
            text.push_str(&format!("{seconds:.1}"));
            for values in self.series.values() {
                text.push(',');
                if let Some(Some(value)) = values.get(at) {
                    text.push_str(&value.to_string());
                }
            }
            text.push('\n');
        }
        text
    }
}

fn shape(points: &[(f64, f64)]) -> Option<Shape> {
    if points.len() < STRETCHES {
        return None;
    }
    let mean = average(points.iter().map(|(_, value)| *value));
    let mut sorted: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    sorted.sort_by(f64::total_cmp);
    let stretches: Vec<(f64, f64)> = points
        .chunks(points.len().div_ceil(STRETCHES))
        .map(|part| (average(part.iter().map(|(at, _)| *at)), average(part.iter().map(|(_, value)| *value))))
        .collect();
    let (slope, error) = line(&stretches);
    Some(Shape {
        mean,
        median: *sorted.get(sorted.len() / 2)?,
        max: *sorted.last()?,
        growth_an_hour: slope * 3600.0,
        significance: if error > 0.0 {
            slope / error
        } else if slope == 0.0 {
            0.0
        } else {
            f64::INFINITY
        },
    })
}

/// Least squares: the slope and its standard error.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let (x, y) = (average(points.iter().map(|(x, _)| *x)), average(points.iter().map(|(_, y)| *y)));
    let spread: f64 = points.iter().map(|(at, _)| (at - x).powi(2)).sum();
    let slope = points.iter().map(|(at, value)| (at - x) * (value - y)).sum::<f64>() / spread.max(f64::MIN_POSITIVE);
    let rest: f64 = points.iter().map(|(at, value)| (value - y - slope * (at - x)).powi(2)).sum();
    (slope, (rest / (points.len() as f64 - 2.0).max(1.0) / spread.max(f64::MIN_POSITIVE)).sqrt())
}

fn average(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}
