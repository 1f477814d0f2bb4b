//! How records lie in sled: physical keys, checksummed heads, chunks, and the one entry that describes the set.
//!
//! | physical key | value |
//! |---|---|
//! | `r` key | 16 bytes checksum, 4 bytes length of the whole value, then its first [`HEAD_BYTES`] |
//! | `c` key NUL index (4 bytes, big endian) | the next [`CHUNK_BYTES`] of the value |
//! | `m` | [`Meta`]: format version, generation, counts, digest, CRC |
//!
//! Integers are little endian but for the chunk index, which sorts. Values stay at 4 KiB because sled moves larger pages
//! to side files that it never syncs.

use twox_hash::XxHash64;

use crate::error::StoreError;

/// Version of the layout above; a larger one found on disk is refused.
pub(super) const FORMAT_VERSION: u32 = 1;

/// Where [`Meta`] lies.
pub(super) const META_KEY: &[u8] = b"m";

/// First byte of a record's head.
pub(super) const HEAD_TAG: u8 = b'r';

/// First byte of a chunk.
pub(super) const CHUNK_TAG: u8 = b'c';

/// Most bytes of one later part of a value.
pub(super) const CHUNK_BYTES: usize = 4096;

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = CHECKSUM_BYTES + 4;

/// Most bytes of a value that its head holds.
const HEAD_BYTES: usize = CHUNK_BYTES - HEADER_BYTES;

/// Physical key of a record's head.
pub(super) fn head_key(key: &str) -> Vec<u8> {
    [&[HEAD_TAG], key.as_bytes()].concat()
}

/// Physical key of a record's chunk.
pub(super) fn chunk_key(key: &str, index: u32) -> Vec<u8> {
    [&[CHUNK_TAG], key.as_bytes(), &[0], &index.to_be_bytes()].concat()
}

/// A record's checksum: two XXH64 of key length, key and value. The digest of a set is the sum of these.
pub(super) fn checksum(key: &str, value: &[u8]) -> u128 {
    let half = |seed| {
        let mut hasher = XxHash64::with_seed(seed);
        std::hash::Hasher::write(&mut hasher, &(key.len() as u64).to_le_bytes());
        std::hash::Hasher::write(&mut hasher, key.as_bytes());
        std::hash::Hasher::write(&mut hasher, value);
        u128::from(std::hash::Hasher::finish(&hasher))
    };
    half(1) << 64 | half(2)
}

/// Tells keys apart in memory.
pub(super) fn key_hash(key: &str) -> u64 {
    XxHash64::oneshot(0, key.as_bytes())
}

/// What a head says about its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) checksum: u128,
    pub(super) value_bytes: u32,
}

impl Head {
    /// How many chunks follow the head.
    pub(super) fn chunks(self) -> u32 {
        (self.value_bytes as usize).saturating_sub(HEAD_BYTES).div_ceil(CHUNK_BYTES) as u32
    }

    /// The head and the part of the value it holds; `None` if the lengths do not fit together.
    pub(super) fn decode(physical: &[u8]) -> Option<(Self, &[u8])> {
        let (checksum, rest) = physical.split_first_chunk::<CHECKSUM_BYTES>()?;
        let (value_bytes, inline) = rest.split_first_chunk::<4>()?;
        let head = Self { checksum: u128::from_le_bytes(*checksum), value_bytes: u32::from_le_bytes(*value_bytes) };
        (inline.len() == HEAD_BYTES.min(head.value_bytes as usize)).then_some((head, inline))
    }
}

/// A value cut up: the physical head, and the chunks after it.
pub(super) fn encode<'a>(key: &str, value: &'a [u8]) -> (Head, Vec<u8>, std::slice::Chunks<'a, u8>) {
    let head = Head { checksum: checksum(key, value), value_bytes: value.len() as u32 };
    let (inline, rest) = value.split_at(HEAD_BYTES.min(value.len()));
    let physical = [&head.checksum.to_le_bytes()[..], &head.value_bytes.to_le_bytes(), inline].concat();
    (head, physical, rest.chunks(CHUNK_BYTES))
}

