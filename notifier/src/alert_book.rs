//! Every alert known: identity, merging, and which are over.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use model::labels::Fingerprint;
use model::{LabelSet, Timestamp};

mod texts;

use texts::Examples;
pub use texts::Texts;

/// Names a stored alert while it is in the book; used again after it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub u32);

/// An alert as it is known now.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAlert {
    /// Identity, and what the latest report said.
    pub texts: Texts,
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
#[derive(Debug)]
pub struct AlertBook {
    limits: BookLimits,
    /// Bytes of all texts, put together.
    text_bytes: u64,
    /// Texts that were left as they were, as there was no room for longer ones.
    texts_left: u64,
    slots: Vec<Option<StoredAlert>>,
    free: Vec<AlertId>,
    /// By the hash of the labels, which lie in the slots.
    ids: HashTable<Filed>,
    examples: Examples,
}

/// How much a book takes. What is known is always kept up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookLimits {
    /// Most alerts.
    pub alerts_max: usize,
    /// Most bytes of their labels, annotations and links, as they were posted; in memory they take less.
    pub text_bytes_max: u64,
}

/// Where an alert is, with the hash of its labels, so that few labels are put together to be compared or filed anew.
#[derive(Clone, Copy, Debug)]
struct Filed {
    hash: u32,
    id: AlertId,
}

/// An id from here on is damage: so many alerts fit in no memory.
const ALERTS_MAX: u32 = 1 << 28;

impl StoredAlert {
    /// Identity.
    pub fn labels(&self) -> LabelSet {
        self.texts.labels()
    }

    /// Text, from the latest report.
    pub fn annotations(&self) -> LabelSet {
        self.texts.annotations()
    }

    /// Link to its source; may be empty.
    pub fn generator_url(&self) -> Arc<str> {
        self.texts.generator_url()
    }

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

    /// Takes the times over, not the texts.
    fn take(&mut self, report: &Report, now: Timestamp) -> Change {
        let (starts_at, ends_at, is_timeout) = if self.overlaps(report) {
            self.merged(report, now)
        } else {
            (report.starts_at, report.ends_at, report.is_timeout)
        };
        let was_resolved = self.is_resolved(now);
        let turned = was_resolved != (ends_at <= now);
        let change = if turned || starts_at != self.starts_at { Change::Material } else { Change::Refresh };
        if was_resolved && turned {
            self.known_at = now;
        }
        (self.starts_at, self.ends_at, self.is_timeout, self.updated_at) = (starts_at, ends_at, is_timeout, now);
        change
    }
}

impl Report {
    fn text_bytes(&self) -> u64 {
        (self.labels.bytes() + self.annotations.bytes() + self.generator_url.len()) as u64
    }
}

impl BookLimits {
    /// There is always room.
    pub const NONE: Self = Self { alerts_max: usize::MAX, text_bytes_max: u64::MAX };
}

impl Default for AlertBook {
    fn default() -> Self {
        Self::new(BookLimits::NONE)
    }
}

impl AlertBook {
    /// No alerts yet.
    pub fn new(limits: BookLimits) -> Self {
        Self {
            limits,
            text_bytes: 0,
            texts_left: 0,
            slots: Vec::new(),
            free: Vec::new(),
            ids: HashTable::new(),
            examples: Examples::default(),
        }
    }

    /// Whether an alert that is not known may come in.
    pub fn has_room(&self, report: &Report) -> bool {
        self.len() < self.limits.alerts_max && self.has_room_for(report.text_bytes())
    }

    fn has_room_for(&self, bytes: u64) -> bool {
        self.text_bytes.saturating_add(bytes) <= self.limits.text_bytes_max
    }

    /// How much it takes.
    pub fn limits(&self) -> BookLimits {
        self.limits
    }

    /// Bytes of the labels, annotations and links of all alerts.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// How often texts were left as they were, as there was no room for longer ones.
    pub fn texts_left(&self) -> u64 {
        self.texts_left
    }

    /// Stores a report that came now.
    pub fn put(&mut self, now: Timestamp, report: Report) -> (AlertId, Change) {
        match self.find(&report.labels) {
            Some(id) => (id, self.renew(now, id, report)),
            None => (self.admit(now, &report), Change::New),
        }
    }

