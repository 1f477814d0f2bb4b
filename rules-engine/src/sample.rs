//! Samples as they come from a query and go to storage.

use std::fmt;

use model::LabelSet;

/// The bits of the NaN that says "this series has ended"; other NaNs are values. Never compare it as a float.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// One value of one series at one instant.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Who it is, `__name__` included.
    pub labels: LabelSet,
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The value; see [`Sample::is_stale_marker`].
    pub value: f64,
}

impl Sample {
    /// The marker that ends a series.
    pub fn stale_marker(labels: LabelSet, timestamp_ms: i64) -> Self {
        Self { labels, timestamp_ms, value: f64::from_bits(STALE_NAN_BITS) }
    }

    /// Whether this ends the series.
    pub fn is_stale_marker(&self) -> bool {
        self.value.to_bits() == STALE_NAN_BITS
    }
}

/// Equal bits, so that a stale marker equals itself and nothing else.
impl PartialEq for Sample {
    fn eq(&self, other: &Self) -> bool {
        self.timestamp_ms == other.timestamp_ms
            && self.value.to_bits() == other.value.to_bits()
            && self.labels == other.labels
    }
}

/// What the query API said to an instant query.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryAnswer {
    /// The result.
    pub value: QueryValue,
    /// Warnings and infos that came with it: partial data, bad matchers.
    pub warnings: Vec<String>,
}

/// A result a rule can use; strings and matrices are errors.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryValue {
    /// Series with their value, `__name__` included where the expression keeps it.
    Vector(Vec<(LabelSet, f64)>),
    /// One number without labels.
    Scalar(f64),
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFailure {
    /// For people.
    pub text: String,
    /// Whether asking again soon may help: the server was not there, or busy.
    pub is_passing: bool,
}

impl QueryFailure {
    /// Asking again soon may help.
    pub fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_passing: true }
    }
}

/// Asking again is no help.
impl From<String> for QueryFailure {
    fn from(text: String) -> Self {
        Self { text, is_passing: false }
    }
}

impl From<&str> for QueryFailure {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for QueryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl QueryAnswer {
    /// A vector without warnings.
    pub fn vector(series: Vec<(LabelSet, f64)>) -> Self {
        Self { value: QueryValue::Vector(series), warnings: Vec::new() }
    }

    /// A scalar without warnings.
    pub fn scalar(value: f64) -> Self {
        Self { value: QueryValue::Scalar(value), warnings: Vec::new() }
    }
}

impl QueryValue {
    /// As series: a scalar is one without labels.
    pub fn into_vector(self) -> Vec<(LabelSet, f64)> {
        match self {
            Self::Vector(series) => series,
            Self::Scalar(value) => vec![(LabelSet::empty(), value)],
        }
    }
}
