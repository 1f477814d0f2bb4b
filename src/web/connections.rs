//! Who is connected: so many in all and of one address, each with a deadline for what it is about. A newcomer who finds every
//! place taken gets that of the connection that has been quiet for longest: health checks and alerts come through whatever
//! others hold open.
//!
//! - [`seat`]: one connection and what it is about
//! - [`figures`]: all of that as metrics

pub mod figures;
pub mod seat;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use self::seat::{Ending, Seat};
use crate::live;

/// How often connections are looked at whose time may be up.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// All connections of a process' listeners.
#[derive(Debug)]
pub struct Connections {
    /// Most at a time.
    max: usize,
    taken: Mutex<Taken>,
    /// Somebody came.
    came: Notify,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Taken {
    /// By number, so that the eldest come first.
    seats: BTreeMap<u64, Arc<Seat>>,
    by_address: HashMap<IpAddr, usize>,
    next: u64,
}

/// What is counted.
#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    accept_failures: AtomicU64,
    slow_bodies: AtomicU64,
    ended: [AtomicU64; Ending::ALL.len()],
}

/// A place among the connections, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    number: u64,
    seat: Arc<Seat>,
    connections: Arc<Connections>,
}

impl Connections {
    /// Nobody is connected yet; at most `max` will be, half of them from one address.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max: max.max(2), taken: Mutex::default(), came: Notify::new(), counts: Counts::default() })
    }

    /// Most connections of one address: whoever has many leaves room for others.
    const fn share(&self) -> usize {
        self.max / 2
    }

    /// A place for a newcomer. `None`: every other connection has a request under way that moves.
    pub fn admit(self: &Arc<Self>, from: SocketAddr) -> Option<Place> {
        // The same machine has one address, whichever family it is written in.
        let (address, now) = (from.ip().to_canonical(), live::instant());
        let mut taken = self.taken();
        let of_address = taken.by_address.get(&address).copied().unwrap_or(0);
        let has_room = if of_address >= self.share() {
            self.displace(&mut taken, now, |seat| seat.address() == address)
        } else {
            taken.seats.len() < self.max || self.displace(&mut taken, now, |_| true)
        };
        if !has_room {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let number = taken.next;
        taken.next += 1;
        let seat = Arc::new(Seat::new(address, now));
        taken.seats.insert(number, seat.clone());
        *taken.by_address.entry(address).or_default() += 1;
        drop(taken);
        self.counts.accepted.fetch_add(1, Ordering::Relaxed);
        self.came.notify_one();
        Some(Place { number, seat, connections: self.clone() })
    }

    /// Ends the connection that has been quiet for longest, as something is scarce.
    pub fn make_room(&self) {
        self.displace(&mut self.taken(), live::instant(), |_| true);
    }

    /// Nobody could be let in.
    pub fn accept_failed(&self) {
        self.counts.accept_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// A body that took too long was given up.
    pub fn body_was_slow(&self) {
        self.counts.slow_bodies.fetch_add(1, Ordering::Relaxed);
    }

    /// Frees the place of the one that has been quiet for longest, of those that are meant.
    fn displace(&self, taken: &mut Taken, now: Instant, is_meant: impl Fn(&Seat) -> bool) -> bool {
        let meant = taken.seats.iter().filter(|(_, seat)| is_meant(seat));
        let quiet = meant.filter_map(|(number, seat)| Some((seat.displaceable(now)?, *number)));
        let Some((_, number)) = quiet.min() else { return false };
        if let Some(seat) = taken.remove(number) {
            self.end(&seat, Ending::Displaced);
        }
        true
    }

    fn end(&self, seat: &Seat, ending: Ending) {
        if seat.end(ending) {
            self.count(ending);
        }
    }

    fn count(&self, ending: Ending) {
        if let Some(count) = self.counts.ended.get(ending as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends connections whose time is up, for as long as it is polled.
    pub async fn watch(&self) {
        loop {
            if self.taken().seats.is_empty() {
                self.came.notified().await;
            }
            live::wait(LOOK_EVERY).await;
            let now = live::instant();
            let seats: Vec<Arc<Seat>> = self.taken().seats.values().cloned().collect();
            for seat in seats {
                if let Some(ending) = seat.overdue(now) {
                    self.end(&seat, ending);
                }
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn remove(&mut self, number: u64) -> Option<Arc<Seat>> {
        let seat = self.seats.remove(&number)?;
        if let Some(count) = self.by_address.get_mut(&seat.address()) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&seat.address());
            }
        }
        Some(seat)
    }
}

impl Place {
    /// What the connection is about.
    pub fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Those it is one of.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// The handshake took too long or failed.
    pub fn handshake_failed(&self) {
        self.connections.count(Ending::Handshake);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.taken().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 1234))
    }

    fn count(connections: &Connections) -> usize {
        connections.taken().seats.len()
    }

    #[test]
    fn the_quietest_gives_its_place_and_who_is_served_keeps_it() {
        let connections = Connections::new(4);
        let served = connections.admit(from(1)).unwrap();
        let visit = served.seat().visit(false);
        let places: Vec<Place> = (2..5).map(|host| connections.admit(from(host)).unwrap()).collect();
        assert_eq!((count(&connections), places[0].seat().ended()), (4, None));
        let newcomer = connections.admit(from(9)).unwrap();
        assert_eq!(count(&connections), 4);
        assert_eq!(served.seat().ended(), None, "it was there first, but has a request under way");
        assert_eq!(places[0].seat().ended(), Some(Ending::Displaced));
        assert_eq!([&places[1], &places[2], &newcomer].map(|place| place.seat().ended()), [None; 3]);
        drop((visit, newcomer, places, served));
        assert_eq!(count(&connections), 0);
        assert!(connections.taken().by_address.is_empty());
    }

    #[test]
    fn one_address_has_half_of_the_places() {
        let connections = Connections::new(6);
        let other = connections.admit(from(2)).unwrap();
        let of_one: Vec<Place> = (0..4).map(|_| connections.admit(from(1)).unwrap()).collect();
        assert_eq!(count(&connections), 4);
        assert_eq!(of_one[0].seat().ended(), Some(Ending::Displaced), "its own eldest, though there was room");
        assert_eq!(other.seat().ended(), None);
    }

    #[test]
    fn nobody_is_let_in_while_everybody_is_served() {
        let connections = Connections::new(2);
        let places: Vec<Place> = (1..3).map(|host| connections.admit(from(host)).unwrap()).collect();
        let visits: Vec<_> = places.iter().map(|place| place.seat().visit(false)).collect();
        assert!(connections.admit(from(3)).is_none());
        assert_eq!(connections.counts.refused.load(Ordering::Relaxed), 1);
        drop(visits);
        assert!(connections.admit(from(3)).is_some());
    }
}
