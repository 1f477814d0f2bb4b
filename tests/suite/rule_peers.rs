//! The rule service between its peers: which source is asked what, servers that stand in for one another, and samples that
//! wait for a store that is away.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::post;
use rules_engine::io::write_samples::PACKING;
use rules_engine::sample::Sample;
use serde_json::json;

use crate::conditions::eventually;
use crate::peers::{client, free_port};
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(30);

/// Who was asked what: path, tenant, the form's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    path: String,
    tenant: String,
    form: BTreeMap<String, String>,
}

/// A query API that gives one series to every query, or fails.
#[derive(Clone)]
struct QueryApi {
    url: String,
    status: Arc<AtomicU16>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl QueryApi {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let api = Self { url, status: Arc::new(AtomicU16::new(200)), asked: Arc::default() };
        let shared = api.clone();
        let answer = post(move |uri: Uri, headers: HeaderMap, body: String| async move {
            let tenant = headers.get("x-scope-orgid").map(|tenant| tenant.to_str().unwrap().to_owned());
            let form = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            let path = uri.path().to_owned();
            shared.asked.lock().unwrap().push(Asked { path, tenant: tenant.unwrap_or_default(), form });
            let status = StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).unwrap();
            let row = json!({"metric": {"job": "a"}, "value": [0, "1"]});
            let answer = json!({"status": "success", "data": {"resultType": "vector", "result": [row]}});
            if status.is_success() { axum::Json(answer).into_response() } else { status.into_response() }
        });
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        api
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// A store that takes samples by remote write, or not.
#[derive(Clone)]
struct Store {
    url: String,
    status: Arc<AtomicU16>,
    requests: Arc<Mutex<u64>>,
    taken: Arc<Mutex<Vec<Sample>>>,
}

impl Store {
    async fn start(status: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/write", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(status));
        let store = Self { url, status, requests: Arc::default(), taken: Arc::default() };
        let shared = store.clone();
        let write = post(move |body: Bytes| async move {
            *shared.requests.lock().unwrap() += 1;
            let status = StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).unwrap();
            if status.is_success() {
                shared.taken.lock().unwrap().extend((PACKING.unpack)(&body).unwrap());
            }
            status
        });
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/write", write)).await });
        store
    }

