//! Samples to all targets: one queue and one task for each, so that a target that is away delays no other.
//!
//! What a rule reads next is waited for; everything else is in safe keeping once it is in the queue: in memory while the
//! target takes samples, on disk as soon as it fails or is slow. All samples for a target go through its one queue, so
//! those of a series arrive in order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outbound::SendError;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::send_alerts::Clock;
use super::write_samples::{Attempt, PACKING, SampleWriter, Stop, WriteFailure, WriteTally, refusal};
use crate::backlog::{Backlog, Batch, Keeping, Losses, oldest};
use crate::config::WriteTarget;
use crate::sample::Sample;

/// A request that takes longer is a sign that the target is in trouble: what waits goes to disk.
const SLOW: Duration = Duration::from_secs(1);

/// Samples that nobody waits for are gathered for so long: the rules of a group share a request.
const GATHERING: Duration = Duration::from_millis(100);

/// Between attempts while somebody has to mend something: wrong address, wrong credentials.
const HOPELESS: Duration = Duration::from_secs(30);

/// Keeps (or, with `None`, forgets) a record under a key. Returns at once.
pub type Keeper = Arc<dyn Fn(&str, Option<Vec<u8>>) + Send + Sync>;

/// Records as kept: key and value.
pub type Records = Vec<(String, Vec<u8>)>;

/// Why samples a rule reads next cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// For people.
    pub text: String,
    /// Whether they will be written later; otherwise they were refused.
    pub is_kept: bool,
}

/// What a queue holds and has lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueTally {
    /// Samples that wait, those under way included.
    pub samples: usize,
    /// About how many bytes they need.
    pub bytes: usize,
    /// Most bytes that may wait.
    pub bytes_max: usize,
    /// What was lost.
    pub losses: Losses,
}

/// Writes to every target.
pub struct WriteQueues {
    clock: Clock,
    keeper: Keeper,
    inner: Mutex<Inner>,
}

/// Targets that can be used: what a reload checks before it changes anything.
pub struct PreparedWriters(Vec<SampleWriter>);

#[derive(Default)]
struct Inner {
    /// By name.
    lanes: BTreeMap<String, Running>,
    /// By folder: what was kept for targets that have not come yet.
    restored: BTreeMap<String, Vec<(u64, Vec<u8>)>>,
}

struct Running {
    lane: Arc<Lane>,
    task: JoinHandle<()>,
}

/// What a target's task and the others share.
struct Lane {
    writer: Mutex<Arc<SampleWriter>>,
    /// What its records' keys begin with.
    folder: String,
    keeper: Keeper,
    state: Mutex<State>,
    /// Something was pushed, or the lane is to stop.
    changed: Notify,
    /// What waits is to be sent without waiting for more.
    pressed: Notify,
    /// No wait between attempts any more.
    hurried: Notify,
    stopping: AtomicBool,
}

struct State {
    backlog: Backlog,
    tickets: Vec<Ticket>,
}

/// Somebody waits until a record has been sent.
struct Ticket {
    first: u64,
    last: u64,
    refused: Option<WriteFailure>,
    done: oneshot::Sender<Option<WriteFailure>>,
}

impl WriteQueues {
    /// Without targets. `records` is what was kept.
    pub fn new(clock: Clock, keeper: Keeper, records: Records) -> WriteQueues {
        let mut restored: BTreeMap<String, Vec<(u64, Vec<u8>)>> = BTreeMap::new();
        for (key, value) in records {
            match parse_key(&key) {
                Some((folder, number)) => restored.entry(folder.to_owned()).or_default().push((number, value)),
                None => keeper(&key, None),
            }
        }
        WriteQueues { clock, keeper, inner: Mutex::new(Inner { lanes: BTreeMap::new(), restored }) }
    }

    /// Checks targets and opens the way to them.
    ///
    /// # Errors
    /// A certificate or key of the configuration cannot be used.
    pub fn prepare(&self, targets: Vec<WriteTarget>) -> Result<PreparedWriters, SendError> {
        targets.into_iter().map(SampleWriter::new).collect::<Result<_, _>>().map(PreparedWriters)
    }

