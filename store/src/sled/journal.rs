//! What was committed since the database was last brought in line: one frame a commit, at the end of a file.
//!
//! A commit costs one write and one sync here. In sled each key is looked up, pages are copied and threads woken, so the
//! database gets what changed later and in bulk (`fold`), which also spares it whatever was replaced meanwhile. Then the
//! file is used again from its beginning. Frames are numbered without a gap: what an earlier use of the file left behind
//! the end continues nothing. Room for frames is written ahead of them, so that most syncs concern data alone and leave the
//! file system's own journal in peace.
//!
//! A frame: magic, format version, generation, length of the rest, CRC of all; then for each change the length of its key
//! (2 bytes), that of its value (4 bytes, all ones for a key that is forgotten), key and value. Little endian.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::batch::{Batch, Change, Key};
use crate::error::StoreError;
use crate::sled::directory::{self, JOURNAL};
use crate::sled::record::FORMAT_VERSION;

const MAGIC: &[u8; 4] = b"wfjn";
const HEADER_BYTES: usize = 4 + 4 + 8 + 8 + 4;
/// Length of a value that stands for a key that is forgotten.
const FORGOTTEN: u32 = u32::MAX;

/// From this length on the database is brought in line.
const FOLD_BYTES: u64 = 16 << 20;
/// Nothing more is taken until the database could be brought in line.
const MOST_BYTES: u64 = 128 << 20;
/// Room written ahead: as much as is in use, within these bounds.
const ROOM_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 20;
/// Values handed out at once.
const SLICE_BYTES: usize = 1 << 20;

/// Where the newest value of a key lies in the file; none if the key is forgotten.
type Place = Option<(u64, u32)>;

/// The open journal.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Last generation that the database holds without it.
    base: u64,
    /// Of the last frame.
    generation: u64,
    /// Where the next frame goes.
    end: u64,
    /// Up to here the file was written before, and synced as a whole.
    room_end: u64,
    /// What the database does not hold yet.
    index: HashMap<Key, Place>,
    /// What the file holds may differ from what the disk holds, or from what continues the database.
    is_distrusted: bool,
}

