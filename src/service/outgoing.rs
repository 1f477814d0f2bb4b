//! Alerts on their way out: they leave once it is on disk that they fire, so that a process that is killed does not forget
//! what it has told others, and resolves it when it is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Alert;
use tokio::sync::Notify;

use crate::live;
use crate::live::ledger::Ledger;

/// Alerts are gathered for so long: those of the rules of a group share a commit and a request.
const GATHERING: Duration = Duration::from_millis(10);

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
            live::wait(GATHERING).await;
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
    use std::sync::atomic::Ordering;

    use model::LabelSet;
    use store::Store;
    use tokio::sync::watch;

    use super::*;
    use crate::live::ledger::tests::Disk;

    fn alert(name: &str) -> Alert {
        Alert {
            labels: LabelSet::from_pairs([("alertname", name)]),
            annotations: LabelSet::empty(),
            starts_at: None,
            ends_at: None,
            generator_url: "".into(),
        }
    }

    /// The names of alerts as they went out, and whether their state was on disk then.
    async fn told(is_broken: bool) -> Vec<(String, bool)> {
        let disk = Disk { broken: Arc::new(is_broken.into()), ..Disk::default() };
        let written = disk.written.clone();
        let ledger = Arc::new(Ledger::new(Store::start(Box::new(disk), 16).unwrap(), "test/"));
        let (_end, ended) = watch::channel(false);
        let running = ledger.clone();
        tokio::spawn(async move { running.run(ended).await });
        let told = Arc::new(Mutex::new(Vec::new()));
        let exit = {
            let told = told.clone();
            move |alerts: Vec<Alert>| {
                let is_stored = written.load(Ordering::SeqCst);
                let names = alerts.iter().map(|alert| (alert.labels.alert_name().to_owned(), is_stored));
                told.lock().unwrap().extend(names);
            }
        };
        let outgoing = Outgoing::new(ledger.clone(), Box::new(exit));
        ledger.note("alert", Some(b"firing".to_vec()));
        outgoing.push(vec![alert("A")]);
        outgoing.push(vec![alert("B")]);
        outgoing.flush().await;
        told.lock().unwrap().clone()
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
