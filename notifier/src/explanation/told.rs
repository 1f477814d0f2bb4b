//! Events of the history as they are shown: typed, and in plain words.

use model::duration::format_duration;
use model::labels::Fingerprint;
use model::{LabelSet, Timestamp};
use serde::Serialize;
use std::time::Duration;

use super::{When, as_object, as_text, clock};
use crate::history::event::{Ended, Event, Hider, Subject, What};

/// An event.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// When.
    pub at: When,
    /// `delivered`, `failed`, `refused`, `given_up`, `hidden`, `shown`, `unchanged`, `resolves_unwanted`, `no_integrations`,
    /// `ended_untold`, `ended_hidden`, `moved`.
    pub event: &'static str,
    /// Name of the receiver.
    pub receiver: String,
    /// Kind of the integration; not where all of the receiver's are concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    /// Which of the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The group.
    pub group_key: String,
    /// Why a notification went out; kind of a failure; what hides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which attempt at a content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// When the next attempt is due, when a silence ends, when a repeat is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
    /// Ids of silences, the fingerprint of an alert, names of time intervals or receivers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// In plain words.
    pub text: String,
    /// The alerts it happened to; none if to the group as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<ToldAlert>,
    /// How many more alerts it happened to.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// An alert of an event.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldAlert {
    /// Hash of the labels.
    #[serde(serialize_with = "as_text")]
    pub fingerprint: Fingerprint,
    /// Which.
    #[serde(serialize_with = "as_object")]
    pub labels: LabelSet,
    /// `firing` or `resolved`.
    pub status: &'static str,
    /// When it began.
    pub starts_at: When,
    /// How it ended, if it did: `by_source`, `ends_at_passed`, `resolve_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Told {
    /// An event as it is shown.
    pub fn of(event: Event) -> Self {
        let text = text(&event);
        let (reason, attempt, until, by) = details(&event.what);
        let (integration, index) = event.integration.unzip();
        Self {
            at: When(event.at),
            event: name(&event.what),
            receiver: event.receiver,
            integration,
            index,
            group_key: event.group_key,
            reason,
            attempt,
            until: until.map(When),
            by,
            text,
            alerts: event.alerts.into_iter().map(ToldAlert::of).collect(),
            more: event.more,
        }
    }
}

impl ToldAlert {
    /// An alert as it is shown.
    pub fn of(subject: Subject) -> Self {
        Self {
            fingerprint: subject.labels.fingerprint(),
            labels: subject.labels,
            status: if subject.ended.is_some() { "resolved" } else { "firing" },
            starts_at: When(subject.starts_at),
            ended: subject.ended,
        }
    }
}

/// What an event is called.
pub const fn name(what: &What) -> &'static str {
    match what {
        What::Delivered { .. } => "delivered",
        What::Failed { .. } => "failed",
        What::Refused { .. } => "refused",
        What::GivenUp { .. } => "given_up",
        What::Hidden(_) => "hidden",
        What::Shown => "shown",
        What::Unchanged { .. } => "unchanged",
        What::ResolvesUnwanted => "resolves_unwanted",
        What::NobodyToTell => "no_integrations",
        What::EndedUntold => "ended_untold",
        What::EndedHidden => "ended_hidden",
        What::Moved { .. } => "moved",
    }
}

type Details = (Option<String>, Option<u32>, Option<Timestamp>, Vec<String>);

