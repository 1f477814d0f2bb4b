//! What comes back.

use model::LabelSet;
use promql::histogram::Bucket;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The result.
    pub data: Data,
    /// What makes the result doubtful, each with its place.
    pub warnings: Vec<String>,
    /// What may be worth knowing of it.
    pub infos: Vec<String>,
}

/// A result. Times are in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// A number at a time.
    Scalar(i64, f64),
    /// A text at a time.
    Text(i64, String),
    /// Series with one point each, in the order the answer gives them.
    Vector(Vec<Row>),
    /// Series over time.
    Matrix(Vec<Row>),
}

/// A series of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its labels, the metric name among them where it has one.
    pub labels: LabelSet,
    /// Time and value, oldest first.
    pub points: Vec<(i64, Value)>,
}

/// The value of a point.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Histogram),
}

/// A native histogram as the HTTP API tells of it: without its schema, and without empty buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Number of observations.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Buckets that are not empty, lowest first.
    pub buckets: Vec<Bucket>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The expression does not parse or its types do not fit.
    #[error("{0}")]
    BadExpression(String),
    /// The series do not fit the expression, or there are too many samples.
    #[error("{0}")]
    Unanswerable(String),
}

impl Data {
    /// The engine's result at an instant.
    pub fn of(data: promql::eval::Data, at_ms: i64) -> Data {
        match data {
            promql::eval::Data::Scalar(value) => Data::Scalar(at_ms, value),
            promql::eval::Data::Text(text) => Data::Text(at_ms, text),
            promql::eval::Data::Vector(samples) => {
                let row = |sample: promql::eval::InstantSample| Row {
                    labels: sample.labels,
                    points: vec![(at_ms, sample.value.into())],
                };
                Data::Vector(samples.into_iter().map(row).collect())
            }
            promql::eval::Data::Matrix(rows) => {
                let row = |row: promql::eval::Row| Row {
                    labels: row.labels,
                    points: row.points.into_iter().map(|(at_ms, value)| (at_ms, value.into())).collect(),
                };
                Data::Matrix(rows.into_iter().map(row).collect())
            }
        }
    }

    /// The series, whatever the kind of the result.
    pub fn rows(&self) -> &[Row] {
        match self {
            Data::Vector(rows) | Data::Matrix(rows) => rows,
            Data::Scalar(..) | Data::Text(..) => &[],
        }
    }
}

impl Value {
    /// The number to draw: of a histogram, how many observations it has.
    pub fn height(&self) -> f64 {
        match self {
            Value::Float(value) => *value,
            Value::Histogram(histogram) => histogram.count,
        }
    }
}

impl From<promql::eval::Value> for Value {
    fn from(value: promql::eval::Value) -> Value {
        match value {
            promql::eval::Value::Float(value) => Value::Float(value),
            promql::eval::Value::Histogram(histogram) => Value::Histogram(Histogram {
                count: histogram.count,
                sum: histogram.sum,
                buckets: histogram.buckets().into_iter().filter(|bucket| bucket.count != 0.0).collect(),
            }),
        }
    }
}
