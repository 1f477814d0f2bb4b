//! When in a second the groups are evaluated, so that series change and are looked at in between.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Timestamp;
use rules_engine::group::{GroupKey, Schedule};

/// A file name whose groups leave a wide part of each second free, and where that part is.
pub(super) struct Quiet {
    pub(super) rule_file: PathBuf,
    /// Nanoseconds of a second: when the gap begins.
    begins: i64,
    /// How long it is.
    pub(super) length: Duration,
}

const SECOND: i64 = 1_000_000_000;

impl Quiet {
    /// Slots are spread by the hash of file and group name, the same in both services: a few hundred names are tried.
    pub(super) fn find(folder: &Path, groups: &[&str]) -> Self {
        let names = (0..300).map(|number| folder.join(format!("rules-{number}.yml")));
        let gaps = names.map(|rule_file| {
            let (begins, length) = widest_gap(&rule_file, groups);
            Self { rule_file, begins, length: Duration::from_nanos(length.unsigned_abs()) }
        });
        gaps.max_by_key(|gap| gap.length).expect("three hundred names")
    }

    /// The next instant in the gap, this share (0 to 1) of it after its begin, at least a little ahead.
    pub(super) fn next(&self, now: Timestamp, share: f64) -> Timestamp {
        let phase = self.begins + self.length.mul_f64(share).as_nanos() as i64;
        let earliest = now.as_nanos() + SECOND / 20;
        Timestamp::from_nanos(earliest + (phase - earliest).rem_euclid(SECOND))
    }
}

/// Where in a second, and how long, no group begins.
fn widest_gap(rule_file: &Path, groups: &[&str]) -> (i64, i64) {
    let offset = |group: &&str| {
        let key = GroupKey::new(&rule_file.display().to_string(), group);
        Schedule::starting(&key, Duration::from_secs(1), None, Timestamp::EPOCH).due().as_nanos().rem_euclid(SECOND)
    };
    let mut offsets: Vec<i64> = groups.iter().map(offset).collect();
    offsets.sort_unstable();
    let next = offsets.iter().skip(1).copied().chain(offsets.first().map(|first| first + SECOND));
    let gaps = offsets.iter().zip(next).map(|(begin, end)| (*begin, end - begin));
    gaps.max_by_key(|(_, length)| *length).expect("a group")
}
