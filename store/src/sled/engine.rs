//! One open sled database whose content was checked, and the only code that reads or writes it.

use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::batch::{Batch, Change, Key};
use crate::error::StoreError;
use crate::sled::directory;
use crate::sled::record::{self, CHUNK_TAG, FORMAT_VERSION, HEAD_TAG, Head, META_KEY, Meta};

/// sled's file for its log.
const LOG: &str = "db";

const PANICKED: &str = "panicked: ";
const OPENING: &str = "open the database";

/// Memory sled may use to keep pages at hand. Reads happen only at the start and to find what a change replaces.
const CACHE_BYTES: u64 = 8 << 20;

/// How long to wait for sled's threads, of which one may have died, to let go of the database.
const THREADS_DEADLINE: Duration = Duration::from_secs(5);

/// One open sled database.
pub(super) struct Engine {
    /// `None` only while it is being dropped.
    database: Option<::sled::Db>,
    /// Our own handle on the log: sled's flush does not sync the file.
    log: File,
    meta: Meta,
    /// Every record found when it was opened, by the hash of its key.
    found: HashSet<u64>,
    /// True once the system failed to read or sync: nobody knows what the disk holds then.
    distrusted: bool,
}

impl Engine {
    /// Creates the database in `path`, where there is none, and what it needs to be opened again.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let mut engine = Self::open_unchecked(path)?;
        engine.advance(0)?;
        Ok(engine)
    }

    /// Opens the database in `path` and checks every record. Damage gives [`StoreError::Damaged`].
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.join(LOG).exists() {
            return Err(damaged("the database is missing"));
        }
        let mut engine = Self::open_unchecked(path)?;
        (engine.meta, engine.found) = engine.check(path)?;
        Ok(engine)
    }

    /// Opens or creates the database without looking at the records.
    pub(super) fn open_unchecked(path: &Path) -> Result<Self, StoreError> {
        let log = path.join(LOG);
        let is_new = !log.exists();
        let opened = guarded(|| match open_database(path) {
            // Threads of a database closed a moment ago may still hold the file: our own lock keeps others out.
            Err(::sled::Error::Io(error)) if is_locked(&error) => {
                wait_until_unlocked(&log)?;
                open_database(path).map_err(|error| explain(error, OPENING))
            }
            opened => opened.map_err(|error| explain(error, OPENING)),
        });
        let database = panics_are_damage(opened)?;
        let file = File::open(&log).map_err(|error| StoreError::io(format!("open {}", log.display()), error))?;
        if is_new {
            directory::sync(path)?;
            path.parent().map_or(Ok(()), directory::sync)?;
        }
        Ok(Self {
            database: Some(database),
            log: file,
            meta: Meta::default(),
            found: HashSet::new(),
            distrusted: false,
        })
    }

    pub(super) fn meta(&self) -> Meta {
        self.meta
    }

    /// Every record found when it was opened, by the hash of its key. Can be taken once.
    pub(super) fn take_found(&mut self) -> HashSet<u64> {
        std::mem::take(&mut self.found)
    }

    pub(super) fn is_distrusted(&self) -> bool {
        self.distrusted
    }

    pub(super) fn log_bytes(&self) -> u64 {
        self.log.metadata().map_or(0, |meta| meta.len())
    }

    /// Makes all batches durable as one logical commit. After an error the engine must be dropped and opened anew.
    pub(super) fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let mut changes: BTreeMap<&str, Option<&[u8]>> = BTreeMap::new();
        for (key, value) in batches.iter().flat_map(Batch::changes) {
            changes.insert(key, value.as_deref());
        }
        let mut next = self.meta;
        let staged = guarded(|| self.stage(&changes, &mut next))?;
        match staged {
            Some(staged) => self.write(staged, next),
            None => Ok(()),
        }
    }

    /// Takes in changes that are durable elsewhere already. Only with `last`, the generation that the database then is at,
    /// they and those before them become durable here. After an error the engine must be dropped and opened anew.
    pub(super) fn fold(&mut self, changes: &[Change], last: Option<u64>) -> Result<(), StoreError> {
        let changes = changes.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        let mut next = self.meta;
        let staged = guarded(|| self.stage(&changes, &mut next))?;
        next.generation = last.unwrap_or(0).max(self.meta.generation);
        match last {
            Some(_) => self.write(staged.unwrap_or_default(), next),
            None => {
                guarded(|| self.apply(staged.unwrap_or_default(), next))?;
                self.meta = next;
                Ok(())
            }
        }
    }

    /// Continues counting commits after `generation`.
    pub(super) fn advance(&mut self, generation: u64) -> Result<(), StoreError> {
        self.write(::sled::Batch::default(), Meta { generation, ..self.meta })
    }

    /// What sled has to write for `changes`; `None` if everything is stored that way already.
    fn stage(
        &self,
        changes: &BTreeMap<&str, Option<&[u8]>>,
        next: &mut Meta,
    ) -> Result<Option<::sled::Batch>, StoreError> {
        let mut staged = ::sled::Batch::default();
        let mut is_changed = false;
        for (key, value) in changes {
            let old = self.head(key)?;
            let new = value.map(|value| record::encode(key, value));
            if old == new.as_ref().map(|(head, ..)| *head) {
                continue;
            }
            is_changed = true;
            let mut chunks = 0;
            match new {
                Some((head, physical, parts)) => {
                    staged.insert(record::head_key(key), physical);
                    for (index, part) in (0..).zip(parts) {
                        staged.insert(record::chunk_key(key, index), part);
                    }
                    chunks = head.chunks();
                    next.add(head);
                }
                None => staged.remove(record::head_key(key)),
            }
            if let Some(old) = old {
                (chunks..old.chunks()).for_each(|index| staged.remove(record::chunk_key(key, index)));
                next.remove(old);
            }
        }
        next.generation += 1;
        Ok(is_changed.then_some(staged))
    }

    /// Writes to the database's memory, as one change.
    fn apply(&self, mut staged: ::sled::Batch, next: Meta) -> Result<(), StoreError> {
        staged.insert(META_KEY, next.encode());
        self.database()?.apply_batch(staged).map_err(|error| explain(error, "write to the database"))
    }

    fn write(&mut self, staged: ::sled::Batch, next: Meta) -> Result<(), StoreError> {
        let written = guarded(|| {
            self.apply(staged, next)?;
            self.database()?.flush().map_err(|error| explain(error, "flush the database"))
        });
        // sled's flush orders nothing on Linux; only this makes the commit durable.
        let synced = written.and_then(|_| {
            self.log.sync_all().map_err(|error| {
                self.distrusted = true;
                StoreError::io("sync the database", error)
            })
        });
        match synced {
            Ok(()) => self.meta = next,
            Err(ref error) if is_hardware(error) => self.distrusted = true,
            Err(_) => {}
        }
        synced
    }

    /// All records under `prefix`, in key order, each verified.
    pub(super) fn records(&self, prefix: &str) -> impl Iterator<Item = Result<(Key, Vec<u8>), StoreError>> + '_ {
        let heads = self.database.as_ref().map(|database| database.scan_prefix(record::head_key(prefix)));
        heads.into_iter().flatten().map(|entry| {
            let (key, physical) = entry.map_err(|error| explain(error, "read the database"))?;
            self.record(&key, &physical).map(|(_, key, value)| (key, value))
        })
    }

    /// The records under `prefix`; panics inside sled become errors.
    pub(super) fn scan(&self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        guarded(|| self.records(prefix).collect())
    }

    /// The records with these keys, each verified.
    pub(super) fn values(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let value = |key: &Key| {
            let physical_key = record::head_key(key);
            let Some(physical) = self.get(&physical_key)? else { return Ok(None) };
            self.record(&physical_key, &physical).map(|(.., value)| Some(value))
        };
        guarded(|| keys.iter().map(value).collect())
    }

    /// Whatever records can still be read, of a database that may be damaged anywhere.
    pub(super) fn salvage(&self) -> Vec<(Key, Vec<u8>)> {
        let mut salvaged = Vec::new();
        let walked = guarded(|| {
            for entry in self.database()?.scan_prefix([HEAD_TAG]) {
                let (key, physical) = entry.map_err(|error| explain(error, "read the database"))?;
                let read = guarded(|| self.record(&key, &physical));
                salvaged.extend(read.ok().map(|(_, key, value)| (key, value)));
            }
            Ok(())
        });
        if let Err(error) = walked {
            tracing::warn!(%error, records = salvaged.len(), "reading the damaged database ended early");
        }
        salvaged
    }

    /// The entry that describes the set, as it is stored; `None` if there is none.
    pub(super) fn stored_meta(&self, path: &Path) -> Result<Option<Meta>, StoreError> {
        let stored = guarded(|| self.get(META_KEY))?;
        match stored.map(|bytes| Meta::decode(&bytes)).transpose()? {
            None => Ok(None),
            Some(Ok(meta)) => Ok(Some(meta)),
            Some(Err(found)) => {
                let dir = path.parent().unwrap_or(path).to_owned();
                Err(StoreError::NewerFormat { dir, found, known: FORMAT_VERSION })
            }
        }
    }

    /// Reads everything and compares it with what the set says about itself; with the hashes of all keys. Damage gives
    /// [`StoreError::Damaged`].
    pub(super) fn check(&self, path: &Path) -> Result<(Meta, HashSet<u64>), StoreError> {
        panics_are_damage(guarded(|| self.walk(path)))
    }

    fn walk(&self, path: &Path) -> Result<(Meta, HashSet<u64>), StoreError> {
        // Where sled can make nothing of its log, it starts an empty one without a word.
        let stored = self.stored_meta(path)?.ok_or_else(|| damaged("the database is empty where it cannot be"))?;
        let mut found = Meta { generation: stored.generation, ..Meta::default() };
        let (mut chunks, mut keys) = (0, HashSet::new());
        for entry in self.database()?.iter() {
            let (key, physical) = entry.map_err(|error| explain(error, "read the database"))?;
            match key.first() {
                Some(&CHUNK_TAG) => chunks += 1,
                Some(&HEAD_TAG) => {
                    let (head, key, _) = self.record(&key, &physical)?;
                    found.add(head);
                    keys.insert(record::key_hash(&key));
                }
                _ if *key == *META_KEY => {}
                _ => return Err(damaged("an entry that nobody wrote")),
            }
        }
        if chunks != found.chunks {
            return Err(damaged(format!("{chunks} parts of values found, there should be {}", found.chunks)));
        }
        if found != stored {
            return Err(damaged(format!(
                "the records are not the ones committed last ({} found, {} expected)",
                found.records, stored.records
            )));
        }
        Ok((found, keys))
    }

    /// Puts a record together from its physical key and head, and checks it.
    fn record(&self, physical_key: &[u8], physical: &[u8]) -> Result<(Head, Key, Vec<u8>), StoreError> {
        let key = physical_key.get(1..).and_then(|key| std::str::from_utf8(key).ok());
        let key = key.ok_or_else(|| damaged("a record's key is no text"))?;
        let spoilt = || damaged(format!("record {key:?} is spoilt"));
        let (head, inline) = Head::decode(physical).ok_or_else(spoilt)?;
        let mut value = inline.to_vec();
        for index in 0..head.chunks() {
            value.extend_from_slice(&self.get(&record::chunk_key(key, index))?.ok_or_else(spoilt)?);
        }
        if record::checksum(key, &value) != head.checksum {
            return Err(spoilt());
        }
        Ok((head, key.to_owned(), value))
    }

    fn head(&self, key: &str) -> Result<Option<Head>, StoreError> {
        let Some(physical) = self.get(&record::head_key(key))? else { return Ok(None) };
        let (head, _) = Head::decode(&physical).ok_or_else(|| damaged(format!("record {key:?} is spoilt")))?;
        Ok(Some(head))
    }

    fn get(&self, key: &[u8]) -> Result<Option<::sled::IVec>, StoreError> {
        self.database()?.get(key).map_err(|error| explain(error, "read the database"))
    }

    fn database(&self) -> Result<&::sled::Db, StoreError> {
        self.database.as_ref().ok_or(StoreError::Closed)
    }
}

