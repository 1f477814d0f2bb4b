//! The metrics: Alertmanager's names and labels, each shown or accounted for, and all of them documented.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::conditions::eventually;
use crate::peers::{ALERTMANAGER, Process, client, free_port, installed, ready};
use crate::stage::Watchfire;

/// Debian's promtool.
const PROMTOOL: &str = "promtool";

const CONFIG: &str = "route: {receiver: hook, group_wait: 0s}\n\
                      receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]\n";

/// What Alertmanager 0.34 shows and so do we, with the labels of each.
const SHOWN: &[(&str, &[&str])] = &[
    ("alertmanager_alerts", &["state"]),
    ("alertmanager_alerts_invalid_total", &["version"]),
    ("alertmanager_alerts_limited_total", &[]),
    ("alertmanager_alerts_per_alert_limit", &[]),
    ("alertmanager_alerts_received_total", &["status", "version"]),
    ("alertmanager_build_info", &["branch", "goversion", "revision", "version"]),
    ("alertmanager_cluster_enabled", &[]),
    ("alertmanager_cluster_failed_peers", &[]),
    ("alertmanager_cluster_health_score", &[]),
    ("alertmanager_cluster_members", &[]),
    ("alertmanager_cluster_messages_queued", &[]),
    ("alertmanager_config_hash", &[]),
    ("alertmanager_config_last_reload_success_timestamp_seconds", &[]),
    ("alertmanager_config_last_reload_successful", &[]),
    ("alertmanager_dispatcher_aggregation_group_limit_reached_total", &[]),
    ("alertmanager_dispatcher_aggregation_groups", &[]),
    ("alertmanager_dispatcher_alert_processing_duration_seconds", &[]),
    ("alertmanager_http_concurrency_limit_exceeded_total", &["method"]),
    ("alertmanager_http_request_duration_seconds", &["code", "handler", "method"]),
    ("alertmanager_http_requests_in_flight", &["method"]),
    ("alertmanager_http_response_size_bytes", &["handler", "method"]),
    ("alertmanager_inhibition_rules", &[]),
    ("alertmanager_integrations", &[]),
    ("alertmanager_nflog_gossip_messages_propagated_total", &[]),
    ("alertmanager_nflog_maintenance_errors_total", &[]),
    ("alertmanager_nflog_maintenance_total", &[]),
    ("alertmanager_nflog_queries_total", &[]),
    ("alertmanager_nflog_query_errors_total", &[]),
    ("alertmanager_notification_latency_seconds", &["integration"]),
    ("alertmanager_notification_requests_failed_total", &["integration"]),
    ("alertmanager_notification_requests_total", &["integration"]),
    ("alertmanager_notifications_failed_total", &["integration", "reason"]),
    ("alertmanager_notifications_suppressed_total", &["reason"]),
    ("alertmanager_notifications_total", &["integration"]),
    ("alertmanager_peer_position", &[]),
    ("alertmanager_receivers", &[]),
    ("alertmanager_silences", &["state"]),
    ("alertmanager_silences_gossip_messages_propagated_total", &[]),
    ("alertmanager_silences_maintenance_errors_total", &[]),
    ("alertmanager_silences_maintenance_total", &[]),
    ("alertmanager_silences_queries_total", &[]),
    ("alertmanager_silences_query_errors_total", &[]),
    ("alertmanager_silences_state_size", &[]),
    ("process_cpu_seconds_total", &[]),
    ("process_max_fds", &[]),
    ("process_open_fds", &[]),
    ("process_resident_memory_bytes", &[]),
    ("process_start_time_seconds", &[]),
    ("process_virtual_memory_bytes", &[]),
];

/// What it shows and we do not; `docs/metrics.md` says why. A star stands for the rest of the name.
const NOT_SHOWN: &[&str] = &[
    "alertmanager_alerts_subscriber_channel_writes_total",
    "alertmanager_cluster_alive_messages_total",
    "alertmanager_cluster_messages_*",
    "alertmanager_cluster_peer_info",
    "alertmanager_cluster_peer_name_conflicts_total",
    "alertmanager_cluster_peers_*",
    "alertmanager_cluster_pings_seconds",
    "alertmanager_cluster_reconnections_*",
    "alertmanager_cluster_refresh_join_*",
    "alertmanager_dispatcher_aggregation_group_creation_given_up_total",
    "alertmanager_dispatcher_aggregation_group_creation_retries_total",
    "alertmanager_event*",
    "alertmanager_marked_alerts",
    "alertmanager_nflog_gc_duration_seconds",
    "alertmanager_nflog_query_duration_seconds",
    "alertmanager_nflog_snapshot_duration_seconds",
    "alertmanager_nflog_snapshot_size_bytes",
    "alertmanager_oversize*_gossip_message_*",
    "alertmanager_silences_gc_duration_seconds",
    "alertmanager_silences_gc_errors_total",
    "alertmanager_silences_matcher_compile_errors_total",
    "alertmanager_silences_matcher_index_size",
    "alertmanager_silences_query_duration_seconds",
    "alertmanager_silences_query_silences_scanned_total",
    "alertmanager_silences_query_silences_skipped_total",
    "alertmanager_silences_snapshot_duration_seconds",
    "alertmanager_silences_snapshot_size_bytes",
    "alertmanager_silences_version_index_size",
    "alertmanager_tls_transport_*",
];

/// What no other program shows, and one must be able to rely on.
const OURS: &[&str] = &[
    "watchfire_alert_first_delivery_seconds",
    "watchfire_delivery_lane_requests",
    "watchfire_delivery_lane_waiting",
    "watchfire_notification_log_entries",
    "watchfire_notifications_attempts",
    "watchfire_notifications_degraded_total",
    "watchfire_notifications_oldest_undelivered_seconds",
    "watchfire_notifications_undelivered",
    "watchfire_store_bytes",
];

