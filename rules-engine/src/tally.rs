//! Counters of what the engine did, as plain numbers; the shell's metrics read them.

use std::time::Duration;

/// What one group did since it was first loaded. Kept over reloads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupTally {
    /// Slots that came: evaluated or missed. `prometheus_rule_group_iterations_total`.
    pub iterations: u64,
    /// Slots that were skipped because the group was still busy. `prometheus_rule_group_iterations_missed_total`.
    pub iterations_missed: u64,
    /// Rule evaluations begun. `prometheus_rule_evaluations_total`.
    pub evaluations: u64,
    /// Rule evaluations that ended in an error. `prometheus_rule_evaluation_failures_total`.
    pub evaluation_failures: u64,
    /// Samples the last evaluation gave. `prometheus_rule_group_last_evaluation_samples`.
    pub last_samples: u64,
    /// How long the query API was asked for the past of alerts. `prometheus_rule_group_last_restore_duration_seconds`.
    pub restore_time: Duration,
    /// Sum of the rules' times in the last evaluation. `prometheus_rule_group_last_rule_duration_sum_seconds`.
    pub last_rule_time: Duration,
}

/// What one rule did since it was first loaded. Kept over reloads that leave the rule as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleTally {
    /// Evaluations that ended.
    pub evaluations: u64,
    /// Of them failed.
    pub failures: u64,
    /// Of them ended because the group's limit was exceeded.
    pub limit_breaches: u64,
    /// Texts that could not be rendered.
    pub template_failures: u64,
}

/// What the engine did since it started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EngineTally {
    /// Templates rendered. `prometheus_template_text_expansions_total`.
    pub template_expansions: u64,
    /// Templates that failed. `prometheus_template_text_expansion_failures_total`.
    pub template_failures: u64,
    /// How long rules took. `prometheus_rule_evaluation_duration_seconds`.
    pub rule_times: DurationTally,
    /// How long groups took. `prometheus_rule_group_duration_seconds`.
    pub group_times: DurationTally,
    /// Alerts handed on, first sends and repeats.
    pub alerts_sent: u64,
    /// Samples handed to storage.
    pub samples_written: u64,
    /// Evaluations that ended because a limit was exceeded.
    pub limit_breaches: u64,
    /// Queries asked.
    pub queries: u64,
    /// Queries not asked, because another rule's asks the same of the same source at the same instant.
    pub queries_shared: u64,
}

/// A histogram of durations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DurationTally {
    /// How many were seen.
    pub count: u64,
    /// Their sum.
    pub sum: Duration,
    /// How many were at most as long as the [`DURATION_BOUNDS`] entry at the same place (cumulative).
    pub buckets: [u64; DURATION_BOUNDS.len()],
}

/// Upper bounds of [`DurationTally::buckets`]; Prometheus' are the powers of ten from 10 ms.
pub const DURATION_BOUNDS: [Duration; 7] = [
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(120),
];

impl DurationTally {
    /// Counts one.
    pub fn observe(&mut self, duration: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(duration);
        for (bucket, bound) in self.buckets.iter_mut().zip(DURATION_BOUNDS) {
            *bucket += u64::from(duration <= bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_include_their_bound() {
        let mut tally = DurationTally::default();
        for ms in [0, 10, 11, 500_000] {
            tally.observe(Duration::from_millis(ms));
        }
        assert_eq!(tally.buckets, [1, 2, 3, 3, 3, 3, 3]);
        assert_eq!((tally.count, tally.sum), (4, Duration::from_millis(500_021)));
    }
}
