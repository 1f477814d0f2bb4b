use std::sync::Mutex;
use std::time::Duration;

use axum::body::to_bytes;
use axum::http::Request;
use model::{LabelSet, Timestamp};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::engine::{Effect, Engine, Settings};
use crate::io::metrics::RulesMetrics;
use crate::io::send_alerts::TargetTally;
use crate::io::state::BuildInfo;
use crate::io::write_samples::WriteTally;
use crate::outbox;
use crate::rule_file::{Defaults, read};
use crate::sample::QueryAnswer;
use crate::tally::DurationTally;

struct Fixed(Mutex<Engine>);

impl RulesState for Fixed {
    fn with_engine<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        look(&self.0.lock().unwrap())
    }

    fn notifiers(&self) -> Vec<TargetTally> {
        let mut latency = DurationTally::default();
        latency.observe(Duration::from_millis(20));
        vec![TargetTally {
            url: "http://am:9093/api/v2/alerts".to_owned(),
            queued: 3,
            capacity: 10_000,
            outbox: outbox::Tally { pushed: 9, sent: 5, expired: 1, failed: 2, ..outbox::Tally::default() },
            latency,
            last_error: None,
        }]
    }

    fn writers(&self) -> Vec<(String, WriteTally)> {
        vec![(
            "store".to_owned(),
            WriteTally { written: 7, refused: 1, requests: 3, failures: 1, ..WriteTally::default() },
        )]
    }

    fn shown_config(&self) -> String {
        "global:\n    evaluation_interval: 15s\n".to_owned()
    }

    fn build(&self) -> BuildInfo {
        BuildInfo { version: "1.2.3".to_owned(), ..BuildInfo::default() }
    }
}

const RULES: &str = r#"
groups:
- name: b
  interval: 30s
  limit: 5
  rules:
  - {record: "job:up:sum", expr: "sum by(job)(up < 1)", labels: {team: x}}
  - {record: bare, expr: up}
  - alert: Down
    expr: up == 0
    for: 10s
    keep_firing_for: 1m
    labels: {severity: page, host: "{{ $labels.job }}"}
    annotations: {summary: "{{ $labels.job }} & <more>"}
- name: a
  rules: [{alert: Broken, expr: broken}]
- name: empty
"#;

/// An engine after two rounds in which every query but `broken` gives one series.
fn engine() -> Engine {
    let file = model::source::SourceFile::new("rules.yml", RULES);
    let (groups, _) = read(&file, &Defaults::default()).unwrap();
    let mut engine = Engine::new(Settings::default());
    let start = Timestamp::from_secs(1_767_323_040);
    let mut effects = Vec::new();
    let settings = Settings { concurrency: 1, ..Settings::default() };
    engine.configure(start, groups, settings, &mut effects);
    let mut now = start;
    while now < start.plus(Duration::from_secs(150)) {
        now = engine.next_wake().unwrap_or(now.plus(Duration::from_secs(1))).max(now);
        engine.advance(now, &mut effects);
        while let Some(effect) = (!effects.is_empty()).then(|| effects.remove(0)) {
            now = now.plus(Duration::from_millis(1));
            match effect {
                Effect::Query { id, expr, .. } => {
                    let series = LabelSet::from_pairs([("__name__", "up"), ("job", "j")]);
                    let answer = match &*expr {
                        "broken" => Err("bad_data: it is".to_owned()),
                        _ => Ok(QueryAnswer::vector(vec![(series, 0.5)])),
                    };
                    engine.queried(now, id, answer, &mut effects);
                }
                Effect::Write { id, .. } => engine.written(now, id, Ok(()), &mut effects),
                _ => {}
            }
        }
    }
    engine
}

async fn get(uri: &str) -> (StatusCode, String) {
    let state = Arc::new(Fixed(Mutex::new(engine())));
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let response = router(state).oneshot(request).await.unwrap();
    let status = response.status();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    (status, String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap())
}

/// Group and rule names, `file;group: rule rule`.
async fn names(uri: &str) -> Vec<String> {
    let (status, body) = get(uri).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let group = |group: &Value| {
        let rules: Vec<String> = group["rules"].as_array().unwrap().iter().map(name).collect();
        format!("{}: {}", name(group), rules.join(" "))
    };
    answer["data"]["groups"].as_array().unwrap().iter().map(group).collect()
}

#[tokio::test]
async fn rules_are_written_as_prometheus_writes_them() {
    let (_, body) = get("/api/v1/rules").await;
    insta::assert_snapshot!(body.replace("},{", "},\n{").replace(",\"alerts\"", ",\n\"alerts\""));
}

#[tokio::test]
async fn alerts_and_the_rest() {
    let (_, body) = get("/api/v1/alerts").await;
    insta::assert_snapshot!(body);
    assert_eq!(
        get("/api/v1/alertmanagers").await.1,
        r#"{"status":"success","data":{"activeAlertmanagers":[{"url":"http://am:9093/api/v2/alerts"}],"droppedAlertmanagers":[]}}"#
    );
    assert_eq!(
        get("/prometheus/api/v1/status/config").await.1,
        "{\"status\":\"success\",\"data\":{\"yaml\":\"global:\\n    evaluation_interval: 15s\\n\"}}"
    );
    assert_eq!(
        get("/api/v1/status/buildinfo").await.1,
        r#"{"status":"success","data":{"version":"1.2.3","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":""}}"#
    );
}

