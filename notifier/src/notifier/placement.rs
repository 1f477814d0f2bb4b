//! Where alerts belong: routes, groups, and the instants of a group's flushes.

use std::sync::Arc;

use model::{LabelSet, Timestamp};

use super::{Effect, Notifier, Wake, persist};
use crate::alert_book::AlertId;
use crate::decision::{Question, Verdict, is_news};
use crate::group::{Failures, Grid, Group, GroupId, Left, Member, Seen, Slot, SlotState, Unanswered};
use crate::notification::Reason;
use crate::notification_log::log_key;
use crate::record::Record;
use crate::route::{Node, RouteId, RouteTree};

/// A group that an alert belongs to, whether it exists or not.
struct Place {
    route: RouteId,
    labels: LabelSet,
    key: Arc<str>,
    record_key: String,
}

impl Place {
    fn new(route: RouteId, node: &Node, labels: LabelSet) -> Self {
        let key = node.group_key(&labels);
        let record_key = Record::group_key(&key, node.twin);
        Self { route, labels, key, record_key }
    }
}

impl Notifier {
    /// Puts an alert into the groups its routes give it. A resolved one only joins where somebody has yet to hear of it:
    /// where the log says it fires, or where it was a member (`prior`) before a reload.
    pub(super) fn place(
        &mut self,
        now: Timestamp,
        (id, alert_labels): (AlertId, &LabelSet),
        prior: &[GroupId],
        out: &mut Vec<Effect>,
    ) {
        let Some(routes) = self.routes.clone() else { return };
        let Some(alert) = self.known.book.get(id).filter(|_| !self.known.marks(id).is_placed) else { return };
        let (fires, hash, starts_at) = (!alert.is_resolved(now), alert.fingerprint.0, alert.starts_at);
        for route in routes.with_steps(routes.matching(alert_labels)) {
            let node = routes.node(route);
            // A step's time comes later; until then only those are there who were before.
            let joins = fires && !node.is_step;
            let labels = node.group_labels(alert_labels);
            let mut group = self.groups.find(route, &labels);
            if group.is_some_and(|group| self.known.marks(id).groups.contains(&group)) {
                continue;
            }
            if group.is_none() || !joins {
                let place = Place::new(route, node, labels);
                let left = if group.is_none() { self.claim(node, &place, prior, hash) } else { None };
                let left_id = left.as_ref().and_then(|left| self.groups.left(left)?.group.as_ref()).map(|(id, _)| *id);
                let was_member = left_id.or(group).is_some_and(|group| prior.contains(&group));
                if !joins && !was_member {
                    let left_key = left.as_ref().and_then(|left| self.groups.left(left)).map(|left| &left.key);
                    let group_key = group.and_then(|group| self.groups.get(group)).map(|group| &group.key);
                    let key = left_key.or(group_key).unwrap_or(&place.key);
                    if !self.is_open(node, key, hash) {
                        continue;
                    }
                }
                group = group.or_else(|| Some(self.open_group(now, &routes, (place, left), starts_at, out)));
            }
            if let Some(group_id) = group
                && let Some(group) = self.groups.get_mut(group_id)
            {
                group.members.push(Member { id, seen_over: !fires, seen: Seen::NOT_YET });
                self.known.marks_mut(id).groups.push(group_id);
            }
        }
        self.known.marks_mut(id).is_placed = fires;
    }

    /// Puts an alert that fires into the group of a step, unless it is there.
    pub(super) fn join(
        &mut self,
        now: Timestamp,
        id: AlertId,
        routes: &RouteTree,
        step: RouteId,
        out: &mut Vec<Effect>,
    ) {
        let Some(alert) = self.known.book.get(id) else { return };
        let starts_at = alert.starts_at;
        let node = routes.node(step);
        let labels = node.group_labels(&alert.labels());
        let group_id = match self.groups.find(step, &labels) {
            Some(group) if self.known.marks(id).groups.contains(&group) => return,
            Some(group) => group,
            None => self.open_group(now, routes, (Place::new(step, node, labels), None), starts_at, out),
        };
        if let Some(group) = self.groups.get_mut(group_id) {
            group.members.push(Member { id, seen_over: false, seen: Seen::NOT_YET });
            self.known.marks_mut(id).groups.push(group_id);
        }
    }

