//! The real program while the system's clock is set back and put forward by an hour under it (only that clock: the one that
//! measures time runs on): no page is lost or told without cause, timers run on, silences end when the clock says so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use model::Timestamp;
use serde_json::{Value, json};

use crate::conditions::{eventually, nothing_for, unix_now};
use crate::peers::{Process, client, free_port, installed, ready};
use crate::sink::Sink;

const SOON: Duration = Duration::from_secs(60);
const HOUR: f64 = 3600.0;

/// Debian's, by its architecture.
fn faketime() -> Option<PathBuf> {
    let found = glob::glob("/usr/lib/*/faketime/libfaketimeMT.so.1").unwrap();
    found.flatten().next()
}

/// A process whose clock can be moved.
struct Moved {
    url: String,
    clock: PathBuf,
    ahead: f64,
    process: Process,
}

impl Moved {
    async fn start(folder: &Path, args: &[String]) -> Self {
        let (port, clock) = (free_port(), folder.join("clock"));
        std::fs::write(&clock, "+0").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchfire"));
        command
            .args(args)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .env("LD_PRELOAD", faketime().unwrap())
            .env("FAKETIME_TIMESTAMP_FILE", &clock)
            .env("FAKETIME_CACHE_DURATION", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        let process = Process::start("watchfire", &mut command);
        let url = format!("http://127.0.0.1:{port}");
        ready(&format!("{url}/-/ready")).await;
        Self { url, clock, ahead: 0.0, process }
    }

    /// From now on its clock is so many seconds ahead of ours. Comes back when it has noticed.
    async fn step(&mut self, ahead: f64) {
        self.ahead = ahead;
        // at once, whenever it is read
        let new = self.clock.with_extension("new");
        std::fs::write(&new, format!("{ahead:+}")).unwrap();
        std::fs::rename(&new, &self.clock).unwrap();
        eventually("it has noticed", SOON, || async {
            self.process.lines().iter().any(|line| line.contains("clock was moved")).then_some(())
        })
        .await;
    }

    /// What its clock shows in so many seconds.
    fn time(&self, in_seconds: f64) -> String {
        Timestamp::from_millis(((unix_now() + self.ahead + in_seconds) * 1000.0) as i64).to_rfc3339_millis()
    }

    async fn silence(&self, alert: &str, seconds: f64) {
        let matcher = json!({"name": "alertname", "value": alert, "isRegex": false});
        let silence = json!({"matchers": [matcher], "startsAt": self.time(0.0), "endsAt": self.time(seconds),
            "createdBy": "w", "comment": "c"});
        let url = format!("{}/api/v2/silences", self.url);
        client().post(url).json(&silence).send().await.unwrap().error_for_status().unwrap();
    }
}

/// A query API that knows which alerts there are.
#[derive(Clone, Default)]
struct Present(Arc<Mutex<Vec<&'static str>>>);

impl Present {
    async fn open(&self) -> String {
        let present = self.clone();
        let query = move |body: String| {
            let is_present = present.0.lock().unwrap().iter().any(|name| body.contains(&format!("query={name}&")));
            let rows: Vec<Value> = is_present.then(|| json!({"metric": {}, "value": [0, "1"]})).into_iter().collect();
            async move { axum::Json(json!({"status": "success", "data": {"resultType": "vector", "result": rows}})) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v1/query", post(query))).await });
        format!("http://{address}")
    }

    fn set(&self, names: &[&'static str]) {
        *self.0.lock().unwrap() = names.to_vec();
    }
}

/// What was told of an alert: when, and whether it fires.
fn told(sink: &Sink, alert: &str) -> Vec<(f64, bool)> {
    let of_it = |told: &crate::sink::Told| told.body["commonLabels"]["alertname"] == alert;
    let told = sink.told("/hook").into_iter().filter(of_it);
    told.map(|told| (told.at, told.body["status"] == "firing")).collect()
}

async fn told_times(sink: &Sink, alert: &str, count: usize) -> Vec<(f64, bool)> {
    eventually(&format!("{alert} is told {count} times"), SOON, || async {
        Some(told(sink, alert)).filter(|told| told.len() >= count)
    })
    .await
}

/// A day in the life of both halves in one process; `ahead` is what its clock is moved to in the middle of it.
async fn both_halves_over_a_step(ahead: f64) {
    let folder = tempfile::tempdir().unwrap();
    let (sink, present) = (Sink::open().await, Present::default());
    let query = present.open().await;
    let rule = |name: &str, hold: &str| format!("  - {{alert: {name}, expr: {}, for: {hold}}}\n", name.to_lowercase());
    let (rules, config) = (folder.path().join("rules.yml"), folder.path().join("alertmanager.yml"));
    let group = ["Steady", "Over", "Hidden", "Shown"].map(|name| rule(name, "1s")).concat() + &rule("Waits", "15s");
    std::fs::write(&rules, format!("groups:\n- name: g\n  interval: 1s\n  rules:\n{group}")).unwrap();
    let route = "{receiver: hook, group_by: [alertname], group_wait: 200ms, group_interval: 1s, repeat_interval: 30m}";
    let receivers = format!("[{{name: hook, webhook_configs: [{{url: '{}'}}]}}]", sink.url("/hook"));
    std::fs::write(&config, format!("route: {route}\nreceivers: {receivers}\n")).unwrap();
    present.set(&["steady", "over"]);
    let args = [
        "run".to_owned(),
        format!("--config.file={}", config.display()),
        format!("--rule.file={}", rules.display()),
        format!("--query.url={query}"),
        format!("--storage.path={}", folder.path().join("data").display()),
        // Alerts are valid for twelve seconds.
        "--rules.alert.resend-delay=3s".to_owned(),
    ];
    let mut ours = Moved::start(folder.path(), &args).await;
    told_times(&sink, "Steady", 1).await;
    told_times(&sink, "Over", 1).await;
    present.set(&["steady"]);
    told_times(&sink, "Over", 2).await;
    // One silence would end in half an hour, the other in a minute: the clock says when.
    ours.silence("Hidden", HOUR / 2.0).await;
    ours.silence("Shown", 60.0).await;
    present.set(&["steady", "hidden", "shown", "waits"]);
    let waits_since = unix_now();
    eventually("the evaluation has seen them", SOON, || async {
        let alerts = crate::peers::get_json(&format!("{}/api/v1/alerts", ours.url)).await;
        let alerts = alerts["data"]["alerts"].as_array().unwrap().clone();
        (alerts.len() == 4).then_some(())
    })
    .await;

    ours.step(ahead).await;
    let waits = told_times(&sink, "Waits", 1).await;
    let waited = waits[0].0 - waits_since;
    eprintln!("{ahead:+} s: the one with `for: 15s` was told after {waited:.1} s");
    assert!(waited > 14.0 && waited < 45.0, "{ahead}: told after {waited} s");
    match ahead > 0.0 {
        true => drop((told_times(&sink, "Hidden", 1).await, told_times(&sink, "Shown", 1).await)),
        false => assert_eq!((told(&sink, "Hidden"), told(&sink, "Shown")), (vec![], vec![]), "an hour is left of it"),
    }
    // Nothing is told twice, nothing is over that fires.
    nothing_for(Duration::from_secs(3)).await;
    let statuses = |alert: &str| told(&sink, alert).iter().map(|(_, fires)| *fires).collect::<Vec<_>>();
    assert_eq!((statuses("Steady"), statuses("Waits")), (vec![true], vec![true]), "{ahead}");
    assert_eq!(statuses("Over"), [true, false], "{ahead}: it stays over");
    present.set(&[]);
    told_times(&sink, "Steady", 2).await;
    told_times(&sink, "Waits", 2).await;
    let resolved = if ahead > 0.0 { ["Steady", "Waits", "Hidden", "Shown"].as_slice() } else { &["Steady", "Waits"] };
    for alert in resolved {
        told_times(&sink, alert, 2).await;
        assert_eq!(statuses(alert), [true, false], "{ahead}: {alert}");
    }
    let metrics = client().get(format!("{}/metrics", ours.url)).send().await.unwrap().text().await.unwrap();
    let missed =
        metrics.lines().find(|line| line.starts_with("prometheus_rule_group_iterations_missed_total")).unwrap();
    let missed: f64 = missed.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(missed < 60.0, "{ahead}: {missed} evaluations are said to be missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_moved_by_an_hour_loses_no_page_and_tells_none_without_cause() {
    if !installed("a_clock_that_is_moved_by_an_hour", &["faketime"]) {
        return;
    }
    tokio::join!(both_halves_over_a_step(HOUR), both_halves_over_a_step(-HOUR));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notifier_that_is_away_while_the_clock_is_set_back_is_told_when_it_is_back() {
    if !installed("a_notifier_that_is_away_while_the_clock_is_set_back", &["faketime"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (sink, present) = (Sink::open().await, Present::default());
    let query = present.open().await;
    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, "groups: [{name: g, interval: 1s, rules: [{alert: Steady, expr: steady}]}]\n").unwrap();
    sink.answer_next(503, &[], 6);
    present.set(&["steady"]);
    let args = [
        "rules".to_owned(),
        format!("--rule.file={}", rules.display()),
        format!("--query.url={query}"),
        format!("--notifier.url={}", sink.url("")),
        "--rules.alert.resend-delay=1m".to_owned(),
        "--storage.path=".to_owned(),
    ];
    let mut ours = Moved::start(folder.path(), &args).await;
    eventually("it was tried", SOON, || async { (sink.told("/api/v2/alerts").len() >= 2).then_some(()) }).await;
    ours.step(-HOUR).await;
    sink.wait_told("/api/v2/alerts", 1, SOON).await;
}
