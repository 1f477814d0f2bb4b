//! What each integration was last told of each group, and when.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::Timestamp;

/// The last notification that an integration took. Alerts are named by the hash of their labels, in sorted lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was taken.
    pub at: Timestamp,
    /// Told to fire.
    pub firing: Box<[u64]>,
    /// For each of them when its episode began, in milliseconds since the epoch: one that fires again begins later.
    pub starts: Box<[i64]>,
    /// Told to be resolved.
    pub resolved: Box<[u64]>,
    /// Told to fire and hidden since (silenced, muted, inhibited, routed elsewhere): their resolve is still owed.
    pub owed: Box<[u64]>,
    /// Perhaps told to fire: nobody knows what came of the request. Their resolve is owed too.
    pub maybe: Box<[u64]>,
    /// The far side asked not to be called before this instant.
    pub blocked_until: Option<Timestamp>,
    /// What the integration is known by wherever it stands, see [`Integration::address`](crate::receiver::Integration::address); 0 if it is not known.
    pub address: u64,
    /// What the receiver calls its message, as JSON: see [`Outcome::DeliveredAs`](crate::receiver::Outcome::DeliveredAs).
    pub named: Option<Arc<str>>,
    /// May be forgotten after this, once its group is gone.
    pub expires_at: Timestamp,
    /// Where it is stored, once that was worked out: a digest, dear beside the rest of a notification.
    pub record_key: Option<Arc<str>>,
}

/// What a delivery tells, and so what the log will say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Hashes of the alerts that fire, sorted.
    pub firing: Box<[u64]>,
    /// When each of them began, in milliseconds since the epoch.
    pub starts: Box<[i64]>,
    /// Hashes of the alerts that are resolved, sorted.
    pub resolved: Box<[u64]>,
    /// Hashes of the group's alerts that were hidden, and of those routed elsewhere since they were told, sorted.
    pub hidden: Box<[u64]>,
}

/// Whose entry it is, read from its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ear {
    /// Name of the receiver.
    pub receiver: String,
    /// Kind of integration.
    pub kind: String,
    /// Index among the receiver's integrations of the kind.
    pub index: usize,
}

/// Latest entries by key: `groupKey:receiver/kind/index`, as Alertmanager's. Only the latest of a key is kept.
#[derive(Debug, Default)]
pub struct NotificationLog {
    entries: HashMap<Arc<str>, Entry, FixedState>,
}

/// The key of an entry.
pub fn log_key(group_key: &str, receiver: &str, kind: &str, index: usize) -> Arc<str> {
    format!("{group_key}:{receiver}/{kind}/{index}").into()
}

/// How long an entry is worth keeping once nothing refreshes it.
pub fn entry_lifetime(retention: Duration, repeat_interval: Duration) -> Duration {
    retention.min(repeat_interval.saturating_mul(2))
}

/// The group key and the ear of an entry's key.
pub fn split_log_key(key: &str) -> Option<(&str, Ear)> {
    let labels_end = key.rfind("}:")? + 1;
    let (group_key, ear) = key.split_at(labels_end);
    let mut parts = ear.strip_prefix(':')?.rsplitn(3, '/');
    let (index, kind, receiver) = (parts.next()?, parts.next()?, parts.next()?);
    Some((group_key, Ear { receiver: receiver.to_owned(), kind: kind.to_owned(), index: index.parse().ok()? }))
}

