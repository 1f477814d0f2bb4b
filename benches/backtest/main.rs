//! A back-test of kube-prometheus' rules over two weeks of a thousand series: time, memory, and whether its pages are those of
//! the live pipeline on virtual time.
//!
//! `cargo bench --bench backtest` takes some minutes, `cargo bench --bench backtest -- quick` does a day. The series come from
//! a query API in this process, once fetched and once from the cache; CPU and memory are those of our process alone.
//! Rule files as arguments behind `--rules` take the place of those of the corpus.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench measures, waits and prints")]

mod cluster;
mod live;
#[expect(dead_code, reason = "a back-test is never idle")]
#[path = "../measuring/process.rs"]
mod process;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use model::Timestamp;
use promql::eval::{Series, Storage};
use rules_engine::rule_file::{self, Defaults};
use rules_engine::sample::Sample;
use serde_json::Value as Json;
use watchfire::backtest::needs::Needs;
use watchfire::query::api;
use watchfire::query::live_series::LiveSeries;

use cluster::Cluster;
use process::Running;

/// Two weeks that are long over, so that they are kept.
const START: &str = "2026-10-03T00:00:00Z";

const SERIES: usize = 1_000;
const STEP_MS: i64 = 60_000;

const CONFIG: &str = "
route:
  receiver: default
  group_by: [namespace, alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 12h
  routes:
  - {receiver: 'null', matchers: ['alertname=~\"Watchdog|InfoInhibitor\"']}
  - {receiver: critical, matchers: [severity=critical]}
inhibit_rules:
- {source_matchers: [severity=critical], target_matchers: ['severity=~\"warning|info\"'], equal: [namespace, alertname]}
receivers:
- {name: default, webhook_configs: [{url: 'http://hook.example/'}]}
- {name: critical, webhook_configs: [{url: 'http://hook.example/'}]}
- {name: 'null'}
";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let days = if arguments.iter().any(|argument| argument == "quick") { 1 } else { 14 };
    let given = arguments.iter().skip_while(|argument| *argument != "--rules").skip(1);
    let mut rules: Vec<PathBuf> = given.filter(|argument| !argument.starts_with('-')).map(PathBuf::from).collect();
    if rules.is_empty() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/prometheusrules/kube-prometheus");
        let Ok(entries) = std::fs::read_dir(corpus) else {
            println!("skipped: {corpus} is not there; name rule files behind --rules");
            return Ok(());
        };
        rules = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
        rules.sort();
    }
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("alertmanager.yml");
    std::fs::write(&config, CONFIG)?;

    let globs: Vec<String> = rules.iter().map(|path| path.display().to_string()).collect();
    let groups = rule_file::load(&globs, Path::new(""), &Defaults::default())
        .map_err(|error| anyhow::anyhow!("{error}"))?
        .groups;
    let needs = Needs::of(&groups, promql::Options::default(), Duration::from_secs(300));
    let cluster = Cluster::of(&needs, SERIES, false);
    let from = Timestamp::parse_rfc3339(START)?;
    let length = Duration::from_secs(days * 86_400);
    let first_ms = from.as_millis() - 86_400_000;
    let storage = cluster.storage(first_ms, from.plus(length).as_millis(), STEP_MS);
    let samples: usize = storage.series().iter().map(Series::len).sum();
    let count: usize = groups.iter().map(|group| group.rules.len()).sum();
    println!("{count} rules, {} series, {samples} samples, {days} days\n", cluster.len());

    let url = serve(&storage)?;
    println!("| back-test | wall time | CPU | peak memory | pages |\n|---|---|---|---|---|");
    let mut pages = Vec::new();
    for title in ["history fetched", "history kept"] {
        let ran = measured(folder.path(), &globs, &url, from, from.plus(length))?;
        let (wall, cpu) = (ran.wall.as_secs_f64(), ran.cpu.as_secs_f64());
        println!("| {title} | {wall:.1} s | {cpu:.1} s | {:.0} MiB | {} |", ran.memory_mib, ran.pages.len());
        pages = ran.pages;
    }
    let began = Instant::now();
    let live = live::pages(&rules, &config, storage, from, length)?;
    let live: Vec<String> = live
        .iter()
        .map(|page| {
            told(page.at, &page.notification.receiver, &page.notification.group_key, page.notification.reason.as_str())
        })
        .collect();
    let verdict = if live == pages { "the same" } else { "NOT the same" };
    println!(
        "\nThe live pipeline on virtual time sends {} pages in {:.1} s: {verdict}.",
        live.len(),
        began.elapsed().as_secs_f64()
    );
    anyhow::ensure!(live == pages, "the pages differ");
    Ok(())
}

/// What one run takes, and what it says.
struct Ran {
    wall: Duration,
    cpu: Duration,
    memory_mib: f64,
    pages: Vec<String>,
}

fn measured(folder: &Path, rules: &[String], url: &str, from: Timestamp, to: Timestamp) -> anyhow::Result<Ran> {
    let answer = folder.join("answer.json");
    let began = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .current_dir(folder)
        .args(["backtest", "-o", "json", "--cache.dir=cache", "--config=alertmanager.yml"])
        .arg("--web.external-url=http://watchfire.example:9093")
        .args([
            format!("--query.url={url}"),
            format!("--from={}", from.to_rfc3339()),
            format!("--to={}", to.to_rfc3339()),
        ])
        .arg("--rules")
        .args(rules)
        .stdout(Stdio::from(File::create(&answer)?))
        .spawn()
        .context("cannot start watchfire")?;
    let mut running = Running(child);
    let (mut cpu, mut memory_mib) = (Duration::ZERO, 0.0);
    let status = loop {
        if let Some(status) = running.0.try_wait()? {
            break status;
        }
        // Both are gone once it has ended.
        cpu = running.cpu().unwrap_or(cpu);
        memory_mib = running.peak_memory_mib().unwrap_or(memory_mib);
        std::thread::sleep(Duration::from_millis(20));
    };
    anyhow::ensure!(status.success(), "the back-test fails");
    let wall = began.elapsed();
    let read: Json = serde_json::from_reader(File::open(&answer)?)?;
    let pages = read["a"]["pages"].as_array().context("a list of pages")?;
    let text = |page: &Json, field: &str| page[field].as_str().unwrap_or_default().to_owned();
    let page = |page: &Json| -> anyhow::Result<String> {
        let at = Timestamp::parse_rfc3339(&text(page, "at"))?;
        Ok(told(at, &text(page, "receiver"), &text(page, "groupKey"), &text(page, "reason")))
    };
    Ok(Ran { wall, cpu, memory_mib, pages: pages.iter().map(page).collect::<anyhow::Result<_>>()? })
}

fn told(at: Timestamp, receiver: &str, group_key: &str, reason: &str) -> String {
    format!("{} {receiver} {group_key} {reason}", at.to_rfc3339_millis())
}

/// A query API that has the series; gives its URL.
fn serve(storage: &Storage) -> anyhow::Result<String> {
    let series = LiveSeries::default();
    for one in storage.series() {
        let sample = |(timestamp_ms, value): (i64, promql::eval::Value)| {
            Some(Sample { labels: one.labels().clone(), timestamp_ms, value: value.float()? })
        };
        series.append(one.samples().into_iter().filter_map(sample));
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, api::router(Arc::new(series))).await
        })
    });
    Ok(url)
}
