//! What came of an attempt: the log is written, or another attempt set.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::Timestamp;
use model::backoff::Backoff;

use super::remember::Attempt;
use super::{DeliveryId, Effect, Notifier, Wake, persist};
use crate::group::{Content, Group, GroupId, SlotState};
use crate::notification_log::Entry;
use crate::receiver::{Integration, Outcome};
use crate::record::Record;

/// An attempt under way: enough to write the log even if its group is gone when it ends.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) group: GroupId,
    pub(super) log_key: Arc<str>,
    pub(super) integration: Arc<Integration>,
    pub(super) content: Arc<Content>,
    /// Alerts that the log did not say to fire when it began.
    pub(super) intended: Box<[u64]>,
    /// Of the entry it will leave.
    pub(super) lifetime: Duration,
}

impl Notifier {
    /// Takes in what came of an attempt. An id that is unknown, or was reported before, changes nothing.
    pub fn delivered(&mut self, now: Timestamp, id: DeliveryId, outcome: Outcome, out: &mut Vec<Effect>) {
        self.advance(now, out);
        if let Some(flight) = self.flights.remove(&id) {
            self.count_request(flight.integration.kind, &outcome);
            self.arrived(now, id, &flight, &outcome, None, out);
        } else if let Some(digest) = self.digests.remove(&id) {
            let kind = digest.parts.first().map(|part| part.integration.kind);
            kind.into_iter().for_each(|kind| self.count_request(kind, &outcome));
            self.digest_delivered(now, id, digest, &outcome, out);
        } else {
            return;
        }
        self.write_alerts(out);
    }

    fn count_request(&mut self, kind: &'static str, outcome: &Outcome) {
        let tally = self.tally.integration(kind);
        tally.requests += 1;
        tally.requests_failed += u64::from(!outcome.is_delivered());
    }

    /// What came of an attempt for one group; of a digest it is a part, which after a failure waits until `digest_next`.
    pub(super) fn arrived(
        &mut self,
        now: Timestamp,
        id: DeliveryId,
        flight: &Flight,
        outcome: &Outcome,
        digest_next: Option<Timestamp>,
        out: &mut Vec<Effect>,
    ) {
        let news = self.news_of(now, flight, outcome.is_delivered());
        if outcome.is_delivered() {
            self.count_first_told(now, flight);
            let (key, told) = (&flight.log_key, &flight.content.told);
            let owes_resolves = flight.integration.send_resolved && !self.settings.as_alertmanager;
            // A digest is a message by itself: that of the group is still called as it was.
            let kept = self.log.get(key).and_then(|entry| entry.named.clone()).filter(|_| digest_next.is_some());
            self.log.note(key, told, (now, flight.lifetime), (owes_resolves, flight.integration.address));
            let named = match &outcome {
                Outcome::DeliveredAs(named) if digest_next.is_none() => Some(Arc::clone(named)),
                _ => kept,
            };
            self.log.name(key, named);
            self.write_log(key, out);
        } else {
            self.note_failure(now, flight, outcome, out);
        }
        let (Some(routes), Some(mut group)) = (self.routes.clone(), self.groups.take(flight.group)) else {
            self.note_attempt(now, flight, (news, outcome), Attempt::lone());
            return;
        };
        if let Some(at) = group
            .slots
            .iter()
            .position(|slot| matches!(slot.state, SlotState::InFlight { id: flying, .. } if flying == id))
        {
            let attempt = Attempt::of(group.slots.get(at));
            let flush_again = self.land(now, flight.group, &mut group, at, (outcome, digest_next));
            let attempt = attempt.landed(group.slots.get_mut(at), outcome);
            self.note_attempt(now, flight, (news, outcome), attempt);
            if flush_again {
                let mut flush = self.look(now, flight.group, &routes, &group);
                self.decide(&mut flush, &mut group, at, out);
            }
        }
        self.settle(now, flight.group, group, out);
    }

    /// What the log says of an attempt that did not arrive, or may have: where nobody knows, its resolves are owed.
    fn note_failure(&mut self, now: Timestamp, flight: &Flight, outcome: &Outcome, out: &mut Vec<Effect>) {
        let (key, lifetime, address) = (&flight.log_key, flight.lifetime, flight.integration.address);
        let is_over = !outcome.may_have_arrived() && self.log.take_back(key, &flight.intended);
        let until = match outcome {
            Outcome::Retry { retry_after, .. } => retry_after.map(|delay| now.plus(delay)),
            _ => None,
        };
        let is_blocked = self.log.block(key, until, || Entry::blank(address, now, now.plus(lifetime)));
        if is_over || is_blocked {
            self.write_log(key, out);
        }
    }

    /// Brings the record of an entry in line, which goes if it says nothing.
    pub(super) fn write_log(&mut self, key: &Arc<str>, out: &mut Vec<Effect>) {
        let record_key = self.log.record_key(key, || Record::log_key(key));
        self.log.drop_blank(key);
        out.push(match self.log.get(key) {
            Some(entry) => persist(record_key, &Record::of_log(key, entry)),
            None => Effect::Forget { key: record_key },
        });
    }

    /// Counts how long the alerts that this delivery was the first to tell of had been firing by then.
    fn count_first_told(&mut self, now: Timestamp, flight: &Flight) {
        let before = self.log.get(&flight.log_key);
        let tally = self.tally.integration(flight.integration.kind);
        for alert in flight.content.notification.alerts.iter().filter(|alert| alert.resolved_at.is_none()) {
            if !before.is_some_and(|entry| entry.is_open(alert.fingerprint.0)) {
                tally.first_told.observe(now.since(alert.starts_at).as_secs_f64());
            }
        }
    }

    /// Brings a slot from "in flight" to what the outcome makes of it; answers whether to decide anew.
    fn land(
        &mut self,
        now: Timestamp,
        id: GroupId,
        group: &mut Group,
        at: usize,
        (outcome, digest_next): (&Outcome, Option<Timestamp>),
    ) -> bool {
        let Some(slot) = group.slots.get_mut(at) else { return false };
        let SlotState::InFlight { content, failed, flush_again, .. } =
            std::mem::replace(&mut slot.state, SlotState::Idle)
        else {
            return false;
        };
        match outcome {
            Outcome::Delivered | Outcome::DeliveredAs(_) => slot.owed_since = None,
            Outcome::Rejected { reason, .. } => {
                slot.owed_since = None;
                self.tally.failed(slot.integration.kind, reason);
            }
            Outcome::Retry { reason, retry_after, .. } => {
                slot.blocked_until = retry_after.map(|delay| now.plus(delay));
                if flush_again {
                    self.tally.failed(slot.integration.kind, reason);
                } else if let Some(at) = digest_next {
                    slot.state = SlotState::Waiting { content, at, failed: 0 };
                } else {
                    let failed = failed.saturating_add(1);
                    let backoff = Backoff::NOTIFICATION.delay(failed, FixedState::default().hash_one(&slot.log_key));
                    let due = now.plus(backoff.max(retry_after.unwrap_or_default()));
                    slot.state = SlotState::Waiting { content, at: due, failed };
                    self.wakes.insert((due, Wake::Retry(id, at)));
                }
            }
        }
        flush_again
    }
}
