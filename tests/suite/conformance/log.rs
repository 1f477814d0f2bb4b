//! What arrived at the sinks of one scenario, and which fault is next.

use std::sync::Mutex;

use super::scenario::{Delivery, Fault};
use crate::conditions::unix_now;

/// Shared by both sinks.
pub struct Log {
    faults: Vec<Fault>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    t0: f64,
    /// How often each fault matched.
    matched: Vec<usize>,
    deliveries: Vec<(f64, Delivery)>,
}

impl Log {
    pub fn new(faults: Vec<Fault>) -> Self {
        let matched = vec![0; faults.len()];
        Self { faults, state: Mutex::new(State { matched, ..State::default() }) }
    }

    /// The timeline begins here, in seconds since the epoch.
    pub fn begin(&self, t0: f64) {
        self.state.lock().unwrap().t0 = t0;
    }

    pub fn write(&self, at: f64, delivery: Delivery) {
        self.state.lock().unwrap().deliveries.push((at, delivery));
    }

    /// The fault of this sink that hits now, if any.
    pub fn fault(&self, sink: &str, matches: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        let t = unix_now() - state.t0;
        for (index, fault) in self.faults.iter().enumerate() {
            let is_time = fault.from.is_none_or(|from| t >= from) && fault.until.is_none_or(|until| t < until);
            if fault.sink.as_deref().unwrap_or("http") != sink || !is_time || !matches(fault) {
                continue;
            }
            state.matched[index] += 1;
            if fault.first.is_none_or(|first| state.matched[index] <= first) {
                return Some(fault.clone());
            }
        }
        None
    }

    /// Everything so far, in order of arrival.
    pub fn deliveries(&self) -> Vec<Delivery> {
        let state = self.state.lock().unwrap();
        let mut deliveries: Vec<_> =
            state.deliveries.iter().map(|(at, delivery)| Delivery { at: at - state.t0, ..delivery.clone() }).collect();
        deliveries.sort_by(|a, b| a.at.total_cmp(&b.at));
        deliveries
    }
}