    /// Stores a report about an alert that is known under this id.
    pub fn renew(&mut self, now: Timestamp, id: AlertId, report: Report) -> Change {
        let Some(known) = self.slots.get_mut(id.0 as usize).and_then(Option::as_mut) else { return Change::Refresh };
        let mut change = known.take(&report, now);
        if !known.texts.has_rest(&report.annotations, &report.generator_url) {
            let left = self.text_bytes.saturating_sub(known.texts.bytes() as u64);
            let bytes = report.text_bytes();
            // Shorter ones are taken in any case.
            if left.saturating_add(bytes) > self.limits.text_bytes_max.max(self.text_bytes) {
                self.texts_left += 1;
                return change;
            }
            self.text_bytes = left + bytes;
            known.texts = self.examples.tell(&report.labels, &report.annotations, &report.generator_url);
            change = Change::Material;
        }
        change
    }

    /// Stores a report about an alert that is not known.
    pub fn admit(&mut self, now: Timestamp, report: &Report) -> AlertId {
        let alert = StoredAlert {
            texts: self.examples.tell(&report.labels, &report.annotations, &report.generator_url),
            fingerprint: report.labels.fingerprint(),
            starts_at: report.starts_at,
            ends_at: report.ends_at,
            updated_at: now,
            known_at: now,
            is_timeout: report.is_timeout,
        };
        let id = self.free.pop().unwrap_or_else(|| {
            let next = AlertId(u32::try_from(self.slots.len()).expect("fewer than four billion alerts fit in memory"));
            self.slots.push(None);
            next
        });
        if let Some(slot) = self.slots.get_mut(id.0 as usize) {
            *slot = Some(alert);
        }
        self.text_bytes += report.text_bytes();
        self.file(id, &report.labels);
        id
    }

    /// Puts an alert of an earlier process in under the id it had. [`AlertBook::find_free`] is to be called after the last.
    ///
    /// # Errors
    /// The id or the labels are taken, or the id is none that a book gives out.
    pub fn put_back(&mut self, id: AlertId, mut alert: StoredAlert) -> Result<(), String> {
        if id.0 >= ALERTS_MAX {
            return Err(format!("there is no alert {}", id.0));
        }
        let labels = alert.labels();
        if self.get(id).is_some() || self.find(&labels).is_some() {
            return Err(format!("alert {labels} is there twice"));
        }
        let at = id.0 as usize;
        if self.slots.len() <= at {
            self.slots.resize(at + 1, None);
        }
        alert.texts = self.examples.tell(&labels, &alert.annotations(), &alert.generator_url());
        self.text_bytes += alert.texts.bytes() as u64;
        self.slots[at] = Some(alert);
        self.file(id, &labels);
        Ok(())
    }

    /// Makes an alert that is in its slot known by its labels.
    fn file(&mut self, id: AlertId, labels: &LabelSet) {
        let hash = hash(labels);
        self.ids.insert_unique(spread(hash), Filed { hash, id }, |filed| spread(filed.hash));
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
        if let Ok(entry) = self.ids.find_entry(spread(hash(&alert.labels())), |known| known.id == id) {
            entry.remove();
        }
        self.text_bytes = self.text_bytes.saturating_sub(alert.texts.bytes() as u64);
        self.free.push(id);
        Some(alert)
    }

    /// The alert with this id.
    pub fn get(&self, id: AlertId) -> Option<&StoredAlert> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// Where an alert is, by its labels.
    pub fn find(&self, labels: &LabelSet) -> Option<AlertId> {
        let hash = hash(labels);
        let is_it = |filed: &Filed| {
            filed.hash == hash && self.get(filed.id).is_some_and(|alert| alert.texts.has_labels(labels))
        };
        self.ids.find(spread(hash), is_it).map(|filed| filed.id)
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

    /// After the clock was put forward to `now` while `step` less had passed: nobody could report in what the clock has skipped,
    /// so what fired is valid for as long as it was, `longest` at most.
    pub fn put_forward(&mut self, step: Duration, now: Timestamp, longest: Duration) {
        let before = now.minus(step);
        for alert in self.slots.iter_mut().flatten().filter(|alert| !alert.is_resolved(before)) {
            alert.ends_at = alert.ends_at.max(alert.ends_at.plus(step).min(now.plus(longest)));
            alert.known_at = alert.known_at.plus(step);
        }
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

fn hash(labels: &LabelSet) -> u32 {
    (FixedState::default().hash_one(labels) >> 32) as u32
}

/// A table looks at the highest bits and at the lowest.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests;
