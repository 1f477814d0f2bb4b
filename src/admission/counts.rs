//! Metrics of the admission webhook.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use exposition::Page;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Question;

/// Answers by question and whether it was yes.
#[derive(Debug, Default)]
pub struct AdmissionTally(Mutex<BTreeMap<(Question, bool), u64>>);

impl AdmissionTally {
    /// Counts an answer.
    pub(super) fn answered(&self, question: Question, is_allowed: bool) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry((question, is_allowed)).or_default() += 1;
    }
}

/// Shows them.
#[derive(Debug)]
pub struct AdmissionCounts(pub Arc<AdmissionTally>);

impl Collector for AdmissionCounts {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let answers = self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let row = |((question, is_allowed), count): ((Question, bool), u64)| {
            let verdict = if is_allowed { "allowed" } else { "denied" };
            ([("question", question.as_str()), ("verdict", verdict)], count)
        };
        let help = "Questions of the API server about objects that were answered";
        Page::new(encoder).counters("watchfire_admission_reviews", help, answers.into_iter().map(row))
    }
}
