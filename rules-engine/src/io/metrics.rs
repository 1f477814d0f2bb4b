//! The rule service's metrics, under Prometheus' names, read off the engine's and the senders' counters at each scrape.
//!
//! Where Prometheus has a summary, its `_sum` and `_count` are here and the quantiles are not; the histogram of the same
//! figure has Prometheus' name for that. What Prometheus does not count is under `watchfire_rules_`.

mod peers;
mod rule;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use exposition::{Distribution, Page};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use self::rule::RulesFigures;
use super::send_alerts::TargetTally;
use super::state::RulesState;
use crate::alerting::AlertState;
use crate::engine::{Engine, GroupView};
use crate::outbox;
use crate::tally::{DURATION_BOUNDS, DurationTally, EngineTally, GroupTally};

/// Register this with a registry.
pub struct RulesMetrics<S> {
    state: Arc<S>,
    rules_max: usize,
}

impl<S> RulesMetrics<S> {
    /// Shows what `state` gives, and what at most `rules_max` single rules did.
    pub fn new(state: Arc<S>, rules_max: usize) -> RulesMetrics<S> {
        RulesMetrics { state, rules_max }
    }
}

impl<S> fmt::Debug for RulesMetrics<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RulesMetrics")
    }
}

impl<S: RulesState> Collector for RulesMetrics<S> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // copied out, so that the engine does not wait while the metrics are written
        let (figures, rules) =
            self.state.with_engine(|engine| (Figures::of(engine), RulesFigures::of(engine, self.rules_max)));
        let mut page = Page::new(encoder);
        write_groups(&mut page, &figures.groups)?;
        rules.write(&mut page)?;
        let (set, bytes) = self.state.set_groups();
        page.gauge("watchfire_rules_set_groups", "Rule groups that are set through the API", set as f64)?;
        page.gauge("watchfire_rules_set_groups_bytes", "Bytes of their texts", bytes as f64)?;
        write_engine(&mut page, &figures)?;
        write_notifiers(&mut page, &self.state.notifiers())?;
        peers::write_sources(&mut page, &self.state.sources())?;
        peers::write_writers(&mut page, &self.state.writers())?;
        peers::write_queues(&mut page, &self.state.queues())
    }
}

/// The engine's numbers at one moment.
struct Figures {
    groups: Vec<GroupFigures>,
    tally: EngineTally,
    pending: u64,
    firing: u64,
}

struct GroupFigures {
    /// `file;name`.
    label: String,
    tally: GroupTally,
    rules: usize,
    interval: Duration,
    duration: Duration,
    last_evaluation_seconds: f64,
}

impl Figures {
    fn of(engine: &Engine) -> Figures {
        let (mut pending, mut firing) = (0, 0);
        for alert in engine.groups().flat_map(|group| group.rules()).flat_map(|rule| rule.alerts()) {
            pending += u64::from(alert.course.state == AlertState::Pending);
            firing += u64::from(alert.course.state == AlertState::Firing);
        }
        let groups = engine.groups().map(|group| GroupFigures::of(&group)).collect();
        Figures { groups, tally: engine.tally().clone(), pending, firing }
    }
}

impl GroupFigures {
    fn of(group: &GroupView<'_>) -> GroupFigures {
        let status = group.status();
        GroupFigures {
            label: group.key().to_string(),
            tally: group.tally().clone(),
            rules: group.rules().len(),
            interval: group.interval(),
            duration: status.evaluation_time,
            last_evaluation_seconds: status.last_evaluation.map_or(0.0, |at| at.as_secs_f64()),
        }
    }
}

/// A column of a table of figures: name without `_total`, help, and where the value comes from.
type Column<T, V> = (&'static str, &'static str, fn(&T) -> V);

const GROUP_COUNTERS: [Column<GroupFigures, u64>; 4] = [
    ("prometheus_rule_evaluations", "Rule evaluations", |group| group.tally.evaluations),
    ("prometheus_rule_evaluation_failures", "Rule evaluations that failed", |group| group.tally.evaluation_failures),
    ("prometheus_rule_group_iterations", "Evaluations of groups, done or missed", |group| group.tally.iterations),
    (
        "prometheus_rule_group_iterations_missed",
        "Evaluations of groups missed because an earlier one took too long",
        |group| group.tally.iterations_missed,
    ),
];

const GROUP_GAUGES: [Column<GroupFigures, f64>; 7] = [
    ("prometheus_rule_group_interval_seconds", "Time between evaluations", |group| group.interval.as_secs_f64()),
    ("prometheus_rule_group_last_evaluation_timestamp_seconds", "When the last evaluation began", |group| {
        group.last_evaluation_seconds
    }),
    ("prometheus_rule_group_last_duration_seconds", "How long the last evaluation took", |group| {
        group.duration.as_secs_f64()
    }),
    (
        "prometheus_rule_group_last_rule_duration_sum_seconds",
        "Sum of the rules' times in the last evaluation",
        |group| group.tally.last_rule_time.as_secs_f64(),
    ),
    (
        "prometheus_rule_group_last_restore_duration_seconds",
        "How long the query API was asked for the past of alerts after the start",
        |group| group.tally.restore_time.as_secs_f64(),
    ),
    ("prometheus_rule_group_rules", "Rules", |group| group.rules as f64),
    ("prometheus_rule_group_last_evaluation_samples", "Samples that the last evaluation gave", |group| {
        group.tally.last_samples as f64
    }),
];