    /// Writes to prepared targets from now on. A target that stays, by its name, keeps what waits for it; what waits for
    /// one that is gone is dropped. Needs a tokio runtime.
    pub fn adopt(&self, prepared: PreparedWriters) {
        let mut inner = lock(&self.inner);
        let mut before = std::mem::take(&mut inner.lanes);
        for writer in prepared.0 {
            let name = writer.name().to_owned();
            let running = match before.remove(&name) {
                Some(running) => {
                    running.lane.replace_writer(writer);
                    running
                }
                None => {
                    let records = inner.restored.remove(&folder(&name)).unwrap_or_default();
                    self.start(writer, records)
                }
            };
            inner.lanes.insert(name, running);
        }
        let unclaimed = std::mem::take(&mut inner.restored);
        drop(inner);
        before.into_values().for_each(Running::abandon);
        for (folder, records) in unclaimed {
            tracing::warn!(records = records.len(), "samples that waited for a remote write that is gone are dropped");
            records.iter().for_each(|(number, _)| (self.keeper)(&key(&folder, *number), None));
        }
    }

    fn start(&self, writer: SampleWriter, records: Vec<(u64, Vec<u8>)>) -> Running {
        let mut backlog = Backlog::new(writer.target().queue_bytes_max, PACKING);
        let mut keepings = Vec::new();
        backlog.restore(records, &mut keepings);
        if !backlog.is_empty() {
            tracing::info!(target = writer.name(), samples = backlog.samples(), "samples wait from before the restart");
        }
        let lane = Arc::new(Lane {
            folder: folder(writer.name()),
            writer: Mutex::new(Arc::new(writer)),
            keeper: Arc::clone(&self.keeper),
            state: Mutex::new(State { backlog, tickets: Vec::new() }),
            changed: Notify::new(),
            pressed: Notify::new(),
            hurried: Notify::new(),
            stopping: AtomicBool::new(false),
        });
        lane.obey(keepings);
        let task = tokio::spawn(serve(Arc::clone(&lane), Arc::clone(&self.clock)));
        Running { lane, task }
    }

    /// Whether there is a target.
    pub fn has_targets(&self) -> bool {
        !lock(&self.inner).lanes.is_empty()
    }

    /// Takes samples into every target's queue; they will be written, in order.
    pub fn enqueue(&self, samples: &[Sample]) {
        self.lanes().iter().for_each(|lane| drop(lane.push(samples, false)));
    }

    /// The same, and waits until every target has them.
    ///
    /// # Errors
    /// A target does not have them at the deadline, or refused some.
    pub async fn write(&self, samples: &[Sample], deadline: Duration) -> Result<(), Unwritten> {
        let waiting: Vec<_> = self.lanes().iter().filter_map(|lane| lane.push(samples, true)).collect();
        let mut refused = Vec::new();
        let answers = async {
            for written in waiting {
                match written.await {
                    Ok(None) => {}
                    Ok(Some(failure)) => refused.push(failure.to_string()),
                    Err(_) => refused.push("the remote write is gone".to_owned()),
                }
            }
        };
        let in_time = tokio::time::timeout(deadline, answers).await.is_ok();
        match (in_time, refused.is_empty()) {
            (true, true) => Ok(()),
            (_, false) => Err(Unwritten { text: refused.join("; "), is_kept: false }),
            (false, true) => {
                let text = format!("they were not taken within {deadline:?}, and wait to be written");
                Err(Unwritten { text, is_kept: true })
            }
        }
    }

    /// What each target's writer and queue have done.
    pub fn tallies(&self) -> Vec<(String, WriteTally, QueueTally)> {
        let lanes = lock(&self.inner);
        let tally = |(name, running): (&String, &Running)| {
            let writer = running.lane.writer();
            let state = lock(&running.lane.state);
            let queue = QueueTally {
                samples: state.backlog.samples(),
                bytes: state.backlog.bytes(),
                bytes_max: writer.target().queue_bytes_max,
                losses: state.backlog.losses(),
            };
            (name.clone(), writer.tally(), queue)
        };
        lanes.lanes.iter().map(tally).collect()
    }

