//! How long the machine kept things waiting, and requests went without an answer: that is no page's lateness.

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
                noted.note(began, over);
            }
        });
        stalls
    }

    /// A wait that was seen elsewhere, if it is one.
    pub(crate) fn note(&self, began: Instant, length: Duration) {
        if length < STALL_MIN {
            return;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((began, length));
    }

    /// How much of the time between these was lost; what several lost at once counts once.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Duration {
        let stalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // They come about in the order of their ends.
        let first = stalls.partition_point(|(began, length)| *began + *length + Duration::from_secs(60) < from);
        let clipped = |(began, length): &(Instant, Duration)| ((*began).max(from), (*began + *length).min(to));
        let mut parts: Vec<_> = stalls.iter().skip(first).map(clipped).filter(|(began, end)| began < end).collect();
        parts.sort_unstable();
        let (mut lost, mut seen) = (Duration::ZERO, from);
        for (began, end) in parts {
            lost += end.saturating_duration_since(began.max(seen));
            seen = seen.max(end);
        }
        lost
    }

    /// All of them: how many, their sum, the longest.
    pub(crate) fn total(&self) -> (usize, Duration, Duration) {
        let stalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lengths = || stalls.iter().map(|(_, length)| *length);
        (stalls.len(), lengths().sum(), lengths().max().unwrap_or_default())
    }
}
