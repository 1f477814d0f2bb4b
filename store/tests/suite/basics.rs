//! One handle, both backends.

use store::{Batch, Opened, Store, StoreError};

pub(crate) fn put(key: &str, value: impl Into<Vec<u8>>) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { store, recovery } = Store::sled(dir.path(), 1_000).await.unwrap();
    assert_eq!(recovery, None);
    let large: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
    store.commit(put("notifier/silence/1", "quiet")).await.unwrap();
    store.commit(put("rules/group/1", large.clone())).await.unwrap();
    store.commit(put("rules/group/2", "")).await.unwrap();
    let mut forget = Batch::new();
    forget.delete("notifier/silence/1").delete("never/there");
    store.commit(forget).await.unwrap();
    store.close(2_000).await.unwrap();
    assert!(matches!(store.commit(put("a", "b")).await, Err(StoreError::Closed)));
    assert!(matches!(store.close(2_000).await, Err(StoreError::Closed)));

    let Opened { store, recovery } = Store::sled(dir.path(), 3_000).await.unwrap();
    assert_eq!(recovery, None);
    assert_eq!(
        store.scan("rules/").await.unwrap(),
        [("rules/group/1".to_owned(), large.clone()), ("rules/group/2".to_owned(), Vec::new())]
    );
    let keys = ["rules/group/2", "never/there", "rules/group/1"].map(str::to_owned);
    assert_eq!(store.get(keys.into()).await.unwrap(), [Some(Vec::new()), None, Some(large)]);
    assert!(store.scan("notifier/").await.unwrap().is_empty());
    assert_eq!(store.stats().records, 2);
}

#[tokio::test]
async fn a_directory_in_use_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::sled(dir.path(), 0).await.unwrap();
    let error = Store::sled(dir.path(), 0).await.unwrap_err();
    assert!(error.to_string().contains("already in use by another process"), "{error}");
    opened.store.close(0).await.unwrap();
    Store::sled(dir.path(), 0).await.unwrap();
}

#[tokio::test]
async fn concurrent_commits_share_flushes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::sled(dir.path(), 0).await.unwrap().store;
    let committers = (0..64).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..10 {
                store.commit(put(&format!("rules/{task}/{round}"), [task; 200])).await.unwrap();
            }
        })
    });
    for committer in committers.collect::<Vec<_>>() {
        committer.await.unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.commits, stats.records), (640, 640));
    assert!(stats.flushes < 320, "{stats:?}");
    eprintln!("640 commits of 64 tasks took {} flushes", stats.flushes);
}

#[tokio::test]
async fn bad_batches_are_refused_whole_and_harm_nobody() {
    let store = Store::memory().unwrap();
    let mut batch = put("good", "x");
    batch.put("", "x");
    let error = store.commit(batch).await.unwrap_err();
    assert!(error.is_refusal(), "{error}");
    let error = store.commit(put("k", vec![0; store::MAX_VALUE_BYTES + 1])).await.unwrap_err();
    assert!(error.is_refusal() && error.to_string().contains("\"k\""), "{error}");
    assert!(store.scan("").await.unwrap().is_empty());
}
