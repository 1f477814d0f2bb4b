//! The families of the notifier's metrics.

use std::fmt;

use exposition::Page;

use super::Snapshot;
use crate::history::HistoryFigures;
use crate::notifier::Undelivered;
use crate::silence::SilenceState;
use crate::tally::{IntegrationTally, Tally};

/// Why a notification may fail, as Alertmanager names it.
const REASONS: [&str; 7] =
    ["other", "clientError", "serverError", "authError", "rateLimited", "contextCanceled", "contextDeadlineExceeded"];

pub(super) fn write(page: &mut Page<'_>, snapshot: &Snapshot) -> fmt::Result {
    alerts(page, snapshot)?;
    notifications(page, &snapshot.tally)?;
    suppressed(page, &snapshot.tally)?;
    silences(page, snapshot)?;
    log(page, snapshot)?;
    configuration(page, snapshot)?;
    cluster(page)?;
    history(page, &snapshot.history)?;
    undelivered(page, &snapshot.undelivered)
}

fn alerts(page: &mut Page<'_>, snapshot: &Snapshot) -> fmt::Result {
    let states = [("active", snapshot.alerts.active), ("suppressed", snapshot.alerts.suppressed), ("unprocessed", 0)];
    let states = states.map(|(state, count)| ([("state", state)], count as f64));
    page.gauges("alertmanager_alerts", "Alerts by state", states)?;
    let tally = &snapshot.tally;
    let received = [("firing", tally.alerts_received_firing), ("resolved", tally.alerts_received_resolved)];
    let received = received.map(|(status, count)| ([("status", status), ("version", "v2")], count));
    page.counters("alertmanager_alerts_received", "Alerts received", received)?;
    let invalid = [([("version", "v2")], tally.alerts_invalid)];
    page.counters("alertmanager_alerts_invalid", "Alerts received that were invalid", invalid)?;
    page.counter("alertmanager_alerts_limited", "Alerts dropped by the limit per alertname", tally.alerts_limited)?;
    held(page, snapshot)?;
    let limit = snapshot.alerts_per_name_max as f64;
    page.gauge("alertmanager_alerts_per_alert_limit", "The limit per alertname; 0 is none", limit)?;
    page.gauge("alertmanager_dispatcher_aggregation_groups", "Aggregation groups", snapshot.groups as f64)?;
    let help = "Alerts dropped by a limit of groups; there is none";
    page.counter("alertmanager_dispatcher_aggregation_group_limit_reached", help, 0_u64)
}

/// What is kept of alerts, and what of them was refused.
fn held(page: &mut Page<'_>, snapshot: &Snapshot) -> fmt::Result {
    let tally = &snapshot.tally;
    let help = "New alerts refused because there are as many as there may be";
    page.counter("watchfire_alerts_refused", help, tally.alerts_refused)?;
    let help = "Alerts whose annotations were cut off, or not taken for their length";
    page.counter("watchfire_alerts_cut", help, tally.alerts_cut)?;
    let (count, bytes) = snapshot.alerts_held;
    page.gauge("watchfire_alerts_held", "Alerts in memory, resolved ones too", count as f64)?;
    page.gauge("watchfire_alerts_held_bytes", "Bytes of their texts as they were posted", bytes as f64)?;
    // 0 is none, as on the command line.
    let limit = Some(snapshot.book.alerts_max).filter(|limit| *limit < usize::MAX).unwrap_or_default();
    page.gauge("watchfire_alerts_held_limit", "The most alerts there may be; 0 is no limit", limit as f64)?;
    let limit = Some(snapshot.book.text_bytes_max).filter(|limit| *limit < u64::MAX).unwrap_or_default();
    page.gauge("watchfire_alerts_held_limit_bytes", "The most bytes there may be; 0 is no limit", limit as f64)
}

/// A family with one row a kind of integration.
type Column = (&'static str, &'static str, fn(&IntegrationTally) -> u64);

