use std::sync::Arc;

use model::LabelSet;
use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use notifier::config::Config;
use rules_engine::rule_file::{self, Defaults};

use super::*;
use crate::backtest::needs::Needs;
use crate::backtest::replay::Setup;
use crate::backtest::{Source, lookback, run};

const RULES: &str = r#"
groups:
- name: shop
  rules:
  - {record: 'job:up:sum', expr: 'sum by (job) (up)'}
  - alert: InstanceDown
    expr: up == 0
    for: 5m
    annotations: {summary: '{{ $labels.instance }} <b>is</b> down'}
  - {alert: NobodyThere, expr: 'job:up:sum == 0', labels: {severity: page}}
  - {alert: Impossible, expr: 'up * on (job) up'}
"#;

const CONFIG: &str = r#"
route: {receiver: "all <script>", group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers:
- name: "all <script>"
  webhook_configs: [{url: 'http://hook.example/'}]
"#;

/// Two instances, of which one is down for half an hour and both for five minutes of it; one flaps afterwards.
const SERIES: &str = r#"load 1m
  up{job="a", instance="1"} 1x60 0x29 1x120
  up{job="a", instance="2"} 1x70 0x4 1x20 0x6 1x4 0x6 1x100
"#;

fn setup(rules: &str) -> Setup {
    let (groups, _) = rule_file::read(&SourceFile::new("r.yml", rules), &Defaults::default()).unwrap();
    let config = SourceFile::new("am.yml", CONFIG);
    let read = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let (config, _) = Config::parse(&config, std::path::Path::new(""), ParseMode::default(), &read).unwrap();
    Setup {
        groups,
        config: Arc::new(config),
        external_labels: LabelSet::from_pairs([("cluster", "x")]),
        external_url: "http://localhost:9093".to_owned(),
        promql: promql::eval::Settings::default(),
    }
}

const PERIOD: Period =
    Period { warm_up: Duration::ZERO, from: Timestamp::EPOCH, to: Timestamp::from_nanos(200 * 60 * 1_000_000_000) };

async fn tested(setup: &Setup) -> Outcome {
    let needs = Needs::of(&setup.groups, setup.promql.language, lookback(setup));
    let source = Source::Memory(promql::series_file::read(SERIES, 0).unwrap());
    run(setup, &Arc::new(needs), &source, PERIOD, &mut |_| {}).await.unwrap()
}

fn side(outcome: &Outcome) -> Side<'_> {
    Side { files: "r.yml; <am>.yml".to_owned(), rules: 4, outcome, summary: Summary::of(outcome, PERIOD) }
}

#[tokio::test]
async fn what_would_have_been_sent_and_what_it_comes_to() {
    let outcome = tested(&setup(RULES)).await;
    let pages: Vec<String> = outcome.pages.iter().map(gist).collect();
    assert_eq!(
        pages,
        [
            "InstanceDown",
            "NobodyThere",
            "NobodyThere resolved",
            "InstanceDown resolved",
            "InstanceDown",
            "InstanceDown resolved",
            "InstanceDown",
            "InstanceDown resolved"
        ],
        "{:#?}",
        outcome.pages
    );
    assert!(outcome.pages.iter().all(|page| page.notification.alerts[0].labels.get("cluster") == Some("x")));
    let summary = Summary::of(&outcome, PERIOD);
    let down = &summary.alerts[0];
    assert_eq!((down.alert.as_str(), down.pages, down.fired, down.series), ("InstanceDown", 3, 3, 2));
    assert_eq!((down.flaps, down.pending_only, down.untold), (1, 1, 0));
    assert_eq!(down.detected_seconds_median, Some(330.0), "five minutes pending, half a minute for the group");
    let all = &summary.receivers[0];
    assert_eq!((all.pages, all.firing, all.resolved, all.repeats), (8, 4, 4, 0));
    assert!(outcome.failures["Impossible"].reason.contains("many-to-many"), "{:?}", outcome.failures);
}

#[tokio::test]
async fn every_form_tells_the_same_and_the_page_escapes_everything() {
    let (first, changed) = (setup(RULES), setup(&RULES.replace("for: 5m", "for: 10m")));
    let (a, b) = (tested(&first).await, tested(&changed).await);
    let report = Report { period: PERIOD, first: side(&a), second: Some(side(&b)) };
    let shown = text::text(&report);
    assert!(shown.contains("From A to B: 3 pages stay, 0 come, 4 go, 1 move"), "{shown}");
    let read: serde_json::Value = serde_json::from_str(&json::json(&report).unwrap()).unwrap();
    assert_eq!(read["a"]["summary"]["pages"], 8);
    assert_eq!(read["comparison"]["removed"].as_array().map(Vec::len), Some(4));
    assert_eq!(read["a"]["pages"][0]["alerts"][0]["annotations"]["summary"], "1 <b>is</b> down");
    let page = html::html(&report);
    assert!(
        page.contains("all &lt;script&gt;") && page.contains("<svg") && page.contains("class=\"firing\""),
        "{page}"
    );
    assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("http:"), "{page}");
}

#[tokio::test]
async fn what_happens_while_warming_up_is_not_told() {
    let setup = setup(RULES);
    let needs = Arc::new(Needs::of(&setup.groups, setup.promql.language, lookback(&setup)));
    let source = Source::Memory(promql::series_file::read(SERIES, 0).unwrap());
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let period = Period { warm_up: minutes(80), from: Timestamp::EPOCH.plus(minutes(80)), ..PERIOD };
    let outcome = run(&setup, &needs, &source, period, &mut |_| {}).await.unwrap();
    assert_eq!(gist(&outcome.pages[0]), "InstanceDown resolved");
    assert!(outcome.pages.iter().all(|page| page.at >= period.from));
}
