//! `watchfire config`.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::process::ExitCode;

use super::{config_diff, from_kubernetes, route};
use crate::cli::client::{ConfigAction, ConfigCommand};
use crate::client::listing;
use crate::client::session::Session;

/// Shows the notifier's configuration, or its routes.
///
/// # Errors
/// The words or settings cannot be used, or the notifier does not answer.
pub async fn execute(command: ConfigCommand) -> anyhow::Result<ExitCode> {
    if let Some(ConfigAction::Diff(diff)) = &command.action {
        return Ok(config_diff::execute(&command.client, diff).await);
    }
    if let Some(ConfigAction::FromKubernetes(from)) = &command.action {
        return from_kubernetes::execute(from).await;
    }
    let session = Session::open(&command.client)?;
    if let Some(ConfigAction::Routes(target)) = command.action {
        return route::answer(&session, target).await;
    }
    let status = session.ask(async { Ok(session.api.status().await?) }).await?;
    print!("{}", listing::status(session.output, &status));
    Ok(ExitCode::SUCCESS)
}
