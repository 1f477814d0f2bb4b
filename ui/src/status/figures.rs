//! Figures of stores, queues and deliveries, as the metrics have them: one source for scrapes and for people.

use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

use crate::moment::{Moment, lasting};
use crate::plot::unit::Unit;
use crate::shown::{SHORT, shown};

/// Series of one metric that are shown.
const SERIES_MAX: usize = 50;

/// How a figure is written.
#[derive(Clone, Copy)]
enum Kind {
    Count,
    Bytes,
    /// A duration in seconds.
    Lasts,
    /// An instant in seconds since 1970.
    At,
    YesNo,
}

/// Above or below what somebody should look.
#[derive(Clone, Copy)]
enum Bad {
    Never,
    Above(f64),
    /// Where it is 0.
    Zero,
}

/// Of these only the series that are not 0 are shown, where any is.
const HUSHED: [&str; 4] = [
    "watchfire_notifications_undelivered",
    "watchfire_notifications_oldest_undelivered_seconds",
    "watchfire_notifications_gathered",
    "watchfire_delivery_lane_waiting",
];

type Line = (&'static str, &'static str, Kind, Bad);

const SECTIONS: &[(&str, &[Line])] = &[
    (
        "Alerts and silences",
        &[
            ("Alerts", "alertmanager_alerts", Kind::Count, Bad::Never),
            ("Alerts of rules", "watchfire_rules_alerts", Kind::Count, Bad::Never),
            ("Groups", "alertmanager_dispatcher_aggregation_groups", Kind::Count, Bad::Never),
            ("Silences", "alertmanager_silences", Kind::Count, Bad::Never),
            ("Recurring silences", "watchfire_silence_schedules", Kind::Count, Bad::Never),
        ],
    ),
    (
        "Deliveries",
        &[
            ("Not delivered yet", "watchfire_notifications_undelivered", Kind::Count, Bad::Never),
            ("Oldest of them", "watchfire_notifications_oldest_undelivered_seconds", Kind::Lasts, Bad::Above(300.0)),
            ("Waiting for a digest or their turn", "watchfire_notifications_gathered", Kind::Count, Bad::Never),
            ("Attempts", "alertmanager_notification_requests_total", Kind::Count, Bad::Never),
            ("Failed attempts", "alertmanager_notification_requests_failed_total", Kind::Count, Bad::Above(0.0)),
            (
                "In plain form, as a template failed",
                "watchfire_notifications_degraded_total",
                Kind::Count,
                Bad::Above(0.0),
            ),
            ("Waiting for a place in their lane", "watchfire_delivery_lane_waiting", Kind::Count, Bad::Above(100.0)),
        ],
    ),
    (
        "Store",
        &[
            ("Records", "watchfire_store_records", Kind::Count, Bad::Never),
            ("On disk", "watchfire_store_bytes", Kind::Bytes, Bad::Never),
            ("Waiting for the writer", "watchfire_store_queue_length", Kind::Count, Bad::Above(500.0)),
            ("At most", "watchfire_store_queue_capacity", Kind::Count, Bad::Never),
            ("Not written yet", "watchfire_store_backlog_bytes", Kind::Bytes, Bad::Above(0.0)),
            ("Flushes that failed", "watchfire_store_failures_total", Kind::Count, Bad::Above(0.0)),
            ("Changes dropped", "watchfire_store_dropped_total", Kind::Count, Bad::Above(0.0)),
            ("Damaged data set aside", "watchfire_store_recoveries_total", Kind::Count, Bad::Above(0.0)),
            ("Events of the history", "watchfire_history_events", Kind::Count, Bad::Never),
            ("Their size", "watchfire_history_bytes", Kind::Bytes, Bad::Never),
            ("At most", "watchfire_history_limit_bytes", Kind::Bytes, Bad::Never),
            ("The oldest", "watchfire_history_oldest_seconds", Kind::Lasts, Bad::Never),
        ],
    ),
    (
        "Queues of the rule service",
        &[
            ("Notifiers", "prometheus_notifications_alertmanagers_discovered", Kind::Count, Bad::Never),
            ("Alerts waiting for a notifier", "prometheus_notifications_queue_length", Kind::Count, Bad::Above(1000.0)),
            ("At most", "prometheus_notifications_queue_capacity", Kind::Count, Bad::Never),
            ("Alerts dropped", "prometheus_notifications_dropped_total", Kind::Count, Bad::Above(0.0)),
            ("Query server answers", "watchfire_rules_query_server_up", Kind::YesNo, Bad::Zero),
            ("Samples waiting to be written", "prometheus_remote_storage_samples_pending", Kind::Count, Bad::Never),
            ("Their size, about", "watchfire_rules_remote_write_queue_bytes", Kind::Bytes, Bad::Never),
            ("At most", "watchfire_rules_remote_write_queue_capacity_bytes", Kind::Bytes, Bad::Never),
        ],
    ),
    (
        "Cluster",
        &[
            ("Peers, this one included", "alertmanager_cluster_members", Kind::Count, Bad::Never),
            ("Failed peers", "alertmanager_cluster_failed_peers", Kind::Count, Bad::Above(0.0)),
        ],
    ),
    (
        "Process",
        &[
            ("Started", "process_start_time_seconds", Kind::At, Bad::Never),
            (
                "Notifier's configuration loaded",
                "alertmanager_config_last_reload_success_timestamp_seconds",
                Kind::At,
                Bad::Never,
            ),
            ("The last attempt worked", "alertmanager_config_last_reload_successful", Kind::YesNo, Bad::Zero),
            (
                "Rules' configuration loaded",
                "prometheus_config_last_reload_success_timestamp_seconds",
                Kind::At,
                Bad::Never,
            ),
            ("The last attempt worked", "prometheus_config_last_reload_successful", Kind::YesNo, Bad::Zero),
            ("Memory", "process_resident_memory_bytes", Kind::Bytes, Bad::Never),
            ("Processor time", "process_cpu_seconds_total", Kind::Lasts, Bad::Never),
            ("Open files and sockets", "process_open_fds", Kind::Count, Bad::Never),
            ("Threads", "watchfire_process_threads", Kind::Count, Bad::Never),
        ],
    ),
];

