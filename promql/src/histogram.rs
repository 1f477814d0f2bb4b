//! Native histograms: how many observations fell into which bucket, in one sample.
//!
//! Observation counts are floats everywhere, as they are after any calculation. Two families of bucket layouts exist:
//! exponential ones (schema -4 to 8), whose borders are powers of 2^(2^-schema), and custom ones (schema -53), whose
//! borders the histogram carries. Facts: Prometheus' native histogram specification.

mod arithmetic;
mod bucket;
mod layout;
mod quantile;
mod reset;
mod text;
mod trim;

pub use arithmetic::{Addition, IncompatibleSchemas, Reconciled};
pub use bucket::Bucket;
pub(crate) use trim::Side;

/// The schema of histograms with custom bucket borders.
pub const CUSTOM_SCHEMA: i32 = -53;

/// The highest schema of exponential buckets.
pub const SCHEMA_MAX: i32 = 8;

/// The lowest schema of exponential buckets.
pub const SCHEMA_MIN: i32 = -4;

/// One sample of a native histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The resolution: each power of two has 2^schema buckets; or [`CUSTOM_SCHEMA`].
    pub schema: i32,
    /// Observations no farther from zero than this are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations, those of NaN included.
    pub count: f64,
    /// The sum of all observations.
    pub sum: f64,
    /// Buckets of positive observations; all of them with custom borders.
    pub positive: Counts,
    /// Buckets of negative observations.
    pub negative: Counts,
    /// Upper borders of custom buckets, rising, without the last one, infinity.
    pub custom_values: Vec<f64>,
    /// What is known about counter resets before this sample.
    pub reset_hint: ResetHint,
}

/// The counts of a run of neighbouring buckets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counts {
    /// Index of the first one. Exponential bucket 0 ends at 1; custom bucket 0 is the lowest.
    pub offset: i32,
    /// Observations in each.
    pub counts: Vec<f64>,
}

/// What is known about a counter reset between the sample before and this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResetHint {
    /// Nothing.
    #[default]
    Unknown,
    /// The counter was reset.
    Reset,
    /// It was not.
    NotReset,
    /// It is no counter.
    Gauge,
}

impl Default for Histogram {
    /// An empty one of schema 0.
    fn default() -> Histogram {
        Histogram {
            schema: 0,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            positive: Counts::default(),
            negative: Counts::default(),
            custom_values: Vec::new(),
            reset_hint: ResetHint::Unknown,
        }
    }
}

impl Histogram {
    /// Whether its bucket borders are its own.
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_SCHEMA
    }

    /// The same with the hint given.
    #[must_use]
    pub fn with_hint(mut self, hint: ResetHint) -> Histogram {
        self.reset_hint = hint;
        self
    }

    /// Whether both hold the same, empty buckets left out of account. NaN sums are equal.
    pub fn same_observations(&self, other: &Histogram) -> bool {
        let equal = |a: f64, b: f64| a.to_bits() == b.to_bits() || a == b;
        self.schema == other.schema
            && equal(self.count, other.count)
            && equal(self.sum, other.sum)
            && (self.has_custom_buckets() || equal(self.zero_threshold, other.zero_threshold))
            && equal(self.zero_count, other.zero_count)
            && self.custom_values == other.custom_values
            && self.positive.same(&other.positive)
            && self.negative.same(&other.negative)
    }
}

impl Counts {
    /// The count of bucket `index`.
    pub fn get(&self, index: i32) -> f64 {
        let at = i64::from(index) - i64::from(self.offset);
        usize::try_from(at).ok().and_then(|at| self.counts.get(at)).copied().unwrap_or(0.0)
    }

    /// Adds to the count of bucket `index`, growing as needed.
    pub(crate) fn add(&mut self, index: i32, count: f64) {
        if self.counts.is_empty() {
            self.offset = index;
        }
        while index < self.offset {
            self.counts.insert(0, 0.0);
            self.offset -= 1;
        }
        #[expect(clippy::cast_sign_loss, reason = "not below the offset")]
        let at = (index - self.offset) as usize;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0.0);
        }
        if let Some(slot) = self.counts.get_mut(at) {
            *slot += count;
        }
    }

    /// Index and count of each bucket, lowest index first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, f64)> + '_ {
        let offset = self.offset;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "bucket indexes are 32 bits wide"
        )]
        self.counts.iter().enumerate().map(move |(at, &count)| (offset + at as i32, count))
    }

    /// Without empty buckets at either end.
    #[must_use]
    pub fn compacted(&self) -> Counts {
        let first = self.counts.iter().position(|&count| count != 0.0);
        let last = self.counts.iter().rposition(|&count| count != 0.0);
        let (Some(first), Some(last)) = (first, last) else { return Counts::default() };
        let counts = self.counts.get(first..=last).unwrap_or_default().to_vec();
        Counts { offset: self.offset + i32::try_from(first).unwrap_or(0), counts }
    }

    fn same(&self, other: &Counts) -> bool {
        self.compacted() == other.compacted()
    }
}
