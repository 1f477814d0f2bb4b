//! How many requests to one receiver may be under way: a lane for each integration, so that a slow one fills only its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests under way to one integration.
const LANE_WIDTH: usize = 32;
/// Requests under way to all; more deliveries than this are never started at once.
const ALL_WIDTH: u32 = 1 << 20;

/// Receiver, kind and index of an integration.
type LaneKey = (String, &'static str, usize);

/// The lanes of all integrations.
pub struct Lanes {
    lanes: Mutex<HashMap<LaneKey, Arc<Semaphore>>>,
    all: Arc<Semaphore>,
}

/// A place in a lane, and the trace that shutdown waits for.
pub struct Place {
    _all: OwnedSemaphorePermit,
    lane: Arc<Semaphore>,
}

/// How full a lane is.
pub struct Occupancy {
    /// Whose lane it is.
    pub receiver: String,
    /// Kind of integration.
    pub kind: &'static str,
    /// Which of the kind.
    pub index: usize,
    /// Requests under way.
    pub requests: usize,
    /// Deliveries that wait for their turn.
    pub waiting: usize,
}

impl Lanes {
    /// No request is under way.
    pub fn new() -> Self {
        Self { lanes: Mutex::default(), all: Arc::new(Semaphore::new(ALL_WIDTH as usize)) }
    }

    /// A place for one delivery; none at shutdown.
    pub fn enter(&self, receiver: &str, kind: &'static str, index: usize) -> Option<Place> {
        let all = self.all.clone().try_acquire_owned().ok()?;
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane =
            lanes.entry((receiver.to_owned(), kind, index)).or_insert_with(|| Arc::new(Semaphore::new(LANE_WIDTH)));
        Some(Place { _all: all, lane: lane.clone() })
    }

    /// How full each lane is, in the order of their names.
    pub fn occupancy(&self) -> Vec<Occupancy> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = lanes
            .iter()
            .map(|((receiver, kind, index), lane)| {
                let requests = LANE_WIDTH.saturating_sub(lane.available_permits());
                // Each place holds the lane, and so does each request; the map does once.
                let places = Arc::strong_count(lane).saturating_sub(1 + requests);
                let waiting = places.saturating_sub(requests);
                Occupancy { receiver: receiver.clone(), kind, index: *index, requests, waiting }
            })
            .collect();
        all.sort_unstable_by(|a, b| (&a.receiver, a.kind, a.index).cmp(&(&b.receiver, b.kind, b.index)));
        all
    }

    /// Forgets lanes nobody is in; called at reload, as integrations come and go.
    pub fn prune(&self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
    }

    /// Takes no more deliveries, and waits for those under way. False if some are still under way at the deadline.
    pub async fn close(&self, deadline: Duration) -> bool {
        let all_done = tokio::time::timeout(deadline, self.all.acquire_many(ALL_WIDTH)).await.is_ok();
        self.all.close();
        all_done
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// Waits for its turn; hold the answer while the request is under way.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.lane.clone().acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_lane_delays_no_other() {
        let lanes = Lanes::new();
        let mut held = Vec::new();
        for _ in 0..LANE_WIDTH {
            let place = lanes.enter("a", "webhook", 0).unwrap();
            held.push((place.turn().await.unwrap(), place));
        }
        let waiting = lanes.enter("a", "webhook", 0).unwrap();
        assert_eq!(waiting.lane.available_permits(), 0);
        let full = lanes.occupancy();
        assert_eq!((full[0].requests, full[0].waiting), (LANE_WIDTH, 1));
        assert!(lanes.enter("a", "webhook", 1).unwrap().turn().await.is_some());
        drop((held, waiting));
        assert!(lanes.close(Duration::from_secs(1)).await);
        assert!(lanes.enter("a", "webhook", 0).is_none());
    }
}
