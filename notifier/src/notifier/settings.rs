//! What the command line says about the notifier.

use std::sync::Arc;
use std::time::Duration;

use model::Matcher;

use crate::alert_book::BookLimits;
use crate::history::HistoryLimits;
use crate::silence::SILENCE_BYTES_MAX;

/// Fixed for the life of the process; the defaults are Alertmanager's.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long expired silences and the notification log are kept (`--data.retention`).
    pub retention: Duration,
    /// Between clean-ups of silences and the notification log (`--data.maintenance-interval`).
    pub maintenance_interval: Duration,
    /// Between clean-ups of resolved alerts (`--alerts.gc-interval`).
    pub alert_gc_interval: Duration,
    /// No group is flushed before this much time has passed since the first configuration (`--dispatch.start-delay`).
    pub start_delay: Duration,
    /// Label names must be classic ones (`--enable-feature=classic-mode`).
    pub classic_names: bool,
    /// Most alerts, and most bytes of them (`--alerts.max-alerts`, `--alerts.max-size-bytes`).
    pub book: BookLimits,
    /// Most alerts with the same `alertname`, 0 for no limit (`--alerts.per-alertname-limit`).
    pub alerts_per_name_max: usize,
    /// Most silences, expired ones included, 0 for no limit (`--silences.max-silences`).
    pub silences_max: usize,
    /// Most recurring silences, ended ones included, 0 for no limit (`--silences.max-schedules`).
    pub schedules_max: usize,
    /// After a restart, an alert that fired counts as resolved only once it was not reported for as long as its source had
    /// promised, but no longer than this (`--alerts.restart-grace`).
    pub restart_grace: Duration,
    /// Do what Alertmanager does where the promises go beyond it (`--compat=alertmanager`).
    pub as_alertmanager: bool,
    /// How much of the history is kept.
    pub history: HistoryLimits,
    /// Notifications with an alert that meets all of these go out however often a receiver wishes to be told; none do if
    /// there are none (`--dispatch.critical`).
    pub critical: Arc<[Matcher]>,
    /// Largest silence as stored, 0 for [`SILENCE_BYTES_MAX`] (`--silences.max-silence-size-bytes`).
    pub silence_bytes_max: usize,
}

impl Settings {
    /// The most bytes that a silence may have as stored.
    pub(crate) fn largest_silence(&self) -> usize {
        match self.silence_bytes_max {
            0 => SILENCE_BYTES_MAX,
            bytes => bytes.min(SILENCE_BYTES_MAX),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(120 * 3600),
            maintenance_interval: Duration::from_secs(15 * 60),
            alert_gc_interval: Duration::from_secs(30 * 60),
            start_delay: Duration::ZERO,
            classic_names: false,
            book: BookLimits { alerts_max: 1_000_000, text_bytes_max: 1 << 30 },
            alerts_per_name_max: 0,
            silences_max: 0,
            schedules_max: 1000,
            restart_grace: Duration::from_secs(3600),
            as_alertmanager: false,
            critical: Arc::default(),
            history: HistoryLimits::default(),
            silence_bytes_max: 0,
        }
    }
}
