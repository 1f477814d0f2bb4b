//! Files of series: what queries are asked of where there is no server.
//!
//! Two forms, told apart by their first word:
//!
//! - the `load` blocks of the [test language](crate::test_language): `load 30s`, then lines such as `up{job="a"} 1 0x5 _ 1`, the
//!   first value at second 0;
//! - the text format of metrics pages, Prometheus' (times in milliseconds) or OpenMetrics' (`# EOF` at the end, times in seconds).

mod exposition;

use std::fmt;

use crate::eval::Storage;
use crate::test_language;

/// What is wrong with a file of series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The byte of the line, from 1; the whole line if it is not known.
    pub column: Option<usize>,
    /// What it is.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "{}:{column}: {}", self.line, self.message),
            None => write!(f, "{}: {}", self.line, self.message),
        }
    }
}

impl std::error::Error for Mistake {}

/// Most mistakes told of one file.
const MISTAKES_MAX: usize = 20;

/// Reads a file of either form. Samples without a time of their own are at `untimed_ms`.
///
/// # Errors
/// Every mistake, twenty at most. Never empty.
pub fn read(text: &str, untimed_ms: i64) -> Result<Storage, Vec<Mistake>> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let word = first.and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    if matches!(word, "load" | "load_with_nhcb" | "clear") {
        return test_language::load(text)
            .map_err(|error| vec![Mistake { line: error.line, column: None, message: error.message }]);
    }
    exposition::read(text, untimed_ms)
}

/// Adds the samples of a metrics page to a set of series. Those without a time of their own are at `untimed_ms`; `labels` come to
/// every series that does not have them, as a scrape's do. Samples that do not follow those there are, are left out.
///
/// # Errors
/// Every mistake of the page; none of it is added then.
pub fn scrape(storage: &mut Storage, page: &str, labels: &[(&str, &str)], untimed_ms: i64) -> Result<(), Vec<Mistake>> {
    exposition::scrape(storage, page, labels, untimed_ms)
}
