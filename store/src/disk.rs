//! The sled store of a service: up even where its directory cannot be used when the service starts.
//!
//! A full or read-only disk must not keep a service down that wakes people. What the directory holds is read then from a
//! passing copy, commits fail (so that the writer keeps them), and each of them looks whether the directory works again.

use std::path::{Path, PathBuf};

use crate::backend::{Backend, Usage};
use crate::batch::{Batch, Key};
use crate::error::StoreError;
use crate::memory::Memory;
use crate::recovery::Recovery;
use crate::sled::{Sled, copies};

/// Between two attempts to open a directory lie at most two to the power of this many commits. The service tries to commit
/// every few seconds.
const SKIPPED_EXPONENT_MAX: u32 = 4;

/// Records in one directory that may not work yet.
pub(crate) struct Disk {
    dir: PathBuf,
    opened_ms: i64,
    /// `None` until the directory works.
    sled: Option<Sled>,
    /// What could be read meanwhile.
    readable: Memory,
    /// Why it does not work.
    trouble: Option<StoreError>,
    /// How often it could be written to and yet not be opened.
    failures: u32,
    /// So many commits fail before it is tried again: opening is dear.
    skipped: u32,
    is_closed: bool,
}

impl Disk {
    /// Opens the store in `dir`, or what can be read of it.
    ///
    /// # Errors
    /// Another process uses it.
    pub(crate) fn open(dir: &Path, now_ms: i64) -> Result<(Self, Option<Recovery>), StoreError> {
        let disk = |sled, readable, trouble| Self {
            dir: dir.to_owned(),
            opened_ms: now_ms,
            sled,
            readable,
            trouble,
            failures: 0,
            skipped: 0,
            is_closed: false,
        };
        match Sled::open(dir, now_ms) {
            Ok((sled, recovery)) => Ok((disk(Some(sled), Memory::new(), None), recovery)),
            Err(error @ StoreError::InUse { .. }) => Err(error),
            Err(trouble) => {
                let (readable, recovery) = readable(dir, now_ms)?;
                let records = readable.usage().records;
                tracing::error!(
                    error = %trouble, dir = %dir.display(), records,
                    "the store cannot be written; going on with what can be read of it: changes are kept in memory until it can, \
                     and a restart before that forgets them"
                );
                Ok((disk(None, readable, Some(trouble)), recovery))
            }
        }
    }

    /// The store, opened now if it could not be before.
    fn sled(&mut self) -> Result<&mut Sled, StoreError> {
        if self.is_closed {
            return Err(StoreError::Closed);
        }
        if self.sled.is_none() {
            if let (Some(trouble), 1..) = (&self.trouble, self.skipped) {
                self.skipped -= 1;
                return Err(trouble.clone());
            }
            let opened = copies::probe(&self.dir).and_then(|()| {
                Sled::open(&self.dir, self.opened_ms).inspect_err(|_| {
                    self.skipped = 1 << self.failures.min(SKIPPED_EXPONENT_MAX);
                    self.failures += 1;
                })
            });
            let (sled, recovery) = opened.inspect_err(|error| self.trouble = Some(error.clone()))?;
            if let Some(recovery) = recovery {
                tracing::error!("{recovery}");
            }
            tracing::info!(dir = %self.dir.display(), "the store could be opened at last");
            (self.sled, self.readable, self.trouble) = (Some(sled), Memory::new(), None);
        }
        self.sled.as_mut().ok_or(StoreError::Closed)
    }
}

/// What a directory holds that cannot be opened in place; nothing where even that cannot be had.
fn readable(dir: &Path, now_ms: i64) -> Result<(Memory, Option<Recovery>), StoreError> {
    let mut memory = Memory::new();
    let read = match copies::read(dir, now_ms) {
        Ok(read) => read,
        Err(error @ StoreError::InUse { .. }) => return Err(error),
        Err(error) => {
            tracing::warn!(%error, "nothing can be read of the store");
            return Ok((memory, None));
        }
    };
    memory.commit(&[read.records.into_iter().map(|(key, value)| (key, Some(value))).collect()])?;
    Ok((memory, read.recovery))
}

impl Backend for Disk {
    fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        self.sled()?.commit(batches)
    }

    fn scan(&mut self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        match &mut self.sled {
            Some(sled) => sled.scan(prefix),
            None => self.readable.scan(prefix),
        }
    }

    fn get(&mut self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        match &mut self.sled {
            Some(sled) => sled.get(keys),
            None => self.readable.get(keys),
        }
    }

    fn export(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.sled()?.export(now_ms)
    }

    fn close(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let closed = self.sled().and_then(|sled| sled.close(now_ms));
        self.is_closed = true;
        closed
    }

    fn usage(&self) -> Usage {
        match &self.sled {
            Some(sled) => sled.usage(),
            None => self.readable.usage(),
        }
    }

    fn trouble(&self) -> Option<&StoreError> {
        self.trouble.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str) -> Batch {
        let mut batch = Batch::new();
        batch.put(key, "1");
        batch
    }

    #[test]
    fn what_cannot_be_opened_is_read_and_opened_later() {
        let dir = tempfile::tempdir().unwrap();
        let (mut disk, _) = Disk::open(dir.path(), 1).unwrap();
        disk.commit(&[put("early")]).unwrap();
        drop(disk);
        // Nobody can write to a journal that is a directory, root included.
        let journal = dir.path().join("journal");
        let kept = std::fs::read(&journal).unwrap();
        std::fs::remove_file(&journal).unwrap();
        std::fs::create_dir(&journal).unwrap();
        let (mut disk, _) = Disk::open(dir.path(), 2).unwrap();
        assert!(disk.trouble().is_some_and(|error| error.to_string().contains("journal")));
        assert!(disk.commit(&[put("late")]).is_err());
        std::fs::remove_dir(&journal).unwrap();
        std::fs::write(&journal, kept).unwrap();
        assert!(disk.commit(&[put("late")]).is_err(), "not tried at once");
        disk.commit(&[put("late")]).unwrap();
        assert_eq!((disk.scan("").unwrap().len(), disk.trouble().is_none()), (2, true));
        assert!(matches!(Disk::open(dir.path(), 3), Err(StoreError::InUse { .. })));
    }
}
