//! The embedded backend: sled with the care it needs.
//!
//! sled alone loses data when the power fails and panics on damaged files. What this adds, in the order of its files:
//!
//! * `journal.rs`: what was committed since the database was last brought in line, so that a commit costs one write;
//! * `record.rs`: checksums, 4 KiB parts, and a digest of the whole set in every commit;
//! * `engine.rs`: one open, checked database; syncs the file itself, turns panics into errors;
//! * `witness.rs`: remembers outside sled which commit was acknowledged last;
//! * `export.rs`: the copy to rebuild from; `copies.rs`: copies that people make, look at and put in place;
//! * `directory.rs`: lock, names, setting aside;
//! * `restore.rs`: opens what is sound, rebuilds what is not.

pub mod copies;
mod directory;
mod engine;
mod export;
mod journal;
mod record;
mod restore;
mod witness;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backend::{Backend, Usage};
use crate::batch::{Batch, Key};
use crate::error::StoreError;
use crate::recovery::{Recovery, Source};
use directory::Lock;
use engine::{Engine, guarded};
use journal::Journal;
use record::Meta;
use witness::Witness;

/// Records that each commit brings into the database beside twice its own, while that is due.
const FOLD_RECORDS: usize = 256;

/// Records in one directory, held by one process.
pub struct Sled {
    dir: PathBuf,
    /// When it was opened, to name what may have to be set aside later.
    opened_ms: i64,
    witness: Witness,
    /// What the database does not hold yet.
    journal: Journal,
    /// Every record there is, by the hash of its key.
    keys: HashSet<u64>,
    /// `None` after a failure, until the disk works again, and after closing.
    engine: Option<Engine>,
    /// The last attempt to bring the database in line failed.
    is_behind: bool,
    database_bytes: u64,
    /// True if the disk failed to sync: the database is written anew before it is used again.
    distrusted: bool,
    exported_generation: Option<u64>,
    usage: Usage,
    /// Held until closed; declared last, so that it is let go last.
    lock: Option<Arc<Lock>>,
}

impl Sled {
    /// Opens or creates the store in `dir`; blocks. See [`Store::sled`](crate::Store::sled) for damage and errors.
    pub fn open(dir: &Path, now_ms: i64) -> Result<(Self, Option<Recovery>), StoreError> {
        let lock = Arc::new(Lock::take(dir)?);
        match Self::open_locked(dir, now_ms, Arc::clone(&lock)) {
            Err(error @ StoreError::NewerFormat { .. }) => {
                let aside = directory::set_all_aside(dir, "newer-format", now_ms)?;
                let (mut sled, _) = Self::open_locked(dir, now_ms, lock)?;
                sled.usage.recoveries = 1;
                let (reason, set_aside, source) = (error.to_string(), Some(aside), Source::Nothing);
                Ok((sled, Some(Recovery { reason, set_aside, source, records: 0, salvaged: 0, lost_commits: 0 })))
            }
            opened => opened,
        }
    }

    fn open_locked(dir: &Path, now_ms: i64, lock: Arc<Lock>) -> Result<(Self, Option<Recovery>), StoreError> {
        let witness = Witness::open(dir)?;
        let mut journal = Journal::open(dir)?;
        let acknowledged = witness.generation();
        let (mut engine, recovery) = restore::open(dir, journal.base_of(acknowledged), now_ms)?;
        let recovery = match journal.unreadable() {
            Some(found) if found.is_foreign || recovery.is_some() => {
                let (fresh, aside) = Journal::set_aside(dir, now_ms)?;
                journal = fresh;
                Some(without_journal(recovery, aside, engine.meta()))
            }
            _ => recovery,
        };
        if journal.generation() < engine.meta().generation {
            journal.restart(engine.meta().generation);
        }
        let keys = present(engine.take_found(), &journal);
        let mut sled = Self {
            dir: dir.to_owned(),
            opened_ms: now_ms,
            witness,
            journal,
            keys,
            engine: Some(engine),
            is_behind: false,
            database_bytes: 0,
            distrusted: false,
            exported_generation: None,
            usage: Usage::default(),
            lock: Some(lock),
        };
        let recovery = sled.settle(acknowledged, recovery)?;
        sled.usage.recoveries = u64::from(recovery.is_some());
        note(&mut sled.witness, sled.journal.generation());
        sled.measure();
        Ok((sled, recovery))
    }

