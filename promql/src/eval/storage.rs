//! Series in memory: what queries are asked of.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use model::labels::METRIC_NAME;
use model::{LabelSet, Matcher};

use super::series::{Refused, STALE_BITS, Series};
use super::value::Value;

/// A set of series. Samples of a series are appended in the order of time; nothing is ever changed, and only what is
/// oldest or everything is removed.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    series: Vec<Series>,
    ids: HashMap<LabelSet, SeriesId, FixedState>,
    /// The series of each metric name.
    by_name: HashMap<String, Vec<SeriesId>, FixedState>,
    /// Tells this set from others, and what it was before [`Storage::clear`].
    identity: Arc<()>,
}

/// A series of a [`Storage`], good until that is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesId(u32);

impl Storage {
    /// An empty one.
    pub fn new() -> Storage {
        Storage::default()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Storage::default();
    }

    /// Forgets samples before this time, and series that have no others. Every [`SeriesId`] of before is void; queries
    /// find their series anew.
    pub fn forget_before(&mut self, at_ms: i64) {
        for mut series in std::mem::take(self).series {
            series.forget_before(at_ms);
            if !series.is_empty() {
                let id = self.series_id(&series.labels);
                if let Some(place) = self.series.get_mut(id.0 as usize) {
                    *place = series;
                }
            }
        }
    }

    /// Forgets series whose labels do not pass. Every [`SeriesId`] of before is void; queries find their series anew.
    pub fn retain(&mut self, keeps: impl Fn(&LabelSet) -> bool) {
        for series in std::mem::take(self).series.into_iter().filter(|series| keeps(&series.labels)) {
            let id = self.series_id(&series.labels);
            if let Some(place) = self.series.get_mut(id.0 as usize) {
                *place = series;
            }
        }
    }

    /// The series with these labels, made if there is none. Labels with an empty value are left out.
    pub fn series_id(&mut self, labels: &LabelSet) -> SeriesId {
        if let Some(&id) = self.ids.get(labels) {
            return id;
        }
        let labels = labels.without_empty();
        if let Some(&id) = self.ids.get(&labels) {
            return id;
        }
        let id = SeriesId(u32::try_from(self.series.len()).expect("fewer than 2^32 series fit into memory"));
        self.by_name.entry(labels.get_or_empty(METRIC_NAME).to_owned()).or_default().push(id);
        self.ids.insert(labels.clone(), id);
        self.series.push(Series::new(labels));
        id
    }

    /// Adds a sample.
    ///
    /// # Errors
    /// The series has a later sample, or another one at this time. The set is as before.
    pub fn append(&mut self, id: SeriesId, at_ms: i64, value: Value) -> Result<(), Refused> {
        self.append_started(id, at_ms, 0, value)
    }

    /// Adds a sample of a counter that counts since `start_ms`; zero where that is not known.
    ///
    /// # Errors
    /// As [`Storage::append`].
    pub fn append_started(&mut self, id: SeriesId, at_ms: i64, start_ms: i64, value: Value) -> Result<(), Refused> {
        match self.series.get_mut(id.0 as usize) {
            Some(series) => series.append(at_ms, start_ms, value),
            None => Ok(()),
        }
    }

    /// Marks a series as ended at this time.
    ///
    /// # Errors
    /// As [`Storage::append`].
    pub fn append_stale(&mut self, id: SeriesId, at_ms: i64) -> Result<(), Refused> {
        self.append(id, at_ms, Value::Float(f64::from_bits(STALE_BITS)))
    }

    /// Every series, in the order they were made.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    pub(super) fn get(&self, id: SeriesId) -> Option<&Series> {
        self.series.get(id.0 as usize)
    }

    pub(super) fn identity(&self) -> &Arc<()> {
        &self.identity
    }

    /// The series made since there were `known`, which pass every matcher.
    pub(super) fn select_since(&self, known: usize, matchers: &[Matcher]) -> Vec<SeriesId> {
        let passes = |id: &SeriesId| self.get(*id).is_some_and(|series| passes_all(matchers, &series.labels));
        let names = matchers.iter().find(|matcher| matcher.name() == METRIC_NAME).and_then(Matcher::only_values);
        let Some(names) = names else {
            let all = known..self.series.len();
            return all.filter_map(|at| u32::try_from(at).ok().map(SeriesId)).filter(passes).collect();
        };
        let mut found = Vec::new();
        for name in names {
            let ids = self.by_name.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let first = ids.partition_point(|id| (id.0 as usize) < known);
            found.extend(ids.get(first..).unwrap_or_default().iter().filter(|id| passes(id)));
        }
        found
    }
}

fn passes_all(matchers: &[Matcher], labels: &LabelSet) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

#[cfg(test)]
mod tests {
    use model::MatchOp;

    use super::*;

    #[test]
    fn series_are_found_by_name_and_only_new_ones_again() {
        let mut storage = Storage::new();
        for (name, job) in [("up", "a"), ("up", "b"), ("down", "a")] {
            storage.series_id(&LabelSet::from_pairs([(METRIC_NAME, name), ("job", job), ("empty", "")]));
        }
        let up = Matcher::equal(METRIC_NAME, "up");
        let a = Matcher::new("job", MatchOp::Regex, "a").unwrap();
        assert_eq!(storage.select_since(0, &[up.clone(), a.clone()]), [SeriesId(0)]);
        assert_eq!(storage.select_since(0, std::slice::from_ref(&a)), [SeriesId(0), SeriesId(2)]);
        assert_eq!(storage.select_since(1, std::slice::from_ref(&up)), [SeriesId(1)]);
        assert_eq!(storage.select_since(3, &[a]), []);
    }

    #[test]
    fn the_oldest_samples_are_forgotten_and_a_query_begins_anew() {
        let mut storage = Storage::new();
        for (name, times) in [("gone", &[10, 20][..]), ("kept", &[10, 20, 30]), ("ended", &[10])] {
            let id = storage.series_id(&LabelSet::from_pairs([(METRIC_NAME, name)]));
            times.iter().for_each(|&at| storage.append(id, at, Value::Float(1.0)).unwrap());
            if name == "ended" {
                storage.append_stale(id, 40).unwrap();
            }
        }
        let settings = crate::eval::Settings { lookback_ms: 100, ..Default::default() };
        let mut query = crate::eval::Query::prepare("count_over_time(kept[100ms])", &settings).unwrap();
        let counted = |query: &mut crate::eval::Query, storage: &Storage| {
            let crate::eval::Data::Vector(rows) = query.instant(storage, 50).unwrap().data else { return None };
            rows.first().and_then(|row| row.value.float())
        };
        assert_eq!(counted(&mut query, &storage), Some(3.0));
        let mut only_one = storage.clone();
        only_one.retain(|labels| labels.get(METRIC_NAME) == Some("kept"));
        assert_eq!((only_one.series().len(), only_one.series()[0].samples().len()), (1, 3));
        storage.forget_before(30);
        let left: Vec<&str> = storage.series().iter().map(|series| series.labels.get_or_empty(METRIC_NAME)).collect();
        assert_eq!(left, ["kept", "ended"]);
        assert_eq!(counted(&mut query, &storage), Some(1.0));
        let ended = storage.series_id(&LabelSet::from_pairs([(METRIC_NAME, "ended")]));
        assert_eq!(storage.append(ended, 35, Value::Float(1.0)), Err(Refused::OutOfOrder), "the marker is there still");
    }
}
