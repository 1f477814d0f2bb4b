//! Answers to "why did, or why didn't this page?": typed, and in plain words.

pub mod reason;
pub mod told;

use model::labels::Fingerprint;
use model::{LabelSet, Timestamp};
use serde::{Serialize, Serializer};

pub use self::reason::{Verdict, Why};
use self::told::Told;
use crate::route::path::Step;

/// Everything about one alert.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// When the question was answered.
    pub at: When,
    /// Hash of the labels.
    #[serde(serialize_with = "as_text")]
    pub fingerprint: Fingerprint,
    /// Whose question it is.
    #[serde(serialize_with = "as_object")]
    pub labels: LabelSet,
    /// When it began to fire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<When>,
    /// When it ended, or ends unless it is reported again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<When>,
    /// When it was last reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<When>,
    /// Whether it fires, and how that is known.
    #[serde(flatten)]
    pub answer: Answer,
    /// Its way through the routing tree that is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Step>,
    /// Who is, was or would be told.
    pub receivers: Vec<ReceiverAnswer>,
    /// What happened to it, oldest first.
    pub history: Vec<Told>,
}

/// Why a receiver is, is not or was told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiverAnswer {
    /// Its name.
    pub receiver: String,
    /// The group it concerns.
    pub group: GroupAnswer,
    /// The answer for the receiver: that of the integration that needs most attention.
    #[serde(flatten)]
    pub answer: Answer,
    /// Each of its integrations.
    pub integrations: Vec<IntegrationAnswer>,
}

/// A group and its timing.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupAnswer {
    /// Route key, colon, labels.
    pub key: String,
    /// What its members share.
    #[serde(serialize_with = "as_object")]
    pub labels: LabelSet,
    /// Before its first notification; a Prometheus duration, as the next two.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group_wait: String,
    /// Between decisions about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group_interval: String,
    /// Before the same is told again.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub repeat_interval: String,
    /// When it is decided about next; not for a group that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_decision: Option<When>,
    /// How many of its alerts fire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firing: Option<usize>,
}

/// Why an integration is, is not or was told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationAnswer {
    /// Its kind.
    pub integration: String,
    /// Which of the kind.
    pub index: usize,
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
    /// When it last took a notification about the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_told: Option<When>,
}

/// An answer: typed, and in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// What it comes to.
    pub verdict: Verdict,
    /// Why.
    pub reason: Why,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<When>,
    /// Until when, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
    /// By whom or by what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Cause>,
    /// In plain words.
    pub text: String,
}

/// What something is due to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// What it is.
    pub kind: CauseKind,
    /// Id of a silence, fingerprint of an alert, name of a time interval, of a receiver, of a person.
    pub id: String,
    /// Labels of an alert, comment of a silence or of an acknowledgement.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Who made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// Of an occurrence of a recurring silence: id and schedule of that.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub schedule: String,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
}

/// Kinds of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// A silence.
    Silence,
    /// An alert that inhibits.
    Alert,
    /// A time interval.
    TimeInterval,
    /// A receiver that an alert goes to instead.
    Receiver,
    /// Somebody who has taken it on.
    Acknowledgement,
}

/// An alert that was asked for and not found, with those that come nearest.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotFound {
    /// Why there is no other answer.
    #[serde(flatten)]
    pub answer: Answer,
    /// Alerts that come nearest, the nearest first.
    pub nearest: Vec<Nearest>,
}

/// An alert that is nearly what was asked for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Nearest {
    /// Hash of the labels.
    #[serde(serialize_with = "as_text")]
    pub fingerprint: Fingerprint,
    /// Which.
    #[serde(serialize_with = "as_object")]
    pub labels: LabelSet,
    /// The matchers that do not hold, with the value that the alert has; "" if it lacks the label.
    pub differs: Vec<Difference>,
}

/// A matcher that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The matcher.
    pub matcher: String,
    /// What the alert has.
    pub value: String,
}

/// An instant in JSON: RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct When(pub Timestamp);

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_millis())
    }
}

impl Answer {
    /// An answer in words.
    pub fn new(reason: Why, text: impl Into<String>) -> Self {
        Self { verdict: reason.verdict(), reason, since: None, until: None, by: Vec::new(), text: text.into() }
    }

    /// Since when.
    #[must_use]
    pub fn since(self, at: impl Into<Option<Timestamp>>) -> Self {
        Self { since: at.into().map(When), ..self }
    }

    /// Until when.
    #[must_use]
    pub fn until(self, at: impl Into<Option<Timestamp>>) -> Self {
        Self { until: at.into().filter(|at| *at < Timestamp::MAX).map(When), ..self }
    }

    /// By what.
    #[must_use]
    pub fn by(self, by: Vec<Cause>) -> Self {
        Self { by, ..self }
    }
}

impl Cause {
    /// A cause with nothing but its name.
    pub fn new(kind: CauseKind, id: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
            detail: String::new(),
            created_by: String::new(),
            schedule: String::new(),
            until: None,
        }
    }
}

/// An instant in words: RFC 3339 in UTC, whole seconds.
pub(crate) fn clock(at: Timestamp) -> String {
    Timestamp::from_secs(at.as_millis().div_euclid(1000)).to_rfc3339()
}

pub(crate) fn as_object<S: Serializer>(labels: &LabelSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter())
}

pub(crate) fn as_text<S: Serializer>(fingerprint: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fingerprint)
}
