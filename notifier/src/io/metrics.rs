//! The notifier's metrics, under Alertmanager's names, read from the machine when asked.
//!
//! - `metrics/page.rs`: the families, written
//! - [`census`]: alerts by state, counted in the background where there are many

pub mod census;
mod page;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use exposition::Page;
use md5::{Digest, Md5};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use self::census::Census;
use super::desk::Desk;
use crate::alert_book::BookLimits;
use crate::config::Config;
use crate::history::HistoryFigures;
use crate::notifier::{AlertCounts, Undelivered};
use crate::silence::SilenceState;
use crate::tally::Tally;

/// Shows what the machine counts.
pub struct NotifierMetrics<D> {
    desk: Arc<D>,
    census: Arc<Census<D>>,
}

/// What a scrape shows, copied while the machine is looked at.
struct Snapshot {
    tally: Tally,
    alerts: AlertCounts,
    groups: u64,
    log_entries: u64,
    silences: [(SilenceState, u64); 3],
    /// Recurring ones.
    maintenances: [(SilenceState, u64); 3],
    /// Silences that wait for resolves.
    vigils: usize,
    alerts_per_name_max: u64,
    book: BookLimits,
    /// How many, and bytes of their texts.
    alerts_held: (usize, u64),
    undelivered: Vec<Undelivered>,
    history: HistoryFigures,
    config: Option<Arc<Config>>,
}

impl<D: Desk> NotifierMetrics<D> {
    /// Metrics of this machine. Where there are many alerts, `census` must be taken regularly.
    pub fn new(desk: Arc<D>, census: Arc<Census<D>>) -> Self {
        Self { desk, census }
    }

    fn snapshot(&self) -> Snapshot {
        let alerts = self.census.latest();
        self.desk.read(|notifier, now| {
            let silences = [SilenceState::Active, SilenceState::Pending, SilenceState::Expired];
            let (held, held_bytes, texts_left) = notifier.alert_load();
            let mut tally = notifier.tally().clone();
            tally.alerts_cut += texts_left;
            Snapshot {
                tally,
                alerts,
                groups: notifier.group_count() as u64,
                log_entries: notifier.log_len() as u64,
                silences: silences.map(|state| (state, notifier.silence_count(state, now) as u64)),
                maintenances: silences
                    .map(|state| (state, notifier.maintenances().filter(|one| one.state(now) == state).count() as u64)),
                vigils: notifier.vigil_count(),
                alerts_per_name_max: notifier.settings().alerts_per_name_max as u64,
                book: notifier.settings().book,
                alerts_held: (held, held_bytes),
                undelivered: notifier.undelivered(now),
                history: notifier.history().figures(now),
                config: notifier.config().cloned(),
            }
        })
    }
}

impl<D> fmt::Debug for NotifierMetrics<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotifierMetrics")
    }
}

impl<D: Desk> Collector for NotifierMetrics<D> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut snapshot = self.snapshot();
        // What may happen is shown before it does: a counter that begins at 1 hides its first increase.
        for kind in snapshot.kinds() {
            snapshot.tally.integration(kind);
        }
        page::write(&mut Page::new(encoder), &snapshot)
    }
}

impl Snapshot {
    /// Every kind of integration that is configured.
    fn kinds(&self) -> BTreeSet<&'static str> {
        let receivers = self.config.iter().flat_map(|config| config.receivers.values());
        receivers.flat_map(|receiver| &receiver.integrations).map(|integration| integration.kind).collect()
    }

    /// The first 48 bits of a digest of the configuration: equal numbers mean equal configurations.
    fn config_hash(&self) -> f64 {
        let shown = self.config.as_ref().map_or("", |config| config.shown.as_str());
        let digest = Md5::digest(shown.as_bytes());
        digest.iter().take(6).rev().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte))
    }
}

#[cfg(test)]
mod tests;
