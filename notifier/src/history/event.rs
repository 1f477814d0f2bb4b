//! What is remembered: a decision that changed, or what came of an attempt to tell somebody.

use std::time::Duration;

use model::labels::Fingerprint;
use model::matcher::parse::{ParseMode, parse_matchers};
use model::{Caller, LabelSet, MatchOp, Matcher, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::notification::Reason;
use crate::notifier::group_labels_of;

/// An event as it is noted: by reference, as nothing but its stored form is kept.
#[derive(Debug)]
pub struct Happening<'a> {
    /// When.
    pub at: Timestamp,
    /// The group it is about.
    pub group_key: &'a str,
    /// Name of the group's receiver.
    pub receiver: &'a str,
    /// Kind and index of the integration it is about; none if about all of the receiver's.
    pub integration: Option<(&'a str, usize)>,
    /// What happened.
    pub what: What,
    /// The alerts it happened to; none if to the group as a whole.
    pub alerts: Vec<Subject>,
    /// How many alerts it also happened to that are not listed.
    pub more: usize,
}

/// An event as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When; whole milliseconds.
    pub at: Timestamp,
    /// The group it is about.
    pub group_key: String,
    /// Name of the group's receiver.
    pub receiver: String,
    /// Kind and index of the integration it is about; none if about all of the receiver's.
    pub integration: Option<(String, usize)>,
    /// What happened.
    pub what: What,
    /// The alerts it happened to; none if to the group as a whole.
    pub alerts: Vec<Subject>,
    /// How many alerts it also happened to that are not listed.
    pub more: usize,
}

/// An alert of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Identity.
    pub labels: LabelSet,
    /// When it began to fire; whole milliseconds once read.
    pub starts_at: Timestamp,
    /// How it ended; `None` while it fires.
    pub ended: Option<Ended>,
}

/// How an alert came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Its source said so.
    BySource,
    /// It was not reported again for as long as its source had promised (`endsAt`).
    EndsAtPassed,
    /// It was not reported again within `resolve_timeout`, as its source promised nothing.
    ResolveTimeout,
}

/// What happened. Stored as it is here: a variant or field that was stored once keeps its meaning, new ones are added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The integration took a notification. The alerts are those whose state was news to it.
    Delivered {
        /// Why it went out.
        reason: Reason,
        /// 1 if the first attempt worked.
        attempt: u32,
        /// How many alerts of the notification fire.
        firing: usize,
        /// How many are resolved.
        resolved: usize,
    },
    /// An attempt failed, and another follows. Of failures in a row that say the same the first is noted, the second, the
    /// fourth, the eighth and so on.
    Failed {
        /// Kind of failure, as in metrics.
        kind: String,
        /// What was wrong, without secrets.
        message: String,
        /// 1 for the first attempt at this content.
        attempt: u32,
        /// How many attempts have failed in a row, whatever they were to tell. Of a long row only some are noted.
        in_a_row: u32,
        /// When the next attempt is due, in milliseconds since the epoch; none if the group is decided about anew.
        next_ms: Option<i64>,
        /// The far side asked to be left alone for so long (429, `Retry-After`), in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked_ms: Option<u64>,
    },
    /// The integration will never take this content.
    Refused {
        /// Kind of failure, as in metrics.
        kind: String,
        /// What was wrong, without secrets.
        message: String,
        /// How often this has happened in a row.
        in_a_row: u32,
    },
    /// What waited for another attempt is out of date, and nothing is left to tell.
    GivenUp {
        /// Attempts that had failed.
        attempts: u32,
    },
    /// The alerts are hidden from now on.
    Hidden(Hider),
    /// The alerts, which were hidden, are seen again.
    Shown,
    /// The receiver knows all there is to know.
    Unchanged {
        /// When it was told, in milliseconds since the epoch.
        told_ms: i64,
        /// When it will be told again if nothing changes.
        repeat_ms: i64,
    },
    /// All that is left to tell are resolves, and the integration does not want to hear of these.
    ResolvesUnwanted,
    /// The receiver has no integrations.
    NobodyToTell,
    /// The alerts ended before anybody was told of them.
    EndedUntold,
    /// The alerts ended while they were hidden, and nobody who was told of them waits for their end.
    EndedHidden,
    /// Another configuration routes the alerts elsewhere.
    Moved {
        /// Names of the receivers they go to from now on.
        to: Vec<String>,
    },
}

/// What hides an alert.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hider {
    /// Silences.
    Silences {
        /// Which.
        ids: Vec<Uuid>,
        /// When the last of them ends, in milliseconds since the epoch.
        until_ms: i64,
    },
    /// An alert that fires.
    Alert {
        /// Its labels, as text.
        labels: String,
        /// Its fingerprint.
        fingerprint: String,
    },
    /// Mute time intervals.
    Muted {
        /// Their names.
        intervals: Vec<String>,
    },
    /// None of the route's active time intervals contains the time.
    Inactive {
        /// Their names.
        intervals: Vec<String>,
    },
}

impl Happening<'_> {
    /// Longest text of a failure that is kept.
    pub const MESSAGE_BYTES_MAX: usize = 300;
}

impl Event {
    /// As somebody may see it: only the alerts that are their business, and nothing that others' may be read from. `None` if none of it
    /// is their business.
    pub fn within(mut self, caller: &Caller) -> Option<Self> {
        if !caller.is_scoped() {
            return Some(self);
        }
        if self.alerts.is_empty() {
            let shared = group_labels_of(&self.group_key)?;
            let decides = |bound: &Matcher| shared.get(bound.name()).is_some() && bound.matches(&shared);
            caller.scope.iter().all(decides).then_some(())?;
        } else {
            self.alerts.retain(|alert| caller.sees(&alert.labels));
            (!self.alerts.is_empty()).then_some(())?;
        }
        self.more = 0;
        match &mut self.what {
            // Receivers may repeat what they were sent.
            What::Failed { message, .. } | What::Refused { message, .. } => {
                "not shown: the notification may have been about others' alerts too".clone_into(message);
            }
            What::Hidden(Hider::Alert { labels, .. }) if !sees_text(caller, labels) => {
                "an alert that is others' business".clone_into(labels);
            }
            _ => {}
        }
        Some(self)
    }

    /// Whether it names the alert.
    pub fn names(&self, fingerprint: Fingerprint) -> bool {
        self.alerts.iter().any(|alert| alert.labels.fingerprint() == fingerprint)
    }
}

/// Whether an alert is somebody's business whose labels are written like this.
fn sees_text(caller: &Caller, labels: &str) -> bool {
    let Ok(pairs) = parse_matchers(labels, ParseMode::default()) else { return false };
    let labels = LabelSet::from_pairs(pairs.value.iter().map(|pair| (pair.name(), pair.value())));
    pairs.value.iter().all(|pair| pair.op() == MatchOp::Equal) && caller.sees(&labels)
}

impl Ended {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BySource => "its source said that it is over",
            Self::EndsAtPassed => "it was not reported again for as long as its source had promised (endsAt)",
            Self::ResolveTimeout => "it was not reported again within resolve_timeout",
        }
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
