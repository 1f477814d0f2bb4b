//! One series: its samples in columns.

use std::sync::Arc;

use model::LabelSet;

use super::value::Value;
use crate::histogram::{Histogram, ResetHint};

/// What marks a series as ended in the data of Prometheus: a NaN with these bits.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// A series with all its samples, oldest first. Floats and histograms stand in columns of their own, markers of
/// staleness in a third, so that a range of either is a slice.
#[derive(Debug, Clone)]
pub struct Series {
    pub(super) labels: LabelSet,
    pub(super) floats: Floats,
    pub(super) histograms: Histograms,
    pub(super) stale_ms: Vec<i64>,
}

/// Samples that are numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Floats {
    pub(super) times_ms: Vec<i64>,
    pub(super) values: Vec<f64>,
    /// Start timestamps, zero for none; empty if no sample has one.
    pub(super) starts_ms: Vec<i64>,
    /// Which samples are less than the one before them, so that rates need not look at every sample.
    pub(super) falls: Vec<usize>,
}

/// Samples that are histograms.
#[derive(Debug, Clone, Default)]
pub(super) struct Histograms {
    pub(super) times_ms: Vec<i64>,
    pub(super) values: Vec<Arc<Histogram>>,
    /// As of floats.
    pub(super) starts_ms: Vec<i64>,
}

/// Why a sample was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The series has a later sample.
    OutOfOrder,
    /// The series has another value at this time.
    Duplicate,
}

impl Series {
    pub(super) fn new(labels: LabelSet) -> Series {
        Series { labels, floats: Floats::default(), histograms: Histograms::default(), stale_ms: Vec::new() }
    }

    /// What it is of.
    pub fn labels(&self) -> &LabelSet {
        &self.labels
    }

    /// Time and value of every sample, oldest first, staleness left out.
    pub fn samples(&self) -> Vec<(i64, Value)> {
        let floats = self.floats.times_ms.iter().zip(&self.floats.values);
        let histograms = self.histograms.times_ms.iter().zip(&self.histograms.values);
        let mut samples: Vec<(i64, Value)> = floats.map(|(&at, &value)| (at, Value::Float(value))).collect();
        samples.extend(histograms.map(|(&at, value)| (at, Value::Histogram(value.clone()))));
        samples.sort_by_key(|(at, _)| *at);
        samples
    }

    pub(super) fn forget_before(&mut self, at_ms: i64) {
        self.floats.forget(self.floats.times_ms.partition_point(|&at| at < at_ms));
        self.histograms.forget(self.histograms.times_ms.partition_point(|&at| at < at_ms));
        self.stale_ms.retain(|&at| at >= at_ms);
    }

    /// Whether it has no sample.
    pub fn is_empty(&self) -> bool {
        self.floats.times_ms.is_empty() && self.histograms.times_ms.is_empty() && self.stale_ms.is_empty()
    }

    /// Number of samples, markers of staleness included.
    pub fn len(&self) -> usize {
        self.floats.times_ms.len() + self.histograms.times_ms.len() + self.stale_ms.len()
    }

    /// Time of the oldest sample.
    pub fn first_ms(&self) -> Option<i64> {
        let first = [&self.floats.times_ms, &self.histograms.times_ms, &self.stale_ms];
        first.into_iter().filter_map(|times| times.first().copied()).min()
    }

    /// Time of the latest sample, `i64::MIN` if there is none.
    pub fn last_ms(&self) -> i64 {
        let last = |times: &[i64]| times.last().copied().unwrap_or(i64::MIN);
        last(&self.floats.times_ms).max(last(&self.histograms.times_ms)).max(last(&self.stale_ms))
    }

    pub(super) fn append(&mut self, at_ms: i64, start_ms: i64, value: Value) -> Result<(), Refused> {
        let last_ms = self.last_ms();
        if at_ms < last_ms {
            return Err(Refused::OutOfOrder);
        }
        if at_ms == last_ms && last_ms != i64::MIN {
            return if self.has_last(&value) { Ok(()) } else { Err(Refused::Duplicate) };
        }
        match value {
            Value::Float(value) if value.to_bits() == STALE_BITS => self.stale_ms.push(at_ms),
            Value::Float(value) => self.floats.push(at_ms, start_ms, value),
            Value::Histogram(histogram) => {
                let follows = self.histograms.times_ms.last().is_some_and(|&at| at == last_ms);
                self.histograms.push(at_ms, start_ms, histogram, follows);
            }
        }
        Ok(())
    }

