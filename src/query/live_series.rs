//! Series in memory that grow while they are asked.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::{LabelSet, Timestamp};
use promql::eval::{Settings, Storage, Value};
use promql::series_file::{self, Mistake};
use rules_engine::sample::Sample;

use super::answer::{Answer, Failure};
use super::question::Question;

/// Most samples one instant of a question may read: this serves one person, not a company.
const SAMPLES_MAX: usize = 5_000_000;

/// More series are not taken in: what comes from outside must not fill the memory.
const SERIES_MAX: usize = 100_000;

/// The series, shared by those who write and those who ask.
#[derive(Debug)]
pub struct LiveSeries {
    storage: RwLock<Storage>,
    settings: Settings,
}

impl Default for LiveSeries {
    fn default() -> Self {
        Self::new(promql::Options::default())
    }
}

impl LiveSeries {
    /// None yet; `language` says which parts of PromQL questions may use.
    pub fn new(language: promql::Options) -> Self {
        Self {
            storage: RwLock::default(),
            settings: Settings { language, samples_max: SAMPLES_MAX, ..Settings::default() },
        }
    }

    /// Adds samples. Those that come late or twice are left out, and all once there are too many series; how many is the answer.
    pub fn append(&self, samples: impl IntoIterator<Item = Sample>) -> usize {
        let mut storage = self.write();
        let mut refused = 0;
        for sample in samples {
            if storage.series().len() >= SERIES_MAX {
                refused += 1;
                continue;
            }
            let id = storage.series_id(&sample.labels);
            let taken = match sample.is_stale_marker() {
                true => storage.append_stale(id, sample.timestamp_ms),
                false => storage.append(id, sample.timestamp_ms, Value::Float(sample.value)),
            };
            refused += usize::from(taken.is_err());
        }
        refused
    }

    /// Adds what a metrics page shows, with the labels of its target.
    ///
    /// # Errors
    /// The page cannot be read.
    pub fn scrape(&self, page: &str, labels: &[(&str, &str)], at: Timestamp) -> Result<(), Vec<Mistake>> {
        series_file::scrape(&mut self.write(), page, labels, at.as_millis())
    }

    /// Forgets what is older.
    pub fn forget_before(&self, at: Timestamp) {
        self.write().forget_before(at.as_millis());
    }

    /// The answer to a question. It may take its time: not for a thread that others wait for.
    ///
    /// # Errors
    /// The expression is wrong, or the series do not fit it.
    pub fn ask(&self, question: &Question) -> Result<Answer, Failure> {
        question.ask(&self.read(), &self.settings)
    }

    /// The label sets that pass one of the matcher lists; all of them if there are no lists.
    pub fn label_sets(&self, lists: &[Vec<model::Matcher>]) -> Vec<LabelSet> {
        let storage = self.read();
        let passes = |labels: &&LabelSet| {
            lists.is_empty() || lists.iter().any(|list| list.iter().all(|matcher| matcher.matches(labels)))
        };
        storage.series().iter().map(|series| series.labels()).filter(passes).cloned().collect()
    }

    /// The data is whole at any time, so a panic elsewhere does not spoil it.
    fn read(&self) -> RwLockReadGuard<'_, Storage> {
        self.storage.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Storage> {
        self.storage.write().unwrap_or_else(PoisonError::into_inner)
    }
}
