//! `watchfire ack`.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::process::ExitCode;

use anyhow::{bail, ensure};
use model::labels::ALERT_NAME;

use super::silence::user;
use crate::cli::ack::{AckAction, AckAdd, AckCommand, AckTarget};
use crate::cli::client::OutputFormat;
use crate::client::argument::with_alert_name;
use crate::client::listing;
use crate::client::session::Session;
use crate::client::table::Table;
use crate::client::wire::{SentAck, ShownAck};
use crate::live;

/// Acknowledges alerts, shows what is, or takes it back.
///
/// # Errors
/// The words or settings cannot be used, or the notifier does not do what is asked.
pub async fn execute(command: AckCommand) -> anyhow::Result<ExitCode> {
    let session = Session::open(&command.client)?;
    if command.action.is_some() {
        ensure!(command.add == AckAdd::default(), "flags of an acknowledgement stand without list or remove");
    }
    match command.action {
        None => add(&session, command.add).await?,
        Some(AckAction::List { matchers }) => {
            let matchers = with_alert_name(&matchers, session.parse_mode);
            let acks = session.ask(async { Ok(session.api.acknowledgements(&matchers).await?) }).await?;
            print!("{}", shown(&session, &acks));
        }
        Some(AckAction::Remove(target)) => {
            let target = named(&session, target)?;
            let taken = session.ask(async { Ok(session.api.unacknowledge(&target).await?) }).await?;
            ensure!(!taken.is_empty(), "nothing of that is acknowledged");
            taken.iter().for_each(|fingerprint| println!("{fingerprint}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(session: &Session, add: AckAdd) -> anyhow::Result<()> {
    let target = named(session, add.target)?;
    let until = add.until.or(add.length.map(|length| live::now().plus(length)));
    let by = session.settings.text(add.by, "author").filter(|by| !by.is_empty()).unwrap_or_else(user);
    let ack = SentAck {
        fingerprints: Some(target.fingerprints).filter(|all| !all.is_empty()),
        matchers: Some(target.matchers).filter(|all| !all.is_empty()),
        group_key: target.group_key,
        by,
        comment: add.comment.unwrap_or_default(),
        until: until.map(Into::into),
    };
    let made = session.ask(async { Ok(session.api.acknowledge(&ack).await?) }).await?;
    print!("{}", shown(session, &made));
    Ok(())
}

/// What is meant, said in one way only.
fn named(session: &Session, mut target: AckTarget) -> anyhow::Result<AckTarget> {
    target.matchers = with_alert_name(&target.matchers, session.parse_mode);
    let ways = [target.fingerprints.is_empty(), target.matchers.is_empty(), target.group_key.is_none()];
    match ways.iter().filter(|is_absent| !**is_absent).count() {
        0 => bail!("which alerts? give a name, matchers, --fingerprint or --group"),
        1 => Ok(target),
        _ => bail!("name alerts by matchers, --fingerprint or --group, not by more than one of them"),
    }
}

fn shown(session: &Session, acks: &[ShownAck]) -> String {
    if session.output == OutputFormat::Json {
        return Session::json(&acks);
    }
    let mut table = Table::default();
    let is_simple = session.output == OutputFormat::Simple;
    match is_simple {
        true => table.row(&["Alertname", "Fingerprint", "Since", "By", "Comment"]),
        false => table.row(&["Labels", "Fingerprint", "Since", "By", "Acknowledged", "Until", "Comment"]),
    }
    for ack in acks {
        let since = session.layout.print(&ack.starts_at);
        if is_simple {
            let name = ack.labels.get(ALERT_NAME).cloned().unwrap_or_default();
            table.row(&[&name, &ack.fingerprint, &since, &ack.by, &ack.comment]);
        } else {
            let (at, labels) = (session.layout.print(&ack.at), listing::pairs(&ack.labels));
            let until = ack.until.as_ref().map_or("its end".to_owned(), |until| session.layout.print(until));
            table.row(&[&labels, &ack.fingerprint, &since, &ack.by, &at, &until, &ack.comment]);
        }
    }
    table.text()
}
