//! The binary.

use std::process::ExitCode;

use clap::Parser;
use watchfire::cli::{Cli, leading_flags};

fn main() -> ExitCode {
    watchfire::install_crypto();
    let cli = match Cli::try_parse_from(leading_flags::of_process()) {
        Ok(cli) => cli,
        Err(told) => return answer(&told),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("watchfire").build();
    runtime.expect("the operating system gives threads").block_on(watchfire::command::execute(cli))
}

/// Help that was asked for, or what is wrong with the command line: exit code 1, as of amtool, promtool and Alertmanager.
fn answer(told: &clap::Error) -> ExitCode {
    // Nobody is left to be told where it could not be printed.
    drop(told.print());
    if told.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
