//! Whether a counter was reset between two histograms.

use super::arithmetic::aligned;
use super::{Counts, Histogram, ResetHint};

impl Histogram {
    /// Whether the counter was reset between `before` and this sample: by the hint if there is one, or because a count
    /// fell or the layout became finer.
    pub fn is_reset_after(&self, before: &Histogram) -> bool {
        match self.reset_hint {
            ResetHint::Reset => true,
            ResetHint::NotReset => false,
            ResetHint::Unknown | ResetHint::Gauge => self.falls_below(before),
        }
    }

    /// Whether some count fell since `before`, hints left out of account.
    pub fn falls_below(&self, before: &Histogram) -> bool {
        if self.count < before.count || self.has_custom_buckets() != before.has_custom_buckets() {
            return true;
        }
        if !self.has_custom_buckets() {
            let finer = self.schema > before.schema || self.zero_threshold < before.zero_threshold;
            if finer || before.with_zero_threshold(self.zero_threshold).zero_threshold != self.zero_threshold {
                return true;
            }
        }
        let Ok((now, before, _)) = aligned(self, before) else { return true };
        now.zero_count < before.zero_count
            || any_falls(&now.positive, &before.positive)
            || any_falls(&now.negative, &before.negative)
    }

    /// The hint a store gives this sample when `before` is the one stored before it.
    pub(crate) fn stored_hint(&self, before: Option<&Histogram>) -> ResetHint {
        let Some(before) = before else {
            let kept = matches!(self.reset_hint, ResetHint::Gauge | ResetHint::Reset);
            return if kept { self.reset_hint } else { ResetHint::Unknown };
        };
        if self.reset_hint == ResetHint::Gauge || self.reset_hint == ResetHint::Reset {
            return self.reset_hint;
        }
        if before.reset_hint == ResetHint::Gauge {
            return ResetHint::Unknown;
        }
        let same_layout = self.schema == before.schema
            && self.zero_threshold == before.zero_threshold
            && self.custom_values == before.custom_values;
        match (self.count < before.count, same_layout) {
            (true, _) => ResetHint::Reset,
            (false, false) => ResetHint::Unknown,
            (false, true) if self.falls_below(before) => ResetHint::Reset,
            (false, true) => ResetHint::NotReset,
        }
    }
}

fn any_falls(now: &Counts, before: &Counts) -> bool {
    before.iter().any(|(index, count)| now.get(index) < count)
}
