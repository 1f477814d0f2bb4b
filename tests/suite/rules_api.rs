//! The rules API beside Debian's Prometheus: the same rules over the same series, the answers compared as bytes.

use std::path::Path;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::conditions::eventually;
use crate::peers::{PROMETHEUS, client, get_json, installed, prometheus};
use crate::stage::{Members, Watchfire};

const SOON: Duration = Duration::from_secs(30);

const RULES: &str = r#"groups:
- name: z last
  interval: 1s
  rules:
  - {record: "pods:clients", expr: "sum   by(pod) (stream_clients_clients)", labels: {team: "a&b", kind: "<x>"}}
  - {record: plain, expr: "vector(1)"}
- name: alerts
  interval: 2s
  limit: 10
  rules:
  - alert: Crowded
    expr: sum by (pod) (stream_clients_clients) > 1000
    for: 1h
    keep_firing_for: 90s
    labels: {severity: page, pod_name: "{{ $labels.pod }}"}
    annotations: {summary: "{{ $labels.pod }} <has> & {{ $value }}", text: "é \"quoted\"\tand\nmore"}
  - alert: Fires
    expr: 'vector(0.1)  ==bool 0.1'
  - alert: Quiet
    expr: vector(1) > 2
    annotations: {a: b}
  - alert: Fails
    expr: label_replace(vector(1), "x", "$1", "(", "") > on() vector(1)
  - alert: Twins
    expr: stream_clients_clients
    labels: {pod: ""}
"#;

async fn text(url: &str) -> (u16, String, String) {
    let answer = client().get(url).send().await.unwrap();
    let content_type = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), content_type.unwrap_or_default(), answer.text().await.unwrap())
}

/// What differs from one moment to the next is left out; of times only the form is compared.
fn timeless(body: &str) -> String {
    let time = Regex::new(r#""(lastEvaluation|activeAt)":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z""#).unwrap();
    let duration = Regex::new(r#""evaluationTime":[0-9.e-]+"#).unwrap();
    let body = time.replace_all(body, r#""$1":"TIME""#);
    duration.replace_all(&body, r#""evaluationTime":SECONDS"#).into_owned()
}

/// Prometheus leaves out groups without a rule that was asked for since 3.0.
fn without_empty_groups(body: &str) -> String {
    let empty = Regex::new(r#"\{"name":"[^"]*","file":"[^"]*","rules":\[\],[^}]*\},?"#).unwrap();
    empty.replace_all(body, "").replace("},]", "}]")
}

async fn ours(folder: &Path, rules: &Path, query: &str) -> Watchfire {
    let args = [
        format!("--rule.file={}", rules.display()),
        format!("--query.url={query}"),
        "--notifier.url=http://127.0.0.1:1/am".to_owned(),
        format!("--storage.path={}", folder.join("data").display()),
    ];
    Watchfire::start("rules", &args).await
}

/// Every rule has been evaluated twice.
async fn evaluated(url: &str) {
    eventually(&format!("{url} has evaluated its rules"), SOON, || async {
        let answer = get_json(&format!("{url}/api/v1/rules")).await;
        let groups = answer["data"]["groups"].as_array().unwrap().clone();
        let rules: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
        let is_done = |rule: &&Value| rule["health"] != "unknown";
        let crowded = rules.iter().any(|rule| rule["name"] == "Crowded" && rule["state"] == "pending");
        (crowded && rules.iter().all(is_done)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_prometheus_to_the_byte() {
    if !installed("answers_are_prometheus_to_the_byte", &[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let members = Members::open().await;
    members.set("edge-0", 1200);
    members.set("edge-1", 10);
    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, RULES).unwrap();
    let extra = format!(
        "rule_files: ['{}']\nalerting:\n  alertmanagers:\n  - path_prefix: /am\n    static_configs: [{{targets: ['127.0.0.1:1']}}]\n",
        rules.display()
    );
    let (_prometheus, theirs) = prometheus(folder.path(), Some(&members.address.to_string()), &extra, &[]).await;
    let ours = ours(folder.path(), &rules, &theirs).await;
    for url in [theirs.as_str(), &ours.url] {
        evaluated(url).await;
    }
    for path in [
        "/api/v1/rules",
        "/api/v1/rules?type=alert",
        "/api/v1/rules?type=record",
        "/api/v1/rules?type=ALERT",
        "/api/v1/rules?type=other",
        "/api/v1/alerts",
        "/api/v1/alertmanagers",
    ] {
        let (status, content_type, body) = text(&format!("{}{path}", ours.url)).await;
        let (their_status, their_type, their_body) = text(&format!("{theirs}{path}")).await;
        assert_eq!(timeless(&body), without_empty_groups(&timeless(&their_body)), "{path}");
        assert_eq!((status, content_type), (their_status, their_type), "{path}");
    }

    // The same fields; Prometheus may have more of them.
    for path in ["/api/v1/status/buildinfo", "/api/v1/status/config"] {
        let (ours, theirs) =
            (get_json(&format!("{}{path}", ours.url)).await, get_json(&format!("{theirs}{path}")).await);
        let keys = |answer: &Value| answer["data"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&ours), keys(&theirs), "{path}");
    }
}
