//! The notifier's metrics, under Alertmanager's names, read from the machine when asked.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::desk::Desk;
use crate::notifier::{AlertState, Undelivered};
use crate::silence::SilenceState;
use crate::tally::{IntegrationTally, Tally};

/// Shows what the machine counts.
pub struct NotifierMetrics<D>(pub Arc<D>);

/// What a scrape shows, copied while the machine is looked at.
struct Snapshot {
    tally: Tally,
    active: u64,
    suppressed: u64,
    groups: u64,
    silences: [(SilenceState, u64); 3],
    receivers: u64,
    integrations: u64,
    inhibition_rules: u64,
    undelivered: Vec<Undelivered>,
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl<D> fmt::Debug for NotifierMetrics<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotifierMetrics")
    }
}

impl<D: Desk> Collector for NotifierMetrics<D> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        let mut page = Page(encoder);
        page.alerts(&snapshot)?;
        page.notifications(&snapshot.tally)?;
        page.state(&snapshot)?;
        page.undelivered(&snapshot.undelivered)
    }
}

impl<D: Desk> NotifierMetrics<D> {
    fn snapshot(&self) -> Snapshot {
        self.0.read(|notifier, now| {
            let (mut active, mut suppressed) = (0, 0);
            for alert in notifier.alerts(now) {
                match alert.status().state {
                    AlertState::Active => active += 1,
                    AlertState::Suppressed => suppressed += 1,
                }
            }
            let silences = [SilenceState::Active, SilenceState::Pending, SilenceState::Expired];
            let config = notifier.config();
            let receivers = || config.iter().flat_map(|config| config.receivers.values());
            Snapshot {
                tally: notifier.tally().clone(),
                active,
                suppressed,
                groups: notifier.group_count() as u64,
                silences: silences.map(|state| (state, notifier.silence_count(state, now) as u64)),
                receivers: receivers().count() as u64,
                integrations: receivers().map(|receiver| receiver.integrations.len() as u64).sum(),
                inhibition_rules: config.map_or(0, |config| config.inhibit_rules.len() as u64),
                undelivered: notifier.undelivered(now),
            }
        })
    }
}

/// The text being written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels<'l>, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        rows.into_iter().try_for_each(|(labels, value)| ConstCounter::new(value).encode(family.encode_family(&labels)?))
    }

    fn gauges<'l>(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels<'l>, f64)>) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        rows.into_iter().try_for_each(|(labels, value)| ConstGauge::new(value).encode(family.encode_family(&labels)?))
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstGauge::new(value as f64).encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn alerts(&mut self, snapshot: &Snapshot) -> fmt::Result {
        let state = |name| vec![("state", name)];
        let states = [("active", snapshot.active), ("suppressed", snapshot.suppressed), ("unprocessed", 0)];
        self.gauges(
            "alertmanager_alerts",
            "How many alerts by state",
            states.map(|(name, count)| (state(name), count as f64)),
        )?;
        let tally = &snapshot.tally;
        let received = [("firing", tally.alerts_received_firing), ("resolved", tally.alerts_received_resolved)];
        let received = received.map(|(status, count)| (vec![("status", status), ("version", "v2")], count));
        self.counters("alertmanager_alerts_received", "The total number of received alerts", received)?;
        let v2 = || vec![("version", "v2")];
        let invalid = [(v2(), tally.alerts_invalid)];
        self.counters("alertmanager_alerts_invalid", "The total number of received alerts that were invalid", invalid)?;
        self.counters(
            "alertmanager_alerts_limited",
            "Alerts dropped by the limit per alertname",
            [(vec![], tally.alerts_limited)],
        )
    }

    fn notifications(&mut self, tally: &Tally) -> fmt::Result {
        let mut by_kind = |name: &str, help: &str, count: fn(&IntegrationTally) -> u64| {
            self.counters(
                name,
                help,
                tally.integrations.iter().map(|(kind, one)| (vec![("integration", *kind)], count(one))),
            )
        };
        by_kind("alertmanager_notifications", "The total number of attempted notifications", |one| one.notifications)?;
        by_kind("alertmanager_notification_requests", "The total number of attempted notification requests", |one| {
            one.requests
        })?;
        by_kind(
            "alertmanager_notification_requests_failed",
            "The total number of failed notification requests",
            |one| one.requests_failed,
        )?;
        let failed = tally.integrations.iter().flat_map(|(kind, one)| {
            one.failed.iter().map(|(reason, count)| (vec![("integration", *kind), ("reason", *reason)], *count))
        });
        self.counters("alertmanager_notifications_failed", "The total number of failed notifications", failed)?;
        let suppressed = [
            ("silence", tally.suppressed.silence),
            ("inhibition", tally.suppressed.inhibition),
            ("mute_time_interval", tally.suppressed.mute_time_interval),
            ("active_time_interval", tally.suppressed.active_time_interval),
        ];
        let suppressed = suppressed.map(|(reason, count)| (vec![("reason", reason)], count));
        self.counters("alertmanager_notifications_suppressed", "Alerts kept from notifications, by reason", suppressed)
    }

    fn state(&mut self, snapshot: &Snapshot) -> fmt::Result {
        self.gauge(
            "alertmanager_dispatcher_aggregation_groups",
            "Number of active aggregation groups",
            snapshot.groups,
        )?;
        let silences = snapshot.silences.iter().map(|(state, count)| {
            let name = match state {
                SilenceState::Active => "active",
                SilenceState::Pending => "pending",
                SilenceState::Expired => "expired",
            };
            (vec![("state", name)], *count as f64)
        });
        self.gauges("alertmanager_silences", "How many silences by state", silences)?;
        self.gauge("alertmanager_receivers", "Number of configured receivers", snapshot.receivers)?;
        self.gauge("alertmanager_integrations", "Number of configured integrations", snapshot.integrations)?;
        self.gauge("alertmanager_inhibition_rules", "Number of configured inhibition rules", snapshot.inhibition_rules)
    }

    /// What Alertmanager cannot show: who is still to be told, since when.
    fn undelivered(&mut self, undelivered: &[Undelivered]) -> fmt::Result {
        let rows = |value: fn(&Undelivered) -> f64| {
            undelivered.iter().map(move |one| {
                let labels = vec![("receiver", one.receiver.name.as_str()), ("integration", one.integration)];
                (labels, value(one))
            })
        };
        self.gauges(
            "watchfire_notifications_undelivered",
            "Notifications decided on and not yet delivered",
            rows(|one| one.count as f64),
        )?;
        self.gauges(
            "watchfire_notifications_oldest_undelivered_seconds",
            "Age of the oldest notification that is not delivered yet",
            rows(|one| one.oldest.as_secs_f64()),
        )?;
        self.gauges(
            "watchfire_notifications_attempts",
            "Most attempts made at a notification that is not delivered yet",
            rows(|one| f64::from(one.attempts)),
        )
    }
}
