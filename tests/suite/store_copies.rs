//! `watchfire store`: a copy is written, looked through, put in place and taken up; what would lose something is refused.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::peers::{client, get_json};
use crate::sink::Sink;
use crate::stage::Watchfire;

const SOON: Duration = Duration::from_secs(30);

fn store(words: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_watchfire");
    Command::new(program).arg("store").args(words).output().unwrap()
}

/// What it prints where it works.
fn printed(words: &[&str]) -> String {
    let output = store(words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it says where it does not.
fn refused(words: &[&str]) -> String {
    let output = store(words);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn notifier(folder: &Path, sink: &Sink) -> Watchfire {
    let config = format!(
        "route: {{receiver: hook, group_wait: 50ms, group_interval: 1s, repeat_interval: 1h}}\nreceivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
        sink.url("/hook")
    );
    Watchfire::notifier(folder, &config).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_moves_everything_to_another_place() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (data, other) = (here.path().join("data"), there.path().join("data"));
    let (copy, path, elsewhere) = (here.path().join("copy"), format!("--storage.path={}", text(&data)), text(&other));
    let sink = Sink::open().await;
    let mut ours = notifier(here.path(), &sink).await;
    ours.post_alerts(&json!([{"labels": {"alertname": "Told"}}])).await;
    sink.wait_told("/hook", 1, SOON).await;
    let silence = json!({
        "matchers": [{"name": "a", "value": "b", "isRegex": false}],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "test", "comment": "moves",
    });
    let made = client().post(format!("{}/api/v2/silences", ours.url)).json(&silence).send().await.unwrap();
    let made: Value = made.error_for_status().unwrap().json().await.unwrap();

    let busy = refused(&["export", text(&copy), &path]);
    assert!(busy.contains("is in use by a running process: stop it first") && busy.contains("data/export"), "{busy}");
    assert!(refused(&["import", text(&copy), &path]).contains("copy"), "there is none yet");
    ours.process.kill();
    assert!(printed(&["export", text(&copy), &path]).contains(" records of commit "));
    assert!(refused(&["export", text(&copy), &path]).contains("--force to replace it"));
    printed(&["export", text(&copy), &path, "--force"]);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&copy).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "it holds secrets");
    let checked = printed(&["check", text(&copy)]);
    assert!(checked.contains("notifier/silence") && checked.contains("notifier/alert"), "{checked}");
    assert!(printed(&["check", text(&data)]).contains("notifier/silence"));

    let to_other = format!("--storage.path={elsewhere}");
    printed(&["import", text(&copy), &to_other]);
    assert!(refused(&["import", text(&copy), &to_other]).contains("--replace to set aside what is there"));
    assert!(printed(&["import", text(&copy), &to_other, "--replace"]).contains("replaced-"));
    let ours = notifier(there.path(), &sink).await;
    let kept = get_json(&format!("{}/api/v2/silence/{}", ours.url, made["silenceID"].as_str().unwrap())).await;
    assert_eq!((&kept["comment"], &kept["status"]["state"]), (&json!("moves"), &json!("active")));
    let alerts = get_json(&format!("{}/api/v2/alerts", ours.url)).await;
    assert_eq!(alerts[0]["labels"]["alertname"], "Told");
    crate::conditions::nothing_for(Duration::from_millis(1500)).await;
    assert_eq!(sink.told("/hook").len(), 1, "it is known who was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_copy_is_told_and_taken_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::open().await;
    let mut ours = notifier(folder.path(), &sink).await;
    ours.post_alerts(&json!([{"labels": {"alertname": "Told"}}])).await;
    sink.wait_told("/hook", 1, SOON).await;
    assert!(ours.process.terminate().success());
    // What the service itself exported is such a copy.
    let (copy, target) = (folder.path().join("data/export"), folder.path().join("other"));
    let bytes = std::fs::read(&copy).unwrap();
    std::fs::write(&copy, &bytes[..bytes.len() - 10]).unwrap();
    let path = format!("--storage.path={}", text(&target));
    for words in [vec!["check", text(&copy)], vec!["import", text(&copy), &path]] {
        let told = refused(&words);
        assert!(told.contains("is damaged: ") && told.contains("records can be read"), "{told}");
    }
    assert!(!target.exists(), "nothing was begun");
    printed(&["import", text(&copy), &path, "--partial"]);
    printed(&["check", text(&target)]);
    std::fs::write(&copy, "something else").unwrap();
    assert!(refused(&["check", text(&copy)]).contains("is no copy of a store"));
    assert!(refused(&["check", "/nowhere/at/all"]).contains("/nowhere/at/all"));
}
