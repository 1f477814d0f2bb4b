//! `watchfire receiver`.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use notifier::io::deliver::{Deliverer, Message};
use notifier::io::trial::{self, SampleAlert, Trial, TrialOrder, Trialed, TriedIntegration};
use tracing::warn;

use super::route;
use crate::cli::client::{OutputFormat, ReceiverAction, ReceiverCommand, ReceiverTest};
use crate::client::argument::{labels, labels_with_alert_name};
use crate::client::session::Session;
use crate::client::table::Table;
use crate::live;

/// Where links of a test lead if no notifier is asked.
const EXTERNAL_URL: &str = "http://localhost:9093";

/// Tries a receiver; exit code 1 if an integration fails.
///
/// # Errors
/// The words, settings or configuration cannot be used, the notifier does not answer, or nobody has such a receiver.
pub async fn execute(command: ReceiverCommand) -> anyhow::Result<ExitCode> {
    let session = Session::open(&command.client)?;
    let ReceiverAction::Test(test) = command.action;
    let order = TrialOrder {
        receiver: test.name.clone(),
        alert: SampleAlert {
            labels: labels_with_alert_name(&test.labels, session.parse_mode)?,
            annotations: labels(&test.annotations, session.parse_mode)?,
        },
        dry_run: test.dry_run,
    };
    let trial = tried(&session, &test, order).await?;
    match session.output {
        OutputFormat::Json => print!("{}", Session::json(&trial)),
        _ => print!("{}", text(&trial)),
    }
    Ok(if trial.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn tried(session: &Session, test: &ReceiverTest, order: TrialOrder) -> anyhow::Result<Trial> {
    let Some(path) = &test.config_file else {
        return session.ask(async { Ok(session.api.test_receiver(&order).await?) }).await;
    };
    if session.url_given() {
        warn!("--config.file overrides --alertmanager.url");
    }
    let config = route::of_file(path, session.parse_mode)?;
    let receiver = config.receivers.get(&order.receiver).cloned();
    let receiver = receiver.ok_or_else(|| anyhow!(trial::unknown_receiver(&config, &order.receiver)))?;
    let deliverer = Arc::new(Deliverer::new(&config, EXTERNAL_URL)?);
    Ok(trial::run(deliverer, receiver, order, session.timeout(), live::now).await)
}

fn text(trial: &Trial) -> String {
    if trial.integrations.is_empty() {
        return format!("the receiver {} has no integrations: it tells nobody\n", trial.receiver);
    }
    if trial.dry_run {
        return trial.integrations.iter().map(shown).collect();
    }
    let mut table = Table::default();
    table.open_row(&["INTEGRATION", "OUTCOME", "DURATION", "REASON"]);
    for tried in &trial.integrations {
        let outcome = match (tried.outcome, tried.retryable) {
            (Trialed::Failed, true) => "failed, may be tried again",
            (Trialed::Failed, false) => "failed, refused for good",
            (Trialed::Sent | Trialed::Rendered, _) => "sent",
        };
        let duration = format!("{:.3}s", tried.duration_seconds);
        table.open_row(&[name(tried).as_str(), outcome, &duration, &because(tried)]);
    }
    table.text()
}

fn name(tried: &TriedIntegration) -> String {
    format!("{}[{}]", tried.integration, tried.index)
}

fn because(tried: &TriedIntegration) -> String {
    let failure = match tried.outcome {
        Trialed::Failed => format!("{}: {}", tried.reason, tried.message),
        Trialed::Sent | Trialed::Rendered => String::new(),
    };
    let degraded = tried.degraded.as_ref().map(|failure| format!("in plain form, as a template failed: {failure}"));
    let parts: Vec<String> =
        [failure, degraded.unwrap_or_default()].into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("; ").replace('\n', " ")
}

/// What an integration would send.
fn shown(tried: &TriedIntegration) -> String {
    let mut text = format!("# {}", name(tried));
    let because = because(tried);
    if !because.is_empty() {
        text.push_str(&format!(": {because}"));
    }
    text.push('\n');
    for message in &tried.messages {
        match message {
            Message::Request { method, url, body } => {
                text.push_str(&format!("{method} {url}\n\n{}\n\n", body.trim_end()));
            }
            Message::Mail { headers, text: plain, html } => {
                headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\n")));
                for part in [plain, html].into_iter().flatten() {
                    text.push_str(&format!("\n{}\n", part.trim_end()));
                }
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(outcome: Trialed, retryable: bool, messages: Vec<Message>) -> TriedIntegration {
        let (reason, message) = match outcome {
            Trialed::Failed => ("clientError".to_owned(), "404".to_owned()),
            _ => (String::new(), String::new()),
        };
        TriedIntegration {
            integration: "webhook".to_owned(),
            index: 1,
            outcome,
            reason,
            message,
            retryable,
            duration_seconds: 0.25,
            degraded: None,
            messages,
        }
    }

    #[test]
    fn trials_are_printed() {
        let trial = |dry_run, integrations| Trial { receiver: "r".to_owned(), dry_run, integrations };
        let request =
            || Message::Request { method: "POST".to_owned(), url: "<secret>".to_owned(), body: "{}\n".to_owned() };
        let mail = Message::Mail {
            headers: vec![("To".to_owned(), "a@example.com".to_owned())],
            text: Some("hello\n".to_owned()),
            html: None,
        };
        let table = [
            (trial(false, vec![]), "the receiver r has no integrations: it tells nobody\n"),
            (
                trial(false, vec![tried(Trialed::Sent, false, vec![]), tried(Trialed::Failed, false, vec![])]),
                "INTEGRATION  OUTCOME                   DURATION  REASON\n\
                 webhook[1]   sent                      0.250s    \n\
                 webhook[1]   failed, refused for good  0.250s    clientError: 404\n",
            ),
            (
                trial(true, vec![tried(Trialed::Rendered, false, vec![request(), mail])]),
                "# webhook[1]\nPOST <secret>\n\n{}\n\nTo: a@example.com\n\nhello\n\n",
            ),
            (trial(true, vec![tried(Trialed::Failed, false, vec![])]), "# webhook[1]: clientError: 404\n"),
        ];
        for (trial, expected) in table {
            assert_eq!(text(&trial), expected);
        }
    }
}