/// Figures that belong together.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Section {
    title: &'static str,
    figures: Vec<Figure>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Figure {
    what: &'static str,
    values: Vec<Figured>,
    more: usize,
}

#[derive(Debug, PartialEq, Serialize)]
struct Figured {
    /// Labels of the series; empty where it has none.
    of: String,
    text: String,
    at: Option<Moment>,
    is_bad: bool,
}

/// What the metrics, in the text format, say; sections that have nothing are left out.
pub(super) fn sections(metrics: &str, now: Timestamp) -> Vec<Section> {
    let samples: Vec<(&str, &str, f64)> = metrics.lines().filter_map(sample).collect();
    let figure = |line: &Line| {
        let (what, metric, kind, bad) = *line;
        let is_hushed = HUSHED.contains(&metric);
        let of_metric = samples.iter().filter(|(name, _, value)| *name == metric && (!is_hushed || *value != 0.0));
        let count = of_metric.clone().count();
        let values = of_metric.take(SERIES_MAX).map(|(_, labels, value)| figured(labels, *value, kind, bad, now));
        let mut values: Vec<Figured> = values.collect();
        if is_hushed && count == 0 && samples.iter().any(|(name, ..)| *name == metric) {
            values.push(figured("", 0.0, kind, bad, now));
        }
        Figure { what, values, more: count.saturating_sub(SERIES_MAX) }
    };
    let section = |(title, lines): &(&'static str, &[Line])| Section {
        title,
        figures: lines.iter().map(figure).filter(|figure| !figure.values.is_empty()).collect(),
    };
    SECTIONS.iter().map(section).filter(|section| !section.figures.is_empty()).collect()
}

/// `name{labels} value` as its three parts.
fn sample(line: &str) -> Option<(&str, &str, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    Some((name, labels, value.parse().ok()?))
}

fn figured(labels: &str, value: f64, kind: Kind, bad: Bad, now: Timestamp) -> Figured {
    let is_bad = match bad {
        Bad::Never => false,
        Bad::Above(most) => value > most,
        Bad::Zero => value == 0.0,
    };
    let seconds = Duration::try_from_secs_f64(value.max(0.0)).unwrap_or_default();
    let (text, at) = match kind {
        Kind::Count => (counted(value), None),
        Kind::Bytes => (Unit::Bytes.shown(value, 0.0), None),
        Kind::Lasts => (lasting(seconds), None),
        Kind::At => {
            let at = Timestamp::EPOCH.plus(seconds);
            (format!("{} ago", lasting(now.since(at))), Some(Moment(at)))
        }
        Kind::YesNo => ((if value == 0.0 { "no" } else { "yes" }).to_owned(), None),
    };
    Figured { of: shown(&values_of(labels), SHORT), text, at, is_bad }
}

/// `state="active",index="0"` as `active · 0`.
fn values_of(labels: &str) -> String {
    let values = labels.split("\",").map(|pair| pair.split_once("=\"").map_or(pair, |(_, value)| value));
    values.map(|value| value.trim_end_matches('"')).collect::<Vec<_>>().join(" · ")
}

/// Whole numbers in groups of three.
fn counted(value: f64) -> String {
    let digits = format!("{value:.0}");
    let grouped = digits.as_bytes().rchunks(3).rev().map(|three| String::from_utf8_lossy(three).into_owned());
    grouped.collect::<Vec<_>>().join("\u{202f}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_metrics() {
        let metrics = "# TYPE watchfire_store_bytes gauge\nwatchfire_store_bytes 2097152\nwatchfire_store_failures_total 2\n\
            alertmanager_alerts{state=\"active\"} 30000\nalertmanager_alerts{state=\"suppressed\"} 1\nunknown 3\n\
            process_start_time_seconds 100.5\nwatchfire_rules_query_server_up{source=\"a\",url=\"http://h/?x={y}\"} 0\nbroken\n";
        let sections = sections(metrics, Timestamp::from_secs(160));
        let shown: Vec<String> = sections
            .iter()
            .flat_map(|section| {
                section.figures.iter().flat_map(|figure| figure.values.iter().map(move |value| (figure, value)))
            })
            .map(|(figure, value)| format!("{} [{}] {} {}", figure.what, value.of, value.text, value.is_bad))
            .collect();
        let expected = [
            "Alerts [active] 30\u{202f}000 false",
            "Alerts [suppressed] 1 false",
            "On disk [] 2MiB false",
            "Flushes that failed [] 2 true",
            "Query server answers [a · http://h/?x={y}] no true",
            "Started [] 59s ago false",
        ];
        assert_eq!(shown.iter().map(|line| line.replace(" MiB", "MiB")).collect::<Vec<_>>(), expected);
    }
}
