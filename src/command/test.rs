//! `watchfire test rules`: unit tests of rules in promtool's format.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::process::ExitCode;

use anyhow::Context;

use super::check::promql_options;
use crate::cli::test::TestRulesCommand;
use crate::unit_test::outcome::{FileOutcome, junit};
use crate::unit_test::run_choice::RunChoice;
use crate::unit_test::{Options, test_file};

/// Runs the tests of each file; exit code 1 if one fails or cannot be used.
///
/// # Errors
/// A pattern of `--run` is not valid, or the file of `--junit` cannot be written.
pub fn rules(command: &TestRulesCommand) -> anyhow::Result<ExitCode> {
    let options = Options {
        run: RunChoice::new(&command.run)?,
        ignores_unknown_fields: command.ignore_unknown_fields,
        promql: promql_options(&command.features),
        shows_series: command.debug,
        lists_differences: command.diff,
    };
    let mut outcomes = Vec::new();
    for path in &command.files {
        let outcome = test_file(path, &options);
        show(&outcome);
        outcomes.push(outcome);
    }
    if let Some(path) = &command.junit {
        std::fs::write(path, junit(&outcomes)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if outcomes.iter().all(FileOutcome::passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The shape of promtool's output, which streams its parts go to included.
fn show(outcome: &FileOutcome) {
    println!("Unit Testing:  {}", outcome.file);
    for test in outcome.tests.iter().filter(|test| !test.series.is_empty()) {
        println!("DEBUG: Test {:?}: series", test.name);
        test.series.iter().for_each(|line| println!("  {line}"));
    }
    if outcome.passed() {
        println!("  SUCCESS");
    } else {
        eprintln!("  FAILED:");
        for failure in outcome.failures() {
            eprintln!("{failure}");
        }
    }
    println!();
}
