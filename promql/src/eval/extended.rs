//! `anchored` and `smoothed`: ranges that look beyond their borders. Facts: Prometheus' proposal 52.

use std::sync::Arc;

use super::binary::note_reconciled;
use super::context::{Context, Evaluated};
use super::function::note_mixed_schemas;
use super::label_table::LabelId;
use super::range_source::Visited;
use super::selection::Selection;
use super::series::{Floats, Histograms, Series};
use super::value::Value;
use super::window::{Cursor, Window, seconds};
use crate::ast::Boundary;
use crate::histogram::{Histogram, ResetHint};
use crate::span::Span;

/// The samples of a range with those on either side that its borders are found with: for `anchored` the one at or before
/// the start, for `smoothed` also the one after the end. None that is farther away than the lookback, and nothing
/// if the range cannot have a value.
pub(super) fn around(
    cx: &Context<'_>,
    series: &Series,
    boundary: Boundary,
    (start_ms, end_ms): (i64, i64),
) -> Option<(Floats, Histograms)> {
    let lookback_ms = cx.settings.lookback_ms;
    let after_ms = if boundary == Boundary::Smoothed { end_ms.saturating_add(lookback_ms) } else { end_ms };
    let span_ms = (start_ms.saturating_sub(lookback_ms), after_ms);
    let samples = Window::of(&series.floats, &series.histograms, span_ms, &mut Cursor::default()).in_order();
    let first = samples.partition_point(|(at, _)| *at <= start_ms).saturating_sub(1);
    let behind = samples.partition_point(|(at, _)| *at <= end_ms);
    let last = if boundary == Boundary::Smoothed { (behind + 1).min(samples.len()) } else { behind };
    let kept = samples.get(first..last).unwrap_or_default();
    let inside = kept.iter().any(|(at, _)| *at > start_ms && *at <= end_ms);
    let spanned = boundary == Boundary::Smoothed && kept.len() >= 2;
    if !inside && !spanned {
        return None;
    }
    let (mut floats, mut histograms) = (Floats::default(), Histograms::default());
    for (at_ms, value) in kept {
        match value {
            Value::Float(value) => floats.push(*at_ms, 0, *value),
            // Hints stay as they were stored: the run of samples is the stored one.
            Value::Histogram(histogram) => {
                histograms.times_ms.push(*at_ms);
                histograms.values.push(histogram.clone());
            }
        }
    }
    Some((floats, histograms))
}

/// Growth from border to border. `None` for ranges that are neither anchored nor smoothed; `Some(None)` where there is
/// no value.
pub(super) fn growth(cx: &mut Context<'_>, visited: Visited<'_>, counter: bool, span: Span) -> Option<Option<Value>> {
    let boundary = visited.boundary?;
    let window = &visited.window;
    if window.histograms.values.is_empty() {
        let steps = steps(window, boundary, window.floats.times_ms, window.floats.values, |between| {
            Some(interpolated_float(&between, counter))
        })?;
        let (first, last) = (steps.first()?.value, steps.last()?.value);
        let mut total = last - first;
        for pair in steps.windows(2) {
            if let [before, now] = pair
                && counter
                && now.value < before.value
            {
                total += before.value;
            }
        }
        return Some(Some(Value::Float(total)));
    }
    Some(histogram_growth(cx, &visited, boundary, counter, span))
}

/// A border, or a sample between the borders.
struct Step<T> {
    value: T,
    /// Found across a counter reset: the value counts from zero.
    across_reset: bool,
}

/// Two neighbouring samples, and where between them a border lies, from 0 to 1.
struct Between<'b, T> {
    before: &'b T,
    after: &'b T,
    part: f64,
}