    /// Whether any integration of a route believes that the alert fires.
    fn is_open(&self, node: &Node, group_key: &str, hash: u64) -> bool {
        node.receiver.integrations.iter().any(|integration| {
            let key = log_key(group_key, &node.receiver.name, integration.kind, integration.index);
            self.log.get(&key).is_some_and(|entry| entry.is_open(hash))
        })
    }

    /// The group of before the reload or restart that goes on in this place, by its record key: the one that was there, or
    /// one with the same receiver and labels that the alert belonged to and whose route is gone, as its matchers changed.
    fn claim(&self, node: &Node, place: &Place, prior: &[GroupId], hash: u64) -> Option<String> {
        if self.groups.has_none_left() {
            return None;
        }
        if self.groups.left(&place.record_key).is_some() {
            return Some(place.record_key.clone());
        }
        let orphans = self.groups.orphans(&node.receiver.name, &place.labels).iter();
        let there: Vec<_> = orphans.filter_map(|key| Some((key, self.groups.left(key)?))).collect();
        let was_there = |(_, left): &&(&String, &Left)| match &left.group {
            Some((id, _)) => prior.contains(id),
            None => self.is_open(node, &left.key, hash),
        };
        let only = there.first().filter(|_| there.len() == 1);
        there.iter().find(was_there).or(only).map(|(key, _)| (*key).clone())
    }

    /// Takes a group up from before the reload or restart, or makes one.
    fn open_group(
        &mut self,
        now: Timestamp,
        routes: &RouteTree,
        (place, left): (Place, Option<String>),
        first_starts_at: Timestamp,
        out: &mut Vec<Effect>,
    ) -> GroupId {
        let node = routes.node(place.route);
        let left_key = left.filter(|left| *left != place.record_key);
        let left = self.groups.take_up(left_key.as_ref().unwrap_or(&place.record_key));
        let parted = left.as_ref().filter(|left| left.receiver != node.receiver.name).map(|left| Left {
            route: left.route.clone(),
            key: Arc::clone(&left.key),
            receiver: left.receiver.clone(),
            is_renamed: false,
            labels: left.labels.clone(),
            grid: left.grid,
            waiting: Vec::new(),
            group: None,
        });
        let is_renamed = left_key.is_some() || parted.is_some() || left.as_ref().is_some_and(|left| left.is_renamed);
        if let Some(parted) = parted {
            self.groups.part(parted);
        }
        out.extend(left_key.map(|key| Effect::Forget { key }));
        let (id, group) = match left {
            Some(Left { group: Some((id, group)), .. }) => (id, self.taken_up(now, place, node, *group)),
            left => {
                let id = self.groups.fresh_id();
                let is_new = left.is_none();
                let group = self.made(now, place, node, left, first_starts_at);
                if is_new {
                    let record = Record::of_group(&group, node.twin, &node.receiver.name);
                    out.push(persist(group.record_key.clone(), &record));
                } else {
                    self.groups.resume(id);
                }
                (id, group)
            }
        };
        if is_renamed {
            out.push(persist(group.record_key.clone(), &Record::of_group(&group, node.twin, &node.receiver.name)));
        }
        self.schedule(id, &group);
        self.groups.insert(id, group);
        id
    }

    /// A group of before the reload goes on under the present configuration.
    fn taken_up(&self, now: Timestamp, place: Place, node: &Node, mut group: Group) -> Group {
        group.route = place.route;
        group.record_key = place.record_key;
        group.slots = self.slots(node, &group.key, std::mem::take(&mut group.slots));
        if let Some(unanswered) = &mut group.unanswered {
            // The steps may be others now.
            unanswered.next = Some(now.max(self.not_before));
        }
        if group.grid.interval != node.group_interval {
            let has_flushed = group.grid.anchor < group.next_flush;
            group.grid.interval = node.group_interval;
            if has_flushed {
                group.next_flush = group.grid.next_after(now).max(self.not_before);
            }
        }
        group
    }