impl Entry {
    /// Of an integration that has taken nothing yet.
    pub fn blank(address: u64, at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            at,
            firing: Box::default(),
            starts: Box::default(),
            resolved: Box::default(),
            owed: Box::default(),
            maybe: Box::default(),
            named: None,
            blocked_until: None,
            address,
            expires_at,
            record_key: None,
        }
    }

    /// Whether it says nothing.
    pub fn is_blank(&self) -> bool {
        let hashes = [&self.firing, &self.resolved, &self.owed, &self.maybe];
        hashes.iter().all(|hashes| hashes.is_empty()) && self.blocked_until.is_none()
    }

    /// Whether the integration took a notification: what it may have taken does not count.
    pub fn has_told(&self) -> bool {
        [&self.firing, &self.resolved, &self.owed].iter().any(|hashes| !hashes.is_empty())
    }

    /// Whether the integration believes, or may believe, that this alert fires.
    pub fn is_open(&self, hash: u64) -> bool {
        has(&self.firing, hash) || has(&self.owed, hash) || has(&self.maybe, hash)
    }

    /// Whether the integration knows for certain that this alert fires.
    pub fn knows(&self, hash: u64) -> bool {
        has(&self.firing, hash) || has(&self.owed, hash)
    }

    /// Every alert that is open.
    pub fn open(&self) -> impl Iterator<Item = u64> {
        self.firing.iter().chain(&self.owed).chain(&self.maybe).copied()
    }

    /// When the episode began in which the alert was last told to fire, if it has not been hidden since.
    pub fn start_of(&self, hash: u64) -> Option<i64> {
        let at = self.firing.binary_search(&hash).ok()?;
        self.starts.get(at).copied()
    }

    /// Takes alerts out of those that are known to fire; answers which, in order.
    fn take_firing(&mut self, gone: impl Fn(u64) -> bool) -> Vec<u64> {
        let taken: Vec<u64> = self.firing.iter().copied().filter(|hash| gone(*hash)).collect();
        if !taken.is_empty() {
            let left = self.firing.iter().zip(&self.starts).filter(|(hash, _)| !has(&taken, **hash));
            let (firing, starts): (Vec<u64>, Vec<i64>) = left.map(|(hash, start)| (*hash, *start)).unzip();
            (self.firing, self.starts) = (firing.into(), starts.into());
        }
        taken
    }
}

impl NotificationLog {
    /// After the clock was set back by `step` to `now`: nothing was told later than that.
    pub fn set_back(&mut self, step: Duration, now: Timestamp) {
        for entry in self.entries.values_mut() {
            entry.at = entry.at.min(now);
            for start in &mut entry.starts {
                *start = (*start).min(now.as_millis());
            }
            entry.blocked_until = entry.blocked_until.map(|until| until.minus(step));
        }
    }

    /// After the clock was put forward by `step`: what was told was told as long ago as it was.
    pub fn put_forward(&mut self, step: Duration) {
        for entry in self.entries.values_mut() {
            entry.at = entry.at.plus(step);
            entry.expires_at = entry.expires_at.plus(step);
            entry.blocked_until = entry.blocked_until.map(|until| until.plus(step));
        }
    }

    /// The last entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was ever told.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Notes that an integration took a notification, and answers the new entry. With `owes_resolves`, alerts that were
    /// told to fire and are now hidden stay owed.
    pub fn note(
        &mut self,
        key: &Arc<str>,
        told: &Told,
        (at, lifetime): (Timestamp, Duration),
        (owes_resolves, address): (bool, u64),
    ) -> &Entry {
        let owed = match self.entries.get(key) {
            Some(last) if owes_resolves => told.hidden.iter().copied().filter(|hash| last.is_open(*hash)).collect(),
            _ => Box::default(),
        };
        let entry = Entry {
            firing: told.firing.clone(),
            starts: told.starts.clone(),
            resolved: told.resolved.clone(),
            owed,
            record_key: self.entries.get(key).and_then(|last| last.record_key.clone()),
            ..Entry::blank(address, at, at.plus(lifetime))
        };
        self.entries.entry(Arc::clone(key)).insert_entry(entry).into_mut()
    }

    /// Before a request that tells alerts for the first time: should nobody hear what came of it, it may have arrived.
    /// Answers those that were not open before.
    pub fn intend(&mut self, key: &Arc<str>, firing: &[u64], blank: impl FnOnce() -> Entry) -> Box<[u64]> {
        let known = self.entries.get(key);
        let added: Box<[u64]> =
            firing.iter().copied().filter(|hash| !known.is_some_and(|entry| entry.is_open(*hash))).collect();
        if !added.is_empty() {
            let entry = self.entries.entry(Arc::clone(key)).or_insert_with(blank);
            let mut maybe = entry.maybe.to_vec();
            maybe.extend_from_slice(&added);
            maybe.sort_unstable();
            entry.maybe = maybe.into();
        }
        added
    }