/// Families by name, with the names of their labels but for those of buckets and quantiles.
fn families(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut families: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').next()) {
            families.entry(name.to_owned()).or_default();
        }
        let (Some((name, rest)), false) = (line.split_once('{'), line.starts_with('#')) else { continue };
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let name = base.filter(|base| families.contains_key(*base)).unwrap_or(name);
        let labels = rest.split("\",").filter_map(|pair| pair.split_once("=\"")).map(|(label, _)| label);
        let labels = labels.filter(|label| !["le", "quantile"].contains(label)).map(str::to_owned);
        families.entry(name.to_owned()).or_default().extend(labels);
    }
    families
}

fn is_not_shown(name: &str) -> bool {
    let fits =
        |pattern: &str| {
            let mut parts = pattern.split('*');
            let rest = name.strip_prefix(parts.next().unwrap_or_default());
            rest.is_some_and(|rest| {
                if pattern.contains('*') { parts.all(|part| rest.contains(part)) } else { rest.is_empty() }
            })
        };
    NOT_SHOWN.iter().any(|pattern| fits(pattern))
}

fn promtool_takes(page: &str) -> bool {
    let mut child = Command::new(PROMTOOL).args(["check", "metrics"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    child.wait().unwrap().success()
}

/// A page of ours after an attempt at a delivery.
async fn our_page() -> (Watchfire, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alertmanager.yml");
    std::fs::write(&path, CONFIG).unwrap();
    let args = [format!("--config.file={}", path.display()), "--storage.path=".to_owned()];
    let ours = Watchfire::start("notifier", &args).await;
    super::populate(&ours.url).await;
    let page = eventually("an attempt was made", Duration::from_secs(20), || async {
        let answer = client().get(format!("{}/metrics", ours.url)).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        Some(answer.text().await.unwrap()).filter(|page| page.contains("watchfire_delivery_lane_requests{"))
    })
    .await;
    (ours, page)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_has_alertmanagers_name_and_labels() {
    let (_ours, page) = our_page().await;
    let families = families(&page);
    for (name, labels) in SHOWN {
        let labels: BTreeSet<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(families.get(*name), Some(&labels), "{name}");
    }
    let missing: Vec<_> = OURS.iter().filter(|name| !families.contains_key(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let listed = |name: &str| SHOWN.iter().any(|(shown, _)| *shown == name);
    let unlisted: Vec<_> = families.keys().filter(|name| name.starts_with("alertmanager_") && !listed(name)).collect();
    assert!(unlisted.is_empty(), "not in the list: {unlisted:?}");
    // what scripts and dashboards ask for word by word
    for line in [
        "alertmanager_http_requests_in_flight{method=\"get\"} 1",
        "alertmanager_http_request_duration_seconds_bucket{le=\"0.05\",handler=\"/api/v2/alerts\",method=\"post\",code=\"200\"}",
        "alertmanager_http_response_size_bytes_count{handler=\"/api/v2/silence/{silenceID}\",method=\"delete\"}",
        "alertmanager_notification_latency_seconds_bucket{le=\"1\",integration=\"webhook\"}",
        "alertmanager_notifications_failed_total{integration=\"webhook\",reason=\"clientError\"}",
        "alertmanager_dispatcher_alert_processing_duration_seconds_count 3",
    ] {
        assert!(page.lines().any(|shown| shown.starts_with(line)), "{line} in\n{page}");
    }
    if installed("every_metric_has_alertmanagers_name_and_labels", &[PROMTOOL]) {
        assert!(promtool_takes(&page), "promtool check metrics: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_documented() {
    let (_ours, page) = our_page().await;
    let documented = std::fs::read_to_string(crate::peers::root().join("docs/metrics.md")).unwrap();
    let named = |name: &&str| documented.contains(&format!("`{name}`"));
    let families = families(&page);
    let unknown: Vec<_> = families.keys().map(String::as_str).filter(|name| !named(name)).collect();
    assert!(unknown.is_empty(), "not in docs/metrics.md: {unknown:#?}");
    let unexplained: Vec<_> = NOT_SHOWN.iter().filter(|name| !named(name)).collect();
    assert!(unexplained.is_empty(), "not explained in docs/metrics.md: {unexplained:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_debians_alertmanager_is_listed() {
    if !installed("every_metric_of_debians_alertmanager_is_listed", &[ALERTMANAGER]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alertmanager.yml");
    std::fs::write(&path, CONFIG).unwrap();
    let (port, cluster) = (free_port(), free_port());
    let _alertmanager = Process::start(
        ALERTMANAGER,
        Command::new(ALERTMANAGER)
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // with a cluster, so that its metrics are seen too
            .arg(format!("--cluster.listen-address=127.0.0.1:{cluster}")),
    );
    let url = format!("http://127.0.0.1:{port}");
    ready(&format!("{url}/-/ready")).await;
    let page = client().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let theirs = families(&page);
    assert!(theirs.len() > 60, "{theirs:?}");
    let mut wrong = Vec::new();
    for (name, labels) in theirs.iter().filter(|(name, _)| name.starts_with("alertmanager_")) {
        match SHOWN.iter().find(|(shown, _)| shown == name) {
            // labels may have come since 0.25; build_info tells of Go's platform
            Some((_, ours)) => {
                let lost = labels.iter().filter(|label| !ours.contains(&label.as_str()));
                let lost: Vec<_> = lost.filter(|label| !["goarch", "goos", "tags"].contains(&label.as_str())).collect();
                if !lost.is_empty() {
                    wrong.push(format!("{name} has {lost:?}"));
                }
            }
            None if is_not_shown(name) => {}
            None => wrong.push(format!("{name}{labels:?} is in neither list")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