    /// Timestamps of a metric, in the order in which its samples came.
    fn times_of(&self, metric: &str) -> Vec<i64> {
        let taken = self.taken.lock().unwrap();
        let own = taken.iter().filter(|sample| sample.labels.get_or_empty("__name__") == metric);
        own.map(|sample| sample.timestamp_ms).collect()
    }
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

async fn metrics(watchfire: &Watchfire) -> String {
    client().get(format!("{}/metrics", watchfire.url)).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn samples_wait_for_a_store_that_is_away_and_survive_a_kill() {
    let (api, store, folder) = (QueryApi::start().await, Store::start(503).await, tempfile::tempdir().unwrap());
    let rules = "groups: [{name: g, interval: 1s, rules: [{record: r, expr: x}, {alert: A, expr: y}]}]";
    let args = [
        format!("--rule.file={}", write(folder.path(), "rules.yml", rules)),
        format!("--query.url={}", api.url),
        format!("--remote-write.url={}", store.url),
        format!("--storage.path={}", folder.path().join("data").display()),
    ];
    let mut watchfire = Watchfire::start("rules", &args).await;
    let queued = "prometheus_remote_storage_samples_pending";
    let waiting = |text: &str| {
        let line = text.lines().find(|line| line.starts_with(queued)).map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default()
    };
    // three samples an evaluation: the recorded one, ALERTS, ALERTS_FOR_STATE
    eventually("samples of three evaluations wait", SOON, || async {
        (waiting(&metrics(&watchfire).await) >= 9.0).then_some(())
    })
    .await;
    let health = crate::peers::get_json(&format!("{}/api/v1/rules", watchfire.url)).await;
    assert_eq!(health["data"]["groups"][0]["rules"][0]["health"], "ok", "nobody waits for the store");
    let died_ms = (crate::conditions::unix_now() * 1000.0) as i64;
    watchfire.kill_and_restart().await;
    store.status.store(200, Ordering::SeqCst);
    let before = |times: &[i64]| times.iter().filter(|time| **time < died_ms).count();
    eventually("what waited before the kill arrives, and what comes after it", SOON, || async {
        let times = store.times_of("r");
        (before(&times) >= 2 && times.len() > before(&times)).then_some(())
    })
    .await;
    for metric in ["r", "ALERTS", "ALERTS_FOR_STATE"] {
        let times = store.times_of(metric);
        assert!(before(&times) >= 2, "{metric}: {times:?}");
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{metric} in order: {times:?}");
    }
    let recorded = store.times_of("r");
    let gaps: Vec<i64> = recorded.windows(2).map(|pair| pair[1] - pair[0]).take_while(|gap| *gap == 1000).collect();
    assert!(gaps.len() + 1 >= before(&recorded), "none of those before the kill is missing: {recorded:?}");
    eventually("nothing waits any more", SOON, || async { (waiting(&metrics(&watchfire).await) == 0.0).then_some(()) })
        .await;
}

const SOURCES: &str = r#"
rule_files: [rules/*.yml, loki/*.yml]
query:
  urls: [http://127.0.0.1:DEAD, FIRST, SECOND]
  timeout: 5s
query_sources:
- name: logs
  kind: loki
  url: LOGS
  tenant: ops
  groups: [{file: "loki/*.yml"}]
- name: found
  kind: thanos
  file_sd_configs: [{files: [servers.json], refresh_interval: 1s}]
  groups: [{group: "found-*", tenant: "a|b"}]
"#;

#[tokio::test]
async fn each_group_asks_its_source_and_servers_stand_in_for_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, logs, found] =
        [QueryApi::start().await, QueryApi::start().await, QueryApi::start().await, QueryApi::start().await];
    let config = SOURCES
        .replace("DEAD", &free_port().to_string())
        .replace("FIRST", &first.url)
        .replace("SECOND", &second.url)
        .replace("LOGS", &logs.url);
    let config = write(folder.path(), "prometheus.yml", &config);
    let address = found.url.trim_start_matches("http://");
    write(folder.path(), "servers.json", &format!("[{{\"targets\": [\"{address}\"]}}]"));
    let rules = "groups:\n\
        - {name: g, interval: 1s, rules: [{alert: A, expr: x > 0}, {alert: B, expr: x > 0, for: 1h}, {record: r, expr: x > 0}]}\n\
        - {name: found-g, interval: 1s, rules: [{record: s, expr: y}]}\n";
    write(folder.path(), "rules/a.yml", rules);
    let logql = r#"groups: [{name: l, interval: 1s, rules: [{alert: L, expr: 'sum(rate({a="b"} |= "x" [5m])) > 0'}]}]"#;
    write(folder.path(), "loki/a.yml", logql);
    let args = [format!("--config.file={config}"), "--storage.path=".to_owned()];
    let watchfire = Watchfire::start("rules", &args).await;
    for api in [&first, &logs, &found] {
        eventually("each source is asked", SOON, || async { (api.asked().len() >= 4).then_some(()) }).await;
    }
    // the past of `B` is asked for once besides
    let of_rules = first.asked().into_iter().filter(|asked| asked.form["query"] == "x > 0");
    let mut instants: Vec<String> = of_rules.map(|asked| asked.form["time"].clone()).collect();
    let asked = instants.len();
    instants.dedup();
    assert_eq!(asked, instants.len(), "three rules want to know the same: it is asked once an instant");
    assert_eq!(second.asked(), [], "the first that answers is asked");
    let log_query = logs.asked().remove(0);
    assert_eq!((log_query.path.as_str(), log_query.tenant.as_str()), ("/loki/api/v1/query", "ops"));
    assert!(log_query.form["query"].contains("|= \"x\""));
    let found_query = found.asked().remove(0);
    assert_eq!((found_query.path.as_str(), found_query.tenant.as_str()), ("/api/v1/query", "a|b"));
    assert_eq!(found_query.form["partial_response"], "false");

    first.status.store(502, Ordering::SeqCst);
    eventually("the second is asked", SOON, || async { (second.asked().len() >= 2).then_some(()) }).await;
    let rules = crate::peers::get_json(&format!("{}/api/v1/rules", watchfire.url)).await;
    let groups = rules["data"]["groups"].as_array().unwrap();
    let healths: Vec<&str> = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| rule["health"].as_str().unwrap())
        .collect();
    assert_eq!(healths, ["ok"; 5], "no evaluation was lost on the way");
    let text = metrics(&watchfire).await;
    let up = |url: &str, up: u8| {
        text.contains(&format!("watchfire_rules_query_server_up{{source=\"default\",url=\"{url}/\"}} {up}"))
    };
    assert!(up(&first.url, 0) && up(&second.url, 1), "{text}");
    assert!(text.contains("watchfire_rules_queries_shared_total "), "{text}");

    let moved = QueryApi::start().await;
    let address = moved.url.trim_start_matches("http://");
    write(folder.path(), "servers.json", &format!("[{{\"targets\": [\"{address}\"]}}]"));
    eventually("the server that is found now is asked", SOON, || async { (!moved.asked().is_empty()).then_some(()) })
        .await;
}
