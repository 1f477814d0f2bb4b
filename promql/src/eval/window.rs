//! The samples of one series in a span of time, and how they are found again a step later.

use std::sync::Arc;

use super::series::{Floats, Histograms, Series};
use super::value::Value;
use crate::histogram::Histogram;

/// The samples of a series later than `start_ms`, up to and at `end_ms`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'w> {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) floats: FloatWindow<'w>,
    pub(super) histograms: HistogramWindow<'w>,
}

/// The numbers of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct FloatWindow<'w> {
    pub(super) times_ms: &'w [i64],
    pub(super) values: &'w [f64],
    /// Empty where no sample has one.
    pub(super) starts_ms: &'w [i64],
    falls: &'w [usize],
    first: usize,
}

/// The histograms of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct HistogramWindow<'w> {
    pub(super) times_ms: &'w [i64],
    pub(super) values: &'w [Arc<Histogram>],
    pub(super) starts_ms: &'w [i64],
}

/// Where the last window of a series was. Windows mostly move forward a little, so the next search begins there; the
/// result does not depend on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    floats: (usize, usize),
    histograms: (usize, usize),
    stale: usize,
}

impl<'w> Window<'w> {
    pub(super) fn of(
        floats: &'w Floats,
        histograms: &'w Histograms,
        (start_ms, end_ms): (i64, i64),
        cursor: &mut Cursor,
    ) -> Window<'w> {
        let range = moved(&floats.times_ms, cursor.floats, start_ms, end_ms);
        cursor.floats = range;
        let floats = FloatWindow {
            times_ms: cut(&floats.times_ms, range),
            values: cut(&floats.values, range),
            starts_ms: cut(&floats.starts_ms, range),
            falls: &floats.falls,
            first: range.0,
        };
        let range = moved(&histograms.times_ms, cursor.histograms, start_ms, end_ms);
        cursor.histograms = range;
        let histograms = HistogramWindow {
            times_ms: cut(&histograms.times_ms, range),
            values: cut(&histograms.values, range),
            starts_ms: cut(&histograms.starts_ms, range),
        };
        Window { start_ms, end_ms, floats, histograms }
    }

    /// Number of samples.
    pub(super) fn len(&self) -> usize {
        self.floats.values.len() + self.histograms.values.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Seconds the window is long.
    pub(super) fn seconds(&self) -> f64 {
        seconds(self.end_ms.saturating_sub(self.start_ms))
    }

    /// Every sample in the order of time.
    pub(super) fn in_order(&self) -> Vec<(i64, Value)> {
        let floats = self.floats.times_ms.iter().zip(self.floats.values);
        let histograms = self.histograms.times_ms.iter().zip(self.histograms.values);
        let mut samples: Vec<(i64, Value)> = floats.map(|(&at, &value)| (at, Value::Float(value))).collect();
        samples.extend(histograms.map(|(&at, value)| (at, Value::Histogram(value.clone()))));
        samples.sort_by_key(|(at, _)| *at);
        samples
    }
}

