//! Storms: what goes beyond the rate of a receiver waits for the end of the span and is told in one digest, or, where each
//! group has an incident of its own, as many as the next span allows, the longest waiting first.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use model::backoff::Backoff;
use model::matcher::all_match;

use super::outcome::Flight;
use super::{Delivery, DeliveryId, Effect, Notifier, Wake};
use crate::decision::{Decision, HoldReason, Verdict};
use crate::digest::digest;
use crate::group::{Content, Group, GroupId, SlotState};
use crate::notification::Notification;
use crate::rate::AllowanceId;
use crate::receiver::{Outcome, Settings};
use crate::route::RouteTree;

/// An attempt at a digest lasts no longer.
const DIGEST_ATTEMPT: Duration = Duration::from_secs(60);

/// A digest under way.
#[derive(Debug)]
pub(super) struct DigestFlight {
    allowance: AllowanceId,
    /// What it tells of, group by group.
    pub(super) parts: Vec<Flight>,
}

impl Notifier {
    /// Sends a content, or lets it wait where its receiver has been told as often as it wishes. What failed before was counted
    /// then; critical pages do not wait.
    #[expect(clippy::too_many_arguments, reason = "those of an attempt")]
    pub(super) fn send(
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
        if let Some(rate) = node.receiver.rate.filter(|_| failed == 0 && !self.is_critical(&content.notification))
            && let Some(slot) = group.slots.get(at)
        {
            let id = self.allowances.of(&node.receiver, &slot.integration, rate);
            if self.allowances.get_mut(id).is_some_and(|allowance| !allowance.take(now)) {
                self.gather(now, (group_id, at), id, group, content);
                out.push(held_back(now, routes, group, at));
                return;
            }
        }
        self.attempt(now, group_id, routes, group, at, (content, failed), out);
    }

    fn is_critical(&self, notification: &Notification) -> bool {
        let critical = &self.settings.critical;
        !critical.is_empty() && notification.alerts.iter().any(|alert| all_match(critical, &alert.labels))
    }

    /// A content waits for the next span.
    fn gather(
        &mut self,
        now: Timestamp,
        (group_id, at): (GroupId, usize),
        id: AllowanceId,
        group: &mut Group,
        content: Arc<Content>,
    ) {
        let (Some(allowance), Some(slot)) = (self.allowances.get_mut(id), group.slots.get_mut(at)) else { return };
        allowance.gathered.insert((group_id, at));
        let end = allowance.ends_at().map_or(now, |end| end.max(now));
        slot.held = Some(HoldReason::Gathered);
        slot.state = SlotState::Waiting { content, at: allowance.wake.unwrap_or(end), failed: 0 };
        if allowance.wake.is_none() && !allowance.is_flying {
            self.wake_allowance(id, end);
        }
    }

    fn wake_allowance(&mut self, id: AllowanceId, at: Timestamp) {
        let Some(allowance) = self.allowances.get_mut(id) else { return };
        if let Some(before) = allowance.wake.replace(at) {
            self.wakes.remove(&(before, Wake::Gathered(id)));
        }
        self.wakes.insert((at, Wake::Gathered(id)));
    }

    /// A slot is decided about anew: its content waits no longer. Answers whether it did.
    pub(super) fn is_taken_from_gathered(&mut self, routes: &RouteTree, id: GroupId, group: &Group, at: usize) -> bool {
        let receiver = &routes.node(group.route).receiver;
        let (Some(rate), Some(slot)) = (receiver.rate, group.slots.get(at)) else { return false };
        let allowance = self.allowances.of(receiver, &slot.integration, rate);
        self.allowances.get_mut(allowance).is_some_and(|allowance| allowance.gathered.remove(&(id, at)))
    }

