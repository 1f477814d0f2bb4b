//! `watchfire check rules` as people call it: files, globs, standard input, exit codes, and a server that is asked.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::conditions::eventually;
use crate::peers::{PROMETHEUS, get_json, installed, prometheus};
use crate::rule_commands::run_in;

struct Outcome {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

fn check(folder: &Path, args: &[&str], input: &str) -> Outcome {
    let (stdout, stderr, code) = run_in(folder, &[&["check", "rules"], args].concat(), input);
    Outcome { stdout, stderr, code }
}

const GOOD: &str = "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]\n";
const TWICE: &str = "groups: [{name: g, rules: [{alert: A, expr: up == 0}, {alert: A, expr: up > 1}]}]\n";
const ODD: &str = "groups: [{name: g, rules: [{alert: A, expr: up}]}]\n";
const BAD: &str = "groups: [{name: g, rules: [{alert: A, expr: up ==}]}]\n";
const VMALERT: &str = "groups: [{name: g, concurrency: 2, rules: [{alert: A, expr: up == 0}]}]\n";
const EXTRA: &str = "groups: [{name: g, owner: me, rules: [{alert: A, expr: up == 0, runbook: x}]}]\n";

#[test]
fn files_globs_and_standard_input_with_promtools_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("good.yml", GOOD),
        ("twice.yml", TWICE),
        ("odd.yml", ODD),
        ("bad.yml", BAD),
        ("vm.yml", VMALERT),
        ("extra.yml", EXTRA),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let success = |name: &str| format!("Checking {name}\n  SUCCESS: 1 rules found\n\n");
    for (args, stdout, said, code) in [
        (vec!["good.yml"], success("good.yml"), "", 0),
        (vec!["good.yml", "odd.yml"], success("good.yml") + &success("odd.yml"), "[alert-condition]", 0),
        (vec!["[go][od]*d.yml"], success("good.yml") + &success("odd.yml"), "[alert-condition]", 0),
        (vec!["--lint-fatal", "odd.yml"], success("odd.yml"), "[alert-condition]", 0),
        (vec!["--lint=none", "--lint-fatal", "odd.yml", "good.yml"], success("odd.yml") + &success("good.yml"), "", 0),
        (vec!["--lint=all", "odd.yml"], "Checking odd.yml\n\n".to_owned(), "  FAILED:\nodd.yml:1:45: warning:", 0),
        (vec!["--lint=all", "--lint-fatal", "odd.yml"], "Checking odd.yml\n\n".to_owned(), "FAILED", 3),
        (vec!["--lint=never-true,short-for", "--lint-fatal", "odd.yml"], success("odd.yml"), "", 0),
        (vec!["twice.yml"], "Checking twice.yml\n\n".to_owned(), "  FAILED:\nlint error 1 duplicate rule(s) found.", 0),
        (vec!["--lint-fatal", "twice.yml"], "Checking twice.yml\n\n".to_owned(), "Metric: A", 3),
        (
            vec!["--lint=bogus", "good.yml"],
            "WARNING: unknown lint option bogus\n".to_owned() + &success("good.yml"),
            "",
            0,
        ),
        (
            vec!["--lint-fatal", "bad.yml", "twice.yml"],
            "Checking bad.yml\n\nChecking twice.yml\n\n".to_owned(),
            "bad.yml:1:",
            1,
        ),
        (vec!["none.yml"], "Checking none.yml\n\n".to_owned(), "cannot read the file", 1),
        (vec!["vm.yml"], "Checking vm.yml\n\n".to_owned(), "--rule.dialect=any allows it", 1),
        (vec!["--rule.dialect=any", "vm.yml"], success("vm.yml"), "is a field of vmalert", 0),
        (vec!["extra.yml"], "Checking extra.yml\n\n".to_owned(), "unknown field \"runbook\"", 1),
        (vec!["--ignore-unknown-fields", "extra.yml"], success("extra.yml"), "", 0),
    ] {
        let outcome = check(folder.path(), &args, "");
        assert_eq!(
            (outcome.stdout.as_str(), outcome.code),
            (stdout.as_str(), Some(code)),
            "{args:?}\n{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(said), "{args:?}\n{}", outcome.stderr);
        assert!(!said.is_empty() || outcome.stderr.is_empty(), "{args:?}\n{}", outcome.stderr);
    }
    let outcome = check(folder.path(), &[], GOOD);
    assert_eq!((outcome.stdout, outcome.code), (success("standard input"), Some(0)));
    let legacy = "groups: [{name: g, rules: [{record: a.b, expr: up}]}]";
    assert_eq!(check(folder.path(), &[], legacy).code, Some(0));
    assert_eq!(check(folder.path(), &["--name-validation-scheme=legacy"], legacy).code, Some(1));
}

const METRICS: &str = "# TYPE requests_total counter\nrequests_total{code=\"200\"} 1\nrequests_total{code=\"500\"} 2\n\
                       # TYPE queue_length gauge\nqueue_length{queue=\"a\"} 3\n";

const ASKED: &str = "groups:
- name: g
  rules:
  - {alert: Fine, expr: 'rate(requests_total{code=\"500\"}[5m]) > 0'}
  - {alert: NoMetric, expr: 'request_total > 0'}
  - {alert: NoLabel, expr: 'requests_total{status=\"500\"} > 0'}
  - {alert: NoValue, expr: 'requests_total{code=\"404\"} > 0'}
  - {alert: NotThere, expr: 'absent(request_total)'}
  - {record: new:metric, expr: 'sum(requests_total)'}
  - {alert: Recorded, expr: 'new:metric > 1e9'}
  - {alert: Gauge, expr: 'rate(queue_length[5m]) > 1e9'}
  - {alert: Counter, expr: 'delta(requests_total[5m]) > 1e9'}
  - {alert: Window, expr: 'rate(requests_total[1s]) > 1e9'}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_asked_what_is_there() {
    if !installed("a_server_is_asked_what_is_there", &[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let metrics = Router::new().route("/metrics", get(|| async { METRICS }));
    tokio::spawn(async move { axum::serve(listener, metrics).await });
    let (_prometheus, url) = prometheus(folder.path(), Some(&target), "", &[]).await;
    eventually("the metrics are there", Duration::from_secs(20), || async {
        let answer = get_json(&format!("{url}/api/v1/query?query=queue_length")).await;
        answer["data"]["result"].as_array().filter(|rows| !rows.is_empty()).map(drop)
    })
    .await;
    let query = format!("--query.url={url}/");
    let outcome = tokio::task::spawn_blocking({
        let folder = folder.path().to_owned();
        move || check(&folder, &[&query, "--lint=all"], ASKED)
    })
    .await
    .unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let found: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("standard input:")).collect();
    for (rule, what) in [
        ("NoMetric", "the server has no series of \"request_total\" now"),
        ("NoLabel", "no series of \"requests_total\" has the label \"status\" now"),
        ("NoValue", "this selects no series now"),
        ("Gauge", "is a gauge"),
        ("Counter", "is a counter"),
        ("Window", "a window of 1s is too short for series that are scraped each 1s"),
    ] {
        let line =
            found.iter().find(|line| line.contains(&format!("{rule:?}:"))).unwrap_or_else(|| panic!("{found:?}"));
        assert!(line.contains(what), "{line}");
    }
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn a_server_that_cannot_be_asked_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for (url, said) in [
        ("http://user:s3cr3t@127.0.0.1:1/", "cannot ask the server of --query.url"),
        ("ftp://user:s3cr3t@example.com", "must begin with http"),
        ("nonsense", "is not a URL"),
    ] {
        let outcome = check(folder.path(), &[&format!("--query.url={url}"), "--query.timeout=5s"], GOOD);
        assert_eq!(outcome.code, Some(1), "{url}");
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("s3cr3t"), "{}", outcome.stderr);
    }
}
