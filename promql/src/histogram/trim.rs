//! `</` and `>/`: the observations below or above a value.

use super::{Bucket, Counts, Histogram};

/// Which observations stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Those below the value.
    Below,
    /// Those above it.
    Above,
}

/// What is left of a bucket: how many observations, and the value each counts as in the new sum.
struct Rest {
    count: f64,
    middle: f64,
}

impl Histogram {
    /// The observations on one side of `value`; the bucket it cuts is divided by interpolation. The sum is estimated
    /// anew from the middles of the buckets left, unless nothing went.
    pub(crate) fn trimmed(&self, side: Side, value: f64) -> Histogram {
        let mut trimmed = Histogram {
            positive: Counts { offset: self.positive.offset, counts: Vec::new() },
            negative: Counts { offset: self.negative.offset, counts: Vec::new() },
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            ..self.clone()
        };
        let mut changed = false;
        let buckets = self.buckets();
        let negative = self.negative.counts.len();
        let zero = usize::from(buckets.len() > negative + self.positive.counts.len());
        for (at, bucket) in buckets.into_iter().enumerate() {
            let rest = self.rest(bucket, side, value);
            changed |= rest.count != bucket.count;
            trimmed.count += rest.count;
            if rest.count != 0.0 {
                trimmed.sum += rest.count * rest.middle;
            }
            match at {
                _ if at < negative => trimmed.negative.counts.insert(0, rest.count),
                _ if at < negative + zero => trimmed.zero_count = rest.count,
                _ => trimmed.positive.counts.push(rest.count),
            }
        }
        if changed { trimmed } else { self.clone() }
    }

    fn rest(&self, bucket: Bucket, side: Side, value: f64) -> Rest {
        let below = side == Side::Below;
        if (below && value >= bucket.upper) || (!below && value <= bucket.lower) {
            let bucket = self.biased(bucket);
            return Rest { count: bucket.count, middle: self.trim_middle(bucket) };
        }
        let infinite = (bucket.lower == f64::NEG_INFINITY, bucket.upper == f64::INFINITY);
        let gone = Rest { count: 0.0, middle: 0.0 };
        match infinite {
            (true, true) => return gone,
            (false, true) => {
                let kept = !below && value.is_finite();
                return if kept { Rest { count: bucket.count, middle: value.max(bucket.lower) } } else { gone };
            }
            (true, false) if bucket.upper <= 0.0 => {
                let kept = below && value.is_finite();
                return if kept { Rest { count: bucket.count, middle: value } } else { gone };
            }
            (true, false) if value < 0.0 => return gone,
            _ => {}
        }
        let mut bucket = self.biased(bucket);
        bucket.lower = bucket.lower.max(if infinite.0 { 0.0 } else { f64::NEG_INFINITY });
        if value <= bucket.lower || value >= bucket.upper {
            let kept = below == (value >= bucket.upper);
            return if kept { Rest { count: bucket.count, middle: self.trim_middle(bucket) } } else { gone };
        }
        let part = self.part_below(bucket, value);
        let (part, lower, upper) = if below { (part, bucket.lower, value) } else { (1.0 - part, value, bucket.upper) };
        Rest { count: bucket.count * part, middle: self.trim_middle(Bucket { lower, upper, ..bucket }) }
    }

    /// What an observation of a bucket counts as: its middle, or the finite border of an infinite bucket.
    fn trim_middle(&self, bucket: Bucket) -> f64 {
        let Bucket { lower, upper, .. } = bucket;
        match (lower.is_infinite(), upper.is_infinite()) {
            (true, _) if upper <= 0.0 => upper,
            (true, false) => upper / 2.0,
            (true, true) => 0.0,
            (false, true) => lower,
            _ if self.has_custom_buckets() || (lower <= 0.0 && upper >= 0.0) => f64::midpoint(lower, upper),
            // A cut zero bucket is still linear, though it no longer spans zero.
            _ if lower.abs().min(upper.abs()) < self.zero_threshold => f64::midpoint(lower, upper),
            _ if upper < 0.0 => -(lower * upper).sqrt(),
            _ => (lower * upper).sqrt(),
        }
    }
}
