//! The demo, as a newcomer starts it: nothing else is installed, and nothing is set.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::conditions::eventually;
use crate::peers::{Process, client, free_port, get_json};

/// The story takes eleven seconds; on a machine that does much else it may take longer.
const STORY_DEADLINE: Duration = Duration::from_secs(100);
/// All that a newcomer is promised.
const PROMISED_MS: u64 = 15_000;

/// Without environment: no other program can be found, no proxy, no settings. Temporary files go to `folder`.
fn demo(folder: &Path, args: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchfire"));
    command.arg("demo").args(args).env_clear().env("TMPDIR", folder).current_dir(folder);
    Process::start("watchfire demo", &mut command)
}

/// The end of a process, and what it printed.
async fn ended(process: Process) -> (Option<i32>, String) {
    let process = std::cell::RefCell::new(process);
    let status =
        eventually("an end", STORY_DEADLINE + Duration::from_secs(20), || async { process.borrow_mut().ended() }).await;
    let lines = process.borrow().lines().join("\n");
    (status.code(), lines)
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_sees_an_alert_fire_arrive_three_ways_and_resolve() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let process = demo(folder.path(), &[&format!("--port={port}")]);
    let url = format!("http://127.0.0.1:{port}");
    let inbox = format!("{url}/inbox");
    let told = eventually("the story is told", STORY_DEADLINE, || async {
        let told: Value = client().get(&inbox).send().await.ok()?.json().await.ok()?;
        let chapters = told["story"].as_array()?;
        chapters.iter().all(|chapter| chapter["after_ms"].is_u64()).then_some(told)
    })
    .await;

    let pages = told["pages"].as_array().unwrap();
    for (channel, firing, resolved) in [
        ("email", "[FIRING:1] CheckoutsFail (critical)", "[RESOLVED] CheckoutsFail (critical)"),
        ("pagerduty", "trigger [FIRING:1] CheckoutsFail (critical)", "resolve [RESOLVED] CheckoutsFail (critical)"),
        (
            "webhook",
            "firing (1 alerts) {}/{}:{alertname=\"CheckoutsFail\"}",
            "resolved (1 alerts) {}/{}:{alertname=\"CheckoutsFail\"}",
        ),
    ] {
        let of_channel = pages.iter().filter(|page| page["channel"] == channel);
        let summaries: Vec<&str> = of_channel
            .filter_map(|page| page["summary"].as_str())
            .filter(|summary| summary.contains("CheckoutsFail"))
            .collect();
        assert_eq!(summaries, [firing, resolved], "each is told once by {channel}");
    }
    let body = |channel: &str| pages.iter().find(|page| page["channel"] == channel).unwrap()["body"].as_str().unwrap();
    assert!(body("email").contains("of the checkouts fail"), "{}", body("email"));
    let event: Value = serde_json::from_str(body("pagerduty")).unwrap();
    assert_eq!(event["payload"]["severity"], "critical", "a real event: {event}");
    let hook: Value = serde_json::from_str(body("webhook")).unwrap();
    assert_eq!(hook["alerts"][0]["labels"]["alertname"], "CheckoutsFail");

    let chapters: Vec<String> = told["story"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chapter| format!("{} {} ms", chapter["chapter"].as_str().unwrap(), chapter["after_ms"]))
        .collect();
    let last =
        told["story"].as_array().unwrap().iter().filter_map(|chapter| chapter["after_ms"].as_u64()).max().unwrap();
    let verdict = if last <= PROMISED_MS { "as promised" } else { "not within the 15 s that are promised" };
    eprintln!("the demo's story took {last} ms, {verdict}: {}", chapters.join(", "));

    let page = client().get(format!("{url}/demo")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("[RESOLVED] CheckoutsFail"), "{page}");
    let asked = get_json(&format!("{url}/api/v1/query?query=count(shop_checkouts_total)")).await;
    assert_eq!(asked["data"]["result"][0]["value"][1], "2");
    let own = get_json(&format!("{url}/api/v1/query?query=watchfire_build_info")).await;
    assert_eq!(own["data"]["result"][0]["metric"]["job"], "watchfire", "its own metrics are there: {own}");
    let recorded =
        get_json(&format!("{url}/api/v1/query?query=max_over_time(shop:checkout_failures:ratio[5m])>0.3")).await;
    assert_eq!(recorded["data"]["result"].as_array().map(Vec::len), Some(1), "and what rules record: {recorded}");

    process.signal("INT");
    let (code, printed) = ended(process).await;
    assert_eq!(code, Some(0), "Ctrl-C ends it in order");
    for part in [
        "CheckoutsFail is pending",
        "CheckoutsFail is firing",
        "CheckoutsFail is resolved",
        &format!("silence add --alertmanager.url={url}"),
        &format!("explain rule CheckoutsFail --rules.url={url}"),
        "--query.url=http://YOUR-PROMETHEUS:9090",
    ] {
        assert!(printed.contains(part), "{part:?} is not in\n{printed}");
    }
    assert!(!printed.contains('\x1b'), "no colours where nobody sees them");
    assert!(is_empty(folder.path()), "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_that_is_not_told_in_time_is_a_failure_that_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (code, printed) = ended(demo(folder.path(), &["--once", "--port=0", "--deadline=1s"])).await;
    assert_eq!(code, Some(1), "{printed}");
    let expected = "the story was not told to its end: pending, firing, told by e-mail, told by PagerDuty, told by webhook, resolved";
    assert!(printed.contains(expected), "{printed}");
    assert!(is_empty(folder.path()), "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_once_it_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (code, printed) = ended(demo(folder.path(), &["--once", "--port=0", "--storage.path="])).await;
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("told three ways, resolved, told three ways"), "{printed}");
}
