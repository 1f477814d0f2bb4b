//! How fast a firing alert leaves the rule service, and how patient the notifier is.

use std::time::Duration;

use model::Timestamp;
use serde_json::json;

use crate::peers::client;
use crate::sink::Sink;
use crate::stage::{Answers, Watchfire, quickstart_rules};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_delivery_comes_within_a_second_of_firing_also_right_after_start() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, answers) = (Sink::open().await, Answers::default());
    answers.set(&[("edge", 1200)]);
    let query = answers.open().await;
    let rules = quickstart_rules(folder.path(), "0s");
    let _ours = Watchfire::start(
        "rules",
        &[
            format!("--rule.file={}", rules.display()),
            format!("--query.url={query}"),
            format!("--notifier.url={}", sink.url("")),
            "--evaluation.interval=1s".to_owned(),
            "--storage.path=".to_owned(),
        ],
    )
    .await;
    let told = sink.wait_told("/api/v2/alerts", 1, Duration::from_secs(10)).await;
    let alert = &told[0].body[0];
    let fired_at = Timestamp::parse_rfc3339(alert["startsAt"].as_str().unwrap()).unwrap().as_secs_f64();
    let waited = told[0].at - fired_at;
    eprintln!("first delivery {waited:.3} s after firing");
    assert!(waited < 1.0, "{waited}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_receiver_is_told_after_the_time_it_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    sink.answer_next(429, &[("retry-after", "2")], 1);
    let config_file = folder.path().join("alertmanager.yml");
    let config = format!(
        "route: {{receiver: hook, group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}\nreceivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
        sink.url("/hook")
    );
    std::fs::write(&config_file, config).unwrap();
    let args = [format!("--config.file={}", config_file.display()), "--storage.path=".to_owned()];
    let ours = Watchfire::start("notifier", &args).await;
    let alert = json!([{"labels": {"alertname": "Busy"}}]);
    client().post(format!("{}/api/v2/alerts", ours.url)).json(&alert).send().await.unwrap();
    sink.wait_told("/hook", 1, Duration::from_secs(10)).await;
    let told = sink.told("/hook");
    assert_eq!(told.iter().map(|told| told.status).collect::<Vec<_>>(), [429, 200]);
    assert!(told[1].at - told[0].at > 1.9, "{:.2}s", told[1].at - told[0].at);
}
