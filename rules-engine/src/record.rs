//! What survives a restart, as it is stored: one record per alert, one per group.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::source::shortened;
use model::{LabelSet, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use twox_hash::XxHash64;

use crate::alerting::{AlertState, Course, Instance};
use crate::group::GroupKey;

/// A stored record. Readers of a newer version read all older ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// Since 0.1.
    V1(RecordV1),
}

/// The records of the first version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordV1 {
    /// An alert: pending, firing, or resolved and still kept.
    Alert(AlertRecord),
    /// A group.
    Group(GroupRecord),
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// The rule it belongs to.
    pub rule: Arc<RuleKey>,
    /// Who it is.
    pub labels: Labels,
    /// What it says.
    pub annotations: Labels,
    /// The value, as text: JSON knows no NaN.
    pub value: String,
    /// `pending`, `firing` or `inactive`.
    pub state: StoredState,
    /// Nanoseconds since the epoch, as all times here.
    pub active_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// When it fired.
    pub fired_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// When it was resolved.
    pub resolved_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// When it was last sent.
    pub last_sent_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<i64>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Its file.
    pub file: String,
    /// Its name.
    pub name: String,
    /// The last evaluation timestamp.
    pub last_evaluation: i64,
}

/// An alerting rule's identity over restarts: its group, name and labels, and which of its equals it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleKey {
    /// The group's file.
    pub file: String,
    /// The group's name.
    pub group: String,
    /// The rule's name.
    pub name: String,
    /// Its labels, as written.
    pub labels: Labels,
    /// How many rules before it in the group have the same name and labels.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duplicate: usize,
}

/// A state, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredState {
    /// Resolved.
    Inactive,
    /// Pending.
    Pending,
    /// Firing.
    Firing,
}

/// A label set, stored as a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(pub LabelSet);

impl Record {
    /// As stored.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("records hold only strings and integers")
    }

    /// From what was stored.
    ///
    /// # Errors
    /// It is damaged or of a newer version; the text says which.
    pub fn from_json(stored: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(stored).map_err(|error| shortened(&error.to_string()).into_owned())
    }
}

impl RuleKey {
    /// What the keys of its alerts' records begin with.
    pub fn prefix(&self) -> String {
        let mut bytes = Vec::new();
        for (name, value) in std::iter::once((self.name.as_str(), "")).chain(self.labels.0.iter()) {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0xFF);
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0xFF);
        }
        let group = GroupKey::new(&self.file, &self.group).hash();
        format!("alert/{group:016x}/{:016x}-{}/", XxHash64::oneshot(0, &bytes), self.duplicate)
    }
}

/// The key of an alert's record; `prefix` from [`RuleKey::prefix`].
pub fn alert_key(prefix: &str, labels: &LabelSet) -> String {
    format!("{prefix}{}", labels.fingerprint())
}

/// The key of a group's record.
pub fn group_key(group: &GroupKey) -> String {
    format!("group/{:016x}", group.hash())
}

impl AlertRecord {
    /// The record of an instance.
    pub fn of(rule: Arc<RuleKey>, instance: &Instance) -> Self {
        let course = &instance.course;
        let nanos = |time: Option<Timestamp>| time.map(Timestamp::as_nanos);
        Self {
            rule,
            labels: Labels(instance.labels.clone()),
            annotations: Labels(instance.annotations.clone()),
            value: instance.value.to_string(),
            state: course.state.into(),
            active_at: course.active_at.as_nanos(),
            fired_at: nanos(course.fired_at),
            resolved_at: nanos(course.resolved_at),
            last_sent_at: nanos(course.last_sent_at),
            keep_firing_since: nanos(course.keep_firing_since),
        }
    }

