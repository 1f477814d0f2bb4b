//! Work of the shell as metrics: how long alerts take to be taken in and attempts to be made, how full the lanes are, how
//! many notifications go out in plain form.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exposition::{Distribution, Histogram, Page};
use outbound::Guard;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;

use super::lanes::{Lanes, Occupancy};

/// Alertmanager's bounds, in seconds.
const LATENCIES: &[f64] = &[1.0, 5.0, 10.0, 15.0, 20.0];

/// What is counted about deliveries.
#[derive(Default)]
pub struct DeliveryTally {
    /// Seconds, and alerts.
    taken_in: Mutex<(f64, u64)>,
    latency: Mutex<BTreeMap<&'static str, Histogram>>,
    /// Notifications that went out in plain form, as a template failed.
    pub degraded: Counter,
}

/// Shows it.
pub struct DeliveryMetrics {
    tally: Arc<DeliveryTally>,
    lanes: Arc<Lanes>,
    guard: Arc<Guard>,
}

impl DeliveryTally {
    /// Shows these kinds of integrations from now on, even before anything is sent.
    pub fn expect(&self, kinds: impl IntoIterator<Item = &'static str>) {
        let mut latency = self.lock();
        for kind in kinds {
            latency.entry(kind).or_insert_with(|| Histogram::new(LATENCIES));
        }
    }

    /// Counts alerts that were taken in together.
    pub fn took_in(&self, alerts: u64, took: Duration) {
        let mut taken_in = self.taken_in.lock().unwrap_or_else(PoisonError::into_inner);
        *taken_in = (taken_in.0 + took.as_secs_f64(), taken_in.1 + alerts);
    }

    /// Counts an attempt, from the start of its request.
    pub fn attempted(&self, kind: &'static str, took: Duration) {
        self.lock().entry(kind).or_insert_with(|| Histogram::new(LATENCIES)).observe(took.as_secs_f64());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Histogram>> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeliveryMetrics {
    /// Of these.
    pub fn new(tally: Arc<DeliveryTally>, lanes: Arc<Lanes>, guard: Arc<Guard>) -> Self {
        Self { tally, lanes, guard }
    }
}

impl fmt::Debug for DeliveryMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryMetrics")
    }
}

impl Collector for DeliveryMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        let latency = self.tally.lock().clone();
        page.histograms(
            "alertmanager_notification_latency_seconds",
            "How long attempts to send notifications took",
            latency.iter().map(|(kind, histogram)| ([("integration", *kind)], histogram)),
        )?;
        let (seconds, alerts) = *self.tally.taken_in.lock().unwrap_or_else(PoisonError::into_inner);
        page.histogram(
            "alertmanager_dispatcher_alert_processing_duration_seconds",
            "How long it took to take alerts in, by alert",
            Distribution::without_buckets(seconds, alerts),
        )?;
        let help = "Notifications that went out in plain form, as a template failed";
        page.counter("watchfire_notifications_degraded", help, self.tally.degraded.get())?;
        let refused = self.guard.refusals();
        let rows = [("host_not_allowed", refused.hosts), ("redirect_to_http", refused.redirects)];
        let help = "Requests of deliveries that were not made: to hosts that are not allowed, and by redirects from https to http";
        page.counters("watchfire_outbound_refused", help, rows.map(|(reason, count)| ([("reason", reason)], count)))?;
        let lanes = self.lanes.occupancy();
        let rows = |value: fn(&Occupancy) -> usize| {
            lanes.iter().map(move |lane| {
                let labels = [("receiver", lane.receiver.clone()), ("integration", lane.kind.to_owned())];
                let labels = labels.into_iter().chain([("index", lane.index.to_string())]);
                (labels.collect::<Vec<_>>(), value(lane) as f64)
            })
        };
        let help = "Requests under way to an integration";
        page.gauges("watchfire_delivery_lane_requests", help, rows(|lane| lane.requests))?;
        let help = "Deliveries that wait for a place among them";
        page.gauges("watchfire_delivery_lane_waiting", help, rows(|lane| lane.waiting))
    }
}
