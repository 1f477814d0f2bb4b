//! Aggregation groups: members, the instants of their flushes, and what is under way for each integration.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use model::{LabelSet, Timestamp};

use crate::alert_book::AlertId;
use crate::decision::HoldReason;
use crate::notification::Notification;
use crate::notification_log::Told;
use crate::notifier::DeliveryId;
use crate::receiver::Integration;
use crate::route::RouteId;

/// Names a group for as long as the process lives; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

/// Alerts of one route that are told together.
#[derive(Debug)]
pub struct Group {
    /// Its route in the present tree.
    pub route: RouteId,
    /// What its members share.
    pub labels: LabelSet,
    /// Route key, colon, labels.
    pub key: Arc<str>,
    /// Where its anchor is stored.
    pub record_key: String,
    /// Those that fire, and resolved ones that somebody has yet to hear about.
    pub members: Vec<Member>,
    /// Alerts that are routed elsewhere since they were told here to fire: owed their resolve, and nothing else.
    pub guests: Vec<Member>,
    /// The instants of its flushes.
    pub grid: Grid,
    /// The next of them; off the grid when a missed one is made up for.
    pub next_flush: Timestamp,
    /// One for each integration of its receiver.
    pub slots: Vec<Slot>,
    /// Who waits for somebody to take them on; only where the route escalates.
    pub unanswered: Option<Box<Unanswered>>,
}

/// Alerts of a group that were told, and that nobody has taken on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unanswered {
    /// Sorted by hash.
    pub waiting: Vec<Waiting>,
    /// When the first of them is escalated next.
    pub next: Option<Timestamp>,
}

/// An episode that nobody has taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Hash of the alert's labels.
    pub hash: u64,
    /// When it began, in milliseconds since the epoch.
    pub start_ms: i64,
    /// The flush that told it first: steps are counted from here.
    pub since: Timestamp,
}

/// A group of the last configuration, or of the store, that the present configuration has not taken up yet.
#[derive(Debug)]
pub struct Left {
    /// Key and twin of its route.
    pub route: (Arc<str>, usize),
    /// Its key.
    pub key: Arc<str>,
    /// Name of its receiver.
    pub receiver: String,
    /// The store has another name.
    pub is_renamed: bool,
    /// What its members shared.
    pub labels: LabelSet,
    /// The instants of its flushes.
    pub grid: Grid,
    /// Who waited for somebody, as the store says.
    pub waiting: Vec<Waiting>,
    /// The group itself without its members, unless it comes from the store.
    pub group: Option<(GroupId, Box<Group>)>,
}

/// An alert in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub id: AlertId,
    /// The last flush saw it resolved. From then on only those hear of it who were told that it fires.
    pub seen_over: bool,
    /// What the last flush that decided saw of it.
    pub seen: Seen,
}

/// Whether a flush sees an alert, or what hides it: little enough to be kept for each, so that only what changed is noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(u16);

/// Instants `anchor + k × interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The first.
    pub anchor: Timestamp,
    /// Between two.
    pub interval: Duration,
}

/// One integration's share in a group.
#[derive(Debug)]
pub struct Slot {
    /// The integration.
    pub integration: Arc<Integration>,
    /// Its key in the notification log.
    pub log_key: Arc<str>,
    /// What is under way.
    pub state: SlotState,
    /// The far side asked not to be called before this instant.
    pub blocked_until: Option<Timestamp>,
    /// Why the last decision was to say nothing.
    pub held: Option<HoldReason>,
    /// Attempts that failed since the last that arrived.
    pub failures: Failures,
    /// Since when the integration has been owed something: from the first decision to tell until an attempt arrives.
    pub owed_since: Option<Timestamp>,
}

/// Failed attempts in a row, whatever they were to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// A hash of what was wrong with the last.
    pub what: u32,
}

