//! Quantiles, fractions and deviations estimated from buckets.

use super::{Bucket, Histogram};
use crate::eval::summation::Sum;

impl Histogram {
    /// The mean of the observations; NaN without any.
    pub fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// The estimated variance: every observation counts as the middle of its bucket.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        let mut squares = Sum::default();
        for bucket in self.buckets() {
            if bucket.count == 0.0 {
                continue;
            }
            let delta = self.middle(bucket) - mean;
            squares.add(bucket.count * delta * delta);
        }
        squares.total() / self.count
    }

    fn middle(&self, bucket: Bucket) -> f64 {
        if self.has_custom_buckets() {
            f64::midpoint(bucket.lower, bucket.upper)
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.lower * bucket.upper).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        }
    }

    /// Whether NaN was observed, which no bucket holds.
    pub fn has_nan(&self) -> bool {
        self.sum.is_nan()
    }

    /// The estimated value below which the fraction `q` of the observations lies. NaN without observations, and where
    /// the rank falls among observations of NaN.
    pub fn quantile(&self, q: f64) -> f64 {
        if q < 0.0 {
            return f64::NEG_INFINITY;
        }
        if q > 1.0 {
            return f64::INFINITY;
        }
        if self.count == 0.0 || q.is_nan() {
            return f64::NAN;
        }
        let buckets = self.buckets();
        // From the nearer end, so that rounding errors stay small.
        let forward = self.has_nan() || q < 0.5;
        let rank = if forward { q * self.count } else { (1.0 - q) * self.count };
        let (bucket, counted) =
            match if forward { find(buckets.iter(), rank) } else { find(buckets.iter().rev(), rank) } {
                Some(found) => found,
                None => return f64::NAN,
            };
        if counted < rank && self.has_nan() {
            return f64::NAN;
        }
        let Some(bucket) = self.bounded(bucket) else {
            return if bucket.upper == f64::INFINITY { bucket.lower } else { bucket.upper };
        };
        let within = if forward { rank - (counted - bucket.count) } else { counted - rank };
        self.value_at(bucket, within / bucket.count)
    }

    /// The bucket with finite borders: a custom one that begins at minus infinity begins at zero if it lies above. `None`
    /// where a border stays infinite.
    fn bounded(&self, mut bucket: Bucket) -> Option<Bucket> {
        if self.has_custom_buckets() {
            if bucket.lower == f64::NEG_INFINITY {
                if bucket.upper <= 0.0 {
                    return None;
                }
                bucket.lower = 0.0;
            }
            return (bucket.upper != f64::INFINITY).then_some(bucket);
        }
        Some(self.biased(bucket))
    }

    /// The zero bucket, cut at zero where all other buckets lie on one side.
    pub(super) fn biased(&self, mut bucket: Bucket) -> Bucket {
        if !self.has_custom_buckets() && bucket.lower < 0.0 && bucket.upper > 0.0 {
            if !self.has_negative() && self.has_positive() {
                bucket.lower = 0.0;
            } else if !self.has_positive() && self.has_negative() {
                bucket.upper = 0.0;
            }
        }
        bucket
    }

    fn value_at(&self, bucket: Bucket, fraction: f64) -> f64 {
        if self.has_custom_buckets() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
            return bucket.lower + (bucket.upper - bucket.lower) * fraction;
        }
        let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        if bucket.lower > 0.0 {
            (lower + (upper - lower) * fraction).exp2()
        } else {
            -(upper + (lower - upper) * (1.0 - fraction)).exp2()
        }
    }

    /// The part of a bucket's observations below `value`, which lies within it.
    pub(super) fn part_below(&self, bucket: Bucket, value: f64) -> f64 {
        if self.has_custom_buckets() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
            return (value - bucket.lower) / (bucket.upper - bucket.lower);
        }
        let (lower, upper, value) = (bucket.lower.abs().log2(), bucket.upper.abs().log2(), value.abs().log2());
        if bucket.lower > 0.0 { (value - lower) / (upper - lower) } else { 1.0 - (value - upper) / (lower - upper) }
    }

    /// The estimated fraction of the observations between `lower` and `upper`.
    pub fn fraction(&self, lower: f64, upper: f64) -> f64 {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        (self.rank(upper) - self.rank(lower)) / self.count
    }

    /// The estimated number of observations below a value.
    fn rank(&self, value: f64) -> f64 {
        let mut rank = 0.0;
        for bucket in self.buckets() {
            let mut bucket = self.biased(bucket);
            if bucket.lower == f64::NEG_INFINITY && bucket.upper > 0.0 {
                bucket.lower = 0.0;
            }
            if bucket.lower >= value {
                return rank;
            }
            if value < bucket.upper {
                // Nothing is known about where in an infinite bucket its observations lie.
                return match (bucket.lower.is_infinite(), bucket.upper.is_infinite()) {
                    (true, _) => rank + bucket.count,
                    (_, true) => rank,
                    _ => rank + bucket.count * self.part_below(bucket, value),
                };
            }
            rank += bucket.count;
        }
        rank
    }
}

/// The bucket in which the running count reaches `rank`, and that count; the last one if none does.
fn find<'b>(buckets: impl Iterator<Item = &'b Bucket>, rank: f64) -> Option<(Bucket, f64)> {
    let mut counted = 0.0;
    let mut last = None;
    for bucket in buckets.filter(|bucket| bucket.count != 0.0) {
        counted += bucket.count;
        last = Some((*bucket, counted));
        if counted >= rank {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::super::Counts;
    use super::*;

    fn histogram() -> Histogram {
        let positive = Counts { offset: 0, counts: vec![1.0, 2.0, 1.0] };
        Histogram { count: 4.0, sum: 5.0, positive, ..Histogram::default() }
    }

    #[test]
    fn quantiles_are_interpolated_exponentially() {
        assert!((histogram().quantile(0.5) - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(histogram().quantile(1.0), 4.0);
        assert_eq!(histogram().quantile(2.0), f64::INFINITY);
        assert!(Histogram::default().quantile(0.5).is_nan());
    }

    #[test]
    fn fractions_undo_quantiles() {
        let histogram = histogram();
        for q in [0.1, 0.3, 0.5, 0.75, 0.9] {
            let value = histogram.quantile(q);
            assert!((histogram.fraction(f64::NEG_INFINITY, value) - q).abs() < 1e-12, "{q}");
        }
        assert_eq!(histogram.fraction(f64::NEG_INFINITY, f64::INFINITY), 1.0);
    }
}
