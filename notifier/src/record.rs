//! The stored forms of silences, the notification log, alerts and group anchors: versioned JSON, apart from the live types.

mod alert_page;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{LabelSet, MatchOp, Matcher, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use uuid::Uuid;

use crate::notification_log::Entry;
use crate::silence::Silence;
pub use alert_page::{AlertPageV1, PAGE_ALERTS};

/// A record of any kind, by version. Instants are nanoseconds since the epoch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// The first form.
    V1(RecordV1),
}

/// A record of the first form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordV1 {
    /// Under `silence/<uuid>`.
    Silence(SilenceV1),
    /// Under `log/<hash of its key>`.
    Log(LogV1),
    /// Under `alert/<number of the page>`.
    Alerts(AlertPageV1),
    /// Under `group/<hash of group key and twin>`.
    Group(GroupV1),
}

/// A silence.
#[derive(Debug, Serialize, Deserialize)]
pub struct SilenceV1 {
    id: Uuid,
    matchers: Vec<MatcherV1>,
    starts_at: i64,
    ends_at: i64,
    updated_at: i64,
    created_by: String,
    comment: String,
    #[serde(with = "label_map")]
    annotations: LabelSet,
}

#[derive(Debug, Serialize, Deserialize)]
struct MatcherV1 {
    name: SmolStr,
    op: String,
    value: SmolStr,
}

/// An entry of the notification log.
#[derive(Debug, Serialize, Deserialize)]
pub struct LogV1 {
    key: Arc<str>,
    at: i64,
    firing: Box<[u64]>,
    resolved: Box<[u64]>,
    #[serde(default)]
    owed: Box<[u64]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named: Option<Arc<str>>,
    expires_at: i64,
}

/// What a group's flushes are counted from.
#[derive(Debug, Serialize, Deserialize)]
pub struct GroupV1 {
    key: Arc<str>,
    twin: usize,
    anchor: i64,
}

impl Record {
    /// As stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("records have text keys and no failing serializer")
    }

    /// From what is stored.
    ///
    /// # Errors
    /// It is not a record of a known version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Where a silence is stored.
    pub fn silence_key(id: Uuid) -> String {
        format!("silence/{id}")
    }

    /// Where an entry of the notification log is stored.
    pub fn log_key(key: &str) -> String {
        format!("log/{}", short_hash(&[key]))
    }

    /// Where a page of alerts is stored; in order of pages.
    pub fn page_key(page: u32) -> String {
        format!("alert/{page:08x}")
    }

    /// Where a group is stored; `twin` tells routes with the same key apart.
    pub fn group_key(key: &str, twin: usize) -> String {
        format!("group/{}", short_hash(&[key, &twin.to_string()]))
    }

    /// The stored form of a silence.
    pub fn of_silence(silence: &Silence) -> Self {
        let matchers = silence.matchers.iter().map(|matcher| MatcherV1 {
            name: matcher.name().into(),
            op: matcher.op().as_str().to_owned(),
            value: matcher.value().into(),
        });
        Self::V1(RecordV1::Silence(SilenceV1 {
            id: silence.id,
            matchers: matchers.collect(),
            starts_at: silence.starts_at.as_nanos(),
            ends_at: silence.ends_at.as_nanos(),
            updated_at: silence.updated_at.as_nanos(),
            created_by: silence.created_by.clone(),
            comment: silence.comment.clone(),
            annotations: silence.annotations.clone(),
        }))
    }

    /// The stored form of an entry of the notification log.
    pub fn of_log(key: &Arc<str>, entry: &Entry) -> Self {
        Self::V1(RecordV1::Log(LogV1 {
            key: Arc::clone(key),
            at: entry.at.as_nanos(),
            firing: entry.firing.clone(),
            resolved: entry.resolved.clone(),
            owed: entry.owed.clone(),
            named: entry.named.clone(),
            expires_at: entry.expires_at.as_nanos(),
        }))
    }

    /// The stored form of a page of alerts.
    pub fn of_alerts(page: AlertPageV1) -> Self {
        Self::V1(RecordV1::Alerts(page))
    }

    /// The stored form of a group.
    pub fn of_group(key: &Arc<str>, twin: usize, anchor: Timestamp) -> Self {
        Self::V1(RecordV1::Group(GroupV1 { key: Arc::clone(key), twin, anchor: anchor.as_nanos() }))
    }
}

impl SilenceV1 {
    /// The silence.
    ///
    /// # Errors
    /// A matcher does not compile.
    pub fn into_silence(self) -> Result<Silence, String> {
        let matchers = self.matchers.into_iter().map(|m| {
            let op = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]
                .into_iter()
                .find(|op| op.as_str() == m.op);
            let op = op.ok_or_else(|| format!("unknown operator {:?}", m.op))?;
            Matcher::new(m.name, op, m.value).map_err(|error| error.to_string())
        });
        Ok(Silence {
            id: self.id,
            matchers: matchers.collect::<Result<_, _>>()?,
            starts_at: Timestamp::from_nanos(self.starts_at),
            ends_at: Timestamp::from_nanos(self.ends_at),
            updated_at: Timestamp::from_nanos(self.updated_at),
            created_by: self.created_by,
            comment: self.comment,
            annotations: self.annotations,
        })
    }
}

impl LogV1 {
    /// The entry with its key.
    pub fn into_entry(self) -> (Arc<str>, Entry) {
        let sorted = |mut hashes: Box<[u64]>| {
            hashes.sort_unstable();
            hashes
        };
        let entry = Entry {
            at: Timestamp::from_nanos(self.at),
            firing: sorted(self.firing),
            resolved: sorted(self.resolved),
            owed: sorted(self.owed),
            named: self.named,
            expires_at: Timestamp::from_nanos(self.expires_at),
        };
        (self.key, entry)
    }
}

impl GroupV1 {
    /// The instant of the first flush.
    pub fn anchor(&self) -> Timestamp {
        Timestamp::from_nanos(self.anchor)
    }
}

/// 128 bits of SHA-256 in hex: enough that keys never meet, short enough for a store.
fn short_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut text = hex::encode(hash.finalize());
    text.truncate(32);
    text
}

/// Label sets as JSON objects.
mod label_map {
    use super::{BTreeMap, Deserialize, Deserializer, LabelSet, Serializer, SmolStr};

    pub(super) fn serialize<S: Serializer>(labels: &LabelSet, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(labels.iter())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LabelSet, D::Error> {
        let map = BTreeMap::<SmolStr, SmolStr>::deserialize(deserializer)?;
        Ok(LabelSet::from_pairs(map))
    }
}

#[cfg(test)]
mod tests;
