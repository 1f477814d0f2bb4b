//! `watchfire explain` and `watchfire history` of a running notifier, before and after it is killed.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::conditions::eventually;
use crate::peers::client;
use crate::rule_commands::run_in;
use crate::sink::Sink;
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(20);

/// What a command of ours prints, and its exit code.
fn asked(ours: &Watchfire, words: &[&str]) -> (String, i32) {
    let url = format!("--alertmanager.url={}", ours.url);
    let (told, _, code) = run_in(Path::new("."), &[words, &[url.as_str()]].concat(), "");
    (told, code.unwrap_or(-1))
}

fn reason(ours: &Watchfire, alert: &str, receiver: &str) -> Value {
    let (told, code) = asked(ours, &["explain", "-o", "json", alert]);
    assert_eq!(code, 0, "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let receivers = told["alerts"][0]["receivers"].as_array().cloned().unwrap_or_default();
    receivers.into_iter().find(|one| one["receiver"] == receiver).map_or(Value::Null, |one| one["reason"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn why_and_who_was_told_is_answered_also_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, failing) = (Sink::open().await, Sink::open().await);
    failing.answer_next(503, &[], 10_000);
    let config = format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h, routes: [{{matchers: [team=a], receiver: broken}}]}}
receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}, {{name: broken, webhook_configs: [{{url: '{}'}}]}}]\n",
        sink.url("/hook"),
        failing.url("/broken"),
    );
    let mut ours = Watchfire::notifier(folder.path(), &config).await;
    let alerts = json!([{"labels": {"alertname": "K"}}, {"labels": {"alertname": "L", "team": "a"}}]);
    ours.post_alerts(&alerts).await;
    sink.wait_told("/hook", 1, SOON).await;
    for _ in 0..2 {
        eventually("both are explained", SOON, || async {
            let is_told = reason(&ours, "K", "hook") == "unchanged";
            let fails = reason(&ours, "L", "broken") == "retrying";
            (is_told && fails).then_some(())
        })
        .await;
        let (told, _) = asked(&ours, &["explain", "K"]);
        assert!(told.contains("hook  told\n  told at ") && told.contains("(first notification)"), "{told}");
        let (told, code) = asked(&ours, &["explain", "K", "team=b"]);
        assert!(told.contains(r#"does not meet team="b" (it lacks the label)"#), "{told}");
        assert_eq!(code, 1);
        let (told, _) = asked(&ours, &["explain", "--suppose", "New", "team=a"]);
        assert!(told.contains("broken  waiting"), "{told}");

        let (lines, _) = asked(&ours, &["history", "-o", "json", "--limit=0"]);
        let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |event: &str, receiver: &str| {
            events.iter().filter(|one| one["event"] == event && one["receiver"] == receiver).count()
        };
        assert_eq!(of("delivered", "hook"), 1, "{lines}");
        assert!(of("failed", "broken") > 0, "{lines}");
        let (table, _) = asked(&ours, &["history", "--receiver=hook", "--event=delivered", "K"]);
        assert!(table.contains(r#"hook/webhook  told (first notification): 1 firing  {alertname="K"}"#), "{table}");
        ours.kill_and_restart().await;
    }
}

/// Pages of the history follow each other without gap or repetition.
#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_read_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let config = format!(
        "route: {{receiver: hook, group_by: [n], group_wait: 10ms, group_interval: 1h, repeat_interval: 4h}}\nreceivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
        sink.url("/hook")
    );
    let ours = Watchfire::notifier(folder.path(), &config).await;
    let alerts: Vec<Value> = (0..120).map(|n| json!({"labels": {"alertname": "K", "n": n.to_string()}})).collect();
    ours.post_alerts(&json!(alerts)).await;
    sink.wait_told("/hook", 120, SOON).await;
    let read = async |query: String| {
        let answer = client().get(format!("{}/api/v2/history?{query}", ours.url)).send().await.unwrap();
        let cursor = answer.headers().get("x-next-cursor").map(|cursor| cursor.to_str().unwrap().to_owned());
        (answer.error_for_status().unwrap().json::<Vec<Value>>().await.unwrap(), cursor)
    };
    let all = eventually("all are noted", SOON, || async {
        let (events, _) = read("limit=1000&event=delivered".to_owned()).await;
        (events.len() == 120).then_some(events)
    })
    .await;
    let (mut paged, mut cursor) = (Vec::new(), Some(String::new()));
    while let Some(at) = cursor {
        let (events, next) = read(format!("limit=7&event=delivered&cursor={at}")).await;
        assert!(events.len() <= 7);
        paged.extend(events);
        cursor = next;
    }
    assert_eq!(paged, all);
    let (one, _) = read("filter=n%3D%2217%22".to_owned()).await;
    assert_eq!((one.len(), &one[0]["alerts"][0]["labels"]["n"]), (1, &"17".into()));
    for bad in ["limit=0", "cursor=x", "from=yesterday", "fingerprint=1", "receiver=("] {
        let answer = client().get(format!("{}/api/v2/history?{bad}", ours.url)).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{bad}");
    }
}
