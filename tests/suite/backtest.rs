//! Back-tests: the same pages as the live pipeline over the same data, and as a real Prometheus that has the data.

#[path = "../../benches/backtest/cluster.rs"]
mod cluster;
#[path = "../../benches/backtest/live.rs"]
mod live;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use model::matcher::parse::ParseMode;
use model::{LabelSet, Timestamp};
use notifier::config::Config;
use promql::eval::{Storage, Value};
use rules_engine::rule_file::{self, Defaults};
use serde_json::Value as Json;
use watchfire::backtest::needs::Needs;
use watchfire::backtest::replay::{Outcome, Setup};
use watchfire::backtest::{Period, Source, lookback, run};
use watchfire::simulate::timeline::Delivered;

use crate::peers::{self, PROMETHEUS, Process, free_port, installed, root};
use cluster::Cluster;

/// A Saturday.
const START: &str = "2026-11-07T00:00:00Z";

const STEP_MS: i64 = 60_000;

const CONFIG: &str = r#"
route:
  receiver: default
  group_by: [namespace, alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 1h
  routes:
  - {receiver: nobody, matchers: ['alertname=~"Watchdog|InfoInhibitor"']}
  - {receiver: critical, matchers: [severity=critical], group_by: [alertname]}
inhibit_rules:
- {source_matchers: [severity=critical], target_matchers: ['severity=~"warning|info"'], equal: [namespace, alertname]}
receivers:
- {name: default, webhook_configs: [{url: 'http://hook.example/'}]}
- {name: critical, pagerduty_configs: [{routing_key: k}], webhook_configs: [{url: 'http://hook.example/'}]}
- {name: nobody}
"#;

fn setup(rules: &[PathBuf], config: &Path) -> Setup {
    let globs: Vec<String> = rules.iter().map(|path| path.display().to_string()).collect();
    let loaded = rule_file::load(&globs, Path::new(""), &Defaults::default()).unwrap();
    let (config, _) = Config::load(config, ParseMode::default(), &|path| std::fs::read_to_string(path)).unwrap();
    Setup {
        groups: loaded.groups,
        config: Arc::new(config),
        external_labels: LabelSet::empty(),
        external_url: "http://watchfire.example:9093".to_owned(),
        promql: promql::eval::Settings::default(),
    }
}

fn needs(setup: &Setup) -> Arc<Needs> {
    Arc::new(Needs::of(&setup.groups, setup.promql.language, lookback(setup)))
}

async fn tested(setup: &Setup, storage: Storage, from: Timestamp, length: Duration) -> Outcome {
    let period = Period { warm_up: Duration::ZERO, from, to: from.plus(length) };
    run(setup, &needs(setup), &Source::Memory(storage), period, &mut |_| {}).await.unwrap()
}

fn told(pages: &[Delivered]) -> Vec<String> {
    let line = |page: &Delivered| format!("{} {}/{} {:?}", page.at, page.integration, page.index, page.notification);
    pages.iter().map(line).collect()
}

/// kube-prometheus' rules where the corpus is there, ours where not.
fn rules_of_a_cluster() -> Vec<PathBuf> {
    let corpus = root().join("../shared/corpus/prometheusrules/kube-prometheus");
    let Ok(entries) = std::fs::read_dir(corpus) else {
        eprintln!("back-test of kube-prometheus: the corpus is not there, our own rules are taken");
        return vec![
            root().join("deploy/alerts/watchfire.rules.yaml"),
            root().join("examples/quickstart/rules/srs.yaml"),
        ];
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Five hours here; `cargo bench --bench backtest` takes two weeks.
#[tokio::test]
async fn the_pages_are_those_of_the_live_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("am.yml");
    std::fs::write(&config, CONFIG).unwrap();
    let rules = rules_of_a_cluster();
    let setup = setup(&rules, &config);
    let from = Timestamp::parse_rfc3339(START).unwrap();
    let length = Duration::from_secs(5 * 3600);
    let cluster = Cluster::of(&needs(&setup), 300, true);
    assert!(cluster.len() > 50, "only {} series", cluster.len());
    let storage = cluster.storage(from.as_millis() - 3_600_000, from.plus(length).as_millis(), STEP_MS);
    let outcome = tested(&setup, storage.clone(), from, length).await;
    let live = live::pages(&rules, &config, storage, from, length).unwrap();
    let (tested, live) = (told(&outcome.pages), told(&live));
    let first = tested.iter().zip(&live).find(|(tested, live)| tested != live);
    assert!(first.is_none() && tested.len() == live.len(), "{} and {} pages: {first:#?}", tested.len(), live.len());
    assert!(live.len() > 50, "only {} pages", live.len());
    let resolved = outcome.pages.iter().filter(|page| !page.notification.is_firing()).count();
    assert!(resolved > 5 && outcome.episodes.len() > live.len() / 10, "{resolved} resolved");
}

const SHOP: &str = r#"
groups:
- name: shop
  interval: 30s
  rules:
  - {record: 'job:requests:rate5m', expr: 'sum by (job) (rate(requests_total[5m]))'}
  - {alert: Busy, expr: 'job:requests:rate5m > 10', for: 2m, labels: {severity: warning}}
  - {alert: Down, expr: 'up == 0', for: 5m, labels: {severity: critical}}
  - {alert: WasDown, expr: 'min_over_time(up[1h] offset 10m) == 0 and up == 1'}
"#;

fn shop(from_ms: i64, minutes: i64) -> Storage {
    let mut storage = Storage::new();
    for instance in 0..3 {
        let labels = |name: &str| {
            LabelSet::from_pairs([("__name__", name), ("job", "shop"), ("instance", &format!("i{instance}"))])
        };
        let (up, requests) = (storage.series_id(&labels("up")), storage.series_id(&labels("requests_total")));
        let mut total = 0.0;
        for minute in 0..minutes {
            let at_ms = from_ms + minute * 60_000 + instance * 7_001;
            let is_down = instance == 1 && (200..240).contains(&minute);
            total += if (300..320).contains(&minute) { 400.0 } else { 30.0 };
            storage.append(up, at_ms, Value::Float(if is_down { 0.0 } else { 1.0 })).unwrap();
            storage.append(requests, at_ms, Value::Float(total)).unwrap();
        }
    }
    storage
}

fn open_metrics(storage: &Storage) -> String {
    let mut text = String::new();
    for series in storage.series() {
        let name = series.labels().get("__name__").unwrap();
        let labels = series.labels().without("__name__");
        let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        for (at_ms, value) in series.samples() {
            let value = value.float().unwrap();
            writeln!(text, "{name}{{{}}} {value} {}", pairs.join(","), at_ms as f64 / 1000.0).unwrap();
        }
    }
    text + "# EOF\n"
}

fn backtest(folder: &Path, args: &[&str]) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .current_dir(folder)
        .args(["backtest", "--rules", "rules.yml", "--config", "am.yml", "-o", "json", "--cache.dir", "cache"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_history_of_a_prometheus_gives_the_pages_of_a_file_and_is_kept() {
    if !installed("the history of a Prometheus", &[PROMETHEUS, "promtool"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Old enough to have settled, young enough to be kept.
    let from_ms = (crate::conditions::unix_now() as i64 / 86_400 - 3) * 86_400_000;
    let storage = shop(from_ms, 600);
    std::fs::write(path("series.om"), open_metrics(&storage)).unwrap();
    std::fs::write(path("rules.yml"), SHOP).unwrap();
    std::fs::write(path("am.yml"), CONFIG).unwrap();
    std::fs::write(path("prometheus.yml"), "global: {scrape_interval: 1m}\n").unwrap();
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics", "series.om", "data"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = free_port();
    let mut server = Process::start(
        "prometheus",
        Command::new(PROMETHEUS).current_dir(folder.path()).args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            &format!("--web.listen-address=127.0.0.1:{port}"),
        ]),
    );
    let url = format!("http://127.0.0.1:{port}");
    peers::ready(&format!("{url}/-/ready")).await;
    let at = |minutes: i64| Timestamp::from_millis(from_ms + minutes * 60_000).to_rfc3339();
    let period = ["--from", &at(70), "--to", &at(590)];
    let of_file = backtest(folder.path(), &[&["--series", "series.om"], &period[..]].concat());
    let page_of = |answer: &Json| answer["a"]["pages"].clone();
    assert!(page_of(&of_file).as_array().unwrap().len() >= 6, "{of_file:#}");
    let asked = ["--query.url", &url, "--block", "2h"];
    let of_server = backtest(folder.path(), &[&asked[..], &period].concat());
    assert_eq!(page_of(&of_server), page_of(&of_file));
    // With a step, samples lie elsewhere, and so may pages, a little.
    let stepped = backtest(folder.path(), &[&asked[..], &period, &["--step", "30s"]].concat());
    let names = |answer: &Json| -> Vec<String> {
        let pages = answer["a"]["pages"].as_array().unwrap().clone();
        pages.iter().map(|page| format!("{} {} {}", page["receiver"], page["groupKey"], page["reason"])).collect()
    };
    assert_eq!(names(&stepped), names(&of_file));
    // What was fetched is there still when the server is not.
    server.kill();
    let of_cache = backtest(folder.path(), &[&asked[..], &period].concat());
    assert_eq!(page_of(&of_cache), page_of(&of_file));
}

#[test]
fn both_sides_are_compared_and_the_page_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let from_ms = Timestamp::parse_rfc3339(START).unwrap().as_millis();
    std::fs::write(path("series.om"), open_metrics(&shop(from_ms, 400))).unwrap();
    std::fs::write(path("rules.yml"), SHOP).unwrap();
    std::fs::write(path("other.yml"), SHOP.replace("for: 5m", "for: 15m")).unwrap();
    std::fs::write(path("am.yml"), CONFIG).unwrap();
    let args = ["--series", "series.om", "--rules-b", "other.yml", "--html", "report.html", "--external-label", "dc=a"];
    let answer = backtest(folder.path(), &args);
    let comparison = &answer["comparison"];
    assert_eq!(comparison["moved"].as_array().unwrap().len(), 2, "{comparison:#}");
    assert_eq!(comparison["moved"][0]["a"]["alerts"][0]["labels"]["dc"], "a");
    let page = std::fs::read_to_string(path("report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("Pages that move") && !page.contains("<script"), "{page}");
    let refused = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .current_dir(folder.path())
        .args(["backtest", "--rules", "rules.yml", "--config", "am.yml", "--series", "am.yml"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("am.yml:2:"), "{told}");
}