impl Drop for Engine {
    /// Dropping sled flushes and waits for its threads, for ever if one of them is gone: done elsewhere, with a deadline.
    fn drop(&mut self) {
        let database = self.database.take();
        let (done, dropped) = mpsc::channel();
        let dropping = std::thread::Builder::new().name("store-drop".to_owned()).spawn(move || {
            drop(database);
            // The waiting side may have given up by now.
            let _ = done.send(());
        });
        if dropping.is_ok() && dropped.recv_timeout(THREADS_DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("the database's threads do not end; it stays locked until this process does");
        }
    }
}

fn open_database(path: &Path) -> ::sled::Result<::sled::Db> {
    ::sled::Config::new().path(path).cache_capacity(CACHE_BYTES).open()
}

/// sled gives its lock error no kind of its own.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

/// Waits until nobody holds a lock on `log`, for a while.
fn wait_until_unlocked(log: &Path) -> Result<(), StoreError> {
    let file = File::open(log).map_err(|error| StoreError::io(format!("open {}", log.display()), error))?;
    let (done, unlocked) = mpsc::channel();
    let waiting = std::thread::Builder::new().name("store-lock".to_owned()).spawn(move || {
        let locked = file.lock();
        drop(file);
        // The waiting side may have given up by now.
        let _ = done.send(locked.is_ok());
    });
    if waiting.is_ok() && unlocked.recv_timeout(THREADS_DEADLINE) == Ok(true) {
        return Ok(());
    }
    let dir = log.ancestors().nth(2).unwrap_or(log).to_owned();
    Err(StoreError::InUse { dir })
}

/// Turns a panic inside sled into an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(StoreError::Engine { what: message(&*panic) }))
}

/// While opening, a panic has one cause: sled met what it did not expect.
fn panics_are_damage<T>(result: Result<T, StoreError>) -> Result<T, StoreError> {
    result.map_err(|error| match error {
        StoreError::Engine { what } if what.starts_with(PANICKED) => StoreError::Damaged { what },
        error => error,
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("{PANICKED}{}", text.unwrap_or("no message"))
}

fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { what: what.into() }
}

/// sled's errors in our words. System errors that mean "the files are not what they should be" count as damage.
fn explain(error: ::sled::Error, doing: &str) -> StoreError {
    match error {
        ::sled::Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotFound
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory => damaged(format!("cannot {doing}: {error}")),
            _ => StoreError::io(doing, error),
        },
        other => damaged(format!("cannot {doing}: {other}")),
    }
}

/// True if the disk itself failed, as opposed to being full or read-only.
fn is_hardware(error: &StoreError) -> bool {
    const EIO: i32 = 5;
    matches!(error, StoreError::Io { source, .. } if source.raw_os_error() == Some(EIO))
}
