//! Series drawn with letters and dots, for terminals.
//!
//! - [`chart`]: lines over time, with axes and a legend
//! - [`bars`]: one value of each series
//! - [`sparkline`]: one line of text for each series
//! - [`canvas`]: what these are drawn on; axes and units are those of the web pages' plots

pub mod bars;
pub mod canvas;
pub mod chart;
pub mod sparkline;

use clap::builder::styling::AnsiColor;

use crate::terminal::Terminal;

/// A series to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is called.
    pub name: String,
    /// Time in milliseconds and value, oldest first.
    pub points: Vec<(i64, f64)>,
}

/// The colours of the series, in turn.
const COLOURS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Green, AnsiColor::Magenta, AnsiColor::Red, AnsiColor::Blue];

/// A text in the colour of a series.
fn painted(terminal: Terminal, series: usize, text: &str) -> String {
    match COLOURS.get(series % COLOURS.len()).filter(|_| terminal.colours) {
        Some(colour) => {
            let style = colour.on_default();
            format!("{style}{text}{style:#}")
        }
        None => text.to_owned(),
    }
}

/// The first characters of a text, with a sign that there were more.
fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => {
            let end = text.char_indices().nth(chars_max.saturating_sub(1)).map_or(0, |(end, _)| end);
            format!("{}…", text.get(..end).unwrap_or_default())
        }
    }
}
