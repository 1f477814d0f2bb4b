//! The stored forms of silences, acknowledgements, the notification log, alerts and group anchors: versioned JSON, apart from the live types.

mod alert_page;
mod history_page;
mod maintenance;
mod text_change;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::labels::Fingerprint;
use model::{LabelSet, MatchOp, Matcher, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use uuid::Uuid;

pub use self::maintenance::MaintenanceV1;
use crate::acknowledgement::Acknowledgement;
use crate::group::{Grid, Group, Left, Waiting};
use crate::maintenance::Maintenance;
use crate::notification_log::Entry;
use crate::silence::Silence;
pub use alert_page::{AlertPageV1, PAGE_ALERTS, Whole};
pub use history_page::{HistoryPageV1, PageWriter};
pub(crate) use history_page::{alert_name, group_name};

/// Most records are no longer.
const USUAL_BYTES: usize = 512;
/// Most pages of alerts are no longer.
const USUAL_PAGE_BYTES: usize = 4096;

/// A record of any kind, by version. Instants are nanoseconds since the epoch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Record<'a> {
    /// The first form.
    V1(RecordV1<'a>),
}

/// A record of the first form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordV1<'a> {
    /// Under `silence/<uuid>`.
    Silence(SilenceV1),
    /// Under `maintenance/<uuid>`.
    Maintenance(MaintenanceV1),
    /// Under `log/<hash of its key>`.
    Log(LogV1),
    /// Under `alert/<number of the page>`.
    Alerts(AlertPageV1<'a>),
    /// Under `group/<hash of group key and twin>`.
    Group(GroupV1),
    /// Under `history/<number of the page>`.
    History(HistoryPageV1<'a>),
    /// Under `ack/<fingerprint>`.
    Ack(AckV1),
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
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    until_resolved: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_matched: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<Uuid>,
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
    /// Milliseconds before `at`.
    #[serde(default)]
    starts: Box<[i64]>,
    resolved: Box<[u64]>,
    #[serde(default, skip_serializing_if = "<[u64]>::is_empty")]
    owed: Box<[u64]>,
    #[serde(default, skip_serializing_if = "<[u64]>::is_empty")]
    maybe: Box<[u64]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocked: Option<i64>,
    #[serde(default)]
    address: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named: Option<Arc<str>>,
    expires_at: i64,
}

/// What a group's flushes are counted from, and whose group it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct GroupV1 {
    key: Arc<str>,
    twin: usize,
    anchor: i64,
    /// Nanoseconds between flushes.
    #[serde(default)]
    interval: u64,
    #[serde(default)]
    receiver: String,
    #[serde(default, with = "label_map")]
    labels: LabelSet,
    /// Hash, start in milliseconds, since when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<(u64, i64, i64)>,
}

/// An acknowledgement.
#[derive(Debug, Serialize, Deserialize)]
pub struct AckV1 {
    fingerprint: u64,
    starts_at: i64,
    by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    comment: String,
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

impl Record<'static> {
    /// From what is stored.
    ///
    /// # Errors
    /// It is not a record of a known version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

impl<'a> Record<'a> {
    /// As stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        let is_page = matches!(self, Self::V1(RecordV1::Alerts(_)));
        let mut bytes = Vec::with_capacity(if is_page { USUAL_PAGE_BYTES } else { USUAL_BYTES });
        serde_json::to_writer(&mut bytes, self).expect("records have text keys and no failing serializer");
        bytes
    }

    /// Where a silence is stored.
    pub fn silence_key(id: Uuid) -> String {
        format!("silence/{id}")
    }

    /// Where a recurring silence is stored.
    pub fn maintenance_key(id: Uuid) -> String {
        format!("maintenance/{id}")
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

    /// Where the acknowledgement of an alert is stored.
    pub fn ack_key(fingerprint: Fingerprint) -> String {
        format!("ack/{fingerprint}")
    }

    /// The stored form of an acknowledgement.
    pub fn of_ack(ack: &Acknowledgement) -> Self {
        Self::V1(RecordV1::Ack(AckV1 {
            fingerprint: ack.fingerprint.0,
            starts_at: ack.starts_at.as_nanos(),
            by: ack.by.clone(),
            comment: ack.comment.clone(),
            at: ack.at.as_nanos(),
            until: ack.until.map(Timestamp::as_nanos),
        }))
    }

    /// Where a page of the history is stored; in order of time.
    pub fn history_key(page: u64) -> String {
        format!("history/{page:016x}")
    }

    /// The number of a page of the history, from where it is stored.
    pub fn history_page_of(key: &str) -> Option<u64> {
        u64::from_str_radix(key.strip_prefix("history/")?, 16).ok()
    }

    /// The stored form of a silence.
    pub fn of_silence(silence: &Silence) -> Self {
        Self::V1(RecordV1::Silence(SilenceV1 {
            id: silence.id,
            matchers: matchers_v1(&silence.matchers),
            starts_at: silence.starts_at.as_nanos(),
            ends_at: silence.ends_at.as_nanos(),
            updated_at: silence.updated_at.as_nanos(),
            created_by: silence.created_by.clone(),
            comment: silence.comment.clone(),
            annotations: silence.annotations.clone(),
            until_resolved: silence.until_resolved,
            has_matched: silence.has_matched,
            schedule: silence.schedule,
        }))
    }

    /// The stored form of a recurring silence.
    pub fn of_maintenance(maintenance: &Maintenance) -> Self {
        Self::V1(RecordV1::Maintenance(MaintenanceV1::new(maintenance)))
    }

    /// The stored form of an entry of the notification log.
    pub fn of_log(key: &Arc<str>, entry: &Entry) -> Self {
        Self::V1(RecordV1::Log(LogV1 {
            key: Arc::clone(key),
            at: entry.at.as_nanos(),
            firing: entry.firing.clone(),
            starts: entry.starts.iter().map(|start| entry.at.as_millis().saturating_sub(*start)).collect(),
            resolved: entry.resolved.clone(),
            owed: entry.owed.clone(),
            maybe: entry.maybe.clone(),
            blocked: entry.blocked_until.map(Timestamp::as_nanos),
            address: entry.address,
            named: entry.named.clone(),
            expires_at: entry.expires_at.as_nanos(),
        }))
    }

    /// The stored form of a page of alerts.
    pub fn of_alerts(page: AlertPageV1<'a>) -> Self {
        Self::V1(RecordV1::Alerts(page))
    }

    /// The stored form of a group; `twin` as its route's, `receiver` the name.
    pub fn of_group(group: &Group, twin: usize, receiver: &str) -> Self {
        Self::V1(RecordV1::Group(GroupV1 {
            key: Arc::clone(&group.key),
            twin,
            anchor: group.grid.anchor.as_nanos(),
            interval: u64::try_from(group.grid.interval.as_nanos()).unwrap_or(u64::MAX),
            receiver: receiver.to_owned(),
            labels: group.labels.clone(),
            waiting: group
                .unanswered
                .iter()
                .flat_map(|unanswered| &unanswered.waiting)
                .map(|one| (one.hash, one.start_ms, one.since.as_nanos()))
                .collect(),
        }))
    }
}

impl SilenceV1 {
    /// The silence.
    ///
    /// # Errors
    /// A matcher does not compile.
    pub fn into_silence(self) -> Result<Silence, String> {
        Ok(Silence {
            id: self.id,
            matchers: read_matchers(self.matchers)?,
            starts_at: Timestamp::from_nanos(self.starts_at),
            ends_at: Timestamp::from_nanos(self.ends_at),
            updated_at: Timestamp::from_nanos(self.updated_at),
            created_by: self.created_by,
            comment: self.comment,
            annotations: self.annotations,
            until_resolved: self.until_resolved,
            has_matched: self.has_matched,
            schedule: self.schedule,
        })
    }
}

fn matchers_v1(matchers: &[Matcher]) -> Vec<MatcherV1> {
    let form = |matcher: &Matcher| MatcherV1 {
        name: matcher.name().into(),
        op: matcher.op().as_str().to_owned(),
        value: matcher.value().into(),
    };
    matchers.iter().map(form).collect()
}

fn read_matchers(matchers: Vec<MatcherV1>) -> Result<Vec<Matcher>, String> {
    let read = |m: MatcherV1| {
        let op = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]
            .into_iter()
            .find(|op| op.as_str() == m.op);
        let op = op.ok_or_else(|| format!("unknown operator {:?}", m.op))?;
        Matcher::new(m.name, op, m.value).map_err(|error| error.to_string())
    };
    matchers.into_iter().map(read).collect()
}

impl AckV1 {
    /// The acknowledgement.
    pub fn into_acknowledgement(self) -> Acknowledgement {
        Acknowledgement {
            fingerprint: Fingerprint(self.fingerprint),
            starts_at: Timestamp::from_nanos(self.starts_at),
            by: self.by,
            comment: self.comment,
            at: Timestamp::from_nanos(self.at),
            until: self.until.map(Timestamp::from_nanos),
        }
    }
}

impl LogV1 {
    /// The entry with its key.
    pub fn into_entry(self) -> (Arc<str>, Entry) {
        let sorted = |mut hashes: Box<[u64]>| {
            hashes.sort_unstable();
            hashes
        };
        let at = Timestamp::from_nanos(self.at);
        // An older record does not know the starts: what it says to fire never fires again.
        let starts = self.starts.into_iter().map(|before| at.as_millis().saturating_sub(before));
        let mut told: Vec<(u64, i64)> =
            self.firing.into_iter().zip(starts.chain(std::iter::repeat(i64::MAX))).collect();
        told.sort_unstable();
        let (firing, starts): (Vec<u64>, Vec<i64>) = told.into_iter().unzip();
        let entry = Entry {
            at,
            firing: firing.into(),
            starts: starts.into(),
            resolved: sorted(self.resolved),
            owed: sorted(self.owed),
            maybe: sorted(self.maybe),
            named: self.named,
            blocked_until: self.blocked.map(Timestamp::from_nanos),
            address: self.address,
            expires_at: Timestamp::from_nanos(self.expires_at),
            record_key: None,
        };
        (self.key, entry)
    }
}

impl GroupV1 {
    /// What a group is taken up from.
    pub fn into_left(self) -> Left {
        let waiting = self.waiting.into_iter().map(|(hash, start_ms, since)| Waiting {
            hash,
            start_ms,
            since: Timestamp::from_nanos(since),
        });
        let suffix = format!(":{}", self.labels);
        let route = self.key.strip_suffix(&suffix).unwrap_or_default().into();
        Left {
            route: (route, self.twin),
            key: self.key,
            receiver: self.receiver,
            is_renamed: false,
            labels: self.labels,
            grid: Grid { anchor: Timestamp::from_nanos(self.anchor), interval: Duration::from_nanos(self.interval) },
            waiting: waiting.collect(),
            group: None,
        }
    }
}

/// Names a group where its key would be too long: in links.
pub fn group_digest(key: &str) -> String {
    short_hash(&[key])
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
