//! Objects followed: the loop around a [`Reflector`] that asks, waits and hands on what changed.
#![expect(clippy::disallowed_methods, reason = "the shell around the reflector waits between its steps")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use tracing::{debug, info, warn};

use crate::client::{Client, Scope};
use crate::object::ObjectKey;
use crate::reflector::{Change, Failure, PAGE_OBJECTS, Reflector, SHORT, Step};

/// A watch lasts between this and half as much again; then it is opened anew, which also finds connections that are dead.
const WATCH_MIN: Duration = Duration::from_secs(120);
/// A server that does not end a watch in time is given up this much later.
const WATCH_GRACE: Duration = Duration::from_secs(10);
/// How often everything is listed again, in case the server or we missed something.
const RESYNC: Duration = Duration::from_secs(1800);
/// Changes that may wait for whoever follows; then the server has to wait.
const WAITING_MAX: usize = 256;
/// A failure that goes on is logged again after so many attempts.
const LOG_EVERY: u32 = 20;

/// Changes of objects in one place.
#[derive(Debug)]
pub struct Told {
    /// The number of the scope.
    pub scope: usize,
    /// In the order in which they happened.
    pub changes: Vec<Change>,
}

/// Objects being followed; dropping it ends that.
pub struct Followed {
    /// What changed, of all scopes.
    pub told: mpsc::Receiver<Told>,
    /// How it goes, by scope.
    pub tallies: Vec<Arc<WatchTally>>,
    tasks: Vec<JoinHandle<()>>,
}

/// How following one scope goes.
#[derive(Debug, Default)]
pub struct WatchTally {
    /// What the API calls the kind.
    pub plural: &'static str,
    /// Requests for pages of lists.
    pub lists: AtomicU64,
    /// Requests for watches.
    pub watches: AtomicU64,
    /// Lines of watches, bookmarks among them.
    pub events: AtomicU64,
    /// Changes that were told.
    pub changes: AtomicU64,
    /// Objects there are.
    pub objects: AtomicUsize,
    is_synced: AtomicBool,
    is_connected: AtomicBool,
    failures: Mutex<BTreeMap<&'static str, u64>>,
}

impl WatchTally {
    /// Whether all objects were told once.
    pub fn is_synced(&self) -> bool {
        self.is_synced.load(Ordering::Relaxed)
    }

    /// Whether the last request worked.
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// Requests that failed, by reason.
    pub fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, failure: &Failure) {
        self.is_connected.store(false, Ordering::Relaxed);
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner).entry(failure.reason()).or_default() += 1;
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Followed {
    /// Follows each of these scopes, on the runtime of the caller. `known` are objects from before with their versions: only
    /// what differs from them is told.
    pub fn begin(client: &Client, scopes: Vec<Scope>, known: &BTreeMap<(usize, ObjectKey), String>) -> Followed {
        let (teller, told) = mpsc::channel(WAITING_MAX);
        let (mut tallies, mut tasks) = (Vec::new(), Vec::new());
        for (number, scope) in scopes.into_iter().enumerate() {
            let of_scope = known.iter().filter(|((scope, _), _)| *scope == number);
            let of_scope = of_scope.map(|((_, key), version)| (key.clone(), version.clone())).collect();
            let tally = Arc::new(WatchTally { plural: scope.kind.plural, ..WatchTally::default() });
            let follower = Follower {
                client: client.clone(),
                reflector: Reflector::knowing(of_scope),
                tally: tally.clone(),
                teller: teller.clone(),
                scope,
                number,
                failed: 0,
                resync: Box::pin(tokio::time::sleep(RESYNC)),
            };
            tallies.push(tally);
            tasks.push(tokio::spawn(follower.follow()));
        }
        Followed { told, tallies, tasks }
    }
}

/// Follows one scope.
struct Follower {
    client: Client,
    scope: Scope,
    number: usize,
    reflector: Reflector,
    tally: Arc<WatchTally>,
    teller: mpsc::Sender<Told>,
    /// Attempts that failed, one after the other.
    failed: u32,
    /// Until everything is listed again.
    resync: Pin<Box<Sleep>>,
}

/// Nobody follows any more.
struct Unwanted;

impl Follower {
    async fn follow(mut self) {
        loop {
            match self.step().await {
                Ok(Duration::ZERO) => {}
                Ok(wait) => tokio::time::sleep(wait).await,
                Err(Unwanted) => return,
            }
        }
    }

