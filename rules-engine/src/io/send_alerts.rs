//! Alerts to notifiers: one [`Outbox`] and one task per target, `POST <url>/api/v2/alerts`.
//!
//! Targets do not wait for one another. What cannot be delivered is tried again; a reload keeps what waits; at shutdown
//! the outboxes are emptied as far as a deadline allows.

mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{Alert, Timestamp};
use outbound::{HttpClient, HttpClients, Request, Response, SendError};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::write_samples::{reason, retry_after};
use crate::config::{NotifierTarget, shown_url};
use crate::outbox::{Limits, Outbox, Outcome, Tally};
use crate::relabel::Relabeling;
use crate::tally::DurationTally;

/// The current time: the live shell's clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What one target has been told, for metrics.
#[derive(Clone, Debug)]
pub struct TargetTally {
    /// The target's URL, without what may be secret in it.
    pub url: String,
    /// Alerts that wait.
    pub queued: usize,
    /// Most alerts that may wait.
    pub capacity: usize,
    /// What its outbox did.
    pub outbox: Tally,
    /// How long deliveries took.
    pub latency: DurationTally,
    /// What the last failed delivery said, until one succeeds.
    pub last_error: Option<String>,
}

/// Sends alerts to every target.
pub struct AlertSender {
    clock: Clock,
    clients: HttpClients,
    inner: Mutex<Inner>,
}

/// Targets that can be used: what a reload checks before it changes anything.
pub struct PreparedTargets {
    relabeling: Relabeling,
    routes: BTreeMap<String, Arc<Route>>,
}

#[derive(Default)]
struct Inner {
    relabeling: Relabeling,
    targets: BTreeMap<String, Running>,
}

/// A target and the task that serves it.
struct Running {
    target: Arc<Target>,
    task: JoinHandle<()>,
}

impl AlertSender {
    /// Without targets. `clock` tells the time.
    pub fn new(clock: Clock) -> AlertSender {
        AlertSender { clock, clients: HttpClients::new(outbound::Limits::default()), inner: Mutex::default() }
    }

    /// Sends to these targets from now on: [`AlertSender::prepare`] and [`AlertSender::adopt`] in one.
    ///
    /// # Errors
    /// A certificate or key cannot be used; nothing is changed then.
    pub fn configure(&self, relabeling: Relabeling, targets: Vec<NotifierTarget>) -> Result<(), SendError> {
        self.adopt(self.prepare(relabeling, targets)?);
        Ok(())
    }

    /// Checks targets and opens the way to them; `relabeling` comes before the targets' own.
    ///
    /// # Errors
    /// A certificate or key cannot be used.
    pub fn prepare(&self, relabeling: Relabeling, targets: Vec<NotifierTarget>) -> Result<PreparedTargets, SendError> {
        let mut routes = BTreeMap::new();
        for target in targets {
            let client = self.clients.get(&target.http)?;
            routes.insert(target.url.clone(), Arc::new(Route { client, target }));
        }
        Ok(PreparedTargets { relabeling, routes })
    }

    /// Sends to prepared targets from now on. A target that stays keeps what waits for it; one that is gone is told what
    /// waits and then forgotten. Needs a tokio runtime.
    pub fn adopt(&self, prepared: PreparedTargets) {
        let mut inner = self.lock();
        inner.relabeling = prepared.relabeling;
        let mut before = std::mem::take(&mut inner.targets);
        for (url, route) in prepared.routes {
            let running = match before.remove(&url) {
                Some(running) => {
                    *lock(&running.target.route) = route;
                    running
                }
                None => self.start(route),
            };
            inner.targets.insert(url, running);
        }
        // the tasks of those that are gone end by themselves once their outbox is empty or its alerts are outdated
        before.values().for_each(|gone| gone.target.stop());
    }

    fn start(&self, route: Arc<Route>) -> Running {
        let key = foldhash::fast::FixedState::default().hash_one(&route.target.url);
        let target = Arc::new(Target {
            route: Mutex::new(route),
            outbox: Mutex::new(Outbox::new(Limits::default(), key)),
            latency: Mutex::default(),
            last_error: Mutex::default(),
            changed: Notify::new(),
            stopping: AtomicBool::new(false),
        });
        let task = tokio::spawn(serve(Arc::clone(&target), Arc::clone(&self.clock)));
        Running { target, task }
    }

    /// Hands alerts to every target's outbox; delivery begins at once.
    pub fn send(&self, alerts: &[Alert]) {
        let now = (self.clock)();
        let inner = self.lock();
        let alerts: Vec<Alert> = alerts.iter().filter_map(|alert| relabel(&inner.relabeling, alert)).collect();
        for Running { target, .. } in inner.targets.values() {
            let route = target.route();
            let mut outbox = lock(&target.outbox);
            for alert in alerts.iter().filter_map(|alert| relabel(&route.target.relabeling, alert)) {
                outbox.push(now, alert);
            }
            drop(outbox);
            target.changed.notify_one();
        }
    }