    fn has_last(&self, value: &Value) -> bool {
        let last_ms = self.last_ms();
        match value {
            Value::Float(value) if value.to_bits() == STALE_BITS => self.stale_ms.last() == Some(&last_ms),
            Value::Float(value) => {
                self.floats.times_ms.last() == Some(&last_ms)
                    && self.floats.values.last().is_some_and(|last| last.to_bits() == value.to_bits())
            }
            Value::Histogram(value) => {
                self.histograms.times_ms.last() == Some(&last_ms)
                    && self.histograms.values.last().is_some_and(|last| last.same_observations(value))
            }
        }
    }
}

impl Floats {
    pub(super) fn push(&mut self, at_ms: i64, start_ms: i64, value: f64) {
        if self.values.last().is_some_and(|&before| value < before) {
            self.falls.push(self.values.len());
        }
        push_start(&mut self.starts_ms, self.values.len(), start_ms);
        self.times_ms.push(at_ms);
        self.values.push(value);
    }

    /// Forgets the first `count` samples.
    pub(super) fn forget(&mut self, count: usize) {
        self.times_ms.drain(..count);
        self.values.drain(..count);
        self.starts_ms.drain(..count.min(self.starts_ms.len()));
        let falls = self.falls.partition_point(|&at| at <= count);
        self.falls.drain(..falls);
        self.falls.iter_mut().for_each(|at| *at -= count);
    }
}

impl Histograms {
    /// `follows`: the sample before it in the series is a histogram too, so that a counter reset can be told.
    pub(super) fn push(&mut self, at_ms: i64, start_ms: i64, value: Arc<Histogram>, follows: bool) {
        let before = if follows { self.values.last() } else { None };
        let hint = value.stored_hint(before.map(Arc::as_ref));
        let value = if hint == value.reset_hint { value } else { with_hint(&value, hint) };
        push_start(&mut self.starts_ms, self.values.len(), start_ms);
        self.times_ms.push(at_ms);
        self.values.push(value);
    }

    /// Forgets the first `count` samples.
    pub(super) fn forget(&mut self, count: usize) {
        self.times_ms.drain(..count);
        self.values.drain(..count);
        self.starts_ms.drain(..count.min(self.starts_ms.len()));
    }
}

fn with_hint(histogram: &Histogram, hint: ResetHint) -> Arc<Histogram> {
    Arc::new(histogram.clone().with_hint(hint))
}

/// The column of start timestamps begins with the first sample that has one.
fn push_start(starts_ms: &mut Vec<i64>, samples: usize, start_ms: i64) {
    if start_ms != 0 || !starts_ms.is_empty() {
        starts_ms.resize(samples, 0);
        starts_ms.push(start_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_in_order_and_once() {
        let mut series = Series::new(LabelSet::empty());
        assert_eq!(series.append(10, 0, Value::Float(1.0)), Ok(()));
        assert_eq!(series.append(10, 0, Value::Float(1.0)), Ok(()));
        assert_eq!(series.append(10, 0, Value::Float(2.0)), Err(Refused::Duplicate));
        assert_eq!(series.append(5, 0, Value::Float(2.0)), Err(Refused::OutOfOrder));
        assert_eq!(series.append(20, 0, Value::Float(f64::from_bits(STALE_BITS))), Ok(()));
        assert_eq!(series.append(15, 0, Value::Float(2.0)), Err(Refused::OutOfOrder));
        assert_eq!((series.samples().len(), series.stale_ms.as_slice()), (1, &[20][..]));
    }

    #[test]
    fn falls_are_known_after_forgetting_too() {
        let mut floats = Floats::default();
        for (at, value) in [5.0, 3.0, 4.0, 1.0].into_iter().enumerate() {
            floats.push(i64::try_from(at).unwrap(), 0, value);
        }
        assert_eq!(floats.falls, [1, 3]);
        floats.forget(1);
        assert_eq!((floats.falls.as_slice(), floats.values.as_slice()), (&[2][..], &[3.0, 4.0, 1.0][..]));
    }
}
