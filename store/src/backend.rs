//! What an engine has to promise.

use crate::batch::{Batch, Key};
use crate::error::StoreError;

/// An engine that holds records. All calls come from one thread and may block; the engine need not know about `async`
/// (one that speaks a network protocol brings its own runtime).
///
/// Tests and the simulator may call a backend directly, without a [`Store`](crate::Store) around it.
pub trait Backend: Send {
    /// Makes all batches durable, in order. Each batch is atomic; when this returns an error, any number of leading
    /// batches may be stored, none of them in part.
    fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError>;

    /// All records whose key starts with `prefix`, verified, in key order.
    fn scan(&mut self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError>;

    /// The records with these keys, verified, in the order asked for; `None` where there is none.
    fn get(&mut self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Writes a copy of all records to restore from, where the engine keeps one.
    fn export(&mut self, now_ms: i64) -> Result<(), StoreError>;

    /// Exports, flushes and lets go of files and locks. Later calls return [`StoreError::Closed`].
    fn close(&mut self, now_ms: i64) -> Result<(), StoreError>;

    /// Why nothing can be written at the moment, where that is known before anything is.
    fn trouble(&self) -> Option<&StoreError> {
        None
    }

    /// Sizes for metrics; must be cheap.
    fn usage(&self) -> Usage;
}

/// What a backend holds at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of records.
    pub records: u64,
    /// Bytes on disk (memory backend: size of keys and values).
    pub bytes: u64,
    /// Number of the last logical commit.
    pub generation: u64,
    /// How often damaged data was found and set aside since the store was opened, the opening included.
    pub recoveries: u64,
}
