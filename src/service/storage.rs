//! The store that both halves share.

use std::time::Duration;

use anyhow::Context;
use store::Store;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::live;

/// Between exports, from which a damaged database is rebuilt.
const EXPORT_EVERY: Duration = Duration::from_secs(3600);
/// The first comes sooner: what is new would have none otherwise if it dies within the hour.
const EXPORT_FIRST: Duration = Duration::from_secs(300);

/// Opens the store at `path`; "" keeps everything in memory.
///
/// # Errors
/// Another process uses the path.
pub async fn open(path: &str) -> anyhow::Result<Store> {
    if path.is_empty() {
        warn!("no --storage.path: a restart forgets silences, notifications and `for` timers");
        return Store::memory().context("cannot start the store in memory");
    }
    let opened =
        Store::sled(path, live::now().as_millis()).await.with_context(|| format!("cannot open the store at {path}"))?;
    match &opened.recovery {
        Some(recovery) => error!(
            %recovery, path,
            "the store was damaged; `watchfire store check` shows what is in what was set aside, `watchfire store import` puts a copy in place"
        ),
        None => info!(path, records = opened.store.stats().records, "store opened"),
    }
    Ok(opened.store)
}

/// Writes an export from time to time, until `shutdown`.
pub async fn export_regularly(store: Store, mut shutdown: watch::Receiver<bool>) {
    let mut due_in = EXPORT_FIRST;
    while !*shutdown.borrow() {
        tokio::select! {
            () = live::wait(due_in) => {}
            _ = shutdown.changed() => return,
        }
        due_in = EXPORT_EVERY;
        if let Err(error) = store.export(live::now().as_millis()).await {
            warn!(%error, "cannot export the store; the last export stays");
        }
    }
}
