//! Changes that become durable together or not at all.

use crate::error::StoreError;

/// A record's name, such as `notifier/silence/6b1c…`: readable text under the prefix of the service that owns it.
pub type Key = String;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;

/// Largest value, in bytes. Records are expected to be 50 bytes to 20 KiB.
pub const MAX_VALUE_BYTES: usize = 16 << 20;

/// What happens to one key: `Some` is the new value, `None` forgets the record.
pub type Change = (Key, Option<Vec<u8>>);

/// Puts and deletes that become durable together or not at all. Where a key comes twice, the later change wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<Change>,
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `value` under `key`, in place of any earlier value.
    pub fn put(&mut self, key: impl Into<Key>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.changes.push((key.into(), Some(value.into())));
        self
    }

    /// Forgets `key`; nothing happens if there is no such record.
    pub fn delete(&mut self, key: impl Into<Key>) -> &mut Self {
        self.changes.push((key.into(), None));
        self
    }

    /// The changes, in the order they were added.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// True if nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Size of all keys and values, in bytes.
    pub fn bytes(&self) -> usize {
        self.changes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }

    /// Refuses keys and values no backend could hold.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        for (key, value) in &self.changes {
            if key.is_empty() || key.len() > MAX_KEY_BYTES {
                return Err(StoreError::BadKey { bytes: key.len() });
            }
            if let Some(value) = value
                && value.len() > MAX_VALUE_BYTES
            {
                return Err(StoreError::TooLarge { key: key.clone(), bytes: value.len() });
            }
        }
        Ok(())
    }
}

impl FromIterator<Change> for Batch {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        Self { changes: changes.into_iter().collect() }
    }
}
