//! Classic histograms: a series per bucket, its upper border in the label `le`.

use crate::histogram::{CUSTOM_SCHEMA, Counts, Histogram};

/// Counts closer than this, relative to their size, differ by rounding only.
const ROUNDING: f64 = 1e-12;

/// A cumulative bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ClassicBucket {
    pub(super) upper: f64,
    pub(super) count: f64,
}

/// The buckets of one histogram, in order, each border once, counts rising.
#[derive(Debug)]
pub(super) struct ClassicBuckets {
    buckets: Vec<ClassicBucket>,
    /// Counts fell from one bucket to the next and were raised.
    pub(super) forced: bool,
}

impl ClassicBuckets {
    /// `None` without a bucket for everything, `le="+Inf"`.
    pub(super) fn new(mut buckets: Vec<ClassicBucket>) -> Option<ClassicBuckets> {
        buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
        if buckets.last()?.upper != f64::INFINITY {
            return None;
        }
        let mut merged: Vec<ClassicBucket> = Vec::with_capacity(buckets.len());
        for bucket in buckets {
            match merged.last_mut() {
                Some(last) if last.upper == bucket.upper => last.count += bucket.count,
                _ => merged.push(bucket),
            }
        }
        let mut forced = false;
        let mut most = merged.first().map_or(0.0, |bucket| bucket.count);
        for bucket in &mut merged {
            if (bucket.count - most).abs() <= ROUNDING * bucket.count.abs().max(most.abs()) {
                bucket.count = most;
            } else if bucket.count < most {
                bucket.count = most;
                forced = true;
            }
            most = bucket.count;
        }
        Some(ClassicBuckets { buckets: merged, forced })
    }

    /// The estimated value below which the fraction `q` of the observations lies.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        let (Some(last), true) = (self.buckets.last(), self.buckets.len() >= 2) else { return f64::NAN };
        if last.count == 0.0 || q.is_nan() || last.count.is_nan() {
            return f64::NAN;
        }
        let rank = q * last.count;
        let finite = self.buckets.len() - 1;
        let at = self.buckets.iter().take(finite).position(|bucket| bucket.count >= rank);
        let Some((at, bucket)) = at.and_then(|at| Some((at, self.buckets.get(at)?))) else {
            return self.buckets.get(finite - 1).map_or(f64::NAN, |bucket| bucket.upper);
        };
        let Some(before) = at.checked_sub(1).and_then(|before| self.buckets.get(before)) else {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            return bucket.upper * (rank / bucket.count);
        };
        before.upper + (bucket.upper - before.upper) * ((rank - before.count) / (bucket.count - before.count))
    }

    /// The estimated fraction of the observations between two values.
    pub(super) fn fraction(&self, lower: f64, upper: f64) -> f64 {
        let mut before = 0.0;
        let mut counts = Vec::with_capacity(self.buckets.len());
        for bucket in &self.buckets {
            counts.push(bucket.count - before);
            before = bucket.count;
        }
        let finite = self.buckets.iter().filter(|bucket| bucket.upper != f64::INFINITY);
        let histogram = Histogram {
            schema: CUSTOM_SCHEMA,
            count: before,
            positive: Counts { offset: 0, counts },
            custom_values: finite.map(|bucket| bucket.upper).collect(),
            ..Histogram::default()
        };
        histogram.fraction(lower, upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(list: &[(f64, f64)]) -> ClassicBuckets {
        let buckets = list.iter().map(|&(upper, count)| ClassicBucket { upper, count }).collect();
        ClassicBuckets::new(buckets).unwrap()
    }

    #[test]
    fn quantiles_within_and_beyond_the_buckets() {
        let buckets = buckets(&[(f64::INFINITY, 4.0), (0.1, 1.0), (0.2, 3.0)]);
        assert!((buckets.quantile(0.5) - 0.15).abs() < 1e-12);
        assert_eq!(buckets.quantile(1.0), 0.2);
        assert_eq!(buckets.fraction(0.0, 0.1), 0.25);
    }

    #[test]
    fn falling_counts_are_raised() {
        let buckets = buckets(&[(1.0, 5.0), (2.0, 3.0), (f64::INFINITY, 5.0)]);
        assert!(buckets.forced);
        assert_eq!(buckets.quantile(0.5), 0.5);
        assert!(ClassicBuckets::new(vec![ClassicBucket { upper: 1.0, count: 1.0 }]).is_none());
    }
}
