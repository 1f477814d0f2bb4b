//! Damaged files: either the full acknowledged state comes back, or a recovery is reported. Never a panic, never a loss
//! that nobody is told of, never a second report for the same damage.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use store::{Backend, Batch, Sled};

use crate::seeded::Seeded;

type Records = BTreeMap<String, Vec<u8>>;

/// A store directory that went through some life, its final state, and every record it ever held.
struct Life {
    dir: tempfile::TempDir,
    last: Records,
    ever: BTreeSet<(String, Vec<u8>)>,
}

impl Life {
    /// Random batches with two exports on the way; `closed` ends with a clean close, else the files stay as a crash
    /// leaves them.
    fn lead(seed: u64, closed: bool) -> Self {
        let random = &mut Seeded(seed);
        let work = tempfile::tempdir().unwrap();
        let (mut sled, _) = Sled::open(work.path(), 1).unwrap();
        let (mut last, mut ever) = (Records::new(), BTreeSet::new());
        for round in 0..60 {
            let batch = random_batch(random);
            for (key, value) in batch.changes() {
                match value {
                    Some(value) => {
                        ever.insert((key.clone(), value.clone()));
                        last.insert(key.clone(), value.clone());
                    }
                    None => drop(last.remove(key)),
                }
            }
            sled.commit(&[batch]).unwrap();
            if round == 20 || round == 40 {
                sled.export(round).unwrap();
            }
        }
        if closed {
            sled.close(60).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        copy(work.path(), dir.path());
        Self { dir, last, ever }
    }

    fn copied(&self) -> tempfile::TempDir {
        let copied = tempfile::tempdir().unwrap();
        copy(self.dir.path(), copied.path());
        copied
    }

    /// Opens damaged files and checks the promise; true if a recovery was reported.
    fn check(&self, dir: &Path, what: &str) -> bool {
        let (mut sled, recovery) = Sled::open(dir, 99).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found: Records = sled.scan("").unwrap_or_else(|error| panic!("{what}: {error}")).into_iter().collect();
        match &recovery {
            None => assert!(found == self.last, "{what}: other records than acknowledged, and no word about it"),
            Some(recovery) => {
                assert_eq!(recovery.records, found.len() as u64, "{what}: {recovery}");
                if let Some(aside) = &recovery.set_aside {
                    assert!(aside.exists(), "{what}: {recovery}");
                }
                for record in &found {
                    assert!(self.ever.contains(&(record.0.clone(), record.1.clone())), "{what}: made up {}", record.0);
                }
            }
        }
        let mut batch = Batch::new();
        batch.put("after/damage", "still works");
        sled.commit(&[batch]).unwrap_or_else(|error| panic!("{what}: {error}"));
        sled.close(100).unwrap_or_else(|error| panic!("{what}: {error}"));
        drop(sled);
        let (mut sled, again) = Sled::open(dir, 101).unwrap_or_else(|error| panic!("{what}, again: {error}"));
        assert_eq!(again, None, "{what}: reported twice");
        assert_eq!(sled.scan("").unwrap().len(), found.len() + 1, "{what}");
        recovery.is_some()
    }
}

fn random_batch(random: &mut Seeded) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..random.below(20) + 1 {
        let key = format!("{}/{}", ["rules", "notifier"][random.below(2) as usize], random.below(300));
        let size = match random.below(20) {
            0 => random.below(20_000),
            _ => random.below(600),
        };
        match random.below(5) {
            0 => batch.delete(key),
            _ => batch.put(key, random.bytes(size as usize)),
        };
    }
    batch
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Spoils one file of the store, or several, and says how.
fn spoil(dir: &Path, random: &mut Seeded) -> String {
    let files: Vec<PathBuf> = files(dir).into_iter().filter(|file| fs::metadata(file).unwrap().len() > 0).collect();
    // The log gets half of all damage: it is where the data is.
    let log = dir.join("sled/db");
    let file = if random.below(2) == 0 { log } else { files[random.below(files.len() as u64) as usize].clone() };
    let mut bytes = fs::read(&file).unwrap();
    let length = bytes.len() as u64;
    let at = random.below(length) as usize;
    let how = match random.below(6) {
        0 => {
            bytes[at] ^= 1 << random.below(8);
            "bit flipped"
        }
        1 => {
            for _ in 0..20 {
                let at = random.below(length) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
            "20 bits flipped"
        }
        2 => {
            bytes.truncate(at);
            "truncated"
        }
        3 => {
            bytes[at..].fill(0);
            "zeroed from here"
        }
        4 => {
            let end = (at + 4096).min(bytes.len());
            let noise = random.bytes(end - at);
            bytes[at..end].copy_from_slice(&noise);
            "4 KiB of noise"
        }
        _ => {
            fs::remove_file(&file).unwrap();
            return format!("{} removed", file.strip_prefix(dir).unwrap().display());
        }
    };
    fs::write(&file, bytes).unwrap();
    format!("{} {how} at {at} of {length}", file.strip_prefix(dir).unwrap().display())
}

#[test]
fn random_damage_is_harmless_or_reported() {
    let cases: u64 = std::env::var("STORE_DAMAGE_CASES").map_or(60, |cases| cases.parse().unwrap());
    let first: u64 = std::env::var("STORE_DAMAGE_SEED").map_or(1, |seed| seed.parse().unwrap());
    let lives = [Life::lead(1, false), Life::lead(2, true)];
    let mut reported = 0;
    for seed in first..first + cases {
        let random = &mut Seeded(seed);
        let life = &lives[random.below(2) as usize];
        let dir = life.copied();
        let what = format!("seed {seed}: {}", spoil(dir.path(), random));
        if std::env::var_os("STORE_DAMAGE_TELL").is_some() {
            eprintln!("{what}");
        }
        reported += u64::from(life.check(dir.path(), &what));
    }
    eprintln!("{cases} damages, {reported} reported, the others harmless");
    assert!(reported > 0 && reported < cases);
}