#[tokio::test]
async fn parameters_choose_rules() {
    let (all_b, a) = ("b: job:up:sum bare Down", "a: Broken");
    for (query, expected) in [
        ("", vec![a, all_b]),
        ("type=alert", vec![a, "b: Down"]),
        ("type=record", vec!["b: job:up:sum bare"]),
        ("rule_name[]=Down&rule_name[]=bare", vec!["b: bare Down"]),
        ("rule_name%5B%5D=Down&type=record", vec![]),
        ("rule_group[]=a", vec![a]),
        ("rule_group[]=a&file[]=other.yml", vec![]),
        ("file[]=rules.yml", vec![a, all_b]),
        ("match[]={severity=\"page\"}", vec!["b: Down"]),
        ("match[]={severity=\"page\"}&match[]={team=~\"x|y\"}", vec!["b: job:up:sum Down"]),
        ("match[]={host=~\".%2B\"}", vec![]),
        ("group_limit=1", vec![a]),
    ] {
        let query = query.replace('{', "%7B").replace('}', "%7D").replace('"', "%22").replace('|', "%7C");
        assert_eq!(names(&format!("/api/v1/rules?{query}")).await, expected, "{query}");
    }
    let (_, body) = get("/api/v1/rules?exclude_alerts=1").await;
    assert!(body.contains("\"alerts\":null"));
}

#[tokio::test]
async fn pages_go_on_where_they_ended() {
    let (_, body) = get("/api/v1/rules?group_limit=1").await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    let token = answer["data"]["groupNextToken"].as_str().unwrap();
    assert_eq!(
        names(&format!("/api/v1/rules?group_limit=1&group_next_token={token}")).await,
        ["b: job:up:sum bare Down"]
    );
    let (_, last) = get(&format!("/api/v1/rules?group_limit=1&group_next_token={token}")).await;
    assert!(!last.contains("groupNextToken"));
}

#[tokio::test]
async fn wrong_parameters_are_bad_data() {
    for (query, error) in [
        ("type=x", r#"invalid parameter \"type\": not supported value \"x\""#),
        ("exclude_alerts=maybe", r#"invalid parameter \"exclude_alerts\": expected true or false"#),
        ("group_limit=0", r#"invalid parameter \"group_limit\": group_limit needs to be an integer greater than 0"#),
        (
            "group_next_token=ab",
            r#"invalid parameter \"group_limit\": group_limit needs to be present in order to paginate over the groups"#,
        ),
        (
            "group_limit=1&group_next_token=ab",
            r#"invalid parameter \"group_next_token\": there is no such group any more"#,
        ),
        ("match[]=rate(x[5m])", r#"invalid parameter \"match[]\": not a selector such as {severity=\"page\"}"#),
        ("match[]=up%7B", r#"invalid parameter \"match[]\": 1:4: parse error: unexpected end of input inside braces"#),
    ] {
        let (status, body) = get(&format!("/api/v1/rules?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body, format!(r#"{{"status":"error","errorType":"bad_data","error":"{error}"}}"#), "{query}");
    }
}

#[test]
fn metrics_have_prometheus_names() {
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register_collector(Box::new(RulesMetrics::new(Arc::new(Fixed(Mutex::new(engine()))), 3)));
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
    let samples: Vec<&str> = page.lines().filter(|line| !line.starts_with("# HELP")).collect();
    insta::assert_snapshot!(samples.join("\n"));
}

#[tokio::test]
async fn what_a_rule_did_is_explained() {
    let (status, body) = get("/api/v1/explain/rule?rule=Broken").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let rule = &answer["data"]["rules"][0];
    assert_eq!((rule["health"].as_str(), rule["query"].as_str()), (Some("err"), Some("broken")), "{body}");
    let evaluations = rule["evaluations"].as_array().unwrap();
    assert!(evaluations.len() >= 2, "{body}");
    assert!(evaluations.iter().all(|past| past["error"] == "bad_data: it is" && past["attempts"] == 1), "{body}");
    assert!(evaluations[0]["timestamp"].as_str() > evaluations[1]["timestamp"].as_str(), "newest first: {body}");

    for (query, expected) in [
        ("", StatusCode::BAD_REQUEST),
        ("rule=", StatusCode::BAD_REQUEST),
        ("rule=none", StatusCode::NOT_FOUND),
        ("group=a", StatusCode::OK),
        ("group=empty", StatusCode::NOT_FOUND),
        ("rule=Broken&group=none", StatusCode::NOT_FOUND),
        ("rule=Broken&file=none", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(get(&format!("/api/v1/explain/rule?{query}")).await.0, expected, "{query}");
    }
}
