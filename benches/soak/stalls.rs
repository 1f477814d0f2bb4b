//! How long the machine kept things waiting: what the bench and the program under test did not get is nobody's lateness.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(10);
/// Less is how sleeping works.
const STALL_MIN: Duration = Duration::from_millis(50);

/// Stalls so far: when each began, and how long it was.
#[derive(Clone, Default)]
pub(crate) struct Stalls(Arc<Mutex<Vec<(Instant, Duration)>>>);

impl Stalls {
    /// Begins to look.
    pub(crate) fn watch() -> Self {
        let stalls = Self::default();
        let noted = stalls.clone();
        std::thread::spawn(move || {
            loop {
                let began = Instant::now();
                std::thread::sleep(TICK);
                let over = began.elapsed().saturating_sub(TICK);
                if over >= STALL_MIN {
                    noted.note(began, over);
                }
            }
        });
        stalls
    }

    /// A stall that was seen elsewhere.
    pub(crate) fn note(&self, began: Instant, length: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((began, length));
    }

    /// How much of the time between these was lost.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Duration {
        let stalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that began a minute before and are not over are not to be expected.
        let first = stalls.partition_point(|(began, _)| *began + Duration::from_secs(60) < from);
        let lost = |(began, length): &(Instant, Duration)| {
            (*began + *length).min(to).saturating_duration_since((*began).max(from))
        };
        stalls.iter().skip(first).map(lost).sum::<Duration>().min(to.saturating_duration_since(from))
    }

    /// All of them: how many, their sum, the longest.
    pub(crate) fn total(&self) -> (usize, Duration, Duration) {
        let stalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lengths = || stalls.iter().map(|(_, length)| *length);
        (stalls.len(), lengths().sum(), lengths().max().unwrap_or_default())
    }
}