    /// What was intended has not arrived, for certain. Answers whether that changed anything.
    pub fn take_back(&mut self, key: &str, intended: &[u64]) -> bool {
        let Some(entry) = self.entries.get_mut(key).filter(|_| !intended.is_empty()) else { return false };
        entry.maybe = entry.maybe.iter().copied().filter(|hash| !has(intended, *hash)).collect();
        true
    }

    /// Notes until when the far side is not to be called. Answers whether that changed anything.
    pub fn block(&mut self, key: &Arc<str>, until: Option<Timestamp>, blank: impl FnOnce() -> Entry) -> bool {
        let was = self.entries.get(key).and_then(|entry| entry.blocked_until);
        if was != until {
            self.entries.entry(Arc::clone(key)).or_insert_with(blank).blocked_until = until;
        }
        was != until
    }

    /// Alerts that were told to fire are hidden from now on: to be told again when they are not, and owed their resolve.
    /// Answers whether that changed anything.
    pub fn hide(&mut self, key: &str, hidden: &[u64]) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        let taken = entry.take_firing(|hash| has(hidden, hash));
        if taken.is_empty() {
            return false;
        }
        let mut owed = entry.owed.to_vec();
        owed.extend(taken);
        owed.sort_unstable();
        owed.dedup();
        entry.owed = owed.into();
        true
    }

    /// Takes an entry out that says nothing. Answers whether there was one.
    pub fn drop_blank(&mut self, key: &str) -> bool {
        let is_blank = self.entries.get(key).is_some_and(Entry::is_blank);
        is_blank && self.entries.remove(key).is_some()
    }

    /// Where an entry is stored, worked out by `digest` the first time.
    pub fn record_key(&mut self, key: &str, digest: impl FnOnce() -> String) -> String {
        let Some(entry) = self.entries.get_mut(key) else { return digest() };
        entry.record_key.get_or_insert_with(|| digest().into()).to_string()
    }

    /// Every entry, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        self.entries.iter()
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        self.entries.remove(key)
    }

    /// Notes what the receiver calls the message it took, and answers the entry.
    pub fn name(&mut self, key: &str, named: Option<Arc<str>>) -> Option<&Entry> {
        let entry = self.entries.get_mut(key)?;
        entry.named = named;
        Some(entry)
    }

    /// Drops resolved alerts from what an integration believes to fire, without its being told: for integrations that
    /// do not want to hear of resolves. Answers the entry if that changed it.
    pub fn close_quietly(&mut self, key: &str, resolved: &[u64]) -> Option<&Entry> {
        let entry = self.entries.get_mut(key)?;
        if !resolved.iter().any(|hash| entry.is_open(*hash)) {
            return None;
        }
        entry.take_firing(|hash| has(resolved, hash));
        for hashes in [&mut entry.owed, &mut entry.maybe] {
            if hashes.iter().any(|hash| has(resolved, *hash)) {
                *hashes = hashes.iter().copied().filter(|hash| !has(resolved, *hash)).collect();
            }
        }
        Some(entry)
    }

    /// Puts an entry back as it was stored.
    pub fn restore(&mut self, key: Arc<str>, entry: Entry) {
        self.entries.insert(key, entry);
    }

    /// Removes expired entries of groups that are gone, and names their keys, sorted.
    pub fn collect(&mut self, now: Timestamp, is_in_use: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        let mut gone: Vec<Arc<str>> = self
            .entries
            .iter()
            .filter(|(key, e)| e.expires_at <= now && !is_in_use(key))
            .map(|(key, _)| Arc::clone(key))
            .collect();
        gone.sort_unstable();
        for key in &gone {
            self.entries.remove(key);
        }
        gone
    }
}

/// Whether a sorted list holds a hash.
fn has(hashes: &[u64], hash: u64) -> bool {
    hashes.binary_search(&hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_whose_it_is() {
        let key = log_key(r#"{}/{a="}:b/c"}:{k="x/y:{}"}"#, "team/a:b", "webhook", 3);
        let (group_key, ear) = split_log_key(&key).unwrap();
        assert_eq!(group_key, r#"{}/{a="}:b/c"}:{k="x/y:{}"}"#);
        assert_eq!((ear.receiver.as_str(), ear.kind.as_str(), ear.index), ("team/a:b", "webhook", 3));
        assert_eq!(split_log_key("nothing of the kind"), None);
    }
}
