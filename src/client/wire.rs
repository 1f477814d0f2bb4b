//! What the API v2 sends and takes. Fields are written in the order of amtool's JSON output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::moment::Moment;

/// Names and values of labels or annotations.
pub type Pairs = BTreeMap<String, String>;

/// An alert as the notifier shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownAlert {
    /// Text.
    #[serde(default)]
    pub annotations: Pairs,
    /// When it ends unless it is sent again.
    pub ends_at: Moment,
    /// Hash of the labels.
    pub fingerprint: String,
    /// Who is told.
    #[serde(default)]
    pub receivers: Vec<ReceiverName>,
    /// When it began.
    pub starts_at: Moment,
    /// What keeps it quiet, if anything.
    pub status: AlertStatus,
    /// When it was last heard of.
    pub updated_at: Moment,
    /// Link to its source.
    #[serde(rename = "generatorURL", default, skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
    /// Identity.
    pub labels: Pairs,
    /// Who has acknowledged it, as the notifier says it. Not in Alertmanager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<serde_json::Value>,
}

/// A receiver of an alert.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceiverName {
    /// Since Alertmanager 0.33.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Pairs>,
    /// Its name.
    pub name: String,
}

/// Whether an alert is quiet, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatus {
    /// Fingerprints of alerts.
    #[serde(default)]
    pub inhibited_by: Vec<String>,
    /// Names of time intervals; since Alertmanager 0.28.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_by: Option<Vec<String>>,
    /// Ids of silences.
    #[serde(default)]
    pub silenced_by: Vec<String>,
    /// `unprocessed`, `active` or `suppressed`.
    pub state: String,
}

/// An alert to be sent.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentAlert {
    /// Text.
    pub annotations: Pairs,
    /// Where it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Moment>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Moment>,
    /// Link to its source.
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    pub generator_url: Option<String>,
    /// Identity.
    pub labels: Pairs,
}

/// An acknowledgement to be made: exactly one of the first three says of what.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentAck {
    /// Of these alerts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprints: Option<Vec<String>>,
    /// Of those that match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matchers: Option<Vec<String>>,
    /// Of a group's members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_key: Option<String>,
    /// Who.
    pub by: String,
    /// What they say.
    pub comment: String,
    /// Until when, if not until the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

/// An acknowledgement as the notifier shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownAck {
    /// Hash of the alert's labels.
    pub fingerprint: String,
    /// The alert's labels.
    pub labels: Pairs,
    /// When it began to fire.
    pub starts_at: Moment,
    /// Who.
    pub by: String,
    /// What they said.
    #[serde(default)]
    pub comment: String,
    /// When.
    pub at: Moment,
    /// Until when, if not until the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

/// A silence as the notifier shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownSilence {
    /// Its id.
    pub id: String,
    /// Whether it works.
    pub status: SilenceStatus,
    /// When it was last changed.
    pub updated_at: Moment,
    /// What it says.
    #[serde(flatten)]
    pub silence: Silence,
    /// By which schedule it came. Not in Alertmanager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// Whether a silence works.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SilenceStatus {
    /// `pending`, `active` or `expired`.
    pub state: String,
}

/// A silence without what the notifier knows about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Since Alertmanager 0.32.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: Pairs,
    /// Why.
    pub comment: String,
    /// Who.
    pub created_by: String,
    /// Until when.
    pub ends_at: Moment,
    /// What it silences: alerts that all of these match.
    pub matchers: Vec<SilenceMatcher>,
    /// From when.
    pub starts_at: Moment,
    /// It ends when the last alert it covers resolves. Not in Alertmanager.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_resolved: bool,
}

/// When a silence recurs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// Of the recurring silence, where it is not said elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Five fields.
    pub cron: String,
    /// How long each time lasts.
    pub duration: String,
    /// Whose clock it goes by.
    pub timezone: String,
    /// From when on it begins no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

/// A recurring silence to be stored or only looked at.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentMaintenance {
    /// Which it takes the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Free text by name.
    pub annotations: Pairs,
    /// Why.
    pub comment: String,
    /// Who.
    pub created_by: String,
    /// What it silences.
    pub matchers: Vec<SilenceMatcher>,
    /// It begins no earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Moment>,
    /// Each time ends early when the last alert resolves.
    pub until_resolved: bool,
    /// When.
    pub schedule: Schedule,
}

