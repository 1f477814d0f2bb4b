//! A flush: looks at a group, asks for each of its integrations whether there is news, and lets go of what is settled.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;

use super::outcome::Flight;
use super::sight::Sight;
use super::{Delivery, DeliveryId, Effect, Notifier, Wake, persist};
use crate::decision::{Decision, HoldReason, Question, Verdict, is_news};
use crate::group::{Content, Group, GroupId, SlotState};
use crate::notification::{Notification, Reason};
use crate::notification_log::{Told, entry_lifetime};
use crate::record::Record;
use crate::route::RouteTree;

/// Attempts of a flush have at least this long.
const ATTEMPT_LEAST: Duration = Duration::from_secs(10);
/// No attempt lasts longer, however long the group's interval.
const ATTEMPT_MOST: Duration = Duration::from_secs(600);
/// Alertmanager's reason for a content that was replaced by newer content before it could be delivered.
const GAVE_UP: &str = "contextDeadlineExceeded";

/// Notifications made in one flush, so that integrations that are told the same share it.
type Snapshots = Vec<((Reason, bool), Arc<Notification>)>;

/// One look at a group, shared by the decisions for its integrations.
pub(super) struct Flush<'a> {
    pub(super) now: Timestamp,
    pub(super) id: GroupId,
    pub(super) routes: &'a RouteTree,
    pub(super) sight: Sight,
    snapshots: Snapshots,
}

impl Notifier {
    /// Decides for every integration of a group what it is told now.
    pub(super) fn flush(&mut self, now: Timestamp, id: GroupId, out: &mut Vec<Effect>) {
        let Some(routes) = self.routes.clone() else { return };
        let Some(mut group) = self.groups.take(id) else { return };
        let mut flush = self.look(now, id, &routes, &group);
        let (sum, more) = (&mut self.tally.suppressed, flush.sight.suppressed);
        sum.inhibition += more.inhibition;
        sum.active_time_interval += more.active_time_interval;
        sum.mute_time_interval += more.mute_time_interval;
        sum.silence += more.silence;
        for slot in 0..group.slots.len() {
            self.decide(&mut flush, &mut group, slot, out);
        }
        group.next_flush = group.grid.next_after(now).max(self.not_before);
        self.wakes.insert((group.next_flush, Wake::Flush(id)));
        self.settle(now, id, group, out);
    }

