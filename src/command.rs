//! One file per command: from what was written to what is done, and the exit code.

pub mod check;
pub mod notifier;
pub mod rules;
pub mod run;
pub mod simulate;

use std::process::ExitCode;

use crate::cli::{CheckCommand, Cli, Command};
use crate::logging;

/// Does what the command line says. An error goes to standard error with exit code 1.
pub async fn execute(cli: Cli) -> ExitCode {
    logging::start(cli.log_level, cli.log_format);
    let outcome = match cli.command {
        Command::Rules(command) => rules::execute(command).await,
        Command::Notifier(command) => notifier::execute(command).await,
        Command::Run(command) => run::execute(command).await,
        Command::Check(CheckCommand::Config { files }) => check::config(&files),
        Command::Check(CheckCommand::Rules { files, lint_fatal }) => check::rules(&files, lint_fatal),
        Command::Simulate { scenarios } => simulate::execute(&scenarios),
    };
    outcome.unwrap_or_else(|error| {
        write_error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

#[expect(clippy::print_stderr, reason = "what a command line tool says when it fails")]
fn write_error(text: &str) {
    eprintln!("watchfire: error: {text}");
}
