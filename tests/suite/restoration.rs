//! `for` timers that nothing but `ALERTS_FOR_STATE` in a real Prometheus remembers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Timestamp;
use serde_json::Value;

use crate::conditions::{eventually, unix_now};
use crate::peers::{PROMETHEUS, get_json, installed, prometheus};
use crate::stage::{Members, Watchfire};

const SOON: Duration = Duration::from_secs(30);
/// The past is looked through in steps of a second.
const PAST: &str = "4m";

fn rules(folder: &Path) -> PathBuf {
    let path = folder.join("restored.yml");
    let text = "groups:
- name: restored
  interval: 1s
  rules:
  - alert: Crowded
    expr: sum by (pod) (stream_clients_clients) > 1000
    for: 1h
    labels: {severity: page, size: '{{ $value }}', empty: ''}
    annotations: {summary: '{{ $labels.pod }}'}
";
    std::fs::write(&path, text).unwrap();
    path
}

/// A rule service with a store of its own.
async fn start(folder: &Path, store: &str, query: &str, tolerance: &str) -> Watchfire {
    let args = [
        format!("--rule.file={}", rules(folder).display()),
        format!("--query.url={query}"),
        format!("--remote-write.url={query}/api/v1/write"),
        format!("--storage.path={}", folder.join(store).display()),
        "--rules.alert.for-grace-period=1s".to_owned(),
        format!("--rules.alert.for-outage-tolerance={tolerance}"),
    ];
    Watchfire::start("rules", &args).await
}

fn active_at(alert: &Value) -> f64 {
    Timestamp::parse_rfc3339(alert["activeAt"].as_str().unwrap()).unwrap().as_secs_f64()
}

async fn the_alert(ours: &Watchfire) -> f64 {
    let alert = eventually("the alert is there", SOON, || async { ours.alerts_v1().await.into_iter().next() }).await;
    assert_eq!(alert["state"], "pending", "{alert}");
    active_at(&alert)
}

/// The samples of `ALERTS_FOR_STATE` at this moment: value by time.
async fn for_state(query: &str) -> Vec<Value> {
    let answer = get_json(&format!("{query}/api/v1/query?query=timestamp(ALERTS_FOR_STATE)")).await;
    answer["data"]["result"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_our_service_wrote_is_restored_with_an_empty_store() {
    if !installed("what_our_service_wrote_is_restored_with_an_empty_store", &[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let members = Members::open().await;
    members.set("edge", 1200);
    let (_prometheus, query) = prometheus(folder.path(), Some(&members.address.to_string()), "", &[]).await;

    let mut ours = start(folder.path(), "first", &query, PAST).await;
    let first = the_alert(&ours).await;
    // A while of the timer has passed, and is written.
    let written = eventually("written for five seconds", SOON, || async {
        let samples = for_state(&query).await;
        let last: f64 = samples.first()?["value"][1].as_str()?.parse().ok()?;
        (last > first + 5.0).then_some(last)
    })
    .await;
    ours.process.kill();

    let started = unix_now();
    let mut ours = start(folder.path(), "second", &query, PAST).await;
    let second = the_alert(&ours).await;
    let waited = second - first;
    assert!(second < started - 4.0, "taken back: active at {second}, started at {started}");
    let downtime = started - written;
    assert!(waited <= downtime + 4.0, "only the downtime is not counted: {waited} of {downtime}");
    ours.process.kill();

    // Without tolerance there is no past.
    let started = unix_now();
    let mut ours = start(folder.path(), "third", &query, "0s").await;
    assert!(the_alert(&ours).await > started - 1.5);
    ours.process.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_had_ended_is_a_new_one() {
    if !installed("an_alert_that_had_ended_is_a_new_one", &[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let members = Members::open().await;
    members.set("edge", 1200);
    let (_prometheus, query) = prometheus(folder.path(), Some(&members.address.to_string()), "", &[]).await;
    let mut ours = start(folder.path(), "first", &query, PAST).await;
    the_alert(&ours).await;
    eventually("written", SOON, || async { (!for_state(&query).await.is_empty()).then_some(()) }).await;
    members.set("edge", 1);
    let ended =
        eventually("marked as ended", SOON, || async { for_state(&query).await.is_empty().then(unix_now) }).await;
    ours.process.kill();
    // Soon enough and it would look like a short downtime.
    eventually("four seconds later", SOON, || async { (unix_now() > ended + 4.0).then_some(()) }).await;
    members.set("edge", 1200);
    let started = unix_now();
    let ours = start(folder.path(), "second", &query, PAST).await;
    assert!(the_alert(&ours).await > started - 1.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_from_prometheus_keeps_its_timers() {
    if !installed("a_move_from_prometheus_keeps_its_timers", &[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let members = Members::open().await;
    members.set("edge", 1200);
    members.set("core", 1300);
    let extra = format!("rule_files: ['{}']\n", rules(folder.path()).display());
    let (_prometheus, query) = prometheus(folder.path(), Some(&members.address.to_string()), &extra, &[]).await;
    let theirs = eventually("pending in Prometheus for five seconds", SOON, || async {
        let answer = get_json(&format!("{query}/api/v1/alerts")).await;
        let alerts = answer["data"]["alerts"].as_array().unwrap().clone();
        (alerts.len() == 2 && alerts.iter().all(|alert| active_at(alert) < unix_now() - 5.0)).then_some(alerts)
    })
    .await;
    let ours = start(folder.path(), "store", &query, PAST).await;
    let both = eventually("both are known", SOON, || async {
        let alerts = ours.alerts_v1().await;
        (alerts.len() == 2).then_some(alerts)
    })
    .await;
    for alert in both {
        let same = theirs.iter().find(|theirs| theirs["labels"] == alert["labels"]).expect("the same labels");
        let difference = active_at(&alert) - active_at(same);
        assert!((-1.0..2.5).contains(&difference), "{alert} against {same}");
    }
}
