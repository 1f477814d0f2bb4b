//! Each kind of damage by name: what comes back, and what the report says.

use std::fs;
use std::path::Path;

use store::{Backend, Batch, Recovery, Sled, Source, StoreError};

use crate::basics::put;
use crate::damage::copy;

/// A closed store with the records `early` and `kept` exported at 1,000 and 2,000, and `late` and no `early` since.
fn closed_store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut sled, _) = Sled::open(dir.path(), 1).unwrap();
    sled.commit(&[put("early", "1")]).unwrap();
    sled.export(1_000).unwrap();
    sled.commit(&[put("kept", vec![7; 10_000])]).unwrap();
    sled.export(2_000).unwrap();
    let mut batch = Batch::new();
    batch.delete("early").put("late", "1");
    sled.commit(&[batch]).unwrap();
    drop(sled);
    dir
}

fn open(dir: &Path) -> (Vec<String>, Option<Recovery>) {
    let (mut sled, recovery) = Sled::open(dir, 9_000).unwrap();
    let keys = sled.scan("").unwrap().into_iter().map(|(key, _)| key).collect();
    (keys, recovery)
}

/// sled itself, over the same files. Its threads let go of the lock a moment after the store that started them is dropped.
fn bare_database(dir: &Path) -> sled::Db {
    let held = fs::File::open(dir.join("sled/db")).unwrap();
    held.lock().unwrap();
    held.unlock().unwrap();
    sled::open(dir.join("sled")).unwrap()
}

