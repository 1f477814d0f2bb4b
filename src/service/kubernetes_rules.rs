//! Rules from a cluster: PrometheusRules are followed, judged, and their groups put in force within a moment.
//!
//! What was good is kept in the store, so that after a restart rules are evaluated before the API server answers, or while it is
//! away.
//!
//! - `kubernetes_rules/book.rs`: the objects and what became of them
//! - `kubernetes_rules/metrics.rs`: how it goes

pub mod book;
pub mod metrics;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use kubernetes::client::{Access, Client, Scope};
use kubernetes::leading;
use kubernetes::lease::{Candidate, Timing};
use kubernetes::object::{NAMESPACES, ObjectKey};
use kubernetes::report::{self, ReportTally, Teller};
use kubernetes::rule_source::{RuleSource, Workload};
use kubernetes::watch::{Followed, Told, WatchTally};
use rules_engine::rule::RuleGroup;
use rules_engine::rule_file::Defaults;
use store::{Batch, Store};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::live;
use book::{Book, Settled};

/// Where the store has the objects.
const PREFIX: &str = "kubernetes-rules/";
/// After a change, others that come within this time are put in force with it.
const SETTLING: Duration = Duration::from_millis(100);
/// Between attempts to read what it takes to reach the server.
const OPEN_AGAIN: Duration = Duration::from_secs(10);
/// A disk that takes longer has failed; what is evaluated does not wait for it.
const COMMIT_DEADLINE: Duration = Duration::from_secs(30);

/// Has the engine evaluate what the book has.
pub type PutInForce = Arc<dyn Fn() + Send + Sync>;

/// PrometheusRules as rules.
pub struct KubernetesRules {
    store: Store,
    book: Mutex<Book>,
    following: Mutex<Option<Following>>,
    tally: Tally,
    /// Where objects are followed: not on the rules' own thread, which queries need.
    runtime: Handle,
    synced: watch::Sender<bool>,
}

/// Objects being followed; ends when dropped.
struct Following {
    reach: Reach,
    task: JoinHandle<()>,
}

/// What makes it necessary to follow anew if it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reach {
    access: Access,
    namespace: Option<String>,
    scopes: Vec<Scope>,
    reports_for: Option<Workload>,
    lease: Option<String>,
}

/// How it goes.
#[derive(Default)]
struct Tally {
    watches: Mutex<Vec<Arc<WatchTally>>>,
    reports: Arc<ReportTally>,
    /// Times that other groups were put in force.
    settled: AtomicU64,
}

