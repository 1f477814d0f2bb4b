//! One file per command: from what was written to what is done, and the exit code.

pub mod ack;
pub mod admission;
pub mod alert;
mod alertmanager_configs;
pub mod backtest;
pub mod check;
pub mod cluster;
pub mod config;
pub mod config_diff;
pub mod demo;
pub mod explain;
pub mod from_kubernetes;
pub mod history;
pub mod migrate;
pub mod notifier;
pub mod preview;
pub mod promql;
pub mod query;
pub mod receiver;
pub mod route;
pub mod rules;
pub mod run;
pub mod silence;
pub mod simulate;
pub mod store;
pub mod template;
pub mod test;

use std::process::ExitCode;

use crate::cli::rules::ExplainRuleCommand;
use crate::cli::test::{PromqlCommand, TestCommand};
use crate::cli::{CheckCommand, Cli, Command};
use crate::logging;

/// Does what the command line says. An error goes to standard error with exit code 1.
pub async fn execute(cli: Cli) -> ExitCode {
    let level = cli.log_level.unwrap_or_else(|| cli.command.log_level());
    logging::start(level, cli.log_format, cli.command.logs_silences());
    let outcome = match cli.command {
        Command::Rules(command) => rules::execute(*command).await,
        Command::Notifier(command) => notifier::execute(*command).await,
        Command::Run(command) => run::execute(*command).await,
        Command::Demo(command) => demo::execute(command).await,
        Command::Check(CheckCommand::Config { files }) | Command::CheckConfig { files, .. } => check::config(&files),
        Command::Check(CheckCommand::WebConfig { files }) => Ok(check::web_config(&files)),
        Command::Check(CheckCommand::Rules(command)) => check::rules(command).await,
        Command::Check(CheckCommand::Healthy(command)) => check::health::ask(&command, "healthy").await,
        Command::Check(CheckCommand::Ready(command)) => check::health::ask(&command, "ready").await,
        Command::Test(TestCommand::Rules(command)) => test::rules(&command),
        Command::Backtest(command) => backtest::execute(*command).await,
        Command::Promql(PromqlCommand::Test { files }) => Ok(promql::test(&files)),
        Command::Query(command) => query::execute(*command).await,
        Command::Simulate { scenarios } => simulate::execute(&scenarios),
        Command::Alert(command) => alert::execute(command).await,
        Command::Ack(command) => ack::execute(command).await,
        Command::Silence(command) => silence::execute(command).await,
        Command::Config(command) => config::execute(command).await,
        Command::Route(command) => route::execute(command).await,
        Command::Receiver(command) => receiver::execute(command).await,
        Command::Template(command) => template::execute(&command),
        Command::Cluster(command) => cluster::execute(command).await,
        Command::Explain(command) => match &command.action {
            Some(ExplainRuleCommand::Rule(rule)) => explain::rule(rule).await,
            None => history::explain(&command).await,
        },
        Command::History(command) => history::execute(&command).await,
        Command::Migrate(command) => migrate::execute(&command),
        Command::Store(command) => store::execute(&command),
        Command::Preview(command) => preview::execute(&command).await,
        Command::Admission(command) => admission::execute(*command).await,
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