impl Journal {
    /// Opens or creates the journal of `dir`, and reads it up to where it ends or is spoilt.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(JOURNAL);
        let doing = |error| StoreError::io(format!("open {}", path.display()), error);
        let is_new = !path.exists();
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(doing)?;
        if is_new {
            directory::sync(dir)?;
        }
        let mut journal =
            Self { file, base: 0, generation: 0, end: 0, room_end: 0, index: HashMap::new(), is_distrusted: false };
        if let Some(found) = journal.read().map_err(doing)? {
            return Err(StoreError::NewerFormat { dir: dir.to_owned(), found, known: FORMAT_VERSION });
        }
        Ok(journal)
    }

    /// Takes in all frames that follow each other; the version of the first that is of a newer format.
    fn read(&mut self) -> io::Result<Option<u32>> {
        let length = self.file.metadata()?.len();
        let mut reader = BufReader::with_capacity(1 << 16, &self.file);
        while let Some(frame) = Frame::read(&mut reader, length - self.end)? {
            if frame.version > FORMAT_VERSION {
                return Ok(Some(frame.version));
            }
            if self.generation > 0 && frame.generation != self.generation + 1 {
                break;
            }
            let start = self.end + HEADER_BYTES as u64;
            let Some(changes) = frame.changes() else { break };
            for (key, place) in changes {
                self.index.insert(key, place.map(|(at, bytes)| (start + at, bytes)));
            }
            if self.generation == 0 {
                self.base = frame.generation.saturating_sub(1);
            }
            self.generation = frame.generation;
            self.end = start + frame.content.len() as u64;
        }
        Ok(None)
    }

    /// Whether there is something at its beginning that is no frame. Where it was used last, or never, there are zeros.
    pub(super) fn unreadable(&self) -> Option<Unreadable> {
        let mut start = [0; HEADER_BYTES];
        let is_something = self.generation == 0
            && self.file.read_exact_at(&mut start, 0).is_ok()
            && start.iter().any(|byte| *byte != 0);
        is_something.then(|| Unreadable { is_foreign: !start.starts_with(MAGIC) })
    }

    /// Last generation that the database must hold, where `acknowledged` was the last of all.
    pub(super) fn base_of(&self, acknowledged: u64) -> u64 {
        if self.generation == 0 { acknowledged } else { self.base }
    }

    /// Of the last frame, or of the database if there is none.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Last generation that the database holds without it.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Its length, as far as it is in use.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Whether the database has everything.
    pub(super) fn is_folded(&self) -> bool {
        self.index.is_empty()
    }

    /// Whether the database is due to be brought in line.
    pub(super) fn is_long(&self) -> bool {
        self.end >= FOLD_BYTES
    }

    /// Whether that must be done before anything else is taken.
    pub(super) fn must_be_folded(&self) -> bool {
        self.is_distrusted || self.end >= MOST_BYTES
    }

    /// Asks for the database to be brought in line before anything else is taken.
    pub(super) fn distrust(&mut self) {
        self.is_distrusted = true;
    }

    /// Makes batches durable; the generation they are.
    pub(super) fn append(&mut self, batches: &[Batch]) -> Result<u64, StoreError> {
        let generation = self.generation + 1;
        let bytes: usize = batches.iter().map(|batch| batch.bytes() + 6 * batch.changes().len()).sum();
        let mut frame = Vec::with_capacity(HEADER_BYTES + bytes);
        frame.resize(HEADER_BYTES, 0);
        let mut places = Vec::new();
        for (key, value) in batches.iter().flat_map(Batch::changes) {
            frame.extend_from_slice(&(key.len() as u16).to_le_bytes());
            frame.extend_from_slice(&value.as_ref().map_or(FORGOTTEN, |value| value.len() as u32).to_le_bytes());
            frame.extend_from_slice(key.as_bytes());
            places.push((key, value.as_ref().map(|value| (self.end + frame.len() as u64, value.len() as u32))));
            frame.extend_from_slice(value.as_deref().unwrap_or_default());
        }
        let content_bytes = (frame.len() - HEADER_BYTES) as u64;
        let header = header(generation, content_bytes, &frame[HEADER_BYTES..]);
        frame[..HEADER_BYTES].copy_from_slice(&header);
        self.file.write_all_at(&frame, self.end).map_err(|error| StoreError::io("write to the journal", error))?;
        self.sync(self.end + frame.len() as u64).map_err(|error| {
            self.is_distrusted = true;
            StoreError::io("sync the journal", error)
        })?;
        for (key, place) in places {
            match self.index.get_mut(key) {
                Some(known) => *known = place,
                None => drop(self.index.insert(key.clone(), place)),
            }
        }
        self.end += frame.len() as u64;
        self.generation = generation;
        Ok(generation)
    }

    /// Makes durable what was written up to `end`: only data, where there was room for it.
    fn sync(&mut self, end: u64) -> io::Result<()> {
        if end <= self.room_end {
            return self.file.sync_data();
        }
        let room = end.clamp(*ROOM_BYTES.start(), *ROOM_BYTES.end());
        let is_given = self.file.write_all_at(&vec![0; room as usize], end).is_ok();
        // Not `sync_data`: where the file grows on a disk that is just failing, ext4 calls that done.
        self.file.sync_all()?;
        self.room_end = if is_given { end + room } else { end };
        Ok(())
    }

    /// What it says of a key: its value, or that it is forgotten; none if it says nothing.
    pub(super) fn get(&self, key: &str) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        self.index.get(key).map(|place| self.value(*place)).transpose()
    }

    /// What it says of the keys under a prefix, in no order.
    pub(super) fn changes(&self, prefix: &str) -> Result<Vec<Change>, StoreError> {
        let under = self.index.iter().filter(|(key, _)| key.starts_with(prefix));
        under.map(|(key, place)| Ok((key.clone(), self.value(*place)?))).collect()
    }

    /// Every key it says something of, and whether there is such a record.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, bool)> {
        self.index.iter().map(|(key, place)| (key.as_str(), place.is_some()))
    }

    /// The next changes for the database, at most `count`; and whether they are all.
    pub(super) fn slice(&self, count: usize) -> Result<(Vec<Change>, bool), StoreError> {
        let mut bytes = 0;
        let mut slice = Vec::new();
        for (key, place) in self.index.iter().take(count) {
            bytes += place.map_or(0, |(_, bytes)| bytes as usize);
            slice.push((key.clone(), self.value(*place)?));
            if bytes >= SLICE_BYTES {
                break;
            }
        }
        let is_all = slice.len() == self.index.len();
        Ok((slice, is_all))
    }

    /// The database has these changes.
    pub(super) fn folded(&mut self, changes: &[Change]) {
        for (key, _) in changes {
            self.index.remove(key);
        }
    }

    /// The database has everything, durably, and is at `generation`: the file is used again from its beginning.
    pub(super) fn restart(&mut self, generation: u64) {
        self.index.clear();
        (self.base, self.generation, self.end, self.is_distrusted) = (generation, generation, 0, false);
        // Frames that the database holds harm nobody; without them the next start is quicker.
        if let Err(error) = self.file.write_all_at(&[0; HEADER_BYTES], 0) {
            tracing::debug!(%error, "the journal keeps what the database holds");
        }
    }

    /// Moves a spoilt journal aside once the database has what could be read of it, and starts another one.
    pub(super) fn set_aside(dir: &Path, now_ms: i64) -> Result<(Self, Option<std::path::PathBuf>), StoreError> {
        let aside = directory::set_aside(dir, JOURNAL, now_ms)?;
        Ok((Self::open(dir)?, aside))
    }

    fn value(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
        let Some((at, bytes)) = place else { return Ok(None) };
        let mut value = vec![0; bytes as usize];
        let read = self.file.read_exact_at(&mut value, at);
        read.map_err(|error| StoreError::io("read the journal", error))?;
        Ok(Some(value))
    }
}