fn spoil(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn snapshots(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir.join("sled")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap.")).collect()
}

#[test]
fn an_unharmed_store_needs_no_recovery() {
    let dir = closed_store();
    assert_eq!(open(dir.path()), (vec!["kept".to_owned(), "late".to_owned()], None));
}

#[test]
fn a_store_of_before_there_was_a_journal_opens_as_it_is() {
    let dir = closed_store();
    fs::remove_file(dir.path().join("journal")).unwrap();
    assert_eq!(open(dir.path()), (vec!["kept".to_owned(), "late".to_owned()], None));
    assert_eq!(open(dir.path()), (vec!["kept".to_owned(), "late".to_owned()], None));
}

#[test]
fn a_torn_journal_is_reported_and_set_aside_and_costs_only_its_end() {
    let work = tempfile::tempdir().unwrap();
    let (mut sled, _) = Sled::open(work.path(), 1).unwrap();
    sled.commit(&[put("early", "1")]).unwrap();
    sled.export(1_000).unwrap();
    sled.commit(&[put("kept", "1")]).unwrap();
    sled.commit(&[put("torn", "1")]).unwrap();
    // As a kill would leave it, and then the disk: the last commit was acknowledged.
    let dir = tempfile::tempdir().unwrap();
    copy(work.path(), dir.path());
    // Room was written ahead of the commits.
    spoil(&dir.path().join("journal"), |bytes| {
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes.truncate(end);
    });
    let (keys, recovery) = open(dir.path());
    let recovery = recovery.unwrap();
    assert_eq!(keys, ["early", "kept"]);
    assert_eq!((recovery.source, recovery.records, recovery.lost_commits), (Source::Database, 2, 1));
    assert!(recovery.reason.contains("its journal ends at commit"), "{recovery}");
    assert!(recovery.set_aside.is_some_and(|aside| aside == dir.path().join("journal.corrupt-9000") && aside.exists()));
    assert_eq!(open(dir.path()), (vec!["early".to_owned(), "kept".to_owned()], None));
}

#[test]
fn a_journal_of_which_nothing_can_be_read_is_set_aside_before_it_is_used_again() {
    for with_witness in [true, false] {
        let work = tempfile::tempdir().unwrap();
        let (mut sled, _) = Sled::open(work.path(), 1).unwrap();
        sled.commit(&[put("early", "1")]).unwrap();
        sled.export(1_000).unwrap();
        sled.commit(&[put("lost", "1")]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        copy(work.path(), dir.path());
        spoil(&dir.path().join("journal"), |bytes| bytes.fill(0x5a));
        if !with_witness {
            fs::remove_file(dir.path().join("witness")).unwrap();
        }
        let (keys, recovery) = open(dir.path());
        let recovery = recovery.unwrap();
        assert_eq!((keys, recovery.records), (vec!["early".to_owned()], 1));
        assert!(recovery.reason.contains("nothing of its journal can be read"), "{recovery}");
        assert_eq!(recovery.set_aside, Some(dir.path().join("journal.corrupt-9000")));
        assert_eq!(fs::read(dir.path().join("journal.corrupt-9000")).unwrap()[0], 0x5a);
        assert_eq!(open(dir.path()).1, None);
    }
}

#[test]
fn a_destroyed_database_comes_back_from_the_last_export() {
    let dir = closed_store();
    spoil(&dir.path().join("sled/db"), |bytes| bytes.fill(0x5a));
    let (keys, recovery) = open(dir.path());
    let recovery = recovery.unwrap();
    assert_eq!(keys, ["early", "kept"]);
    assert_eq!(recovery.source, Source::Export { written_at_ms: 2_000 });
    assert_eq!((recovery.records, recovery.lost_commits), (2, 1));
    let aside = recovery.set_aside.clone().unwrap();
    assert_eq!(aside, dir.path().join("sled.corrupt-9000"));
    assert!(aside.join("db").exists());
    let told = recovery.to_string();
    assert!(told.contains("the last 1 commits may be missing") && told.contains("sled.corrupt-9000"), "{told}");
}

#[test]
fn a_database_damaged_twice_at_the_same_moment_is_set_aside_under_two_names() {
    let dir = closed_store();
    for name in ["sled.corrupt-9000", "sled.corrupt-9000-2", "sled.corrupt-9000-3"] {
        spoil(&dir.path().join("sled/db"), |bytes| bytes.fill(0x5a));
        assert_eq!(open(dir.path()).1.unwrap().set_aside, Some(dir.path().join(name)));
    }
}

#[test]
fn a_missing_database_is_noticed() {
    for missing in ["sled/db", "sled"] {
        let dir = closed_store();
        let path = dir.path().join(missing);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
        let (keys, recovery) = open(dir.path());
        let recovery = recovery.unwrap();
        assert_eq!(keys, ["early", "kept"]);
        assert!(recovery.reason.contains("missing"), "{recovery}");
        assert_eq!(recovery.set_aside.is_some(), missing == "sled/db");
    }
}

#[test]
fn a_missing_database_without_exports_is_reported_as_empty() {
    let dir = closed_store();
    for name in ["sled", "export", "export.previous"] {
        let path = dir.path().join(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    let (keys, recovery) = open(dir.path());
    let recovery = recovery.unwrap();
    assert_eq!((keys.len(), recovery.source, recovery.lost_commits), (0, Source::Nothing, 4));
}

#[test]
fn a_torn_export_falls_back_to_the_one_before_it() {
    let dir = closed_store();
    spoil(&dir.path().join("sled/db"), |bytes| bytes.fill(0));
    spoil(&dir.path().join("export"), |bytes| bytes.truncate(bytes.len() - 10));
    let (keys, recovery) = open(dir.path());
    assert_eq!(keys, ["early"]);
    assert_eq!(recovery.unwrap().source, Source::Export { written_at_ms: 1_000 });
}

#[test]
fn two_torn_exports_still_give_their_beginning() {
    let dir = closed_store();
    spoil(&dir.path().join("sled/db"), |bytes| bytes.fill(0));
    spoil(&dir.path().join("export"), |bytes| bytes.truncate(bytes.len() - 10));
    spoil(&dir.path().join("export.previous"), |bytes| bytes.truncate(bytes.len() - 1));
    let (keys, recovery) = open(dir.path());
    assert_eq!(keys, ["early"]);
    assert_eq!(recovery.unwrap().source, Source::Export { written_at_ms: 2_000 });
}

#[test]
fn unfinished_and_torn_snapshots_do_no_harm() {
    let dir = closed_store();
    // Sled writes one when it opens what was written before.
    open(dir.path());
    open(dir.path());
    let snapshot = snapshots(dir.path()).pop().unwrap();
    fs::copy(&snapshot, dir.path().join("sled/snap.FFFFFFFFFFFFFFF0.generating")).unwrap();
    spoil(&dir.path().join("sled/snap.FFFFFFFFFFFFFFF0.generating"), |bytes| bytes.truncate(bytes.len() / 2));
    assert_eq!(open(dir.path()), (vec!["kept".to_owned(), "late".to_owned()], None));
    for snapshot in snapshots(dir.path()) {
        spoil(&snapshot, |bytes| bytes.truncate(bytes.len() / 2));
    }
    assert_eq!(open(dir.path()), (vec!["kept".to_owned(), "late".to_owned()], None));
}

#[test]
fn an_older_but_consistent_database_is_reported() {
    let dir = closed_store();
    let older = tempfile::tempdir().unwrap();
    fs::copy(dir.path().join("sled/db"), older.path().join("db")).unwrap();
    let (mut sled, _) = Sled::open(dir.path(), 1).unwrap();
    sled.commit(&[put("newer", "1")]).unwrap();
    drop(sled);
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    fs::create_dir(dir.path().join("sled")).unwrap();
    fs::copy(older.path().join("db"), dir.path().join("sled/db")).unwrap();
    fs::remove_file(dir.path().join("journal")).unwrap();
    let (keys, recovery) = open(dir.path());
    let recovery = recovery.unwrap();
    assert_eq!(keys, ["kept", "late"]);
    assert_eq!((recovery.source, recovery.lost_commits, recovery.set_aside), (Source::Database, 1, None));
    assert_eq!(open(dir.path()).1, None);
}

#[test]
fn a_half_finished_rebuild_is_started_again() {
    let dir = closed_store();
    fs::rename(dir.path().join("sled"), dir.path().join("sled.corrupt-1")).unwrap();
    fs::create_dir(dir.path().join("sled.rebuilding")).unwrap();
    fs::write(dir.path().join("sled.rebuilding/db"), b"half").unwrap();
    let (keys, recovery) = open(dir.path());
    assert_eq!((keys.len(), recovery.is_some()), (2, true));
}

#[test]
fn a_directory_full_of_garbage_becomes_a_reported_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sled")).unwrap();
    for name in ["sled/db", "sled/conf", "sled/snap.0000000000000001", "export", "export.previous", "witness", "lock"] {
        fs::write(dir.path().join(name), b"\xffgarbage\x00".repeat(3_000)).unwrap();
    }
    let (keys, recovery) = open(dir.path());
    let recovery = recovery.unwrap();
    assert_eq!((keys.len(), recovery.source), (0, Source::Nothing));
    assert!(recovery.set_aside.is_some());
    assert_eq!(open(dir.path()).1, None);
}

#[test]
fn directories_in_place_of_files_are_told_not_panicked_over() {
    for name in ["sled/db", "export", "export.previous"] {
        let dir = closed_store();
        fs::remove_file(dir.path().join(name)).unwrap();
        fs::create_dir(dir.path().join(name)).unwrap();
        let (keys, recovery) = open(dir.path());
        assert_eq!((keys.len(), recovery.is_some()), (2, name == "sled/db"), "{name}");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let error = Sled::open(&dir.path().join("file"), 0).err().unwrap();
    assert!(matches!(error, StoreError::Io { .. }) && error.to_string().contains("file"), "{error}");
}

/// What an older version does with it.
fn set_aside_as_newer(dir: &Path) {
    let (keys, recovery) = open(dir);
    let recovery = recovery.unwrap();
    assert_eq!((keys.len(), recovery.source), (0, Source::Nothing));
    assert!(recovery.reason.contains("was written in store format 2, this version knows up to 1"), "{recovery}");
    let aside = recovery.set_aside.unwrap();
    assert_eq!(aside, dir.join("newer-format-9000"));
    for kept in ["sled/db", "export", "journal", "witness"] {
        assert!(aside.join(kept).exists(), "{kept}");
    }
    assert_eq!(open(dir).1, None);
}

#[test]
fn data_of_a_newer_version_is_set_aside_whole() {
    let dir = closed_store();
    spoil(&dir.path().join("export"), |bytes| {
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..36]);
        bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    });
    set_aside_as_newer(dir.path());

    // The same in the database's own entry, which sled only shows once it is open.
    let dir = closed_store();
    let database = bare_database(dir.path());
    let mut meta = database.get("m").unwrap().unwrap().to_vec();
    meta[0] = 2;
    let content = meta.len() - 4;
    let crc = crc32fast::hash(&meta[..content]);
    meta[content..].copy_from_slice(&crc.to_le_bytes());
    database.insert("m", meta).unwrap();
    database.flush().unwrap();
    drop(database);
    set_aside_as_newer(dir.path());
}

#[test]
fn records_changed_behind_the_stores_back_are_found_and_the_rest_is_salvaged() {
    let dir = closed_store();
    let database = bare_database(dir.path());
    let mut record = database.get("rlate").unwrap().unwrap().to_vec();
    *record.last_mut().unwrap() ^= 1;
    database.insert("rlate", record).unwrap();
    database.flush().unwrap();
    drop(database);
    let (keys, recovery) = open(dir.path());
    let recovery = recovery.unwrap();
    assert!(recovery.reason.contains("\"late\""), "{recovery}");
    // The deletion of `early` came after the export, and who tells a deleted record from a lost one?
    assert_eq!((keys, recovery.salvaged), (vec!["early".to_owned(), "kept".to_owned()], 1));
}

#[test]
fn a_record_that_vanished_is_noticed() {
    let dir = closed_store();
    let database = bare_database(dir.path());
    database.remove("rlate").unwrap();
    database.flush().unwrap();
    drop(database);
    let recovery = open(dir.path()).1.unwrap();
    assert!(recovery.reason.contains("1 found, 2 expected"), "{recovery}");
}
