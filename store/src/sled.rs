//! The embedded backend: sled with the care it needs.
//!
//! sled alone loses data when the power fails and panics on damaged files. What this adds, in the order of its files:
//!
//! * `record.rs`: checksums, 4 KiB parts, and a digest of the whole set in every commit;
//! * `engine.rs`: one open, checked database; syncs the file itself, turns panics into errors;
//! * `witness.rs`: remembers outside sled which commit was acknowledged last;
//! * `export.rs`: the copy to rebuild from;
//! * `directory.rs`: lock, names, setting aside;
//! * `restore.rs`: opens what is sound, rebuilds what is not.

mod directory;
mod engine;
mod export;
mod record;
mod restore;
mod witness;

use std::path::{Path, PathBuf};

use crate::backend::{Backend, Usage};
use crate::batch::{Batch, Key};
use crate::error::StoreError;
use crate::recovery::Recovery;
use directory::Lock;
use engine::{Engine, guarded};
use witness::Witness;

/// Records in one directory, held by one process.
pub struct Sled {
    dir: PathBuf,
    /// When it was opened, to name what may have to be set aside later.
    opened_ms: i64,
    witness: Witness,
    /// `None` after a failure, until the disk works again, and after closing.
    engine: Option<Engine>,
    /// True if the disk failed to sync: the database is written anew before it is used again.
    distrusted: bool,
    exported_generation: Option<u64>,
    usage: Usage,
    /// Held until closed; declared last, so that it is let go last.
    lock: Option<Lock>,
}

impl Sled {
    /// Opens or creates the store in `dir`; blocks. See [`Store::sled`](crate::Store::sled) for damage and errors.
    pub fn open(dir: &Path, now_ms: i64) -> Result<(Self, Option<Recovery>), StoreError> {
        let lock = Lock::take(dir)?;
        let mut witness = Witness::open(dir)?;
        let (engine, recovery) = restore::open(dir, witness.generation(), now_ms)?;
        note(&mut witness, engine.meta().generation);
        let mut sled = Self {
            dir: dir.to_owned(),
            opened_ms: now_ms,
            witness,
            engine: Some(engine),
            distrusted: false,
            exported_generation: None,
            usage: Usage { recoveries: u64::from(recovery.is_some()), ..Usage::default() },
            lock: Some(lock),
        };
        sled.measure();
        Ok((sled, recovery))
    }

    /// The engine, opened anew if it failed before and the disk works again.
    fn engine(&mut self) -> Result<&mut Engine, StoreError> {
        if self.lock.is_none() {
            return Err(StoreError::Closed);
        }
        if self.engine.is_none() {
            directory::probe(&self.dir)?;
            let acknowledged = self.witness.generation();
            let (engine, recovery) = if self.distrusted {
                let reason = "the disk failed to sync, so what it holds is unknown".to_owned();
                restore::rebuild(&self.dir, acknowledged, self.opened_ms, reason)?
            } else {
                restore::open(&self.dir, acknowledged, self.opened_ms)?
            };
            self.distrusted = false;
            if let Some(recovery) = recovery {
                tracing::error!("{recovery}");
                self.usage.recoveries += 1;
            }
            note(&mut self.witness, engine.meta().generation);
            self.engine = Some(engine);
        }
        self.engine.as_mut().ok_or(StoreError::Closed)
    }

    /// Runs `work`; after a failure the engine is dropped, because sled's memory and the disk may differ from then on.
    fn with_engine<T>(&mut self, work: impl FnOnce(&mut Engine) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = self.engine().and_then(work);
        if result.is_err()
            && let Some(engine) = self.engine.take()
        {
            self.distrusted |= engine.is_distrusted();
        }
        self.measure();
        result
    }

    fn measure(&mut self) {
        if let Some(engine) = &self.engine {
            let meta = engine.meta();
            let (generation, records, bytes) = (meta.generation, meta.records, engine.log_bytes());
            self.usage = Usage { generation, records, bytes, ..self.usage };
        }
    }
}