/// What is at the beginning of a journal of which nothing can be read.
pub(super) struct Unreadable {
    /// It is no frame of ours that was torn when the power failed, before anybody was told that it is durable.
    pub(super) is_foreign: bool,
}

/// A frame as it was read, its checksum being right.
struct Frame {
    version: u32,
    generation: u64,
    content: Vec<u8>,
}

impl Frame {
    /// The next frame; none at the end, or where the file is spoilt. `room` is what is left of the file.
    fn read(reader: &mut impl Read, room: u64) -> io::Result<Option<Self>> {
        if room < HEADER_BYTES as u64 {
            return Ok(None);
        }
        let mut start = [0; HEADER_BYTES];
        reader.read_exact(&mut start)?;
        let Some((version, generation, bytes)) = parsed(&start) else { return Ok(None) };
        if bytes > room - HEADER_BYTES as u64 {
            return Ok(None);
        }
        let mut content = vec![0; bytes as usize];
        reader.read_exact(&mut content)?;
        let is_sound = checksum(&start[..HEADER_BYTES - 4], &content).to_le_bytes() == start[HEADER_BYTES - 4..];
        Ok(is_sound.then_some(Self { version, generation, content }))
    }

    /// Key and place of each change, places counted from the beginning of the content; none if the lengths make no sense.
    fn changes(&self) -> Option<Vec<(Key, Place)>> {
        let mut changes = Vec::new();
        let mut rest = self.content.as_slice();
        while !rest.is_empty() {
            let (key_bytes, after) = rest.split_first_chunk::<2>()?;
            let (value_bytes, after) = after.split_first_chunk::<4>()?;
            let (key, after) = after.split_at_checked(u16::from_le_bytes(*key_bytes).into())?;
            let key = std::str::from_utf8(key).ok()?.to_owned();
            let at = (self.content.len() - after.len()) as u64;
            let (place, after) = match u32::from_le_bytes(*value_bytes) {
                FORGOTTEN => (None, after),
                bytes => (Some((at, bytes)), after.split_at_checked(bytes as usize)?.1),
            };
            changes.push((key, place));
            rest = after;
        }
        Some(changes)
    }
}

fn header(generation: u64, content_bytes: u64, content: &[u8]) -> Vec<u8> {
    let mut header =
        [&MAGIC[..], &FORMAT_VERSION.to_le_bytes(), &generation.to_le_bytes(), &content_bytes.to_le_bytes()].concat();
    header.extend_from_slice(&checksum(&header, content).to_le_bytes());
    header
}

