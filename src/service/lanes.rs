//! How many requests to one receiver may be under way: a lane for each integration, so that a slow one fills only its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests under way to one integration.
const LANE_WIDTH: usize = 32;
/// Places beside these that only critical pages may take, so that a storm of others does not keep them waiting.
const CRITICAL_WIDTH: usize = 8;
/// Requests under way to all; more deliveries than this are never started at once.
const ALL_WIDTH: u32 = 1 << 20;

/// Receiver, kind and index of an integration.
type LaneKey = (String, &'static str, usize);

/// The lanes of all integrations.
pub struct Lanes {
    lanes: Mutex<HashMap<LaneKey, Lane>>,
    all: Arc<Semaphore>,
}

/// One integration's.
struct Lane {
    ordinary: Arc<Semaphore>,
    critical: Arc<Semaphore>,
    /// Held by each place and by nothing else, unlike the others: who waits for a turn holds those as well.
    places: Arc<()>,
}

/// A place in a lane, and the trace that shutdown waits for.
pub struct Place {
    _all: OwnedSemaphorePermit,
    lane: Arc<Semaphore>,
    _held: Arc<()>,
    /// Where it may go first.
    critical: Option<Arc<Semaphore>>,
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

    /// A place for one delivery; none at shutdown. Critical ones do not wait behind others.
    pub fn enter(&self, receiver: &str, kind: &'static str, index: usize, is_critical: bool) -> Option<Place> {
        let all = self.all.clone().try_acquire_owned().ok()?;
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Lane {
            ordinary: Arc::new(Semaphore::new(LANE_WIDTH)),
            critical: Arc::new(Semaphore::new(CRITICAL_WIDTH)),
            places: Arc::new(()),
        };
        let lane = lanes.entry((receiver.to_owned(), kind, index)).or_insert_with(new);
        let critical = is_critical.then(|| lane.critical.clone());
        Some(Place { _all: all, lane: lane.ordinary.clone(), _held: lane.places.clone(), critical })
    }

    /// How full each lane is, in the order of their names.
    pub fn occupancy(&self) -> Vec<Occupancy> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = lanes
            .iter()
            .map(|((receiver, kind, index), lane)| {
                let ordinary = LANE_WIDTH.saturating_sub(lane.ordinary.available_permits());
                let requests = ordinary + CRITICAL_WIDTH.saturating_sub(lane.critical.available_permits());
                let waiting = lane.taken().saturating_sub(requests);
                Occupancy { receiver: receiver.clone(), kind, index: *index, requests, waiting }
            })
            .collect();
        all.sort_unstable_by(|a, b| (&a.receiver, a.kind, a.index).cmp(&(&b.receiver, b.kind, b.index)));
        all
    }

    /// Forgets lanes nobody is in; called at reload, as integrations come and go.
    pub fn prune(&self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, lane| lane.taken() > 0);
    }

    /// Takes no more deliveries, and waits for those under way. False if some are still under way at the deadline.
    pub async fn close(&self, deadline: Duration) -> bool {
        let all_done = tokio::time::timeout(deadline, self.all.acquire_many(ALL_WIDTH)).await.is_ok();
        self.all.close();
        all_done
    }
}

impl Lane {
    /// Places that are held.
    fn taken(&self) -> usize {
        Arc::strong_count(&self.places).saturating_sub(1)
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
        let Some(critical) = &self.critical else { return self.lane.clone().acquire_owned().await.ok() };
        tokio::select! {
            biased;
            turn = self.lane.clone().acquire_owned() => turn.ok(),
            turn = critical.clone().acquire_owned() => turn.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One with no turn left in the first lane of webhooks, and who has them.
    async fn full_lane() -> (Lanes, Vec<(OwnedSemaphorePermit, Place)>) {
        let (lanes, mut held) = (Lanes::new(), Vec::new());
        for _ in 0..LANE_WIDTH {
            let place = lanes.enter("a", "webhook", 0, false).unwrap();
            held.push((place.turn().await.unwrap(), place));
        }
        (lanes, held)
    }

    #[tokio::test]
    async fn who_waits_for_a_turn_is_counted_once() {
        let (lanes, _held) = full_lane().await;
        let waiting = lanes.enter("a", "webhook", 0, false).unwrap();
        let mut turn = std::pin::pin!(waiting.turn());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(turn.as_mut().poll(&mut context).is_pending());
        assert_eq!((lanes.occupancy()[0].requests, lanes.occupancy()[0].waiting), (LANE_WIDTH, 1));
    }

    #[tokio::test]
    async fn a_full_lane_delays_no_other() {
        let (lanes, held) = full_lane().await;
        let waiting = lanes.enter("a", "webhook", 0, false).unwrap();
        assert_eq!(waiting.lane.available_permits(), 0);
        let full = lanes.occupancy();
        assert_eq!((full[0].requests, full[0].waiting), (LANE_WIDTH, 1));
        assert!(lanes.enter("a", "webhook", 1, false).unwrap().turn().await.is_some());
        let urgent = lanes.enter("a", "webhook", 0, true).unwrap();
        assert!(urgent.turn().await.is_some(), "a critical page does not wait behind a storm");
        drop((held, waiting, urgent));
        assert!(lanes.close(Duration::from_secs(1)).await);
        assert!(lanes.enter("a", "webhook", 0, false).is_none());
    }
}
