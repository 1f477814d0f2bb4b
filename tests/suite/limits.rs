//! What is too large, or too much, is refused in few words, counted, and harms nobody else. `docs/limits.md` says what the
//! limits are: its tables are checked too.

use std::time::Duration;

use clap::CommandFactory;
use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use watchfire::cli::Cli;

use crate::conditions::eventually;
use crate::peers::{client, get_json, root};
use crate::sink::Sink;
use crate::stage::Watchfire;

const PATIENCE: Duration = Duration::from_secs(60);

/// Rows of the tables that have six columns: what, bound, set with, beyond it, metric, why.
fn rows() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let cells = |line: &str| -> Vec<String> {
        let line = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')).expect("a row");
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = text.lines().filter(|line| line.starts_with("| ")).map(cells);
    rows.filter(|row| row.len() == 6 && row[0] != "what").collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).flat_map(|code| code.split([' ', ',']))
}

/// Long flags with their defaults.
fn flags() -> Vec<(String, String)> {
    let command = Cli::command();
    let services = command.get_subcommands().filter(|one| ["run", "rules", "notifier"].contains(&one.get_name()));
    let arguments = services.flat_map(clap::Command::get_arguments);
    let flags = arguments.filter_map(|argument| {
        let default = argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
        Some((argument.get_long()?.to_owned(), default.unwrap_or_default()))
    });
    flags.collect()
}

