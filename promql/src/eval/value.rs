//! What samples hold, and what travels between the steps of an evaluation.

use std::sync::Arc;

use super::label_table::LabelId;
use crate::histogram::Histogram;

/// The value of a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Float(f64),
    /// A histogram.
    Histogram(Arc<Histogram>),
}

impl Value {
    /// The number, if it is one.
    pub fn float(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            Value::Histogram(_) => None,
        }
    }

    pub(super) fn histogram(histogram: Histogram) -> Value {
        Value::Histogram(Arc::new(histogram))
    }

    /// The word messages have for its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Float(_) => "float",
            Value::Histogram(_) => "histogram",
        }
    }
}

/// A series of a vector at one instant.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) labels: LabelId,
    /// The metric name goes once the whole query is evaluated (delayed name removal).
    pub(super) drop_name: bool,
    pub(super) value: Value,
}

/// An instant vector.
pub(super) type Vector = Vec<Sample>;
