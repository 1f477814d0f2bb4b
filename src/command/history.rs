//! `watchfire history`, and `watchfire explain` where it is about alerts.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::ValueEnum;

use crate::cli::client::OutputFormat;
use crate::cli::history::{EventKind, ExplainAlert, ExplainCommand, HistoryCommand};
use crate::client::argument::{labels_with_alert_name, with_alert_name};
use crate::client::explanation::{Event, Explained, table};
use crate::client::session::Session;
use crate::live;

/// Says why an alert is told or not; exit code 1 if nobody knows such an alert.
///
/// # Errors
/// The words or settings cannot be used, or the notifier does not do what is asked.
pub async fn explain(command: &ExplainCommand) -> anyhow::Result<ExitCode> {
    let session = Session::open(&command.client)?;
    let parameters = explained(&session, &command.alert)?;
    let answer = session.ask(async { Ok(session.api.explain(&parameters).await?) }).await?;
    let explained: Explained = serde_json::from_value(answer.clone()).context("the notifier speaks another version")?;
    match session.output {
        OutputFormat::Json => print!("{}", Session::json(&answer)),
        OutputFormat::Simple | OutputFormat::Extended => print!("{explained}"),
    }
    Ok(if explained.not_found.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn explained(session: &Session, asked: &ExplainAlert) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut parameters = Vec::new();
    parameters.extend(asked.fingerprint.iter().map(|text| ("fingerprint", text.clone())));
    parameters.extend(asked.limit.iter().map(|limit| ("limit", limit.to_string())));
    if asked.suppose {
        // What is not a label is told here, before it is sent.
        labels_with_alert_name(&asked.matchers, session.parse_mode)?;
        parameters.push(("suppose", "true".to_owned()));
    }
    let matchers = with_alert_name(&asked.matchers, session.parse_mode);
    ensure!(
        !matchers.is_empty() || asked.fingerprint.is_some(),
        "which alert? `watchfire explain NAME [name=value …]`, or --fingerprint"
    );
    parameters.extend(matchers.into_iter().map(|matcher| ("filter", matcher)));
    Ok(parameters)
}

/// Shows who was told what when, the latest first.
///
/// # Errors
/// As of [`explain`].
pub async fn execute(command: &HistoryCommand) -> anyhow::Result<ExitCode> {
    let session = Session::open(&command.client)?;
    let parameters = wanted(&session, command)?;
    let lines = session.ask(async { Ok(session.api.history(&parameters).await?) }).await?;
    if session.output == OutputFormat::Json {
        print!("{lines}");
        return Ok(ExitCode::SUCCESS);
    }
    let events = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Event>, _>>();
    print!("{}", table(&events.context("the notifier speaks another version")?, "", true));
    Ok(ExitCode::SUCCESS)
}

fn wanted(session: &Session, command: &HistoryCommand) -> anyhow::Result<Vec<(&'static str, String)>> {
    let from = command.from.or_else(|| command.last.map(|last| live::now().minus(last)));
    let mut parameters = vec![("format", "jsonl".to_owned())];
    for (name, text) in
        [("receiver", &command.receiver), ("group", &command.group), ("fingerprint", &command.fingerprint)]
    {
        parameters.extend(text.iter().map(|text| (name, text.clone())));
    }
    for (name, at) in [("from", from), ("to", command.to)] {
        parameters.extend(at.iter().map(|at| (name, at.to_rfc3339_millis())));
    }
    let events = command.events.iter().filter_map(EventKind::to_possible_value);
    parameters.extend(events.map(|event| ("event", event.get_name().to_owned())));
    if command.limit > 0 {
        parameters.push(("limit", command.limit.to_string()));
    }
    let matchers = with_alert_name(&command.matchers, session.parse_mode);
    parameters.extend(matchers.into_iter().map(|matcher| ("filter", matcher)));
    Ok(parameters)
}
