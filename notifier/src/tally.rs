//! Plain counts of what happened, for a metrics collector; named after Alertmanager's metrics (`alertmanager_…_total`).

use std::collections::BTreeMap;

use exposition::Histogram;

/// Counts since the start of the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// `alerts_received_total{status="firing"}`.
    pub alerts_received_firing: u64,
    /// `alerts_received_total{status="resolved"}`.
    pub alerts_received_resolved: u64,
    /// `alerts_invalid_total`.
    pub alerts_invalid: u64,
    /// `alerts_limited_total`.
    pub alerts_limited: u64,
    /// `watchfire_alerts_refused_total`: new ones that found no room.
    pub alerts_refused: u64,
    /// `watchfire_alerts_cut_total`: alerts whose annotations were cut off.
    pub alerts_cut: u64,
    /// `nflog_queries_total`: times the log was asked what somebody was told.
    pub log_queries: u64,
    /// `silences_queries_total`: alerts looked up among the silences for a decision.
    pub silence_queries: u64,
    /// `nflog_maintenance_total`, `silences_maintenance_total`: removals of what is past its retention.
    pub maintenances: u64,
    /// `notifications_suppressed_total{reason}`, in alerts.
    pub suppressed: Suppressed,
    /// By kind of integration.
    pub integrations: BTreeMap<&'static str, IntegrationTally>,
}

/// Alerts kept from notifications, once per flush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suppressed {
    /// `inhibition`.
    pub inhibition: u64,
    /// `active_time_interval`.
    pub active_time_interval: u64,
    /// `mute_time_interval`.
    pub mute_time_interval: u64,
    /// `silence`.
    pub silence: u64,
}

/// What was sent through integrations of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegrationTally {
    /// `notifications_total`: contents decided to be told.
    pub notifications: u64,
    /// `notifications_failed_total{reason}`: contents given up.
    pub failed: BTreeMap<&'static str, u64>,
    /// `watchfire_notification_digests_total`: digests sent, attempts counted.
    pub digests: u64,
    /// `notification_requests_total`: attempts.
    pub requests: u64,
    /// `notification_requests_failed_total`: failed attempts.
    pub requests_failed: u64,
    /// Seconds from an alert's start to the first delivery that told of it.
    pub first_told: Histogram,
}

/// Upper bounds of [`IntegrationTally::first_told`], in seconds.
const FIRST_TOLD_BOUNDS: &[f64] = &[1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0];

impl Default for IntegrationTally {
    fn default() -> Self {
        Self {
            notifications: 0,
            digests: 0,
            failed: BTreeMap::new(),
            requests: 0,
            requests_failed: 0,
            first_told: Histogram::new(FIRST_TOLD_BOUNDS),
        }
    }
}

impl Tally {
    /// The counts of a kind of integration.
    pub fn integration(&mut self, kind: &'static str) -> &mut IntegrationTally {
        self.integrations.entry(kind).or_default()
    }

    /// Counts a content that was given up.
    pub fn failed(&mut self, kind: &'static str, reason: &'static str) {
        *self.integration(kind).failed.entry(reason).or_default() += 1;
    }
}
