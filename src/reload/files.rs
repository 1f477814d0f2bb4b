//! The files a configuration is made of, and what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use glob::MatchOptions;
use model::Timestamp;
use sha2::{Digest, Sha256};

/// Most files that are looked at; of more only the first, by name.
const FILES_MAX: usize = 20_000;

/// Most folders that the system is asked to tell about; changes in others are seen when everything is looked at again.
const FOLDERS_MAX: usize = 2_000;

/// A file changed so shortly before it was read may have changed again within the same tick of the file system's clock.
const TICK_MS: i64 = 2_000;

/// One file, or all that a glob matches. Equal to what the configuration's own readers take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilePattern {
    /// This file, whatever characters its name has.
    Path(PathBuf),
    /// `*` stays within a folder, `**` crosses them.
    Glob(String),
}

/// What the files of some patterns hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Each file that is there.
    files: BTreeMap<PathBuf, Content>,
    /// Patterns without any file.
    empty: BTreeSet<FilePattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Hash([u8; 32]),
    /// It is there and cannot be read.
    Unreadable(io::ErrorKind),
    /// It may have been read before it was as it is now.
    Doubtful,
}

/// Reads files only if something about them changed.
#[derive(Debug, Default)]
pub struct Looker {
    known: BTreeMap<PathBuf, (Stamp, [u8; 32])>,
}

/// Changes with each write, as far as file systems tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl fmt::Display for FilePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Glob(glob) => f.write_str(glob),
        }
    }
}

impl FilePattern {
    /// The files there are.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Path(path) => path.is_file().then(|| path.clone()).into_iter().collect(),
            Self::Glob(glob) => paths(glob).filter(|path| path.is_file()).collect(),
        }
    }

    /// The folders in which a change may concern it. Where one does not exist yet, the nearest above it.
    fn folders(&self, found: &mut BTreeSet<PathBuf>) {
        match self {
            Self::Path(path) => {
                found.extend(existing_folder(path));
                // a link's target may be written in place
                found.extend(path.canonicalize().ok().as_deref().and_then(existing_folder));
            }
            Self::Glob(glob) => {
                let pattern = Path::new(glob);
                let above: Vec<&Path> = pattern.ancestors().skip(1).collect();
                let plain = above.iter().find(|path| !has_wildcard(path));
                found.extend(plain.and_then(|path| existing_folder(&path.join("x"))));
                for parent in above.iter().filter(|path| has_wildcard(path)) {
                    found.extend(paths(&parent.to_string_lossy()).filter(|path| path.is_dir()).take(FOLDERS_MAX));
                }
                let targets = self.files().into_iter().filter(|file| file.is_symlink());
                found.extend(targets.filter_map(|link| link.canonicalize().ok()?.parent().map(Path::to_owned)));
            }
        }
    }
}

/// The folders to be told about.
pub fn folders(patterns: &[FilePattern]) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    patterns.iter().for_each(|pattern| pattern.folders(&mut found));
    found.into_iter().take(FOLDERS_MAX).collect()
}

fn has_wildcard(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

fn paths(glob: &str) -> impl Iterator<Item = PathBuf> {
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
    // What cannot be a glob was refused when the configuration was read.
    glob::glob_with(glob, options).into_iter().flatten().filter_map(Result::ok)
}

fn existing_folder(path: &Path) -> Option<PathBuf> {
    let here = || Some(PathBuf::from("."));
    let nearest = path.ancestors().skip(1).find(|folder| !folder.as_os_str().is_empty() && folder.is_dir());
    nearest.map(Path::to_owned).or_else(here)
}

impl Contents {
    /// How many files there are.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Patterns that have no file any more, though they had.
    pub fn gone_since<'a>(&'a self, before: &'a Self) -> Vec<&'a FilePattern> {
        self.empty.difference(&before.empty).collect()
    }

    /// The files that are new, hold something else, or are gone.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> Vec<&'a Path> {
        let differs = |path: &&PathBuf| self.files.get(*path) != before.files.get(*path);
        let all: BTreeSet<&PathBuf> = self.files.keys().chain(before.files.keys()).filter(differs).collect();
        all.into_iter().map(PathBuf::as_path).collect()
    }

    /// What was surely read by somebody who read it after `began`, and no later.
    pub fn without_newer(mut self, began: Timestamp) -> Self {
        for (path, content) in &mut self.files {
            let stamp = fs::metadata(path).map(|meta| Stamp::of(&meta));
            if stamp.is_ok_and(|stamp| stamp.last_ms() >= began.as_millis()) {
                *content = Content::Doubtful;
            }
        }
        self
    }

    /// What was read, if `before` was the content at the start of the reading and `self` is what the files hold after it:
    /// a change in between counts as not read.
    pub fn as_of(mut self, before: &Self) -> Self {
        for (path, content) in &mut self.files {
            if let Some(earlier) = before.files.get(path) {
                *content = *earlier;
            }
        }
        self
    }
}

impl Looker {
    /// What the files hold now. Blocks: files are read.
    pub fn look(&mut self, now: Timestamp, patterns: &[FilePattern]) -> Contents {
        let mut contents = Contents::default();
        for pattern in patterns {
            let files = pattern.files();
            if files.is_empty() {
                contents.empty.insert(pattern.clone());
            }
            for path in files {
                if contents.files.len() < FILES_MAX && !contents.files.contains_key(&path) {
                    let content = self.content(now, &path);
                    contents.files.insert(path, content);
                }
            }
        }
        self.known.retain(|path, _| contents.files.contains_key(path));
        contents
    }

    fn content(&mut self, now: Timestamp, path: &Path) -> Content {
        let read = || {
            let file = File::open(path)?;
            let stamp = Stamp::of(&file.metadata()?);
            Ok((file, stamp))
        };
        let (mut file, stamp) = match read() {
            Ok(opened) => opened,
            Err(error) => return unreadable(&error),
        };
        if let Some((known, hash)) = self.known.get(path)
            && *known == stamp
        {
            return Content::Hash(*hash);
        }
        let hash = match hash(&mut file) {
            Ok(hash) => hash,
            Err(error) => return unreadable(&error),
        };
        if stamp.is_older_than_a_tick(now) {
            self.known.insert(path.to_owned(), (stamp, hash));
        }
        Content::Hash(hash)
    }
}

fn hash(file: &mut File) -> io::Result<[u8; 32]> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            length => hasher.update(buffer.get(..length).unwrap_or_default()),
        }
    }
}

fn unreadable(error: &io::Error) -> Content {
    Content::Unreadable(error.kind())
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            length: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    fn is_older_than_a_tick(&self, now: Timestamp) -> bool {
        now.as_millis() - self.last_ms() > TICK_MS
    }

    /// When it was last changed, in Unix milliseconds.
    fn last_ms(&self) -> i64 {
        let (secs, nanos) = self.changed.max(self.modified);
        secs.saturating_mul(1000).saturating_add(nanos / 1_000_000)
    }
}

/// Which folder a path leads to now: another one, once it was replaced.
pub fn folder_identity(folder: &Path) -> Option<(u64, u64)> {
    fs::metadata(folder).ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests;
