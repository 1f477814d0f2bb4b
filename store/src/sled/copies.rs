//! Copies of all records that people make, look at and put in place, with the service stopped. A copy is a file in the format
//! of `export.rs`: so are the exports that a running service writes into its directory.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::backend::Backend;
use crate::batch::{Batch, Key};
use crate::error::StoreError;
use crate::recovery::Recovery;
use crate::sled::directory::{self, Lock};
use crate::sled::record::FORMAT_VERSION;
use crate::sled::{Sled, export};

/// A copy is put in place in batches of about this size.
const BATCH_BYTES: usize = 1 << 20;
/// So many names are tried for a passing copy.
const NAMES_MAX: u32 = 1000;

/// All records of a store or of a copy, in key order, and what is to be said of them.
#[derive(Debug)]
pub struct Records {
    /// Keys and values.
    pub records: Vec<(Key, Vec<u8>)>,
    /// Number of the last commit in it.
    pub generation: u64,
    /// When the copy was written, in milliseconds since 1970; none of a store.
    pub written_at_ms: Option<i64>,
    /// How many records there should be.
    pub expected: u64,
    /// What a service that opens this store would find damaged, and what would come back.
    pub recovery: Option<Recovery>,
}

impl Records {
    /// Whether nothing is damaged or missing.
    pub fn is_whole(&self) -> bool {
        self.recovery.is_none() && self.records.len() as u64 == self.expected
    }
}

/// Reads a copy, or a store that no process uses, and changes nothing.
///
/// # Errors
/// It cannot be read, is in use, is no copy, or was written by a newer version.
pub fn read(path: &Path, now_ms: i64) -> Result<Records, StoreError> {
    let reading = |error| StoreError::io(format!("read {}", path.display()), error);
    if !fs::metadata(path).map_err(reading)?.is_dir() {
        return read_copy(path);
    }
    if !directory::has_any(path) {
        let what = format!("there is no store in {}", path.display());
        return Err(StoreError::Damaged { what });
    }
    let _lock = Lock::of_existing(path)?;
    read_store(path, now_ms)
}

/// Reads a store from a passing copy of its files: opening a store may repair it.
pub(crate) fn read_store(dir: &Path, now_ms: i64) -> Result<Records, StoreError> {
    let passing = Passing::create(now_ms)?;
    for error in directory::copy_parts(dir, &passing.0) {
        tracing::warn!(%error, dir = %dir.display(), "a part of the store cannot be read");
    }
    let (mut sled, recovery) = Sled::open(&passing.0, now_ms)?;
    let recovery = recovery.map(|recovery| {
        // Where it lies now is gone in a moment.
        Recovery {
            set_aside: None,
            reason: recovery.reason.replace(&passing.text(), &dir.display().to_string()),
            ..recovery
        }
    });
    let records = sled.scan("")?;
    let (generation, expected) = (sled.usage().generation, records.len() as u64);
    Ok(Records { records, generation, written_at_ms: None, expected, recovery })
}

fn read_copy(path: &Path) -> Result<Records, StoreError> {
    let mut records = Vec::new();
    let read = export::read(path, |key, value| {
        records.push((key, value));
        Ok(())
    })?;
    let Some((header, _)) = read else {
        let what = format!("{} is no copy of a store, or its beginning is spoilt", path.display());
        return Err(StoreError::Damaged { what });
    };
    if header.version > FORMAT_VERSION {
        return Err(StoreError::NewerFormat { dir: path.to_owned(), found: header.version, known: FORMAT_VERSION });
    }
    Ok(Records {
        records,
        generation: header.generation,
        written_at_ms: Some(header.written_at_ms),
        expected: header.records,
        recovery: None,
    })
}

/// Writes a copy to `file`, which must not exist unless it may be replaced. It appears whole or not at all.
///
/// # Errors
/// There is such a file, or it cannot be written.
pub fn write(records: &Records, file: &Path, may_replace: bool, now_ms: i64) -> Result<(), StoreError> {
    if !may_replace && fs::symlink_metadata(file).is_ok() {
        let mend = "give another file, or --force to replace it";
        return Err(StoreError::NotEmpty { path: file.to_owned(), mend });
    }
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".writing");
    let unfinished = PathBuf::from(unfinished);
    let header = export::new_header(now_ms, records.generation, records.records.len() as u64);
    export::write_file(&unfinished, header, records.records.iter().cloned().map(Ok))?;
    let renaming = |error| StoreError::io(format!("rename {} to {}", unfinished.display(), file.display()), error);
    fs::rename(&unfinished, file).map_err(renaming)?;
    match file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => directory::sync(parent),
        None => directory::sync(Path::new(".")),
    }
}