fn details(what: &What) -> Details {
    let at = |ms: i64| Some(Timestamp::from_millis(ms));
    match what {
        What::Delivered { reason, attempt, .. } => (Some(reason.as_str().to_owned()), Some(*attempt), None, Vec::new()),
        What::Failed { kind, attempt, next_ms, .. } => {
            (Some(kind.clone()), Some(*attempt), next_ms.and_then(at), Vec::new())
        }
        What::Refused { kind, .. } => (Some(kind.clone()), None, None, Vec::new()),
        What::Hidden(Hider::Silences { ids, until_ms }) => {
            (Some("silenced".to_owned()), None, at(*until_ms), ids.iter().map(ToString::to_string).collect())
        }
        What::Hidden(Hider::Alert { fingerprint, .. }) => {
            (Some("inhibited".to_owned()), None, None, vec![fingerprint.clone()])
        }
        What::Hidden(Hider::Muted { intervals }) => (Some("muted".to_owned()), None, None, intervals.clone()),
        What::Hidden(Hider::Inactive { intervals }) => {
            (Some("outside_active_intervals".to_owned()), None, None, intervals.clone())
        }
        What::Unchanged { repeat_ms, .. } => (None, None, at(*repeat_ms), Vec::new()),
        What::Moved { to } => (None, None, None, to.clone()),
        What::GivenUp { attempts } => (None, Some(*attempts), None, Vec::new()),
        What::Shown | What::ResolvesUnwanted | What::NobodyToTell | What::EndedUntold | What::EndedHidden => {
            (None, None, None, Vec::new())
        }
    }
}

/// An event in words, without its time and whom it concerns.
pub fn text(event: &Event) -> String {
    let at = |ms: i64| clock(Timestamp::from_millis(ms));
    match &event.what {
        What::Delivered { reason, attempt, firing, resolved } => {
            let attempt = if *attempt > 1 { format!(", at attempt {attempt}") } else { String::new() };
            format!("told ({}{attempt}): {}", reason.as_str(), counted(*firing, *resolved))
        }
        What::Failed { kind, message, attempt, in_a_row, next_ms, asked_ms } => {
            let asked = asked_ms
                .map(|ms| format!(", and asked to be left alone for {}", format_duration(Duration::from_millis(ms))));
            let next =
                next_ms.map_or("decided anew at the next flush".to_owned(), |ms| format!("tried again at {}", at(ms)));
            let row = if *in_a_row > 1 { format!("; {in_a_row} failures like this in a row") } else { String::new() };
            format!("attempt {attempt} failed ({kind}: {message}{row}){}; {next}", asked.unwrap_or_default())
        }
        What::Refused { kind, message, .. } => format!("refused ({kind}: {message}); the same is not tried again"),
        What::GivenUp { attempts } => {
            format!("given up after {attempts} failed attempts, as nothing is left to tell")
        }
        What::Hidden(hider) => hider_text(hider),
        What::Shown => "no longer silenced, inhibited or muted".to_owned(),
        What::Unchanged { told_ms, repeat_ms } => {
            format!("nothing new since it was told at {}; repeated at {}", at(*told_ms), at(*repeat_ms))
        }
        What::ResolvesUnwanted => "over, and not told, as send_resolved is off".to_owned(),
        What::NobodyToTell => "nobody to tell, as the receiver has no integrations".to_owned(),
        What::EndedUntold => "ended before it was to be told".to_owned(),
        What::EndedHidden => "ended while it was hidden, and nobody had been told of it".to_owned(),
        What::Moved { to } if to.is_empty() => "another configuration routes it nowhere".to_owned(),
        What::Moved { to } => format!("another configuration routes it to {} instead", to.join(", ")),
    }
}

fn hider_text(hider: &Hider) -> String {
    match hider {
        Hider::Silences { ids, until_ms } => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("silenced by {} until {}", ids.join(", "), clock(Timestamp::from_millis(*until_ms)))
        }
        Hider::Alert { labels, .. } => format!("inhibited by {labels}"),
        Hider::Muted { intervals } => format!("muted by time interval {}", intervals.join(", ")),
        Hider::Inactive { intervals } => format!("outside the active time intervals {}", intervals.join(", ")),
    }
}

fn counted(firing: usize, resolved: usize) -> String {
    match (firing, resolved) {
        (firing, 0) => format!("{firing} firing"),
        (0, resolved) => format!("{resolved} resolved"),
        (firing, resolved) => format!("{firing} firing, {resolved} resolved"),
    }
}
