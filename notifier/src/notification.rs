//! What a receiver is told, and what templates see: one group at one instant.

use std::sync::Arc;

use model::labels::Fingerprint;
use model::{LabelSet, Timestamp};

use crate::digest::Digest;

/// A group's alerts as one integration is to hear of them. Built by the core, rendered at the edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Name of the receiver.
    pub receiver: String,
    /// `{}/{team="a"}:{alertname="K"}`: route key, colon, group labels.
    pub group_key: String,
    /// The labels that make the group.
    pub group_labels: LabelSet,
    /// Labels (rendered) of the route; empty where the configuration has none.
    pub route_labels: LabelSet,
    /// Every alert of the group that is not muted, sorted by job, instance, then label set.
    pub alerts: Vec<NotifiedAlert>,
    /// Something that the receiver was told of still fires, though it is hidden now: the group is not over.
    pub still_firing: bool,
    /// Why it goes out.
    pub reason: Reason,
    /// The instant of the decision.
    pub at: Timestamp,
    /// It tells of many groups at once.
    pub digest: Option<Arc<Digest>>,
}

/// One alert inside a notification.
#[derive(Clone, Debug, PartialEq)]
pub struct NotifiedAlert {
    /// Identity.
    pub labels: LabelSet,
    /// Text.
    pub annotations: LabelSet,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// When it was resolved; `None` while it fires.
    pub resolved_at: Option<Timestamp>,
    /// Link to its source; may be empty.
    pub generator_url: Arc<str>,
    /// Hash of the labels.
    pub fingerprint: Fingerprint,
}

/// Why a notification goes out; the texts are Alertmanager's `notification_reason`, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing was ever sent for this group, or all before were resolved.
    FirstNotification,
    /// An alert fires that was not in the last notification.
    NewAlerts,
    /// Some of the alerts last notified have been resolved.
    SomeResolved,
    /// All alerts last notified have been resolved.
    AllResolved,
    /// Nothing changed for `repeat_interval`.
    RepeatInterval,
    /// An alert of the last notification was resolved meanwhile and fires again. Not one of Alertmanager's.
    FiresAgain,
    /// The silence or mute that hid an alert since the last notification is over, and it still fires. Not one of
    /// Alertmanager's.
    Unmuted,
    /// Nobody has acknowledged in time: a step of the route tells another receiver. Not one of Alertmanager's.
    Escalated,
    /// More than the receiver wishes to hear one by one. Not one of Alertmanager's.
    Digest,
}

impl NotifiedAlert {
    /// `firing` or `resolved`.
    pub fn status(&self) -> &'static str {
        if self.resolved_at.is_none() { "firing" } else { "resolved" }
    }
}

impl Notification {
    /// Whether any alert fires, seen or not; otherwise the whole notification is a resolve.
    pub fn is_firing(&self) -> bool {
        self.still_firing || self.alerts.iter().any(|alert| alert.resolved_at.is_none())
    }

    /// How many alerts it tells of; a digest carries the first of them only.
    pub fn alert_count(&self) -> usize {
        self.digest.as_ref().map_or(self.alerts.len(), |digest| digest.firing + digest.resolved)
    }

    /// Labels that every alert carries with the same value.
    pub fn common_labels(&self) -> LabelSet {
        common(self.alerts.iter().map(|alert| &alert.labels))
    }

    /// Annotations that every alert carries with the same value.
    pub fn common_annotations(&self) -> LabelSet {
        common(self.alerts.iter().map(|alert| &alert.annotations))
    }
}

/// What all sets have in common.
pub(crate) fn common<'a>(mut sets: impl Iterator<Item = &'a LabelSet>) -> LabelSet {
    let Some(first) = sets.next() else { return LabelSet::empty() };
    sets.fold(first.clone(), |common, set| common.intersection(set))
}

impl Reason {
    /// The text shown to receivers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstNotification => "first notification",
            Self::NewAlerts => "new alerts added",
            Self::SomeResolved => "some alerts resolved",
            Self::AllResolved => "all alerts resolved",
            Self::RepeatInterval => "repeat interval elapsed",
            Self::FiresAgain => "fires again",
            Self::Unmuted => "no longer muted",
            Self::Digest => "digest",
            Self::Escalated => "not acknowledged in time",
        }
    }
}
