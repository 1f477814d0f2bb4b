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
    /// Told to be resolved.
    pub resolved: Box<[u64]>,
    /// Told to fire by an earlier notification and hidden (silenced, inhibited) in the last: their resolve is still owed.
    pub owed: Box<[u64]>,
    /// What the receiver calls its message, as JSON: see [`Outcome::DeliveredAs`](crate::receiver::Outcome::DeliveredAs).
    pub named: Option<Arc<str>>,
    /// May be forgotten after this, once its group is gone.
    pub expires_at: Timestamp,
}

/// What a delivery tells, and so what the log will say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Hashes of the alerts that fire, sorted.
    pub firing: Box<[u64]>,
    /// Hashes of the alerts that are resolved, sorted.
    pub resolved: Box<[u64]>,
    /// Hashes of the group's alerts that were hidden, sorted.
    pub hidden: Box<[u64]>,
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

impl Entry {
    /// Whether the integration believes that this alert fires.
    pub fn is_open(&self, hash: u64) -> bool {
        self.firing.binary_search(&hash).is_ok() || self.owed.binary_search(&hash).is_ok()
    }
}

impl NotificationLog {
    /// After the clock was set back to `now`: nothing was told later than that.
    pub fn set_back(&mut self, now: Timestamp) {
        for entry in self.entries.values_mut() {
            entry.at = entry.at.min(now);
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
        at: Timestamp,
        lifetime: Duration,
        owes_resolves: bool,
    ) -> &Entry {
        let owed = match self.entries.get(key) {
            Some(last) if owes_resolves => told.hidden.iter().copied().filter(|hash| last.is_open(*hash)).collect(),
            _ => Box::default(),
        };
        let entry = Entry {
            at,
            firing: told.firing.clone(),
            resolved: told.resolved.clone(),
            owed,
            named: None,
            expires_at: at.plus(lifetime),
        };
        self.entries.entry(Arc::clone(key)).insert_entry(entry).into_mut()
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
        let still: Box<[u64]> =
            entry.firing.iter().copied().filter(|hash| resolved.binary_search(hash).is_err()).collect();
        if still.len() == entry.firing.len() {
            return None;
        }
        entry.firing = still;
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
