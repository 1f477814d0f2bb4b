//! The rule service's metrics, under Prometheus' names, read off the engine's and the senders' counters at each scrape.
//!
//! Where Prometheus has a summary, its `_sum` and `_count` are here and the quantiles are not; the histogram of the same
//! figure has Prometheus' name for that. What Prometheus does not count is under `watchfire_rules_`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

use super::send_alerts::TargetTally;
use super::state::RulesState;
use super::write_samples::WriteTally;
use crate::alerting::AlertState;
use crate::engine::{Engine, GroupView};
use crate::outbox;
use crate::tally::{DURATION_BOUNDS, DurationTally, EngineTally, GroupTally};

/// Register this with a registry.
pub struct RulesMetrics<S>(Arc<S>);

impl<S> RulesMetrics<S> {
    /// Shows what `state` gives.
    pub fn new(state: Arc<S>) -> RulesMetrics<S> {
        RulesMetrics(state)
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
        let figures = self.0.with_engine(Figures::of);
        let mut page = Page(encoder);
        page.groups(&figures.groups)?;
        page.engine(&figures)?;
        page.notifiers(&self.0.notifiers())?;
        page.writers(&self.0.writers())
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
        let states = || engine.groups().flat_map(|group| group.rules()).flat_map(|rule| rule.alerts());
        let count = |state| states().filter(|alert| alert.course.state == state).count() as u64;
        Figures {
            groups: engine.groups().map(|group| GroupFigures::of(&group)).collect(),
            tally: engine.tally().clone(),
            pending: count(AlertState::Pending),
            firing: count(AlertState::Firing),
        }
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

const GROUP_GAUGES: [Column<GroupFigures, f64>; 6] = [
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

const WRITE_COUNTERS: [Column<WriteTally, u64>; 4] = [
    ("watchfire_rules_remote_write_samples", "Samples that were written", |tally| tally.written),
    ("watchfire_rules_remote_write_samples_refused", "Samples that the target refused", |tally| tally.refused),
    ("watchfire_rules_remote_write_requests", "Write requests", |tally| tally.requests),
    ("watchfire_rules_remote_write_requests_failed", "Write requests without success", |tally| tally.failures),
];

const ENGINE_COUNTERS: [Column<EngineTally, u64>; 5] = [
    ("prometheus_template_text_expansions", "Templates rendered", |tally| tally.template_expansions),
    ("prometheus_template_text_expansion_failures", "Templates that failed", |tally| tally.template_failures),
    ("watchfire_rules_alerts_handed_on", "Alerts handed on for delivery, repeats included", |tally| tally.alerts_sent),
    ("watchfire_rules_samples_handed_on", "Samples handed on for writing", |tally| tally.samples_written),
    ("watchfire_rules_limit_breaches", "Evaluations that ended at the group's limit", |tally| tally.limit_breaches),
];

/// The label that names a group.
const GROUP: &str = "rule_group";
/// The label that names a notifier.
const NOTIFIER: &str = "alertmanager";
/// The label that names a write target.
const TARGET: &str = "target";

/// The page that is written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn groups(&mut self, groups: &[GroupFigures]) -> fmt::Result {
        let labelled = || groups.iter().map(|group| (group.label.as_str(), group));
        for (name, help, value) in GROUP_COUNTERS {
            self.counters(name, help, GROUP, labelled().map(|(label, group)| (label, value(group))))?;
        }
        for (name, help, value) in GROUP_GAUGES {
            self.gauges(name, help, GROUP, labelled().map(|(label, group)| (label, value(group))))?;
        }
        Ok(())
    }

    fn engine(&mut self, figures: &Figures) -> fmt::Result {
        for (name, help, value) in ENGINE_COUNTERS {
            let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
            counter(&mut family, &value(&figures.tally))?;
        }
        let states = [("pending", figures.pending as f64), ("firing", figures.firing as f64)];
        self.gauges("watchfire_rules_alerts", "Alerts that are pending or firing", "state", states.into_iter())?;
        let EngineTally { rule_times, group_times, .. } = &figures.tally;
        self.durations("prometheus_rule_evaluation_duration", "How long rules took", rule_times)?;
        self.durations("prometheus_rule_group_duration", "How long groups took", group_times)
    }

    fn notifiers(&mut self, notifiers: &[TargetTally]) -> fmt::Result {
        let labelled = || notifiers.iter().map(|one| (one.url.as_str(), one));
        for (name, help, value) in NOTIFIER_COUNTERS {
            self.counters(name, help, NOTIFIER, labelled().map(|(url, one)| (url, value(&one.outbox))))?;
        }
        let queued = labelled().map(|(url, one)| (url, one.queued as f64));
        self.gauges("prometheus_notifications_queue_length", "Alerts that wait", NOTIFIER, queued)?;
        let capacity = notifiers.first().map_or(outbox::Limits::default().capacity, |one| one.capacity);
        let help = "Most alerts that may wait for one notifier";
        self.gauge("prometheus_notifications_queue_capacity", help, capacity as f64)?;
        let help = "Notifiers that alerts are sent to";
        self.gauge("prometheus_notifications_alertmanagers_discovered", help, notifiers.len() as f64)?;
        let help = "How long deliveries took";
        for (name, buckets) in [
            ("prometheus_notifications_latency_seconds", false),
            ("prometheus_notifications_latency_histogram_seconds", true),
        ] {
            let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
            for (url, one) in labelled() {
                histogram(&mut family.encode_family(&[(NOTIFIER, url)])?, &one.latency, buckets)?;
            }
        }
        Ok(())
    }

    fn writers(&mut self, writers: &[(String, WriteTally)]) -> fmt::Result {
        for (name, help, value) in WRITE_COUNTERS {
            self.counters(name, help, TARGET, writers.iter().map(|(target, tally)| (target.as_str(), value(tally))))?;
        }
        Ok(())
    }

    /// A duration under the name of Prometheus' summary and under that of its histogram; `stem` lacks `_seconds`.
    fn durations(&mut self, stem: &str, help: &str, tally: &DurationTally) -> fmt::Result {
        for (suffix, buckets) in [("_seconds", false), ("_histogram_seconds", true)] {
            let name = format!("{stem}{suffix}");
            histogram(&mut self.0.encode_descriptor(&name, help, None, MetricType::Histogram)?, tally, buckets)?;
        }
        Ok(())
    }

    fn counters<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Iterator<Item = (&'v str, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (of, value) in values {
            counter(&mut family.encode_family(&[(label, of)])?, &value)?;
        }
        Ok(())
    }

