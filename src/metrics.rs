//! Metrics of the process: build, reloads, store.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use store::Store;

use crate::process::{COMPATIBLE_VERSION, VERSION};
use crate::reload::Reloader;

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
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, version) in [("alertmanager_build_info", COMPATIBLE_VERSION), ("watchfire_build_info", VERSION)] {
            let mut family =
                encoder.encode_descriptor(name, "The version; the value is always 1", None, MetricType::Gauge)?;
            let labels = [("branch", ""), ("goversion", ""), ("revision", VERSION), ("version", version)];
            ConstGauge::new(1.0).encode(family.encode_family(&labels)?)?;
        }
        let (succeeded, at_secs) = self.reloader.status();
        // One reload covers both halves, each of which has dashboards that look for its own name.
        for family in ["alertmanager", "prometheus"] {
            let name = format!("{family}_config_last_reload_successful");
            gauge(
                &mut encoder,
                &name,
                "Whether the last configuration reload attempt was successful",
                f64::from(u8::from(succeeded)),
            )?;
            let name = format!("{family}_config_last_reload_success_timestamp_seconds");
            gauge(&mut encoder, &name, "Timestamp of the last successful configuration reload", at_secs as f64)?;
        }
        let stats = self.store.stats();
        gauge(&mut encoder, "watchfire_store_records", "Records kept", stats.records as f64)?;
        gauge(&mut encoder, "watchfire_store_bytes", "Bytes on disk", stats.bytes as f64)?;
        gauge(
            &mut encoder,
            "watchfire_store_queue_length",
            "Requests waiting for the writer",
            stats.queue_length as f64,
        )?;
        gauge(
            &mut encoder,
            "watchfire_store_backlog_bytes",
            "Changes that could not be written yet",
            stats.backlog_bytes as f64,
        )?;
        counter(&mut encoder, "watchfire_store_commits", "Batches made durable", stats.commits)?;
        counter(&mut encoder, "watchfire_store_flushes", "Flushes that made them durable", stats.flushes)?;
        counter(&mut encoder, "watchfire_store_failures", "Flushes that failed", stats.failures)?;
        counter(&mut encoder, "watchfire_store_recoveries", "Times damaged data was set aside", stats.recoveries)
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
}
