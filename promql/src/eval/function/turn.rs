//! `changes` and `resets`: how often a series turned.

use super::rate::resets_at;
use crate::eval::series::STALE_BITS;
use crate::eval::value::Value;
use crate::eval::window::Window;

/// How often a value differs from the one before.
pub(super) fn changes(window: &Window<'_>) -> Value {
    let changed = |before: f64, now: f64| now != before && !(now.is_nan() && before.is_nan());
    if window.histograms.values.is_empty() {
        return count_pairs(window.floats.values, changed);
    }
    count_in_order(window, |before, now| match (before, now) {
        (Value::Float(before), Value::Float(now)) => changed(*before, *now),
        (Value::Histogram(before), Value::Histogram(now)) => !before.same_observations(now),
        _ => true,
    })
}

/// How often a counter fell, or otherwise began anew.
pub(super) fn resets(window: &Window<'_>) -> Value {
    if window.histograms.values.is_empty() {
        let (times_ms, starts_ms) = (window.floats.times_ms, window.floats.starts_ms);
        let mut index = 0;
        return count_pairs(window.floats.values, |before, now| {
            index += 1;
            now < before || (!starts_ms.is_empty() && resets_at(times_ms, starts_ms, index))
        });
    }
    let (times_ms, starts_ms) = (window.histograms.times_ms, window.histograms.starts_ms);
    let mut index = 0;
    count_in_order(window, |before, now| match (before, now) {
        (Value::Float(before), Value::Float(now)) => now < before,
        (Value::Histogram(before), Value::Histogram(now)) => {
            index += 1;
            now.is_reset_after(before) || resets_at(times_ms, starts_ms, index)
        }
        _ => true,
    })
}

fn count_pairs(values: &[f64], mut turns: impl FnMut(f64, f64) -> bool) -> Value {
    debug_assert!(values.iter().all(|value| value.to_bits() != STALE_BITS), "staleness has a column of its own");
    let mut count = 0.0;
    for pair in values.windows(2) {
        if let [before, now] = pair
            && turns(*before, *now)
        {
            count += 1.0;
        }
    }
    Value::Float(count)
}

fn count_in_order(window: &Window<'_>, mut turns: impl FnMut(&Value, &Value) -> bool) -> Value {
    let mut count = 0.0;
    for pair in window.in_order().windows(2) {
        if let [(_, before), (_, now)] = pair
            && turns(before, now)
        {
            count += 1.0;
        }
    }
    Value::Float(count)
}
