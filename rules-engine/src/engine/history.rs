//! The last evaluations of a rule: why it did or did not fire.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

use crate::alerting::Transitions;

/// One evaluation of a rule that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEvaluation {
    /// The evaluation timestamp.
    pub at: Timestamp,
    /// From asking the query first to the end of the write.
    pub duration: Duration,
    /// How often the query was asked: more than once if it failed.
    pub attempts: u32,
    /// Series in the result; 0 if there was none.
    pub series: usize,
    /// What it changed about the rule's alerts.
    pub transitions: Transitions,
    /// Why it failed, if it did.
    pub error: Option<Box<str>>,
    /// What the query API warned of.
    pub warnings: Box<[String]>,
}

/// The last evaluations, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct History {
    past: VecDeque<PastEvaluation>,
}

impl History {
    /// Remembers one, and no more than `most`.
    pub(super) fn remember(&mut self, evaluation: PastEvaluation, most: usize) {
        while self.past.len() >= most.max(1) {
            self.past.pop_front();
        }
        if most > 0 {
            self.past.push_back(evaluation);
        }
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &PastEvaluation> + use<'_> {
        self.past.iter()
    }
}
