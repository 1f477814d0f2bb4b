//! Debian's Alertmanager and our notifier side by side: the same configuration, the same requests at the same moments, and
//! what each delivered. The README shows the outcome as a table.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use model::Timestamp;
use serde_json::{Value, json};

use crate::conditions::{nothing_for, unix_now};
use crate::peers::{ALERTMANAGER, Process, client, free_port, installed, ready, root};
use crate::sink::{Sink, Told};
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(20);

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Alertmanager,
    Watchfire,
}

/// One of the two at work, with receivers of its own.
struct Contestant {
    url: String,
    sink: Sink,
    folder: PathBuf,
    running: Running,
    /// Removes the folder.
    _kept: tempfile::TempDir,
}

enum Running {
    Theirs(Process, u16),
    Ours(Watchfire),
}

impl Contestant {
    /// `receivers` is the rest of the configuration, where `SINK` stands for the receiver's address.
    async fn start(who: Who, route: &str, receivers: &str) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().to_owned();
        let sink = Sink::open().await;
        let receivers = receivers.replace("SINK", &sink.url(""));
        let config = format!(
            "global: {{smtp_from: w@example.org, smtp_require_tls: false}}\nroute: {{receiver: r, group_by: [alertname], {route}}}\nreceivers:\n- name: r\n{receivers}\n"
        );
        std::fs::write(folder.join("alertmanager.yml"), config).unwrap();
        let (url, running) = match who {
            Who::Alertmanager => {
                let port = free_port();
                (format!("http://127.0.0.1:{port}"), Running::Theirs(alertmanager(&folder, port), port))
            }
            Who::Watchfire => {
                let args = [
                    format!("--config.file={}", folder.join("alertmanager.yml").display()),
                    format!("--storage.path={}", folder.join("data").display()),
                ];
                let ours = Watchfire::start("notifier", &args).await;
                (ours.url.clone(), Running::Ours(ours))
            }
        };
        ready(&format!("{url}/-/ready")).await;
        Self { url, sink, folder, running, _kept: kept }
    }

    /// An orderly end, and a start with what is on disk.
    async fn restart(&mut self) {
        match &mut self.running {
            Running::Theirs(process, port) => {
                assert!(process.terminate().success());
                *process = alertmanager(&self.folder, *port);
            }
            Running::Ours(ours) => ours.kill_and_restart().await,
        }
        ready(&format!("{}/-/ready", self.url)).await;
    }

    async fn post(&self, alerts: &[(&str, f64, Option<f64>)]) {
        let instant = |at: f64| Timestamp::from_millis((at * 1000.0) as i64).to_string();
        let alerts: Vec<Value> = alerts
            .iter()
            .map(|(disk, start, end)| {
                let end = end.unwrap_or(unix_now() + 3600.0);
                json!({"labels": {"alertname": "Full", "disk": disk}, "startsAt": instant(*start), "endsAt": instant(end)})
            })
            .collect();
        let url = format!("{}/api/v2/alerts", self.url);
        client().post(url).json(&alerts).send().await.unwrap().error_for_status().unwrap();
    }

    async fn fire(&self, disks: &[&str]) {
        let now = unix_now();
        self.post(&disks.iter().map(|disk| (*disk, now, None)).collect::<Vec<_>>()).await;
    }

    async fn resolve(&self, disk: &str, start: f64) {
        self.post(&[(disk, start, Some(unix_now()))]).await;
    }

    async fn silence(&self, disk: &str) -> String {
        let now = unix_now();
        let instant = |at: f64| Timestamp::from_millis((at * 1000.0) as i64).to_string();
        let silence = json!({
            "matchers": [{"name": "disk", "value": disk, "isRegex": false}],
            "startsAt": instant(now), "endsAt": instant(now + 3600.0), "createdBy": "test", "comment": "work",
        });
        let url = format!("{}/api/v2/silences", self.url);
        let made: Value = client().post(url).json(&silence).send().await.unwrap().json().await.unwrap();
        made["silenceID"].as_str().unwrap().to_owned()
    }

    async fn end_silence(&self, id: &str) {
        let url = format!("{}/api/v2/silence/{id}", self.url);
        client().delete(url).send().await.unwrap().error_for_status().unwrap();
    }

    async fn told(&self, count: usize) {
        self.sink.wait_told("", count, SOON).await;
    }

    /// What arrived, in a few words.
    fn delivered(&self) -> String {
        let arrived = self.sink.told("").into_iter().filter(|told| told.status < 300);
        let words: Vec<String> = arrived.map(|told| words(&told)).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(", then ") }
    }
}

