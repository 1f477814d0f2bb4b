//! How fast something grows: `rate`, `increase`, `delta`, `irate`, `idelta`.

use std::sync::Arc;

use super::over_range::OneCall;
use crate::eval::binary::note_reconciled;
use crate::eval::context::Context;
use crate::eval::range_source::Visited;
use crate::eval::value::Value;
use crate::eval::window::{Window, seconds};
use crate::histogram::{Histogram, Reconciled, ResetHint};
use crate::quote::quote;
use crate::span::Span;

/// Which of the three.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    /// Falls are resets to zero.
    pub(super) counter: bool,
    pub(super) per_second: bool,
}

/// The growth over the samples of a window, and where they lie in it.
struct Growth {
    value: Value,
    /// Value at the first sample, where it counts from zero.
    first: f64,
    /// The growth as a number, where the first sample may not be below zero.
    total: f64,
    first_ms: i64,
    last_ms: i64,
    samples: usize,
    /// The first sample is a zero at the start timestamp.
    from_start: bool,
}

/// Growth over the whole window: that between the first and last sample, extended towards the borders of the window as
/// far as samples are usually apart, and never below zero for a counter.
pub(super) fn extrapolated(cx: &mut Context<'_>, call: &OneCall<'_>, of: Of) -> Option<Value> {
    let visited = &call.visited;
    let window = &visited.window;
    if !window.floats.is_empty() && !window.histograms.values.is_empty() {
        note_mixed(cx, visited, call.span);
        return None;
    }
    if let Some(extended) = crate::eval::extended::growth(cx, call.visited, of.counter, call.span) {
        let value = extended?;
        return Some(if of.per_second { scaled(value, 1.0 / window.seconds()) } else { value });
    }
    let growth = if window.histograms.values.is_empty() {
        if of.counter {
            note_no_counter(cx, visited, call.span);
        }
        float_growth(window, of.counter)?
    } else {
        histogram_growth(cx, visited, of.counter, call.span)?
    };
    let mut factor = factor(window, &growth, of.counter);
    if of.per_second {
        factor /= window.seconds();
    }
    Some(scaled(growth.value, factor))
}

fn scaled(value: Value, factor: f64) -> Value {
    match value {
        Value::Float(value) => Value::Float(value * factor),
        Value::Histogram(histogram) => Value::histogram(histogram.times(factor)),
    }
}