    pub(super) fn look<'a>(&mut self, now: Timestamp, id: GroupId, routes: &'a RouteTree, group: &Group) -> Flush<'a> {
        Flush { now, id, routes, sight: self.known.look(routes, group, now), snapshots: Vec::new() }
    }

    /// Decides for one integration, and acts on it. Content that still waits for another attempt is replaced.
    pub(super) fn decide(&mut self, flush: &mut Flush<'_>, group: &mut Group, at: usize, out: &mut Vec<Effect>) {
        let Some(slot) = group.slots.get_mut(at) else { return };
        if let SlotState::InFlight { flush_again, .. } = &mut slot.state {
            *flush_again = true;
            out.push(decided(flush, group, at, Verdict::Hold(HoldReason::InFlight)));
            return;
        }
        if let SlotState::Waiting { at: due, .. } = std::mem::replace(&mut slot.state, SlotState::Idle) {
            self.wakes.remove(&(due, Wake::Retry(flush.id, at)));
            self.tally.failed(slot.integration.kind, GAVE_UP);
        }
        let verdict = self.verdict(flush, group, at);
        out.push(decided(flush, group, at, verdict));
        match verdict {
            Verdict::Notify(reason) => self.tell(flush, group, at, reason, out),
            Verdict::Hold(HoldReason::ResolvesUnwanted) => {
                self.note_told(flush.now, flush.routes, group, at, &flush.sight.told, out);
            }
            Verdict::Hold(HoldReason::Unchanged) => self.close_quietly(flush, group, at, out),
            Verdict::Hold(_) => {}
        }
    }

    fn verdict(&self, flush: &Flush<'_>, group: &Group, at: usize) -> Verdict {
        let Some(slot) = group.slots.get(at) else { return Verdict::Hold(HoldReason::NothingToTell) };
        if let Some(hold) = flush.sight.hold {
            return Verdict::Hold(hold);
        }
        let question = Question {
            firing: &flush.sight.told.firing,
            resolved: &flush.sight.told.resolved,
            send_resolved: slot.integration.send_resolved,
            repeat_interval: flush.routes.node(group.route).repeat_interval,
            at: group.grid.instant_at(flush.now),
        };
        match is_news(self.log.get(&slot.log_key), question) {
            Verdict::Notify(_) if question.firing.is_empty() && !question.send_resolved => {
                Verdict::Hold(HoldReason::ResolvesUnwanted)
            }
            verdict => verdict,
        }
    }

    /// Makes the content of a decided notification and sends it, or keeps it until the far side may be called.
    fn tell(&mut self, flush: &mut Flush<'_>, group: &mut Group, at: usize, reason: Reason, out: &mut Vec<Effect>) {
        let Some(slot) = group.slots.get(at) else { return };
        let kind = slot.integration.kind;
        let what = (reason, slot.integration.send_resolved || flush.sight.told.resolved.is_empty());
        let shared = flush.snapshots.iter().find(|(made, _)| *made == what).map(|(_, n)| Arc::clone(n));
        let notification = shared.unwrap_or_else(|| {
            let made = self.known.notification(flush.routes, group, &flush.sight, what, flush.now);
            flush.snapshots.push((what, Arc::clone(&made)));
            made
        });
        let deadline = flush.now.plus(group.grid.interval.clamp(ATTEMPT_LEAST, ATTEMPT_MOST));
        let content = Arc::new(Content { notification, told: flush.sight.told.clone(), deadline });
        self.tally.integration(kind).notifications += 1;
        let Some(slot) = group.slots.get_mut(at) else { return };
        match slot.blocked_until.filter(|until| *until > flush.now) {
            Some(until) => {
                slot.state = SlotState::Waiting { content, at: until, failed: 0 };
                self.wakes.insert((until, Wake::Retry(flush.id, at)));
            }
            None => self.attempt(flush.now, flush.id, flush.routes, group, at, (content, 0), out),
        }
    }

    /// Sends a content that has failed so many times before.
    #[expect(
        clippy::too_many_arguments,
        reason = "an attempt is this much; a struct for one caller more would hide it"
    )]
    pub(super) fn attempt(
        &mut self,
        now: Timestamp,
        group_id: GroupId,
        routes: &RouteTree,
        group: &mut Group,
        at: usize,
        (content, failed): (Arc<Content>, u32),
        out: &mut Vec<Effect>,
    ) {
        let node = routes.node(group.route);
        let Some(slot) = group.slots.get_mut(at) else { return };
        let id = DeliveryId(self.next_delivery);
        self.next_delivery += 1;
        slot.blocked_until = None;
        out.push(Effect::Deliver(Delivery {
            id,
            receiver: Arc::clone(&node.receiver),
            integration: Arc::clone(&slot.integration),
            notification: Arc::clone(&content.notification),
            attempt: failed + 1,
            deadline: content.deadline.max(now.plus(ATTEMPT_LEAST)),
        }));
        self.flights.insert(
            id,
            Flight {
                group: group_id,
                log_key: Arc::clone(&slot.log_key),
                integration: Arc::clone(&slot.integration),
                content: Arc::clone(&content),
                lifetime: entry_lifetime(self.settings.retention, node.repeat_interval),
            },
        );
        slot.state = SlotState::InFlight { id, content, failed, flush_again: false };
    }

    /// Sends a failed content again.
    pub(super) fn retry(&mut self, now: Timestamp, id: GroupId, at: usize, out: &mut Vec<Effect>) {
        let Some(routes) = self.routes.clone() else { return };
        let Some(mut group) = self.groups.take(id) else { return };
        if let Some(slot) = group.slots.get_mut(at)
            && matches!(slot.state, SlotState::Waiting { .. })
            && let SlotState::Waiting { content, failed, .. } = std::mem::replace(&mut slot.state, SlotState::Idle)
        {
            self.attempt(now, id, &routes, &mut group, at, (content, failed), out);
        }
        self.groups.put_back(id, group);
    }

    fn note_told(
        &mut self,
        now: Timestamp,
        routes: &RouteTree,
        group: &Group,
        at: usize,
        told: &Told,
        out: &mut Vec<Effect>,
    ) {
        let Some(slot) = group.slots.get(at) else { return };
        let lifetime = entry_lifetime(self.settings.retention, routes.node(group.route).repeat_interval);
        let entry = self.log.note(&slot.log_key, told, now, lifetime, slot.integration.send_resolved);
        out.push(persist(Record::log_key(&slot.log_key), &Record::of_log(&slot.log_key, entry)));
    }

    /// An integration that does not hear of resolves must hear of the next fire: so the log forgets what is resolved.
    fn close_quietly(&mut self, flush: &Flush<'_>, group: &Group, at: usize, out: &mut Vec<Effect>) {
        let Some(slot) = group.slots.get(at).filter(|slot| !slot.integration.send_resolved) else { return };
        if let Some(entry) = self.log.close_quietly(&slot.log_key, &flush.sight.told.resolved) {
            out.push(persist(Record::log_key(&slot.log_key), &Record::of_log(&slot.log_key, entry)));
        }
    }
}

fn decided(flush: &Flush<'_>, group: &Group, at: usize, verdict: Verdict) -> Effect {
    let node = flush.routes.node(group.route);
    let slot = group.slots.get(at).expect("decisions are made slot by slot");
    Effect::Decided(Decision {
        at: flush.now,
        group_key: Arc::clone(&group.key),
        receiver: Arc::clone(&node.receiver),
        integration: Arc::clone(&slot.integration),
        verdict,
        firing: flush.sight.told.firing.len(),
        resolved: flush.sight.told.resolved.len(),
        suppressed: usize::try_from(flush.sight.suppressed.total()).unwrap_or(usize::MAX),
    })
}
