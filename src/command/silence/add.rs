//! `watchfire silence add`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use anyhow::bail;
use model::duration::format_duration;
use model::{Matcher, Timestamp};

use crate::cli::client::{OutputFormat, Recurring, SilenceAdd};
use crate::client::argument::{labels, matchers};
use crate::client::duration::parse_duration;
use crate::client::listing;
use crate::client::session::Session;
use crate::client::wire::{Schedule, SentMaintenance, SentSilence, Silence, SilenceMatcher};
use crate::live;

const DEFAULT_DURATION: Duration = Duration::from_secs(3600);

pub(super) async fn execute(session: &Session, mut add: SilenceAdd) -> anyhow::Result<()> {
    let recurring = std::mem::take(&mut add.recurring);
    if let Some(cron) = recurring.schedule.clone() {
        return recur(session, maintenance(session, add, &recurring, cron)?, &recurring).await;
    }
    let silence = silence(session, add, live::now())?;
    let asking = async { Ok(session.api.store_silence(&SentSilence { id: String::new(), silence }).await?) };
    println!("{}", session.ask(asking).await?);
    Ok(())
}

/// The next times are seen before it is stored: alone on standard output if nothing is, otherwise beside the id.
async fn recur(session: &Session, sent: SentMaintenance, recurring: &Recurring) -> anyhow::Result<()> {
    let asking = async {
        let preview = session.api.preview_maintenance(&sent, recurring.occurrences).await?;
        let shown = listing::occurrences(&sent.schedule.timezone, &preview);
        match (recurring.dry_run, session.output) {
            (true, OutputFormat::Json) => print!("{}", Session::json(&preview)),
            (true, _) => print!("{shown}"),
            (false, _) => {
                eprint!("{shown}");
                println!("{}", session.api.store_maintenance(&sent).await?);
            }
        }
        Ok(())
    };
    session.ask(asking).await
}

fn maintenance(
    session: &Session,
    add: SilenceAdd,
    recurring: &Recurring,
    cron: String,
) -> anyhow::Result<SentMaintenance> {
    let (starts_at, until_resolved) = (add.start, add.until_resolved);
    let silence = silence(session, add, Timestamp::EPOCH)?;
    let duration = silence.ends_at.at().since(silence.starts_at.at());
    Ok(SentMaintenance {
        id: recurring.id.clone(),
        annotations: silence.annotations,
        comment: silence.comment,
        created_by: silence.created_by,
        matchers: silence.matchers,
        starts_at: starts_at.map(Into::into),
        until_resolved,
        schedule: Schedule {
            id: None,
            cron,
            duration: format_duration(duration),
            timezone: recurring.timezone.clone().unwrap_or_else(|| "UTC".to_owned()),
            until: recurring.until.map(Into::into),
        },
    })
}

fn silence(session: &Session, add: SilenceAdd, now: Timestamp) -> anyhow::Result<Silence> {
    let settings = &session.settings;
    let matchers = matchers(&add.matchers, session.parse_mode)?;
    if matchers.is_empty() {
        bail!("no matchers specified");
    }
    let starts_at = add.start.unwrap_or(now);
    let duration = settings.choose(add.duration, "duration", parse_duration)?.unwrap_or(DEFAULT_DURATION);
    if add.end.is_none() && duration.is_zero() {
        bail!("silence duration must be greater than 0");
    }
    let ends_at = add.end.unwrap_or(starts_at.plus(duration));
    if starts_at > ends_at {
        bail!("silence cannot start after it ends");
    }
    let comment = settings.text(add.comment, "comment").unwrap_or_default();
    let required = settings.switch(add.require_comment, add.no_require_comment, "require-comment")?;
    if required.unwrap_or(true) && comment.is_empty() {
        bail!("comment required by config");
    }
    let author = settings.text(add.author, "author").filter(|author| !author.is_empty());
    Ok(Silence {
        annotations: labels(&add.annotations, session.parse_mode)?,
        comment,
        created_by: author.unwrap_or_else(user),
        ends_at: ends_at.into(),
        matchers: matchers.iter().map(form).collect(),
        starts_at: starts_at.into(),
        until_resolved: add.until_resolved,
    })
}

fn form(matcher: &Matcher) -> SilenceMatcher {
    SilenceMatcher {
        is_equal: matcher.op().is_positive(),
        is_regex: matcher.op().is_regex(),
        name: matcher.name().to_owned(),
        value: matcher.value().to_owned(),
    }
}

/// The name of the user that runs the program; empty if the system does not tell.
pub(in crate::command) fn user() -> String {
    let id = std::fs::metadata("/proc/self").map(|process| process.uid().to_string());
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == id.as_deref().ok()).then(|| name.to_owned())
    });
    name.or_else(|| std::env::var("USER").ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::ClientFlags;
    use crate::client::settings::Settings;

    fn wanted(change: impl FnOnce(&mut SilenceAdd)) -> anyhow::Result<Silence> {
        crate::install_crypto();
        let session = Session::with_settings(&ClientFlags::default(), Settings::default()).unwrap();
        let mut add = SilenceAdd {
            author: Some("me".to_owned()),
            require_comment: false,
            no_require_comment: false,
            duration: None,
            start: None,
            end: None,
            until_resolved: false,
            recurring: Recurring::default(),
            comment: Some("why".to_owned()),
            annotations: Vec::new(),
            matchers: vec!["foo".to_owned(), "a!~b".to_owned()],
        };
        change(&mut add);
        silence(&session, add, Timestamp::from_secs(0))
    }

    #[test]
    fn defaults_are_amtools() {
        let made = wanted(|_| {}).unwrap();
        assert_eq!(made.ends_at.as_str(), "1970-01-01T01:00:00.000Z");
        assert_eq!(made.created_by, "me");
        let (first, second) = (&made.matchers[0], &made.matchers[1]);
        assert_eq!((first.name.as_str(), first.value.as_str()), ("alertname", "foo"));
        assert_eq!((second.is_equal, second.is_regex), (false, true));
        assert!(!wanted(|add| add.author = None).unwrap().created_by.is_empty());
        assert!(wanted(|add| (add.comment, add.no_require_comment) = (None, true)).is_ok());
    }

    #[test]
    fn what_makes_no_silence_is_refused() {
        let before = Timestamp::from_secs(-1);
        let refused = |change: fn(&mut SilenceAdd)| wanted(change).unwrap_err().to_string();
        assert_eq!(refused(|add| add.matchers.clear()), "no matchers specified");
        assert_eq!(refused(|add| add.comment = None), "comment required by config");
        assert_eq!(refused(|add| add.duration = Some(Duration::ZERO)), "silence duration must be greater than 0");
        assert_eq!(wanted(|add| add.end = Some(before)).unwrap_err().to_string(), "silence cannot start after it ends");
        assert!(refused(|add| add.matchers.push("bar".to_owned())).contains("bar"));
    }
}
