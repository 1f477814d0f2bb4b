//! Sizes beyond the everyday: many records, one huge batch. Times are printed, not judged.

#![expect(clippy::disallowed_methods, reason = "prints how long things take")]

use std::time::Instant;

use store::{Backend, Batch, Sled};

const RECORDS: usize = 100_000;
const REWRITTEN: usize = 20_000;

fn value(n: usize, version: u8) -> Vec<u8> {
    vec![version.wrapping_add(n as u8); 100 + n % 600]
}

fn batch(from: usize, to: usize, version: u8) -> Batch {
    (from..to).map(|n| (format!("rules/alert/{n:08}"), Some(value(n, version)))).collect()
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    eprintln!("{what}: {} ms, {}", start.elapsed().as_millis(), memory());
    result
}

/// Memory of this process now, with what other tests need.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("memory unknown").to_owned()
}

#[test]
fn a_hundred_thousand_records() {
    let dir = tempfile::tempdir().unwrap();
    let mut sled = Sled::open(dir.path(), 0).unwrap().0;
    timed("100,000 records in batches of 1,000", || {
        for from in (0..RECORDS).step_by(1_000) {
            sled.commit(&[batch(from, from + 1_000, 1)]).unwrap();
        }
    });
    timed("1,000 commits of one record", || {
        for n in 0..1_000 {
            sled.commit(&[batch(n, n + 1, 2)]).unwrap();
        }
    });
    timed("20,000 of them again in one batch", || sled.commit(&[batch(0, REWRITTEN, 3)]).unwrap());
    timed("export", || sled.export(1).unwrap());
    eprintln!("{:?}", sled.usage());
    drop(sled);
    let (mut sled, recovery) = timed("open and verify", || Sled::open(dir.path(), 0).unwrap());
    assert_eq!(recovery, None);
    let records = timed("scan", || sled.scan("rules/alert/").unwrap());
    assert_eq!(records.len(), RECORDS);
    for (n, (key, found)) in records.into_iter().enumerate() {
        assert!(key == format!("rules/alert/{n:08}") && found == value(n, if n < REWRITTEN { 3 } else { 1 }), "{key}");
    }
    timed("close", || sled.close(2).unwrap());
    std::fs::write(dir.path().join("sled/db"), "garbage").unwrap();
    let (_, recovery) = timed("rebuild from the export", || Sled::open(dir.path(), 3).unwrap());
    let recovery = recovery.unwrap();
    assert_eq!((recovery.records, recovery.lost_commits), (RECORDS as u64, 0), "{recovery}");
}
