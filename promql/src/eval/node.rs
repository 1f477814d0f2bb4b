//! A compiled expression: a tree that keeps, between the instants it is evaluated at, what does not change.

use super::aggregation::Aggregation;
use super::binary::{WithScalar, arithmetic, compares, negated, truth};
use super::context::{Context, Evaluated};
use super::function::absent::Absent;
use super::function::bucket_quantile::BucketFunction;
use super::function::elementwise::Elementwise;
use super::function::histogram_stat::HistogramStat;
use super::function::info::Info;
use super::function::label::LabelFunction;
use super::function::over_range::OverRange;
use super::function::sort::Sort;
use super::function::time::TimeFunction;
use super::label_table::LabelId;
use super::matching::Matched;
use super::selection::InstantSelector;
use super::set_operation::SetOperation;
use super::value::{Sample, Value, Vector};
use super::window::seconds;
use crate::operator::BinaryOp;

/// What gives a number.
#[derive(Debug, Clone)]
pub(super) enum ScalarNode {
    Number(f64),
    /// `time()`
    Time,
    /// `start()` of the query
    Start,
    /// `end()` of the query
    End,
    /// `step()` of the query
    Step,
    /// `range()` of the query
    Range,
    /// `scalar(up)`
    OfVector(Box<VectorNode>),
    Negated(Box<ScalarNode>),
    Binary(BinaryOp, Box<(ScalarNode, ScalarNode)>),
    MinOf(Box<(ScalarNode, ScalarNode)>),
    MaxOf(Box<(ScalarNode, ScalarNode)>),
}

/// What gives an instant vector.
#[derive(Debug, Clone)]
pub(super) enum VectorNode {
    Selector(InstantSelector),
    /// `vector(1)`
    OfScalar(ScalarNode),
    Negated(Box<VectorNode>),
    WithScalar(Box<WithScalar>),
    Matched(Box<Matched>),
    Set(Box<SetOperation>),
    Aggregation(Box<Aggregation>),
    OverRange(Box<OverRange>),
    Elementwise(Box<Elementwise>),
    Time(Box<TimeFunction>),
    Absent(Box<Absent>),
    Label(Box<LabelFunction>),
    Sort(Box<Sort>),
    HistogramStat(Box<HistogramStat>),
    Buckets(Box<BucketFunction>),
    Info(Box<Info>),
}

impl ScalarNode {
    pub(super) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<f64> {
        Ok(match self {
            ScalarNode::Number(value) => *value,
            ScalarNode::Time => seconds(t_ms),
            ScalarNode::Start => seconds(cx.start_ms),
            ScalarNode::End => seconds(cx.end_ms),
            ScalarNode::Step => seconds(cx.step_ms),
            ScalarNode::Range => seconds(cx.end_ms.saturating_sub(cx.start_ms)),
            ScalarNode::OfVector(vector) => only_float(&vector.eval(cx, t_ms)?),
            ScalarNode::Negated(scalar) => -scalar.eval(cx, t_ms)?,
            ScalarNode::Binary(op, sides) => {
                let (a, b) = (sides.0.eval(cx, t_ms)?, sides.1.eval(cx, t_ms)?);
                if op.is_comparison() { truth(compares(*op, a, b)) } else { arithmetic(*op, a, b) }
            }
            ScalarNode::MinOf(sides) => either_nan(sides.0.eval(cx, t_ms)?, sides.1.eval(cx, t_ms)?, f64::min),
            ScalarNode::MaxOf(sides) => either_nan(sides.0.eval(cx, t_ms)?, sides.1.eval(cx, t_ms)?, f64::max),
        })
    }
}

fn either_nan(a: f64, b: f64, of: fn(f64, f64) -> f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { of(a, b) }
}

/// The value of the only float of a vector; NaN if there is not just one.
fn only_float(vector: &Vector) -> f64 {
    let mut floats = vector.iter().filter_map(|sample| sample.value.float());
    match (floats.next(), floats.next()) {
        (Some(value), None) => value,
        _ => f64::NAN,
    }
}

impl VectorNode {
    pub(super) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        match self {
            VectorNode::Selector(node) => node.eval(cx, t_ms),
            VectorNode::OfScalar(scalar) => {
                let value = Value::Float(scalar.eval(cx, t_ms)?);
                Ok(vec![Sample { labels: no_labels(cx), drop_name: false, value }])
            }
            VectorNode::Negated(node) => {
                let mut vector = node.eval(cx, t_ms)?;
                for sample in &mut vector {
                    sample.value = negated(&sample.value);
                    cx.drop_name(sample);
                }
                cx.check_nameless(&vector)?;
                Ok(vector)
            }
            VectorNode::WithScalar(node) => node.eval(cx, t_ms),
            VectorNode::Matched(node) => node.eval(cx, t_ms),
            VectorNode::Set(node) => node.eval(cx, t_ms),
            VectorNode::Aggregation(node) => node.eval(cx, t_ms),
            VectorNode::OverRange(node) => node.eval(cx, t_ms),
            VectorNode::Elementwise(node) => node.eval(cx, t_ms),
            VectorNode::Time(node) => node.eval(cx, t_ms),
            VectorNode::Absent(node) => node.eval(cx, t_ms),
            VectorNode::Label(node) => node.eval(cx, t_ms),
            VectorNode::Sort(node) => node.eval(cx, t_ms),
            VectorNode::HistogramStat(node) => node.eval(cx, t_ms),
            VectorNode::Buckets(node) => node.eval(cx, t_ms),
            VectorNode::Info(node) => node.eval(cx, t_ms),
        }
    }
}

/// The label set `{}`.
pub(super) fn no_labels(cx: &mut Context<'_>) -> LabelId {
    cx.table.id(&model::LabelSet::empty())
}
