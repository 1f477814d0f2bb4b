//! Functions of a range vector: one value per series and window.

use super::over_time::{self, Extreme};
use super::{rate, regression, turn};
use crate::ast::{Boundary, Call, Expr, ValueType};
use crate::eval::context::{Context, Evaluated};
use crate::eval::node::ScalarNode;
use crate::eval::range_source::{RangeSource, Visited};
use crate::eval::value::{Sample, Value, Vector};
use crate::eval::{EvalError, Settings, plan};
use crate::span::Span;

/// A call of such a function.
#[derive(Debug, Clone)]
pub(in crate::eval) struct OverRange {
    kind: Kind,
    source: RangeSource,
    parameters: Vec<ScalarNode>,
    /// Of the range.
    span: Span,
    /// Of the number beside it.
    parameter_span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Changes,
    Resets,
    Deriv,
    PredictLinear,
    Smoothing,
    Average,
    Sum,
    Extreme(Extreme),
    TimeOf(Extreme),
    Count,
    First,
    Last,
    TimeOfFirst,
    TimeOfLast,
    Present,
    Stddev,
    Stdvar,
    MedianDeviation,
    Quantile,
}

fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "rate" => Kind::Rate,
        "increase" => Kind::Increase,
        "delta" => Kind::Delta,
        "irate" => Kind::Irate,
        "idelta" => Kind::Idelta,
        "changes" => Kind::Changes,
        "resets" => Kind::Resets,
        "deriv" => Kind::Deriv,
        "predict_linear" => Kind::PredictLinear,
        "double_exponential_smoothing" => Kind::Smoothing,
        "avg_over_time" => Kind::Average,
        "sum_over_time" => Kind::Sum,
        "min_over_time" => Kind::Extreme(Extreme::Least),
        "max_over_time" => Kind::Extreme(Extreme::Greatest),
        "ts_of_min_over_time" => Kind::TimeOf(Extreme::Least),
        "ts_of_max_over_time" => Kind::TimeOf(Extreme::Greatest),
        "count_over_time" => Kind::Count,
        "first_over_time" => Kind::First,
        "last_over_time" => Kind::Last,
        "ts_of_first_over_time" => Kind::TimeOfFirst,
        "ts_of_last_over_time" => Kind::TimeOfLast,
        "present_over_time" => Kind::Present,
        "stddev_over_time" => Kind::Stddev,
        "stdvar_over_time" => Kind::Stdvar,
        "mad_over_time" => Kind::MedianDeviation,
        "quantile_over_time" => Kind::Quantile,
        _ => return None,
    })
}

/// What a function of one window may use beside it.
pub(super) struct OneCall<'c> {
    pub(super) visited: Visited<'c>,
    pub(super) parameters: &'c [f64],
    pub(super) t_ms: i64,
    pub(super) span: Span,
}

impl OverRange {
    /// The call, if its function is one of these.
    pub(in crate::eval) fn new(call: &Call, settings: &Settings) -> Evaluated<Option<OverRange>> {
        let Some(kind) = kind(call.function.name) else { return Ok(None) };
        let mut source = None;
        let mut span = call.span;
        let mut parameter_span = call.span;
        let mut parameters = Vec::new();
        for argument in &call.arguments {
            if argument.value_type() == ValueType::Matrix {
                span = argument.span();
                source = Some(plan::range(argument, settings)?);
                refuse_boundary(call, argument)?;
            } else {
                parameter_span = argument.span();
                parameters.push(plan::scalar(argument, settings)?);
            }
        }
        let source = source.ok_or_else(|| EvalError::at(call.span, "expected a range vector"))?;
        Ok(Some(OverRange { kind, source, parameters, span, parameter_span }))
    }

