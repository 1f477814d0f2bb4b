//! When two values are the same in a test: equal but for rounding.

use crate::eval::Value;
use crate::histogram::{Counts, Histogram, ResetHint};

/// How far apart, relative to their size, values may be.
pub const TOLERANCE: f64 = 1e-6;

/// Whether two numbers are equal but for rounding. NaN equals NaN; nothing but zero equals zero.
pub fn almost_equal(a: f64, b: f64, tolerance: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < tolerance * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < tolerance
}

/// Whether a value is the expected one.
pub fn same_value(expected: &Value, got: &Value, tolerance: f64) -> bool {
    match (expected, got) {
        (Value::Float(a), Value::Float(b)) => almost_equal(*a, *b, tolerance),
        (Value::Histogram(a), Value::Histogram(b)) => same_histogram(a, b, tolerance),
        _ => false,
    }
}

/// Whether a histogram is the expected one; hints of counter resets count only where one is expected.
fn same_histogram(expected: &Histogram, got: &Histogram, tolerance: f64) -> bool {
    let equal = |a: f64, b: f64| almost_equal(a, b, tolerance);
    expected.schema == got.schema
        && (expected.reset_hint == ResetHint::Unknown || expected.reset_hint == got.reset_hint)
        && equal(expected.count, got.count)
        && equal(expected.sum, got.sum)
        && (expected.has_custom_buckets() || equal(expected.zero_threshold, got.zero_threshold))
        && equal(expected.zero_count, got.zero_count)
        && expected.custom_values == got.custom_values
        && same_counts(&expected.positive, &got.positive, tolerance)
        && same_counts(&expected.negative, &got.negative, tolerance)
}

fn same_counts(expected: &Counts, got: &Counts, tolerance: f64) -> bool {
    let (expected, got) = (expected.compacted(), got.compacted());
    expected.offset == got.offset
        && expected.counts.len() == got.counts.len()
        && expected.counts.iter().zip(&got.counts).all(|(a, b)| almost_equal(*a, *b, tolerance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_forgiven_and_nothing_else() {
        for (a, b, same) in [
            (1.0, 1.000_000_1, true),
            (1.0, 1.000_01, false),
            (0.0, 1e-300, false),
            (f64::NAN, f64::NAN, true),
            (f64::INFINITY, f64::NEG_INFINITY, false),
            (f64::MAX, f64::MAX * 0.999_999_9, true),
        ] {
            assert_eq!(almost_equal(a, b, TOLERANCE), same, "{a} {b}");
        }
    }
}