    /// One list page, or one watch from its beginning to its end; how long to wait after it.
    async fn step(&mut self) -> Result<Duration, Unwanted> {
        let outcome = match self.reflector.step() {
            Step::List { continue_token } => {
                self.tally.lists.fetch_add(1, Ordering::Relaxed);
                match self.client.list(&self.scope, PAGE_OBJECTS, continue_token.as_deref()).await {
                    Ok(page) => {
                        self.works();
                        let changes = self.reflector.listed(page);
                        self.tell(changes).await?;
                        return Ok(Duration::ZERO);
                    }
                    Err(failure) => Err(failure),
                }
            }
            Step::Watch { version } => self.watch(&version).await?,
        };
        let chance = fastrand::f64();
        let outcome = outcome.and_then(|lasted| self.reflector.ended(lasted, chance));
        Ok(match outcome {
            Ok(wait) => wait,
            Err(failure) => {
                let wait = self.reflector.failed(&failure, chance);
                self.fails(&failure, wait);
                wait
            }
        })
    }

    /// How long it lasted.
    async fn watch(&mut self, version: &str) -> Result<Result<Duration, Failure>, Unwanted> {
        self.tally.watches.fetch_add(1, Ordering::Relaxed);
        let duration = WATCH_MIN.mul_f64(1.0 + fastrand::f64() / 2.0);
        let mut events = match self.client.watch(&self.scope, version, duration).await {
            Ok(events) => events,
            Err(failure) => return Ok(Err(failure)),
        };
        self.works();
        let begun = Instant::now();
        let mut end = std::pin::pin!(tokio::time::sleep(duration + WATCH_GRACE));
        let mut lasts = std::pin::pin!(tokio::time::sleep(SHORT));
        let mut is_short = true;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = &mut end => None,
                () = &mut lasts, if is_short => {
                    is_short = false;
                    self.reflector.lasts();
                    self.works();
                    continue;
                }
                () = self.resync.as_mut() => {
                    self.resync.set(tokio::time::sleep(RESYNC));
                    self.reflector.resync();
                    None
                }
            };
            let Some(event) = event else { return Ok(Ok(begun.elapsed())) };
            self.tally.events.fetch_add(1, Ordering::Relaxed);
            match self.reflector.event(event) {
                Ok(change) => self.tell(change.into_iter().collect()).await?,
                Err(failure) => return Ok(Err(failure)),
            }
        }
    }

    async fn tell(&mut self, changes: Vec<Change>) -> Result<(), Unwanted> {
        self.tally.objects.store(self.reflector.objects(), Ordering::Relaxed);
        if changes.is_empty() {
            return Ok(());
        }
        self.tally.changes.fetch_add(changes.len() as u64, Ordering::Relaxed);
        self.tally.is_synced.store(self.reflector.is_synced(), Ordering::Relaxed);
        self.teller.send(Told { scope: self.number, changes }).await.map_err(|_| Unwanted)
    }

    fn works(&mut self) {
        // a list that works says little where watches do not
        if self.reflector.are_watches_short() {
            return;
        }
        self.tally.is_connected.store(true, Ordering::Relaxed);
        if std::mem::take(&mut self.failed) > 0 {
            info!(resource = self.scope.kind.plural, "the Kubernetes API answers again");
        }
    }

    fn fails(&mut self, failure: &Failure, wait: Duration) {
        self.tally.failed(failure);
        let (resource, namespace) = (self.scope.kind.plural, self.scope.namespace.as_deref().unwrap_or("all"));
        if failure.is_gone() && self.failed == 0 {
            // it happens whenever a watch was away for long
            debug!(resource, namespace, "listing again: {failure}");
        } else if self.failed.is_multiple_of(LOG_EVERY) {
            warn!(resource, namespace, again_in = ?wait, "cannot follow objects of the Kubernetes API, what is known of them stays: {failure}{}", hint(failure));
        }
        self.failed = self.failed.saturating_add(1);
    }
}

/// How to mend it.
fn hint(failure: &Failure) -> &'static str {
    match failure {
        Failure::Refused { code: 403, .. } => "; the service account needs the verbs list and watch",
        Failure::Refused { code: 404, .. } => "; is its custom resource definition installed?",
        _ => "",
    }
}
