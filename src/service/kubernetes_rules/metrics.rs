//! PrometheusRules as metrics: what became of them, and how following them goes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use exposition::Page;
use kubernetes::watch::WatchTally;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::KubernetesRules;
use super::book::Counts;

/// Refused objects that have a series of their own.
const REFUSED_SHOWN_MAX: usize = 100;

/// The label that names a kind of objects, as the API does.
const RESOURCE: &str = "resource";

/// Shows how following PrometheusRules goes; nothing where none are followed.
pub struct KubernetesMetrics(Arc<KubernetesRules>);

impl KubernetesMetrics {
    /// Of these rules.
    pub fn new(rules: Arc<KubernetesRules>) -> KubernetesMetrics {
        KubernetesMetrics(rules)
    }
}

impl fmt::Debug for KubernetesMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KubernetesMetrics")
    }
}

/// All watches of a kind together.
#[derive(Default)]
struct OfKind {
    objects: usize,
    lists: u64,
    watches: u64,
    changes: u64,
    failures: BTreeMap<&'static str, u64>,
    unsynced: usize,
    disconnected: usize,
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn by_kind(tallies: &[Arc<WatchTally>]) -> BTreeMap<&'static str, OfKind> {
    let mut kinds: BTreeMap<&'static str, OfKind> = BTreeMap::new();
    for tally in tallies {
        let kind = kinds.entry(tally.plural).or_default();
        kind.objects += tally.objects.load(Ordering::Relaxed);
        kind.lists += load(&tally.lists);
        kind.watches += load(&tally.watches);
        kind.changes += load(&tally.changes);
        kind.unsynced += usize::from(!tally.is_synced());
        kind.disconnected += usize::from(!tally.is_connected());
        for (reason, count) in tally.failures() {
            *kind.failures.entry(reason).or_default() += count;
        }
    }
    kinds
}

impl Collector for KubernetesMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let tallies = self.0.watches().clone();
        if tallies.is_empty() {
            return Ok(());
        }
        let mut page = Page::new(encoder);
        write_watches(&mut page, &by_kind(&tallies))?;
        self.write_objects(&mut page)?;
        self.write_reports(&mut page)
    }
}

fn write_watches(page: &mut Page<'_>, kinds: &BTreeMap<&'static str, OfKind>) -> fmt::Result {
    let gauges = |value: fn(&OfKind) -> f64| kinds.iter().map(move |(kind, of)| ([(RESOURCE, *kind)], value(of)));
    page.gauges(
        "watchfire_kubernetes_objects",
        "Objects the Kubernetes API has, selected or not",
        gauges(|of| of.objects as f64),
    )?;
    let help = "Whether all objects were listed once";
    page.gauges("watchfire_kubernetes_synced", help, gauges(|of| f64::from(u8::from(of.unsynced == 0))))?;
    let help = "Whether the last request to the Kubernetes API worked";
    page.gauges("watchfire_kubernetes_connected", help, gauges(|of| f64::from(u8::from(of.disconnected == 0))))?;
    let requests = kinds.iter().flat_map(|(kind, of)| {
        [("list", of.lists), ("watch", of.watches)].map(|(verb, count)| ([(RESOURCE, *kind), ("verb", verb)], count))
    });
    page.counters("watchfire_kubernetes_requests", "Requests to the Kubernetes API", requests)?;
    let failures = kinds.iter().flat_map(|(kind, of)| {
        of.failures.iter().map(move |(reason, count)| ([(RESOURCE, *kind), ("reason", *reason)], *count))
    });
    page.counters("watchfire_kubernetes_request_failures", "Requests to the Kubernetes API that failed", failures)?;
    let changes = kinds.iter().map(|(kind, of)| ([(RESOURCE, *kind)], of.changes));
    page.counters("watchfire_kubernetes_changes", "Changes of objects", changes)
}

impl KubernetesMetrics {
    fn write_objects(&self, page: &mut Page<'_>) -> fmt::Result {
        let (Counts { accepted, refused, not_selected }, shown) = {
            let book = self.0.book();
            let shown: Vec<_> = book.refused().take(REFUSED_SHOWN_MAX).cloned().collect();
            (book.counts(), shown)
        };
        let states = [("accepted", accepted), ("refused", refused), ("not_selected", not_selected)];
        let help = "PrometheusRules by what became of them";
        let states = states.map(|(state, count)| ([("state", state)], count as f64));
        page.gauges("watchfire_kubernetes_prometheus_rules", help, states)?;
        let shown = shown.iter().map(|key| ([("namespace", key.namespace.as_str()), ("name", key.name.as_str())], 1.0));
        let help = "PrometheusRules that are refused; the last good version is evaluated, if there was one";
        page.gauges("watchfire_kubernetes_prometheus_rule_refused", help, shown)
    }

    fn write_reports(&self, page: &mut Page<'_>) -> fmt::Result {
        let tally = &self.0.tally;
        let help = "Times that other groups of PrometheusRules were put in force";
        page.counter("watchfire_kubernetes_rule_changes", help, load(&tally.settled))?;
        let reports = [("event", &tally.reports.events), ("status", &tally.reports.statuses)];
        let reports = reports.map(|(kind, count)| ([("kind", kind)], load(count)));
        page.counters("watchfire_kubernetes_reports", "What was told of objects in the cluster", reports)?;
        let help = "What could not be told of objects in the cluster";
        page.counter(
            "watchfire_kubernetes_report_failures",
            help,
            load(&tally.reports.failures) + load(&tally.reports.dropped),
        )
    }
}