    /// The instance, known to be recorded.
    pub fn into_instance(self) -> Instance {
        let time = |nanos: Option<i64>| nanos.map(Timestamp::from_nanos);
        let course = Course {
            state: self.state.into(),
            active_at: Timestamp::from_nanos(self.active_at),
            fired_at: time(self.fired_at),
            resolved_at: time(self.resolved_at),
            last_sent_at: time(self.last_sent_at),
            keep_firing_since: time(self.keep_firing_since),
        };
        // The value only shows until the next evaluation: one that cannot be read is better shown as NaN than lost.
        let value = self.value.parse().unwrap_or(f64::NAN);
        Instance::new(self.labels.0, self.annotations.0, value, course).recorded()
    }
}

impl From<AlertState> for StoredState {
    fn from(state: AlertState) -> Self {
        match state {
            AlertState::Inactive => Self::Inactive,
            AlertState::Pending => Self::Pending,
            AlertState::Firing => Self::Firing,
        }
    }
}

impl From<StoredState> for AlertState {
    fn from(state: StoredState) -> Self {
        match state {
            StoredState::Inactive => Self::Inactive,
            StoredState::Pending => Self::Pending,
            StoredState::Firing => Self::Firing,
        }
    }
}

impl Serialize for Labels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::<SmolStr, SmolStr>::deserialize(deserializer).map(|pairs| Self(LabelSet::from_pairs(pairs)))
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> RuleKey {
        RuleKey {
            file: "/etc/rules/a.yml".to_owned(),
            group: "node".to_owned(),
            name: "Down".to_owned(),
            labels: Labels(LabelSet::from_pairs([("severity", "page")])),
            duplicate: 0,
        }
    }

    #[test]
    fn an_alert_comes_back_as_it_was() {
        let mut course = Course::pending(Timestamp::from_nanos(1_700_000_000_123_456_789));
        course.state = AlertState::Firing;
        course.fired_at = Some(Timestamp::from_secs(1_700_000_060));
        course.last_sent_at = Some(Timestamp::from_secs(1_700_000_061));
        for value in [1.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 1e300] {
            let labels = LabelSet::from_pairs([("alertname", "Down"), ("x", "é\"\n")]);
            let instance = Instance::new(labels, LabelSet::from_pairs([("summary", "s")]), value, course);
            let stored = Record::V1(RecordV1::Alert(AlertRecord::of(rule().into(), &instance))).to_json();
            let Ok(Record::V1(RecordV1::Alert(read))) = Record::from_json(&stored) else { panic!("{stored:?}") };
            assert_eq!(*read.rule, rule());
            let back = read.into_instance();
            assert_eq!((&back.labels, &back.annotations), (&instance.labels, &instance.annotations));
            assert_eq!(back.course, course);
            assert_eq!(back.value.to_bits(), value.to_bits());
        }
    }

    #[test]
    fn the_first_version_stays_readable() {
        let stored =
            br#"{"V1":{"alert":{"rule":{"file":"f","group":"g","name":"A","labels":{}},"labels":{"alertname":"A"},
            "annotations":{},"value":"1","state":"pending","active_at":5}}}"#;
        let Ok(Record::V1(RecordV1::Alert(alert))) = Record::from_json(stored) else { panic!() };
        assert_eq!(alert.into_instance().course, Course::pending(Timestamp::from_nanos(5)));
        let stored = br#"{"V1":{"group":{"file":"f","name":"g","last_evaluation":7}}}"#;
        assert!(matches!(Record::from_json(stored), Ok(Record::V1(RecordV1::Group(g))) if g.last_evaluation == 7));
        assert!(Record::from_json(br#"{"V2":{}}"#).unwrap_err().contains("unknown variant `V2`"));
    }

    #[test]
    fn keys_are_short_and_tell_duplicates_apart() {
        let key = alert_key(&rule().prefix(), &LabelSet::empty());
        assert!(key.len() < 80 && key.starts_with("alert/") && key.is_ascii(), "{key}");
        assert_ne!(rule().prefix(), RuleKey { duplicate: 1, ..rule() }.prefix());
        assert_ne!(rule().prefix(), RuleKey { group: "other".to_owned(), ..rule() }.prefix());
    }
}
