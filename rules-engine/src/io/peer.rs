//! The network side against the real Prometheus and Alertmanager: what they answer, what they take, how they show rules.

use std::env;
use std::fs;
use std::future::pending;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request as HttpRequest;
use model::{Alert, LabelSet, Timestamp};
use outbound::{HttpClient, HttpConfig, Limits, Request};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::api::router;
use super::query_api::QueryApi;
use super::send_alerts::{AlertSender, TargetTally};
use super::state::{BuildInfo, RulesState};
use super::write_samples::{SampleWriter, WriteFailure, WriteTally};
use crate::config::{NotifierTarget, QueryTarget, SourceKind, WriteProtocol, WriteTarget};
use crate::engine::{Effect, Engine, Settings};
use crate::relabel::Relabeling;
use crate::rule_file::{Defaults, load};
use crate::sample::{QueryValue, Sample};

const SOON: Duration = Duration::from_secs(10);

/// An address that nobody listens on at the moment.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A Prometheus or Alertmanager of our own, gone when this is dropped.
struct Server {
    process: Child,
    url: String,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Server {
    /// Starts a Prometheus with these rules; `None`, said by name, where it is not installed.
    async fn start(test: &str, rules: &str) -> Option<Server> {
        let flags = ["--web.enable-remote-write-receiver", "--storage.tsdb.path=data"];
        let files = [("rules.yml", rules), ("config.yml", "rule_files: [rules.yml]\n")];
        Server::launch("prometheus", &flags, &files, test).await
    }

    /// Starts an Alertmanager that tells nobody.
    async fn start_alertmanager(test: &str) -> Option<Server> {
        let flags = ["--cluster.listen-address=", "--storage.path=data"];
        let files = [("config.yml", "route: {receiver: none}\nreceivers: [{name: none}]\n")];
        Server::launch("prometheus-alertmanager", &flags, &files, test).await
    }

    /// Starts a VictoriaMetrics that shows samples at once.
    async fn start_victoria_metrics(test: &str) -> Option<Server> {
        let address = free_address();
        let flags = [format!("-httpListenAddr={address}"), "-storageDataPath=data".to_owned()];
        let flags: Vec<&str> = flags.iter().map(String::as_str).chain(["-search.latencyOffset=0s"]).collect();
        Server::spawn("victoria-metrics", &address, &flags, &[], "/health", test).await
    }

    async fn launch(program: &str, flags: &[&str], files: &[(&str, &str)], test: &str) -> Option<Server> {
        let address = free_address();
        let own = [
            "--config.file={folder}/config.yml".to_owned(),
            format!("--web.listen-address={address}"),
            "--log.level=error".to_owned(),
        ];
        let flags: Vec<&str> = own.iter().map(String::as_str).chain(flags.iter().copied()).collect();
        Server::spawn(program, &address, &flags, files, "/-/ready", test).await
    }

    async fn spawn(
        program: &str,
        address: &str,
        flags: &[&str],
        files: &[(&str, &str)],
        ready: &str,
        test: &str,
    ) -> Option<Server> {
        if !is_installed(program, test) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let process = Command::new(program)
            .current_dir(folder.path())
            .args(flags.iter().map(|flag| flag.replace("{folder}", &folder.path().display().to_string())))
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let started = Server { process, url: format!("http://{address}"), folder };
        started.until("it is ready", |answer| answer.0 == 200, ready).await;
        Some(started)
    }

    async fn get(&self, path: &str) -> Option<(u16, String)> {
        let client =
            HttpClient::new(&HttpConfig::default(), Limits { body_bytes: 8 << 20, ..Limits::default() }).unwrap();
        let url = format!("{}{path}", self.url);
        let request = Request { method: Method::GET, url, headers: HeaderMap::new(), body: Default::default() };
        let response = client.send(request, SOON, Timestamp::EPOCH).await.ok()?;
        Some((response.status.as_u16(), String::from_utf8_lossy(&response.body).into_owned()))
    }

    /// Asks until the answer is as wanted, for half a minute at most.
    async fn until(&self, what: &str, wanted: impl Fn(&(u16, String)) -> bool, path: &str) -> String {
        for _ in 0..600 {
            if let Some(answer) = self.get(path).await.filter(&wanted) {
                return answer.1;
            }
            let _a_moment = tokio::time::timeout(Duration::from_millis(50), pending::<()>()).await;
        }
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("not in time: {what}\n{log}");
    }

    fn query_api(&self) -> QueryApi {
        QueryApi::new(&QueryTarget::new(self.url.clone())).unwrap()
    }

    fn writer(&self) -> SampleWriter {
        SampleWriter::new(WriteTarget::new(format!("{}/api/v1/write", self.url))).unwrap()
    }

    /// Its own idea of the time.
    async fn now(&self) -> Timestamp {
        let body = self.until("it tells the time", |answer| answer.0 == 200, "/api/v1/query?query=time()").await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        let seconds: f64 = answer["data"]["result"][1].as_str().unwrap().parse().unwrap();
        Timestamp::from_nanos((seconds * 1e9) as i64)
    }
}

/// The shell runs these on tasks that move between threads.
fn on_any_thread<F: Future + Send>(future: F) -> F {
    future
}

#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
fn is_installed(program: &str, test: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(found || env::var_os("CI").is_none(), "{test} needs {program}");
    if !found {
        eprintln!("{test} skipped: {program} is not installed");
    }
    found
}

fn sample(labels: &[(&str, &str)], at: Timestamp, value: f64) -> Sample {
    Sample { labels: LabelSet::from_pairs(labels.iter().copied()), timestamp_ms: at.as_millis(), value }
}

/// The answer to a query as text, rows sorted.
async fn ask(api: &QueryApi, expr: &str, at: Timestamp) -> String {
    match on_any_thread(api.query(expr, at, SOON, at)).await.map(|answer| answer.value) {
        Ok(QueryValue::Scalar(value)) => format!("scalar {value}"),
        Ok(QueryValue::Vector(rows)) => {
            let mut rows: Vec<String> = rows.iter().map(|(labels, value)| format!("{labels} {value}")).collect();
            rows.sort();
            rows.join("; ")
        }
        Err(error) => format!("error: {error}"),
    }
}

#[tokio::test]
async fn peer_what_is_written_is_what_is_queried() {
    let Some(prometheus) = Server::start("peer_what_is_written_is_what_is_queried", "groups: []").await else {
        return;
    };
    let (api, writer) = (prometheus.query_api(), prometheus.writer());
    let at = Timestamp::from_millis(1_767_323_045_678);
    let samples = [
        sample(&[("__name__", "m"), ("a", "é\"\\\n<"), ("empty", "")], at, 1.5),
        sample(&[("__name__", "m"), ("a", "nan")], at, f64::NAN),
        sample(&[("__name__", "m"), ("a", "inf")], at, f64::NEG_INFINITY),
    ];
    on_any_thread(writer.write(&samples, SOON, at)).await.unwrap();
    let rows = r#"{__name__="m", a="inf"} -inf; {__name__="m", a="nan"} NaN; {__name__="m", a="é\"\\\n<"} 1.5"#;
    for (expr, expected) in [
        ("m", rows),
        ("m offset -1ms", rows),
        ("m offset 1ms", ""),
        ("scalar(m{a=\"inf\"})", "scalar -inf"),
        ("1e-7", "scalar 0.0000001"),
        ("'text'", "error: rule result is not a vector or scalar but a string"),
        ("m[1m]", "error: rule result is not a vector or scalar but a matrix"),
        ("m +", "error: 1:4: parse error: unexpected end of input"),
        (
            "m + on() group_left() m",
            "error: found duplicate series for the match group {} on the right hand-side of the operation: [{__name__=\"m\", a=\"nan\"}, {__name__=\"m\", a=\"é\\\"\\\\\\n<\"}];many-to-many matching not allowed: matching labels must be unique on one side",
        ),
    ] {
        let answer = ask(&api, expr, at).await;
        if expr.contains("group_left") {
            assert!(answer.starts_with("error: found duplicate series for the match group {}"), "{answer}");
        } else {
            assert_eq!(answer, expected, "{expr}");
        }
    }
    let later = at.plus(Duration::from_secs(1));
    writer.write(&[Sample::stale_marker(samples[0].labels.clone(), later.as_millis())], SOON, at).await.unwrap();
    assert_eq!(ask(&api, "count(m)", later).await, "{} 2", "the stale marker ends the series");
}

#[tokio::test]
async fn peer_out_of_order_samples_do_not_lose_the_others() {
    let test = "peer_out_of_order_samples_do_not_lose_the_others";
    let Some(prometheus) = Server::start(test, "groups: []").await else { return };
    let (api, writer) = (prometheus.query_api(), prometheus.writer());
    let at = Timestamp::from_secs(1_767_323_045);
    let series = |n: usize| [("__name__", "m".to_owned()), ("n", n.to_string())];
    let at_once = |at: Timestamp, value: f64, numbers: std::ops::Range<usize>| -> Vec<Sample> {
        numbers
            .map(|n| Sample { labels: LabelSet::from_pairs(series(n)), timestamp_ms: at.as_millis(), value })
            .collect()
    };
    writer.write(&at_once(at, 1.0, 0..3), SOON, at).await.unwrap();
    // the same instant with another value, then something older: both are refused, and only they
    let mut mixed = at_once(at, 2.0, 0..2);
    mixed.extend(at_once(at.minus(Duration::from_secs(5)), 2.0, 2..3));
    mixed.extend(at_once(at, 2.0, 3..50));
    let failure = writer.write(&mixed, SOON, at).await.unwrap_err();
    assert!(matches!(failure, WriteFailure::Refused { samples: 3, .. }), "{failure}");
    assert_eq!(ask(&api, "count_values('v', m)", at).await, r#"{v="1"} 3; {v="2"} 47"#);
    assert_eq!(writer.tally().refused, 3);
}

#[tokio::test]
async fn peer_alertmanager_takes_what_is_sent() {
    let Some(alertmanager) = Server::start_alertmanager("peer_alertmanager_takes_what_is_sent").await else { return };
    // far ahead, so that Alertmanager's own clock takes them for firing
    let (starts, ends) = (Timestamp::from_millis(1_767_323_045_678), Timestamp::from_secs(4_000_000_000));
    let sender = AlertSender::new(Arc::new(move || starts));
    let target = NotifierTarget::new(format!("{}/api/v2/alerts", alertmanager.url));
    sender.configure(Relabeling::default(), vec![target]).unwrap();
    let alert = |name: &str| Alert {
        labels: LabelSet::from_pairs([("alertname", name), ("x", "é\"<")]),
        annotations: LabelSet::from_pairs([("summary", "s\n")]),
        starts_at: Some(starts),
        ends_at: Some(ends),
        generator_url: "http://p/graph?g0.expr=up&g0.tab=1".into(),
    };
    let mut bad = alert("Bad");
    bad.starts_at = Some(ends.plus(SOON));
    // Alertmanager refuses one of the batch and takes the other
    sender.send(&[alert("Good"), bad]);
    let there = |answer: &(u16, String)| answer.1.contains("Good");
    let answer = alertmanager.until("the alert is there", there, "/api/v2/alerts").await;
    let alerts: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 1);
    assert_eq!(alerts[0]["labels"]["x"], "é\"<");
    assert_eq!(alerts[0]["annotations"]["summary"], "s\n");
    assert_eq!(alerts[0]["startsAt"], "2026-01-02T03:04:05.678Z");
    assert_eq!(alerts[0]["generatorURL"], "http://p/graph?g0.expr=up&g0.tab=1");
    assert_eq!(sender.shut_down(SOON).await, 0);
}

#[tokio::test]
async fn peer_prometheus_of_1_0_gets_what_it_did_not_understand_in_2_0() {
    let test = "peer_prometheus_of_1_0_gets_what_it_did_not_understand_in_2_0";
    let Some(prometheus) = Server::start(test, "groups: []").await else { return };
    let target =
        WriteTarget { protocol: WriteProtocol::V2, ..WriteTarget::new(format!("{}/api/v1/write", prometheus.url)) };
    let (api, writer) = (prometheus.query_api(), SampleWriter::new(target).unwrap());
    let at = Timestamp::from_secs(1_767_323_045);
    for (n, name) in ["a", "b"].into_iter().enumerate() {
        on_any_thread(writer.write(&[sample(&[("__name__", "m"), ("n", name)], at, n as f64)], SOON, at))
            .await
            .unwrap();
    }
    assert_eq!(ask(&api, "m", at).await, r#"{__name__="m", n="a"} 0; {__name__="m", n="b"} 1"#);
    let tally = writer.tally();
    // Debian's understands 1.0 only; a newer one takes both in 2.0
    assert!(matches!((tally.requests, tally.written), (2 | 3, 2)), "{tally:?}");
}

#[tokio::test]
async fn peer_victoria_metrics_takes_and_gives_samples_bit_for_bit() {
    let test = "peer_victoria_metrics_takes_and_gives_samples_bit_for_bit";
    let Some(victoria) = Server::start_victoria_metrics(test).await else { return };
    let body = victoria.until("it tells the time", |answer| answer.0 == 200, "/api/v1/query?query=time()").await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    let seconds: f64 = answer["data"]["result"][0]["value"][1].as_str().unwrap().parse().unwrap();
    let at = Timestamp::from_secs(seconds as i64).minus(Duration::from_secs(60));
    let query = QueryTarget {
        kind: SourceKind::VictoriaMetrics,
        params: [("nocache", "1"), ("step", "5m")].map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
        ..QueryTarget::new(victoria.url.clone())
    };
    let api = QueryApi::new(&query).unwrap();
    let target =
        WriteTarget { protocol: WriteProtocol::V2, ..WriteTarget::new(format!("{}/api/v1/write", victoria.url)) };
    let writer = SampleWriter::new(target).unwrap();
    let labels: [&[(&str, &str)]; 2] = [&[("__name__", "m"), ("a", "é\"<")], &[("__name__", "m"), ("a", "b")]];
    let samples: Vec<Sample> = labels.iter().map(|labels| sample(labels, at, -1.5)).collect();
    on_any_thread(writer.write(&samples, SOON, at)).await.unwrap();
    // what was written is seen a moment later
    let flush = |_: &(u16, String)| true;
    victoria.until("it shows what it took", flush, "/internal/force_flush").await;
    let both = r#"{__name__="m", a="b"} -1.5; {__name__="m", a="é\"<"} -1.5"#;
    assert_eq!(ask(&api, "m", at).await, both);
    assert_eq!(ask(&api, "sum(m) default 1", at).await, "{} -3", "MetricsQL");
    let later = at.plus(Duration::from_secs(10));
    let end = Sample::stale_marker(samples[0].labels.clone(), later.as_millis());
    writer.write(&[end], SOON, at).await.unwrap();
    victoria.until("it shows what it took", flush, "/internal/force_flush").await;
    assert_eq!(ask(&api, "count(m)", later).await, "{} 1", "the stale marker ends the series");
    assert_eq!(writer.tally().refused, 0);
}

const RULES: &str = r#"
groups:
- name: zz
  interval: 1s
  limit: 9
  rules:
  - {record: "job:m:sum", expr: "sum by(job)(m{job!~\"<&>\"})   < 7", labels: {team: "x & y"}}
  - {record: bare, expr: 1}
- name: alerts
  interval: 1s
  rules:
  - alert: Firing
    expr: m > 0.5
    labels: {severity: page, job: "{{ $labels.job | toUpper }}"}
    annotations: {summary: "{{ $value | humanize }} > <{{ $labels.job }}>"}
  - {alert: Pending, expr: m, for: 1h, keep_firing_for: 5m}
  - {alert: Quiet, expr: m > 99}
  - {alert: Broken, expr: "m + on(nope) m{job=~\"a|b\"}"}
  - {alert: BadTemplate, expr: m, annotations: {a: "{{ template \"nope\" }}"}}
"#;

/// The engine, shown through our API.
struct Shown(Mutex<Engine>);

impl RulesState for Shown {
    fn with_engine<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        look(&self.0.lock().unwrap())
    }

    fn notifiers(&self) -> Vec<TargetTally> {
        Vec::new()
    }

    fn writers(&self) -> Vec<(String, WriteTally)> {
        Vec::new()
    }

    fn build(&self) -> BuildInfo {
        BuildInfo::default()
    }

    fn shown_config(&self) -> String {
        String::new()
    }
}

/// Runs the engine from `start` for three seconds of its own time, querying the real server.
async fn evaluated(rules: PathBuf, api: &QueryApi, start: Timestamp) -> Engine {
    let groups = load(&[rules.display().to_string()], &rules, &Defaults::default()).unwrap().groups;
    let mut engine = Engine::new(Settings::default());
    let mut effects = Vec::new();
    engine.configure(start, groups, Settings::default(), &mut effects);
    let mut now = start;
    while now < start.plus(Duration::from_secs(3)) {
        now = engine.next_wake().unwrap().max(now);
        engine.advance(now, &mut effects);
        while !effects.is_empty() {
            now = now.plus(Duration::from_millis(1));
            match effects.remove(0) {
                Effect::Query { id, expr, at, .. } => {
                    let answer = api.query(&expr, at, SOON, now).await;
                    engine.queried(now, id, answer, &mut effects);
                }
                Effect::Write { id, .. } => engine.written(now, id, Ok(()), &mut effects),
                _ => {}
            }
        }
    }
    engine
}

/// One line for each value, in the order of the document, with times taken out.
fn flattened(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| flattened(value, &format!("{path}.{key}"), out)),
        Value::Array(items) => {
            // Prometheus lists alerts in no order
            let mut items = items.clone();
            items.sort_by_key(|item| item["activeAt"].as_str().map(|_| item["labels"].to_string()));
            items.iter().enumerate().for_each(|(n, item)| flattened(item, &format!("{path}[{n}]"), out));
        }
        _ if ["Time", "lastEvaluation", "activeAt"].iter().any(|end| path.ends_with(end)) => {
            out.push(format!("{path}: {}", if value.is_number() { "number" } else { "text" }));
        }
        _ => out.push(format!("{path}: {value}")),
    }
}