    /// A group that is new to this process; what the store says of it goes on.
    fn made(&self, now: Timestamp, place: Place, node: &Node, left: Option<Left>, first_starts_at: Timestamp) -> Group {
        let fresh_anchor = || {
            let waited = first_starts_at.plus(node.group_wait) <= now;
            if waited { now } else { now.plus(node.group_wait) }.max(self.not_before)
        };
        let (key, anchor, waiting) = match left {
            Some(left) => (left.key, left.grid.anchor, left.waiting),
            None => (place.key, fresh_anchor(), Vec::new()),
        };
        let next = Some(now.max(self.not_before));
        let unanswered = (!waiting.is_empty()).then(|| Box::new(Unanswered { waiting, next }));
        Group {
            route: place.route,
            slots: self.slots(node, &key, Vec::new()),
            labels: place.labels,
            key,
            record_key: place.record_key,
            members: Vec::new(),
            guests: Vec::new(),
            grid: Grid { anchor, interval: node.group_interval },
            next_flush: anchor,
            unanswered,
        }
    }

    pub(super) fn schedule(&mut self, id: GroupId, group: &Group) {
        self.wakes.insert((group.next_flush, Wake::Flush(id)));
        let step = group.unanswered.as_ref().and_then(|unanswered| unanswered.next);
        self.wakes.extend(step.map(|step| (step, Wake::Escalate(id))));
        for (at, slot) in group.slots.iter().enumerate() {
            if let SlotState::Waiting { at: due, .. } = &slot.state {
                self.wakes.insert((*due, Wake::Retry(id, at)));
            }
        }
    }

    /// Sets the next flush of a group that was restored with its members: the next instant of its grid, or at once if
    /// the last one still has something to tell, because it fell into the downtime or was cut short by it.
    pub(super) fn resume(&mut self, now: Timestamp, id: GroupId) {
        let Some(routes) = self.routes.clone() else { return };
        let Some(mut group) = self.groups.take(id) else { return };
        let last = group.grid.instant_at(now);
        let sight = self.known.look(&routes, &group, now);
        let is_late =
            last <= now && self.verdicts(&routes, &group, last).any(|verdict| matches!(verdict, Verdict::Notify(_)));
        let came_out = self.verdicts(&routes, &group, now).any(|verdict| verdict == Verdict::Notify(Reason::Unmuted));
        self.wakes.remove(&(group.next_flush, Wake::Flush(id)));
        group.next_flush = match is_late || came_out && last <= now {
            true => now.max(self.not_before),
            false => self.next_flush(now, &group, &sight),
        };
        self.wakes.insert((group.next_flush, Wake::Flush(id)));
        self.groups.put_back(id, group);
    }

    /// What a flush at an instant would come to, slot by slot.
    fn verdicts(&mut self, routes: &RouteTree, group: &Group, at: Timestamp) -> impl Iterator<Item = Verdict> {
        let sight = self.known.look(routes, group, at);
        let verdict = |slot: &Slot| {
            let told = sight.told_to(self.log.get(&slot.log_key));
            if let Some(hold) = sight.hold(&told) {
                return Verdict::Hold(hold);
            }
            let question = Question {
                firing: &told.firing,
                starts: &told.starts,
                hidden: &sight.firing_unseen,
                resolved: &told.resolved,
                send_resolved: slot.integration.send_resolved,
                repeat_interval: routes.node(group.route).repeat_interval,
                is_acknowledged: self.are_acknowledged(&told, at),
                at,
                as_alertmanager: self.settings.as_alertmanager,
            };
            is_news(self.log.get(&slot.log_key), question)
        };
        let verdicts: Vec<Verdict> = group.slots.iter().map(verdict).collect();
        verdicts.into_iter()
    }

    /// A slot for each integration of a route's receiver, as it was before where there was one.
    pub(super) fn slots(&self, node: &Node, group_key: &str, mut before: Vec<Slot>) -> Vec<Slot> {
        let slot = |integration: &Arc<crate::receiver::Integration>| {
            let log_key = log_key(group_key, &node.receiver.name, integration.kind, integration.index);
            let known = before.iter().position(|slot| slot.log_key == log_key).map(|at| before.swap_remove(at));
            match known {
                Some(slot) => Slot { integration: Arc::clone(integration), ..slot },
                None => Slot {
                    integration: Arc::clone(integration),
                    blocked_until: self.log.get(&log_key).and_then(|entry| entry.blocked_until),
                    log_key,
                    state: SlotState::Idle,
                    held: None,
                    failures: Failures::default(),
                    owed_since: None,
                },
            }
        };
        node.receiver.integrations.iter().map(slot).collect()
    }
}
