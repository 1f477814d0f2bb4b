//! Every alert known: identity, merging, and which are over.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use model::labels::Fingerprint;
use model::{LabelSet, Timestamp};

/// Names a stored alert while it is in the book; used again after it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub u32);

/// An alert as it is known now.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAlert {
    /// Identity.
    pub labels: LabelSet,
    /// Text, from the latest report.
    pub annotations: LabelSet,
    /// Hash of the labels.
    pub fingerprint: Fingerprint,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// It is resolved from here on.
    pub ends_at: Timestamp,
    /// When the latest report came.
    pub updated_at: Timestamp,
    /// When it was first heard of, or heard of again after it was resolved.
    pub known_at: Timestamp,
    /// The end is not the source's word but `resolve_timeout`'s.
    pub is_timeout: bool,
    /// Link to its source; may be empty.
    pub generator_url: Arc<str>,
}

/// A report with its times filled in, ready to be stored.
#[derive(Clone, Debug)]
pub struct Report {
    /// Identity; no empty values.
    pub labels: LabelSet,
    /// Text.
    pub annotations: LabelSet,
    /// As stated or assumed.
    pub starts_at: Timestamp,
    /// As stated or assumed.
    pub ends_at: Timestamp,
    /// Whether the end is assumed.
    pub is_timeout: bool,
    /// Link to its source.
    pub generator_url: Arc<str>,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not known before.
    New,
    /// Another start, text or source, or it went from firing to resolved or back.
    Material,
    /// At most its end moved.
    Refresh,
}

/// Alerts by label set.
#[derive(Debug, Default)]
pub struct AlertBook {
    slots: Vec<Option<StoredAlert>>,
    free: Vec<AlertId>,
    /// By the hash of the labels, which lie in the slots.
    ids: HashTable<AlertId>,
    /// Admitted last: the next one often comes from the same rule.
    latest: Option<AlertId>,
}

/// An id from here on is damage: so many alerts fit in no memory.
const ALERTS_MAX: u32 = 1 << 28;

impl StoredAlert {
    /// Whether it is over: a function of time alone.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.ends_at <= now
    }

    /// Takes in a younger report whose time of activity overlaps: the earliest start survives, and an explicit end
    /// that lies further ahead is shortened only by an explicit resolve.
    fn merged(&self, report: &Report, now: Timestamp) -> (Timestamp, Timestamp, bool) {
        let starts_at = self.starts_at.min(report.starts_at);
        let keeps_end = if report.ends_at <= now { self.is_resolved(now) } else { !self.is_timeout };
        if keeps_end && self.ends_at > report.ends_at {
            (starts_at, self.ends_at, report.is_timeout)
        } else {
            (starts_at, report.ends_at, report.is_timeout)
        }
    }

    /// Whether the report's time of activity begins or ends strictly inside this one's.
    fn overlaps(&self, report: &Report) -> bool {
        let inside = |t: Timestamp| t > self.starts_at && t < self.ends_at;
        inside(report.starts_at) || inside(report.ends_at)
    }

    fn take(&mut self, report: Report, now: Timestamp) -> Change {
        let (starts_at, ends_at, is_timeout) = if self.overlaps(&report) {
            self.merged(&report, now)
        } else {
            (report.starts_at, report.ends_at, report.is_timeout)
        };
        let was_resolved = self.is_resolved(now);
        let turned = was_resolved != (ends_at <= now);
        let mut change = if turned || starts_at != self.starts_at { Change::Material } else { Change::Refresh };
        if was_resolved && turned {
            self.known_at = now;
        }
        (self.starts_at, self.ends_at, self.is_timeout, self.updated_at) = (starts_at, ends_at, is_timeout, now);
        if self.annotations != report.annotations {
            self.annotations = report.annotations;
            change = Change::Material;
        }
        if self.generator_url != report.generator_url {
            self.generator_url = report.generator_url;
            change = Change::Material;
        }
        change
    }
}

impl Report {
    /// Keeps texts that a known alert has too only once.
    fn share_texts(&mut self, known: &StoredAlert) {
        if self.generator_url == known.generator_url {
            self.generator_url = Arc::clone(&known.generator_url);
        }
        if self.annotations == known.annotations {
            self.annotations = known.annotations.clone();
        }
    }
}

impl AlertBook {
    /// Stores a report that came now.
    pub fn put(&mut self, now: Timestamp, report: Report) -> (AlertId, Change) {
        match self.find(&report.labels) {
            Some(id) => (id, self.renew(now, id, report)),
            None => (self.admit(now, report), Change::New),
        }
    }

    /// Stores a report about an alert that is known under this id.
    pub fn renew(&mut self, now: Timestamp, id: AlertId, report: Report) -> Change {
        let known = self.slots.get_mut(id.0 as usize).and_then(Option::as_mut);
        known.map_or(Change::Refresh, |alert| alert.take(report, now))
    }

