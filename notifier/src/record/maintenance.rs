//! The stored form of recurring silences.

use std::time::Duration;

use model::{LabelSet, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{MatcherV1, label_map, matchers_v1, read_matchers};
use crate::maintenance::Maintenance;
use crate::schedule::{Schedule, WrittenSchedule};

/// A recurring silence.
#[derive(Debug, Serialize, Deserialize)]
pub struct MaintenanceV1 {
    id: Uuid,
    cron: String,
    /// Nanoseconds.
    duration: u64,
    timezone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    starts_at: i64,
    matchers: Vec<MatcherV1>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    until_resolved: bool,
    updated_at: i64,
    created_by: String,
    comment: String,
    #[serde(with = "label_map")]
    annotations: LabelSet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
}

impl MaintenanceV1 {
    /// The stored form.
    pub fn new(maintenance: &Maintenance) -> Self {
        let written = maintenance.schedule.written();
        Self {
            id: maintenance.id,
            cron: written.cron.clone(),
            duration: u64::try_from(written.duration.as_nanos()).unwrap_or(u64::MAX),
            timezone: written.timezone.clone(),
            until: written.until.map(Timestamp::as_nanos),
            starts_at: maintenance.starts_at.as_nanos(),
            matchers: matchers_v1(&maintenance.matchers),
            until_resolved: maintenance.until_resolved,
            updated_at: maintenance.updated_at.as_nanos(),
            created_by: maintenance.created_by.clone(),
            comment: maintenance.comment.clone(),
            annotations: maintenance.annotations.clone(),
            latest: maintenance.latest.map(Timestamp::as_nanos),
            ended_at: maintenance.ended_at.map(Timestamp::as_nanos),
        }
    }

    /// The recurring silence.
    ///
    /// # Errors
    /// A matcher does not compile, or the zone is not known any more.
    pub fn into_maintenance(self) -> Result<Maintenance, String> {
        let written = WrittenSchedule {
            cron: self.cron,
            duration: Duration::from_nanos(self.duration),
            timezone: self.timezone,
            until: self.until.map(Timestamp::from_nanos),
        };
        Ok(Maintenance {
            id: self.id,
            schedule: Schedule::new(written).map_err(|error| error.to_string())?,
            starts_at: Timestamp::from_nanos(self.starts_at),
            matchers: read_matchers(self.matchers)?,
            until_resolved: self.until_resolved,
            updated_at: Timestamp::from_nanos(self.updated_at),
            created_by: self.created_by,
            comment: self.comment,
            annotations: self.annotations,
            latest: self.latest.map(Timestamp::from_nanos),
            ended_at: self.ended_at.map(Timestamp::from_nanos),
        })
    }
}
