//! What the machines want kept, on its way to the store: the latest state of each key, written in one batch at a time.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use store::{Batch, MAX_VALUE_BYTES, Store, StoreError};
use tokio::sync::{Notify, oneshot, watch};
use tracing::{error, info};

/// Changes in one commit; sled holds a commit in memory several times over.
const BATCH_MAX: usize = 4096;
/// A disk that takes longer is reported as failing; the commit may still succeed later.
const COMMIT_DEADLINE: Duration = Duration::from_secs(30);

/// So long a commit waits for those who waited for the one before: they were answered together and ask again at about the same time,
/// and a commit for all of them costs little more than for one.
const COMPANY_PATIENCE: Duration = Duration::from_millis(1);

/// What may be a little older after a crash is that old at most.
const SLIGHT_PATIENCE: Duration = Duration::from_secs(1);

/// While the store cannot write, it is asked this often whether it can.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// Collects changes under a key prefix. Bounded by the machine's own state: a key waits once, with its latest value.
pub struct Ledger {
    store: Store,
    prefix: &'static str,
    waiting: Mutex<Waiting>,
    changed: Notify,
    /// How long changes that nobody waits for are gathered.
    patience: Duration,
    /// How long who waits is kept waiting for others: [`COMPANY_PATIENCE`].
    company_patience: Duration,
    /// Somebody waits.
    pressed: Notify,
    /// Something may be written with what comes next.
    changed_slightly: Notify,
}

#[derive(Default)]
struct Waiting {
    changes: HashMap<String, Option<Vec<u8>>>,
    writing: bool,
    /// Not all of the changes may wait.
    pressing: bool,
    /// The last write failed: the store still holds changes that are not on disk.
    failing: bool,
    acknowledge: Vec<oneshot::Sender<Result<(), StoreError>>>,
    /// So many are likely to wait for the next write.
    company: usize,
}

impl Ledger {
    /// A ledger that keeps its records under `prefix` (`rules/`, `notifier/`).
    pub fn new(store: Store, prefix: &'static str) -> Self {
        Self {
            store,
            prefix,
            waiting: Mutex::default(),
            changed: Notify::new(),
            patience: Duration::ZERO,
            company_patience: COMPANY_PATIENCE,
            pressed: Notify::new(),
            changed_slightly: Notify::new(),
        }
    }

    /// The same, but what nobody waits for is written so much later, in one commit with what comes meanwhile.
    #[must_use]
    pub fn gathering(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Every record kept so far, keys without the prefix.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn records(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let records = self.store.scan(self.prefix).await?;
        let own = |key: String| key.strip_prefix(self.prefix).map(str::to_owned).unwrap_or(key);
        Ok(records.into_iter().map(|(key, value)| (own(key), value)).collect())
    }

    /// The records with these keys, in the order asked for, as they are on disk.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.store.get(keys.iter().map(|key| format!("{}{key}", self.prefix)).collect()).await
    }

    /// Keep (or, with `None`, forget) a record. Returns at once; written soon. A record beyond the store's limit is left
    /// out here, as a batch is refused as a whole: it must not take others' records with it.
    pub fn note(&self, key: &str, value: Option<Vec<u8>>) {
        self.enter(key, value, true);
        self.changed.notify_one();
    }

    /// The same for a record that may be a little older after a crash: it is written with what comes next, or soon.
    pub fn note_slightly(&self, key: &str, value: Option<Vec<u8>>) {
        self.enter(key, value, false);
        self.changed_slightly.notify_one();
    }

    fn enter(&self, key: &str, value: Option<Vec<u8>>, is_pressing: bool) {
        if let Some(bytes) = value.as_ref().map(Vec::len).filter(|bytes| *bytes > MAX_VALUE_BYTES) {
            error!(key, bytes, "a record is too large to be stored; a restart will not know it");
            return;
        }
        let mut waiting = self.lock();
        waiting.changes.insert(format!("{}{key}", self.prefix), value);
        waiting.pressing |= is_pressing;
    }

