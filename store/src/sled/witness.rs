//! Remembers, outside the database, which generation was acknowledged last.
//!
//! A torn log end looks to sled like an unfinished write: it drops it and opens an older, perfectly consistent state
//! without a word. The witness is what makes that loss visible. It is written after the database was synced and before
//! the answer, but not synced itself each time: after `kill -9` it is exact, after a power cut it may lag, never lead.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::StoreError;
use crate::sled::directory::{self, WITNESS};
use crate::sled::record::FORMAT_VERSION;

const MAGIC: &[u8; 4] = b"wfwi";

/// Two slots, written in turn, each in a sector of its own: a torn write spoils only one.
const SLOT_BYTES: usize = 512;

/// How many commits may pass before the witness itself is synced.
const SYNC_EVERY: u64 = 256;

/// The open witness file.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    /// The newest generation it has seen.
    generation: u64,
}

impl Witness {
    /// Opens or creates the witness of `dir`. A spoilt one counts as new: it only ever adds to what is known.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(WITNESS);
        let doing = |error| StoreError::io(format!("open {}", path.display()), error);
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(doing)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(doing)?;
        let mut generation = 0;
        for (version, seen) in bytes.chunks(SLOT_BYTES).take(2).filter_map(decode) {
            if version > FORMAT_VERSION {
                return Err(StoreError::NewerFormat { dir: dir.to_owned(), found: version, known: FORMAT_VERSION });
            }
            generation = generation.max(seen);
        }
        if bytes.len() != 2 * SLOT_BYTES {
            file.set_len(2 * SLOT_BYTES as u64).and_then(|()| file.sync_all()).map_err(doing)?;
            directory::sync(dir)?;
        }
        Ok(Self { file, generation })
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Remembers that `generation` is durable.
    pub(super) fn note(&mut self, generation: u64) -> io::Result<()> {
        if generation <= self.generation {
            return Ok(());
        }
        self.file.write_all_at(&encode(generation), generation % 2 * SLOT_BYTES as u64)?;
        self.generation = generation;
        if generation.is_multiple_of(SYNC_EVERY) { self.sync() } else { Ok(()) }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn encode(generation: u64) -> Vec<u8> {
    let mut slot = [&MAGIC[..], &FORMAT_VERSION.to_le_bytes(), &generation.to_le_bytes()].concat();
    slot.extend_from_slice(&crc32fast::hash(&slot).to_le_bytes());
    slot
}

/// Format version and generation of a slot; `None` if it is empty or spoilt.
fn decode(slot: &[u8]) -> Option<(u32, u64)> {
    let content = slot.get(..16)?;
    let crc = slot.get(16..20)?.first_chunk::<4>()?;
    if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
        return None;
    }
    let content = content.strip_prefix(MAGIC)?;
    let (version, rest) = content.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*version), u64::from_le_bytes(*rest.first_chunk::<8>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_reopening_and_one_spoilt_slot() {
        let dir = tempfile::tempdir().unwrap();
        let mut witness = Witness::open(dir.path()).unwrap();
        assert_eq!(witness.generation(), 0);
        for generation in [1, 2, 7] {
            witness.note(generation).unwrap();
        }
        assert_eq!(Witness::open(dir.path()).unwrap().generation(), 7);
        let path = dir.path().join(WITNESS);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[SLOT_BYTES + 9] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Witness::open(dir.path()).unwrap().generation(), 2);
        std::fs::write(&path, b"").unwrap();
        assert_eq!(Witness::open(dir.path()).unwrap().generation(), 0);
    }

    #[test]
    fn a_newer_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut slot = [&MAGIC[..], &9_u32.to_le_bytes(), &5_u64.to_le_bytes()].concat();
        slot.extend_from_slice(&crc32fast::hash(&slot).to_le_bytes());
        std::fs::write(dir.path().join(WITNESS), &slot).unwrap();
        let error = Witness::open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::NewerFormat { found: 9, .. }), "{error}");
    }
}
