//! Receivers are tried, and configurations compared, before anybody depends on them.

use super::*;
use crate::sink::Sink;

/// Our program in a folder; what it prints and how it ends.
fn ours(folder: &Path, args: &[&str]) -> Outcome {
    Pair::new("", folder).run(env!("CARGO_BIN_EXE_watchfire"), args, "")
}

fn config(sink: &Sink) -> String {
    format!(
        "route: {{receiver: pager, group_by: [alertname]}}\nreceivers:\n- name: pager\n  webhook_configs: [{{url: '{}'}}, {{url: '{}'}}]\n- name: nobody\n",
        sink.url("/hush/first"),
        sink.url("/hush/second")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_tried_from_a_file_and_through_a_notifier() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let path = folder.path().join("am.yml");
    std::fs::write(&path, config(&sink)).unwrap();
    let args = [format!("--config.file={}", path.display()), "--storage.path=".to_owned()];
    let notifier = Watchfire::start("notifier", &args).await;
    let url = format!("--alertmanager.url={}", notifier.url);
    let test = |more: &[&str]| {
        tokio::task::block_in_place(|| ours(folder.path(), &[&["receiver", "test", "pager"], more].concat()))
    };

    for source in [url.as_str(), "--config.file=am.yml"] {
        let before = sink.told("/hush/first").len();
        let dry = test(&[source, "--dry-run", "TestName", "team=video"]);
        assert_eq!(dry.code, Some(0), "{}", dry.stdout);
        for expected in ["# webhook[0]\nPOST <secret>", "# webhook[1]\n", "TestName", "video"] {
            assert!(dry.stdout.contains(expected), "{expected}: {}", dry.stdout);
        }
        assert!(!dry.stdout.contains("hush"), "{}", dry.stdout);
        assert_eq!(sink.told("/hush/first").len(), before, "a dry run sends nothing");

        let sent = test(&[source, "-o", "json", "--annotation=summary=mine", "TestName"]);
        let trial: Value = serde_json::from_str(&sent.stdout).unwrap();
        assert_eq!((sent.code, &trial["integrations"][1]["outcome"]), (Some(0), &json!("sent")), "{trial}");
        let told = sink.told("/hush/first");
        assert_eq!(told.len(), before + 1);
        let alert = &told.last().unwrap().body["alerts"][0];
        assert_eq!(
            (&alert["labels"]["alertname"], &alert["annotations"]["summary"]),
            (&json!("TestName"), &json!("mine"))
        );

        sink.answer_next(404, &[], 2);
        let refused = test(&[source]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stdout.contains("failed, refused for good"), "{}", refused.stdout);
        assert!(!refused.stdout.contains("hush"), "{}", refused.stdout);
        sink.answer_next(503, &[], 2);
        assert!(test(&[source]).stdout.contains("failed, may be tried again"));

        let args = ["receiver", "test", "pagre", source, "--no-version-check"];
        let unknown = tokio::task::block_in_place(|| {
            Command::new(env!("CARGO_BIN_EXE_watchfire")).args(args).current_dir(folder.path()).output().unwrap()
        });
        let error = String::from_utf8_lossy(&unknown.stderr).into_owned();
        assert_eq!(unknown.status.code(), Some(1));
        assert!(error.contains("pagre") && error.contains("pager, nobody"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_compared_for_alerts_live_or_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let old = config(&sink);
    std::fs::write(folder.path().join("old.yml"), &old).unwrap();
    let new = old.replace(
        "group_by: [alertname]}",
        "group_by: [alertname], routes: [{matchers: ['team=\"b\"'], receiver: nobody}]}",
    );
    std::fs::write(folder.path().join("new.yml"), new).unwrap();
    std::fs::write(folder.path().join("bad.yml"), "route: {receiver: nowhere}\nodd: 1\n").unwrap();
    let file = folder.path().join("old.yml").display().to_string();
    let notifier = Watchfire::start("notifier", &[format!("--config.file={file}"), "--storage.path=".to_owned()]).await;
    let pair = Pair::new(&notifier.url, folder.path());
    let run = |args: &[&str]| tokio::task::block_in_place(|| pair.ours(args));
    for team in ["team=a", "team=b"] {
        assert_eq!(run(&["alert", "add", "K", team]).code, Some(0));
    }
    let alerts = run(&["alert", "query", "-o", "json", "-a", "-u"]).stdout;
    std::fs::write(folder.path().join("alerts.json"), &alerts).unwrap();

    for source in ["live", "alerts.json"] {
        let changed = run(&["config", "diff", "old.yml", "new.yml", "--alerts", source]);
        assert_eq!(changed.code, Some(1), "{source}");
        assert!(changed.stdout.ends_with("1 of 2 alerts change\n"), "{}", changed.stdout);
        let json = run(&["config", "diff", "old.yml", "new.yml", "--alerts", source, "-o", "json"]).stdout;
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["changes"][0]["old"], &json["changes"][1]["new"]), (&json!("pager"), &json!("nobody")));
        assert_eq!(run(&["config", "diff", "old.yml", "old.yml", "--alerts", source]).code, Some(0));
    }
    let trees = run(&["config", "diff", "old.yml", "new.yml"]);
    assert_eq!(trees.code, Some(1));
    assert!(trees.stdout.contains(r#"{}/{team="b"}"#), "{}", trees.stdout);
    assert_eq!(run(&["config", "diff", "old.yml", "bad.yml"]).code, Some(2));
    assert_eq!(run(&["config", "diff", "old.yml", "new.yml", "--alerts", "none.json"]).code, Some(2));
}
