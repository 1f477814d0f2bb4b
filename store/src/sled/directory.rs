//! The store's directory: its lock, its files, moving things aside.
//!
//! Everything lies inside the directory, because that itself is often a mount point and cannot be renamed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// sled's own directory.
pub(super) const DATABASE: &str = "sled";

/// A database being rebuilt, until it takes the place of [`DATABASE`].
pub(super) const REBUILDING: &str = "sled.rebuilding";

/// The newest copy of all records.
pub(super) const EXPORT: &str = "export";

/// The copy before that.
pub(super) const PREVIOUS_EXPORT: &str = "export.previous";

const LOCK: &str = "lock";
const PROBE: &str = "probe";
const PROBE_BYTES: usize = 1 << 20;

/// Keeps other processes out of the directory until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Creates the directory if need be and takes its lock.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|error| StoreError::io(format!("create {}", dir.display()), error))?;
        let path = dir.join(LOCK);
        let opening = |error| StoreError::io(format!("open {}", path.display()), error);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(opening)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(StoreError::io(format!("lock {}", path.display()), error)),
        }
    }
}

impl Drop for Lock {
    /// Unlocks by name: a process just being started may hold a copy of the file for a moment, and the lock with it.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "cannot unlock the store's directory before closing the file");
        }
    }
}

/// Makes names in `dir` durable.
pub(super) fn sync(dir: &Path) -> Result<(), StoreError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|error| StoreError::io(format!("sync {}", dir.display()), error))
}

/// Finds out cheaply whether the disk takes writes at all.
pub(super) fn probe(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(PROBE);
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed).map_err(|error| StoreError::io(format!("write to {}", dir.display()), error))
}

/// Renames `from` to `to` inside `dir`, durably.
pub(super) fn rename(dir: &Path, from: &str, to: &str) -> Result<(), StoreError> {
    fs::rename(dir.join(from), dir.join(to))
        .map_err(|error| StoreError::io(format!("rename {} to {to}", dir.join(from).display()), error))?;
    sync(dir)
}

/// Gives the file `name` the second name `previous`, so that there is a `name` at every moment; where the file system
/// has no links, it is renamed instead.
pub(super) fn keep_previous(dir: &Path, name: &str, previous: &str) -> Result<(), StoreError> {
    if !dir.join(name).exists() {
        return Ok(());
    }
    remove(&dir.join(previous))?;
    fs::hard_link(dir.join(name), dir.join(previous)).or_else(|_| rename(dir, name, previous))
}

/// Moves `name` to `name.corrupt-<now_ms>` (or `-2`, `-3`, … after that); where it lies now, `None` if it did not exist.
pub(super) fn set_aside(dir: &Path, name: &str, now_ms: i64) -> Result<Option<PathBuf>, StoreError> {
    if !dir.join(name).exists() {
        return Ok(None);
    }
    let first = format!("{name}.corrupt-{now_ms}");
    let free = std::iter::once(first.clone())
        .chain((2..).map(|n: u32| format!("{first}-{n}")))
        .find(|name| !dir.join(name).exists())
        .unwrap_or(first);
    rename(dir, name, &free)?;
    Ok(Some(dir.join(free)))
}

/// Removes a file or a directory with all it holds; fine if there is none.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io(format!("remove {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

/// Removes sled's snapshots, which it can do without: only the unfinished ones (a torn one would block every later
/// start), or all of them.
pub(super) fn remove_snapshots(database: &Path, unfinished_only: bool) -> Result<(), StoreError> {
    let listing = |error| StoreError::io(format!("list {}", database.display()), error);
    let entries = match fs::read_dir(database) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(listing(error)),
    };
    for entry in entries {
        let entry = entry.map_err(listing)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && (!unfinished_only || name.ends_with(".generating")) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}
