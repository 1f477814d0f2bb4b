//! Operators on two values, and on a vector with a scalar.

use super::context::{Context, Evaluated};
use super::node::{ScalarNode, VectorNode};
use super::value::{Value, Vector};
use crate::histogram::{Histogram, IncompatibleSchemas};
use crate::histogram::{Reconciled, ResetHint};
use crate::operator::BinaryOp;
use crate::span::Span;

/// A vector with a scalar on one side.
#[derive(Debug, Clone)]
pub(super) struct WithScalar {
    pub(super) op: BinaryOp,
    pub(super) returns_bool: bool,
    pub(super) vector: VectorNode,
    pub(super) scalar: ScalarNode,
    /// The scalar stands on the left.
    pub(super) scalar_first: bool,
    pub(super) span: Span,
}

/// Arithmetic of floats. NaN for operators that are none.
pub(super) fn arithmetic(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        _ => f64::NAN,
    }
}

/// Comparison of floats. False for operators that are none.
pub(super) fn compares(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        BinaryOp::Less => a < b,
        BinaryOp::LessEqual => a <= b,
        BinaryOp::Greater => a > b,
        BinaryOp::GreaterEqual => a >= b,
        _ => false,
    }
}

/// Whether the result is still of the metric on the left: comparisons only filter, and trimming leaves a part.
pub(super) fn keeps_name(op: BinaryOp, returns_bool: bool) -> bool {
    matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower) || (op.is_comparison() && !returns_bool)
}

/// `bool` as a number.
pub(super) fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// What an operator makes of two samples.
pub(super) enum Outcome {
    /// A value.
    Value(Value),
    /// Whether a comparison holds.
    Holds(bool),
    /// The kinds of the two do not fit the operator.
    Incompatible,
}

/// Applies an operator to two samples. Remarks are noted at `span`.
pub(super) fn apply(cx: &mut Context<'_>, op: BinaryOp, left: &Value, right: &Value, span: Span) -> Outcome {
    let outcome = match (left, right) {
        (Value::Float(a), Value::Float(b)) => floats(op, *a, *b),
        (Value::Float(a), Value::Histogram(b)) if op == BinaryOp::Mul => Outcome::Value(Value::histogram(b.times(*a))),
        (Value::Histogram(a), Value::Float(b)) => histogram_with_float(op, a, *b),
        (Value::Histogram(a), Value::Histogram(b)) => return histograms(cx, op, a, b, span),
        _ => Outcome::Incompatible,
    };
    if matches!(outcome, Outcome::Incompatible) {
        note_incompatible(cx, op, left, right, span);
    }
    outcome
}

fn floats(op: BinaryOp, a: f64, b: f64) -> Outcome {
    if op.is_comparison() {
        return Outcome::Holds(compares(op, a, b));
    }
    if op.is_arithmetic() || op == BinaryOp::Atan2 {
        return Outcome::Value(Value::Float(arithmetic(op, a, b)));
    }
    Outcome::Incompatible
}

fn histogram_with_float(op: BinaryOp, a: &Histogram, b: f64) -> Outcome {
    use crate::histogram::Side;
    Outcome::Value(Value::histogram(match op {
        BinaryOp::Mul => a.times(b),
        BinaryOp::Div => a.divided_by(b),
        BinaryOp::TrimUpper => a.trimmed(Side::Below, b),
        BinaryOp::TrimLower => a.trimmed(Side::Above, b),
        _ => return Outcome::Incompatible,
    }))
}

fn histograms(cx: &mut Context<'_>, op: BinaryOp, a: &Histogram, b: &Histogram, span: Span) -> Outcome {
    let (result, word) = match op {
        BinaryOp::Equal => return Outcome::Holds(a.same_observations(b)),
        BinaryOp::NotEqual => return Outcome::Holds(!a.same_observations(b)),
        BinaryOp::Add => (a.plus(b), "addition"),
        BinaryOp::Sub => (a.minus(b), "subtraction"),
        _ => {
            let (left, right) = (Value::histogram(a.clone()), Value::histogram(b.clone()));
            note_incompatible(cx, op, &left, &right, span);
            return Outcome::Incompatible;
        }
    };
    match result {
        Ok((histogram, reconciled)) => {
            note_reconciled(cx, reconciled, word, span);
            Outcome::Value(Value::histogram(histogram))
        }
        Err(IncompatibleSchemas) => {
            let message = format!("incompatible bucket layout encountered for binary operator {op}");
            cx.annotations.warn(span, message);
            Outcome::Incompatible
        }
    }
}

fn note_incompatible(cx: &mut Context<'_>, op: BinaryOp, left: &Value, right: &Value, span: Span) {
    let kinds = format!("{} {op} {}", left.kind(), right.kind());
    let message = format!("incompatible sample types encountered for binary operator \"{op}\": {kinds}");
    cx.annotations.info(span, message);
}

/// Notes what had to be done to bring histograms together.
pub(super) fn note_reconciled(cx: &mut Context<'_>, reconciled: Reconciled, during: &str, span: Span) {
    if reconciled.custom_borders {
        cx.annotations.info(span, format!("mismatched custom buckets were reconciled during {during}"));
    }
    if reconciled.reset_conflict {
        cx.annotations.warn(span, format!("conflicting counter resets during histogram {during}"));
    }
}

impl WithScalar {
    pub(super) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let scalar = Value::Float(self.scalar.eval(cx, t_ms)?);
        let mut vector = self.vector.eval(cx, t_ms)?;
        let keeps_name = keeps_name(self.op, self.returns_bool);
        let (op, returns_bool, scalar_first, span) = (self.op, self.returns_bool, self.scalar_first, self.span);
        vector.retain_mut(|sample| {
            let (left, right) = if scalar_first { (&scalar, &sample.value) } else { (&sample.value, &scalar) };
            match apply(cx, op, left, right, span) {
                Outcome::Value(value) => sample.value = value,
                Outcome::Holds(holds) if returns_bool => sample.value = Value::Float(truth(holds)),
                Outcome::Holds(true) => {}
                Outcome::Holds(false) | Outcome::Incompatible => return false,
            }
            if !keeps_name {
                cx.drop_name(sample);
            }
            true
        });
        if !keeps_name {
            cx.check_nameless(&vector)?;
        }
        Ok(vector)
    }
}

/// The sample with its sign turned.
pub(super) fn negated(value: &Value) -> Value {
    match value {
        Value::Float(value) => Value::Float(-value),
        Value::Histogram(histogram) => Value::histogram(histogram.times(-1.0).with_hint(ResetHint::Gauge)),
    }
}