    /// The URLs of all targets, in order.
    pub fn urls(&self) -> Vec<String> {
        self.lock().targets.keys().cloned().collect()
    }

    /// What each target has been told.
    pub fn tallies(&self) -> Vec<TargetTally> {
        self.lock().targets.iter().map(|(url, running)| running.target.tally(url)).collect()
    }

    /// Delivers what waits, without the waits between retries, and ends. Gives the number of alerts that could not be
    /// delivered before `deadline`.
    pub async fn shut_down(&self, deadline: Duration) -> usize {
        let targets = std::mem::take(&mut self.lock().targets);
        targets.values().for_each(|running| running.target.stop());
        let (served, mut tasks): (Vec<_>, Vec<_>) = targets.into_values().map(|r| (r.target, r.task)).unzip();
        let finish = async {
            for task in &mut tasks {
                let _ended = task.await;
            }
        };
        let _in_time = tokio::time::timeout(deadline, finish).await;
        tasks.iter().for_each(JoinHandle::abort);
        served.iter().map(|target| target.untold()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl fmt::Debug for AlertSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<String> = self.urls().iter().map(|url| shown_url(url)).collect();
        f.debug_struct("AlertSender").field("targets", &targets).finish_non_exhaustive()
    }
}

/// The way to a target; a reload may change it.
struct Route {
    client: Arc<HttpClient>,
    target: NotifierTarget,
}

/// What a target's task and the sender share.
struct Target {
    route: Mutex<Arc<Route>>,
    outbox: Mutex<Outbox>,
    latency: Mutex<DurationTally>,
    last_error: Mutex<Option<String>>,
    /// Something was pushed, or the target is to stop.
    changed: Notify,
    stopping: AtomicBool,
}

impl Target {
    fn route(&self) -> Arc<Route> {
        Arc::clone(&lock(&self.route))
    }

    fn stop(&self) {
        lock(&self.outbox).hurry();
        self.stopping.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Alerts that wait or are under way.
    fn untold(&self) -> usize {
        let outbox = lock(&self.outbox);
        outbox.len() + outbox.in_flight()
    }

    fn tally(&self, url: &str) -> TargetTally {
        let outbox = lock(&self.outbox);
        TargetTally {
            url: shown_url(url),
            queued: outbox.len(),
            capacity: outbox.capacity(),
            outbox: outbox.tally(),
            latency: lock(&self.latency).clone(),
            last_error: lock(&self.last_error).clone(),
        }
    }

    /// Delivers one batch and says how it ended.
    async fn deliver(&self, batch: &[Alert], clock: &Clock) -> Outcome {
        let route = self.route();
        let body = match wire::encode(batch) {
            Ok(body) => body,
            Err(error) => {
                *lock(&self.last_error) = Some(error);
                return Outcome::Refused;
            }
        };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let request = Request { method: Method::POST, url: route.target.url.clone(), headers, body: body.into() };
        let sent_at = clock();
        let answer = route.client.send(request, route.target.timeout, sent_at).await;
        lock(&self.latency).observe(clock().since(sent_at));
        let (outcome, error) = match answer {
            Ok(response) => (classify(&response), (!response.status.is_success()).then(|| reason(&response))),
            Err(error) => (Outcome::Failed { after: None }, Some(error.to_string())),
        };
        if let Some(error) = &error {
            tracing::warn!(target = %route.shown(), alerts = batch.len(), %error, "alerts were not delivered");
        }
        *lock(&self.last_error) = error;
        outcome
    }
}

impl Route {
    /// The URL without what may be secret in it.
    fn shown(&self) -> String {
        shown_url(&self.target.url)
    }
}

/// Serves one target until it is stopped and there is nothing left to tell.
async fn serve(target: Arc<Target>, clock: Clock) {
    loop {
        let now = clock();
        let batch = lock(&target.outbox).take_batch(now);
        if !batch.is_empty() {
            let outcome = target.deliver(&batch, &clock).await;
            lock(&target.outbox).outcome(clock(), outcome);
            continue;
        }
        let next_wake = lock(&target.outbox).next_wake();
        match next_wake {
            None if target.stopping.load(Ordering::Acquire) => return,
            None => target.changed.notified().await,
            Some(at) => {
                let _early = tokio::time::timeout(at.since(now), target.changed.notified()).await;
            }
        }
    }
}

/// Only a refusal of the content is final: a wrong path or credential may be mended while the alert still fires.
fn classify(response: &Response) -> Outcome {
    match response.status {
        status if status.is_success() => Outcome::Delivered,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused,
        StatusCode::PAYLOAD_TOO_LARGE => Outcome::TooLarge,
        _ => Outcome::Failed { after: Some(retry_after(response)).filter(|after| !after.is_zero()) },
    }
}

fn relabel(relabeling: &Relabeling, alert: &Alert) -> Option<Alert> {
    let labels = relabeling.apply(&alert.labels).filter(|labels| !labels.is_empty())?;
    Some(Alert { labels, ..alert.clone() })
}

/// The data behind these locks is whole at any time, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
