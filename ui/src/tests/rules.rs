//! Rules: lists of them, one of them, an expression tried.

use std::time::Duration;

use axum::http::StatusCode;
use model::source::SourceFile;
use rules_engine::engine::{Effect, Settings};
use rules_engine::rule_file::{Defaults, read};

use super::alerts::seen;
use super::{NOW, Site, answered};

const RULES: &str = r#"
groups:
- name: node
  interval: 30s
  rules:
  - {record: "job:up:sum", expr: "sum by (job) (up)", labels: {team: infra}}
  - alert: Up
    expr: up > 0
    labels: {severity: page}
    annotations: {summary: "{{ $labels.job }} is up", runbook: "https://runbooks.example/up"}
  - {alert: Slow, expr: up, for: 10m}
  - {alert: Quiet, expr: "job:up:sum > 9"}
- name: broken
  rules:
  - {alert: Away, expr: away}
"#;

/// A site whose rules have been evaluated once, half a minute ago.
fn site(rules: &str) -> Site {
    let site = Site::new(Vec::new());
    let (groups, _) = read(&SourceFile::new("rules.yml", rules), &Defaults::default()).unwrap();
    let mut engine = site.desk.engine.lock().unwrap();
    let mut effects = Vec::new();
    let begin = NOW.minus(Duration::from_secs(90));
    engine.configure(begin, groups, Settings::default(), &mut effects);
    let mut now = begin;
    while now < NOW {
        now = now.plus(Duration::from_secs(1));
        engine.advance(now, &mut effects);
        while let Some(effect) = effects.pop() {
            if let Effect::Query { id, expr, .. } = effect {
                engine.queried(now, id, answered(&expr), &mut effects);
            } else if let Effect::Write { id, .. } = effect {
                engine.written(now, id, Ok(()), &mut effects);
            }
        }
    }
    drop(engine);
    site
}

fn address(group: &str, place: usize, name: &str) -> String {
    format!("/rules/rule?file=rules.yml&group={group}&place={place}&name={name}")
}

/// Without what depends on the slot the group's name has.
fn settled(text: &str) -> String {
    let time = |line: &str| line.contains("2026-01-02 03:0") || line.ends_with(" ms") || line == "0s";
    text.lines().map(|line| if time(line) { "(time)" } else { line }).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn groups_are_listed_with_how_they_fare() {
    let page = site(RULES).get("/rules").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("1 failing") && page.text.contains("connection refused"), "{}", page.text);
    assert_eq!(page.text.matches("<meter").count(), 2);
    let badge = |name: &str| page.text.matches(&format!("class=\"badge {name}\"")).count();
    assert_eq!((badge("firing"), badge("pending"), badge("recording")), (1, 1, 1), "{}", page.text);
}

#[tokio::test]
async fn rules_are_chosen_by_state_and_search() {
    let site = site(RULES);
    for (query, rules) in [
        ("", 5),
        ("?state=firing", 1),
        ("?state=pending", 1),
        ("?state=inactive", 2),
        ("?state=unhealthy", 1),
        ("?state=recording", 1),
        ("?q=NODE", 4),
        ("?q=severity", 1),
        ("?q=up+node", 4),
        ("?q=up+nothing", 0),
        ("?group=broken&file=rules.yml", 1),
        ("?state=firing&q=slow", 0),
        ("?state=nonsense&page=7", 5),
    ] {
        let page = site.get(&format!("/rules{query}")).await.text;
        assert_eq!(page.matches("class=\"expr\"").count(), rules, "{query}");
    }
    let led = site.get("/rules?expr=up+%3E+0").await;
    assert_eq!(led.location.as_deref(), Some("./rules/rule?file=rules.yml&group=node&place=1&name=Up"));
}