    /// A span is over: tells what waits.
    pub(super) fn tell_gathered(&mut self, now: Timestamp, id: AllowanceId, out: &mut Vec<Effect>) {
        let Some(routes) = self.routes.clone() else { return };
        let Some(allowance) = self.allowances.get_mut(id) else { return };
        allowance.wake = None;
        if allowance.is_flying {
            return;
        }
        let groups = &self.groups;
        let slot = |(group, at): &(GroupId, usize)| groups.get(*group)?.slots.get(*at);
        allowance.gathered.retain(|key| slot(key).is_some_and(|slot| matches!(slot.state, SlotState::Waiting { .. })));
        let mut waiting: Vec<(GroupId, usize)> = allowance.gathered.iter().copied().collect();
        waiting.sort_by_key(|key| slot(key).and_then(|slot| slot.owed_since));
        let Some(first) = waiting.first().and_then(slot) else {
            allowance.failed = 0;
            return;
        };
        let is_digest = first.integration.takes_digests();
        let blocked = waiting.iter().filter_map(|key| slot(key)?.blocked_until).filter(|until| *until > now).max();
        if let Some(until) = blocked.filter(|_| is_digest) {
            self.wake_allowance(id, until);
            return;
        }
        allowance.open(now);
        let end = now.plus(allowance.rate.per);
        if is_digest && waiting.len() > 1 {
            allowance.spend(1);
            allowance.gathered.clear();
            self.send_digest(now, id, &routes, &waiting, out);
            return;
        }
        let most = usize::try_from(allowance.rate.notifications).unwrap_or(usize::MAX).min(waiting.len());
        let (told, rest) = waiting.split_at(most);
        allowance.spend(u32::try_from(told.len()).unwrap_or(u32::MAX));
        for key in told {
            allowance.gathered.remove(key);
        }
        for (group, at) in told {
            self.tell_alone(now, *group, *at, &routes, out);
        }
        if !rest.is_empty() {
            self.wake_allowance(id, end);
        }
    }

    /// Sends one that waited, unless its far side is still not to be called.
    fn tell_alone(&mut self, now: Timestamp, id: GroupId, at: usize, routes: &RouteTree, out: &mut Vec<Effect>) {
        let Some(mut group) = self.groups.take(id) else { return };
        if let Some(slot) = group.slots.get_mut(at)
            && let SlotState::Waiting { content, .. } = std::mem::replace(&mut slot.state, SlotState::Idle)
        {
            match slot.blocked_until.filter(|until| *until > now) {
                Some(until) => {
                    // It was counted in this span: it is not asked again.
                    slot.state = SlotState::Waiting { content, at: until, failed: 1 };
                    self.wakes.insert((until, Wake::Retry(id, at)));
                }
                None => self.attempt(now, id, routes, &mut group, at, (content, 0), out),
            }
        }
        self.groups.put_back(id, group);
    }

    /// Sends one notification of all that waited.
    fn send_digest(
        &mut self,
        now: Timestamp,
        allowance: AllowanceId,
        routes: &RouteTree,
        waiting: &[(GroupId, usize)],
        out: &mut Vec<Effect>,
    ) {
        let id = DeliveryId(self.next_delivery);
        self.next_delivery += 1;
        let failed = self.allowances.get_mut(allowance).map_or(0, |allowance| allowance.failed);
        let (mut parts, mut told) = (Vec::new(), Vec::new());
        let mut whose = None;
        for (group_id, at) in waiting {
            let Some(mut group) = self.groups.take(*group_id) else { continue };
            if let Some(slot) = group.slots.get_mut(*at)
                && let SlotState::Waiting { content, .. } = std::mem::replace(&mut slot.state, SlotState::Idle)
            {
                let node = routes.node(group.route);
                slot.blocked_until = None;
                let flight = self.intend(now, *group_id, node, slot, Arc::clone(&content), out);
                slot.state = SlotState::InFlight { id, content: Arc::clone(&content), failed, flush_again: false };
                told.push(Arc::clone(&content.notification));
                whose.get_or_insert_with(|| (Arc::clone(&node.receiver), Arc::clone(&slot.integration)));
                parts.push(flight);
            }
            self.groups.put_back(*group_id, group);
        }
        let Some((receiver, integration)) = whose else { return };
        let whole = digest(&told, now);
        let notification = match integration.settings {
            Settings::Email(_) | Settings::Webhook(_) => whole,
            _ => whole.in_words(),
        };
        self.tally.integration(integration.kind).digests += 1;
        let mut alerts = told.iter().flat_map(|one| &one.alerts);
        let is_recorded =
            parts.iter().any(|part| !part.intended.is_empty()) || alerts.any(|alert| alert.resolved_at.is_some());
        if let Some(allowance) = self.allowances.get_mut(allowance) {
            allowance.is_flying = true;
        }
        self.digests.insert(id, DigestFlight { allowance, parts });
        out.push(Effect::Deliver(Delivery {
            id,
            receiver,
            integration,
            notification: Arc::new(notification),
            named: None,
            attempt: failed + 1,
            is_recorded,
            deadline: now.plus(DIGEST_ATTEMPT),
        }));
    }