    /// Writes what waits, as far as the deadline allows, keeps the rest on disk and ends; gives the number of samples
    /// that are kept.
    pub async fn shut_down(&self, deadline: Duration) -> usize {
        let lanes = std::mem::take(&mut lock(&self.inner).lanes);
        let (lanes, mut tasks): (Vec<_>, Vec<_>) =
            lanes.into_values().map(|running| (running.lane, running.task)).unzip();
        lanes.iter().for_each(|lane| lane.stop());
        let finish = async {
            for task in &mut tasks {
                let _ended = task.await;
            }
        };
        let _in_time = tokio::time::timeout(deadline, finish).await;
        tasks.iter().for_each(JoinHandle::abort);
        lanes.iter().for_each(|lane| lane.spill());
        lanes.iter().map(|lane| lock(&lane.state).backlog.samples()).sum()
    }

    fn lanes(&self) -> Vec<Arc<Lane>> {
        lock(&self.inner).lanes.values().map(|running| Arc::clone(&running.lane)).collect()
    }
}

impl fmt::Debug for WriteQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueues").finish_non_exhaustive()
    }
}

impl Running {
    /// The target is gone from the configuration.
    fn abandon(self) {
        self.task.abort();
        let mut keepings = Vec::new();
        let dropped = lock(&self.lane.state).backlog.clear(&mut keepings);
        if dropped > 0 {
            let target = self.lane.writer();
            tracing::warn!(target = target.name(), samples = dropped, "a remote write is gone, what waited is dropped");
        }
        self.lane.obey(keepings);
    }
}

impl Lane {
    fn writer(&self) -> Arc<SampleWriter> {
        Arc::clone(&lock(&self.writer))
    }

    fn replace_writer(&self, mut writer: SampleWriter) {
        writer.go_on_counting(&self.writer());
        let mut keepings = Vec::new();
        lock(&self.state).backlog.set_bytes_max(writer.target().queue_bytes_max, &mut keepings);
        self.obey(keepings);
        *lock(&self.writer) = Arc::new(writer);
        self.hurried.notify_one();
    }

    /// Takes samples in; the receiver, if wanted, is told once they have been sent.
    fn push(&self, samples: &[Sample], is_awaited: bool) -> Option<oneshot::Receiver<Option<WriteFailure>>> {
        let samples = self.writer().relabelled(samples);
        let mut keepings = Vec::new();
        let mut state = lock(&self.state);
        let first = state.backlog.next_number();
        let last = state.backlog.push(samples, &mut keepings);
        let waiting = last.filter(|_| is_awaited).map(|last| {
            let (done, waiting) = oneshot::channel();
            state.tickets.push(Ticket { first, last, refused: None, done });
            waiting
        });
        // in the order of the queue: the disk must not learn of a record after it was forgotten
        self.obey(keepings);
        drop(state);
        self.changed.notify_one();
        if is_awaited {
            self.pressed.notify_one();
        }
        waiting
    }

    /// Waits for samples, and a moment for more of them, unless somebody waits for these or they fill a request.
    async fn gather(&self) {
        while lock(&self.state).backlog.is_empty() {
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            self.changed.notified().await;
        }
        if !self.is_pressed() {
            let _more = tokio::time::timeout(GATHERING, self.pressed.notified()).await;
        }
    }

    fn is_pressed(&self) -> bool {
        let samples_per_send = self.writer().target().samples_per_send;
        let state = lock(&self.state);
        let is_full = state.backlog.samples() >= samples_per_send;
        is_full || !state.tickets.is_empty() || self.stopping.load(Ordering::Acquire)
    }

    fn take(&self, clock: &Clock) -> Batch {
        let writer = self.writer();
        let target = writer.target();
        let mut keepings = Vec::new();
        let mut state = lock(&self.state);
        let batch = state.backlog.take(target.samples_per_send, oldest(clock(), target.sample_age_max), &mut keepings);
        self.obey(keepings);
        batch
    }

    fn spill(&self) {
        let mut keepings = Vec::new();
        let mut state = lock(&self.state);
        state.backlog.spill(&mut keepings);
        self.obey(keepings);
    }

    /// Notes how far an attempt came, and tells those who waited for it.
    fn settle(&self, batch: &Batch, attempt: &Attempt) {
        let settled = batch.ends.iter().take_while(|(_, end)| *end <= attempt.settled);
        let last = settled.last().map(|(number, _)| *number);
        let mut keepings = Vec::new();
        let mut state = lock(&self.state);
        let State { backlog, tickets } = &mut *state;
        backlog.settle(last, &mut keepings);
        if attempt.stop.is_none() {
            backlog.is_taken();
        }
        for ticket in tickets.iter_mut().filter(|_| !attempt.refused.is_empty()) {
            let refused = ticket.refused_of(batch, attempt);
            ticket.refused = ticket.refused.take().or(refused);
        }
        for ticket in tickets.extract_if(.., |ticket| last.is_some_and(|last| ticket.last <= last)) {
            // whoever waited may have given up
            let _gone = ticket.done.send(ticket.refused);
        }
        self.obey(keepings);
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.changed.notify_one();
        self.pressed.notify_one();
        self.hurried.notify_one();
    }

