//! Series drawn over time, as SVG: axes, a threshold, gaps where samples are missing, moments that are marked.
//!
//! A [`Plot`] says what is drawn, its [`Drawing`] where everything lies; `templates/web/plot.hbs` writes the elements, and
//! escapes every text. Colours and sizes of texts come from the style sheet: a Content-Security-Policy allows none here.
//!
//! - [`axis`], [`mod@unit`]: marks and how values are written
//! - [`expression`]: what a rule gave over time, asked and drawn
//! - [`threshold`]: what of an alert's expression is drawn, and what it is compared with

pub mod axis;
pub mod expression;
pub mod threshold;
pub mod unit;

use std::fmt::Write as _;

use serde::Serialize;

use axis::{ValueAxis, time_marks, time_title};
use model::Timestamp;
use threshold::Threshold;
use unit::Unit;

/// Of the drawing, in its own units; the page scales it.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 220.0;
/// Where lines may be.
const TOP: f64 = 8.0;
const BOTTOM: f64 = 190.0;

/// Marks of values, about.
const VALUE_MARKS: usize = 4;
/// Marks of time, at most: their texts fit side by side on a phone.
const TIME_MARKS_MAX: usize = 6;
/// More series are counted, not drawn.
const LINES_MAX: usize = 12;
/// Style classes of lines, in turn.
const COLOURS: usize = 6;
/// More of a series' name is cut off.
const NAME_CHARS_MAX: usize = 300;
/// Points of a line that are told apart; what lies between is drawn as its least and its most.
const COLUMNS: usize = 300;

/// A series to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is called.
    pub name: String,
    /// Time in milliseconds and value, oldest first.
    pub points: Vec<(i64, f64)>,
}

/// An instant worth a mark: an alert began to fire, a page was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at_ms: i64,
    /// Its style class and what is read out: `pending`, `firing`, `resolved`.
    pub kind: &'static str,
    /// What happened.
    pub text: String,
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Names it in the page; letters, digits and `-`.
    pub id: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// The series.
    pub lines: Vec<Line>,
    /// First instant.
    pub start_ms: i64,
    /// Last instant.
    pub end_ms: i64,
    /// Between points; where one is missing the line is interrupted.
    pub step_ms: i64,
    /// What the values are.
    pub unit: Unit,
    /// What the values are compared with.
    pub threshold: Option<Threshold>,
    /// Marked instants; those outside are left out.
    pub moments: Vec<Moment>,
}

/// A plot worked out: what the template writes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drawing {
    id: &'static str,
    title: String,
    /// The same in words, for those who do not see it.
    description: String,
    width: f64,
    height: f64,
    top: f64,
    bottom: f64,
    values: Vec<Mark>,
    times: Vec<Mark>,
    /// The day and the zone of the times.
    day: Option<String>,
    lines: Vec<DrawnLine>,
    /// Series that are not drawn.
    omitted: usize,
    threshold: Option<DrawnThreshold>,
    moments: Vec<DrawnMoment>,
}

/// A mark of an axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Mark {
    place: f64,
    /// Where its text begins, or has its middle.
    text_place: f64,
    text: String,
    /// Of times: the instant, so that a browser can show its own zone's.
    at: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct DrawnLine {
    colour: usize,
    name: String,
    /// In the notation of SVG paths.
    path: String,
    figures: Option<Figures>,
}

