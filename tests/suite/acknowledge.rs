//! Acknowledged over a link, the API and the command line, while a webhook and a real amtool look on; escalation, and a kill.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::conditions::{eventually, nothing_for};
use crate::peers::{AMTOOL, client, get_json, installed};
use crate::sink::Sink;
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(20);

fn config(sink: &Sink) -> String {
    format!(
        "route:
  receiver: team
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1s
  escalate: [{{after: 2s, to: boss}}]
receivers:
- name: team
  webhook_configs: [{{url: '{}', payload: {{status: '{{{{ .Status }}}}', ack: '{{{{ .AckURL }}}}'}}}}]
- name: boss
  webhook_configs: [{{url: '{}'}}]
",
        sink.url("/team"),
        sink.url("/boss")
    )
}

async fn post_alert(url: &str, more: Value) {
    let mut alert = json!({"labels": {"alertname": "DiskFull", "severity": "page"}});
    alert.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = client().post(format!("{url}/api/v2/alerts")).json(&json!([alert])).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

fn ours(args: &[&str], url: &str) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_watchfire");
    let output = Command::new(program).args(args).arg(format!("--alertmanager.url={url}")).output().unwrap();
    eprintln!("{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_takes_an_alert_on_over_the_link_of_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let config_file = folder.path().join("alertmanager.yml");
    std::fs::write(&config_file, config(&sink)).unwrap();
    let args = [
        format!("--config.file={}", config_file.display()),
        format!("--storage.path={}", folder.path().join("data").display()),
        "--web.external-url=http://watchfire.example".to_owned(),
    ];
    let mut ours_at = Watchfire::start("notifier", &args).await;
    let url = ours_at.url.clone();
    post_alert(&url, json!({})).await;

    // Not acknowledged: it is repeated and escalated. Following the link alone changes nothing.
    let told = sink.wait_told("/team", 2, SOON).await;
    let link = told[0].body["ack"].as_str().unwrap().replace("http://watchfire.example", &url);
    assert!(link.starts_with(&format!("{url}/ack/g.")), "{link}");
    let page = client().get(&link).send().await.unwrap();
    assert_eq!(page.headers()["cache-control"], "no-store");
    let page = page.text().await.unwrap();
    assert!(page.contains("Acknowledge 1 alert?") && page.contains("DiskFull") && page.contains("<form"), "{page}");
    assert_eq!(get_json(&format!("{url}/api/v2/ack")).await, json!([]));
    let escalated = sink.wait_told("/boss", 1, SOON).await;
    assert_eq!(escalated[0].body["notification_reason"], "not acknowledged in time");
    assert_eq!(escalated[0].body["groupKey"], r#"{}/escalate{to="boss"}:{alertname="DiskFull"}"#);

    // A changed link is refused; the form acknowledges.
    let changed = format!("{}x", &link);
    assert_eq!(client().post(&changed).form(&[("by", "Eve")]).send().await.unwrap().status(), 403);
    assert_eq!(client().post(&link).form(&[("by", " ")]).send().await.unwrap().status(), 400);
    let done = client().post(&link).form(&[("by", "Ann"), ("comment", "on it")]).send().await.unwrap();
    assert_eq!(done.status(), 200);
    assert!(done.text().await.unwrap().contains("1 alert is on you, Ann"));
    let acks = get_json(&format!("{url}/api/v2/ack")).await;
    assert_eq!((&acks[0]["by"], &acks[0]["comment"]), (&json!("Ann"), &json!("on it")));
    let alerts = get_json(&format!("{url}/api/v2/alerts")).await;
    assert_eq!((&alerts[0]["status"]["state"], &alerts[0]["acknowledged"]["by"]), (&json!("active"), &json!("Ann")));
    if installed("an acknowledged alert in amtool", &[AMTOOL]) {
        let amtool = Command::new(AMTOOL).args(["alert", "-o", "json", "--alertmanager.url", &url]).output().unwrap();
        let shown: Value = serde_json::from_slice(&amtool.stdout).unwrap();
        assert_eq!(shown[0]["status"]["state"], "active");
    }

    // A kill does not forget it, and nothing more is told while the alert fires.
    ours_at.kill_and_restart().await;
    assert_eq!(get_json(&format!("{url}/api/v2/ack")).await[0]["by"], "Ann");
    let before = (sink.told("/team").len(), sink.told("/boss").len());
    nothing_for(Duration::from_secs(3)).await;
    assert_eq!((sink.told("/team").len(), sink.told("/boss").len()), before);

    // Taken back on the command line, it is repeated; acknowledged there, it is not.
    let (code, listed) = tokio::task::block_in_place(|| ours(&["ack", "list", "DiskFull"], &url));
    assert!(code == Some(0) && listed.contains("DiskFull") && listed.contains("Ann"), "{listed}");
    let (code, taken) = tokio::task::block_in_place(|| ours(&["ack", "remove", "severity=page"], &url));
    assert_eq!((code, taken.trim()), (Some(0), acks[0]["fingerprint"].as_str().unwrap()));
    sink.wait_told("/team", before.0 + 1, SOON).await;
    let add = ["ack", "DiskFull", "--by=Bob", "--comment=mine", "--for=1h", "-o", "json"];
    let (code, made) = tokio::task::block_in_place(|| ours(&add, &url));
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((code, &made[0]["by"]), (Some(0), &json!("Bob")));
    let (code, _) = tokio::task::block_in_place(|| ours(&["ack", "NoSuchAlert", "--by=Bob"], &url));
    assert_eq!(code, Some(1));

    // Its end is told to everybody who was told, and the next episode is nobody's.
    let now = model::Timestamp::from_millis((crate::conditions::unix_now() * 1000.0) as i64).to_rfc3339();
    post_alert(&url, json!({"endsAt": now})).await;
    for who in ["/team", "/boss"] {
        eventually("the end is told", SOON, || async {
            sink.told(who).last().filter(|told| told.body["status"] == "resolved").map(drop)
        })
        .await;
    }
    assert_eq!(get_json(&format!("{url}/api/v2/ack")).await, json!([]));
    let over = client().get(&link).send().await.unwrap().text().await.unwrap();
    assert!(over.contains("Nothing to acknowledge"), "{over}");
}