impl Backend for Sled {
    fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        batches.iter().try_for_each(Batch::check)?;
        let generation = self.with_engine(|engine| {
            engine.commit(batches)?;
            Ok(engine.meta().generation)
        })?;
        note(&mut self.witness, generation);
        Ok(())
    }

    fn scan(&mut self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        self.with_engine(|engine| engine.scan(prefix))
    }

    fn get(&mut self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.with_engine(|engine| engine.values(keys))
    }

    fn export(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let dir = self.dir.clone();
        let engine = self.engine()?;
        let meta = engine.meta();
        let header = export::new_header(now_ms, meta.generation, meta.records);
        let written = guarded(|| export::write(&dir, header, engine.records("")));
        if let Err(StoreError::Damaged { .. } | StoreError::Engine { .. }) = written {
            self.engine = None;
        }
        written?;
        self.exported_generation = Some(meta.generation);
        self.witness.sync().map_err(|error| StoreError::io("sync the witness", error))
    }

    fn close(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let is_exported =
            self.engine.as_ref().is_some_and(|engine| Some(engine.meta().generation) == self.exported_generation);
        let exported = if is_exported { Ok(()) } else { self.export(now_ms) };
        self.engine = None;
        self.lock = None;
        exported
    }

    fn usage(&self) -> Usage {
        self.usage
    }
}

/// A witness that cannot be written only knows less than it could: no reason to fail a commit that is durable.
fn note(witness: &mut Witness, generation: u64) {
    if let Err(error) = witness.note(generation) {
        tracing::warn!(%error, "cannot note the last commit in the witness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Batch {
        let mut batch = Batch::new();
        batch.put(key, value);
        batch
    }

    #[test]
    fn after_a_failed_sync_the_database_is_written_anew_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let (mut sled, _) = Sled::open(dir.path(), 1).unwrap();
        sled.commit(&[put("deleted", "after the export"), put("kept", "1")]).unwrap();
        sled.export(2).unwrap();
        let mut forget = Batch::new();
        forget.delete("deleted").put("kept", "2");
        sled.commit(&[forget]).unwrap();
        // What a failed sync leaves behind.
        sled.engine = None;
        sled.distrusted = true;
        sled.commit(&[put("next", "1")]).unwrap();
        let records = sled.scan("").unwrap();
        assert_eq!(records, [("kept".to_owned(), b"2".to_vec()), ("next".to_owned(), b"1".to_vec())]);
        assert_eq!((sled.usage().recoveries, sled.distrusted), (1, false));
        assert!(!dir.path().join("sled.corrupt-1").exists(), "what was copied whole need not be kept");
        drop(sled);
        assert_eq!(Sled::open(dir.path(), 3).unwrap().1, None);
    }

    #[test]
    fn damage_found_while_running_is_repaired_with_the_next_commit() {
        let dir = tempfile::tempdir().unwrap();
        let (mut sled, _) = Sled::open(dir.path(), 1).unwrap();
        sled.commit(&[put("exported", "1")]).unwrap();
        sled.export(2).unwrap();
        sled.engine = None;
        std::fs::write(dir.path().join("sled/db"), "garbage").unwrap();
        sled.commit(&[put("next", "1")]).unwrap();
        assert_eq!((sled.usage().recoveries, sled.usage().records), (1, 2));
        assert!(dir.path().join("sled.corrupt-1").exists());
    }

    #[test]
    fn a_closed_store_lets_the_directory_go_and_answers_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let (mut sled, _) = Sled::open(dir.path(), 1).unwrap();
        sled.close(2).unwrap();
        assert!(matches!(sled.commit(&[put("a", "1")]), Err(StoreError::Closed)));
        assert!(matches!(sled.export(3), Err(StoreError::Closed)));
        Sled::open(dir.path(), 3).unwrap();
    }
}
