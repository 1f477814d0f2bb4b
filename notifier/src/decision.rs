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
    /// Hashes of the visible alerts that are resolved, sorted.
    pub resolved: &'a [u64],
    /// Whether the integration wants to hear of resolved alerts.
    pub send_resolved: bool,
    /// Before the same is said again.
    pub repeat_interval: Duration,
    /// The instant of the flush on the group's grid.
    pub at: Timestamp,
}

/// Is there news compared with what was told last? Alertmanager's dedup table, first matching line wins; the last
/// question of a flush. Beyond that table, an alert once told to fire that was hidden since is still owed its resolve.
pub fn is_news(entry: Option<&Entry>, q: Question<'_>) -> Verdict {
    let Some(entry) = entry else {
        return if q.firing.is_empty() {
            Verdict::Hold(HoldReason::NothingToTell)
        } else {
            Verdict::Notify(Reason::FirstNotification)
        };
    };
    if !is_subset(q.firing, &entry.firing) {
        return Verdict::Notify(if entry.firing.is_empty() { Reason::FirstNotification } else { Reason::NewAlerts });
    }
    if q.firing.is_empty() {
        // Regardless of send_resolved, to clear the entry.
        let owed = q.send_resolved && intersects(q.resolved, &entry.owed);
        return if entry.firing.is_empty() && !owed {
            Verdict::Hold(HoldReason::NothingToTell)
        } else {
            Verdict::Notify(Reason::AllResolved)
        };
    }
    if q.send_resolved && !is_subset(q.resolved, &entry.resolved) {
        return Verdict::Notify(Reason::SomeResolved);
    }
    if entry.at < q.at.minus(q.repeat_interval) {
        return Verdict::Notify(Reason::RepeatInterval);
    }
    Verdict::Hold(HoldReason::Unchanged)
}

/// Whether every element of the sorted `part` is in the sorted `whole`.
fn is_subset(part: &[u64], whole: &[u64]) -> bool {
    part.iter().all(|hash| whole.binary_search(hash).is_ok())
}

fn intersects(a: &[u64], b: &[u64]) -> bool {
    a.iter().any(|hash| b.binary_search(hash).is_ok())
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
