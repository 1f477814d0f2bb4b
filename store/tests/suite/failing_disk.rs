//! A disk that stops taking writes, and takes them again.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use store::{Backend, Batch, Key, Memory, Store, StoreError, Usage};

use crate::basics::put;

/// A memory whose disk can be told to fail; what it holds stays visible from outside.
#[derive(Clone, Default)]
struct Fragile {
    memory: Arc<Mutex<Memory>>,
    is_full: Arc<Mutex<bool>>,
    /// How often the writer came to commit.
    entered: Arc<AtomicUsize>,
}

impl Fragile {
    fn set_full(&self, is_full: bool) {
        *self.is_full.lock().unwrap() = is_full;
    }

    fn keys(&self) -> Vec<Key> {
        self.memory.lock().unwrap().scan("").unwrap().into_iter().map(|(key, _)| key).collect()
    }
}

impl Backend for Fragile {
    fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        if *self.is_full.lock().unwrap() {
            return Err(StoreError::Engine { what: "disk full".to_owned() });
        }
        self.memory.lock().unwrap().commit(batches)
    }

    fn scan(&mut self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        self.memory.lock().unwrap().scan(prefix)
    }

    fn get(&mut self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.memory.lock().unwrap().get(keys)
    }

    fn export(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.memory.lock().unwrap().export(now_ms)
    }

    fn close(&mut self, _now_ms: i64) -> Result<(), StoreError> {
        Ok(())
    }

    fn usage(&self) -> Usage {
        self.memory.lock().unwrap().usage()
    }
}

#[tokio::test]
async fn what_could_not_be_written_goes_along_with_the_next_commit_that_works() {
    let disk = Fragile::default();
    let store = Store::start(Box::new(disk.clone()), 8).unwrap();
    store.commit(put("old", "1")).await.unwrap();
    disk.set_full(true);
    let error = store.commit(put("silence", "1")).await.unwrap_err();
    assert!(!error.is_refusal() && error.to_string().contains("disk full"), "{error}");
    let mut forget = Batch::new();
    forget.delete("old").put("silence", "2");
    assert!(store.commit(forget).await.is_err());
    let stats = store.stats();
    assert_eq!((stats.failures, stats.backlog_records, stats.commits), (2, 2, 1));
    assert!(stats.last_error.unwrap().contains("disk full"));

    disk.set_full(false);
    // The newer value wins over what waited.
    store.commit(put("silence", "3")).await.unwrap();
    assert_eq!(store.scan("").await.unwrap(), [("silence".to_owned(), b"3".to_vec())]);
    let stats = store.stats();
    assert_eq!((stats.backlog_records, stats.backlog_bytes, stats.last_error), (0, 0, None));
}

#[tokio::test]
async fn flush_and_close_try_again_too() {
    let disk = Fragile::default();
    let store = Store::start(Box::new(disk.clone()), 8).unwrap();
    disk.set_full(true);
    assert!(store.commit(put("a", "1")).await.is_err());
    assert!(store.flush().await.is_err());
    disk.set_full(false);
    store.flush().await.unwrap();
    assert_eq!(disk.keys(), ["a"]);
    disk.set_full(true);
    assert!(store.commit(put("b", "1")).await.is_err());
    disk.set_full(false);
    store.close(0).await.unwrap();
    assert_eq!(disk.keys(), ["a", "b"]);
}

#[tokio::test]
async fn the_backlog_is_bounded_and_says_what_it_dropped() {
    let disk = Fragile::default();
    let store = Store::start(Box::new(disk.clone()), 8).unwrap();
    disk.set_full(true);
    let mut kept = 0;
    let error = loop {
        match store.commit(put(&format!("k/{kept}"), vec![0; 8 << 20])).await.unwrap_err() {
            error @ StoreError::BacklogFull { .. } => break error,
            _ => kept += 1,
        }
    };
    assert_eq!(kept, 7, "64 MiB hold seven values of 8 MiB and their keys: {error}");
    assert_eq!((store.stats().dropped, store.stats().backlog_records), (1, 7));
    disk.set_full(false);
    store.flush().await.unwrap();
    assert_eq!(disk.keys().len(), 7);
}

#[tokio::test]
#[expect(
    clippy::await_holding_lock,
    reason = "the lock stands for a disk that hangs; only the writer's thread waits for it"
)]
async fn a_full_queue_makes_callers_wait_and_shows() {
    let disk = Fragile::default();
    let store = Store::start(Box::new(disk.clone()), 4).unwrap();
    store.commit(put("running", "v")).await.unwrap();
    disk.entered.store(0, Ordering::SeqCst);
    let hold = disk.memory.lock().unwrap();
    let mut waiting = vec![store.submit(put("first", "v")).await.unwrap()];
    while disk.entered.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    // The writer is stuck now: four more fill the queue, the next has to wait.
    for n in 0..4 {
        waiting.push(store.submit(put(&format!("k/{n}"), "v")).await.unwrap());
    }
    let mut submitting = Box::pin(store.submit(put("last", "v")));
    assert!(polled_once(&mut submitting).await.is_none(), "nobody had to wait");
    assert_eq!((store.stats().queue_length, store.stats().queue_capacity), (4, 4));
    drop(hold);
    waiting.push(submitting.await.unwrap());
    for durable in waiting {
        durable.await.unwrap();
    }
    assert_eq!(disk.keys().len(), 7);
    assert_eq!(store.stats().queue_length, 0);
}

/// Polls once: the result if it was ready.
async fn polled_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// A small file system of its own, where the machine lets us mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "none"]).arg(dir.path());
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.path().display());
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_lost_once_there_is_room() {
    let Some(disk) = SmallDisk::mount(64) else {
        eprintln!(
            "skipped a_full_disk_is_told_and_nothing_is_lost_once_there_is_room: cannot mount a small tmpfs here"
        );
        return;
    };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 56 << 20]).unwrap();
    let store = Store::sled(disk.path().join("data"), 0).await.unwrap().store;
    let mut count = 0;
    let error = loop {
        let result = store.commit(put(&format!("rules/{count}"), vec![count as u8; 3_000])).await;
        count += 1;
        match result {
            Ok(()) => assert!(count < 100_000, "the disk never filled"),
            Err(error) => break error,
        }
    };
    let acknowledged = count - 1;
    for _ in 0..5 {
        assert!(store.commit(put(&format!("rules/{count}"), vec![count as u8; 3_000])).await.is_err());
        count += 1;
    }
    assert_eq!(store.stats().backlog_records, 6);
    std::fs::remove_file(&ballast).unwrap();
    store.flush().await.unwrap();
    store.commit(put("rules/after", "room")).await.unwrap();
    eprintln!("{acknowledged} commits until {error}; 6 more kept in memory and written later");

    let stats = store.stats();
    assert_eq!((stats.backlog_records, stats.recoveries, stats.records), (0, 0, count as u64 + 1));
    store.close(1).await.unwrap();
    let opened = Store::sled(disk.path().join("data"), 2).await.unwrap();
    assert_eq!(opened.recovery, None);
    for (key, value) in opened.store.scan("rules/").await.unwrap() {
        let expected = key.strip_prefix("rules/").and_then(|n| n.parse::<usize>().ok()).map(|n| vec![n as u8; 3_000]);
        assert!(expected.is_none_or(|expected| expected == value), "{key}");
    }
    opened.store.close(3).await.unwrap();
}