const BY_INTEGRATION: [Column; 4] = [
    ("watchfire_notification_digests", "Digests sent, attempts counted", |one| one.digests),
    ("alertmanager_notifications", "Notifications decided on", |one| one.notifications),
    ("alertmanager_notification_requests", "Attempts to send notifications", |one| one.requests),
    ("alertmanager_notification_requests_failed", "Attempts that failed", |one| one.requests_failed),
];

fn notifications(page: &mut Page<'_>, tally: &Tally) -> fmt::Result {
    let kinds = || tally.integrations.iter();
    for (name, help, count) in BY_INTEGRATION {
        page.counters(name, help, kinds().map(|(kind, one)| ([("integration", *kind)], count(one))))?;
    }
    let failed = kinds().flat_map(|(kind, one)| {
        let count = |reason| one.failed.get(reason).copied().unwrap_or_default();
        REASONS.map(|reason| ([("integration", *kind), ("reason", reason)], count(reason)))
    });
    page.counters("alertmanager_notifications_failed", "Notifications given up, by reason", failed)?;
    page.histograms(
        "watchfire_alert_first_delivery_seconds",
        "Time from an alert's start to the first delivery that told of it",
        kinds().map(|(kind, one)| ([("integration", *kind)], &one.first_told)),
    )
}

fn suppressed(page: &mut Page<'_>, tally: &Tally) -> fmt::Result {
    let suppressed = [
        ("silence", tally.suppressed.silence),
        ("inhibition", tally.suppressed.inhibition),
        ("mute_time_interval", tally.suppressed.mute_time_interval),
        ("active_time_interval", tally.suppressed.active_time_interval),
    ];
    let suppressed = suppressed.map(|(reason, count)| ([("reason", reason)], count));
    page.counters("alertmanager_notifications_suppressed", "Alerts kept from notifications, by reason", suppressed)
}

fn silences(page: &mut Page<'_>, snapshot: &Snapshot) -> fmt::Result {
    let rows = |counts: [(SilenceState, u64); 3]| counts.map(|(state, n)| ([("state", state.as_str())], n as f64));
    let silences = rows(snapshot.silences);
    page.gauges("alertmanager_silences", "Silences by state", silences)?;
    let all: u64 = snapshot.silences.iter().map(|(_, count)| count).sum();
    page.gauge("alertmanager_silences_state_size", "Silences of any state", all as f64)?;
    let recurring = rows(snapshot.maintenances);
    page.gauges("watchfire_silence_schedules", "Recurring silences by state", recurring)?;
    let waiting = snapshot.vigils as f64;
    page.gauge("watchfire_silences_until_resolved", "Silences that end when their last alert resolves", waiting)?;
    let tally = &snapshot.tally;
    page.counter("alertmanager_silences_queries", "Alerts looked up among the silences", tally.silence_queries)?;
    page.counter("alertmanager_silences_query_errors", "Look-ups that failed; they cannot", 0_u64)?;
    page.counter("alertmanager_silences_maintenance", "Removals of what is past its retention", tally.maintenances)?;
    page.counter("alertmanager_silences_maintenance_errors", "Removals that failed; they cannot", 0_u64)?;
    page.counter("alertmanager_silences_gossip_messages_propagated", "There is no gossip", 0_u64)
}

fn log(page: &mut Page<'_>, snapshot: &Snapshot) -> fmt::Result {
    let tally = &snapshot.tally;
    page.counter("alertmanager_nflog_queries", "Look-ups in the notification log", tally.log_queries)?;
    page.counter("alertmanager_nflog_query_errors", "Look-ups that failed; they cannot", 0_u64)?;
    page.counter("alertmanager_nflog_maintenance", "Removals of what is past its retention", tally.maintenances)?;
    page.counter("alertmanager_nflog_maintenance_errors", "Removals that failed; they cannot", 0_u64)?;
    page.counter("alertmanager_nflog_gossip_messages_propagated", "There is no gossip", 0_u64)?;
    let entries = snapshot.log_entries as f64;
    page.gauge("watchfire_notification_log_entries", "Groups and integrations the notification log remembers", entries)
}

