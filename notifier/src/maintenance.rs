//! Maintenance windows: silences that recur. Each occurrence is a silence of its own; the next one is there, pending,
//! from the begin of the one before it.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{LabelSet, Matcher, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::schedule::{Occurrence, Schedule};
use crate::silence::{Silence, SilenceState};

/// A silence that recurs.
#[derive(Clone, Debug)]
pub struct Maintenance {
    /// Its name for good, also when it is edited.
    pub id: Uuid,
    /// When.
    pub schedule: Schedule,
    /// No occurrence begins before.
    pub starts_at: Timestamp,
    /// What each occurrence covers.
    pub matchers: Vec<Matcher>,
    /// Each occurrence ends early when its last alert resolves.
    pub until_resolved: bool,
    /// Of the last change.
    pub updated_at: Timestamp,
    /// Who made it; may be empty.
    pub created_by: String,
    /// Why; may be empty.
    pub comment: String,
    /// Free text by name.
    pub annotations: LabelSet,
    /// When the last occurrence that was made begins by the schedule, whatever became of it.
    pub latest: Option<Timestamp>,
    /// It was ended, or no occurrence is left, since then.
    pub ended_at: Option<Timestamp>,
}

/// A recurring silence as asked for.
#[derive(Clone, Debug)]
pub struct MaintenanceDraft {
    /// The one to edit; none makes a new one.
    pub id: Option<Uuid>,
    /// When.
    pub schedule: Schedule,
    /// No occurrence begins before; none: from now on.
    pub starts_at: Option<Timestamp>,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// Each occurrence ends early when its last alert resolves.
    pub until_resolved: bool,
    /// Who makes it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Free text by name.
    pub annotations: LabelSet,
}

/// All recurring silences.
#[derive(Debug, Default)]
pub struct Maintenances {
    by_id: BTreeMap<Uuid, Maintenance>,
}

impl Maintenance {
    /// The id of the occurrence that begins by the schedule at an instant: always the same, so that a crash makes no second.
    pub fn occurrence_id(&self, starts_at: Timestamp) -> Uuid {
        let mut hash = Sha256::new();
        hash.update(self.id.as_bytes());
        hash.update(starts_at.as_nanos().to_be_bytes());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// The occurrence to be made next: the first one after the last that was made, if it is not over already.
    pub fn next(&self, now: Timestamp) -> Option<Occurrence> {
        let instant = Duration::from_nanos(1);
        let after = self.latest.map_or(self.starts_at, |latest| latest.plus(instant));
        let not_over = now.minus(self.schedule.written().duration).plus(instant);
        self.schedule.from(after.max(not_over))
    }

    /// An occurrence as a silence.
    pub fn silence(&self, now: Timestamp, occurrence: Occurrence) -> Silence {
        Silence {
            id: self.occurrence_id(occurrence.starts_at),
            matchers: self.matchers.clone(),
            starts_at: occurrence.starts_at,
            ends_at: occurrence.ends_at,
            updated_at: now,
            created_by: self.created_by.clone(),
            comment: self.comment.clone(),
            annotations: self.annotations.clone(),
            until_resolved: self.until_resolved,
            has_matched: false,
            schedule: Some(self.id),
        }
    }

    /// Where it stands: pending until its first occurrence may begin, active while there are more, then expired.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        match self.ended_at {
            Some(end) if end <= now => SilenceState::Expired,
            _ if now < self.starts_at => SilenceState::Pending,
            _ => SilenceState::Active,
        }
    }
}

impl Maintenances {
    /// Puts one in, in place of the one with its id.
    pub fn put(&mut self, maintenance: Maintenance) {
        self.by_id.insert(maintenance.id, maintenance);
    }

    /// The one with this id.
    pub fn get(&self, id: Uuid) -> Option<&Maintenance> {
        self.by_id.get(&id)
    }

    /// All, in order of ids.
    pub fn iter(&self) -> impl Iterator<Item = &Maintenance> {
        self.by_id.values()
    }

    /// How many there are, those that are over included.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Removes those that ended `retention` ago, and names them.
    pub fn collect(&mut self, now: Timestamp, retention: Duration) -> Vec<Uuid> {
        let gone = self.by_id.extract_if(.., |_, one| one.ended_at.is_some_and(|end| end.plus(retention) <= now));
        gone.map(|(id, _)| id).collect()
    }
}