    pub(in crate::eval) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let mut parameters = Vec::with_capacity(self.parameters.len());
        for parameter in &mut self.parameters {
            parameters.push(parameter.eval(cx, t_ms)?);
        }
        self.check_parameters(&parameters)?;
        let (kind, span, parameter_span) = (self.kind, self.span, self.parameter_span);
        let keeps_name = matches!(kind, Kind::First | Kind::Last);
        let mut result = Vec::new();
        self.source.visit(cx, t_ms, |cx, visited| {
            let call = OneCall { visited, parameters: &parameters, t_ms, span };
            let Some(value) = value(cx, kind, &call) else { return Ok(()) };
            if kind == Kind::Quantile && parameters.first().is_some_and(|phi| !(0.0..=1.0).contains(phi)) {
                let phi = parameters.first().copied().unwrap_or(f64::NAN);
                cx.annotations.warn(parameter_span, crate::eval::aggregation::invalid_quantile(phi));
            }
            let mut sample = Sample { labels: visited.labels, drop_name: visited.drop_name, value };
            if !keeps_name {
                cx.drop_name(&mut sample);
            }
            result.push(sample);
            Ok(())
        })?;
        if !keeps_name {
            cx.check_nameless(&result)?;
        }
        Ok(result)
    }

    fn check_parameters(&self, parameters: &[f64]) -> Evaluated<()> {
        if self.kind != Kind::Smoothing {
            return Ok(());
        }
        for (name, value) in [("smoothing", parameters.first()), ("trend", parameters.get(1))] {
            let value = value.copied().unwrap_or(f64::NAN);
            if !(value > 0.0 && value < 1.0) {
                let message = format!("invalid {name} factor. Expected: 0 < {name} factor < 1, got: {value:.6}");
                return Err(EvalError::at(self.parameter_span, message));
            }
        }
        Ok(())
    }
}

fn value(cx: &mut Context<'_>, kind: Kind, call: &OneCall<'_>) -> Option<Value> {
    let window = &call.visited.window;
    Some(match kind {
        Kind::Rate => rate::extrapolated(cx, call, rate::Of { counter: true, per_second: true })?,
        Kind::Increase => rate::extrapolated(cx, call, rate::Of { counter: true, per_second: false })?,
        Kind::Delta => rate::extrapolated(cx, call, rate::Of { counter: false, per_second: false })?,
        Kind::Irate => rate::instant(cx, call, true)?,
        Kind::Idelta => rate::instant(cx, call, false)?,
        Kind::Changes => turn::changes(window),
        Kind::Resets => turn::resets(window),
        Kind::Deriv | Kind::PredictLinear | Kind::Smoothing => regression::value(cx, kind, call)?,
        Kind::Average => over_time::sum(cx, call, true)?,
        Kind::Sum => over_time::sum(cx, call, false)?,
        #[expect(clippy::cast_precision_loss, reason = "counts of samples are below 2^53")]
        Kind::Count => Value::Float(window.len() as f64),
        Kind::Present => Value::Float(1.0),
        Kind::First => over_time::first(window)?.1,
        Kind::Last => over_time::last(window)?.1,
        Kind::TimeOfFirst => Value::Float(crate::eval::window::seconds(over_time::first(window)?.0)),
        Kind::TimeOfLast => Value::Float(crate::eval::window::seconds(over_time::last(window)?.0)),
        Kind::Extreme(_) | Kind::TimeOf(_) | Kind::Stddev | Kind::Stdvar | Kind::MedianDeviation | Kind::Quantile => {
            over_time::of_floats(cx, kind, call)?
        }
    })
}

/// `anchored` and `smoothed` have a meaning for few functions only.
fn refuse_boundary(call: &Call, argument: &Expr) -> Evaluated<()> {
    let Expr::Range(range) = plan::inner(argument) else { return Ok(()) };
    let (word, allowed) = match range.selector.boundary {
        None => return Ok(()),
        Some(Boundary::Anchored) => ("anchored", &["changes", "delta", "increase", "rate", "resets"][..]),
        Some(Boundary::Smoothed) => ("smoothed", &["delta", "increase", "rate"][..]),
    };
    let name = call.function.name;
    if allowed.contains(&name) {
        return Ok(());
    }
    let allowed = allowed.join(", ");
    Err(EvalError::at(range.span, format!("{word} modifier can only be used with: {allowed} - not with {name}")))
}