fn configuration(page: &mut Page<'_>, snapshot: &Snapshot) -> fmt::Result {
    let config = snapshot.config.as_ref();
    let receivers = || config.iter().flat_map(|config| config.receivers.values());
    let integrations: usize = receivers().map(|receiver| receiver.integrations.len()).sum();
    let inhibition_rules = config.map_or(0, |config| config.inhibit_rules.len());
    page.gauge("alertmanager_config_hash", "Digest of the loaded configuration", snapshot.config_hash())?;
    page.gauge("alertmanager_receivers", "Configured receivers", receivers().count() as f64)?;
    page.gauge("alertmanager_integrations", "Configured integrations", integrations as f64)?;
    page.gauge("alertmanager_inhibition_rules", "Configured inhibition rules", inhibition_rules as f64)
}

/// What a single node shows, so that dashboards and alerts about clusters stay quiet.
fn cluster(page: &mut Page<'_>) -> fmt::Result {
    let gauges = [
        ("alertmanager_cluster_enabled", "Whether there is a cluster: never", 0.0),
        ("alertmanager_cluster_members", "Members of the cluster: this one", 1.0),
        ("alertmanager_cluster_failed_peers", "Failed peers: there are no peers", 0.0),
        ("alertmanager_cluster_health_score", "0 is healthy", 0.0),
        ("alertmanager_cluster_messages_queued", "Messages waiting: there is no gossip", 0.0),
        ("alertmanager_peer_position", "Position among the peers: the first", 0.0),
    ];
    gauges.into_iter().try_for_each(|(name, help, value)| page.gauge(name, help, value))
}

/// How much is remembered of who was told what.
fn history(page: &mut Page<'_>, history: &HistoryFigures) -> fmt::Result {
    page.gauge("watchfire_history_events", "Events of the history that are kept", history.events as f64)?;
    page.gauge("watchfire_history_bytes", "Size of the history as stored", history.bytes as f64)?;
    page.gauge("watchfire_history_limit_bytes", "The most it may be", history.bytes_max as f64)?;
    page.gauge("watchfire_history_oldest_seconds", "Age of the oldest event", history.oldest.as_secs_f64())?;
    page.counter("watchfire_history_noted", "Events noted", history.tally.noted)?;
    let dropped = [("retention", history.tally.expired), ("size", history.tally.displaced)];
    let dropped = dropped.map(|(reason, count)| ([("reason", reason)], count));
    page.counters("watchfire_history_dropped", "Events dropped, by reason", dropped)
}

/// What Alertmanager cannot show: who is still to be told, since when.
fn undelivered(page: &mut Page<'_>, undelivered: &[Undelivered]) -> fmt::Result {
    let rows = |value: fn(&Undelivered) -> f64| {
        undelivered
            .iter()
            .map(move |one| ([("receiver", one.receiver.name.as_str()), ("integration", one.integration)], value(one)))
    };
    page.gauges(
        "watchfire_notifications_undelivered",
        "Notifications decided on and not yet delivered",
        rows(|one| one.count as f64),
    )?;
    page.gauges(
        "watchfire_notifications_gathered",
        "Of these, notifications beyond the rate of their receiver, which wait for a digest or their turn",
        rows(|one| one.gathered as f64),
    )?;
    page.gauges(
        "watchfire_notifications_oldest_undelivered_seconds",
        "Age of the oldest notification that is not delivered yet",
        rows(|one| one.oldest.as_secs_f64()),
    )?;
    page.gauges(
        "watchfire_notifications_attempts",
        "Most attempts made at a notification that is not delivered yet",
        rows(|one| f64::from(one.attempts)),
    )
}