#[tokio::test]
async fn peer_rules_are_shown_as_prometheus_shows_them() {
    let Some(prometheus) = Server::start("peer_rules_are_shown_as_prometheus_shows_them", RULES).await else {
        return;
    };
    let now = prometheus.now().await;
    let samples = ["a", "b"].map(|job| sample(&[("__name__", "m"), ("job", job)], now, 0.75));
    prometheus.writer().write(&samples, SOON, now).await.unwrap();
    let evaluated_by_both = |answer: &(u16, String)| {
        !answer.1.contains("\"unknown\"")
            && answer.1.matches("\"activeAt\"").count() == 6
            && answer.1.contains("\"err\"")
    };
    let theirs = prometheus.until("all rules are evaluated", evaluated_by_both, "/api/v1/rules").await;
    let engine = evaluated(prometheus.folder.path().join("rules.yml"), &prometheus.query_api(), now).await;
    let request = HttpRequest::get("/api/v1/rules").body(Body::empty()).unwrap();
    let response = router(Arc::new(Shown(Mutex::new(engine)))).oneshot(request).await.unwrap();
    let ours = to_bytes(response.into_body(), 8 << 20).await.unwrap();
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    // columns of template errors count the 112 characters that Prometheus puts before every template
    let theirs = theirs.replace("BadTemplate:1:124:", "BadTemplate:1:12:");
    flattened(&serde_json::from_str(&theirs).unwrap(), "", &mut expected);
    flattened(&serde_json::from_slice(&ours).unwrap(), "", &mut found);
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|line| !those.contains(line)).cloned().collect::<Vec<_>>()
    };
    let (ours_only, theirs_only) = (only(&found, &expected), only(&expected, &found));
    assert!(ours_only.is_empty() && theirs_only.is_empty(), "ours: {ours_only:#?}\ntheirs: {theirs_only:#?}");
    // the keys of every object stand in the same order
    let key = regex::Regex::new(r#""(\w+)":"#).unwrap();
    let keys = |text: &str| key.captures_iter(text).map(|found| found[1].to_owned()).collect::<Vec<_>>();
    assert_eq!(keys(&String::from_utf8_lossy(&ours)), keys(&theirs));
}