impl Reach {
    fn of(source: &RuleSource) -> Reach {
        // the own namespace follows from the access
        let scopes = source.scopes("");
        Reach {
            access: source.access.clone(),
            namespace: source.namespace.clone(),
            scopes,
            reports_for: source.reports_for.clone(),
            lease: source.lease.clone(),
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl KubernetesRules {
    /// Takes out of the store what was good.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn restore(store: Store) -> anyhow::Result<Arc<KubernetesRules>> {
        let records = store.scan(PREFIX).await.context("cannot read the stored PrometheusRules")?;
        let own = |(key, value): (String, Vec<u8>)| (key.strip_prefix(PREFIX).unwrap_or(&key).to_owned(), value);
        let (book, complaints) = Book::restore(records.into_iter().map(own));
        store.left_out(complaints.len());
        for complaint in complaints {
            warn!("{complaint}");
        }
        Ok(Arc::new(KubernetesRules {
            store,
            book: Mutex::new(book),
            following: Mutex::default(),
            tally: Tally::default(),
            runtime: Handle::current(),
            synced: watch::Sender::new(false),
        }))
    }

    /// Follows what the configuration says, or nothing. The groups as they are then are there at once; `put_in_force` is called
    /// when they change later.
    pub fn adopt(self: &Arc<Self>, source: Option<&RuleSource>, defaults: &Defaults, put_in_force: PutInForce) {
        let settled = match source {
            None => self.book().clear(),
            Some(source) => {
                let mut book = self.book();
                book.adopt(source.clone(), defaults.clone());
                book.settle()
            }
        };
        self.runtime.spawn(keep(self.store.clone(), settled.records));
        let reach = source.map(Reach::of);
        let mut following = self.following.lock().unwrap_or_else(PoisonError::into_inner);
        if following.as_ref().map(|following| &following.reach) == reach.as_ref() {
            return;
        }
        // the old one ends first
        *following = None;
        self.watches().clear();
        *following = reach.zip(source).map(|(reach, source)| {
            let follower = Follower { rules: self.clone(), source: source.clone(), put_in_force };
            Following { reach, task: self.runtime.spawn(follower.follow()) }
        });
    }

    /// The groups that are to be evaluated.
    pub fn groups(&self) -> Vec<RuleGroup> {
        self.book().groups().cloned().collect()
    }

    /// Waits until all objects were told once, but not for longer than this; not at all where the store had some, as these are
    /// evaluated already.
    pub async fn first_look(&self, deadline: Duration) {
        let is_followed = self.following.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if !is_followed || self.book().groups().next().is_some() {
            return;
        }
        let mut synced = self.synced.subscribe();
        if tokio::time::timeout(deadline, synced.wait_for(|synced| *synced)).await.is_err() {
            warn!("the Kubernetes API did not list the PrometheusRules in time: their rules follow when it does");
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watches(&self) -> MutexGuard<'_, Vec<Arc<WatchTally>>> {
        self.tally.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the objects and hands on what follows from them.
struct Follower {
    rules: Arc<KubernetesRules>,
    source: RuleSource,
    put_in_force: PutInForce,
}

impl Follower {
    async fn follow(self) {
        let client = self.client().await;
        let own = self.source.own_namespace(client.own_namespace()).to_owned();
        let scopes = self.source.scopes(&own);
        self.rules.book().is_in(&own);
        let known = self.known(&scopes);
        info!(namespace = own, scopes = scopes.len(), known = known.len(), "PrometheusRules are followed");
        let (leads, leading) = watch::channel(self.source.lease.is_none());
        if let Some(lease) = &self.source.lease {
            let identity = std::env::var("POD_NAME").unwrap_or_else(|_| crate::web::address::host_name());
            let identity = format!("{identity}_{}", uuid::Uuid::new_v4());
            let candidate = Candidate::new(ObjectKey::new(&own, lease), identity, Timing::default());
            tokio::spawn(leading::lead(client.clone(), candidate, live::now, leads));
        }
        let (teller, telling) = report::open(
            client.clone(),
            self.source.reports_for.clone(),
            crate::web::address::host_name(),
            live::now,
            leading,
            self.rules.tally.reports.clone(),
        );
        // it ends when nobody tells any more
        tokio::spawn(telling.run());
        let mut followed = Followed::begin(&client, scopes.clone(), &known);
        *self.rules.watches() = followed.tallies.clone();
        self.settle(&teller).await;
        while let Some(told) = followed.told.recv().await {
            self.note(&scopes, told);
            let settling = live::wait(SETTLING);
            tokio::pin!(settling);
            loop {
                tokio::select! {
                    more = followed.told.recv() => match more {
                        Some(told) => self.note(&scopes, told),
                        None => break,
                    },
                    () = &mut settling => break,
                }
            }
            self.settle(&teller).await;
            if followed.tallies.iter().all(|tally| tally.is_synced()) {
                self.rules.synced.send_replace(true);
            }
        }
    }

    async fn client(&self) -> Client {
        loop {
            match Client::open(&self.source.access).await {
                Ok(client) => return client,
                Err(error) => warn!(%error, "PrometheusRules cannot be followed; those that are known are evaluated"),
            }
            live::wait(OPEN_AGAIN).await;
        }
    }

    /// The objects of the store, by the scope that shows whether they are still there. Namespaces are learnt anew.
    fn known(&self, scopes: &[Scope]) -> BTreeMap<(usize, ObjectKey), String> {
        let book = self.rules.book();
        let of_scope = |key: &ObjectKey| scopes.iter().position(|scope| scope.kind != NAMESPACES && scope.covers(key));
        let known =
            book.versions().filter_map(|(key, version)| Some(((of_scope(key)?, key.clone()), version.to_owned())));
        known.collect()
    }

    fn note(&self, scopes: &[Scope], told: Told) {
        let is_namespaces = scopes.get(told.scope).is_some_and(|scope| scope.kind == NAMESPACES);
        let mut book = self.rules.book();
        for change in told.changes {
            match is_namespaces {
                true => book.namespace_changed(change),
                false => book.rule_changed(change),
            }
        }
    }

    /// Judges what changed, puts it in force, then keeps it and tells of it.
    async fn settle(&self, teller: &Teller) {
        if !self.rules.book().is_waiting() {
            return;
        }
        let (rules, put_in_force) = (self.rules.clone(), self.put_in_force.clone());
        // thousands of rules take a while to read
        let settled = tokio::task::spawn_blocking(move || {
            let settled = rules.book().settle();
            if settled.is_changed {
                rules.tally.settled.fetch_add(1, Ordering::Relaxed);
                put_in_force();
            }
            settled
        });
        let Settled { is_changed, findings, records } = settled.await.unwrap_or_default();
        if is_changed || !findings.is_empty() {
            let refused = findings.iter().filter(|finding| finding.mistakes.is_some()).count();
            info!(objects = findings.len(), refused, "PrometheusRules changed");
        }
        for finding in findings {
            if let Some(mistakes) = &finding.mistakes {
                warn!(object = %finding.key, generation = finding.generation, "a PrometheusRule is refused; its last good version stays in force, if there was one: {mistakes}");
            }
            teller.tell(finding);
        }
        keep(self.rules.store.clone(), records).await;
    }
}

/// Writes down what is good, for the next start.
async fn keep(store: Store, records: Vec<(String, Option<Vec<u8>>)>) {
    if records.is_empty() {
        return;
    }
    let batch: Batch = records.into_iter().map(|(key, value)| (format!("{PREFIX}{key}"), value)).collect();
    match tokio::time::timeout(COMMIT_DEADLINE, store.commit(batch)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "PrometheusRules cannot be kept for the next start"),
        Err(_) => warn!("PrometheusRules cannot be kept for the next start: the disk does not answer"),
    }
}