fn steps<T: Clone>(
    window: &Window<'_>,
    boundary: Boundary,
    times_ms: &[i64],
    values: &[T],
    interpolate: impl Fn(Between<'_, T>) -> Option<Step<T>>,
) -> Option<Vec<Step<T>>> {
    let plain = |value: &T| Step { value: value.clone(), across_reset: false };
    let border = |at_ms: i64, behind: usize| -> Option<Step<T>> {
        let before = behind.checked_sub(1).and_then(|index| times_ms.get(index).zip(values.get(index)));
        let after = times_ms.get(behind).zip(values.get(behind));
        match (before, after) {
            (Some((time, value)), _) if *time == at_ms => Some(plain(value)),
            (Some((_, value)), _) if boundary == Boundary::Anchored => Some(plain(value)),
            (Some((before_ms, before)), Some((after_ms, after))) => {
                let part = seconds(at_ms - before_ms) / seconds(after_ms - before_ms);
                interpolate(Between { before, after, part })
            }
            (Some((_, value)), None) | (None, Some((_, value))) => Some(plain(value)),
            (None, None) => None,
        }
    };
    let first = times_ms.partition_point(|&at| at <= window.start_ms);
    let behind = times_ms.partition_point(|&at| at <= window.end_ms);
    let mut steps = vec![border(window.start_ms, first)?];
    steps.extend(values.get(first..behind).unwrap_or_default().iter().map(plain));
    steps.push(border(window.end_ms, behind)?);
    Some(steps)
}

fn interpolated_float(between: &Between<'_, f64>, counter: bool) -> Step<f64> {
    let (before, after) = (*between.before, *between.after);
    let across_reset = counter && after < before;
    let from = if across_reset { 0.0 } else { before };
    Step { value: from + (after - from) * between.part, across_reset }
}

fn interpolated_histogram(between: &Between<'_, Arc<Histogram>>, counter: bool) -> Option<Step<Arc<Histogram>>> {
    let across_reset = counter && between.after.is_reset_after(between.before);
    let value = if across_reset {
        between.after.times(between.part)
    } else {
        let growth = between.after.minus(between.before).ok()?.0;
        between.before.plus(&growth.times(between.part)).ok()?.0
    };
    Some(Step { value: Arc::new(value), across_reset })
}

fn histogram_growth(
    cx: &mut Context<'_>,
    visited: &Visited<'_>,
    boundary: Boundary,
    counter: bool,
    span: Span,
) -> Option<Value> {
    let window = &visited.window;
    let values = window.histograms.values;
    let custom = values.first()?.has_custom_buckets();
    if values.iter().any(|histogram| histogram.has_custom_buckets() != custom) {
        note_mixed_schemas(cx, visited, span);
        return None;
    }
    let steps = steps(window, boundary, window.histograms.times_ms, values, |between| {
        interpolated_histogram(&between, counter)
    })?;
    let (mut total, reconciled) = steps.last()?.value.minus(&steps.first()?.value).ok()?;
    let last = steps.len() - 1;
    for (index, pair) in steps.windows(2).enumerate() {
        let [before, now] = pair else { continue };
        // The first sample's reset is what the border before it was found across; the last border copies a sample.
        let reset = match index + 1 {
            at if at == last => now.across_reset,
            1 if before.across_reset || Arc::ptr_eq(&before.value, &now.value) => false,
            _ => now.value.is_reset_after(&before.value),
        };
        if counter && reset {
            total = total.plus(&before.value).ok()?.0;
        }
    }
    note_reconciled(cx, reconciled, "subtraction", span);
    Some(Value::histogram(total.with_hint(ResetHint::Gauge)))
}

/// A smoothed instant vector: values between two samples are interpolated.
pub(super) fn smoothed_instant(
    selection: &mut Selection,
    span: Span,
    cx: &mut Context<'_>,
    at_ms: i64,
    mut visit: impl FnMut(LabelId, i64, i64, Value),
) -> Evaluated<()> {
    let lookback_ms = cx.settings.lookback_ms;
    let storage = cx.storage;
    let mut read = 0;
    for selected in selection.refresh(cx).to_vec() {
        let Some(series) = storage.get(selected.id) else { continue };
        let span_ms = (at_ms.saturating_sub(lookback_ms), at_ms.saturating_add(lookback_ms));
        let samples = Window::of(&series.floats, &series.histograms, span_ms, &mut Cursor::default()).in_order();
        let behind = samples.partition_point(|(at, _)| *at <= at_ms);
        let Some((before_ms, before)) = behind.checked_sub(1).and_then(|index| samples.get(index)) else { continue };
        read += 2;
        let value = match samples.get(behind) {
            Some((after_ms, after)) if *before_ms != at_ms => {
                let part = seconds(at_ms - before_ms) / seconds(after_ms - before_ms);
                match interpolated(cx, selected.labels, (before, after, part), span) {
                    Some(value) => value,
                    None => continue,
                }
            }
            _ => before.clone(),
        };
        visit(selected.labels, at_ms, 0, value);
    }
    cx.read(read)
}

fn interpolated(
    cx: &mut Context<'_>,
    labels: LabelId,
    (before, after, part): (&Value, &Value, f64),
    span: Span,
) -> Option<Value> {
    match (before, after) {
        (Value::Float(before), Value::Float(after)) => {
            let between = Between { before, after, part };
            Some(Value::Float(interpolated_float(&between, false).value))
        }
        (Value::Histogram(before), Value::Histogram(after)) => {
            let step = interpolated_histogram(&Between { before, after, part }, false);
            if step.is_none() {
                let of_metric = cx.of_metric(labels);
                let message = "vector contains a mix of histograms with exponential and custom buckets schemas";
                cx.annotations.warn(span, format!("{message}{of_metric}"));
            }
            step.map(|step| Value::Histogram(step.value))
        }
        _ => {
            let of_metric = cx.of_metric(labels);
            cx.annotations.warn(span, format!("encountered a mix of histograms and floats{of_metric}"));
            None
        }
    }
}