fn alertmanager(folder: &Path, port: u16) -> Process {
    Process::start(
        ALERTMANAGER,
        Command::new(ALERTMANAGER)
            .arg(format!("--config.file={}", folder.join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address="),
    )
}

/// `firing a b`, `firing b, resolved a`, `still firing, resolved a`, `all resolved: a`.
fn words(told: &Told) -> String {
    if let Some(action) = told.body["event_action"].as_str() {
        let summary = told.body["payload"]["summary"].as_str().unwrap_or_default();
        assert!(summary.contains("Full"), "{summary}");
        return format!("{action} with a plain text");
    }
    let disks = |status: &str| {
        let alerts = told.body["alerts"].as_array().into_iter().flatten();
        let of = alerts.filter(|alert| alert["status"] == status).filter_map(|alert| alert["labels"]["disk"].as_str());
        of.collect::<Vec<_>>().join(" ")
    };
    match (told.body["status"].as_str(), disks("firing"), disks("resolved")) {
        (Some("firing"), firing, resolved) if resolved.is_empty() => format!("firing {firing}"),
        (Some("firing"), firing, resolved) if firing.is_empty() => format!("still firing, resolved {resolved}"),
        (Some("firing"), firing, resolved) => format!("firing {firing}, resolved {resolved}"),
        (_, _, resolved) => format!("all resolved: {resolved}"),
    }
}

const QUICK: &str = "group_wait: 200ms, group_interval: 1s, repeat_interval: 1h";
const HOOK: &str = "  webhook_configs: [{url: 'SINK/hook'}]";

async fn silenced_then_resolved(who: Who) -> String {
    let one = Contestant::start(who, QUICK, HOOK).await;
    let start = unix_now();
    one.fire(&["a"]).await;
    one.told(1).await;
    let silence = one.silence("a").await;
    nothing_for(Duration::from_millis(1500)).await;
    one.resolve("a", start).await;
    nothing_for(Duration::from_millis(1500)).await;
    one.end_silence(&silence).await;
    nothing_for(Duration::from_secs(3)).await;
    one.delivered()
}

async fn restarted_and_half_told(who: Who) -> String {
    let mut one = Contestant::start(who, QUICK, HOOK).await;
    let start = unix_now();
    one.fire(&["a", "b"]).await;
    one.told(1).await;
    nothing_for(Duration::from_millis(500)).await;
    one.restart().await;
    one.resolve("a", start).await;
    nothing_for(Duration::from_millis(2500)).await;
    one.post(&[("b", start, None)]).await;
    nothing_for(Duration::from_millis(2500)).await;
    one.delivered()
}

async fn fires_again_within_the_interval(who: Who) -> String {
    let slow = "group_wait: 200ms, group_interval: 4s, repeat_interval: 1h";
    let one = Contestant::start(who, slow, HOOK).await;
    let start = unix_now();
    one.fire(&["a"]).await;
    one.told(1).await;
    one.resolve("a", start).await;
    nothing_for(Duration::from_millis(500)).await;
    one.fire(&["a"]).await;
    nothing_for(Duration::from_millis(6500)).await;
    one.delivered()
}

async fn mail_server_that_never_greets(who: Who) -> String {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    let both = format!("  email_configs: [{{to: o@example.org, smarthost: '127.0.0.1:{port}'}}]\n{HOOK}");
    let one = Contestant::start(who, QUICK, &both).await;
    one.fire(&["a"]).await;
    one.told(1).await;
    one.fire(&["b"]).await;
    nothing_for(Duration::from_secs(6)).await;
    one.delivered()
}

async fn partly_silenced_group(who: Who) -> String {
    let one = Contestant::start(who, QUICK, HOOK).await;
    let start = unix_now();
    one.fire(&["a", "b"]).await;
    one.told(1).await;
    let silence = one.silence("b").await;
    nothing_for(Duration::from_millis(1500)).await;
    one.resolve("a", start).await;
    nothing_for(Duration::from_millis(2500)).await;
    one.end_silence(&silence).await;
    nothing_for(Duration::from_millis(2500)).await;
    one.delivered()
}

async fn too_many_requests(who: Who) -> String {
    let slow = "group_wait: 200ms, group_interval: 5m, repeat_interval: 1h";
    let one = Contestant::start(who, slow, HOOK).await;
    one.sink.answer_next(429, &[("retry-after", "2")], 1);
    one.fire(&["a"]).await;
    nothing_for(Duration::from_secs(6)).await;
    one.delivered()
}

async fn failing_template(who: Who) -> String {
    let pager = "  pagerduty_configs: [{routing_key: k, url: 'SINK/v2/enqueue', description: '{{ (index .Alerts 7).Status }}'}]";
    let one = Contestant::start(who, QUICK, pager).await;
    one.fire(&["a"]).await;
    nothing_for(Duration::from_secs(3)).await;
    one.delivered()
}

/// Plays a story with both, if theirs is there, and answers the table's row.
macro_rules! row {
    ($title:expr, $story:ident, $theirs:expr) => {
        tokio::spawn(async move {
            let ours = tokio::spawn($story(Who::Watchfire));
            let theirs = match $theirs {
                true => Some($story(Who::Alertmanager).await),
                false => None,
            };
            ($title, theirs, ours.await.unwrap())
        })
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_each_of_the_two_delivers() {
    let theirs = installed("what_each_of_the_two_delivers", &[ALERTMANAGER]);
    let rows = [
        row!("an alert is told, silenced, and resolves; then the silence ends", silenced_then_resolved, theirs),
        row!("restart while a and b fire; a resolves, b is sent again", restarted_and_half_told, theirs),
        row!("an alert resolves and fires again within one `group_interval`", fires_again_within_the_interval, theirs),
        row!(
            "a mail server never greets; the webhook beside it, when b joins a",
            mail_server_that_never_greets,
            theirs
        ),
        row!("a and b fire, b is silenced, a resolves; then the silence ends", partly_silenced_group, theirs),
        row!("a webhook answers 429 with `Retry-After: 2`", too_many_requests, theirs),
        row!("a PagerDuty template fails at run time", failing_template, theirs),
    ];
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut wrong = Vec::new();
    for row in rows {
        let (title, theirs, ours) = row.await.unwrap();
        eprintln!("| {title} | {} | {ours} |", theirs.as_deref().unwrap_or("?"));
        let shown = readme.lines().find(|line| line.starts_with(&format!("| {title} |")));
        let agrees = shown.is_some_and(|line| {
            theirs.as_ref().is_none_or(|theirs| line.contains(&format!("| {theirs} |")))
                && line.ends_with(&format!("| {ours} |"))
        });
        if !agrees {
            wrong.push(format!("{title}: {theirs:?}, {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "the README's table shows something else than:\n{}", wrong.join("\n"));
}
