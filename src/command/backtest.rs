//! `watchfire backtest`: what rules and a configuration would have sent.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use model::matcher::parse::ParseMode;
use model::{LabelSet, Timestamp};
use notifier::config::Config;
use promql::eval::{Series, Storage};
use rules_engine::rule::RuleGroup;
use rules_engine::rule_file::{self, Defaults};

use super::check::promql_options;
use crate::backtest::cache::Cache;
use crate::backtest::fetch::Fetch;
use crate::backtest::needs::{Needs, millis};
use crate::backtest::replay::{Outcome, Setup};
use crate::backtest::report::{Report, Side, html, json, text};
use crate::backtest::server::Server;
use crate::backtest::summary::Summary;
use crate::backtest::{Period, Progress, Source, lookback, run};
use crate::cli::backtest::{BacktestCommand, Instant, ReportFormat};
use crate::live;

/// A setup and the names of its files.
struct Put {
    setup: Setup,
    files: String,
}

/// Runs it, once or for both sides, and prints the report.
///
/// # Errors
/// A file cannot be used, or the history cannot be fetched.
pub async fn execute(command: BacktestCommand) -> anyhow::Result<ExitCode> {
    let first = put(&command, &command.rules, &command.config)?;
    let is_compared = !command.rules_b.is_empty() || command.config_b.is_some();
    let second = is_compared.then(|| {
        let rules = if command.rules_b.is_empty() { &command.rules } else { &command.rules_b };
        put(&command, rules, command.config_b.as_ref().unwrap_or(&command.config))
    });
    let mut second = second.transpose()?;
    if let Some(second) = &mut second {
        take_slots(&mut second.setup.groups, &first.setup.groups);
    }
    let of = |put: &Put| Needs::of(&put.setup.groups, put.setup.promql.language, lookback(&put.setup));
    let needs = match &second {
        Some(second) => of(&first).and(of(second)),
        None => of(&first),
    };
    let (source, period) = opened(&command)?;
    let needs = Arc::new(needs);
    let first_outcome = watched(&first, &needs, &source, period, if is_compared { "A " } else { "" }).await?;
    let second_outcome = match &second {
        Some(second) => Some(watched(second, &needs, &source, period, "B ").await?),
        None => None,
    };
    let report = Report {
        period,
        first: side(&first, &first_outcome, period),
        second: second.as_ref().zip(second_outcome.as_ref()).map(|(put, outcome)| side(put, outcome, period)),
    };
    if let Some(path) = &command.html {
        std::fs::write(path, html::html(&report)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match command.output {
        ReportFormat::Text => print!("{}", text::text(&report)),
        ReportFormat::Json => println!("{}", json::json(&report)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn side<'o>(put: &Put, outcome: &'o Outcome, period: Period) -> Side<'o> {
    let rules = put.setup.groups.iter().map(|group| group.rules.len()).sum();
    Side { files: put.files.clone(), rules, outcome, summary: Summary::of(outcome, period) }
}

fn put(command: &BacktestCommand, rules: &[String], config: &Path) -> anyhow::Result<Put> {
    let language = promql_options(&command.features);
    let defaults = Defaults {
        interval: command.evaluation_interval,
        promql: language,
        dialect: command.dialect,
        ..Defaults::default()
    };
    let loaded = rule_file::load(rules, Path::new(""), &defaults).map_err(|mistakes| anyhow!("{mistakes}"))?;
    if !loaded.warnings.is_empty() {
        eprintln!("{}", loaded.warnings);
    }
    let groups: Vec<RuleGroup> = loaded.groups.into_iter().filter(is_promql).collect();
    if groups.iter().all(|group| group.rules.is_empty()) {
        bail!("--rules names no rule that can be evaluated");
    }
    let read = |path: &Path| std::fs::read_to_string(path);
    let (config_as_meant, warnings) =
        Config::load(config, ParseMode::default(), &read).map_err(|mistakes| anyhow!("{mistakes}"))?;
    if !warnings.is_empty() {
        eprintln!("{warnings}");
    }
    let promql = promql::eval::Settings {
        language,
        lookback_ms: millis(command.lookback),
        subquery_step_ms: millis(command.evaluation_interval),
        ..promql::eval::Settings::default()
    };
    let setup = Setup {
        groups,
        config: Arc::new(config_as_meant),
        external_labels: LabelSet::from_pairs(command.external_labels.iter().map(|(name, value)| (name, value))),
        external_url: command.external_url.trim_end_matches('/').to_owned(),
        promql,
    };
    Ok(Put { setup, files: format!("{}; {}", rules.join(", "), config.display()) })
}

/// When a group is due follows from its file and name. A group of the same name in another file is the same group here: were it
/// evaluated some seconds earlier or later, every page would move.
fn take_slots(groups: &mut [RuleGroup], others: &[RuleGroup]) {
    let mut free: Vec<&RuleGroup> = others.iter().collect();
    let is_same = |a: &RuleGroup, b: &RuleGroup| a.file == b.file && a.name == b.name;
    free.retain(|other| !groups.iter().any(|group| is_same(group, other)));
    for group in groups.iter_mut().filter(|group| !others.iter().any(|other| is_same(group, other))) {
        if let Some(at) = free.iter().position(|other| other.name == group.name) {
            group.file.clone_from(&free.remove(at).file);
        }
    }
}

fn is_promql(group: &RuleGroup) -> bool {
    let is_promql = group.source.language.reads_metrics();
    if !is_promql {
        eprintln!("group {} of {} is not in PromQL: left out", group.name, group.file);
    }
    is_promql
}

fn opened(command: &BacktestCommand) -> anyhow::Result<(Source, Period)> {
    let now = live::now();
    let instant = |written: Option<Instant>| written.map(|instant| instant.at(now));
    let (source, first, last) = match (&command.series, &command.query_url) {
        (Some(path), _) => {
            let storage = of_file(path, now, command.samples_max)?;
            let first = storage.series().iter().filter_map(Series::first_ms).min().unwrap_or(0);
            let last = storage.series().iter().map(Series::last_ms).max().unwrap_or(0);
            (Source::Memory(storage), Timestamp::from_millis(first), Timestamp::from_millis(last))
        }
        (None, Some(url)) => (Source::Server(Arc::new(fetch(command, url)?)), now, now),
        (None, None) => bail!("no history: say --query.url URL or --series FILE"),
    };
    let (from, to) = (instant(command.from).unwrap_or(first), instant(command.to).unwrap_or(last));
    if to <= from {
        bail!("--to, which is {to}, is not later than --from, which is {from}");
    }
    Ok((source, Period { warm_up: command.warm_up, from, to }))
}

fn of_file(path: &Path, now: Timestamp, samples_max: usize) -> anyhow::Result<Storage> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let storage = promql::series_file::read(&text, now.as_millis()).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(|mistake| format!("{}:{mistake}", path.display())).collect();
        anyhow!("{}", lines.join("\n"))
    })?;
    let samples: usize = storage.series().iter().map(Series::len).sum();
    if samples > samples_max {
        bail!("{} has {samples} samples, more than --samples.max, which is {samples_max}", path.display());
    }
    Ok(storage)
}

