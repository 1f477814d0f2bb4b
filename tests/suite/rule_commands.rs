//! `watchfire explain rule` and `watchfire preview` against a running rule service.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::conditions::eventually;
use crate::stage::{Answers, Watchfire};

const SOON: Duration = Duration::from_secs(20);

const CONFIG: &str = "global: {external_labels: {cluster: c1}}
alerting:
  alert_relabel_configs:
  - {source_labels: [pod], regex: hidden, action: drop}
  - {regex: pod, action: labeldrop}
";

const RULES: &str = "groups:
- name: g
  interval: 1s
  rules:
  - {alert: Crowded, expr: clients > 1000, for: 1s}
  - {record: r, expr: clients}
";

fn run(args: &[&str], input: &str) -> (String, String, Option<i32>) {
    run_in(Path::new("."), args, input)
}

/// What our binary prints on standard output and error in a folder, and its exit code.
pub fn run_in(folder: &Path, args: &[&str], input: &str) -> (String, String, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads no input may have ended before.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

async fn start(folder: &Path, more: &[&str]) -> Watchfire {
    let answers = Answers::default();
    answers.set(&[("edge", 1200), ("hidden", 1500)]);
    let (config, rules) = (folder.join("prometheus.yml"), folder.join("rules.yml"));
    std::fs::write(&config, CONFIG).unwrap();
    std::fs::write(&rules, RULES).unwrap();
    let mut args = vec![
        format!("--config.file={}", config.display()),
        format!("--rule.file={}", rules.display()),
        format!("--query.url={}", answers.open().await),
        format!("--storage.path={}", folder.join("data").display()),
    ];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    Watchfire::start("rules", &args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_the_process_only_where_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let quit = async |ours: &Watchfire| {
        let answer = crate::peers::client().post(format!("{}/-/quit", ours.url)).send().await.unwrap();
        answer.status().as_u16()
    };
    let mut ours = start(folder.path(), &[]).await;
    assert_eq!((quit(&ours).await, ours.process.ended()), (403, None));
    ours.process.terminate();
    let mut ours = start(folder.path(), &["--web.enable-lifecycle"]).await;
    assert_eq!(quit(&ours).await, 200);
    let ours = std::cell::RefCell::new(&mut ours.process);
    let status = eventually("ended", SOON, || async { ours.borrow_mut().ended() }).await;
    assert!(status.success(), "an orderly end: {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_explained_and_previewed() {
    let folder = tempfile::tempdir().unwrap();
    let ours = start(folder.path(), &[]).await;
    eventually("firing", SOON, || async {
        ours.alerts_v1().await.into_iter().find(|alert| alert["state"] == "firing")
    })
    .await;
    let url = format!("--rules.url={}", ours.url);

    let (told, _, code) = run(&["explain", "rule", "Crowded", &url], "");
    assert_eq!(code, Some(0));
    for part in [
        "alerting rule Crowded in group g of ",
        "  query: clients > 1000\n",
        "  state: firing\n",
        "2 pending",
        "2 firing",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    let (told, _, _) = run(&["explain", "rule", "--group=g", "--output=json", &url], "");
    let rules: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(rules["rules"].as_array().unwrap().len(), 2, "{told}");
    let (_, error, code) = run(&["explain", "rule", "None", &url], "");
    assert_eq!((error.as_str(), code), ("watchfire: error: there is no such rule\n", Some(1)));

    let rule = "alert: New\nexpr: clients > 1000\nfor: 1h\nlabels: {team: '{{ $labels.pod }}-team'}\nannotations: {summary: '{{ $value }} of 1000'}\n";
    let (told, error, code) = run(&["preview", &url], rule);
    assert_eq!((error.as_str(), code), ("", Some(0)));
    let expected = "alerting rule New\n  query: clients > 1000\n  series: 2\n  \
        pending  1.2e+03  {alertname=\"New\", pod=\"edge\", team=\"edge-team\"}\n                    \
        sent as {alertname=\"New\", cluster=\"c1\", team=\"edge-team\"}\n                    summary: 1200 of 1000\n  \
        pending  1.5e+03  {alertname=\"New\", pod=\"hidden\", team=\"hidden-team\"}\n                    \
        not sent: dropped by relabelling\n                    summary: 1500 of 1000\n\n";
    assert_eq!(told.lines().map(str::trim).collect::<Vec<_>>(), expected.lines().map(str::trim).collect::<Vec<_>>());
    let alerts = ours.alerts_v1().await;
    assert!(alerts.iter().all(|alert| alert["labels"]["alertname"] == "Crowded"), "nothing came of it: {alerts:?}");

    let config = crate::peers::get_json(&format!("{}/api/v1/status/config", ours.url)).await;
    assert!(config["data"]["yaml"].as_str().unwrap().contains("cluster: c1"), "{config}");

    let (_, error, code) = run(&["preview", &url], "alert: New\nexpr: clients >\n");
    assert_eq!(code, Some(1));
    assert!(error.contains("preview:2:"), "{error}");
}
