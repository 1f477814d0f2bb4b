//! How often a receiver wants to be told, and what waits when it has been told that often. Such a wish is the file's; what
//! goes beyond it is put into one digest, or waits where each group has an incident of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{ClockStep, Timestamp};

use crate::group::GroupId;
use crate::receiver::{Integration, Receiver};

/// `rate: {notifications: 10, per: 1m}`: for each integration of a receiver by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At most so many, digests included; not zero.
    pub notifications: u32,
    /// In so long, counted from the first of them; not zero.
    pub per: Duration,
}

/// Names an integration's allowance for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllowanceId(pub u32);

/// What an integration was told in the present span, and what waits for the next.
#[derive(Debug)]
pub struct Allowance {
    /// The wish.
    pub rate: Rate,
    /// Groups, and their slots, whose notifications wait. A group that has gone since is passed over.
    pub gathered: BTreeSet<(GroupId, usize)>,
    /// When they are looked at.
    pub wake: Option<Timestamp>,
    /// A digest is under way.
    pub is_flying: bool,
    /// Failed attempts at the digest.
    pub failed: u32,
    opened_at: Option<Timestamp>,
    spent: u32,
}

/// All allowances, by integration.
#[derive(Debug, Default)]
pub struct Allowances {
    ids: BTreeMap<(String, &'static str, usize), AllowanceId>,
    all: Vec<Allowance>,
}

impl Allowance {
    fn new(rate: Rate) -> Self {
        let (gathered, wake, opened_at) = (BTreeSet::new(), None, None);
        Self { rate, gathered, wake, is_flying: false, failed: 0, opened_at, spent: 0 }
    }

    /// Whether one more may go out now, which is then counted. Nothing overtakes what waits.
    pub fn take(&mut self, now: Timestamp) -> bool {
        if self.is_flying || !self.gathered.is_empty() {
            return false;
        }
        if self.ends_at().is_none_or(|end| end <= now) {
            self.open(now);
        }
        let is_left = self.spent < self.rate.notifications;
        self.spend(u32::from(is_left));
        is_left
    }

    /// Another span begins.
    pub fn open(&mut self, now: Timestamp) {
        (self.opened_at, self.spent) = (Some(now), 0);
    }

    /// So many were told.
    pub fn spend(&mut self, count: u32) {
        self.spent = self.spent.saturating_add(count);
    }

    /// When the present span is over.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.opened_at.map(|at| at.plus(self.rate.per))
    }

    fn follow_clock(&mut self, step: ClockStep) {
        for at in [&mut self.wake, &mut self.opened_at] {
            *at = at.map(|at| step.of(at));
        }
    }
}

impl Allowances {
    /// The allowance of an integration, with the rate that its receiver has now.
    pub fn of(&mut self, receiver: &Receiver, integration: &Integration, rate: Rate) -> AllowanceId {
        let fresh = AllowanceId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let key = (receiver.name.clone(), integration.kind, integration.index);
        let id = *self.ids.entry(key).or_insert(fresh);
        if id == fresh {
            self.all.push(Allowance::new(rate));
        } else if let Some(known) = self.get_mut(id) {
            known.rate = rate;
        }
        id
    }

    /// One of them.
    pub fn get_mut(&mut self, id: AllowanceId) -> Option<&mut Allowance> {
        self.all.get_mut(id.0 as usize)
    }

    /// Another configuration: what waits is offered anew, group by group.
    pub fn release(&mut self) {
        for allowance in &mut self.all {
            allowance.gathered.clear();
            allowance.wake = None;
        }
    }

    /// The clock was moved.
    pub fn follow_clock(&mut self, step: ClockStep) {
        self.all.iter_mut().for_each(|allowance| allowance.follow_clock(step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_span_and_none_past_what_waits() {
        let t = Timestamp::from_secs;
        let mut allowance = Allowance::new(Rate { notifications: 2, per: Duration::from_secs(60) });
        assert_eq!([0, 10, 20, 59].map(|at| allowance.take(t(at))), [true, true, false, false]);
        assert_eq!([60, 61, 62].map(|at| allowance.take(t(at))), [true, true, false], "the next span");
        allowance.gathered.insert((GroupId(1), 0));
        assert!(!allowance.take(t(1000)));
        allowance.gathered.clear();
        allowance.is_flying = true;
        assert!(!allowance.take(t(1000)));
    }
}
