//! `…_over_time`: what aggregations are to series, to the samples of one.

use super::over_range::{Kind, OneCall};
use super::rate::{note_mixed, note_mixed_schemas};
use crate::eval::aggregation::Histograms;
use crate::eval::context::Context;
use crate::eval::quantile::quantile;
use crate::eval::summation::{Mean, Sum, Variance};
use crate::eval::value::Value;
use crate::eval::window::{Window, seconds};

/// Which end of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::eval) enum Extreme {
    Least,
    Greatest,
}

/// The first sample.
pub(super) fn first(window: &Window<'_>) -> Option<(i64, Value)> {
    let float = window.floats.times_ms.first().zip(window.floats.values.first());
    let histogram = window.histograms.times_ms.first().zip(window.histograms.values.first());
    match (float, histogram) {
        (Some((at, value)), other) if other.is_none_or(|(other, _)| at < other) => Some((*at, Value::Float(*value))),
        (_, Some((at, value))) => Some((*at, Value::Histogram(value.clone()))),
        _ => None,
    }
}

/// The last sample.
pub(super) fn last(window: &Window<'_>) -> Option<(i64, Value)> {
    let float = window.floats.times_ms.last().zip(window.floats.values.last());
    let histogram = window.histograms.times_ms.last().zip(window.histograms.values.last());
    match (float, histogram) {
        (Some((at, value)), other) if other.is_none_or(|(other, _)| at > other) => Some((*at, Value::Float(*value))),
        (_, Some((at, value))) => Some((*at, Value::Histogram(value.clone()))),
        _ => None,
    }
}

/// Sum or mean of the samples, which must be of one kind.
pub(super) fn sum(cx: &mut Context<'_>, call: &OneCall<'_>, averaging: bool) -> Option<Value> {
    let window = &call.visited.window;
    if window.histograms.values.is_empty() {
        let (first, rest) = window.floats.values.split_first()?;
        return Some(Value::Float(if averaging {
            let mut mean = Mean::of(*first);
            rest.iter().for_each(|value| mean.add(*value));
            mean.mean()
        } else {
            let mut sum = Sum::of(*first);
            rest.iter().for_each(|value| sum.add(*value));
            sum.total()
        }));
    }
    if !window.floats.is_empty() {
        note_mixed(cx, &call.visited, call.span);
        return None;
    }
    let mut histograms = if averaging { Histograms::averaging() } else { Histograms::default() };
    window.histograms.values.iter().for_each(|histogram| histograms.add(histogram));
    match histograms.finish(cx, call.span) {
        Ok(histogram) => histogram.map(Value::histogram),
        Err(_) => {
            note_mixed_schemas(cx, &call.visited, call.span);
            None
        }
    }
}

/// Functions that see only the numbers of a window.
pub(super) fn of_floats(cx: &mut Context<'_>, kind: Kind, call: &OneCall<'_>) -> Option<Value> {
    let floats = only_floats(cx, call)?;
    let values = floats.values;
    Some(Value::Float(match kind {
        Kind::Extreme(extreme) => values.get(extreme_at(values, extreme)).copied()?,
        Kind::TimeOf(extreme) => seconds(*floats.times_ms.get(extreme_at(values, extreme))?),
        Kind::Stddev => variance(values).sqrt(),
        Kind::Stdvar => variance(values),
        Kind::MedianDeviation => median_deviation(values),
        _ => quantile(call.parameters.first().copied()?, &mut values.to_vec()),
    }))
}

/// The numbers of a window, with a remark if there are histograms beside them; nothing without numbers.
pub(super) fn only_floats<'w>(
    cx: &mut Context<'_>,
    call: &OneCall<'w>,
) -> Option<crate::eval::window::FloatWindow<'w>> {
    let window = call.visited.window;
    if window.floats.is_empty() {
        return None;
    }
    if !window.histograms.values.is_empty() {
        let of_metric = cx.of_metric(call.visited.labels);
        let message = "ignored histograms in a range containing both floats and histograms";
        cx.annotations.info(call.span, format!("{message}{of_metric}"));
    }
    Some(window.floats)
}

/// Where the least or greatest value stands, the last one of equals; NaN only if there is nothing else.
fn extreme_at(values: &[f64], extreme: Extreme) -> usize {
    let mut best = 0;
    let mut best_value = f64::NAN;
    for (at, &value) in values.iter().enumerate() {
        let beats = match extreme {
            Extreme::Least => value <= best_value,
            Extreme::Greatest => value >= best_value,
        };
        if beats || best_value.is_nan() {
            (best, best_value) = (at, value);
        }
    }
    best
}

fn variance(values: &[f64]) -> f64 {
    let mut variance = Variance::default();
    values.iter().for_each(|value| variance.add(*value));
    variance.variance()
}

fn median_deviation(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, &mut values.to_vec());
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    quantile(0.5, &mut deviations)
}