/// Puts records into the store in `dir`, which must hold none unless what is there may be set aside; where that lies then.
///
/// # Errors
/// There is a store already, a process uses it, or it cannot be written.
pub fn put_in_place(
    records: Vec<(Key, Vec<u8>)>,
    dir: &Path,
    may_replace: bool,
    now_ms: i64,
) -> Result<Option<PathBuf>, StoreError> {
    let lock = Lock::take(dir)?;
    let is_empty = !directory::has_any(dir);
    if !is_empty && !may_replace {
        let mend = "give another --storage.path, or --replace to set aside what is there";
        return Err(StoreError::NotEmpty { path: dir.to_owned(), mend });
    }
    let aside = (!is_empty).then(|| directory::set_all_aside(dir, "replaced", now_ms)).transpose()?;
    drop(lock);
    let (mut sled, _) = Sled::open(dir, now_ms)?;
    let mut batch = Batch::new();
    for (key, value) in records {
        batch.put(key, value);
        if batch.bytes() >= BATCH_BYTES {
            sled.commit(&[std::mem::take(&mut batch)])?;
        }
    }
    sled.commit(&[batch])?;
    sled.close(now_ms)?;
    Ok(aside)
}

/// Fails where nothing can be written into a directory, which is cheaper to learn than by opening a store there.
pub(crate) fn probe(dir: &Path) -> Result<(), StoreError> {
    // One that is not there may be made when it can be.
    if dir.exists() { directory::probe(dir) } else { Ok(()) }
}

/// A directory that is gone again with this.
struct Passing(PathBuf);

impl Passing {
    /// Under a name that nobody has, be it in this process at the same instant.
    fn create(now_ms: i64) -> Result<Self, StoreError> {
        let name = format!("watchfire-store-{}-{now_ms}", std::process::id());
        let mut number = 0;
        loop {
            let path = std::env::temp_dir().join(format!("{name}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < NAMES_MAX => number += 1,
                Err(error) => return Err(StoreError::io(format!("create {}", path.display()), error)),
            }
        }
    }

    fn text(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Err(error) = directory::remove(&self.0) {
            tracing::warn!(%error, "a passing copy of the store stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(keys: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let records = keys.iter().map(|key| ((*key).to_owned(), key.repeat(3_000).into_bytes())).collect();
        assert_eq!(put_in_place(records, dir.path(), false, 1).unwrap(), None);
        dir
    }

    #[test]
    fn a_copy_goes_round_and_replaces_nothing_unasked() {
        let (first, second) = (store(&["a", "b"]), store(&["c"]));
        let whole = read(first.path(), 2).unwrap();
        assert!(whole.is_whole());
        let file = second.path().join("copy");
        write(&whole, &file, false, 3).unwrap();
        assert!(matches!(write(&whole, &file, false, 3), Err(StoreError::NotEmpty { .. })));
        write(&whole, &file, true, 4).unwrap();
        let copy = read(&file, 5).unwrap();
        assert_eq!((&copy.records, copy.written_at_ms, copy.is_whole()), (&whole.records, Some(4), true));
        let refused = put_in_place(copy.records.clone(), second.path(), false, 6).unwrap_err();
        assert!(refused.to_string().contains("--replace"), "{refused}");
        let aside = put_in_place(copy.records, second.path(), true, 6).unwrap().unwrap();
        assert_eq!(read(second.path(), 7).unwrap().records, whole.records);
        assert_eq!(read(&aside, 7).unwrap().records.len(), 1, "what was there is kept");
    }

    #[test]
    fn a_store_in_use_and_things_that_are_none_are_told() {
        let dir = store(&["a"]);
        let (open, _) = Sled::open(dir.path(), 1).unwrap();
        assert!(matches!(read(dir.path(), 2), Err(StoreError::InUse { .. })));
        assert!(matches!(put_in_place(Vec::new(), dir.path(), true, 2), Err(StoreError::InUse { .. })));
        drop(open);
        let empty = tempfile::tempdir().unwrap();
        assert!(read(empty.path(), 2).unwrap_err().to_string().contains("there is no store in"));
        let other = empty.path().join("other");
        fs::write(&other, "something else").unwrap();
        assert!(read(&other, 2).unwrap_err().to_string().contains("no copy of a store"));
    }

    /// Both had the same name once: each removed what the other read.
    #[test]
    fn passing_copies_made_at_the_same_instant_are_apart() {
        let copies = [Passing::create(9).unwrap(), Passing::create(9).unwrap()];
        assert_ne!(copies[0].0, copies[1].0);
        let [first, second] = copies;
        drop(first);
        assert!(second.0.is_dir());
    }

    #[test]
    fn damage_is_told_and_nothing_is_changed() {
        let dir = store(&["a", "b"]);
        fs::write(dir.path().join("sled/db"), vec![7; 1000]).unwrap();
        let found = read(dir.path(), 2).unwrap();
        assert!(!found.is_whole() && found.records.len() == 2, "from its export");
        assert_eq!(fs::read(dir.path().join("sled/db")).unwrap(), vec![7; 1000]);
        let export = dir.path().join("export");
        let length = fs::metadata(&export).unwrap().len();
        fs::OpenOptions::new().write(true).open(&export).unwrap().set_len(length - 1).unwrap();
        let torn = read(&export, 3).unwrap();
        assert_eq!((torn.records.len(), torn.expected, torn.is_whole()), (1, 2, false));
    }
}
