//! Alerts on their way out: they leave once it is on disk that they fire, so that a process that is killed does not forget
//! what it has told others, and resolves it when it is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Alert;
use tokio::sync::Notify;

use crate::live::ledger::Ledger;

/// No alert waits longer for the disk: better told twice than not at all.
const DISK_DEADLINE: Duration = Duration::from_secs(1);

/// Takes alerts out of the house, in order.
type Exit = Box<dyn Fn(Vec<Alert>) + Send + Sync>;

/// Alerts that wait for the disk; those of a second at most.
pub(super) struct Outgoing {
    ledger: Arc<Ledger>,
    exit: Exit,
    waiting: Mutex<Vec<Alert>>,
    changed: Notify,
    /// Held by whoever takes alerts out, so that they stay in order.
    turn: tokio::sync::Mutex<()>,
}

impl Outgoing {
    pub(super) fn new(ledger: Arc<Ledger>, exit: Exit) -> Self {
        Self { ledger, exit, waiting: Mutex::default(), changed: Notify::new(), turn: tokio::sync::Mutex::default() }
    }

    /// Takes alerts whose state has been noted in the ledger.
    pub(super) fn push(&self, alerts: Vec<Alert>) {
        self.waiting().extend(alerts);
        self.changed.notify_one();
    }

    /// Lets alerts out as they come; never ends.
    pub(super) async fn run(&self) {
        loop {
            self.changed.notified().await;
            self.flush().await;
        }
    }

    /// Lets out what waits.
    pub(super) async fn flush(&self) {
        let _turn = self.turn.lock().await;
        let alerts = std::mem::take(&mut *self.waiting());
        if alerts.is_empty() {
            return;
        }
        // A disk that fails is told of by the ledger; alerts go out all the same.
        let _stored = tokio::time::timeout(DISK_DEADLINE, self.ledger.durable()).await;
        (self.exit)(alerts);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Alert>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use model::LabelSet;
    use store::{Backend, Batch, Key, Memory, Store, StoreError, Usage};
    use tokio::sync::watch;

    use super::*;

    fn alert(name: &str) -> Alert {
        Alert {
            labels: LabelSet::from_pairs([("alertname", name)]),
            annotations: LabelSet::empty(),
            starts_at: None,
            ends_at: None,
            generator_url: "".into(),
        }
    }

    /// Notes that a commit was made; fails if told to.
    struct Disk {
        memory: Memory,
        committed: Arc<AtomicBool>,
        is_broken: bool,
    }

    impl Backend for Disk {
        fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
            if self.is_broken {
                return Err(StoreError::Engine { what: "broken".to_owned() });
            }
            self.committed.store(true, Ordering::SeqCst);
            self.memory.commit(batches)
        }

        fn scan(&mut self, prefix: &str) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
            self.memory.scan(prefix)
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

    /// The names of alerts as they went out, and whether their state was on disk then.
    async fn told(is_broken: bool) -> Vec<(String, bool)> {
        let committed = Arc::new(AtomicBool::new(false));
        let disk = Disk { memory: Memory::new(), committed: committed.clone(), is_broken };
        let ledger = Arc::new(Ledger::new(Store::start(Box::new(disk), 16).unwrap(), "test/"));
        let (_end, ended) = watch::channel(false);
        let running = ledger.clone();
        tokio::spawn(async move { running.run(ended).await });
        let told = Arc::new(Mutex::new(Vec::new()));
        let exit = {
            let told = told.clone();
            move |alerts: Vec<Alert>| {
                let is_stored = committed.load(Ordering::SeqCst);
                let names = alerts.iter().map(|alert| (alert.labels.alert_name().to_owned(), is_stored));
                told.lock().unwrap().extend(names);
            }
        };
        let outgoing = Outgoing::new(ledger.clone(), Box::new(exit));
        ledger.note("alert", Some(b"firing".to_vec()));
        outgoing.push(vec![alert("A")]);
        outgoing.push(vec![alert("B")]);
        outgoing.flush().await;
        let told = told.lock().unwrap().clone();
        told
    }

    #[tokio::test]
    async fn alerts_leave_once_their_state_is_on_disk() {
        assert_eq!(told(false).await, [("A".to_owned(), true), ("B".to_owned(), true)]);
    }

    #[tokio::test]
    async fn a_broken_disk_keeps_no_alert_back() {
        assert_eq!(told(true).await, [("A".to_owned(), false), ("B".to_owned(), false)]);
    }
}