#[test]
fn the_tables_of_limits_are_true() {
    let (rows, flags) = (rows(), flags());
    assert!(rows.len() > 60, "{} rows", rows.len());
    let documents = ["metrics.md", "rules-config.md", "receivers.md", "web-config.md"];
    let documents = documents.map(|name| std::fs::read_to_string(root().join("docs").join(name)).unwrap());
    let mut wrong = Vec::new();
    for row in &rows {
        let [what, bound, set_with, beyond, metric, _why] = &row[..] else { unreachable!() };
        if bound.is_empty() || beyond.is_empty() && !bound.starts_with("as many") && !bound.starts_with("proportional")
        {
            let is_depth = what.starts_with("templates that") || what == "acknowledgements";
            if !is_depth && !["groups", "handlers counted in metrics of HTTP"].contains(&what.as_str()) {
                wrong.push(format!("{what}: bound {bound:?}, beyond it {beyond:?}"));
            }
        }
        for flag in words(&row.join(" ")).filter_map(|word| word.strip_prefix("--")) {
            let Some((_, default)) = flags.iter().find(|(name, _)| name == flag) else {
                wrong.push(format!("{what}: there is no flag --{flag}"));
                continue;
            };
            let Ok(number @ 1..) = default.parse::<u64>() else { continue };
            if set_with == &format!("`--{flag}`") && !written(number).iter().any(|text| bound.starts_with(text)) {
                wrong.push(format!("{what}: --{flag} is {number}, not {bound}"));
            }
        }
        for name in words(metric).filter(|word| !documents[0].contains(&format!("`{word}`"))) {
            wrong.push(format!("{what}: docs/metrics.md has no {name}"));
        }
        for key in words(set_with).filter(|word| !word.starts_with("--") && !word.is_empty()) {
            let is_known =
                documents.iter().any(|text| text.contains(key)) || ["follow_redirects", "limit"].contains(&key);
            if !is_known {
                wrong.push(format!("{what}: no document says what {key} is"));
            }
        }
    }
    let all = rows.concat().join(" ");
    for (flag, _) in &flags {
        let is_limit = flag.contains("max-") && flag != "rules.max-concurrent-evals" || flag.ends_with("-limit");
        if is_limit && !all.contains(&format!("`--{flag}`")) {
            wrong.push(format!("--{flag} is in no table"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A number as the tables may have it.
fn written(number: u64) -> Vec<String> {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let units = [(10, "KiB"), (20, "MiB"), (30, "GiB")];
    let whole = units.iter().filter(|(bits, _)| number.is_multiple_of(1 << bits));
    let mut all: Vec<String> = whole.map(|(bits, unit)| format!("{} {unit}", number >> bits)).collect();
    all.extend([digits, grouped]);
    all
}

/// A notifier that takes little, and where it tells.
async fn small_notifier(folder: &std::path::Path) -> (Watchfire, Sink) {
    let sink = Sink::open().await;
    let config = folder.join("alertmanager.yml");
    let text = format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
        sink.url("/hook")
    );
    std::fs::write(&config, text).unwrap();
    let args = [
        format!("--config.file={}", config.display()),
        format!("--storage.path={}", folder.join("data").display()),
        "--alerts.max-alerts=10".to_owned(),
        "--silences.max-silences=2".to_owned(),
        "--silences.max-schedules=1".to_owned(),
    ];
    (Watchfire::start("notifier", &args).await, sink)
}

async fn metric(url: &str, name: &str) -> f64 {
    let text = client().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

/// Status, `Retry-After` and text; no refusal is long.
async fn answer(request: RequestBuilder) -> (u16, String, String) {
    let answer = request.send().await.unwrap();
    let after = answer.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status == StatusCode::OK || text.len() < 10_000, "{} bytes: {}", text.len(), &text[..1000]);
    (status.as_u16(), after.unwrap_or_default(), text)
}

fn alert(name: &str) -> Value {
    json!({"labels": {"alertname": name, "severity": "critical"}, "annotations": {"summary": "It is down."}})
}

fn silence(matchers: &[Value]) -> Value {
    json!({"matchers": matchers, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2126-01-01T00:00:00Z",
        "createdBy": "ann", "comment": "limits"})
}

fn matcher(value: &str, is_regex: bool) -> Value {
    json!({"name": "a", "value": value, "isRegex": is_regex, "isEqual": true})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_alone_and_in_few_words() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, sink) = small_notifier(folder.path()).await;
    let alerts = format!("{}/api/v2/alerts", ours.url);
    let post = |body: &Value| answer(client().post(&alerts).json(body));
    let long = |bytes: usize| "x".repeat(bytes);
    let labels: serde_json::Map<_, _> = (0..1001).map(|n| (format!("l{n}"), json!("v"))).collect();
    let cases = [
        (
            json!({"labels": {"alertname": "Long", "log": long(70_000)}}),
            " bytes of labels and generatorURL, at most 65536 are taken: alertname \"Long\"",
        ),
        (json!({"labels": {"alertname": "Long", long(2000): "v"}}), "invalid label set: invalid name \"xxx"),
        (json!({"labels": labels}), "1001 labels, at most 1000 are taken"),
        (json!({"labels": {"alertname": long(70_000)}}), "bytes of labels and generatorURL, at most 65536"),
    ];
    for (at, (bad, why)) in cases.iter().enumerate() {
        let (status, _, text) = post(&json!([bad, alert(&format!("Good{at}"))])).await;
        let text: String = serde_json::from_str(&text).unwrap();
        assert!(status == 400 && text.contains(why), "{status} {text}");
    }
    let uri = json!([{"labels": {"a": "b"}, "generatorURL": long(1_000_000)}]);
    assert_eq!(post(&uri).await.0, 422, "as Alertmanager, it is no URI");
    let not_text = json!([{"labels": {"a": "b"}, "startsAt": long(1_000_000)}]);
    assert_eq!(post(&not_text).await.0, 400);
    assert_eq!(post(&json!(vec![json!({}); 100_001])).await.0, 413);
    let verbose =
        json!([{"labels": {"alertname": "Verbose"}, "annotations": {"log": long(1 << 20), "summary": "short"}}]);
    assert_eq!(post(&verbose).await.0, 200);
    sink.wait_told("/hook", 5, PATIENCE).await;
    let known = get_json(&alerts).await;
    let of =
        |name: &str| known.as_array().unwrap().iter().find(|one| one["labels"]["alertname"] == name).cloned().unwrap();
    let cut = of("Verbose");
    assert_eq!(cut["annotations"]["summary"], "short");
    let log = cut["annotations"]["log"].as_str().unwrap();
    assert!(log.ends_with("… [cut off]") && (60_000..65_536).contains(&log.len()), "{}", log.len());
    (0..4).for_each(|at| drop(of(&format!("Good{at}"))));
    assert_eq!(metric(&ours.url, "watchfire_alerts_cut_total").await, 1.0);
    assert_eq!(metric(&ours.url, "alertmanager_alerts_invalid_total{version=\"v2\"}").await, 4.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_alerts_a_notifier_takes_no_new_ones_and_keeps_the_known_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, sink) = small_notifier(folder.path()).await;
    let post = |alerts: Vec<Value>| answer(client().post(format!("{}/api/v2/alerts", ours.url)).json(&json!(alerts)));
    let many: Vec<Value> = (0..12).map(|n| alert(&format!("A{n}"))).collect();
    let (status, after, text) = post(many.clone()).await;
    assert_eq!((status, after.as_str()), (503, "30"), "{text}");
    assert!(text.contains("2 new alerts found no room: --alerts.max-alerts"), "{text}");
    assert_eq!(post(many[..10].to_vec()).await.0, 200, "refreshed");
    sink.wait_told("/hook", 10, PATIENCE).await;
    let mut over = many[0].clone();
    over["endsAt"] = json!("2026-01-01T00:00:00Z");
    over["startsAt"] = json!("2025-01-01T00:00:00Z");
    assert_eq!(post(vec![over]).await.0, 200, "resolved");
    sink.wait_told("/hook", 11, PATIENCE).await;
    assert_eq!(metric(&ours.url, "watchfire_alerts_refused_total").await, 2.0);
    assert_eq!(metric(&ours.url, "watchfire_alerts_held_limit").await, 10.0);
    assert!(ours.process.lines().iter().any(|line| line.contains("new alerts are refused")), "it is logged");
    // What is over makes room, once its end was told.
    eventually("room for another", PATIENCE, || async { (post(vec![many[11].clone()]).await.0 == 200).then_some(()) })
        .await;
    sink.wait_told("/hook", 12, PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silences_and_filters_have_their_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _sink) = small_notifier(folder.path()).await;
    let silences = format!("{}/api/v2/silences", ours.url);
    let set = |body: Value| answer(client().post(&silences).json(&body));
    let refused = [
        (silence(&vec![matcher("b", false); 101]), 400, "101 matchers, at most 100 are taken"),
        (silence(&[matcher(r"\pL{1000}", true)]), 400, "invalid label matcher 0"),
        (silence(&[matcher(&"a|".repeat(600_000), true)]), 400, "longer than 1048576 bytes"),
        (silence(&[matcher(&"x".repeat(4 << 20), false)]), 413, ""),
    ];
    for (body, expected, why) in refused {
        let (status, _, text) = set(body).await;
        assert!(status == expected && text.contains(why), "{status} {text}");
    }
    let hosts: Vec<String> = (0..2000).map(|n| format!("web-{n}.example.com(:[0-9]+)?")).collect();
    assert_eq!(set(silence(&[matcher(&hosts.join("|"), true)])).await.0, 200, "a long list of patterns is fine");
    assert_eq!(set(silence(&[matcher("b", false)])).await.0, 200);
    let (status, _, text) = set(silence(&[matcher("c", false)])).await;
    assert!(status == 400 && text.contains("the limit of 2 silences is reached"), "{status} {text}");
    let weekly = |value: &str| {
        let schedule = json!({"cron": "30 2 * * SUN", "duration": "1h"});
        json!({"matchers": [matcher(value, false)], "createdBy": "ann", "comment": "", "schedule": schedule})
    };
    assert_eq!(set(weekly("d")).await.0, 200);
    let (status, _, text) = set(weekly("e")).await;
    assert!(status == 400 && text.contains("--silences.max-schedules"), "{status} {text}");
    let filters = format!("{}/api/v2/alerts?{}", ours.url, vec!["filter=a%3Db"; 101].join("&"));
    assert_eq!(answer(client().get(filters)).await.0, 400);
}
