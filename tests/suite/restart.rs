//! SIGKILL at the three worst moments, over and over: while pending, between firing and resolved, right after a silence
//! was acknowledged.

use std::time::Duration;

use model::Timestamp;
use serde_json::{Value, json};

use crate::conditions::{eventually, nothing_for};
use crate::peers::client;
use crate::sink::Sink;
use crate::stage::{Answers, Watchfire, quickstart_rules};

const ROUNDS: usize = 20;
/// Rounds at the same time: each mostly waits.
const AT_ONCE: usize = 5;
const HOLD_SECS: f64 = 4.0;
const SOON: Duration = Duration::from_secs(20);

/// One incident with three kills. Answers what was delivered.
async fn round(number: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (sink, answers) = (Sink::open().await, Answers::default());
    let query = answers.open().await;
    let config_file = folder.path().join("alertmanager.yml");
    let config = format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}\nreceivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
        sink.url("/hook")
    );
    std::fs::write(&config_file, config).unwrap();
    let rules = quickstart_rules(folder.path(), &format!("{HOLD_SECS}s"));
    let mut ours = Watchfire::start(
        "run",
        &[
            format!("--config.file={}", config_file.display()),
            format!("--rule.file={}", rules.display()),
            format!("--query.url={query}"),
            "--evaluation.interval=1s".to_owned(),
            format!("--storage.path={}", folder.path().join("data").display()),
        ],
    )
    .await;

    // (a) killed while pending: `for` goes on where it was.
    answers.set(&[("edge", 1200)]);
    let pending = eventually("pending", SOON, || async { ours.alerts_v1().await.into_iter().next() }).await;
    let active_at = Timestamp::parse_rfc3339(pending["activeAt"].as_str().unwrap()).unwrap().as_secs_f64();
    // A little later each round, so that the kill hits different moments between two evaluations.
    nothing_for(Duration::from_millis(100 * number as u64)).await;
    ours.kill_and_restart().await;
    let told = sink.wait_told("/hook", 1, SOON).await;
    let waited = told[0].at - active_at;
    assert!(
        (HOLD_SECS..HOLD_SECS + 3.5).contains(&waited),
        "round {number}: `for` {HOLD_SECS}s took {waited:.2}s over a restart"
    );
    assert_eq!(told[0].body["status"], "firing");

    // (c) killed right after a silence was acknowledged.
    let silence = json!({
        "matchers": [{"name": "alertname", "value": format!("other-{number}"), "isRegex": false}],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "test", "comment": "kill",
    });
    let created: Value = client()
        .post(format!("{}/api/v2/silences", ours.url))
        .json(&silence)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    // (b) the same kill is the one between firing and resolved.
    ours.kill_and_restart().await;
    let id = created["silenceID"].as_str().unwrap();
    let kept: Value =
        client().get(format!("{}/api/v2/silence/{id}", ours.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(kept["status"]["state"], "active", "round {number}: the silence is gone");
    nothing_for(Duration::from_millis(2500)).await;
    assert_eq!(sink.told("/hook").len(), 1, "round {number}: paged again after a restart");

    answers.set(&[]);
    let told = sink.wait_told("/hook", 2, SOON).await;
    assert_eq!((told.len(), &told[1].body["status"]), (2, &"resolved".into()), "round {number}");
    nothing_for(Duration::from_millis(2500)).await;
    assert_eq!(sink.told("/hook").len(), 2, "round {number}: resolved more than once");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_no_page_and_repeats_none() {
    let numbers: Vec<usize> = (0..ROUNDS).collect();
    for together in numbers.chunks(AT_ONCE) {
        let rounds: Vec<_> = together.iter().map(|number| tokio::spawn(round(*number))).collect();
        for round in rounds {
            round.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_in_order_and_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let config = format!(
        "route: {{receiver: hook, group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}\nreceivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
        sink.url("/hook")
    );
    let mut ours = Watchfire::notifier(folder.path(), &config).await;
    let alert = json!([{"labels": {"alertname": "Kept"}}]);
    ours.post_alerts(&alert).await;
    sink.wait_told("/hook", 1, SOON).await;
    assert!(ours.process.terminate().success());
    assert!(ours.process.lines().iter().any(|line| line.contains("bye")));

    let ours = Watchfire::notifier(folder.path(), &config).await;
    let alerts = crate::peers::get_json(&format!("{}/api/v2/alerts", ours.url)).await;
    assert_eq!(alerts[0]["labels"]["alertname"], "Kept");
    nothing_for(Duration::from_millis(1500)).await;
    assert_eq!(sink.told("/hook").len(), 1, "told again after an orderly restart");
}