    fn gauges<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Iterator<Item = (&'v str, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (of, value) in values {
            gauge(&mut family.encode_family(&[(label, of)])?, &value)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        gauge(&mut self.0.encode_descriptor(name, help, None, MetricType::Gauge)?, &value)
    }
}

fn counter(encoder: &mut MetricEncoder<'_>, value: &impl EncodeCounterValue) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, _, u64>(value, None)
}

fn gauge(encoder: &mut MetricEncoder<'_>, value: &impl EncodeGaugeValue) -> fmt::Result {
    encoder.encode_gauge(value)
}

/// A histogram, or only its sum and count.
fn histogram(encoder: &mut MetricEncoder<'_>, tally: &DurationTally, with_buckets: bool) -> fmt::Result {
    let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(DURATION_BOUNDS.len() + 1);
    let mut below = 0;
    for (bound, cumulative) in DURATION_BOUNDS.iter().zip(tally.buckets).filter(|_| with_buckets) {
        buckets.push((bound.as_secs_f64(), cumulative.saturating_sub(below)));
        below = cumulative;
    }
    // the encoder adds the counts up
    buckets.push((f64::INFINITY, tally.count.saturating_sub(below)));
    let no_exemplars: Option<&HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
    encoder.encode_histogram(tally.sum.as_secs_f64(), tally.count, &buckets, no_exemplars)
}
