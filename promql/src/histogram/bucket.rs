//! Buckets as intervals.

use super::layout::exponential_border;
use super::{Counts, Histogram};

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Its lower border.
    pub lower: f64,
    /// Its upper border.
    pub upper: f64,
    /// Observations in it.
    pub count: f64,
    /// Whether an observation on the lower border is in it.
    pub lower_inclusive: bool,
    /// Whether an observation on the upper border is in it.
    pub upper_inclusive: bool,
}

impl Histogram {
    /// Every bucket from the lowest to the highest, empty ones between others included.
    pub fn buckets(&self) -> Vec<Bucket> {
        let mut buckets = Vec::with_capacity(self.positive.counts.len() + self.negative.counts.len() + 1);
        for (index, count) in self.negative.iter().rev() {
            buckets.push(Bucket {
                lower: -exponential_border(index, self.schema),
                upper: -exponential_border(index - 1, self.schema),
                count,
                lower_inclusive: true,
                upper_inclusive: false,
            });
        }
        if self.zero_count != 0.0 && !self.has_custom_buckets() {
            buckets.push(Bucket {
                lower: -self.zero_threshold,
                upper: self.zero_threshold,
                count: self.zero_count,
                lower_inclusive: true,
                upper_inclusive: true,
            });
        }
        for (index, count) in self.positive.iter() {
            buckets.push(self.positive_bucket(index, count));
        }
        buckets
    }

    fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        if self.has_custom_buckets() {
            let lower = if index <= 0 { f64::NEG_INFINITY } else { self.custom_upper(index - 1) };
            let lower_inclusive = index <= 0;
            return Bucket { lower, upper: self.custom_upper(index), count, lower_inclusive, upper_inclusive: true };
        }
        Bucket {
            lower: exponential_border(index - 1, self.schema),
            upper: exponential_border(index, self.schema),
            count,
            lower_inclusive: false,
            upper_inclusive: true,
        }
    }

    /// Whether there are observations in negative buckets.
    pub(super) fn has_negative(&self) -> bool {
        any(&self.negative)
    }

    /// Whether there are observations in positive buckets.
    pub(super) fn has_positive(&self) -> bool {
        any(&self.positive)
    }
}

fn any(counts: &Counts) -> bool {
    !counts.counts.is_empty()
}
