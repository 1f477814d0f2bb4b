//! The notifier's API against its contract: the answers of the real Alertmanager, the OpenAPI document, and pages.

mod cases;
mod metrics;
mod schema;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::peers::{ALERTMANAGER, Process, client, free_port, get_json, installed, ready};
use crate::stage::Watchfire;
use cases::{Expected, cases};
use schema::Document;

const CONFIG: &str =
    "route: {receiver: hook, group_by: [alertname], group_wait: 1h, routes: [{matchers: [team=b], receiver: other}]}\n";
const PLAIN_RECEIVERS: &str = "receivers: [{name: hook}, {name: other}]\n";
const LABELLED_RECEIVERS: &str = "receivers: [{name: hook, labels: {owner: a}}, {name: other, labels: {owner: b}}]\n";

fn write_config(folder: &Path, receivers: &str) -> std::path::PathBuf {
    let path = folder.join("alertmanager.yml");
    std::fs::write(&path, format!("{CONFIG}{receivers}")).unwrap();
    path
}

async fn ours(folder: &Path, receivers: &str) -> Watchfire {
    let config = write_config(folder, receivers);
    Watchfire::start("notifier", &[format!("--config.file={}", config.display()), "--storage.path=".to_owned()]).await
}

/// Asks every question; answers what is not as expected.
async fn differences(url: &str, expected: fn(&cases::Case) -> &Expected) -> Vec<String> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut differences = Vec::new();
    for case in cases() {
        let method = case.method.parse().unwrap();
        let mut request = client.request(method, format!("{url}{}", case.path));
        for (name, value) in &case.headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = case.body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let body = answer.text().await.unwrap();
        let expected = expected(&case);
        if !expected.met_by(status, &headers, &body) {
            differences.push(format!(
                "{} {} {}\n  expected {expected:?}\n  got      {status} {body:?} {headers:?}",
                case.method,
                case.path,
                case.body.unwrap_or_default()
            ));
        }
    }
    differences
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_alertmanagers() {
    let folder = tempfile::tempdir().unwrap();
    let ours = ours(folder.path(), PLAIN_RECEIVERS).await;
    let found = differences(&ours.url, |case| &case.ours).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Keeps the table honest.
#[tokio::test(flavor = "multi_thread")]
async fn the_real_alertmanager_answers_as_the_table_says() {
    if !installed("the_real_alertmanager_answers_as_the_table_says", &[ALERTMANAGER]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), PLAIN_RECEIVERS);
    let port = free_port();
    let _alertmanager = Process::start(
        ALERTMANAGER,
        Command::new(ALERTMANAGER)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address="),
    );
    let url = format!("http://127.0.0.1:{port}");
    ready(&format!("{url}/-/ready")).await;
    let found = differences(&url, |case| &case.theirs).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

async fn post(url: &str, path: &str, body: &Value) -> (u16, String) {
    let answer = client().post(format!("{url}/api/v2{path}")).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Three alerts of two receivers, one silenced; an active, a pending and an expired silence.
async fn populate(url: &str) -> String {
    let alerts = json!([
        {"labels": {"alertname": "A", "pod": "1"}, "annotations": {"summary": "s"}, "generatorURL": "http://p/graph"},
        {"labels": {"alertname": "A", "pod": "2"}},
        {"labels": {"alertname": "B", "team": "b"}},
    ]);
    assert_eq!(post(url, "/alerts", &alerts).await, (200, String::new()));
    let mut first = String::new();
    for (value, start) in
        [("1", "2020-01-01T00:00:00Z"), ("later", "2090-01-01T00:00:00Z"), ("ended", "2020-01-01T00:00:00Z")]
    {
        let silence = json!({
            "matchers": [{"name": "pod", "value": value, "isRegex": false}], "startsAt": start,
            "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": "c", "annotations": {"ticket": "7"},
        });
        let (status, text) = post(url, "/silences", &silence).await;
        assert_eq!(status, 200, "{text}");
        let id = serde_json::from_str::<Value>(&text).unwrap()["silenceID"].as_str().unwrap().to_owned();
        if value == "ended" {
            assert_eq!(client().delete(format!("{url}/api/v2/silence/{id}")).send().await.unwrap().status(), 200);
        }
        if first.is_empty() {
            first = id;
        }
    }
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_satisfies_the_openapi_document() {
    let Some(document) = Document::open() else {
        eprintln!("skipped every_answer_satisfies_the_openapi_document: ../shared is not here");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let ours = ours(folder.path(), LABELLED_RECEIVERS).await;
    let id = populate(&ours.url).await;
    let mut seen = 0;
    for path in document.get_paths() {
        let url = format!("{}/api/v2{}", ours.url, path.replace("{silenceID}", &id));
        let answer = get_json(&url).await;
        let items = answer.as_array().map_or(1, Vec::len);
        assert!(items > 0, "{path} shows something to check");
        let found = document.violations(&path, &answer);
        assert!(found.is_empty(), "{path}: {found:#?}\n{answer:#}");
        seen += 1;
    }
    assert_eq!(seen, 6, "all paths with GET");
    // The checker itself can tell.
    let mut broken = get_json(&format!("{}/api/v2/alerts", ours.url)).await;
    broken[0]["status"]["state"] = "asleep".into();
    broken[1].as_object_mut().unwrap().remove("receivers");
    broken[2]["startsAt"] = "yesterday".into();
    assert_eq!(document.violations("/alerts", &broken).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_of_the_document_does_something() {
    let folder = tempfile::tempdir().unwrap();
    let ours = ours(folder.path(), LABELLED_RECEIVERS).await;
    populate(&ours.url).await;
    let cases = [
        ("/alerts", 3),
        ("/alerts?active=false", 1),
        ("/alerts?silenced=false", 2),
        ("/alerts?inhibited=false", 3),
        ("/alerts?unprocessed=false", 3),
        ("/alerts?filter=pod=\"1\"", 1),
        ("/alerts?filter=alertname=A&filter=pod!=\"1\"", 1),
        ("/alerts?receiver=oth.*", 1),
        ("/alerts?receiver=ho", 0),
        ("/alerts?receiver_matchers=owner=a", 2),
        ("/alerts?receiver_matchers=owner=~\"a|b\"&receiver_matchers=name!=hook", 1),
        ("/alerts/groups", 2),
        ("/alerts/groups?receiver=hook", 1),
        ("/alerts/groups?receiver_matchers=owner=b", 1),
        ("/alerts/groups?active=false", 1),
        ("/alerts/groups?silenced=false&filter=pod=\"1\"", 0),
        ("/alerts/groups?muted=false", 2),
        ("/receivers", 2),
        ("/receivers?receiver_matchers=owner=b", 1),
        ("/silences", 3),
        ("/silences?active=false", 2),
        ("/silences?pending=false", 2),
        ("/silences?expired=false", 2),
        ("/silences?active=false&pending=false&expired=false", 0),
        ("/silences?filter=pod=\"later\"", 1),
    ];
    for (path, count) in cases {
        let answer = get_json(&format!("{}/api/v2{path}", ours.url)).await;
        assert_eq!(answer.as_array().unwrap().len(), count, "{path}: {answer:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_can_be_read_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let ours = ours(folder.path(), PLAIN_RECEIVERS).await;
    let alerts: Vec<Value> =
        (0..700).map(|n| json!({"labels": {"alertname": format!("A{}", n % 7), "n": n.to_string()}})).collect();
    assert_eq!(post(&ours.url, "/alerts", &alerts.into()).await.0, 200);
    populate(&ours.url).await;
    for (path, limit) in [("/alerts", 300), ("/alerts", 1000), ("/alerts/groups", 2), ("/silences", 1)] {
        let whole = get_json(&format!("{}/api/v2{path}", ours.url)).await;
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let url = format!("{}/api/v2{path}?limit={limit}&cursor={cursor}", ours.url);
            let answer = client().get(url).send().await.unwrap();
            let next = answer.headers().get("x-next-cursor").map(|value| value.to_str().unwrap().to_owned());
            let page: Vec<Value> = answer.json().await.unwrap();
            assert!(page.len() <= limit && !page.is_empty(), "{path}");
            pages.extend(page);
            let Some(next) = next else { break };
            cursor = next;
        }
        assert_eq!(Value::from(pages), whole, "{path} in pages of {limit}");
    }
}
