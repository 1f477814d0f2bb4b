//! `watchfire alert`.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::process::ExitCode;

use anyhow::ensure;

use crate::cli::client::{AlertAction, AlertAdd, AlertCommand, AlertQuery};
use crate::client::argument::{labels, labels_with_alert_name, with_alert_name};
use crate::client::listing;
use crate::client::session::Session;
use crate::client::wire::SentAlert;

/// Shows or sends alerts.
///
/// # Errors
/// The words or settings cannot be used, or the notifier does not do what is asked.
pub async fn execute(command: AlertCommand) -> anyhow::Result<ExitCode> {
    let session = Session::open(&command.client)?;
    if command.action.is_some() {
        ensure!(command.query == AlertQuery::default(), "flags of a query stand behind the word query");
    }
    match command.action {
        Some(AlertAction::Add(alert)) => add(&session, alert).await?,
        Some(AlertAction::Query(asked)) => query(&session, asked).await?,
        None => query(&session, command.query).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn query(session: &Session, mut query: AlertQuery) -> anyhow::Result<()> {
    query.receiver = session.settings.text(query.receiver, "receiver");
    query.matchers = with_alert_name(&query.matchers, session.parse_mode);
    let alerts = session.ask(async { Ok(session.api.alerts(&query).await?) }).await?;
    print!("{}", listing::alerts(session, alerts));
    Ok(())
}

async fn add(session: &Session, add: AlertAdd) -> anyhow::Result<()> {
    let alert = SentAlert {
        annotations: labels(&add.annotations, session.parse_mode)?,
        ends_at: add.end.map(Into::into),
        starts_at: add.start.map(Into::into),
        generator_url: add.generator_url,
        labels: labels_with_alert_name(&add.labels, session.parse_mode)?,
    };
    session.ask(async { Ok(session.api.send_alerts(&[alert]).await?) }).await
}