/// Describes the whole set; written with every logical commit, in the same batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// Number of logical commits.
    pub(super) generation: u64,
    pub(super) records: u64,
    pub(super) chunks: u64,
    /// Sum of all records' checksums.
    pub(super) digest: u128,
}

impl Meta {
    pub(super) fn add(&mut self, head: Head) {
        self.records += 1;
        self.chunks += u64::from(head.chunks());
        self.digest = self.digest.wrapping_add(head.checksum);
    }

    pub(super) fn remove(&mut self, head: Head) {
        self.records = self.records.saturating_sub(1);
        self.chunks = self.chunks.saturating_sub(u64::from(head.chunks()));
        self.digest = self.digest.wrapping_sub(head.checksum);
    }

    /// The version stays first and the CRC last in every format to come, so that an older build can tell a newer format
    /// from damage.
    pub(super) fn encode(self) -> Vec<u8> {
        let mut bytes = FORMAT_VERSION.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.records.to_le_bytes());
        bytes.extend_from_slice(&self.chunks.to_le_bytes());
        bytes.extend_from_slice(&self.digest.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote. A newer format gives its version in the inner `Err`.
    pub(super) fn decode(bytes: &[u8]) -> Result<Result<Self, u32>, StoreError> {
        let damaged = || StoreError::Damaged { what: "the entry that describes the set is broken".to_owned() };
        let (content, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
            return Err(damaged());
        }
        let (version, rest) = content.split_first_chunk::<4>().ok_or_else(damaged)?;
        let version = u32::from_le_bytes(*version);
        if version != FORMAT_VERSION {
            return Ok(Err(version));
        }
        let (generation, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (records, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (chunks, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (digest, _) = rest.split_first_chunk::<16>().ok_or_else(damaged)?;
        Ok(Ok(Self {
            generation: u64::from_le_bytes(*generation),
            records: u64::from_le_bytes(*records),
            chunks: u64::from_le_bytes(*chunks),
            digest: u128::from_le_bytes(*digest),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_into_parts_of_at_most_4_kib() {
        for (bytes, chunks) in [(0, 0), (1, 0), (4076, 0), (4077, 1), (4076 + 4096, 1), (4076 + 4097, 2), (20 << 10, 5)]
        {
            let value = vec![7; bytes];
            let (head, physical, parts) = encode("k", &value);
            let parts: Vec<&[u8]> = parts.collect();
            assert_eq!((head.chunks(), parts.len()), (chunks, chunks as usize), "{bytes} bytes");
            assert!(physical.len() <= 4096 && parts.iter().all(|part| part.len() <= 4096));
            let (decoded, inline) = Head::decode(&physical).unwrap();
            assert_eq!((decoded, [inline, &parts.concat()].concat()), (head, value));
            assert_eq!(Head::decode(physical.split_last().unwrap().1), None, "a head that lost its end");
        }
    }

    #[test]
    fn the_digest_does_not_depend_on_order_and_returns_to_zero() {
        let heads = ["a", "b", "c"].map(|key| encode(key, key.as_bytes()).0);
        let mut forth = Meta::default();
        let mut back = Meta::default();
        heads.iter().for_each(|head| forth.add(*head));
        heads.iter().rev().for_each(|head| back.add(*head));
        assert_eq!(forth, back);
        heads.iter().for_each(|head| forth.remove(*head));
        assert_eq!(forth, Meta::default());
    }

    #[test]
    fn the_checksum_tells_key_from_value_and_never_changes() {
        assert_ne!(checksum("ab", b"c"), checksum("a", b"bc"));
        // Stored data depends on this figure.
        assert_eq!(format!("{:032x}", checksum("notifier/a", b"v1")), "e90fa34d919562137a270c035b1571e1");
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let meta = Meta { generation: 3, records: 2, chunks: 1, digest: 9 };
        let mut bytes = meta.encode();
        assert_eq!(Meta::decode(&bytes).unwrap(), Ok(meta));
        bytes[0] = 2;
        assert!(Meta::decode(&bytes).is_err());
        let crc = crc32fast::hash(&bytes[..bytes.len() - 4]);
        bytes.truncate(bytes.len() - 4);
        bytes.extend_from_slice(&crc.to_le_bytes());
        assert_eq!(Meta::decode(&bytes).unwrap(), Err(2));
    }
}