    /// Takes in what came of a digest: each of its groups was told, or waits on.
    pub(super) fn digest_delivered(
        &mut self,
        now: Timestamp,
        id: DeliveryId,
        flight: DigestFlight,
        outcome: &Outcome,
        out: &mut Vec<Effect>,
    ) {
        let DigestFlight { allowance: allowance_id, parts } = flight;
        let (failed, retry_after) = match outcome {
            Outcome::Retry { retry_after, .. } => (true, retry_after.unwrap_or_default()),
            _ => (false, Duration::ZERO),
        };
        let Some(allowance) = self.allowances.get_mut(allowance_id) else { return };
        allowance.is_flying = false;
        allowance.failed = if failed { allowance.failed.saturating_add(1) } else { 0 };
        let pause = Backoff::NOTIFICATION.delay(allowance.failed, u64::from(allowance_id.0)).max(retry_after);
        let next = match failed {
            true => now.plus(pause),
            false => allowance.ends_at().map_or(now, |end| end.max(now)),
        };
        self.wake_allowance(allowance_id, next);
        // How long to wait is known here once, not in the log of each group.
        let outcome_of_part = match outcome {
            Outcome::Retry { reason, message, .. } => {
                &Outcome::Retry { reason, message: message.clone(), retry_after: None }
            }
            other => other,
        };
        for part in parts {
            let (group, log_key) = (part.group, Arc::clone(&part.log_key));
            self.arrived(now, id, &part, outcome_of_part, Some(next), out);
            if failed {
                self.gather_again(allowance_id, group, &log_key);
            }
        }
    }

    /// After a digest that did not arrive: what still waits of it waits for the next.
    fn gather_again(&mut self, id: AllowanceId, group_id: GroupId, log_key: &Arc<str>) {
        let (Some(allowance), Some(group)) = (self.allowances.get_mut(id), self.groups.get_mut(group_id)) else {
            return;
        };
        let waits = |slot: &&mut crate::group::Slot| {
            slot.log_key == *log_key && matches!(slot.state, SlotState::Waiting { .. })
        };
        let Some((at, slot)) = group.slots.iter_mut().enumerate().find(|(_, slot)| waits(slot)) else { return };
        slot.held = Some(HoldReason::Gathered);
        allowance.gathered.insert((group_id, at));
    }
}

fn held_back(now: Timestamp, routes: &RouteTree, group: &Group, at: usize) -> Effect {
    let slot = group.slots.get(at).expect("it was just written");
    let told = slot.under_way().map(|content| (content.told.firing.len(), content.told.resolved.len()));
    let (firing, resolved) = told.unwrap_or_default();
    Effect::Decided(Decision {
        at: now,
        group_key: Arc::clone(&group.key),
        receiver: Arc::clone(&routes.node(group.route).receiver),
        integration: Arc::clone(&slot.integration),
        verdict: Verdict::Hold(HoldReason::Gathered),
        firing,
        resolved,
        suppressed: 0,
    })
}
