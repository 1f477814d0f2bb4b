//! The quickstart against real peers: Prometheus scrapes, Watchfire pages by e-mail, PagerDuty and webhook.

use std::time::Duration;

use model::Timestamp;
use serde_json::Value;

use crate::conditions::{eventually, nothing_for};
use crate::peers::{PROMETHEUS, get_json, installed, prometheus};
use crate::sink::Sink;
use crate::stage::{MAIL_PASSWORD, MAIL_USER, MailServer, Members, Watchfire, quickstart_rules};

const HOLD_SECS: i64 = 4;
const SOON: Duration = Duration::from_secs(15);

fn config(sink: &Sink, mail: &MailServer) -> String {
    format!(
        "global:
  smtp_smarthost: localhost:{port}
  smtp_from: watchfire@example.org
  smtp_auth_username: {MAIL_USER}
  smtp_auth_password: {MAIL_PASSWORD}
  smtp_tls_config: {{ca_file: {ca}}}
  pagerduty_url: {pagerduty}
route:
  receiver: everything
  group_by: [alertname]
  group_wait: 1s
  group_interval: 4s
  repeat_interval: 1h
receivers:
- name: everything
  webhook_configs:
  - url: {webhook}
  email_configs:
  - to: oncall@example.org
    send_resolved: true
  pagerduty_configs:
  - routing_key: 0123456789abcdef0123456789abcdef
",
        port = mail.port,
        ca = mail.ca_file.display(),
        pagerduty = sink.url("/v2/enqueue"),
        webhook = sink.url("/hook"),
    )
}

fn pods(told: &Value, status: &str) -> Vec<String> {
    let alerts = told["alerts"].as_array().unwrap();
    let of_status = alerts.iter().filter(|alert| alert["status"] == status);
    let mut pods: Vec<_> = of_status.map(|alert| alert["labels"]["pod"].as_str().unwrap().to_owned()).collect();
    pods.sort();
    pods
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_pages_a_human() {
    if !installed("the_quickstart_pages_a_human", &[PROMETHEUS, "aiosmtpd"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (sink, members, mail) = (Sink::open().await, Members::open().await, MailServer::start(folder.path()).await);
    members.set("srs-edge-0", 700);
    members.set("srs-edge-1", 640);
    let (_prometheus, query) = prometheus(folder.path(), Some(&members.address.to_string()), "", &[]).await;
    let config_file = folder.path().join("alertmanager.yml");
    std::fs::write(&config_file, config(&sink, &mail)).unwrap();
    let rules = quickstart_rules(folder.path(), &format!("{HOLD_SECS}s"));
    let ours = Watchfire::start(
        "run",
        &[
            format!("--config.file={}", config_file.display()),
            format!("--rule.file={}", rules.display()),
            format!("--query.url={query}"),
            format!("--remote-write.url={query}/api/v1/write"),
            "--evaluation.interval=1s".to_owned(),
            format!("--storage.path={}", folder.path().join("data").display()),
        ],
    )
    .await;

    // The recorded series is queryable, with its extra labels.
    eventually("the recorded series", SOON, || async {
        let answer = get_json(&format!("{query}/api/v1/query?query=stream_total_clients_by_pod")).await;
        let rows = answer["data"]["result"].as_array().unwrap().clone();
        (rows.len() == 2 && rows.iter().all(|row| row["metric"]["app"] == "srs-edge")).then_some(())
    })
    .await;

    // Pending, then firing once `for` has passed.
    members.set("srs-edge-0", 1200);
    let pending = eventually("pending", SOON, || async {
        ours.alerts_v1().await.into_iter().find(|alert| alert["state"] == "pending")
    })
    .await;
    assert!(sink.told("/hook").is_empty(), "nothing is sent while pending");
    let active_at = Timestamp::parse_rfc3339(pending["activeAt"].as_str().unwrap()).unwrap();
    let hooks = sink.wait_told("/hook", 1, SOON).await;
    let waited = hooks[0].at - active_at.as_secs_f64();
    assert!(
        (HOLD_SECS as f64 + 1.0..HOLD_SECS as f64 + 3.5).contains(&waited),
        "for {HOLD_SECS}s + group_wait 1s took {waited:.2}s"
    );
    assert_eq!(pods(&hooks[0].body, "firing"), ["srs-edge-0"]);
    assert_eq!(hooks[0].body["version"], "4");
    assert_eq!(
        hooks[0].body["alerts"][0]["annotations"]["message"],
        "srs-edge-0 has 1200 members online, more than it can serve well"
    );

    let mails = eventually("a mail", SOON, || async { Some(mail.mails()).filter(|mails| !mails.is_empty()) }).await;
    let first = &mails[0];
    assert_eq!((first["tls"].as_bool(), first["user"].as_str()), (Some(true), Some(MAIL_USER)));
    assert_eq!(first["content_type"], "multipart/alternative");
    let types: Vec<_> = first["parts"].as_array().unwrap().iter().map(|part| part["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["text/plain", "text/html"]);
    assert!(first["parts"][0]["text"].as_str().unwrap().contains("srs-edge-0 has 1200 members online"), "{first}");
    assert!(first["headers"]["subject"].as_str().unwrap().starts_with("[FIRING:1] online-member-full"), "{first}");

    let events = sink.wait_told("/v2/enqueue", 1, SOON).await;
    assert_eq!(
        (&events[0].body["event_action"], &events[0].body["routing_key"]),
        (&"trigger".into(), &"0123456789abcdef0123456789abcdef".into())
    );

    // A second pod joins the same group's next notification.
    members.set("srs-edge-1", 1500);
    let hooks = sink.wait_told("/hook", 2, SOON).await;
    assert_eq!(pods(&hooks[1].body, "firing"), ["srs-edge-0", "srs-edge-1"]);
    assert_eq!(hooks[0].body["groupKey"], hooks[1].body["groupKey"]);
    let between = hooks[1].at - hooks[0].at;
    let off_grid = (between / 4.0 - (between / 4.0).round()).abs() * 4.0;
    assert!(between > 3.5 && off_grid < 0.5, "group_interval 4s, but {between:.2}s between");

    // Nothing repeats before repeat_interval.
    nothing_for(Duration::from_secs(9)).await;
    assert_eq!(sink.told("/hook").len(), 2);
    assert_eq!(mail.mails().len(), 2);

    // Each is resolved once; the incident closes with the key it was opened with.
    members.set("srs-edge-0", 300);
    members.set("srs-edge-1", 300);
    let events = eventually("the incident closes", SOON, || async {
        Some(sink.told("/v2/enqueue"))
            .filter(|events| events.last().is_some_and(|event| event.body["event_action"] == "resolve"))
    })
    .await;
    assert!(events.iter().all(|event| event.body["dedup_key"] == events[0].body["dedup_key"]));
    nothing_for(Duration::from_secs(9)).await;
    let resolved: Vec<_> = sink.told("/hook").iter().flat_map(|told| pods(&told.body, "resolved")).collect();
    assert_eq!(
        {
            let mut once = resolved.clone();
            once.sort();
            once
        },
        ["srs-edge-0", "srs-edge-1"]
    );
    assert_eq!(sink.told("/v2/enqueue").iter().filter(|event| event.body["event_action"] == "resolve").count(), 1);
    assert!(mail.mails().last().unwrap()["headers"]["subject"].as_str().unwrap().starts_with("[RESOLVED]"));
}
