//! Metrics of the process: build, reloads, store, and what the system says about it.

mod procfs;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use exposition::Page;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use store::{Stats, Store};

use crate::process::{COMPATIBLE_VERSION, VERSION};
use crate::reload::{Reloader, Trigger};

/// Adds them.
pub fn register(registry: &mut Registry, reloader: Arc<Reloader>, store: Store) {
    registry.register_collector(Box::new(ProcessMetrics { reloader, store }));
}

struct ProcessMetrics {
    reloader: Arc<Reloader>,
    store: Store,
}

impl fmt::Debug for ProcessMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessMetrics")
    }
}

impl Collector for ProcessMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        for (name, version) in [("alertmanager_build_info", COMPATIBLE_VERSION), ("watchfire_build_info", VERSION)] {
            let labels = [("branch", ""), ("goversion", ""), ("revision", VERSION), ("version", version)];
            page.gauges(name, "The version; the value is always 1", [(labels, 1.0)])?;
        }
        let (succeeded, at_secs) = self.reloader.status();
        // One reload covers both halves, each of which has dashboards that look for its own name.
        for family in ["alertmanager", "prometheus"] {
            let name = format!("{family}_config_last_reload_successful");
            page.gauge(&name, "Whether the last reload of the configuration worked", f64::from(u8::from(succeeded)))?;
            let name = format!("{family}_config_last_reload_success_timestamp_seconds");
            page.gauge(&name, "When a reload of the configuration last worked", at_secs as f64)?;
        }
        write_reloads(&mut page, &self.reloader)?;
        write_store(&mut page, &self.store.stats())?;
        procfs::write(&mut page)
    }
}

fn write_reloads(page: &mut Page<'_>, reloader: &Reloader) -> fmt::Result {
    let by_trigger = |figure: fn((u64, u64)) -> u64| {
        Trigger::ALL.map(|trigger| ([("trigger", trigger.as_str())], figure(reloader.count(trigger))))
    };
    page.counters("watchfire_config_reloads", "Times the configuration was read again", by_trigger(|counts| counts.0))?;
    let help = "Times it could not be used when it was read again";
    page.counters("watchfire_config_reloads_failed", help, by_trigger(|counts| counts.1))?;
    let watch = reloader.watch();
    let files = watch.files.load(Ordering::Relaxed) as f64;
    page.gauge("watchfire_config_watched_files", "Files of the configuration that are followed", files)?;
    let folders = watch.folders.load(Ordering::Relaxed) as f64;
    page.gauge("watchfire_config_watched_folders", "Folders in which the system tells of changes", folders)?;
    let errors = watch.errors.load(Ordering::Relaxed);
    page.counter("watchfire_config_watch_errors", "Folders in which the system could not be asked to", errors)?;
    let held = f64::from(u8::from(watch.is_held.load(Ordering::Relaxed)));
    page.gauge("watchfire_config_reload_held", "Whether files are gone, which is not put in force by itself", held)?;
    let unset = reloader.unset_variables() as f64;
    let help = "Places in the configuration that name a variable the environment does not have";
    page.gauge("watchfire_config_unset_variables", help, unset)
}

fn write_store(page: &mut Page<'_>, stats: &Stats) -> fmt::Result {
    page.gauge("watchfire_store_records", "Records kept", stats.records as f64)?;
    page.gauge("watchfire_store_bytes", "Bytes on disk", stats.bytes as f64)?;
    page.gauge("watchfire_store_queue_length", "Requests waiting for the writer", stats.queue_length as f64)?;
    page.gauge("watchfire_store_queue_capacity", "Most requests that may wait", stats.queue_capacity as f64)?;
    let backlog = stats.backlog_bytes as f64;
    page.gauge("watchfire_store_backlog_bytes", "Changes that could not be written yet", backlog)?;
    page.counter("watchfire_store_commits", "Batches made durable", stats.commits)?;
    page.counter("watchfire_store_flushes", "Flushes that made them durable", stats.flushes)?;
    page.counter("watchfire_store_failures", "Flushes that failed", stats.failures)?;
    let failing = f64::from(u8::from(stats.last_error.is_some()));
    page.gauge("watchfire_store_failing", "Whether nothing can be written at the moment", failing)?;
    let left_out = stats.left_out as f64;
    page.gauge("watchfire_store_left_out_records", "Records that could not be read at the start", left_out)?;
    page.counter("watchfire_store_dropped", "Changes dropped because too many could not be written", stats.dropped)?;
    page.counter("watchfire_store_recoveries", "Times damaged data was set aside", stats.recoveries)
}
