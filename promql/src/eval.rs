//! Evaluation of expressions over series in memory: exact, deterministic, no clock and no I/O.
//!
//! A [`Query`] is prepared once and asked at as many instants as needed. It remembers, between instants, what does not
//! change: which series each selector selects, which group or partner each label set has, where the last window of each
//! series was. So a rule evaluated every minute over weeks costs little more than reading its samples.
//!
//! Semantics are those of Prometheus 3: ranges and lookback are open on the left; `rate` and its like extrapolate; sums keep
//! their rounding error apart.
//!
//! | module | what |
//! |---|---|
//! | [`storage`], [`series`] | series in memory, samples in columns |
//! | [`query`] | a prepared expression and its answers |
//! | [`annotation`] | remarks about a result |
//! | `plan`, `node` | from the tree to what is evaluated |
//! | `label_table` | label sets as numbers |
//! | `selection`, `window`, `range_source`, `extended` | which samples are read |
//! | `binary`, `matching`, `set_operation` | operators |
//! | `aggregation` | `sum`, `topk` and the others |
//! | `function` | functions, a family per file |
//! | `summation`, `quantile` | numerics |

mod aggregation;
pub mod annotation;
mod binary;
mod context;
mod extended;
mod function;
mod label_table;
mod matching;
mod node;
mod plan;
mod quantile;
pub mod query;
mod range_source;
mod selection;
pub mod series;
mod set_operation;
pub mod storage;
pub(crate) mod summation;
mod value;
mod window;

use std::fmt;

pub use annotation::{Annotation, Annotations, Severity};
pub use query::{Answer, Data, InstantSample, Query, Row, Unprepared};
pub use series::{Refused, STALE_BITS, Series};
pub use storage::{SeriesId, Storage};
pub use value::Value;

use crate::Options;
use crate::span::Span;

/// How expressions are read and evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which parts of the language are accepted.
    pub language: Options,
    /// How long a sample counts as a series' current value.
    pub lookback_ms: i64,
    /// The step of subqueries that name none: the usual evaluation interval.
    pub subquery_step_ms: i64,
    /// Most samples a query may read for one instant, those kept for the result included.
    pub samples_max: usize,
    /// Metric names go once the whole query is evaluated, rather than by each function.
    pub delayed_name_removal: bool,
}

impl Default for Settings {
    /// What Prometheus starts with.
    fn default() -> Settings {
        Settings {
            language: Options::default(),
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
            samples_max: 50_000_000,
            delayed_name_removal: false,
        }
    }
}

/// Why a query has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// The part of the expression it is about, where that is known.
    pub span: Option<Span>,
    /// What is wrong, in the words of Prometheus.
    pub message: String,
}

impl EvalError {
    fn new(message: impl Into<String>) -> EvalError {
        EvalError { span: None, message: message.into() }
    }

    fn at(span: Span, message: impl Into<String>) -> EvalError {
        EvalError { span: Some(span), message: message.into() }
    }

    /// The message with its place: `1:5: …`. `text` is the expression.
    pub fn located(&self, text: &str) -> String {
        match self.span {
            Some(span) => format!("{}: {}", span.position(text), self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvalError {}