    /// Stores a report about an alert that is not known.
    pub fn admit(&mut self, now: Timestamp, mut report: Report) -> AlertId {
        if let Some(latest) = self.latest.and_then(|id| self.get(id)) {
            report.share_texts(latest);
        }
        let alert = StoredAlert {
            fingerprint: report.labels.fingerprint(),
            labels: report.labels,
            annotations: report.annotations,
            starts_at: report.starts_at,
            ends_at: report.ends_at,
            updated_at: now,
            known_at: now,
            is_timeout: report.is_timeout,
            generator_url: report.generator_url,
        };
        let id = self.insert(alert);
        self.latest = Some(id);
        id
    }

    /// Puts an alert in as it is; one with the same labels must not be there.
    pub fn insert(&mut self, alert: StoredAlert) -> AlertId {
        let id = self.free.pop().unwrap_or_else(|| {
            let next = AlertId(u32::try_from(self.slots.len()).expect("fewer than four billion alerts fit in memory"));
            self.slots.push(None);
            next
        });
        if let Some(slot) = self.slots.get_mut(id.0 as usize) {
            *slot = Some(alert);
        }
        self.file(id);
        id
    }

    /// Puts an alert of an earlier process in under the id it had. [`AlertBook::find_free`] is to be called after the last.
    ///
    /// # Errors
    /// The id or the labels are taken, or the id is none that a book gives out.
    pub fn put_back(&mut self, id: AlertId, alert: StoredAlert) -> Result<(), String> {
        if id.0 >= ALERTS_MAX {
            return Err(format!("there is no alert {}", id.0));
        }
        if self.get(id).is_some() || self.find(&alert.labels).is_some() {
            return Err(format!("alert {} is there twice", alert.labels));
        }
        let at = id.0 as usize;
        if self.slots.len() <= at {
            self.slots.resize(at + 1, None);
        }
        self.slots[at] = Some(alert);
        self.file(id);
        Ok(())
    }

    /// Makes an alert that is in its slot known by its labels.
    fn file(&mut self, id: AlertId) {
        let Self { slots, ids, .. } = self;
        let hash_of = |id: &AlertId| slots.get(id.0 as usize).and_then(Option::as_ref).map_or(0, |it| hash(&it.labels));
        ids.insert_unique(hash_of(&id), id, hash_of);
    }

    /// Finds the ids that were left out when alerts were put back, to give them out again.
    pub fn find_free(&mut self) {
        let ids = (0..).map(AlertId).zip(&self.slots).filter(|(_, slot)| slot.is_none());
        self.free = ids.map(|(id, _)| id).collect();
        // The lowest first.
        self.free.reverse();
    }

    /// Takes an alert out; its id may be given to another.
    pub fn remove(&mut self, id: AlertId) -> Option<StoredAlert> {
        let alert = self.slots.get_mut(id.0 as usize)?.take()?;
        if let Ok(entry) = self.ids.find_entry(hash(&alert.labels), |known| *known == id) {
            entry.remove();
        }
        self.free.push(id);
        Some(alert)
    }

    /// The alert with this id.
    pub fn get(&self, id: AlertId) -> Option<&StoredAlert> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// Where an alert is, by its labels.
    pub fn find(&self, labels: &LabelSet) -> Option<AlertId> {
        self.ids.find(hash(labels), |id| self.get(*id).is_some_and(|alert| alert.labels == *labels)).copied()
    }

    /// After the clock was set back from `before` to `now`: what was over stays over, what fires is valid for as long as it
    /// was. Gives the ids of those that are over.
    pub fn set_back(&mut self, before: Timestamp, now: Timestamp) -> Vec<AlertId> {
        let step = before.since(now);
        let mut over = Vec::new();
        for (at, alert) in self.slots.iter_mut().enumerate().filter_map(|(at, slot)| Some((at, slot.as_mut()?))) {
            if alert.is_resolved(before) {
                alert.ends_at = alert.ends_at.min(now);
                over.extend(u32::try_from(at).map(AlertId));
            } else {
                alert.ends_at = alert.ends_at.minus(step);
            }
            alert.known_at = alert.known_at.minus(step);
            alert.starts_at = alert.starts_at.min(now);
            alert.updated_at = alert.updated_at.min(now);
        }
        over
    }

    /// Every alert, in order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (AlertId, &StoredAlert)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| Some((AlertId(u32::try_from(at).ok()?), slot.as_ref()?)))
    }

    /// Every id in use is below this.
    pub fn ids_end(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// How many alerts there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

fn hash(labels: &LabelSet) -> u64 {
    FixedState::default().hash_one(labels)
}

#[cfg(test)]
mod tests;
