//! Quantiles of numbers.

/// The φ-quantile of some values, interpolated between neighbours; NaN counts as less than everything. Infinite where φ is
/// out of range, NaN without values. Sorts them.
pub(super) fn quantile(phi: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if phi > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (a, b) => b.cmp(&a),
    });
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are below 2^53")]
    let rank = phi * (values.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the count")]
    let below = rank.floor() as usize;
    let weight = rank - rank.floor();
    let at = |index: usize| values.get(index.min(values.len() - 1)).copied().unwrap_or(f64::NAN);
    at(below) * (1.0 - weight) + at(below + 1) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_neighbours() {
        assert_eq!(quantile(0.75, &mut [4.0, 0.0, 1.0]), 2.5);
        assert_eq!(quantile(0.0, &mut [3.0]), 3.0);
        assert!(quantile(0.2, &mut [0.0, f64::NAN, 1.0]).is_nan());
        assert_eq!(quantile(1.0, &mut [0.0, f64::NAN, 1.0]), 1.0);
    }
}
