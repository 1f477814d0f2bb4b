//! Fetched history on disk, so that an interrupted back-test goes on where it was, and the next one need not fetch it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use model::LabelSet;
use sha2::{Digest, Sha256};

use super::history::BlockSeries;
use super::server::Found;

/// The first bytes of a file; the number is the version of the form.
const HEAD: &[u8; 8] = b"wf-hist1";

/// The bytes of the checksum at the end.
const SUM_BYTES: usize = 8;

/// A folder of fetched history. What cannot be read or kept is fetched: a cache is never a reason to fail.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    bytes_max: u64,
}

impl Cache {
    /// A folder, which is made if need be. Files of back-tests beyond so many bytes are removed, the oldest first.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: &Path, bytes_max: u64) -> io::Result<Cache> {
        fs::create_dir_all(folder)?;
        Ok(Cache { folder: folder.to_owned(), bytes_max })
    }

    /// What is kept under a key.
    pub fn get(&self, key: &str) -> Option<Found> {
        decoded(&fs::read(self.path(key)).ok()?)
    }

    /// Keeps something. Gives the reason where it cannot.
    pub fn put(&self, key: &str, found: &Found) -> Option<io::Error> {
        let path = self.path(key);
        let beside = path.with_extension("part");
        // Whole or not at all.
        fs::write(&beside, encoded(found)).and_then(|()| fs::rename(&beside, &path)).err()
    }

    /// Removes what is too much.
    pub fn shrink(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let path = entry.path();
                let is_ours = path.extension().is_some_and(|extension| extension == "history" || extension == "part");
                let about = entry.metadata().ok().filter(|about| is_ours && about.is_file())?;
                Some((about.modified().ok()?, about.len(), path))
            })
            .collect();
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in files {
            if bytes <= self.bytes_max {
                break;
            }
            if fs::remove_file(path).is_ok() {
                bytes = bytes.saturating_sub(size);
            }
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        let digest: String = Sha256::digest(key).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{digest}.history"))
    }
}

/// Numbers are written in eight bytes, lowest first; texts behind their length.
fn encoded(found: &Found) -> Vec<u8> {
    let mut bytes = HEAD.to_vec();
    let number = |bytes: &mut Vec<u8>, number: u64| bytes.extend_from_slice(&number.to_le_bytes());
    number(&mut bytes, u64::from(found.has_histograms));
    number(&mut bytes, found.series.len() as u64);
    for series in &found.series {
        number(&mut bytes, series.labels.len() as u64);
        for text in series.labels.iter().flat_map(|(name, value)| [name, value]) {
            number(&mut bytes, text.len() as u64);
            bytes.extend_from_slice(text.as_bytes());
        }
        number(&mut bytes, series.values.len() as u64);
        series.times_ms.iter().for_each(|at| number(&mut bytes, at.cast_unsigned()));
        series.values.iter().for_each(|value| number(&mut bytes, value.to_bits()));
    }
    let sum = Sha256::digest(&bytes);
    bytes.extend_from_slice(sum.get(..SUM_BYTES).unwrap_or_default());
    bytes
}

/// `None` for what is not whole.
fn decoded(bytes: &[u8]) -> Option<Found> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM_BYTES)?)?;
    if Sha256::digest(body).get(..SUM_BYTES) != Some(sum) {
        return None;
    }
    let mut rest = Rest(body.strip_prefix(HEAD)?);
    let mut found = Found { has_histograms: rest.number()? != 0, series: Vec::new() };
    for _ in 0..rest.number()? {
        let mut pairs = Vec::new();
        for _ in 0..rest.number()? {
            pairs.push((rest.text()?, rest.text()?));
        }
        let count = rest.number()?;
        let mut series = BlockSeries { labels: LabelSet::from_pairs(pairs), ..BlockSeries::default() };
        for _ in 0..count {
            series.times_ms.push(rest.number()?.cast_signed());
        }
        for _ in 0..count {
            series.values.push(f64::from_bits(rest.number()?));
        }
        found.series.push(series);
    }
    Some(found)
}

struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'b str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        let series = |name: &str, values: &[f64]| BlockSeries {
            labels: LabelSet::from_pairs([("__name__", name), ("é", "\"")]),
            times_ms: (0..).map(|at| at * 1000 - 5).take(values.len()).collect(),
            values: values.to_vec(),
        };
        Found { series: vec![series("a", &[1.0, f64::INFINITY]), series("b", &[])], has_histograms: true }
    }

    #[test]
    fn what_is_put_is_got_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("new"), 1 << 20).unwrap();
        assert!(cache.get("k").is_none());
        assert!(cache.put("k", &found()).is_none());
        let got = cache.get("k").unwrap();
        assert_eq!((got.series, got.has_histograms), (found().series, true));
        let bytes = encoded(&found());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(decoded(&damaged).is_none(), "byte {at}");
            assert!(decoded(&bytes[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn the_oldest_files_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let size = encoded(&found()).len() as u64;
        let cache = Cache::open(folder.path(), 2 * size).unwrap();
        for key in ["a", "b", "c"] {
            cache.put(key, &found());
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(key.as_bytes()[0]));
            fs::File::options().write(true).open(cache.path(key)).unwrap().set_modified(at).unwrap();
        }
        cache.shrink();
        let kept: Vec<bool> = ["a", "b", "c"].iter().map(|key| cache.get(key).is_some()).collect();
        assert_eq!(kept, [false, true, true]);
    }
}
