//! `watchfire check config|rules`: output shapes and exit codes of amtool and promtool.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use model::matcher::parse::ParseMode;
use model::source::{Diagnostics, SourceFile};
use notifier::config::Config;
use notifier::rendering::Renderer;
use rules_engine::rule_file::Defaults;
use rules_engine::rule_file::check::{self, FileReport};

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

/// Checks rule files and PrometheusRule manifests, or standard input.
///
/// # Errors
/// Standard input cannot be read.
pub fn rules(files: &[PathBuf], lint_fatal: bool) -> anyhow::Result<ExitCode> {
    let defaults = Defaults::default();
    let reports: Vec<FileReport> = match files {
        [] => vec![check::check_file(&SourceFile::new("<stdin>", standard_input()?), &defaults)],
        files => check::check_files(files, &defaults),
    };
    for report in &reports {
        print!("{}", report.stdout());
        eprint!("{}", report.stderr());
    }
    Ok(ExitCode::from(check::exit_code(&reports, lint_fatal)))
}

fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

fn standard_input() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    Ok(text)
}
