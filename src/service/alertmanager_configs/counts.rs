//! Metrics of the AlertmanagerConfig objects.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use exposition::Page;
use kubernetes::watch::WatchTally;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::AlertmanagerConfigs;

/// Shows how many objects there are, how they stand, and how following them goes.
pub struct ConfigCounts(pub Arc<AlertmanagerConfigs>);

impl fmt::Debug for ConfigCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfigCounts")
    }
}

impl Collector for ConfigCounts {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let known = self.0.known();
        let stale = known.refused.keys().filter(|key| known.in_force.contains_key(*key)).count();
        let (selected, rejected) = (known.selected, known.refused.len());
        let (merges, failures, tallies) = (known.merges, known.failures, known.tallies.clone());
        drop(known);
        let mut page = Page::new(encoder);
        let rows = [("selected", selected), ("rejected", rejected), ("stale", stale)];
        let help = "AlertmanagerConfig objects: those selected, those that cannot be used, and those of them that go on as they were";
        let rows = rows.into_iter().map(|(state, count)| ([("state", state)], count as f64));
        page.gauges("watchfire_alertmanagerconfig_objects", help, rows)?;
        page.counter("watchfire_alertmanagerconfig_merges", "Merges that were put in force", merges)?;
        let help = "Merges that could not be used as a whole";
        page.counter("watchfire_alertmanagerconfig_merge_failures", help, failures)?;
        let of = |value: fn(&WatchTally) -> u64| {
            let row = move |tally: &Arc<WatchTally>| ([("resource", tally.plural)], value(tally));
            tallies.iter().map(row).collect::<Vec<_>>()
        };
        let help = "Changes told by the Kubernetes API";
        let changes = of(|tally| tally.changes.load(Ordering::Relaxed));
        page.counters("watchfire_alertmanagerconfig_watch_changes", help, sums(changes))?;
        let help = "Requests to the Kubernetes API that failed";
        let failures = of(|tally| tally.failures().values().sum());
        page.counters("watchfire_alertmanagerconfig_watch_failures", help, sums(failures))
    }
}

/// One row for each resource.
fn sums(rows: Vec<([(&'static str, &'static str); 1], u64)>) -> Vec<([(&'static str, &'static str); 1], u64)> {
    let mut sums: Vec<([(&'static str, &'static str); 1], u64)> = Vec::new();
    for (labels, count) in rows {
        match sums.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, sum)) => *sum += count,
            None => sums.push((labels, count)),
        }
    }
    sums
}