/// Format version, generation and length of the content, from a header whose checksum is still to be compared.
fn parsed(header: &[u8; HEADER_BYTES]) -> Option<(u32, u64, u64)> {
    let (version, rest) = header.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let (generation, rest) = rest.split_first_chunk::<8>()?;
    let (bytes, _) = rest.split_first_chunk::<8>()?;
    Some((u32::from_le_bytes(*version), u64::from_le_bytes(*generation), u64::from_le_bytes(*bytes)))
}

fn checksum(start: &[u8], content: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(start);
    crc.update(content);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Batch {
        let mut batch = Batch::new();
        batch.put(key, value);
        batch
    }

    fn said(journal: &Journal) -> Vec<(Key, Option<String>)> {
        let text = |value: Option<Vec<u8>>| value.map(|value| String::from_utf8(value).unwrap());
        let mut said: Vec<_> =
            journal.changes("").unwrap().into_iter().map(|(key, value)| (key, text(value))).collect();
        said.sort();
        said
    }

    #[test]
    fn says_after_reopening_what_it_was_told_last() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.restart(6);
        let mut forget = put("b", "2");
        forget.delete("a");
        assert_eq!(journal.append(&[put("a", "1"), put("b", "")]).unwrap(), 7);
        assert_eq!(journal.append(&[forget, put("c", "3")]).unwrap(), 8);
        let expected =
            [("a".to_owned(), None), ("b".to_owned(), Some("2".to_owned())), ("c".to_owned(), Some("3".to_owned()))];
        assert_eq!(said(&journal), expected);
        let journal = Journal::open(dir.path()).unwrap();
        assert_eq!((said(&journal), journal.base(), journal.generation()), (expected.into(), 6, 8));
        assert_eq!((journal.get("a").unwrap(), journal.get("x").unwrap()), (Some(None), None));
    }

    #[test]
    fn what_an_earlier_use_left_behind_continues_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        for n in 0..9 {
            journal.append(&[put(&format!("early/{n}"), "same length")]).unwrap();
        }
        let (slice, is_all) = journal.slice(4).unwrap();
        assert_eq!((slice.len(), is_all), (4, false));
        journal.folded(&slice);
        let (rest, is_all) = journal.slice(9).unwrap();
        assert_eq!((rest.len(), is_all), (5, true));
        journal.restart(9);
        assert!(Journal::open(dir.path()).unwrap().is_folded());
        journal.append(&[put("later/1", "same length")]).unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        assert_eq!((said(&journal).len(), journal.base(), journal.generation()), (1, 9, 10));
    }

    #[test]
    fn a_spoilt_byte_anywhere_costs_only_what_follows_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        for n in 0..5 {
            journal.append(&[put(&format!("k/{n}"), "value")]).unwrap();
        }
        let path = dir.path().join(JOURNAL);
        let mut good = std::fs::read(&path).unwrap();
        good.truncate(journal.end as usize);
        let frame = good.len() / 5;
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&path, &bad).unwrap();
            assert_eq!(Journal::open(dir.path()).unwrap().generation(), (at / frame) as u64, "byte {at}");
            std::fs::write(&path, &good[..at]).unwrap();
            assert_eq!(Journal::open(dir.path()).unwrap().generation(), (at / frame) as u64, "cut at {at}");
        }
    }

    #[test]
    fn room_is_written_ahead_and_what_lies_in_it_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        let long = "x".repeat(70_000);
        let mut lengths = Vec::new();
        for n in 0..4 {
            journal.append(&[put(&format!("k/{n}"), &long)]).unwrap();
            lengths.push(std::fs::metadata(dir.path().join(JOURNAL)).unwrap().len() - journal.end);
            assert_eq!(Journal::open(dir.path()).unwrap().generation(), n + 1);
        }
        assert_eq!(lengths, [70_037, 0, 210_111, 140_074], "as much as is in use");
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.append(&[put("after", "reopening")]).unwrap();
        assert_eq!(said(&Journal::open(dir.path()).unwrap()).len(), 5);
    }

    #[test]
    fn a_newer_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut frame = [&MAGIC[..], &9_u32.to_le_bytes(), &1_u64.to_le_bytes(), &0_u64.to_le_bytes()].concat();
        frame.extend_from_slice(&checksum(&frame, &[]).to_le_bytes());
        std::fs::write(dir.path().join(JOURNAL), &frame).unwrap();
        let error = Journal::open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::NewerFormat { found: 9, .. }), "{error}");
    }
}
