//! The binary.

use std::process::ExitCode;

use clap::Parser;
use watchfire::cli::Cli;

fn main() -> ExitCode {
    watchfire::install_crypto();
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("watchfire").build();
    runtime.expect("the operating system gives threads").block_on(watchfire::command::execute(cli))
}