    /// Resolves once everything noted so far is on disk, but for what was noted slightly.
    ///
    /// # Errors
    /// The store cannot write; the changes stay queued and are tried again.
    pub async fn durable(&self) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        let is_awaited = {
            let mut waiting = self.lock();
            if !waiting.pressing && !waiting.writing && !waiting.failing {
                return Ok(());
            }
            waiting.acknowledge.push(done);
            waiting.acknowledge.len() == 1 || waiting.acknowledge.len() >= waiting.company
        };
        if is_awaited {
            self.changed.notify_one();
            self.pressed.notify_one();
        }
        written.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Writes batches until `shutdown`, then one last time. What could not be written is tried again from time to time.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        loop {
            self.write().await;
            if *shutdown.borrow() {
                break;
            }
            let failing = self.lock().failing;
            tokio::select! {
                () = self.changed() => self.gather(&mut shutdown).await,
                () = super::wait(RETRY_EVERY), if failing => {}
                _ = shutdown.changed() => {}
            }
        }
        self.write().await;
    }

    /// Something is to be written.
    async fn changed(&self) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = self.changed_slightly.notified() => tokio::select! {
                () = self.changed.notified() => {}
                () = super::wait(SLIGHT_PATIENCE) => {}
            },
        }
    }

    /// Waits for more changes: for a while if nobody waits for those that are there, otherwise for whoever is likely to come, too.
    async fn gather(&self, shutdown: &mut watch::Receiver<bool>) {
        let is_pressed = self.patience.is_zero() || !self.lock().acknowledge.is_empty() || *shutdown.borrow();
        if !is_pressed {
            tokio::select! {
                () = self.pressed.notified() => {}
                () = super::wait(self.patience) => {}
                _ = shutdown.changed() => {}
            }
        }
        let is_incomplete = |waiting: &Waiting| (1..waiting.company).contains(&waiting.acknowledge.len());
        let mut patience = pin!(super::wait(self.company_patience));
        while is_incomplete(&self.lock()) && !*shutdown.borrow() {
            tokio::select! {
                () = self.pressed.notified() => {}
                () = &mut patience => break,
                _ = shutdown.changed() => {}
            }
        }
    }

    async fn write(&self) {
        let (changes, acknowledge, was_failing) = {
            let mut waiting = self.lock();
            waiting.writing = !waiting.changes.is_empty();
            waiting.pressing = false;
            (std::mem::take(&mut waiting.changes), std::mem::take(&mut waiting.acknowledge), waiting.failing)
        };
        let outcome = match (changes.is_empty(), was_failing) {
            // Whoever waits did so for the write before, which succeeded.
            (true, false) => Ok(()),
            (true, true) => within_deadline(self.store.flush()).await,
            (false, _) => self.commit(changes.into_iter().collect()).await,
        };
        {
            let mut waiting = self.lock();
            waiting.writing = false;
            waiting.failing = outcome.is_err();
            if !acknowledge.is_empty() {
                waiting.company = acknowledge.len() + waiting.acknowledge.len();
            }
        }
        match (&outcome, was_failing) {
            (Err(error), false) => {
                error!(%error, "state cannot be stored; pages still go out, and writing is tried again")
            }
            (Ok(()), true) => info!("state is stored again"),
            _ => {}
        }
        for done in acknowledge {
            // Whoever asked may have gone away.
            drop(done.send(outcome.clone()));
        }
    }

    /// Batch after batch; the first failure is told, the store keeps what it could not write.
    async fn commit(&self, mut changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        while !changes.is_empty() {
            let rest = changes.split_off(changes.len().min(BATCH_MAX));
            let batch: Batch = std::mem::replace(&mut changes, rest).into_iter().collect();
            outcome = outcome.and(within_deadline(self.store.commit(batch)).await);
        }
        outcome
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn within_deadline(writing: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
    let no_answer = || Err(StoreError::Engine { what: "the disk does not answer".to_owned() });
    tokio::time::timeout(COMMIT_DEADLINE, writing).await.unwrap_or_else(|_| no_answer())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use store::{Backend, Key, Memory, Usage};

    use super::*;

    /// A disk that fails while it is told to, and notes that something was written.
    #[derive(Default)]
    pub(crate) struct Disk {
        pub(crate) memory: Memory,
        pub(crate) broken: Arc<AtomicBool>,
        pub(crate) written: Arc<AtomicBool>,
    }

    impl Backend for Disk {
        fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
            match self.broken.load(Ordering::SeqCst) {
                true => Err(StoreError::Engine { what: "broken".to_owned() }),
                false => {
                    self.written.store(true, Ordering::SeqCst);
                    self.memory.commit(batches)
                }
            }
        }

        fn scan(&mut self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
            self.memory.scan(prefix)
        }

        fn get(&mut self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
            self.memory.get(keys)
        }

        fn export(&mut self, now_ms: i64) -> Result<(), StoreError> {
            self.memory.export(now_ms)
        }

        fn close(&mut self, now_ms: i64) -> Result<(), StoreError> {
            self.memory.close(now_ms)
        }

        fn usage(&self) -> Usage {
            self.memory.usage()
        }
    }

    /// The write that carried a change failed before anybody asked for it: the answer must not be that all is well.
    #[tokio::test]
    async fn nothing_is_called_durable_while_the_disk_fails() {
        let broken = Arc::new(AtomicBool::new(true));
        let disk = Disk { broken: broken.clone(), ..Disk::default() };
        let ledger = Ledger::new(Store::start(Box::new(disk), 16).unwrap(), "test/");
        ledger.note("silence", Some(b"kept".to_vec()));
        ledger.write().await;
        let (asked, ()) = tokio::join!(ledger.durable(), ledger.write());
        assert!(asked.is_err());
        broken.store(false, Ordering::SeqCst);
        let (asked, ()) = tokio::join!(ledger.durable(), ledger.write());
        asked.unwrap();
        assert_eq!(ledger.records().await.unwrap(), [("silence".to_owned(), b"kept".to_vec())]);
    }

    #[tokio::test]
    async fn what_may_wait_is_written_with_what_may_not_and_by_itself_in_the_end() {
        let ledger = Arc::new(Ledger::new(Store::memory().unwrap(), "test/").gathering(Duration::from_millis(1)));
        let (end, ended) = watch::channel(false);
        let running = tokio::spawn({
            let ledger = ledger.clone();
            async move { ledger.run(ended).await }
        });
        ledger.note_slightly("group", Some(b"1".to_vec()));
        ledger.note("alert", Some(b"1".to_vec()));
        ledger.durable().await.unwrap();
        assert_eq!(ledger.records().await.unwrap().len(), 2);
        ledger.note_slightly("alone", Some(b"1".to_vec()));
        while ledger.records().await.unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }
        ledger.note_slightly("last", Some(b"1".to_vec()));
        end.send_replace(true);
        running.await.unwrap();
        assert_eq!(ledger.records().await.unwrap().len(), 4);
    }

    #[tokio::test]
    async fn who_was_answered_together_is_waited_for_once_more() {
        let store = Store::memory().unwrap();
        // Longer than any test: only company ends it.
        let company_patience = Duration::from_secs(3600);
        let ledger = Arc::new(Ledger { company_patience, ..Ledger::new(store.clone(), "test/") });
        let (_end, ended) = watch::channel(false);
        tokio::spawn({
            let ledger = ledger.clone();
            async move { ledger.run(ended).await }
        });
        let keep = async |key, yields| {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            ledger.note(key, Some(b"kept".to_vec()));
            ledger.durable().await.unwrap();
        };
        tokio::join!(keep("a", 0), keep("b", 0), keep("c", 0));
        let before = store.stats().flushes;
        tokio::join!(keep("a", 0), keep("b", 20), keep("c", 10));
        assert_eq!((store.stats().flushes - before, ledger.lock().company), (1, 3));
    }

    #[tokio::test]
    async fn who_comes_alone_is_not_held_up_for_long_and_the_next_time_not_at_all() {
        let ledger = Arc::new(Ledger::new(Store::memory().unwrap(), "test/"));
        let (_end, ended) = watch::channel(false);
        tokio::spawn({
            let ledger = ledger.clone();
            async move { ledger.run(ended).await }
        });
        ledger.lock().company = 3;
        ledger.note("alone", Some(b"kept".to_vec()));
        ledger.durable().await.unwrap();
        assert_eq!(ledger.lock().company, 1);
    }

    #[tokio::test]
    async fn a_record_too_large_takes_no_other_with_it() {
        let ledger = Arc::new(Ledger::new(Store::memory().unwrap(), "test/"));
        let (end, ended) = watch::channel(false);
        let running = tokio::spawn({
            let ledger = ledger.clone();
            async move { ledger.run(ended).await }
        });
        ledger.note("small", Some(b"kept".to_vec()));
        ledger.note("large", Some(vec![0; MAX_VALUE_BYTES + 1]));
        ledger.note("gone", Some(b"x".to_vec()));
        ledger.note("gone", None);
        ledger.durable().await.unwrap();
        assert_eq!(ledger.records().await.unwrap(), [("small".to_owned(), b"kept".to_vec())]);
        end.send_replace(true);
        running.await.unwrap();
    }
}
