//! A flush: looks at a group, asks for each of its integrations whether there is news, and lets go of what is settled.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;

use super::outcome::Flight;
use super::remember::waiting;
use super::sight::Sight;
use super::{Delivery, DeliveryId, Effect, Notifier, Wake, persist};
use crate::decision::{Decision, HoldReason, Question, Verdict, fires_unseen, is_news};
use crate::group::{Content, Group, GroupId, Slot, SlotState};
use crate::notification::{Notification, Reason};
use crate::notification_log::{Entry, Told, entry_lifetime};
use crate::record::Record;
use crate::route::{Node, RouteTree};

/// Attempts of a flush have at least this long.
const ATTEMPT_LEAST: Duration = Duration::from_secs(10);
/// No attempt lasts longer, however long the group's interval.
const ATTEMPT_MOST: Duration = Duration::from_secs(600);
/// Alertmanager's reason for a content that was replaced by newer content before it could be delivered.
const GAVE_UP: &str = "contextDeadlineExceeded";

/// Notifications made in one flush by reason and resolved alerts, so that integrations that are told the same share it.
type Snapshots = Vec<((Reason, Box<[u64]>, bool), Arc<Notification>)>;

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
        self.tally.silence_queries += flush.sight.silence_queries;
        let turned = std::mem::take(&mut flush.sight.turned);
        if !turned.is_empty() {
            self.take_turns(now, &routes, &mut group, &turned);
        }
        // Before anything is told: since when somebody waits is known once it is.
        self.follow_unanswered(now, id, (&routes, &mut group), &flush.sight, true, out);
        for slot in 0..group.slots.len() {
            self.decide(&mut flush, &mut group, slot, out);
        }
        group.next_flush = self.next_flush(now, &group, &flush.sight);
        self.wakes.insert((group.next_flush, Wake::Flush(id)));
        if self.settings.as_alertmanager {
            self.let_hidden_go(now, id, &mut group, &flush.sight);
        }
        for member in group.members.iter_mut().chain(&mut group.guests) {
            member.seen_over = self.known.book.get(member.id).is_none_or(|alert| alert.is_resolved(now));
        }
        self.settle(now, id, group, out);
    }

    /// The next instant of the group's grid, or the one before it at which something comes out of a silence or a mute.
    pub(super) fn next_flush(&self, now: Timestamp, group: &Group, sight: &Sight) -> Timestamp {
        let regular = group.grid.next_after(now);
        let early = sight.seen_again.filter(|at| *at > now && !self.settings.as_alertmanager);
        early.map_or(regular, |at| at.min(regular)).max(self.not_before)
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
        let replaced = std::mem::replace(&mut slot.state, SlotState::Idle);
        let (log_key, kind) = (Arc::clone(&slot.log_key), slot.integration.kind);
        if let SlotState::Waiting { at: due, .. } = &replaced
            && !self.is_taken_from_gathered(flush.routes, flush.id, group, at)
        {
            self.wakes.remove(&(*due, Wake::Retry(flush.id, at)));
            self.tally.failed(kind, GAVE_UP);
        }
        self.tally.log_queries += 1;
        if !flush.sight.muted.is_empty()
            && !self.settings.as_alertmanager
            && self.log.hide(&log_key, &flush.sight.muted)
        {
            self.write_log(&log_key, out);
        }
        let told = flush.sight.told_to(self.log.get(&log_key));
        let verdict = self.verdict(flush, group, at, &told);
        out.push(decided(flush, group, at, verdict));
        self.note_hold(flush.now, flush.routes, group, at, (verdict, waiting(replaced)));
        if let (Verdict::Hold(_), Some(slot)) = (verdict, group.slots.get_mut(at)) {
            slot.owed_since = None;
        }
        match verdict {
            Verdict::Notify(reason) => self.tell(flush, group, at, (reason, told), out),
            Verdict::Hold(HoldReason::ResolvesUnwanted | HoldReason::Unchanged) => {
                self.close_quietly(group, at, &told, out)
            }
            Verdict::Hold(_) => {}
        }
    }

    fn verdict(&self, flush: &Flush<'_>, group: &Group, at: usize, told: &Told) -> Verdict {
        let Some(slot) = group.slots.get(at) else { return Verdict::Hold(HoldReason::NothingToTell) };
        if let Some(hold) = flush.sight.hold(told) {
            return Verdict::Hold(hold);
        }
        let question = Question {
            firing: &told.firing,
            starts: &told.starts,
            hidden: &flush.sight.firing_unseen,
            resolved: &told.resolved,
            send_resolved: slot.integration.send_resolved,
            repeat_interval: flush.routes.node(group.route).repeat_interval,
            is_acknowledged: self.are_acknowledged(told, flush.now),
            at: group.grid.instant_at(flush.now),
            as_alertmanager: self.settings.as_alertmanager,
        };
        match is_news(self.log.get(&slot.log_key), question) {
            Verdict::Notify(Reason::FirstNotification) if flush.routes.node(group.route).is_step => {
                Verdict::Notify(Reason::Escalated)
            }
            Verdict::Notify(_) if told.firing.is_empty() && !question.send_resolved => {
                Verdict::Hold(HoldReason::ResolvesUnwanted)
            }
            verdict => verdict,
        }
    }

    /// Makes the content of a decided notification and sends it, or keeps it until the far side may be called.
    fn tell(
        &mut self,
        flush: &mut Flush<'_>,
        group: &mut Group,
        at: usize,
        (reason, told): (Reason, Told),
        out: &mut Vec<Effect>,
    ) {
        let Some(slot) = group.slots.get(at) else { return };
        let resolved = if slot.integration.send_resolved { told.resolved.clone() } else { Box::default() };
        let still_firing = !self.settings.as_alertmanager
            && self.log.get(&slot.log_key).is_some_and(|entry| fires_unseen(entry, &flush.sight.firing_unseen));
        let shared = flush
            .snapshots
            .iter()
            .find(|((r, shown, still), _)| *r == reason && *shown == resolved && *still == still_firing)
            .map(|(_, n)| Arc::clone(n));
        let notification = shared.unwrap_or_else(|| {
            let what = (reason, &*resolved, still_firing);
            let made = self.known.notification(flush.routes, group, &flush.sight, what, flush.now);
            flush.snapshots.push(((reason, resolved, still_firing), Arc::clone(&made)));
            made
        });
        let deadline = flush.now.plus(group.grid.interval.clamp(ATTEMPT_LEAST, ATTEMPT_MOST));
        let content = Arc::new(Content { notification, told, deadline });
        self.tally.integration(slot.integration.kind).notifications += 1;
        let Some(slot) = group.slots.get_mut(at) else { return };
        slot.owed_since.get_or_insert(flush.now);
        match slot.blocked_until.filter(|until| *until > flush.now) {
            Some(until) => {
                slot.state = SlotState::Waiting { content, at: until, failed: 0 };
                self.wakes.insert((until, Wake::Retry(flush.id, at)));
            }
            None => self.send(flush.now, flush.id, flush.routes, group, at, (content, 0), out),
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
        let flight = self.intend(now, group_id, node, slot, Arc::clone(&content), out);
        out.push(Effect::Deliver(Delivery {
            id,
            receiver: Arc::clone(&node.receiver),
            integration: Arc::clone(&slot.integration),
            notification: Arc::clone(&content.notification),
            named: match content.notification.reason {
                Reason::FirstNotification | Reason::Escalated => None,
                _ => self.log.get(&slot.log_key).and_then(|entry| entry.named.clone()),
            },
            attempt: failed + 1,
            is_recorded: !flight.intended.is_empty() || !content.told.resolved.is_empty(),
            deadline: content.deadline.max(now.plus(ATTEMPT_LEAST)),
        }));
        self.flights.insert(id, flight);
        slot.state = SlotState::InFlight { id, content, failed, flush_again: false };
    }

    /// Before a request: the log notes what it tells for the first time, so that its resolve is told even if nobody is left
    /// to hear what came of it.
    pub(super) fn intend(
        &mut self,
        now: Timestamp,
        group: GroupId,
        node: &Node,
        slot: &Slot,
        content: Arc<Content>,
        out: &mut Vec<Effect>,
    ) -> Flight {
        let lifetime = entry_lifetime(self.settings.retention, node.repeat_interval);
        let (log_key, integration) = (Arc::clone(&slot.log_key), Arc::clone(&slot.integration));
        let intended = match self.settings.as_alertmanager {
            true => Box::default(),
            false => {
                let blank = || Entry::blank(integration.address, now, now.plus(lifetime));
                self.log.intend(&log_key, &content.told.firing, blank)
            }
        };
        if !intended.is_empty() {
            self.write_log(&log_key, out);
        }
        Flight { group, log_key, integration, content, intended, lifetime }
    }

    /// Sends a failed content again.
    pub(super) fn retry(&mut self, now: Timestamp, id: GroupId, at: usize, out: &mut Vec<Effect>) {
        let Some(routes) = self.routes.clone() else { return };
        let Some(mut group) = self.groups.take(id) else { return };
        if let Some(slot) = group.slots.get_mut(at)
            && matches!(slot.state, SlotState::Waiting { .. })
            && let SlotState::Waiting { content, failed, .. } = std::mem::replace(&mut slot.state, SlotState::Idle)
        {
            self.send(now, id, &routes, &mut group, at, (content, failed), out);
        }
        self.groups.put_back(id, group);
    }

    /// An integration that does not hear of resolves must hear of the next fire: so the log forgets what is resolved.
    fn close_quietly(&mut self, group: &Group, at: usize, told: &Told, out: &mut Vec<Effect>) {
        let Some(slot) = group.slots.get(at).filter(|slot| !slot.integration.send_resolved) else { return };
        if let Some(entry) = self.log.close_quietly(&slot.log_key, &told.resolved) {
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
