//! `watchfire silence`.
#![expect(clippy::print_stdout, reason = "the output of the command")]

mod add;
mod import;

use std::process::ExitCode;

use anyhow::{bail, ensure};
use model::Timestamp;

use crate::cli::client::{SilenceAction, SilenceCommand, SilenceQuery, SilenceUpdate};
use crate::client::argument::with_alert_name;
use crate::client::listing;
use crate::client::session::Session;
use crate::client::wire::{SentSilence, ShownSilence};
use crate::live;
pub(super) use add::user;

/// Shows, creates, changes or ends silences.
///
/// # Errors
/// The words or settings cannot be used, or the notifier does not do what is asked.
pub async fn execute(command: SilenceCommand) -> anyhow::Result<ExitCode> {
    let session = Session::open(&command.client)?;
    if command.action.is_some() {
        ensure!(command.query == SilenceQuery::default(), "flags of a query stand behind the word query");
    }
    match command.action {
        Some(SilenceAction::Add(wanted)) => add::execute(&session, wanted).await?,
        Some(SilenceAction::Expire { ids }) => expire(&session, &ids).await?,
        Some(SilenceAction::Import(wanted)) => import::execute(&session, wanted).await?,
        Some(SilenceAction::Schedules) => {
            let schedules = session.ask(async { Ok(session.api.maintenances().await?) }).await?;
            print!("{}", listing::schedules(&session, schedules));
        }
        Some(SilenceAction::Update(wanted)) => update(&session, wanted).await?,
        Some(SilenceAction::Query(asked)) => query(&session, asked).await?,
        None => query(&session, command.query).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn query(session: &Session, query: SilenceQuery) -> anyhow::Result<()> {
    let matchers = with_alert_name(&query.matchers, session.parse_mode);
    let mut silences = session.ask(async { Ok(session.api.silences(&matchers).await?) }).await?;
    let now = live::now();
    silences.retain(|silence| is_wanted(silence, &query, now));
    show(session, silences, query.quiet);
    Ok(())
}

fn is_wanted(shown: &ShownSilence, query: &SilenceQuery, now: Timestamp) -> bool {
    let ends_at = shown.silence.ends_at.at();
    let within = query.within.filter(|within| !within.is_zero());
    let in_time = match (query.expired, within) {
        (false, None) => ends_at >= now,
        (false, Some(within)) => ends_at >= now && ends_at <= now.plus(within),
        (true, None) => ends_at <= now,
        (true, Some(within)) => ends_at <= now && ends_at >= now.minus(within),
    };
    let is =
        |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|text| text.is_empty() || text == found);
    in_time && is(&query.created_by, &shown.silence.created_by) && is(&query.id, &shown.id)
}

async fn expire(session: &Session, ids: &[String]) -> anyhow::Result<()> {
    if ids.is_empty() {
        bail!("no silence IDs specified");
    }
    let asking = async {
        for id in ids {
            session.api.expire_silence(id).await?;
        }
        Ok(())
    };
    session.ask(asking).await
}

async fn update(session: &Session, update: SilenceUpdate) -> anyhow::Result<()> {
    if update.ids.is_empty() {
        bail!("no silence IDs specified");
    }
    if update.end.is_none() && update.duration.is_some_and(|duration| duration.is_zero()) {
        bail!("silence duration must be greater than 0");
    }
    let asking = async {
        let mut updated = Vec::new();
        for id in &update.ids {
            let mut shown = session.api.silence(id).await?;
            change(&mut shown, &update);
            let sent = SentSilence { id: shown.id.clone(), silence: shown.silence.clone() };
            shown.id = session.api.store_silence(&sent).await?;
            updated.push(shown);
        }
        Ok(updated)
    };
    let updated = session.ask(asking).await?;
    show(session, updated, update.quiet);
    Ok(())
}

fn change(shown: &mut ShownSilence, update: &SilenceUpdate) {
    let silence = &mut shown.silence;
    if let Some(start) = update.start {
        silence.starts_at = start.into();
    }
    match (update.end, update.duration) {
        (Some(end), _) => silence.ends_at = end.into(),
        (None, Some(duration)) => silence.ends_at = silence.starts_at.at().plus(duration).into(),
        (None, None) => {}
    }
    if let Some(comment) = update.comment.as_ref().filter(|comment| !comment.is_empty()) {
        silence.comment.clone_from(comment);
    }
}

fn show(session: &Session, silences: Vec<ShownSilence>, quiet: bool) {
    if quiet {
        silences.iter().for_each(|silence| println!("{}", silence.id));
    } else {
        print!("{}", listing::silences(session, silences));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn silence(ends_at: &str) -> ShownSilence {
        let json = format!(
            r#"{{"id":"1","status":{{"state":"active"}},"updatedAt":"{ends_at}","comment":"c","createdBy":"me","endsAt":"{ends_at}","matchers":[],"startsAt":"2026-01-01T00:00:00Z"}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn expired_and_within_choose_by_the_end() {
        let now = Timestamp::parse_rfc3339("2026-01-01T12:00:00Z").unwrap();
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
        for (ends_at, expired, within, wanted) in [
            ("2026-01-01T13:00:00Z", false, None, true),
            ("2026-01-01T11:00:00Z", false, None, false),
            ("2026-01-01T13:00:00Z", false, hours(2), true),
            ("2026-01-01T15:00:00Z", false, hours(2), false),
            ("2026-01-01T13:00:00Z", true, None, false),
            ("2026-01-01T11:00:00Z", true, None, true),
            ("2026-01-01T11:00:00Z", true, hours(2), true),
            ("2026-01-01T09:00:00Z", true, hours(2), false),
        ] {
            let query = SilenceQuery { expired, within, ..SilenceQuery::default() };
            assert_eq!(is_wanted(&silence(ends_at), &query, now), wanted, "{ends_at} {expired} {within:?}");
        }
        let of = |user: &str| SilenceQuery { created_by: Some(user.to_owned()), ..SilenceQuery::default() };
        assert!(is_wanted(&silence("2026-01-01T13:00:00Z"), &of("me"), now));
        assert!(!is_wanted(&silence("2026-01-01T13:00:00Z"), &of("you"), now));
        let other = SilenceQuery { id: Some("2".to_owned()), ..SilenceQuery::default() };
        assert!(!is_wanted(&silence("2026-01-01T13:00:00Z"), &other, now));
    }
}