    /// After damage the database holds everything that is left, before anything else is done.
    fn settle(&mut self, acknowledged: u64, recovery: Option<Recovery>) -> Result<Option<Recovery>, StoreError> {
        let reached = self.journal.generation();
        let lost_commits = acknowledged.saturating_sub(reached);
        if recovery.is_none() && lost_commits == 0 {
            return Ok(None);
        }
        self.fold_all()?;
        let records = self.keys.len() as u64;
        if lost_commits == 0 {
            return Ok(recovery.map(|recovery| Recovery { records, ..recovery }));
        }
        self.with_engine(|engine| engine.advance(acknowledged + 1))?;
        let (journal, set_aside) = Journal::set_aside(&self.dir, self.opened_ms)?;
        self.journal = journal;
        self.journal.restart(acknowledged + 1);
        let reason = format!("its journal ends at commit {reached} of {acknowledged}");
        Ok(Some(match recovery {
            Some(other) => Recovery {
                reason: format!("{}; {reason}", other.reason),
                records,
                lost_commits: other.lost_commits + lost_commits,
                ..other
            },
            None => Recovery { reason, set_aside, source: Source::Database, records, salvaged: 0, lost_commits },
        }))
    }

    /// The engine, opened anew if it failed before and the disk works again.
    fn engine(&mut self) -> Result<&mut Engine, StoreError> {
        if self.lock.is_none() {
            return Err(StoreError::Closed);
        }
        if self.engine.is_none() {
            directory::probe(&self.dir)?;
            let acknowledged = self.journal.base();
            let (mut engine, recovery) = if self.distrusted {
                let reason = "the disk failed to sync, so what it holds is unknown".to_owned();
                restore::rebuild(&self.dir, acknowledged, self.opened_ms, reason)?
            } else {
                restore::open(&self.dir, acknowledged, self.opened_ms)?
            };
            self.distrusted = false;
            if let Some(recovery) = recovery {
                tracing::error!("{recovery}");
                self.usage.recoveries += 1;
                self.keys = present(engine.take_found(), &self.journal);
                self.journal.distrust();
            }
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
            self.database_bytes = engine.log_bytes();
        }
        self.count();
    }

    fn count(&mut self) {
        let bytes = self.database_bytes + self.journal.bytes();
        let (generation, records) = (self.journal.generation(), self.keys.len() as u64);
        self.usage = Usage { generation, records, bytes, ..self.usage };
    }

    /// Brings up to `count` changes of the journal into the database; true once it has all.
    fn fold(&mut self, count: usize) -> Result<bool, StoreError> {
        let (changes, is_all) = self.journal.slice(count)?;
        let last = is_all.then_some(self.journal.generation());
        let generation = self.with_engine(|engine| {
            engine.fold(&changes, last)?;
            Ok(engine.meta().generation)
        })?;
        self.journal.folded(&changes);
        if is_all {
            self.journal.restart(generation);
        }
        Ok(is_all)
    }

    /// Brings everything into the database.
    fn fold_all(&mut self) -> Result<(), StoreError> {
        if self.journal.is_folded() && !self.journal.must_be_folded() {
            return Ok(());
        }
        while !self.fold(usize::MAX)? {}
        Ok(())
    }

    /// Part of what is due, with a commit that is durable: a failure fails nobody, and is tried again.
    fn fold_some(&mut self, committed: usize) {
        let folded = self.fold(FOLD_RECORDS + 2 * committed);
        if let Err(error) = &folded
            && !self.is_behind
        {
            tracing::error!(%error, "what was committed cannot be brought into the database; it stays in the journal");
        }
        self.is_behind = folded.is_err();
    }
}

