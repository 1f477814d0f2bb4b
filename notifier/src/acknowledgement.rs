//! Acknowledgements: somebody has taken an episode of an alert on. It is not repeated and not escalated; its end is told.

use model::labels::Fingerprint;
use model::{ClockStep, Matcher, Timestamp};
use std::collections::BTreeMap;

/// Somebody works on an episode: an alert by the hash of its labels, and when it began to fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Whose episode.
    pub fingerprint: Fingerprint,
    /// When it began. An alert that begins later is another episode.
    pub starts_at: Timestamp,
    /// Who.
    pub by: String,
    /// What they said; may be empty.
    pub comment: String,
    /// When.
    pub at: Timestamp,
    /// It counts no longer from here on, though the alert may fire on.
    pub until: Option<Timestamp>,
}

/// What to acknowledge: alerts that fire.
#[derive(Clone, Debug)]
pub enum AckTarget {
    /// These.
    Alerts(Vec<Fingerprint>),
    /// Those that all of these match.
    Matching(Vec<Matcher>),
    /// The members of the groups with this key.
    Group(String),
    /// The members of the group whose key has this [digest](crate::record::group_digest).
    GroupDigest(String),
    /// Those of the target that began no later than this: a link of an old mail is about what it was sent for.
    BegunBy(Timestamp, Box<AckTarget>),
}

/// An acknowledgement as asked for.
#[derive(Clone, Debug)]
pub struct AckDraft {
    /// Of what.
    pub target: AckTarget,
    /// Who; not empty.
    pub by: String,
    /// What they say.
    pub comment: String,
    /// Until when, if not until the episode ends.
    pub until: Option<Timestamp>,
}

/// Why nothing was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// Nothing that fires is meant.
    #[error("no alert that fires is meant")]
    NoAlert,
    /// The draft says something impossible.
    #[error("invalid acknowledgement: {0}")]
    Invalid(&'static str),
}

/// Longest name of somebody who acknowledges, in bytes.
pub const BY_BYTES_MAX: usize = 256;
/// Longest comment, in bytes.
pub const COMMENT_BYTES_MAX: usize = 4096;

/// All acknowledgements, one for an alert at most.
#[derive(Debug, Default)]
pub struct Acknowledgements {
    by_alert: BTreeMap<u64, Acknowledgement>,
}

impl AckDraft {
    /// Whether it can be.
    ///
    /// # Errors
    /// Nobody is named, a text is too long, or the end is past.
    pub fn validate(&self, now: Timestamp) -> Result<(), AckError> {
        if self.by.trim().is_empty() {
            return Err(AckError::Invalid("it must say by whom"));
        }
        if self.by.len() > BY_BYTES_MAX || self.comment.len() > COMMENT_BYTES_MAX {
            return Err(AckError::Invalid("the name has more than 256 bytes or the comment more than 4096"));
        }
        if self.until.is_some_and(|until| until <= now) {
            return Err(AckError::Invalid("it ends in the past"));
        }
        Ok(())
    }
}

impl Acknowledgements {
    /// The acknowledgement of an alert that fires since `starts_at_ms`, if it is in force.
    pub fn in_force(&self, hash: u64, starts_at_ms: i64, at: Timestamp) -> Option<&Acknowledgement> {
        let ack = self.by_alert.get(&hash)?;
        let is_over = ack.until.is_some_and(|until| until <= at) || starts_at_ms > ack.starts_at.as_millis();
        (!is_over).then_some(ack)
    }

    /// Puts one in, in place of the alert's last.
    pub fn put(&mut self, ack: Acknowledgement) {
        self.by_alert.insert(ack.fingerprint.0, ack);
    }

    /// Takes one out.
    pub fn remove(&mut self, hash: u64) -> Option<Acknowledgement> {
        self.by_alert.remove(&hash)
    }

    /// Every one, by fingerprint, also those that count no longer.
    pub fn iter(&self) -> impl Iterator<Item = &Acknowledgement> {
        self.by_alert.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_alert.len()
    }

    /// Whether there are none: nothing else is to be looked at.
    pub fn is_empty(&self) -> bool {
        self.by_alert.is_empty()
    }

    /// The clock was moved.
    pub fn follow_clock(&mut self, step: ClockStep) {
        for ack in self.by_alert.values_mut() {
            ack.at = step.of(ack.at);
            ack.until = ack.until.map(|until| step.of(until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_for_its_episode_and_no_longer_than_said() {
        let t = Timestamp::from_secs;
        let mut acks = Acknowledgements::default();
        let (by, comment) = ("ann".to_owned(), String::new());
        let ack = Acknowledgement {
            fingerprint: Fingerprint(7),
            starts_at: t(10),
            by,
            comment,
            at: t(20),
            until: Some(t(50)),
        };
        acks.put(ack);
        let counts = |hash, start: i64, at| acks.in_force(hash, start * 1000, t(at)).is_some();
        assert!(counts(7, 10, 30) && counts(7, 9, 49), "an earlier start is the same episode");
        assert!(!counts(7, 10, 50), "it was to end");
        assert!(!counts(7, 11, 30), "another episode");
        assert!(!counts(8, 10, 30), "another alert");
    }

    #[test]
    fn somebody_must_have_said_something_possible() {
        let draft = |by: &str, until: Option<i64>| AckDraft {
            target: AckTarget::Alerts(Vec::new()),
            by: by.to_owned(),
            comment: String::new(),
            until: until.map(Timestamp::from_secs),
        };
        let now = Timestamp::from_secs(100);
        assert!(draft("ann", None).validate(now).is_ok() && draft("ann", Some(101)).validate(now).is_ok());
        assert!(draft(" ", None).validate(now).is_err());
        assert!(draft(&"x".repeat(BY_BYTES_MAX + 1), None).validate(now).is_err());
        assert!(draft("ann", Some(100)).validate(now).is_err());
    }
}
