//! `watchfire check config|rules|healthy|ready`: output shapes and exit codes of amtool and promtool.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

pub(super) mod health;
mod query_server;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use model::matcher::parse::ParseMode;
use model::source::{Diagnostics, SourceFile};
use notifier::config::Config;
use notifier::rendering::Renderer;
use rules_engine::rule_file::Defaults;
use rules_engine::rule_file::check::server::{judge, questions};
use rules_engine::rule_file::check::{self, Checks, LintChoice};
use rules_engine::rule_file::lint::Surroundings;

use crate::cli::check::{PromqlFeature, RulesCheck};
use crate::web::settings::WebSettings;
use crate::web::tls::TlsFiles;
use query_server::QueryServer;

/// Checks Alertmanager configuration files, or standard input.
///
/// # Errors
/// Standard input cannot be read.
pub fn config(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut failed = 0;
    if files.is_empty() {
        let file = SourceFile::new("<stdin>", standard_input()?);
        failed += usize::from(!show_config("stdin", Config::parse(&file, Path::new(""), ParseMode::default(), &read)));
    }
    for path in files {
        failed +=
            usize::from(!show_config(&path.display().to_string(), Config::load(path, ParseMode::default(), &read)));
    }
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("failed to validate {failed} file(s)");
    Ok(ExitCode::FAILURE)
}

fn show_config(name: &str, outcome: Result<(Config, Diagnostics), Diagnostics>) -> bool {
    // Templates are compiled together as the running notifier does: only then do missing partials and cycles show.
    let checked = outcome.map_err(|mistakes| mistakes.to_string()).and_then(|(config, warnings)| {
        Renderer::new(&config, "").map_err(|mistakes| mistakes.to_string())?;
        Ok((config, warnings))
    });
    match checked {
        Ok((config, warnings)) => {
            println!("Checking '{name}'  SUCCESS");
            println!("Found:\n - global config\n - route");
            println!(
                " - {} inhibit rules\n - {} receivers\n - {} templates\n",
                config.inhibit_rules.len(),
                config.receivers.len(),
                config.template_files.len()
            );
            if !warnings.is_empty() {
                eprintln!("{warnings}");
            }
            true
        }
        Err(mistakes) => {
            println!("Checking '{name}'  FAILED\n");
            eprintln!("{mistakes}");
            false
        }
    }
}

/// Checks web configuration files with the certificates, keys and tokens they name.
pub fn web_config(files: &[PathBuf]) -> ExitCode {
    let mut failed = 0;
    for path in files {
        let loaded = WebSettings::load(Some(path));
        let opened = loaded.and_then(|settings| {
            settings.tls.map(|tls| TlsFiles::open(tls, settings.http1_only)).transpose().map(drop)
        });
        match opened {
            Ok(()) => println!("Checking '{}'  SUCCESS", path.display()),
            Err(mistakes) => {
                failed += 1;
                println!("Checking '{}'  FAILED\n", path.display());
                eprintln!("{mistakes:#}");
            }
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Checks rule files and PrometheusRule manifests, or standard input.
///
/// # Errors
/// Standard input cannot be read, a glob is none, or the server of `--query.url` cannot be asked.
pub async fn rules(command: RulesCheck) -> anyhow::Result<ExitCode> {
    let (lints, unknown) = command.lint.as_deref().map(LintChoice::parse).unwrap_or_default();
    for word in unknown {
        println!("WARNING: unknown lint option {word}");
    }
    let server = command
        .query_url
        .as_deref()
        .map(|url| QueryServer::new(url, command.query_timeout, command.query_http_config.as_deref()));
    let server = server.transpose()?;
    let mut surroundings =
        Surroundings { scrape_interval: command.scrape_interval, evaluation_interval: command.evaluation_interval };
    if let (Some(server), None) = (&server, surroundings.scrape_interval) {
        surroundings.scrape_interval =
            server.scrape_interval().await.context("cannot ask the server of --query.url")?;
    }
    let checks = Checks { defaults: defaults(&command), lints, surroundings };
    let mut reports = match command.files.as_slice() {
        [] => vec![check::check_file(&SourceFile::new("standard input", standard_input()?), &checks)],
        files => check::check_files(&expanded(files)?, &checks),
    };
    if let Some(server) = &server {
        let inquiry = server.ask(questions(&reports)).await;
        judge(&mut reports, &inquiry.answers, &checks);
        for failure in inquiry.failures {
            eprintln!("watchfire: warning: {failure}");
        }
    }
    for report in &reports {
        print!("{}", report.stdout());
        eprint!("{}", report.stderr());
    }
    Ok(ExitCode::from(check::exit_code(&reports, command.lint_fatal)))
}

fn defaults(command: &RulesCheck) -> Defaults {
    Defaults {
        names: command.names,
        dialect: command.dialect,
        ignores_unknown_fields: command.ignore_unknown_fields,
        promql: promql_options(&command.features),
        ..Defaults::default()
    }
}

/// The parts of PromQL that are on by default, and those asked for.
pub(super) fn promql_options(features: &[PromqlFeature]) -> ::promql::Options {
    let has = |feature: PromqlFeature| features.contains(&feature);
    ::promql::Options {
        experimental_functions: has(PromqlFeature::ExperimentalFunctions),
        extended_range_selectors: has(PromqlFeature::ExtendedRangeSelectors),
        fill_modifiers: has(PromqlFeature::FillModifiers),
        ..::promql::Options::default()
    }
}

/// Files as they are named; what is no file but a glob stands for what it matches, in order.
fn expanded(files: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for file in files {
        let name = file.to_string_lossy();
        if file.exists() || !name.contains(['*', '?', '[']) {
            found.push(file.clone());
            continue;
        }
        let paths = glob::glob(&name).with_context(|| format!("{name} is no file, and no glob either"))?;
        let before = found.len();
        found.extend(paths.filter_map(Result::ok).filter(|path| path.is_file()));
        if found.len() == before {
            found.push(file.clone());
        }
    }
    Ok(found)
}

fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

fn standard_input() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    Ok(text)
}