impl Drop for Sled {
    /// Leaves the database complete where it can.
    fn drop(&mut self) {
        if self.lock.is_some()
            && let Err(error) = self.fold_all()
        {
            tracing::warn!(%error, "what was committed stays in the journal");
        }
    }
}

impl Backend for Sled {
    fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        batches.iter().try_for_each(Batch::check)?;
        if self.lock.is_none() {
            return Err(StoreError::Closed);
        }
        let committed = batches.iter().map(|batch| batch.changes().len()).sum();
        if committed == 0 {
            return Ok(());
        }
        if self.journal.must_be_folded() {
            self.fold_all()?;
        }
        let generation = self.journal.append(batches)?;
        for (key, value) in batches.iter().flat_map(Batch::changes) {
            match value {
                Some(_) => self.keys.insert(record::key_hash(key)),
                None => self.keys.remove(&record::key_hash(key)),
            };
        }
        note(&mut self.witness, generation);
        if self.journal.is_long() {
            self.fold_some(committed);
        }
        self.count();
        Ok(())
    }

    fn scan(&mut self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        let records = self.with_engine(|engine| engine.scan(prefix))?;
        let changes = self.journal.changes(prefix)?;
        if changes.is_empty() {
            return Ok(records);
        }
        let mut records: BTreeMap<Key, Vec<u8>> = records.into_iter().collect();
        for (key, value) in changes {
            match value {
                Some(value) => records.insert(key, value),
                None => records.remove(&key),
            };
        }
        Ok(records.into_iter().collect())
    }

    fn get(&mut self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut values = self.with_engine(|engine| engine.values(keys))?;
        for (key, value) in keys.iter().zip(&mut values) {
            if let Some(newer) = self.journal.get(key)? {
                *value = newer;
            }
        }
        Ok(values)
    }

    fn export(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let dir = self.dir.clone();
        self.fold_all()?;
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
        let is_exported = Some(self.journal.generation()) == self.exported_generation;
        let exported = if is_exported { Ok(()) } else { self.export(now_ms) };
        self.engine = None;
        self.lock = None;
        exported
    }

    fn usage(&self) -> Usage {
        self.usage
    }
}

/// The records of a database under what the journal says of it.
fn present(mut found: HashSet<u64>, journal: &Journal) -> HashSet<u64> {
    for (key, is_present) in journal.keys() {
        match is_present {
            true => found.insert(record::key_hash(key)),
            false => found.remove(&record::key_hash(key)),
        };
    }
    found
}

/// What is to be told where nothing of the journal can be read.
fn without_journal(recovery: Option<Recovery>, aside: Option<PathBuf>, meta: Meta) -> Recovery {
    let reason = "nothing of its journal can be read";
    match recovery {
        Some(other) => {
            let lies = aside.as_ref().filter(|_| other.set_aside.is_some()).map(|path| path.display().to_string());
            let lies = lies.map(|path| format!(", which is kept in {path}")).unwrap_or_default();
            let reason = format!("{reason}{lies}; {}", other.reason);
            Recovery { reason, set_aside: other.set_aside.or(aside), ..other }
        }
        None => Recovery {
            reason: reason.to_owned(),
            set_aside: aside,
            source: Source::Database,
            records: meta.records,
            salvaged: 0,
            lost_commits: 0,
        },
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
    fn damage_found_while_running_is_repaired_when_the_database_is_needed_next() {
        let dir = tempfile::tempdir().unwrap();
        let (mut sled, _) = Sled::open(dir.path(), 1).unwrap();
        sled.commit(&[put("exported", "1")]).unwrap();
        sled.export(2).unwrap();
        sled.engine = None;
        std::fs::write(dir.path().join("sled/db"), "garbage").unwrap();
        sled.commit(&[put("next", "1")]).unwrap();
        assert_eq!(sled.scan("").unwrap().len(), 2);
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
