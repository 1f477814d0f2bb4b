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

/// What was committed since the database was last brought in line.
pub(super) const JOURNAL: &str = "journal";

/// Which commit was acknowledged last.
pub(super) const WITNESS: &str = "witness";

/// Everything that makes up a store, but for its lock.
const PARTS: [&str; 6] = [DATABASE, REBUILDING, EXPORT, PREVIOUS_EXPORT, JOURNAL, WITNESS];

const LOCK: &str = "lock";
const PROBE: &str = "probe";
const PROBE_BYTES: usize = 1 << 20;

/// Keeps other processes out of the directory until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of a directory that may not be written to; none where nobody ever took it.
    pub(super) fn of_existing(dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join(LOCK);
        let opened = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened,
        };
        let file = opened.map_err(|error| StoreError::io(format!("open {}", path.display()), error))?;
        Self::locked(dir, file).map(Some)
    }

    /// Creates the directory if need be and takes its lock.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|error| StoreError::io(format!("create {}", dir.display()), error))?;
        let path = dir.join(LOCK);
        let opening = |error| StoreError::io(format!("open {}", path.display()), error);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(opening)?;
        Self::locked(dir, file)
    }

    fn locked(dir: &Path, file: File) -> Result<Self, StoreError> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(StoreError::io(format!("lock {}", dir.join(LOCK).display()), error)),
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

/// Moves everything that makes up a store into a new directory inside `dir`, called `<name>-<now_ms>`; where that is.
pub(super) fn set_all_aside(dir: &Path, name: &str, now_ms: i64) -> Result<PathBuf, StoreError> {
    let first = format!("{name}-{now_ms}");
    let free = std::iter::once(first.clone()).chain((2..).map(|n: u32| format!("{first}-{n}")));
    let aside = free.map(|name| dir.join(name)).find(|path| !path.exists()).unwrap_or_else(|| dir.join(&first));
    fs::create_dir(&aside).map_err(|error| StoreError::io(format!("create {}", aside.display()), error))?;
    for part in PARTS {
        let (from, to) = (dir.join(part), aside.join(part));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io(format!("move {} to {}", from.display(), aside.display()), error));
            }
            _ => {}
        }
    }
    sync(&aside)?;
    sync(dir)?;
    Ok(aside)
}

/// Whether there is anything of a store in `dir`.
pub(super) fn has_any(dir: &Path) -> bool {
    PARTS.iter().any(|part| dir.join(part).exists())
}

/// Copies what makes up a store to another directory, which must exist. Parts that cannot be read are left out, and told.
pub(super) fn copy_parts(from: &Path, to: &Path) -> Vec<io::Error> {
    let mut unreadable = Vec::new();
    for part in PARTS {
        copy(&from.join(part), &to.join(part), &mut unreadable);
    }
    unreadable
}

fn copy(from: &Path, to: &Path, unreadable: &mut Vec<io::Error>) {
    let copied = match fs::metadata(from) {
        Ok(meta) if meta.is_dir() => fs::create_dir(to).and_then(|()| {
            for entry in fs::read_dir(from)? {
                let name = entry?.file_name();
                copy(&from.join(&name), &to.join(&name), unreadable);
            }
            Ok(())
        }),
        // Not `fs::copy`: what may not be written there may be written here.
        Ok(_) => File::open(from).and_then(|mut from| io::copy(&mut from, &mut File::create(to)?)).map(|_| ()),
        Err(error) => Err(error),
    };
    unreadable.extend(copied.err().filter(|error| error.kind() != io::ErrorKind::NotFound));
}

/// Removes a file or a directory with all it holds; fine if there is none.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
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