/// A line in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Figures {
    last: String,
    least: String,
    most: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct DrawnThreshold {
    y: f64,
    text: String,
    text_y: f64,
    /// Where the values that are looked for lie: a band from `band_top`, as high as `band_height`.
    band_top: f64,
    band_height: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct DrawnMoment {
    x: f64,
    kind: &'static str,
    text: String,
    at: String,
}

/// From time and value to places in the drawing.
#[derive(Clone, Copy)]
struct Field {
    start_ms: i64,
    length_ms: f64,
    axis: ValueAxis,
}

impl Field {
    #[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
    fn x(&self, at_ms: i64) -> f64 {
        tenth(at_ms.saturating_sub(self.start_ms) as f64 / self.length_ms * WIDTH)
    }

    fn y(&self, value: f64) -> f64 {
        let ValueAxis { low, high, .. } = self.axis;
        tenth(TOP + (high - value.clamp(low, high)) / (high - low) * (BOTTOM - TOP))
    }
}

fn tenth(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}

impl Plot {
    /// Works out where everything lies. Values that are no numbers are left out, infinite ones lie on the edge.
    #[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
    pub fn drawing(&self) -> Drawing {
        let length_ms = self.end_ms.saturating_sub(self.start_ms).max(1) as f64;
        let field = Field { start_ms: self.start_ms, length_ms, axis: self.value_axis() };
        let lines: Vec<DrawnLine> =
            self.lines.iter().take(LINES_MAX).enumerate().map(|line| self.line(&field, line)).collect();
        Drawing {
            id: self.id,
            title: self.title.clone(),
            description: self.description(&lines),
            width: WIDTH,
            height: HEIGHT,
            top: TOP,
            bottom: BOTTOM,
            values: self.value_marks(&field),
            times: self.time_marks(&field),
            day: time_title(self.start_ms),
            omitted: self.lines.len().saturating_sub(LINES_MAX),
            threshold: self.threshold.map(|threshold| drawn_threshold(&field, threshold, self.unit)),
            moments: self.moments(&field),
            lines,
        }
    }

    fn value_axis(&self) -> ValueAxis {
        let threshold = self.threshold.map(|threshold| threshold.value);
        let drawn = self.lines.iter().take(LINES_MAX).flat_map(|line| &line.points).map(|(_, value)| *value);
        let (low, high) = drawn
            .chain(threshold)
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let grain = self.unit.grain(high.abs().max(low.abs()));
        ValueAxis::of_grain(low, high, VALUE_MARKS, grain)
    }

    fn value_marks(&self, field: &Field) -> Vec<Mark> {
        let mark = |value: f64| {
            let place = field.y(value);
            // Above its line, but for the topmost.
            let text_place = if place < TOP + 16.0 { place + 13.0 } else { place - 4.0 };
            Mark { place, text_place, text: self.unit.shown(value, field.axis.step), at: None }
        };
        field.axis.marks().map(mark).collect()
    }

    fn time_marks(&self, field: &Field) -> Vec<Mark> {
        let mark = |(at_ms, text): (i64, String)| {
            let place = field.x(at_ms);
            let at = time_title(at_ms).map(|_| Timestamp::from_millis(at_ms).to_rfc3339_millis());
            Mark { place, text_place: place.clamp(24.0, WIDTH - 24.0), text, at }
        };
        time_marks(self.start_ms, self.end_ms, TIME_MARKS_MAX).into_iter().map(mark).collect()
    }

    fn line(&self, field: &Field, (place, line): (usize, &Line)) -> DrawnLine {
        let values = || line.points.iter().map(|(_, value)| *value).filter(|value| !value.is_nan());
        let shown = |value: f64| self.unit.shown(value, 0.0);
        let figures = values().next_back().map(|last| Figures {
            last: shown(last),
            least: shown(values().fold(f64::INFINITY, f64::min)),
            most: shown(values().fold(f64::NEG_INFINITY, f64::max)),
        });
        let name = line.name.chars().take(NAME_CHARS_MAX).collect();
        DrawnLine { colour: place % COLOURS, name, path: self.path(field, &line.points), figures }
    }

    /// A stroke for each run of points; one point alone is a stroke of no length, which round ends make a dot.
    fn path(&self, field: &Field, points: &[(i64, f64)]) -> String {
        let inside = |(at_ms, value): &&(i64, f64)| (self.start_ms..=self.end_ms).contains(at_ms) && !value.is_nan();
        let points: Vec<(i64, f64)> = points.iter().filter(inside).copied().collect();
        let column = if points.len() > 2 * COLUMNS { points.len().div_ceil(COLUMNS) } else { 1 };
        // Half a step more than one: clocks of points may be rounded.
        let follows = |before: &(i64, f64), after: &(i64, f64)| {
            after.0.saturating_sub(before.0).saturating_mul(2) <= self.step_ms.saturating_mul(3)
        };
        let mut path = String::new();
        for run in points.chunk_by(follows) {
            for (place, (at_ms, value)) in thinned(run, column).into_iter().enumerate() {
                let (x, y) = (field.x(at_ms), field.y(value));
                // Writing into a text cannot fail.
                let _ = if place == 0 { write!(path, "M{x} {y}h0") } else { write!(path, "L{x} {y}") };
            }
        }
        path
    }

    fn moments(&self, field: &Field) -> Vec<DrawnMoment> {
        let inside = |moment: &&Moment| (self.start_ms..=self.end_ms).contains(&moment.at_ms);
        let drawn = |moment: &Moment| DrawnMoment {
            x: field.x(moment.at_ms),
            kind: moment.kind,
            text: moment.text.clone(),
            at: Timestamp::from_millis(moment.at_ms).to_rfc3339_millis(),
        };
        self.moments.iter().filter(inside).map(drawn).collect()
    }

    fn description(&self, lines: &[DrawnLine]) -> String {
        let time = |at_ms| Timestamp::from_millis(at_ms).to_rfc3339();
        let mut text = format!("From {} to {}.", time(self.start_ms), time(self.end_ms));
        if lines.is_empty() {
            text.push_str(" There are no samples.");
        }
        for line in lines {
            let _ = match &line.figures {
                Some(Figures { last, least, most }) => {
                    write!(text, " {}: last {last}, least {least}, most {most}.", line.name)
                }
                None => write!(text, " {}: no numbers.", line.name),
            };
        }
        if let Some(threshold) = self.threshold {
            let value = self.unit.shown(threshold.value, 0.0);
            let _ = write!(text, " The rule looks for values {} {value}.", threshold.op.text());
        }
        text
    }
}

/// The least and the most of each so many points.
fn thinned(run: &[(i64, f64)], column: usize) -> Vec<(i64, f64)> {
    let extremes = |column: &[(i64, f64)]| {
        let least = column.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = column.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1));
        let mut both: Vec<(i64, f64)> = least.into_iter().chain(most).collect();
        both.sort_by_key(|(at_ms, _)| *at_ms);
        both.dedup();
        both
    };
    run.chunks(column).flat_map(extremes).collect()
}

fn drawn_threshold(field: &Field, threshold: Threshold, unit: Unit) -> DrawnThreshold {
    let y = field.y(threshold.value);
    let (band_top, band_bottom) = match threshold.is_above() {
        Some(true) => (TOP, y),
        Some(false) => (y, BOTTOM),
        None => (y, y),
    };
    DrawnThreshold {
        y,
        text: format!("{} {}", threshold.op.text(), unit.shown(threshold.value, 0.0)),
        text_y: if y < TOP + 16.0 { y + 13.0 } else { y - 4.0 },
        band_top,
        band_height: tenth(band_bottom - band_top),
    }
}

#[cfg(test)]
mod tests;
