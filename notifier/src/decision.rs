//! One flush, one integration: ordered questions, one verdict with its reason.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;

use crate::notification::Reason;
use crate::notification_log::Entry;
use crate::receiver::{Integration, Receiver};

/// What a flush came to for one integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Tell it.
    Notify(Reason),
    /// Say nothing.
    Hold(HoldReason),
}

/// Why nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HoldReason {
    /// Every alert is inhibited.
    Inhibited,
    /// None of the route's active time intervals contains the instant.
    Inactive,
    /// One of the route's mute time intervals contains the instant.
    Muted,
    /// Every alert left is silenced.
    Silenced,
    /// Nothing fires, and nothing that was told to fire is left to be called resolved.
    NothingToTell,
    /// The receiver has been told just this, less than `repeat_interval` ago.
    Unchanged,
    /// All that is left to tell is resolves, which the integration does not want: noted in the log without a call.
    ResolvesUnwanted,
    /// It would be repeated, but somebody has taken on everything that fires.
    Acknowledged,
    /// Its receiver has been told as often as it wishes: it waits for the end of the span, as a rule for a digest.
    Gathered,
    /// An attempt is under way; the question is asked anew when its outcome is known.
    InFlight,
}

/// A verdict with what it is about: the log line, the metric and the answer to "why?".
#[derive(Clone, Debug)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// `{}/{team="a"}:{alertname="K"}`.
    pub group_key: Arc<str>,
    /// Who.
    pub receiver: Arc<Receiver>,
    /// Through what.
    pub integration: Arc<Integration>,
    /// The outcome.
    pub verdict: Verdict,
    /// Of the group's alerts, how many fire and are visible.
    pub firing: usize,
    /// How many are resolved and visible.
    pub resolved: usize,
    /// How many are hidden by inhibition, silences or time intervals.
    pub suppressed: usize,
}

/// What one integration asks of the notification log.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Hashes of the visible alerts that fire, sorted.
    pub firing: &'a [u64],
    /// When each of them began, in milliseconds since the epoch.
    pub starts: &'a [i64],
    /// Hashes of the alerts that fire and are hidden, or routed elsewhere since they were told, sorted.
    pub hidden: &'a [u64],
    /// Hashes of the visible alerts that are resolved, sorted.
    pub resolved: &'a [u64],
    /// Whether the integration wants to hear of resolved alerts.
    pub send_resolved: bool,
    /// Before the same is said again.
    pub repeat_interval: Duration,
    /// Somebody has taken on everything that fires and is visible.
    pub is_acknowledged: bool,
    /// The instant of the flush on the group's grid.
    pub at: Timestamp,
    /// Answer as Alertmanager does, without the promises beyond its table.
    pub as_alertmanager: bool,
}

/// Is there news compared with what was told last? The last question of a flush. Alertmanager's dedup table, and beyond it:
/// an episode that began after the one told is news, so is an alert that was hidden since, and a group is closed when
/// everything told of it is over, hidden or not.
pub fn is_news(entry: Option<&Entry>, q: Question<'_>) -> Verdict {
    let Some(entry) = entry else {
        return if q.firing.is_empty() {
            Verdict::Hold(HoldReason::NothingToTell)
        } else {
            Verdict::Notify(Reason::FirstNotification)
        };
    };
    if q.as_alertmanager {
        return alertmanagers_table(entry, q);
    }
    match opening(entry, q) {
        Some(reason) => Verdict::Notify(reason),
        None if q.firing.is_empty() => closing(entry, q),
        None => unchanged(entry, q),
    }
}

/// The table by itself, for an integration that was told before; first matching line wins.
fn alertmanagers_table(entry: &Entry, q: Question<'_>) -> Verdict {
    if !is_subset(q.firing, &entry.firing) {
        return Verdict::Notify(if entry.firing.is_empty() { Reason::FirstNotification } else { Reason::NewAlerts });
    }
    if !q.firing.is_empty() {
        return unchanged(entry, q);
    }
    // Regardless of send_resolved, to clear the entry.
    if entry.firing.is_empty() {
        Verdict::Hold(HoldReason::NothingToTell)
    } else {
        Verdict::Notify(Reason::AllResolved)
    }
}

/// What fires that the integration does not know to fire.
fn opening(entry: &Entry, q: Question<'_>) -> Option<Reason> {
    let (mut is_new, mut is_again, mut is_back) = (false, false, false);
    for (hash, start) in q.firing.iter().zip(q.starts) {
        match entry.start_of(*hash) {
            Some(told) => is_again |= *start > told,
            None if entry.owed.binary_search(hash).is_ok() => is_back = true,
            None => is_new = true,
        }
    }
    match (is_new, is_again, is_back) {
        (false, false, false) => None,
        _ if entry.firing.is_empty() && entry.owed.is_empty() => Some(Reason::FirstNotification),
        (true, ..) => Some(Reason::NewAlerts),
        (_, true, _) => Some(Reason::FiresAgain),
        _ => Some(Reason::Unmuted),
    }
}

/// Nothing visible fires: what was told is over, or in part, while the rest fires on unseen.
fn closing(entry: &Entry, q: Question<'_>) -> Verdict {
    if !q.resolved.iter().any(|hash| entry.is_open(*hash)) {
        Verdict::Hold(HoldReason::NothingToTell)
    } else if fires_unseen(entry, q.hidden) {
        Verdict::Notify(Reason::SomeResolved)
    } else {
        Verdict::Notify(Reason::AllResolved)
    }
}

/// Whether something that the integration was told of still fires where it is not seen.
pub fn fires_unseen(entry: &Entry, hidden: &[u64]) -> bool {
    hidden.iter().any(|hash| entry.is_open(*hash))
}

/// All that fires is known to fire.
fn unchanged(entry: &Entry, q: Question<'_>) -> Verdict {
    if q.send_resolved && !is_subset(q.resolved, &entry.resolved) {
        return Verdict::Notify(Reason::SomeResolved);
    }
    if entry.at < q.at.minus(q.repeat_interval) {
        return match q.is_acknowledged {
            true => Verdict::Hold(HoldReason::Acknowledged),
            false => Verdict::Notify(Reason::RepeatInterval),
        };
    }
    Verdict::Hold(HoldReason::Unchanged)
}

/// Whether every element of the sorted `part` is in the sorted `whole`.
fn is_subset(part: &[u64], whole: &[u64]) -> bool {
    part.iter().all(|hash| whole.binary_search(hash).is_ok())
}

impl HoldReason {
    /// A short phrase for logs and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inhibited => "inhibited",
            Self::Inactive => "outside the active time intervals",
            Self::Muted => "inside a mute time interval",
            Self::Silenced => "silenced",
            Self::NothingToTell => "nothing to tell",
            Self::Unchanged => "unchanged since the last notification",
            Self::ResolvesUnwanted => "resolves are not wanted",
            Self::Acknowledged => "acknowledged",
            Self::Gathered => "beyond the receiver's rate",
            Self::InFlight => "an attempt is under way",
        }
    }
}

impl Verdict {
    /// The reason as a short phrase.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notify(reason) => reason.as_str(),
            Self::Hold(reason) => reason.as_str(),
        }
    }
}

#[cfg(test)]
mod tests;
