//! Either half beside the real other half, and amtool against ours.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::conditions::eventually;
use crate::peers::{ALERTMANAGER, AMTOOL, PROMETHEUS, Process, client, free_port, installed, prometheus, ready, root};
use crate::sink::Sink;
use crate::stage::{Members, Watchfire, quickstart_rules};

const SOON: Duration = Duration::from_secs(20);

fn webhook_config(folder: &Path, sink: &Sink) -> std::path::PathBuf {
    let path = folder.join("alertmanager.yml");
    let text = format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 500ms, group_interval: 2s, repeat_interval: 1h}}\nreceivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
        sink.url("/hook")
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_alerts_straight_into_our_notifier() {
    if !installed("prometheus_alerts_straight_into_our_notifier", &[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let config = webhook_config(folder.path(), &sink);
    let ours = Watchfire::start(
        "notifier",
        &[
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", folder.path().join("data").display()),
        ],
    )
    .await;
    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, "groups:\n- name: g\n  rules:\n  - alert: AlwaysOn\n    expr: vector(1)\n    labels: {severity: warning}\n    annotations: {summary: 'value {{ $value }}'}\n").unwrap();
    let target = ours.url.strip_prefix("http://").unwrap();
    let extra = format!(
        "rule_files: ['{}']\nalerting:\n  alertmanagers:\n  - static_configs: [{{targets: ['{target}']}}]\n",
        rules.display()
    );
    let (_prometheus, _) = prometheus(folder.path(), None, &extra, &["--rules.alert.resend-delay=2s"]).await;
    let told = sink.wait_told("/hook", 1, SOON).await;
    assert_eq!(told[0].body["alerts"][0]["annotations"]["summary"], "value 1");
    assert_eq!(told[0].body["commonLabels"], json!({"alertname": "AlwaysOn", "severity": "warning"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn our_rule_service_alerts_into_the_real_alertmanager() {
    if !installed("our_rule_service_alerts_into_the_real_alertmanager", &[PROMETHEUS, ALERTMANAGER]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (sink, members) = (Sink::open().await, Members::open().await);
    members.set("srs-edge-0", 1200);
    let (_prometheus, query) = prometheus(folder.path(), Some(&members.address.to_string()), "", &[]).await;
    let config = webhook_config(folder.path(), &sink);
    let port = free_port();
    let _alertmanager = Process::start(
        ALERTMANAGER,
        Command::new(ALERTMANAGER)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("alertmanager").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address="),
    );
    ready(&format!("http://127.0.0.1:{port}/-/ready")).await;
    let rules = quickstart_rules(folder.path(), "2s");
    let _ours = Watchfire::start(
        "rules",
        &[
            format!("--rule.file={}", rules.display()),
            format!("--query.url={query}"),
            format!("--notifier.url=http://127.0.0.1:{port}"),
            "--evaluation.interval=1s".to_owned(),
            format!("--storage.path={}", folder.path().join("data").display()),
        ],
    )
    .await;
    let told = sink.wait_told("/hook", 1, SOON).await;
    let alert = &told[0].body["alerts"][0];
    assert_eq!(alert["labels"], json!({"alertname": "online-member-full", "pod": "srs-edge-0", "severity": "warning"}));
    assert!(alert["generatorURL"].as_str().unwrap().contains("/graph?g0.expr=sum"), "{alert}");
    members.set("srs-edge-0", 300);
    let told = sink.wait_told("/hook", 2, SOON).await;
    assert_eq!(told[1].body["status"], "resolved");
}

fn amtool(url: &str, args: &[&str]) -> Output {
    Command::new(AMTOOL).arg(format!("--alertmanager.url={url}")).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn amtool_works_against_our_notifier() {
    if !installed("amtool_works_against_our_notifier", &[AMTOOL]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let config = webhook_config(folder.path(), &sink);
    let ours =
        Watchfire::start("notifier", &[format!("--config.file={}", config.display()), "--storage.path=".to_owned()])
            .await;
    text(&amtool(&ours.url, &["alert", "add", "alertname=Full", "pod=a", "--annotation=summary=too many"]));
    text(&amtool(&ours.url, &["alert", "add", "alertname=Full", "pod=b"]));
    let alerts: Value =
        serde_json::from_str(&text(&amtool(&ours.url, &["alert", "query", "-o", "json", "pod=a"]))).unwrap();
    assert_eq!((alerts.as_array().unwrap().len(), &alerts[0]["annotations"]["summary"]), (1, &"too many".into()));

    let id = text(&amtool(&ours.url, &["silence", "add", "-a", "me", "-c", "known", "-d", "1h", "pod=a"]));
    let silences: Value = serde_json::from_str(&text(&amtool(&ours.url, &["silence", "query", "-o", "json"]))).unwrap();
    assert_eq!((silences[0]["id"].as_str().unwrap(), &silences[0]["comment"]), (id.trim(), &"known".into()));
    let active: Value = serde_json::from_str(&text(&amtool(&ours.url, &["alert", "query", "-o", "json"]))).unwrap();
    assert_eq!(active.as_array().unwrap().len(), 1, "the silenced one is not listed by default");
    text(&amtool(&ours.url, &["silence", "expire", id.trim()]));
    let left = text(&amtool(&ours.url, &["silence", "query", "-q"]));
    assert_eq!(left.trim(), "");
    assert!(text(&amtool(&ours.url, &["config", "show"])).contains("receiver: hook"));
    assert!(!amtool(&ours.url, &["silence", "add", "-c", "x", "alertname=Full", "pod=~("]).status.success());
}

#[test]
fn check_config_agrees_with_amtool() {
    if !installed("check_config_agrees_with_amtool", &[AMTOOL]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("route: {receiver: a}\nreceivers: [{name: a}]\n", true),
        ("route: {receiver: b}\nreceivers: [{name: a}]\n", false),
        ("route: {receiver: a, group_by: [x, x]}\nreceivers: [{name: a}]\n", false),
        ("route: {receiver: a, group_interval: 0s}\nreceivers: [{name: a}]\n", false),
        ("route: {receiver: a, matchers: ['x=1']}\nreceivers: [{name: a}]\n", false),
        ("route: {receiver: a, routes: [{match_re: {x: '('}}]}\nreceivers: [{name: a}]\n", false),
        ("route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{}]}]\n", false),
        ("route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: x@y.z}]}]\n", false),
        (
            "global: {smtp_smarthost: 'h:25', smtp_from: f@g.h}\nroute: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: x@y.z}]}]\n",
            true,
        ),
        ("route: {receiver: a}\nreceivers: [{name: a, pagerduty_configs: [{routing_key: k, service_key: s}]}]\n", true),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]\n", false),
        ("route: {receiver: a}\nreceivers: [{name: a}]\nunknown: 1\n", false),
    ];
    for (at, (config, good)) in cases.into_iter().enumerate() {
        let path = folder.path().join(format!("{at}.yml"));
        std::fs::write(&path, config).unwrap();
        let theirs = Command::new(AMTOOL).arg("check-config").arg(&path).output().unwrap().status.success();
        let ours =
            Command::new(env!("CARGO_BIN_EXE_watchfire")).args(["check", "config"]).arg(&path).output().unwrap().status;
        assert_eq!(theirs, good, "amtool: {config}");
        assert_eq!(ours.code(), Some(i32::from(!good)), "ours: {config}");
    }
    let quickstart = root().join("examples/quickstart/alertmanager.yml");
    assert!(
        Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(["check", "config"])
            .arg(quickstart)
            .output()
            .unwrap()
            .status
            .success()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_is_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let config = webhook_config(folder.path(), &sink);
    let ours =
        Watchfire::start("notifier", &[format!("--config.file={}", config.display()), "--storage.path=".to_owned()])
            .await;
    let shown = || async {
        crate::peers::get_json(&format!("{}/api/v2/status", ours.url)).await["config"]["original"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = shown().await;
    std::fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: hook}]\n").unwrap();
    let refused = client().post(format!("{}/-/reload", ours.url)).send().await.unwrap();
    assert_eq!(refused.status(), 500);
    assert!(refused.text().await.unwrap().contains("alertmanager.yml:1:"), "the mistake is shown with its place");
    assert_eq!(shown().await, before);
    std::fs::write(&config, "route: {receiver: hook2}\nreceivers: [{name: hook2}]\n").unwrap();
    ours.process.signal("HUP");
    eventually("SIGHUP reloads", SOON, || async { shown().await.contains("hook2").then_some(()) }).await;
}
