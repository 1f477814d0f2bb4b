//! Recording rules: query result to samples; and which series have ended since the last time.

use std::collections::HashSet;

use foldhash::fast::FixedState;
use model::LabelSet;
use model::labels::METRIC_NAME;

use crate::sample::Sample;

/// What a rule made of the series of its last result: the same series again are not made anew.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The series as they came, and as they were recorded.
    named: Vec<(LabelSet, LabelSet)>,
}

impl Recording {
    /// Names the series of a result and puts the rule's labels over theirs; a label set to "" is removed.
    ///
    /// # Errors
    /// Two series come out the same, or there are more than `limit` (0 is unlimited). Nothing is to be stored then.
    pub fn record(
        &mut self,
        name: &str,
        labels: &LabelSet,
        limit: usize,
        series: Vec<(LabelSet, f64)>,
        timestamp_ms: i64,
    ) -> Result<Vec<Sample>, String> {
        if !self.is_of(&series) {
            self.name(name, labels, &series)?;
        }
        if limit > 0 && series.len() > limit {
            return Err(format!("exceeded limit of {limit} with {} series", series.len()));
        }
        let sample = |((_, labels), (_, value)): (&(LabelSet, LabelSet), &(LabelSet, f64))| Sample {
            labels: labels.clone(),
            timestamp_ms,
            value: *value,
        };
        Ok(self.named.iter().zip(&series).map(sample).collect())
    }

    /// Whether these are the very series of the last result, in the same order.
    fn is_of(&self, series: &[(LabelSet, f64)]) -> bool {
        self.named.len() == series.len()
            && self.named.iter().zip(series).all(|((own, _), (source, _))| own.is_same(source))
    }

    fn name(&mut self, name: &str, labels: &LabelSet, series: &[(LabelSet, f64)]) -> Result<(), String> {
        let over = LabelSet::from_pairs([(METRIC_NAME, name)].into_iter().chain(labels.iter()));
        let mut seen: HashSet<LabelSet, FixedState> =
            HashSet::with_capacity_and_hasher(series.len(), FixedState::default());
        let before = std::mem::take(&mut self.named);
        let mut named = Vec::with_capacity(series.len());
        for (at, (source, _)) in series.iter().enumerate() {
            let labels = match before.get(at) {
                Some((own, labels)) if own.is_same(source) => labels.clone(),
                _ => source.overlay(over.iter()).without_empty(),
            };
            if !seen.insert(labels.clone()) {
                return Err("vector contains metrics with the same labelset after applying rule labels".to_owned());
            }
            named.push((source.clone(), labels));
        }
        self.named = named;
        Ok(())
    }
}

/// The series a rule wrote the last time.
#[derive(Debug, Clone, Default)]
pub struct WrittenSeries(Vec<LabelSet>);

impl WrittenSeries {
    /// From the samples of an evaluation.
    pub fn of(samples: &[Sample]) -> Self {
        Self(samples.iter().map(|sample| sample.labels.clone()).collect())
    }

    /// Those of `self` that `current` no longer has, in order.
    pub fn ended(&self, current: &Self) -> Vec<LabelSet> {
        if self.0.len() == current.0.len() && self.0.iter().zip(&current.0).all(|(a, b)| is_same(a, b)) {
            return Vec::new();
        }
        let current: HashSet<&LabelSet, FixedState> = current.0.iter().collect();
        self.0.iter().filter(|series| !current.contains(series)).cloned().collect()
    }

    /// Adds the series of `other`.
    pub fn extend(&mut self, other: Self) {
        let added = other.ended(self);
        self.0.extend(added);
    }

    /// The series, in order.
    pub fn iter(&self) -> impl Iterator<Item = &LabelSet> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Equality that is free where an evaluation hands on the very same label set.
fn is_same(a: &LabelSet, b: &LabelSet) -> bool {
    a.is_same(b) || a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> LabelSet {
        LabelSet::from_pairs(pairs.iter().copied())
    }

    fn record(
        name: &str,
        labels: &LabelSet,
        limit: usize,
        series: Vec<(LabelSet, f64)>,
        timestamp_ms: i64,
    ) -> Result<Vec<Sample>, String> {
        Recording::default().record(name, labels, limit, series, timestamp_ms)
    }

    #[test]
    fn the_same_series_again_are_recorded_as_before() {
        let [a, b, c] = ["1", "2", "3"].map(|value| set(&[("a", value)]));
        let mut recording = Recording::default();
        let mut at = |series: &[&LabelSet], timestamp_ms| {
            let series = series.iter().map(|labels| ((*labels).clone(), timestamp_ms as f64)).collect();
            recording.record("r", &set(&[("x", "y")]), 2, series, timestamp_ms)
        };
        let first = at(&[&a, &b], 1).unwrap();
        let again = at(&[&a, &b], 2).unwrap();
        assert!(first.iter().zip(&again).all(|(first, again)| first.labels.is_same(&again.labels)));
        assert_eq!((again[1].timestamp_ms, again[1].value), (2, 2.0));
        assert_eq!(again[0].labels, set(&[("__name__", "r"), ("a", "1"), ("x", "y")]));
        let other = at(&[&a, &c], 3).unwrap();
        assert!(other[0].labels.is_same(&first[0].labels));
        assert_eq!(other[1].labels, set(&[("__name__", "r"), ("a", "3"), ("x", "y")]));
        assert!(at(&[&a, &a], 4).unwrap_err().contains("same labelset"));
        assert_eq!(at(&[&b], 5).unwrap().len(), 1);
        assert!(at(&[&a, &b, &c], 6).unwrap_err().contains("exceeded limit of 2 with 3 series"));
        assert!(at(&[&a, &b, &c], 7).is_err());
    }

    #[test]
    fn name_and_labels_go_over_the_samples() {
        let series = vec![(set(&[("__name__", "up"), ("job", "a"), ("zone", "x")]), 2.0)];
        let samples = record("job:up", &set(&[("job", "b"), ("zone", ""), ("team", "t")]), 0, series, 7).unwrap();
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].labels, set(&[("__name__", "job:up"), ("job", "b"), ("team", "t")]));
        assert_eq!((samples[0].timestamp_ms, samples[0].value), (7, 2.0));
    }

    #[test]
    fn duplicates_and_limits_store_nothing() {
        let series = || vec![(set(&[("a", "1")]), 1.0), (set(&[("a", "2")]), 2.0)];
        assert_eq!(
            record("r", &set(&[("a", "")]), 0, series(), 0).unwrap_err(),
            "vector contains metrics with the same labelset after applying rule labels"
        );
        assert_eq!(record("r", &set(&[]), 1, series(), 0).unwrap_err(), "exceeded limit of 1 with 2 series");
        assert_eq!(record("r", &set(&[]), 2, series(), 0).unwrap().len(), 2);
    }

    #[test]
    fn series_that_are_gone_have_ended() {
        let of = |names: &[&str]| WrittenSeries(names.iter().map(|n| set(&[("a", n)])).collect());
        assert_eq!(of(&["1", "2"]).ended(&of(&["2", "1"])), []);
        assert_eq!(of(&["1", "2"]).ended(&of(&["2", "3"])), [set(&[("a", "1")])]);
        let mut grown = of(&["1"]);
        grown.extend(of(&["1", "2"]));
        assert_eq!(grown.ended(&of(&[])).len(), 2);
    }
}