/// What is under way for one integration of a group.
#[derive(Debug)]
pub enum SlotState {
    /// Nothing.
    Idle,
    /// The last attempt failed; the same content goes out again at this instant unless a flush replaces it.
    Waiting {
        /// What is to be told.
        content: Arc<Content>,
        /// When.
        at: Timestamp,
        /// Failed attempts at this content so far.
        failed: u32,
    },
    /// An attempt is under way.
    InFlight {
        /// Its name.
        id: DeliveryId,
        /// What is being told.
        content: Arc<Content>,
        /// Failed attempts at this content before.
        failed: u32,
        /// A flush came meanwhile: decide anew once the outcome is known.
        flush_again: bool,
    },
}

/// A decided notification with its trace in the log.
#[derive(Debug)]
pub struct Content {
    /// For the receiver.
    pub notification: Arc<Notification>,
    /// For the log.
    pub told: Told,
    /// When attempts begun by this flush should be over.
    pub deadline: Timestamp,
}

impl Grid {
    /// The instant a flush at `now` belongs to: the last one not after it.
    pub fn instant_at(self, now: Timestamp) -> Timestamp {
        let interval_ns = self.interval_ns();
        match now.since(self.anchor).as_nanos().checked_div(interval_ns) {
            Some(steps) => self.step(steps),
            None => self.anchor.max(now),
        }
    }

    /// The first instant after `now`.
    pub fn next_after(self, now: Timestamp) -> Timestamp {
        if now < self.anchor {
            return self.anchor;
        }
        match now.since(self.anchor).as_nanos().checked_div(self.interval_ns()) {
            Some(steps) => self.step(steps + 1),
            // An interval of zero is refused by the loader; a second keeps a hand-made one from spinning.
            None => now.plus(Duration::from_secs(1)),
        }
    }

    fn interval_ns(self) -> u128 {
        self.interval.as_nanos()
    }

    fn step(self, steps: u128) -> Timestamp {
        let ns = u64::try_from(steps.saturating_mul(self.interval_ns())).unwrap_or(u64::MAX);
        self.anchor.plus(Duration::from_nanos(ns))
    }
}

impl Seen {
    /// No flush has seen it yet.
    pub const NOT_YET: Self = Self(0);
    /// It fires and is told.
    pub const SHOWN: Self = Self(1);
    /// It is resolved, which may be told.
    pub const OVER: Self = Self(2);

    /// Something hides it: `question` (0 to 3) and some bits of `what` tell it from other things.
    pub fn hidden(question: u8, what: u64) -> Self {
        let bits = (what ^ (what >> 13) ^ (what >> 26) ^ (what >> 39)) as u16;
        Self(4 | u16::from(question & 3) | bits << 3)
    }

    /// Whether something hides it.
    pub fn is_hidden(self) -> bool {
        self.0 & 4 != 0
    }
}

impl Group {
    /// Members and guests.
    pub fn everybody(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().chain(&self.guests)
    }
}

impl Slot {
    /// What is decided and not yet known to have arrived.
    pub fn under_way(&self) -> Option<&Arc<Content>> {
        match &self.state {
            SlotState::Idle => None,
            SlotState::Waiting { content, .. } | SlotState::InFlight { content, .. } => Some(content),
        }
    }
}

/// Alertmanager's order of alerts inside a notification and in lists of groups: by job, by instance (those without come
/// last), then as [`label_set_order`] says.
pub fn alert_order(a: &LabelSet, b: &LabelSet) -> Ordering {
    let by = |name: &str| {
        let (a, b) = (a.get(name), b.get(name));
        a.is_none().cmp(&b.is_none()).then(a.cmp(&b))
    };
    by("job").then_with(|| by("instance")).then_with(|| label_set_order(a.iter(), b.iter()))
}

/// Alertmanager's order of label sets, given by their labels in order of names: fewer labels first, then by the first
/// label in which two sets differ, where lacking it comes first.
pub fn label_set_order<'a>(
    a: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    b: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Ordering {
    let first_difference = || a.clone().zip(b.clone()).find(|(a, b)| a != b);
    a.clone().count().cmp(&b.clone().count()).then_with(|| {
        first_difference().map_or(Ordering::Equal, |((a_name, a_value), (b_name, b_value))| {
            // The lesser name is one that the other set lacks.
            b_name.cmp(a_name).then(a_value.cmp(b_value))
        })
    })
}

#[cfg(test)]
mod tests;
