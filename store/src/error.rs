//! Why the store could not do what it was asked.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::batch::{MAX_KEY_BYTES, MAX_VALUE_BYTES};

/// Why the store could not do what it was asked. Cheap to clone: one failed flush is told to everyone who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process (or another store in this one) has the directory open.
    #[error("{} is already in use by another process; give each process its own --storage.path", dir.display())]
    InUse {
        /// The store's directory.
        dir: PathBuf,
    },
    /// The data was written by a newer Watchfire.
    #[error("{} was written in store format {found}, this version knows up to {known}", dir.display())]
    NewerFormat {
        /// The store's directory.
        dir: PathBuf,
        /// Format version found.
        found: u32,
        /// Newest format version this build can read.
        known: u32,
    },
    /// A key is empty or too long; none of the batch was stored.
    #[error("a key of {bytes} bytes; keys have 1 to {MAX_KEY_BYTES} bytes")]
    BadKey {
        /// Length of the key.
        bytes: usize,
    },
    /// A value is too large; none of the batch was stored.
    #[error("the value of {key:?} has {bytes} bytes; at most {MAX_VALUE_BYTES} can be stored")]
    TooLarge {
        /// The record's key.
        key: String,
        /// Length of its value.
        bytes: usize,
    },
    /// The operating system refused: disk full, read-only, permission, hardware.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was attempted, with the path.
        doing: String,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// There is something already where something was to be written.
    #[error("{} holds something already; {mend}", path.display())]
    NotEmpty {
        /// What is there.
        path: PathBuf,
        /// What may be done about it.
        mend: &'static str,
    },
    /// What is on disk is damaged.
    #[error("the stored data is damaged: {what}")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// The engine failed in a way that is neither of the above.
    #[error("the storage engine failed: {what}")]
    Engine {
        /// Its words.
        what: String,
    },
    /// So much is waiting for the disk to work again that these changes were not even kept in memory.
    #[error("{bytes} bytes of changes wait for the disk to work again; this one was dropped: {cause}")]
    BacklogFull {
        /// Size of what is kept.
        bytes: usize,
        /// Why nothing can be written.
        cause: Box<StoreError>,
    },
    /// The store was closed before.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Wraps a system error with what was attempted.
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source: Arc::new(source) }
    }

    /// True if the batch itself is at fault: trying it again cannot help.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::BadKey { .. } | Self::TooLarge { .. })
    }
}
