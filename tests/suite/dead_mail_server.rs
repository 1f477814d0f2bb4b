//! A mail server that accepts and never greets: nothing else waits for it, and the metrics say so.

use std::time::Duration;

use serde_json::json;

use crate::conditions::{eventually, unix_now};
use crate::peers::client;
use crate::sink::Sink;
use crate::stage::Watchfire;

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_never_greets_delays_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    let config = folder.path().join("alertmanager.yml");
    // Mail stands before the webhook in the same receiver, and has a receiver of its own beside another webhook's.
    let text = format!(
        "global: {{smtp_smarthost: '127.0.0.1:{port}', smtp_from: w@example.org, smtp_require_tls: false}}
route:
  receiver: both
  group_by: [alertname]
  group_wait: 200ms
  group_interval: 1s
  repeat_interval: 1h
  routes:
  - {{receiver: both, continue: true}}
  - {{receiver: mail, continue: true}}
  - {{receiver: hook}}
receivers:
- name: both
  email_configs: [{{to: a@example.org}}]
  webhook_configs: [{{url: '{both}'}}]
- name: mail
  email_configs: [{{to: b@example.org}}]
- name: hook
  webhook_configs: [{{url: '{hook}'}}]
",
        both = sink.url("/both"),
        hook = sink.url("/hook"),
    );
    std::fs::write(&config, text).unwrap();
    let ours =
        Watchfire::start("notifier", &[format!("--config.file={}", config.display()), "--storage.path=".to_owned()])
            .await;
    let post = |name: &str| {
        let body = json!([{"labels": {"alertname": name}}]);
        let url = format!("{}/api/v2/alerts", ours.url);
        async move { assert!(client().post(url).json(&body).send().await.unwrap().status().is_success()) }
    };
    let posted = unix_now();
    post("First").await;
    for path in ["/both", "/hook"] {
        let told = sink.wait_told(path, 1, Duration::from_secs(5)).await;
        assert!(told[0].at - posted < 1.5, "{path} was told after {:.2}s", told[0].at - posted);
    }
    // Another alert of the same group: its flush does not wait for the mail either.
    let body = json!([{"labels": {"alertname": "First", "pod": "b"}}]);
    let posted = unix_now();
    client().post(format!("{}/api/v2/alerts", ours.url)).json(&body).send().await.unwrap();
    let told = sink.wait_told("/both", 2, Duration::from_secs(5)).await;
    assert!(told[1].at - posted < 2.5, "{:.2}s", told[1].at - posted);

    // One scrape shows who waits, and since when.
    let text = client().get(format!("{}/metrics", ours.url)).send().await.unwrap().text().await.unwrap();
    let value = |name: &str, receiver: &str| {
        let start = format!("{name}{{receiver=\"{receiver}\",integration=\"email\"}} ");
        text.lines()
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_else(|| panic!("{start} in\n{text}"))
            .parse::<f64>()
            .unwrap()
    };
    for receiver in ["both", "mail"] {
        assert_eq!(value("watchfire_notifications_undelivered", receiver), 1.0);
        assert!(value("watchfire_notifications_oldest_undelivered_seconds", receiver) > 0.3);
    }
    // And once its deadline has passed, it is a failed request like any other.
    eventually("the failed request is counted", Duration::from_secs(45), || async {
        let text = client().get(format!("{}/metrics", ours.url)).send().await.unwrap().text().await.unwrap();
        let failed = text
            .lines()
            .find_map(|line| {
                line.strip_prefix("alertmanager_notification_requests_failed_total{integration=\"email\"} ")
            })?
            .to_owned();
        (failed.parse::<f64>().ok()? >= 1.0).then_some(())
    })
    .await;
}