fn fetch(command: &BacktestCommand, url: &str) -> anyhow::Result<Fetch> {
    let server = Server::new(url, command.query_timeout, command.step, command.query_http_config.as_deref())?;
    let folder = match command.cache_dir.as_deref() {
        Some("") => None,
        Some(folder) => Some(PathBuf::from(folder)),
        None => user_cache().map(|folder| folder.join("watchfire").join("backtest")),
    };
    let cache = folder.map(|folder| {
        let opened = Cache::open(&folder, command.cache_mib_max.saturating_mul(1 << 20));
        opened.with_context(|| format!("cannot make {}: choose another --cache.dir", folder.display()))
    });
    Ok(Fetch { server, cache: cache.transpose()?, block: command.block, samples_max: command.samples_max })
}

/// As the XDG base directories say.
fn user_cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))
}

async fn watched(
    put: &Put,
    needs: &Arc<Needs>,
    source: &Source,
    period: Period,
    name: &str,
) -> anyhow::Result<Outcome> {
    let is_shown = std::io::stderr().is_terminal();
    let mut show = |progress: Progress| {
        if is_shown {
            // It only shows that something is going on.
            let _written = write!(std::io::stderr(), "\r\x1b[K{}", bar(name, progress));
        }
    };
    let outcome = run(&put.setup, needs, source, period, &mut show).await;
    if is_shown {
        let _written = write!(std::io::stderr(), "\r\x1b[K");
    }
    outcome
}

/// `[#####-----]  50 %  2026-11-01T00:00:00Z  12 pages`
fn bar(name: &str, progress: Progress) -> String {
    const WIDTH: usize = 30;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the width")]
    let done = (progress.part.clamp(0.0, 1.0) * WIDTH as f64).round() as usize;
    let (full, empty) = ("#".repeat(done), "-".repeat(WIDTH - done));
    let percent = progress.part * 100.0;
    format!("{name}[{full}{empty}] {percent:3.0} %  {}  {} pages", progress.now, progress.pages)
}
