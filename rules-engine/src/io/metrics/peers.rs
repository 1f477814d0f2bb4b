//! Query sources and remote write: what was asked of whom, what waits, what was lost.

use std::fmt;

use exposition::Page;

use super::super::query_api::SourceTally;
use super::super::write_queue::QueueTally;
use super::super::write_samples::WriteTally;
use super::Column;
use crate::failover::Server;

const SERVER_COUNTERS: [Column<Server, u64>; 2] = [
    ("watchfire_rules_query_requests", "Queries sent to a server of a source", |server| server.requests),
    ("watchfire_rules_query_requests_failed", "Queries that the server did not answer as it should", |server| {
        server.failures
    }),
];

/// Under the names of Prometheus' own remote write, which its dashboards and alerts ask for.
const STORAGE_COUNTERS: [Column<WriteTally, u64>; 4] = [
    ("prometheus_remote_storage_samples", "Samples sent, those that were refused included", |tally| {
        tally.written + tally.refused
    }),
    ("prometheus_remote_storage_samples_failed", "Samples that the target refused", |tally| tally.refused),
    ("prometheus_remote_storage_samples_retried", "Samples in requests that had to be sent again", |tally| {
        tally.retried
    }),
    ("prometheus_remote_storage_bytes", "Bytes of samples sent, compressed", |tally| tally.bytes),
];

const WRITE_COUNTERS: [Column<WriteTally, u64>; 4] = [
    ("watchfire_rules_remote_write_samples", "Samples that were written", |tally| tally.written),
    ("watchfire_rules_remote_write_samples_refused", "Samples that the target refused", |tally| tally.refused),
    ("watchfire_rules_remote_write_requests", "Write requests", |tally| tally.requests),
    ("watchfire_rules_remote_write_requests_failed", "Write requests without success", |tally| tally.failures),
];

const QUEUE_GAUGES: [Column<QueueTally, f64>; 2] = [
    ("watchfire_rules_remote_write_queue_bytes", "Bytes of samples that wait, about", |queue| queue.bytes as f64),
    ("watchfire_rules_remote_write_queue_capacity_bytes", "Most bytes that may wait", |queue| queue.bytes_max as f64),
];

/// The label that names a query source.
const SOURCE: &str = "source";
/// The label that names a server of it.
const URL: &str = "url";
/// The label that names a write target.
const TARGET: &str = "target";
/// The same under Prometheus' name for it.
const REMOTE_NAME: &str = "remote_name";
/// The label that says why samples were dropped.
const REASON: &str = "reason";

pub(super) fn write_sources(page: &mut Page<'_>, sources: &[SourceTally]) -> fmt::Result {
    let servers =
        || sources.iter().flat_map(|source| source.servers.iter().map(|server| (source.name.as_str(), server)));
    let labelled = || servers().map(|(source, server)| ([(SOURCE, source), (URL, server.url.as_str())], server));
    for (name, help, value) in SERVER_COUNTERS {
        page.counters(name, help, labelled().map(|(labels, server)| (labels, value(server))))?;
    }
    let help = "Whether the last query to the server was answered";
    let up = labelled().map(|(labels, server)| (labels, if server.failures_in_a_row == 0 { 1.0 } else { 0.0 }));
    page.gauges("watchfire_rules_query_server_up", help, up)?;
    let known = sources.iter().map(|source| ([(SOURCE, source.name.as_str())], source.known_series as f64));
    page.gauges("watchfire_rules_query_known_series", "Series recognised by the bytes they have in answers", known)
}

pub(super) fn write_writers(page: &mut Page<'_>, writers: &[(String, WriteTally)]) -> fmt::Result {
    let labelled = || writers.iter().map(|(target, tally)| ([(TARGET, target.as_str())], tally));
    for (name, help, value) in WRITE_COUNTERS {
        page.counters(name, help, labelled().map(|(labels, tally)| (labels, value(tally))))?;
    }
    let by_remote = || writers.iter().map(|(target, tally)| ([(REMOTE_NAME, target.as_str())], tally));
    for (name, help, value) in STORAGE_COUNTERS {
        page.counters(name, help, by_remote().map(|(labels, tally)| (labels, value(tally))))?;
    }
    let help = "The newest sample that was written";
    let newest = by_remote().map(|(labels, tally)| (labels, tally.newest_ms as f64 / 1000.0));
    page.gauges("prometheus_remote_storage_queue_highest_sent_timestamp_seconds", help, newest)
}

pub(super) fn write_queues(page: &mut Page<'_>, queues: &[(String, QueueTally)]) -> fmt::Result {
    for (name, help, value) in QUEUE_GAUGES {
        page.gauges(name, help, queues.iter().map(|(target, queue)| ([(TARGET, target.as_str())], value(queue))))?;
    }
    let pending = queues.iter().map(|(target, queue)| ([(REMOTE_NAME, target.as_str())], queue.samples as f64));
    page.gauges("prometheus_remote_storage_samples_pending", "Samples that wait", pending)?;
    let dropped = queues.iter().flat_map(|(target, queue)| {
        let losses = [("full", queue.losses.overflowed), ("too_old", queue.losses.outdated)];
        losses.map(|(reason, count)| ([(REMOTE_NAME, target.as_str()), (REASON, reason)], count))
    });
    page.counters("prometheus_remote_storage_samples_dropped", "Samples that waited and were dropped", dropped)?;
    let unreadable = queues.iter().map(|(target, queue)| ([(TARGET, target.as_str())], queue.losses.unreadable));
    let help = "Records of waiting samples that could not be read";
    page.counters("watchfire_rules_remote_write_records_unreadable", help, unreadable)
}
