//! Clients that report alerts as Prometheus does: groups are evaluated by turns, changes go out at once, the rest once a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::group::Group;
use crate::ledger::Ledger;
use crate::stalls::Stalls;
use crate::story;

/// Clients, each with a connection and a share of the groups.
const LANES: usize = 4;
/// Each group is evaluated this often.
const ROUND: Duration = Duration::from_secs(15);
/// The groups of a client are evaluated in so many portions.
const SLOTS: usize = 150;
/// Alerts of a request, as Prometheus sends them.
const BATCH: usize = 64;

/// What the clients did so far.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) requests: AtomicU64,
    pub(crate) alerts: AtomicU64,
    /// Of them changes: began to fire or ended.
    pub(crate) changes: AtomicU64,
    pub(crate) silences: AtomicU64,
    /// How late a portion was begun at most, in milliseconds.
    pub(crate) behind_ms: AtomicU64,
    /// Since they were last taken, in milliseconds.
    latencies_ms: Mutex<Vec<f64>>,
    failures: Mutex<Vec<String>>,
}

impl Done {
    /// What requests took since they were last taken.
    pub(crate) fn take_latencies_ms(&self) -> Vec<f64> {
        std::mem::take(&mut self.latencies_ms.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests that were not answered with 200.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Begins to report; ends when `stop` is set.
pub(crate) fn start(
    port: u16,
    sizes: &[usize],
    (ledger, stalls): (&Ledger, &Stalls),
    done: &Arc<Done>,
    stop: &Arc<AtomicBool>,
) -> Vec<std::thread::JoinHandle<()>> {
    let lane = |number: usize| {
        let own = sizes.iter().enumerate().skip(number).step_by(LANES);
        let mut lane = Lane {
            port,
            groups: own
                .map(|(group, size)| Group::new(group, *size, story::story(group), story::team(group)))
                .collect(),
            client: None,
            ledger: ledger.clone(),
            stalls: stalls.clone(),
            done: done.clone(),
        };
        let stop = stop.clone();
        std::thread::spawn(move || lane.run(&stop))
    };
    (0..LANES).map(lane).collect()
}

struct Lane {
    port: u16,
    groups: Vec<Group>,
    client: Option<Client>,
    ledger: Ledger,
    stalls: Stalls,
    done: Arc<Done>,
}

impl Lane {
    fn run(&mut self, stop: &AtomicBool) {
        let began = Instant::now();
        for tick in 0_u32.. {
            let due = began + ROUND / SLOTS as u32 * tick;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let behind = due.elapsed().as_millis() as u64;
            self.done.behind_ms.fetch_max(behind, Ordering::Relaxed);
            self.evaluate(tick as usize % SLOTS);
        }
    }

    /// One portion.
    fn evaluate(&mut self, slot: usize) {
        let now = jiff::Timestamp::now().as_second();
        let (mut sent, mut batches) = (Vec::new(), Vec::new());
        let mut groups = std::mem::take(&mut self.groups);
        for group in groups.iter_mut().skip(slot).step_by(SLOTS) {
            // What hides alerts must be known before they are.
            if let Some(request) = group.hide(now, &self.ledger) {
                let answer = self.send(request.method, &request.path, request.body.as_bytes());
                self.done.silences.fetch_add(1, Ordering::Relaxed);
                group.hidden_by(answer.as_deref().unwrap_or_default());
            }
            let before = sent.len();
            let changes = group.evaluate(now, &self.ledger, &mut sent);
            self.done.changes.fetch_add(changes, Ordering::Relaxed);
            self.done.alerts.fetch_add((sent.len() - before) as u64, Ordering::Relaxed);
            // A small group comes in one request: what comes later than its first page is not part of that.
            if before > 0 && sent.len() > BATCH {
                let rest = sent.split_off(before);
                batches.push(std::mem::replace(&mut sent, rest));
            }
        }
        self.groups = groups;
        batches.push(sent);
        for batch in batches.iter().flat_map(|batch| batch.chunks(BATCH)) {
            let body = format!("[{}]", batch.join(","));
            self.done.requests.fetch_add(1, Ordering::Relaxed);
            self.send("POST", "/api/v2/alerts", body.as_bytes());
        }
    }

    /// The body of the answer, if it is a good one.
    fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Option<Vec<u8>> {
        let began = Instant::now();
        let answer = self.exchange(method, path, body);
        let took = began.elapsed();
        match answer {
            Ok((200, body)) => {
                // Pages are due from the answer on; how long that takes is in the report by itself.
                self.stalls.note(began, took);
                let mut latencies = self.done.latencies_ms.lock().unwrap_or_else(PoisonError::into_inner);
                latencies.push(took.as_secs_f64() * 1e3);
                Some(body)
            }
            other => {
                self.client = None;
                let what = match other {
                    Ok((status, body)) => format!("{status} {}", String::from_utf8_lossy(&body)),
                    Err(error) => error.to_string(),
                };
                let mut failures = self.done.failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.push(format!("{method} {path}: {what}"));
                None
            }
        }
    }

    fn exchange(&mut self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(self.port)?,
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut answered = Vec::new();
        let answer = client.exchange(&[head.as_bytes(), body].concat(), &mut answered)?;
        self.client = Some(client);
        Ok((answer.status, answered))
    }
}