/// One of the times of a recurring silence.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Occurrence {
    /// Begin.
    pub starts_at: Moment,
    /// End.
    pub ends_at: Moment,
    /// Begin on the clock of the zone.
    pub local_starts_at: String,
    /// End on the clock of the zone.
    pub local_ends_at: String,
    /// What a change of the clock does to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a recurring silence would come to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenancePreview {
    /// Its next times.
    pub occurrences: Vec<Occurrence>,
    /// Alerts that fire now and that it would cover.
    pub matching_alerts: usize,
}

/// A recurring silence as the notifier shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownMaintenance {
    /// Its id.
    pub id: String,
    /// Whether there is more to come.
    pub status: SilenceStatus,
    /// When.
    pub schedule: Schedule,
    /// What it silences.
    pub matchers: Vec<SilenceMatcher>,
    /// Why.
    pub comment: String,
    /// Who.
    pub created_by: String,
    /// Free text by name.
    #[serde(default)]
    pub annotations: Pairs,
    /// It begins no earlier.
    pub starts_at: Moment,
    /// When it was last changed.
    pub updated_at: Moment,
    /// Each time ends early when the last alert resolves.
    pub until_resolved: bool,
    /// The silence that is active, or else the next.
    #[serde(rename = "silenceID", default, skip_serializing_if = "Option::is_none")]
    pub silence_id: Option<String>,
    /// The time that is under way, and the next ones.
    pub occurrences: Vec<Occurrence>,
}

/// A matcher of a silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceMatcher {
    /// `=` or `=~`, not `!=` or `!~`.
    #[serde(default = "yes")]
    pub is_equal: bool,
    /// `=~` or `!~`.
    pub is_regex: bool,
    /// Name of the label.
    pub name: String,
    /// Value or pattern.
    pub value: String,
}

/// A silence to be stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SentSilence {
    /// Which silence it takes the place of; none creates one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What it says.
    #[serde(flatten)]
    pub silence: Silence,
}

/// The answer to a stored silence.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredSilence {
    /// Its id.
    #[serde(rename = "silenceID")]
    pub silence_id: String,
    /// Id of the recurring silence whose next time that is.
    #[serde(rename = "scheduleID", default)]
    pub schedule_id: Option<String>,
}

/// The notifier about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// With whom it works together.
    pub cluster: Cluster,
    /// What it works by.
    pub config: Original,
    /// Since when it runs.
    pub uptime: Moment,
    /// What runs.
    pub version_info: VersionInfo,
}

/// The state of a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cluster {
    /// Name of the asked member.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// All members.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// `ready`, `settling` or `disabled`.
    pub status: String,
}

/// A member of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Peer {
    /// Host and port.
    pub address: String,
    /// Its name.
    pub name: String,
}

/// The configuration as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Original {
    /// The file, secrets hidden.
    pub original: String,
}

/// What program runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VersionInfo {
    /// Git branch.
    pub branch: String,
    /// When it was built.
    pub build_date: String,
    /// Who built it.
    pub build_user: String,
    /// What it was built with.
    pub go_version: String,
    /// Git revision.
    pub revision: String,
    /// Its version.
    pub version: String,
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_through_in_amtools_order() {
        let silence = r#"{"id":"1","status":{"state":"active"},"updatedAt":"2026-11-21T22:03:03.602Z","comment":"c","createdBy":"me","endsAt":"2030-01-02T00:00:00.000+02:00","matchers":[{"isEqual":true,"isRegex":false,"name":"a","value":"b"}],"startsAt":"2026-11-21T22:03:03.602Z"}"#;
        let read: ShownSilence = serde_json::from_str(silence).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), silence);
        let alert = r#"{"annotations":{},"endsAt":"2026-11-21T22:08:04.364Z","fingerprint":"aa","receivers":[{"name":"r"}],"startsAt":"2026-11-21T22:03:04.364Z","status":{"inhibitedBy":[],"mutedBy":["we"],"silencedBy":[],"state":"active"},"updatedAt":"2026-11-21T22:03:04.364Z","labels":{"a":"b"}}"#;
        let read: ShownAlert = serde_json::from_str(alert).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), alert);
    }

    #[test]
    fn a_matcher_without_is_equal_is_positive() {
        let read: SilenceMatcher = serde_json::from_str(r#"{"isRegex":true,"name":"a","value":"b"}"#).unwrap();
        assert!(read.is_equal);
    }
}