    fn obey(&self, keepings: Vec<Keeping>) {
        for keeping in keepings {
            match keeping {
                Keeping::Keep(number, record) => (self.keeper)(&key(&self.folder, number), Some(record)),
                Keeping::Forget(number) => (self.keeper)(&key(&self.folder, number), None),
            }
        }
    }
}

impl Ticket {
    /// What was refused of the records it waits for.
    fn refused_of(&self, batch: &Batch, attempt: &Attempt) -> Option<WriteFailure> {
        let mine = |number: u64| self.first <= number && number <= self.last;
        let starts = std::iter::once(0).chain(batch.ends.iter().map(|(_, end)| *end));
        let own: Vec<_> = batch.ends.iter().zip(starts).filter(|((number, _), _)| mine(*number)).collect();
        let (start, end) = (own.first()?.1, own.last()?.0.1);
        let among = |refused: &&super::write_samples::Refusal| refused.places.start < end && start < refused.places.end;
        let refused: Vec<_> = attempt.refused.iter().filter(among).map(|refused| refused.within(start, end)).collect();
        refusal(&batch.samples, &refused)
    }
}

/// Serves one target until it is stopped and nothing waits.
async fn serve(lane: Arc<Lane>, clock: Clock) {
    let mut failed_attempts = 0;
    loop {
        lane.gather().await;
        let batch = lane.take(&clock);
        if batch.ends.is_empty() {
            if lane.stopping.load(Ordering::Acquire) {
                return;
            }
            // all that waited was too old
            continue;
        }
        let writer = lane.writer();
        let attempt = send(&lane, &writer, &batch, &clock).await;
        lane.settle(&batch, &attempt);
        if let Some(refused) = refusal(&batch.samples, &attempt.refused) {
            tracing::warn!(target = writer.name(), %refused, "samples were not written");
        }
        let Some(stop) = attempt.stop else {
            if failed_attempts > 0 {
                tracing::info!(target = writer.name(), "remote write works again");
            }
            failed_attempts = 0;
            continue;
        };
        failed_attempts = if attempt.settled > 0 { 1 } else { failed_attempts + 1 };
        if failed_attempts == 1 {
            tracing::warn!(target = writer.name(), error = stop.why, "remote write fails; samples wait on disk");
        }
        lane.spill();
        let delay = delay(&writer, &stop, failed_attempts);
        let _early = tokio::time::timeout(delay, lane.hurried.notified()).await;
        if lane.stopping.load(Ordering::Acquire) {
            return;
        }
    }
}

/// One attempt; if it takes long, what waits goes to disk meanwhile.
async fn send(lane: &Lane, writer: &SampleWriter, batch: &Batch, clock: &Clock) -> Attempt {
    let sending = writer.attempt(&batch.samples, clock());
    let mut sending = std::pin::pin!(sending);
    match tokio::time::timeout(SLOW, &mut sending).await {
        Ok(attempt) => attempt,
        Err(_) => {
            lane.spill();
            sending.await
        }
    }
}

fn delay(writer: &SampleWriter, stop: &Stop, failed_attempts: u32) -> Duration {
    let delay = writer.backoff().delay(failed_attempts, failed_attempts.into()).max(stop.at_least);
    if stop.is_hopeless { delay.max(HOPELESS) } else { delay }
}

/// The beginning of the keys of a target's records.
fn folder(name: &str) -> String {
    hex::encode(Sha256::digest(name.as_bytes()).get(..8).unwrap_or_default())
}

fn key(folder: &str, number: u64) -> String {
    format!("{folder}/{number:016x}")
}

fn parse_key(key: &str) -> Option<(&str, u64)> {
    let (folder, number) = key.split_once('/')?;
    Some((folder, u64::from_str_radix(number, 16).ok()?))
}

/// The data behind these locks is whole at any time, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