fn factor(window: &Window<'_>, growth: &Growth, counter: bool) -> f64 {
    let sampled = seconds(growth.last_ms.saturating_sub(growth.first_ms));
    let mut to_start = seconds(growth.first_ms.saturating_sub(window.start_ms));
    let mut to_end = seconds(window.end_ms.saturating_sub(growth.last_ms));
    if growth.samples < 2 {
        return 1.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are below 2^53")]
    let gaps = (growth.samples - 1) as f64;
    let apart = if growth.from_start {
        // Between samples proper; the zero at the start is none.
        let times = if window.floats.is_empty() { window.histograms.times_ms } else { window.floats.times_ms };
        seconds(growth.last_ms - times.first().copied().unwrap_or(growth.first_ms)) / gaps
    } else {
        sampled / gaps
    };
    // A sample may come a little late without the series having begun or ended in the window.
    let limit = apart * 1.1;
    if to_start >= limit {
        to_start = apart / 2.0;
    }
    if counter && growth.total > 0.0 && growth.first >= 0.0 {
        to_start = to_start.min(sampled * (growth.first / growth.total));
    }
    if to_end >= limit {
        to_end = apart / 2.0;
    }
    (sampled + to_start + to_end) / sampled
}

fn float_growth(window: &Window<'_>, counter: bool) -> Option<Growth> {
    let floats = &window.floats;
    if counter && !floats.starts_ms.is_empty() {
        return started_float_growth(window);
    }
    let ((first_ms, first), (last_ms, last)) = floats.ends()?;
    let mut total = last - first;
    if counter {
        for before in floats.before_falls() {
            total += before;
        }
    }
    let value = Value::Float(total);
    Some(Growth { value, first, total, first_ms, last_ms, samples: floats.values.len(), from_start: false })
}

/// Of a counter whose samples say since when it counts.
fn started_float_growth(window: &Window<'_>) -> Option<Growth> {
    let floats = &window.floats;
    let start = Start::new(window, floats.times_ms, floats.starts_ms);
    let (first_ms, first) = match start {
        Some(start) => (start.ms, 0.0),
        None => (floats.ends()?.0.0, floats.ends()?.0.1),
    };
    let mut total = floats.values.last()? - first;
    for (index, pair) in floats.values.windows(2).enumerate() {
        if let [before, value] = pair
            && (value < before || resets_at(floats.times_ms, floats.starts_ms, index + 1))
        {
            total += before;
        }
    }
    Some(Growth {
        value: Value::Float(total),
        first,
        total,
        first_ms,
        last_ms: *floats.times_ms.last()?,
        samples: floats.values.len(),
        from_start: start.is_some(),
    })
}

/// Where a counter stood at zero inside the window, by the start timestamp of its first sample.
#[derive(Debug, Clone, Copy)]
struct Start {
    ms: i64,
}

impl Start {
    fn new(window: &Window<'_>, times_ms: &[i64], starts_ms: &[i64]) -> Option<Start> {
        let (ms, first_ms) = (*starts_ms.first()?, *times_ms.first()?);
        (ms != 0 && ms > window.start_ms && ms < first_ms).then_some(Start { ms })
    }
}

/// Whether the start timestamp of a sample tells of a reset since the one before. One that equals the time of the sample
/// before is a reset if that one's own start was known; otherwise counting merely began to be known of.
pub(super) fn resets_at(times_ms: &[i64], starts_ms: &[i64], index: usize) -> bool {
    let Some(before) = index.checked_sub(1) else { return false };
    let at = |column: &[i64], index: usize| column.get(index).copied().unwrap_or(0);
    let (start, time) = (at(starts_ms, index), at(times_ms, index));
    let (start_before, time_before) = (at(starts_ms, before), at(times_ms, before));
    if start == 0 || start > time {
        return false;
    }
    start > time_before || (start == time_before && start_before != 0 && start_before < time_before)
}

fn histogram_growth(cx: &mut Context<'_>, visited: &Visited<'_>, counter: bool, span: Span) -> Option<Growth> {
    let window = &visited.window;
    let histograms = &window.histograms;
    let start = if counter { Start::new(window, histograms.times_ms, histograms.starts_ms) } else { None };
    let first = histograms.values.first()?;
    let last = histograms.values.last()?;
    if histograms.values.len() < 2 && start.is_none() {
        return None;
    }
    note_hints(cx, visited, counter, span);
    let blank = |of: &Histogram| {
        let (schema, custom_values) = (of.schema, of.custom_values.clone());
        Arc::new(Histogram { schema, zero_threshold: of.zero_threshold, custom_values, ..Histogram::default() })
    };
    // What came before a reset need not fit the samples behind it.
    let base = match (start, histograms.values.get(1)) {
        (Some(_), _) => blank(first),
        (None, Some(second)) if counter && has_reset(window, 1, first, second) => blank(second),
        (None, _) => first.clone(),
    };
    let custom = base.has_custom_buckets();
    if histograms.values.iter().skip(1).any(|histogram| histogram.has_custom_buckets() != custom) {
        note_mixed_schemas(cx, visited, span);
        return None;
    }
    let schema = histograms.values.iter().skip(1).map(|histogram| histogram.schema).min().unwrap_or(first.schema);
    let (mut total, mut reconciled) = last.at_schema(schema).minus(&base).ok()?;
    let mut before = &base;
    for (index, histogram) in histograms.values.iter().enumerate().skip(1) {
        if counter && has_reset(window, index, before, histogram) {
            let (sum, more) = total.plus(before).ok()?;
            total = sum;
            reconciled.custom_borders |= more.custom_borders;
        }
        before = histogram;
    }
    note_reconciled(cx, Reconciled { reset_conflict: false, ..reconciled }, "subtraction", span);
    Some(Growth {
        total: total.count,
        value: Value::histogram(total.with_hint(ResetHint::Gauge)),
        first: if start.is_some() { 0.0 } else { first.count },
        first_ms: start.map_or(*histograms.times_ms.first()?, |start| start.ms),
        last_ms: *histograms.times_ms.last()?,
        samples: histograms.values.len(),
        from_start: start.is_some(),
    })
}

fn has_reset(window: &Window<'_>, index: usize, before: &Histogram, now: &Histogram) -> bool {
    now.is_reset_after(before) || resets_at(window.histograms.times_ms, window.histograms.starts_ms, index)
}

/// Notes histograms whose hint says that the function is not for them.
fn note_hints(cx: &mut Context<'_>, visited: &Visited<'_>, counter: bool, span: Span) {
    let is_gauge = |histogram: &Arc<Histogram>| histogram.reset_hint == ResetHint::Gauge;
    let values = visited.window.histograms.values;
    let wrong = if counter {
        values.iter().any(is_gauge)
    } else {
        [values.first(), values.last()].into_iter().flatten().any(|histogram| !is_gauge(histogram))
    };
    if wrong {
        note_not(cx, visited, if counter { "counter" } else { "gauge" }, span);
    }
}

fn note_not(cx: &mut Context<'_>, visited: &Visited<'_>, wanted: &str, span: Span) {
    let name = quote(cx.metric_name(visited.labels));
    cx.annotations.warn(span, format!("this native histogram metric is not a {wanted}: {name}"));
}

pub(super) fn note_mixed(cx: &mut Context<'_>, visited: &Visited<'_>, span: Span) {
    let of_metric = cx.of_metric(visited.labels);
    cx.annotations.warn(span, format!("encountered a mix of histograms and floats{of_metric}"));
}

pub(in crate::eval) fn note_mixed_schemas(cx: &mut Context<'_>, visited: &Visited<'_>, span: Span) {
    let of_metric = cx.of_metric(visited.labels);
    let message = "vector contains a mix of histograms with exponential and custom buckets schemas";
    cx.annotations.warn(span, format!("{message}{of_metric}"));
}

/// Notes a metric whose name is not that of a counter.
fn note_no_counter(cx: &mut Context<'_>, visited: &Visited<'_>, span: Span) {
    const ENDINGS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];
    let name = cx.metric_name(visited.labels);
    if name.is_empty() || ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        return;
    }
    let name = quote(name);
    let message = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket";
    cx.annotations.info(span, format!("{message}: {name}"));
}