impl FloatWindow<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// First and last sample, where there are at least two.
    pub(super) fn ends(&self) -> Option<((i64, f64), (i64, f64))> {
        match (self.times_ms, self.values) {
            ([first_at, .., last_at], [first, .., last]) => Some(((*first_at, *first), (*last_at, *last))),
            _ => None,
        }
    }

    /// The values just before the samples that are less than the one before them.
    pub(super) fn before_falls(&self) -> impl Iterator<Item = f64> + '_ {
        let from = self.falls.partition_point(|&at| at <= self.first);
        let falls = self.falls.get(from..).unwrap_or_default();
        falls
            .iter()
            .map_while(|&at| self.values.get(at - self.first).and(self.values.get(at - self.first - 1)).copied())
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of times are below 2^53")]
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// The latest sample of a series at an instant that is not older than `lookback_ms`, unless the series has ended since.
pub(super) fn latest(series: &Series, at_ms: i64, lookback_ms: i64, cursor: &mut Cursor) -> Option<(i64, i64, Value)> {
    let after_ms = at_ms.saturating_sub(lookback_ms);
    cursor.floats.1 = upper(&series.floats.times_ms, cursor.floats.1, at_ms);
    let mut found: Option<(i64, i64, Value)> = None;
    if let Some(index) = cursor.floats.1.checked_sub(1)
        && let (Some(&at), Some(&value)) = (series.floats.times_ms.get(index), series.floats.values.get(index))
    {
        let start = series.floats.starts_ms.get(index).copied().unwrap_or(0);
        found = Some((at, start, Value::Float(value)));
    }
    if !series.histograms.times_ms.is_empty() {
        cursor.histograms.1 = upper(&series.histograms.times_ms, cursor.histograms.1, at_ms);
        if let Some(index) = cursor.histograms.1.checked_sub(1)
            && let (Some(&at), Some(value)) =
                (series.histograms.times_ms.get(index), series.histograms.values.get(index))
            && found.as_ref().is_none_or(|(other, ..)| *other < at)
        {
            let start = series.histograms.starts_ms.get(index).copied().unwrap_or(0);
            found = Some((at, start, Value::Histogram(value.clone())));
        }
    }
    let (at, ..) = found.as_ref()?;
    if *at <= after_ms {
        return None;
    }
    if !series.stale_ms.is_empty() {
        cursor.stale = upper(&series.stale_ms, cursor.stale, at_ms);
        let ended = cursor.stale.checked_sub(1).and_then(|index| series.stale_ms.get(index));
        if ended.is_some_and(|ended| ended > at) {
            return None;
        }
    }
    found
}

/// Indexes of the times after `start_ms` up to and at `end_ms`.
fn moved(times_ms: &[i64], hint: (usize, usize), start_ms: i64, end_ms: i64) -> (usize, usize) {
    if times_ms.is_empty() {
        return (0, 0);
    }
    let first = upper(times_ms, hint.0, start_ms);
    (first, upper(times_ms, hint.1.max(first), end_ms).max(first))
}

/// How many times are at or before `at_ms`, searched for from `hint` on in growing steps.
fn upper(times_ms: &[i64], hint: usize, at_ms: i64) -> usize {
    let hint = hint.min(times_ms.len());
    let (before, after) = times_ms.split_at(hint);
    if before.last().is_some_and(|&last| last > at_ms) {
        return before.partition_point(|&time| time <= at_ms);
    }
    let mut step = 1;
    let mut low = 0;
    while let Some(&time) = after.get(low + step - 1) {
        if time > at_ms {
            break;
        }
        low += step;
        step *= 2;
    }
    let end = after.len().min(low + step);
    let between = after.get(low..end).unwrap_or_default();
    hint + low + between.partition_point(|&time| time <= at_ms)
}

fn cut<T>(column: &[T], (first, end): (usize, usize)) -> &[T] {
    column.get(first..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_does_not_change_what_is_found() {
        let times: Vec<i64> = (0..50).map(|n| n * 10).collect();
        for at in [-5, 0, 5, 10, 245, 480, 490, 1000] {
            let expected = times.partition_point(|&time| time <= at);
            for hint in [0, 1, 7, 25, 49, 50, 99] {
                assert_eq!(upper(&times, hint, at), expected, "{at} from {hint}");
            }
        }
    }

    #[test]
    fn a_window_is_open_on_the_left_and_knows_the_falls_within() {
        let mut floats = Floats::default();
        for (at, value) in [(0, 5.0), (10, 3.0), (20, 4.0), (30, 1.0)] {
            floats.push(at, 0, value);
        }
        let histograms = Histograms::default();
        let mut cursor = Cursor::default();
        let mut falls = |start, end| {
            let window = Window::of(&floats, &histograms, (start, end), &mut cursor);
            (window.len(), window.floats.before_falls().collect::<Vec<f64>>())
        };
        assert_eq!(falls(-1, 20), (3, vec![5.0]));
        assert_eq!(falls(0, 30), (3, vec![4.0]));
        assert_eq!(falls(-1, 30), (4, vec![5.0, 4.0]));
        assert_eq!(falls(30, 40), (0, vec![]));
    }
}
