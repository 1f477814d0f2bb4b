//! Alerts by state. Whether an alert is suppressed changes with time alone, so it must be asked; a scrape would have to
//! ask for every alert. Where there are many, they are counted in the background, a piece at a time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::io::desk::Desk;
use crate::notifier::AlertCounts;

/// So many are counted when a scrape asks; the figure is exact.
const FEW: usize = 1000;
/// So many are counted while the machine is held.
const PIECE: u32 = 500;

/// Counts alerts by state.
pub struct Census<D> {
    desk: Arc<D>,
    counted: Mutex<Option<AlertCounts>>,
}

impl<D: Desk> Census<D> {
    /// Between two counts; what a scrape shows is at most this old, plus the time of a count (milliseconds).
    pub const EVERY: Duration = Duration::from_secs(5);

    /// Nothing is counted yet.
    pub fn new(desk: Arc<D>) -> Self {
        Self { desk, counted: Mutex::default() }
    }

    /// Counts in pieces, between which others get their turn. To be called every [`Census::EVERY`].
    pub async fn take(&self) {
        if self.desk.read(|notifier, _| notifier.alert_count()) <= FEW {
            *self.lock() = None;
            return;
        }
        let mut counts = AlertCounts::default();
        let mut next = Some(0);
        while let Some(from) = next {
            next = self.desk.read(|notifier, now| notifier.count_alerts(now, from, PIECE, &mut counts));
            tokio::task::yield_now().await;
        }
        *self.lock() = Some(counts);
    }

    /// Counts now where it costs little or was never done, else says what was counted last.
    pub(super) fn latest(&self) -> AlertCounts {
        let counted = *self.lock();
        self.desk.read(|notifier, now| match counted {
            Some(counts) if notifier.alert_count() > FEW => counts,
            _ => {
                let mut counts = AlertCounts::default();
                notifier.count_alerts(now, 0, u32::MAX, &mut counts);
                counts
            }
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<AlertCounts>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D> fmt::Debug for Census<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Census")
    }
}
