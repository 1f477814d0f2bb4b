//! Recurring silences over the command line and the API, seen by the real amtool, before and after `kill -9`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::peers::{AMTOOL, client, get_json, installed};
use crate::rule_commands::run_in;
use crate::stage::Watchfire;

/// A notifier that tells nobody.
async fn started(folder: &Path) -> Watchfire {
    let config_file = folder.join("alertmanager.yml");
    std::fs::write(&config_file, "route: {receiver: none}\nreceivers: [{name: none}]\n").unwrap();
    let config_file = format!("--config.file={}", config_file.display());
    Watchfire::start("notifier", &[config_file, format!("--storage.path={}", folder.join("data").display())]).await
}

fn ours(notifier: &Watchfire, words: &[&str]) -> (String, String, i32) {
    let url = format!("--alertmanager.url={}", notifier.url);
    let (told, errors, code) = run_in(Path::new("."), &[&["silence", &url], words].concat(), "");
    (told, errors, code.unwrap_or(-1))
}

/// Ids of the silences that are not over.
fn seen_by_amtool(notifier: &Watchfire) -> Vec<String> {
    let url = format!("--alertmanager.url={}", notifier.url);
    let output = Command::new(AMTOOL).args([&url, "silence", "query", "-q"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn expire_by_amtool(notifier: &Watchfire, id: &str) {
    let url = format!("--alertmanager.url={}", notifier.url);
    assert!(Command::new(AMTOOL).args([&url, "silence", "expire", id]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_recur_for_plain_clients_and_survive_kill_9() {
    if !installed("windows_recur_for_plain_clients_and_survive_kill_9", &[AMTOOL]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut notifier = started(folder.path()).await;
    let window =
        ["add", "--schedule=30 2 * * SUN", "--duration=1h", "--timezone=Europe/Berlin", "-c", "backup", "job=db"];
    let (told, _, code) = ours(&notifier, &[&window[..], &["--dry-run", "--occurrences=60"]].concat());
    assert_eq!((code, told.lines().count()), (0, 62), "{told}");
    // within a year there is a Sunday on which 02:30 does not exist
    assert!(told.lines().any(|line| line.contains("T03:00:00+02:00") && line.contains("put forward")), "{told}");
    assert_eq!(seen_by_amtool(&notifier), [""; 0]);

    let (told, errors, code) = ours(&notifier, &window);
    assert!(code == 0 && errors.contains("Begins (Europe/Berlin)"), "{errors}");
    let series = told.trim().to_owned();
    let next = seen_by_amtool(&notifier);
    assert_eq!(next.len(), 1);
    notifier.kill_and_restart().await;
    assert_eq!(seen_by_amtool(&notifier), next);
    let silence = get_json(&format!("{}/api/v2/silence/{}", notifier.url, next[0])).await;
    assert_eq!(
        (silence["status"]["state"].as_str(), silence["schedule"]["id"].as_str()),
        (Some("pending"), Some(&*series))
    );

    // one left out: the one after it is there at once
    expire_by_amtool(&notifier, &next[0]);
    let after = seen_by_amtool(&notifier);
    assert!(after.len() == 1 && after != next, "{after:?}");
    expire_by_amtool(&notifier, &series);
    assert_eq!(seen_by_amtool(&notifier), [""; 0]);
    notifier.kill_and_restart().await;
    assert_eq!(seen_by_amtool(&notifier), [""; 0]);
    let known = get_json(&format!("{}/api/v2/maintenance", notifier.url)).await;
    assert_eq!((known[0]["id"].as_str(), known[0]["status"]["state"].as_str()), (Some(&*series), Some("expired")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_recur_is_refused_and_what_waits_for_resolves_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let notifier = started(folder.path()).await;
    let (_, errors, code) = ours(&notifier, &["add", "--schedule=0 0 30 2 *", "-c", "x", "job=db"]);
    assert!(code == 1 && errors.contains("never comes"), "{errors}");
    let (id, _, code) = ours(&notifier, &["add", "--until-resolved", "-c", "x", "job=db"]);
    assert_eq!(code, 0);
    let shown: Value = get_json(&format!("{}/api/v2/silence/{}", notifier.url, id.trim())).await;
    assert_eq!(shown["untilResolved"], true);
    let (told, ..) = ours(&notifier, &["query"]);
    assert!(told.contains("x [until resolved]"), "{told}");
    let body = json!({"createdBy": "me", "comment": "c", "matchers": [{"name": "a", "value": "b", "isRegex": false}],
        "endsAt": "2100-01-01T00:00:00Z", "schedule": {"cron": "@daily", "duration": "1h"}});
    let answer = client().post(format!("{}/api/v2/silences", notifier.url)).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("exclude each other"));
}
