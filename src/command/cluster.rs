//! `watchfire cluster`.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::process::ExitCode;

use crate::cli::client::ClusterCommand;
use crate::client::listing;
use crate::client::session::Session;

/// Shows the cluster's state and peers.
///
/// # Errors
/// The settings cannot be used, or the notifier does not answer.
pub async fn execute(command: ClusterCommand) -> anyhow::Result<ExitCode> {
    let session = Session::open(&command.client)?;
    let status = session.ask(async { Ok(session.api.status().await?) }).await?;
    print!("{}", listing::cluster(session.output, &status.cluster));
    Ok(ExitCode::SUCCESS)
}
