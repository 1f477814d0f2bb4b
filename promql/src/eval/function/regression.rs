//! Trends: `deriv`, `predict_linear`, `double_exponential_smoothing`.

use super::over_range::{Kind, OneCall};
use super::over_time::only_floats;
use crate::eval::context::Context;
use crate::eval::summation::Sum;
use crate::eval::value::Value;
use crate::eval::window::{FloatWindow, seconds};

/// The straight line nearest to the samples.
struct Line {
    /// Per second.
    slope: f64,
    /// At the time the regression was made for.
    intercept: f64,
}

pub(super) fn value(cx: &mut Context<'_>, kind: Kind, call: &OneCall<'_>) -> Option<Value> {
    if call.visited.window.floats.values.len() < 2 {
        // One number beside histograms is no trend, but the histograms were still ignored.
        only_floats(cx, call).filter(|_| false)?;
    }
    let floats = only_floats(cx, call)?;
    Some(Value::Float(match kind {
        Kind::Deriv => Line::through(&floats, *floats.times_ms.first()?).slope,
        Kind::PredictLinear => {
            let line = Line::through(&floats, call.t_ms);
            line.slope * call.parameters.first()? + line.intercept
        }
        _ => smoothed(&floats, *call.parameters.first()?, *call.parameters.get(1)?)?,
    }))
}

impl Line {
    fn through(floats: &FloatWindow<'_>, at_ms: i64) -> Line {
        let first = floats.values.first().copied().unwrap_or(f64::NAN);
        if floats.values.iter().all(|value| *value == first) {
            return if first.is_infinite() {
                Line { slope: f64::NAN, intercept: f64::NAN }
            } else {
                Line { slope: 0.0, intercept: first }
            };
        }
        let mut sums = [Sum::default(); 4];
        let [sum_x, sum_y, sum_xy, sum_xx] = &mut sums;
        let mut count = 0.0;
        for (&time_ms, &y) in floats.times_ms.iter().zip(floats.values) {
            let x = seconds(time_ms.saturating_sub(at_ms));
            count += 1.0;
            sum_x.add(x);
            sum_y.add(y);
            sum_xy.add(x * y);
            sum_xx.add(x * x);
        }
        let [x, y, xy, xx] = sums.map(Sum::total);
        let covariance = xy - x * y / count;
        let variance = xx - x * x / count;
        let slope = covariance / variance;
        Line { slope, intercept: y / count - slope * x / count }
    }
}

/// Holt's linear method: level and trend, each smoothed by its factor.
fn smoothed(floats: &FloatWindow<'_>, level_factor: f64, trend_factor: f64) -> Option<f64> {
    let [first, second, ..] = floats.values else { return None };
    let mut before = 0.0;
    let mut level = *first;
    let mut trend = second - first;
    for (index, value) in floats.values.iter().enumerate().skip(1) {
        if index > 1 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        before = level;
        level = level_factor * value + (1.0 - level_factor) * (level + trend);
    }
    Some(level)
}