const NOTIFIER_COUNTERS: [Column<outbox::Tally, u64>; 4] = [
    ("prometheus_notifications_sent", "Alerts that were delivered", |tally| tally.sent),
    ("prometheus_notifications_errors", "Alerts in deliveries that failed; each try counts", |tally| tally.failed),
    (
        "prometheus_notifications_dropped",
        "Alerts that will not be delivered: queue full, outdated or refused",
        |tally| tally.dropped(),
    ),
    ("watchfire_rules_notifications_superseded", "Alerts replaced by their newer state while they waited", |tally| {
        tally.superseded
    }),
];

const ENGINE_COUNTERS: [Column<EngineTally, u64>; 7] = [
    ("prometheus_template_text_expansions", "Templates rendered", |tally| tally.template_expansions),
    ("prometheus_template_text_expansion_failures", "Templates that failed", |tally| tally.template_failures),
    ("watchfire_rules_alerts_handed_on", "Alerts handed on for delivery, repeats included", |tally| tally.alerts_sent),
    ("watchfire_rules_samples_handed_on", "Samples handed on for writing", |tally| tally.samples_written),
    ("watchfire_rules_queries", "Queries asked of all sources, retries included", |tally| tally.queries),
    (
        "watchfire_rules_queries_shared",
        "Queries not asked, as another rule asks the same at the same instant",
        |tally| tally.queries_shared,
    ),
    ("watchfire_rules_limit_breaches", "Evaluations that ended at the group's limit", |tally| tally.limit_breaches),
];

/// The label that names a group.
const GROUP: &str = "rule_group";
/// The label that names a notifier.
const NOTIFIER: &str = "alertmanager";

fn write_groups(page: &mut Page<'_>, groups: &[GroupFigures]) -> fmt::Result {
    for (name, help, value) in GROUP_COUNTERS {
        page.counters(name, help, groups.iter().map(|group| ([(GROUP, group.label.as_str())], value(group))))?;
    }
    for (name, help, value) in GROUP_GAUGES {
        page.gauges(name, help, groups.iter().map(|group| ([(GROUP, group.label.as_str())], value(group))))?;
    }
    Ok(())
}

fn write_engine(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    for (name, help, value) in ENGINE_COUNTERS {
        page.counter(name, help, value(&figures.tally))?;
    }
    let states = [("pending", figures.pending), ("firing", figures.firing)];
    let states = states.map(|(state, count)| ([("state", state)], count as f64));
    page.gauges("watchfire_rules_alerts", "Alerts that are pending or firing", states)?;
    let EngineTally { rule_times, group_times, .. } = &figures.tally;
    write_durations(page, "prometheus_rule_evaluation_duration", "How long rules took", rule_times)?;
    write_durations(page, "prometheus_rule_group_duration", "How long groups took", group_times)
}

fn write_notifiers(page: &mut Page<'_>, notifiers: &[TargetTally]) -> fmt::Result {
    let labelled = || notifiers.iter().map(|one| ([(NOTIFIER, one.url.as_str())], one));
    for (name, help, value) in NOTIFIER_COUNTERS {
        page.counters(name, help, labelled().map(|(labels, one)| (labels, value(&one.outbox))))?;
    }
    let queued = labelled().map(|(labels, one)| (labels, one.queued as f64));
    page.gauges("prometheus_notifications_queue_length", "Alerts that wait", queued)?;
    let capacity = notifiers.first().map_or(outbox::Limits::default().capacity, |one| one.capacity);
    let help = "Most alerts that may wait for one notifier";
    page.gauge("prometheus_notifications_queue_capacity", help, capacity as f64)?;
    let help = "Notifiers that alerts are sent to";
    page.gauge("prometheus_notifications_alertmanagers_discovered", help, notifiers.len() as f64)?;
    let help = "How long deliveries took";
    let summaries = labelled().map(|(labels, one)| (labels, summary(&one.latency)));
    page.histograms("prometheus_notifications_latency_seconds", help, summaries)?;
    let histograms = labelled().map(|(labels, one)| (labels, distribution(&one.latency)));
    page.histograms("prometheus_notifications_latency_histogram_seconds", help, histograms)
}

/// A duration under the name of Prometheus' summary and under that of its histogram; `stem` lacks `_seconds`.
fn write_durations(page: &mut Page<'_>, stem: &str, help: &str, tally: &DurationTally) -> fmt::Result {
    page.histogram(&format!("{stem}_seconds"), help, summary(tally))?;
    page.histogram(&format!("{stem}_histogram_seconds"), help, distribution(tally))
}

fn summary(tally: &DurationTally) -> Distribution {
    Distribution::without_buckets(tally.sum.as_secs_f64(), tally.count)
}

fn distribution(tally: &DurationTally) -> Distribution {
    let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(DURATION_BOUNDS.len() + 1);
    let mut below = 0;
    for (bound, cumulative) in DURATION_BOUNDS.iter().zip(tally.buckets) {
        buckets.push((bound.as_secs_f64(), cumulative.saturating_sub(below)));
        below = cumulative;
    }
    buckets.push((f64::INFINITY, tally.count.saturating_sub(below)));
    Distribution { sum: tally.sum.as_secs_f64(), count: tally.count, buckets }
}