/// Growth between the last two samples.
pub(super) fn instant(cx: &mut Context<'_>, call: &OneCall<'_>, counter: bool) -> Option<Value> {
    let visited = &call.visited;
    let window = &visited.window;
    let floats = window.floats.values.len();
    let histograms = window.histograms.values.len();
    if histograms == 0 {
        if counter && floats >= 2 {
            note_no_counter(cx, visited, call.span);
        }
        return instant_of_floats(window, counter);
    }
    let last = |times: &[i64], back: usize| times.len().checked_sub(back).and_then(|at| times.get(at)).copied();
    let float_ms = last(window.floats.times_ms, 1);
    let mixed = float_ms.is_some() && (histograms < 2 || float_ms > last(window.histograms.times_ms, 2));
    if mixed {
        // The last two samples, whatever lies before them, decide.
        let two_floats = floats >= 2 && last(window.floats.times_ms, 2) > last(window.histograms.times_ms, 1);
        if two_floats {
            return instant_of_floats(window, counter);
        }
        note_mixed(cx, visited, call.span);
        return None;
    }
    instant_of_histograms(cx, call, counter)
}

fn instant_of_floats(window: &Window<'_>, counter: bool) -> Option<Value> {
    let [.., before_ms, last_ms] = window.floats.times_ms else { return None };
    let [.., before, last] = window.floats.values else { return None };
    let index = window.floats.times_ms.len() - 1;
    let reset = counter && (last < before || resets_at(window.floats.times_ms, window.floats.starts_ms, index));
    let growth = if reset { *last } else { last - before };
    Some(Value::Float(if counter { growth / seconds(last_ms - before_ms) } else { growth }))
}

fn instant_of_histograms(cx: &mut Context<'_>, call: &OneCall<'_>, counter: bool) -> Option<Value> {
    let visited = &call.visited;
    let window = &visited.window;
    let [.., before_ms, last_ms] = window.histograms.times_ms else { return None };
    let [.., before, last] = window.histograms.values else { return None };
    let gauges = [before, last].map(|histogram| histogram.reset_hint == ResetHint::Gauge);
    if counter && gauges.contains(&true) {
        note_not(cx, visited, "counter", call.span);
    } else if !counter && gauges.contains(&false) {
        note_not(cx, visited, "gauge", call.span);
    }
    let growth = if counter && has_reset(window, window.histograms.values.len() - 1, before, last) {
        last.as_ref().clone()
    } else {
        match last.minus(before) {
            Ok((growth, reconciled)) => {
                note_reconciled(cx, reconciled, "subtraction", call.span);
                growth
            }
            Err(_) => {
                note_mixed_schemas(cx, visited, call.span);
                return None;
            }
        }
    };
    let growth = growth.with_hint(ResetHint::Gauge);
    Some(Value::histogram(if counter { growth.divided_by(seconds(last_ms - before_ms)) } else { growth }))
}
