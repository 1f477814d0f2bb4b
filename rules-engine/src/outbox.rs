//! What one notifier is still to be told: the latest state of each alert, until it has been delivered.
//!
//! Prometheus queues *messages* and tries each once; a full queue can lose a resolve behind an older firing of the same
//! alert. This queue is keyed by the alert: a newer state replaces a waiting one, a failed delivery is tried again until
//! the state is no longer worth telling. Pure: the caller passes the time and performs the deliveries.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use foldhash::fast::RandomState;
use model::backoff::Backoff;
use model::{Alert, LabelSet, Timestamp};

/// A resolve is worth telling for this long: as long as Prometheus keeps a resolved alert and sends it again.
const RESOLVED_WORTH: Duration = Duration::from_secs(15 * 60);

/// How large an outbox may grow and how it sends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most alerts that wait; beyond it the oldest is dropped. Prometheus' queue capacity is the same figure.
    pub capacity: usize,
    /// Most alerts in one delivery.
    pub batch: usize,
    /// When to try again after a failure.
    pub backoff: Backoff,
}

impl Default for Limits {
    /// 10,000 alerts, 256 in a batch, retries after 0.5 s growing to 10 s.
    fn default() -> Limits {
        let backoff =
            Backoff { first: Duration::from_millis(500), most: Duration::from_secs(10), factor: 2.0, jitter: 0.2 };
        Limits { capacity: 10_000, batch: 256, backoff }
    }
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The notifier has taken the batch.
    Delivered,
    /// It will never take this batch (4xx). Alertmanager has taken the valid alerts of it all the same.
    Refused,
    /// It may take a smaller batch (413).
    TooLarge,
    /// It could not be reached or was unwell; `after` is its `Retry-After`.
    Failed {
        /// The least time to wait, if the notifier named one.
        after: Option<Duration>,
    },
}

/// What an outbox has done so far, counted in alerts (but for `failures`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// States handed in.
    pub pushed: u64,
    /// States replaced by a newer one of the same alert before they were delivered.
    pub superseded: u64,
    /// Delivered.
    pub sent: u64,
    /// Dropped because the outbox was full.
    pub overflowed: u64,
    /// Dropped because they could not be delivered while they were worth telling.
    pub expired: u64,
    /// Dropped because the notifier refused them.
    pub refused: u64,
    /// Alerts in deliveries that did not succeed; one alert counts once for each try.
    pub failed: u64,
    /// Deliveries that did not succeed.
    pub failures: u64,
}

impl Tally {
    /// Every alert that will never be delivered.
    pub fn dropped(&self) -> u64 {
        self.overflowed + self.expired + self.refused
    }
}

/// The queue of one notifier target.
pub struct Outbox {
    limits: Limits,
    /// Spreads the retries of different targets.
    key: u64,
    /// By the order in which the alerts first came.
    waiting: BTreeMap<u64, Letter>,
    /// Where an alert waits.
    places: HashMap<LabelSet, u64, RandomState>,
    in_flight: Vec<(u64, Letter)>,
    next_place: u64,
    /// Shrinks when the notifier finds a batch too large, and grows again while it takes them.
    batch: usize,
    failed_attempts: u32,
    not_before: Timestamp,
    tally: Tally,
}

/// One alert's latest state.
struct Letter {
    alert: Alert,
    /// From here on it is not worth telling.
    expires: Timestamp,
}

impl Outbox {
    /// An empty one. `key` tells targets apart, for the jitter of retries.
    pub fn new(limits: Limits, key: u64) -> Outbox {
        Outbox {
            limits,
            key,
            waiting: BTreeMap::new(),
            places: HashMap::default(),
            in_flight: Vec::new(),
            next_place: 0,
            batch: limits.batch.max(1),
            failed_attempts: 0,
            not_before: Timestamp::MIN,
            tally: Tally::default(),
        }
    }

    /// Hands in an alert's state. One that waits already keeps its place in the queue and takes the new state.
    pub fn push(&mut self, now: Timestamp, alert: Alert) {
        self.tally.pushed += 1;
        let letter = Letter { expires: worth_until(now, &alert), alert };
        if let Some(waiting) = self.places.get(&letter.alert.labels).and_then(|place| self.waiting.get_mut(place)) {
            *waiting = letter;
            self.tally.superseded += 1;
            return;
        }
        let place = self.next_place;
        self.next_place += 1;
        self.enqueue(place, letter);
        self.drop_overflow();
    }

