//! The copy of all records from which a damaged database is rebuilt.
//!
//! A header (magic, format version, time, generation, number of records, CRC), then one frame per record (key length,
//! value length, key, value, CRC of all that). Little endian. Written to a side file, synced, renamed; the copy before is
//! kept as well.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::batch::{Key, MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::error::StoreError;
use crate::sled::directory::{self, EXPORT, PREVIOUS_EXPORT};
use crate::sled::record::FORMAT_VERSION;

const WRITING: &str = "export.writing";
const MAGIC: &[u8; 8] = b"wfexport";
const HEADER_BYTES: usize = 8 + 4 + 8 + 8 + 8;

/// What an export says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) written_at_ms: i64,
    pub(super) generation: u64,
    pub(super) records: u64,
}

/// Writes the newest export of `dir` and keeps the one before. `header.records` must be what `records` yields.
pub(super) fn write(
    dir: &Path,
    header: Header,
    records: impl Iterator<Item = Result<(Key, Vec<u8>), StoreError>>,
) -> Result<(), StoreError> {
    write_file(&dir.join(WRITING), header, records)?;
    directory::keep_previous(dir, EXPORT, PREVIOUS_EXPORT)?;
    directory::rename(dir, WRITING, EXPORT)
}

/// Writes an export to a file of its own, durably; nobody else may read it, as there are secrets among the records.
pub(super) fn write_file(
    path: &Path,
    header: Header,
    records: impl Iterator<Item = Result<(Key, Vec<u8>), StoreError>>,
) -> Result<(), StoreError> {
    let doing = |error| StoreError::io(format!("write {}", path.display()), error);
    let created = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path);
    let mut file = BufWriter::new(created.map_err(doing)?);
    file.write_all(&encode(header)).map_err(doing)?;
    let mut written = 0;
    for record in records {
        let (key, value) = record?;
        write_frame(&mut file, &key, &value).map_err(doing)?;
        written += 1;
    }
    if written != header.records {
        return Err(StoreError::Damaged {
            what: format!("{written} records found, there should be {}", header.records),
        });
    }
    let file = file.into_inner().map_err(|error| doing(error.into_error()))?;
    file.sync_all().map_err(doing)
}

/// The header of an export; `None` if there is none or it is spoilt.
pub(super) fn header(path: &Path) -> Option<Header> {
    let mut bytes = [0; HEADER_BYTES + 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).ok()?;
    decode(&bytes)
}

/// Hands every record to `each`, up to the first spoilt one; how many that were. `None` if even the header is spoilt.
pub(super) fn read(
    path: &Path,
    mut each: impl FnMut(Key, Vec<u8>) -> Result<(), StoreError>,
) -> Result<Option<(Header, u64)>, StoreError> {
    let Some(header) = header(path) else { return Ok(None) };
    let opened = File::open(path).map_err(|error| StoreError::io(format!("read {}", path.display()), error))?;
    let mut file = BufReader::new(opened);
    let mut skipped = [0; HEADER_BYTES + 4];
    if file.read_exact(&mut skipped).is_err() {
        return Ok(None);
    }
    let mut records = 0;
    while records < header.records
        && let Some((key, value)) = read_frame(&mut file)
    {
        each(key, value)?;
        records += 1;
    }
    Ok(Some((header, records)))
}

fn encode(header: Header) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&header.version.to_le_bytes());
    bytes.extend_from_slice(&header.written_at_ms.to_le_bytes());
    bytes.extend_from_slice(&header.generation.to_le_bytes());
    bytes.extend_from_slice(&header.records.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Header> {
    let (content, crc) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (version, rest) = content.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let (written_at_ms, rest) = rest.split_first_chunk::<8>()?;
    let (generation, rest) = rest.split_first_chunk::<8>()?;
    let (records, _) = rest.split_first_chunk::<8>()?;
    Some(Header {
        version: u32::from_le_bytes(*version),
        written_at_ms: i64::from_le_bytes(*written_at_ms),
        generation: u64::from_le_bytes(*generation),
        records: u64::from_le_bytes(*records),
    })
}

fn write_frame(file: &mut impl Write, key: &str, value: &[u8]) -> io::Result<()> {
    let lengths = lengths(key.len(), value.len());
    let mut crc = crc32fast::Hasher::new();
    for part in [&lengths[..], key.as_bytes(), value] {
        crc.update(part);
        file.write_all(part)?;
    }
    file.write_all(&crc.finalize().to_le_bytes())
}

fn lengths(key: usize, value: usize) -> [u8; 8] {
    ((key as u64) << 32 | value as u64).to_le_bytes()
}

/// The next record; `None` at the end, or where the file is spoilt.
fn read_frame(file: &mut impl Read) -> Option<(Key, Vec<u8>)> {
    let mut lengths = [0; 8];
    file.read_exact(&mut lengths).ok()?;
    let both = u64::from_le_bytes(lengths);
    let (key_bytes, value_bytes) = ((both >> 32) as usize, (both & u64::from(u32::MAX)) as usize);
    if key_bytes > MAX_KEY_BYTES || value_bytes > MAX_VALUE_BYTES {
        return None;
    }
    let mut content = vec![0; key_bytes + value_bytes];
    let mut found = [0; 4];
    file.read_exact(&mut content).and_then(|()| file.read_exact(&mut found)).ok()?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&lengths);
    crc.update(&content);
    let value = content.split_off(key_bytes);
    (crc.finalize() == u32::from_le_bytes(found))
        .then(|| String::from_utf8(content).ok())
        .flatten()
        .map(|key| (key, value))
}

/// The header of a new export.
pub(super) fn new_header(now_ms: i64, generation: u64, records: u64) -> Header {
    Header { version: FORMAT_VERSION, written_at_ms: now_ms, generation, records }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(records: u64) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let each = (0..records).map(|n| Ok((format!("rules/{n}"), vec![n as u8; n as usize * 10])));
        write(dir.path(), new_header(1_000, 7, records), each).unwrap();
        dir
    }

    #[test]
    fn what_is_written_is_read_back_and_the_one_before_is_kept() {
        let dir = written(20);
        write(dir.path(), new_header(2_000, 8, 0), std::iter::empty()).unwrap();
        assert_eq!(header(&dir.path().join(EXPORT)).unwrap().written_at_ms, 2_000);
        let mut keys = 0;
        let read = read(&dir.path().join(PREVIOUS_EXPORT), |key, value| {
            assert_eq!((key, value.len()), (format!("rules/{keys}"), keys * 10));
            keys += 1;
            Ok(())
        });
        assert_eq!(read.unwrap(), Some((new_header(1_000, 7, 20), 20)));
    }

    #[test]
    fn a_spoilt_byte_anywhere_costs_only_what_follows_it() {
        let dir = written(20);
        let path = dir.path().join(EXPORT);
        let good = std::fs::read(&path).unwrap();
        let mut last = 0;
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&path, &bad).unwrap();
            match read(&path, |_, _| Ok(())).unwrap() {
                None => assert!(at < HEADER_BYTES + 4, "byte {at}"),
                Some((_, records)) => {
                    assert!(at >= HEADER_BYTES + 4 && records < 20 && records >= last, "byte {at}: {records}");
                    last = records;
                }
            }
        }
        assert_eq!(last, 19);
    }
}