#[tokio::test]
async fn a_rule_has_its_plot_its_alerts_and_its_past() {
    let site = site(RULES);
    let page = site.get(&address("node", 1, "Up")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for expected in [
        "<svg viewBox=",
        "class=\"plot-threshold\"",
        "api is up",
        "href=\"https://runbooks.example/up\"",
        "2 firing",
        "<code class=\"value\">{{ $labels.job }} is up</code>",
        "every 30s",
    ] {
        assert!(page.text.contains(expected), "{expected} in {}", page.text);
    }
    let pending = site.get(&address("node", 2, "Slow")).await.text;
    assert!(pending.contains("fires in 8m") && pending.contains("<progress"), "{pending}");
    let reads = site.get(&address("node", 3, "Quiet")).await.text;
    assert!(reads.contains("Reads what these record") && reads.contains("name=job%3Aup%3Asum"), "{reads}");
    let recording = site.get(&address("node", 0, "job:up:sum")).await.text;
    assert!(recording.contains("Read by") && recording.contains("name=Quiet"), "{recording}");
    let failing = site.get(&address("broken", 0, "Away")).await.text;
    assert!(failing.contains("No plot:") && failing.contains("connection refused"), "{failing}");
    insta::assert_snapshot!(settled(&seen(&pending)));
}

#[tokio::test]
async fn a_rule_is_found_after_its_file_was_changed() {
    let site = site(RULES);
    assert_eq!(site.get(&address("node", 9, "Up")).await.status, StatusCode::OK, "another place");
    for gone in [address("node", 1, "Gone"), address("other", 0, "Up"), "/rules/rule".to_owned()] {
        assert_eq!(site.get(&gone).await.status, StatusCode::NOT_FOUND, "{gone}");
    }
}

#[tokio::test]
async fn another_expression_is_tried() {
    let site = site(RULES);
    let of_slow = address("node", 2, "Slow");
    let tried = site.send(&of_slow, &[("expr", "up > 0")]).await.text;
    assert!(tried.contains("<h3 role=\"status\">2 series</h3>") && tried.contains(">up &gt; 0</textarea>"), "{tried}");
    let wrong = site.send(&of_slow, &[("expr", "up >")]).await.text;
    assert!(wrong.contains("1:5: parse error: "), "{wrong}");
    let away = site.send(&of_slow, &[("expr", "away")]).await.text;
    assert!(away.contains("<pre class=\"wrong\" role=\"alert\" tabindex=\"0\">connection refused</pre>"), "{away}");
    let empty = site.send(&of_slow, &[("expr", " ")]).await.text;
    assert!(empty.contains("There is no expression."), "{empty}");
    let still = site.get(&of_slow).await.text;
    assert!(still.contains(">up</textarea>"), "the rule is as it was: {still}");
}

#[tokio::test]
async fn ten_thousand_rules_are_paged() {
    let mut rules = String::from("groups:\n");
    for group in 0..500 {
        rules.push_str(&format!("- name: g{group}\n  rules:\n"));
        for rule in 0..20 {
            rules.push_str(&format!("  - {{alert: A{rule}, expr: 'sum(rate(x{group}[5m])) > {rule}'}}\n"));
        }
    }
    let site = site(&rules);
    for (query, rows) in [("", 100), ("?page=100", 100), ("?q=x499", 20), ("?state=firing", 0)] {
        let page = site.get(&format!("/rules{query}")).await.text;
        assert_eq!(page.matches("class=\"expr\"").count(), rows, "{query}");
        assert!(page.len() < 300_000, "{query}: {} bytes", page.len());
    }
    assert!(site.get("/rules").await.text.contains("Page 1 of 100"));
}

#[tokio::test]
async fn hostile_rules_are_texts() {
    let script = "<script>alert(1)</script>";
    let rules = format!(
        "groups:\n- name: '{script}'\n  rules:\n  - alert: '{script}'\n    expr: up > 0\n    labels: {{a: \"{script}\\e[31m\"}}\n    \
         annotations: {{runbook: 'javascript:alert(1)', summary: '\"><img src=x onerror=alert(1)>', long: '{}'}}\n",
        "x".repeat(100_000)
    );
    let site = site(&rules);
    let list = site.get("/rules").await.text;
    let encoded = "%3Cscript%3Ealert%281%29%3C%2Fscript%3E";
    let one = site.get(&address(encoded, 0, encoded)).await;
    assert_eq!(one.status, StatusCode::OK);
    let tried = site.send(&address(encoded, 0, encoded), &[("expr", script)]).await.text;
    for page in [&list, &one.text, &tried] {
        assert!(
            !page.contains("<script>alert") && !page.contains("href=\"javascript:") && !page.contains("<img src=x"),
            "{page}"
        );
        assert!(page.len() < 200_000, "{} bytes", page.len());
    }
}