    /// The next delivery, oldest first: empty while another is under way, while a retry has to wait, or when there is
    /// nothing to tell. Answer it with [`Outbox::outcome`].
    pub fn take_batch(&mut self, now: Timestamp) -> Vec<Alert> {
        if !self.in_flight.is_empty() || now < self.not_before {
            return Vec::new();
        }
        while self.in_flight.len() < self.batch {
            let Some((place, letter)) = self.waiting.pop_first() else { break };
            self.places.remove(&letter.alert.labels);
            if letter.expires <= now {
                self.tally.expired += 1;
            } else {
                self.in_flight.push((place, letter));
            }
        }
        self.in_flight.iter().map(|(_, letter)| letter.alert.clone()).collect()
    }

    /// How the delivery under way ended. What failed goes back to its place, unless a newer state waits.
    pub fn outcome(&mut self, now: Timestamp, outcome: Outcome) {
        let batch = std::mem::take(&mut self.in_flight);
        let alerts = batch.len() as u64;
        if alerts == 0 {
            return;
        }
        if outcome != Outcome::Delivered {
            self.tally.failures += 1;
            self.tally.failed += alerts;
        }
        match outcome {
            Outcome::Delivered => {
                self.tally.sent += alerts;
                self.batch = (self.batch + self.batch / 4 + 1).min(self.limits.batch.max(1));
                self.settle();
            }
            Outcome::TooLarge if batch.len() > 1 => {
                self.batch = batch.len() / 2;
                self.failed_attempts = 0;
                self.put_back(batch);
            }
            Outcome::Refused | Outcome::TooLarge => {
                self.tally.refused += alerts;
                self.settle();
            }
            Outcome::Failed { after } => {
                self.failed_attempts = self.failed_attempts.saturating_add(1);
                let delay = self.limits.backoff.delay(self.failed_attempts, self.key);
                self.not_before = now.plus(after.map_or(delay, |after| after.clamp(delay, RESOLVED_WORTH)));
                self.put_back(batch);
            }
        }
    }

    /// When [`Outbox::take_batch`] is next worth a call; `None` while a delivery is under way or nothing waits.
    /// May lie in the past.
    pub fn next_wake(&self) -> Option<Timestamp> {
        (self.in_flight.is_empty() && !self.waiting.is_empty()).then_some(self.not_before)
    }

    /// Forgets the wait before the next retry: the process is about to end, and this is the last chance.
    pub fn hurry(&mut self) {
        self.not_before = Timestamp::MIN;
        self.failed_attempts = 0;
    }

    /// How many alerts wait; those under way don't count.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many alerts are under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether there is nothing left to tell, not even under way.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    /// How many alerts may wait.
    pub fn capacity(&self) -> usize {
        self.limits.capacity
    }

    /// What it has done so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn enqueue(&mut self, place: u64, letter: Letter) {
        self.places.insert(letter.alert.labels.clone(), place);
        self.waiting.insert(place, letter);
    }

    fn put_back(&mut self, batch: Vec<(u64, Letter)>) {
        for (place, letter) in batch {
            if self.places.contains_key(&letter.alert.labels) {
                self.tally.superseded += 1;
            } else {
                self.enqueue(place, letter);
            }
        }
        self.drop_overflow();
    }

    fn drop_overflow(&mut self) {
        while self.waiting.len() > self.limits.capacity {
            let Some((_, oldest)) = self.waiting.pop_first() else { return };
            self.places.remove(&oldest.alert.labels);
            self.tally.overflowed += 1;
        }
    }

    /// The notifier answers: no wait before the next batch.
    fn settle(&mut self) {
        self.failed_attempts = 0;
        self.not_before = Timestamp::MIN;
    }
}

/// A firing state is worth telling until its `ends_at`, when the receiver would take it for resolved; a resolve for
/// as long as its source would send it again.
fn worth_until(now: Timestamp, alert: &Alert) -> Timestamp {
    alert.ends_at.filter(|ends_at| *ends_at > now).unwrap_or_else(|| now.plus(RESOLVED_WORTH))
}

#[cfg(test)]
mod tests;
