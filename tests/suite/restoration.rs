//! `for` timers that nothing but `ALERTS_FOR_STATE` in a real Prometheus remembers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

use crate::conditions::{eventually, unix_now};
use crate::peers::{PROMETHEUS, Process, get_json, installed, prometheus};
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

/// A Prometheus that knows of one crowded pod, and evaluates the rules itself if it is to.
struct Past {
    folder: TempDir,
    members: Members,
    query: String,
    _prometheus: Process,
}

impl Past {
    /// None without a Prometheus.
    async fn begin(test: &str, evaluates: bool) -> Option<Past> {
        if !installed(test, &[PROMETHEUS]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let members = Members::open().await;
        members.set("edge", 1200);
        let extra = format!("rule_files: ['{}']\n", rules(folder.path()).display());
        let extra = if evaluates { extra.as_str() } else { "" };
        let (_prometheus, query) = prometheus(folder.path(), Some(&members.address.to_string()), extra, &[]).await;
        Some(Past { folder, members, query, _prometheus })
    }

    async fn start(&self, store: &str, tolerance: &str) -> Watchfire {
        start(self.folder.path(), store, &self.query, tolerance).await
    }
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

/// This many alerts, once their rule has been evaluated to the end: what is known of their past is known by then.
async fn alerts(ours: &Watchfire, count: usize) -> Vec<Value> {
    eventually(&format!("{count} alerts are there"), SOON, || async {
        let answer = get_json(&format!("{}/api/v1/rules", ours.url)).await;
        let rule = &answer["data"]["groups"][0]["rules"][0];
        let alerts = rule["alerts"].as_array().filter(|_| rule["health"] == "ok")?;
        (alerts.len() == count).then(|| alerts.clone())
    })
    .await
}

async fn the_alert(ours: &Watchfire) -> f64 {
    let alert = alerts(ours, 1).await.remove(0);
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
    let test = "what_our_service_wrote_is_restored_with_an_empty_store";
    let Some(past) = Past::begin(test, false).await else { return };
    let mut ours = past.start("first", PAST).await;
    let first = the_alert(&ours).await;
    // A while of the timer has passed, and is written.
    let written = eventually("written for five seconds", SOON, || async {
        let samples = for_state(&past.query).await;
        let last: f64 = samples.first()?["value"][1].as_str()?.parse().ok()?;
        (last > first + 5.0).then_some(last)
    })
    .await;
    ours.process.kill();

    let started = unix_now();
    let mut ours = past.start("second", PAST).await;
    let second = the_alert(&ours).await;
    let waited = second - first;
    assert!(second < started - 4.0, "taken back: active at {second}, started at {started}");
    let downtime = started - written;
    assert!(waited <= downtime + 4.0, "only the downtime is not counted: {waited} of {downtime}");
    ours.process.kill();

    // Without tolerance there is no past.
    let started = unix_now();
    let ours = past.start("third", "0s").await;
    assert!(the_alert(&ours).await > started - 1.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_had_ended_is_a_new_one() {
    let Some(past) = Past::begin("an_alert_that_had_ended_is_a_new_one", false).await else { return };
    let mut ours = past.start("first", PAST).await;
    the_alert(&ours).await;
    eventually("written", SOON, || async { (!for_state(&past.query).await.is_empty()).then_some(()) }).await;
    past.members.set("edge", 1);
    let ended =
        eventually("marked as ended", SOON, || async { for_state(&past.query).await.is_empty().then(unix_now) }).await;
    ours.process.kill();
    // Soon enough and it would look like a short downtime.
    eventually("four seconds later", SOON, || async { (unix_now() > ended + 4.0).then_some(()) }).await;
    past.members.set("edge", 1200);
    let started = unix_now();
    let ours = past.start("second", PAST).await;
    assert!(the_alert(&ours).await > started - 1.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_from_prometheus_keeps_its_timers() {
    let Some(past) = Past::begin("a_move_from_prometheus_keeps_its_timers", true).await else { return };
    past.members.set("core", 1300);
    let theirs = eventually("pending in Prometheus for five seconds", SOON, || async {
        let answer = get_json(&format!("{}/api/v1/alerts", past.query)).await;
        let alerts = answer["data"]["alerts"].as_array().unwrap().clone();
        (alerts.len() == 2 && alerts.iter().all(|alert| active_at(alert) < unix_now() - 5.0)).then_some(alerts)
    })
    .await;
    let ours = past.start("store", PAST).await;
    for alert in alerts(&ours, 2).await {
        let same = theirs.iter().find(|theirs| theirs["labels"] == alert["labels"]).expect("the same labels");
        let difference = active_at(&alert) - active_at(same);
        assert!((-1.0..2.5).contains(&difference), "{alert} against {same}");
    }
}
