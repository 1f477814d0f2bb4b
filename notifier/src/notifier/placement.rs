//! Where alerts belong: routes, groups, and the instants of a group's flushes.

use std::sync::Arc;

use model::{LabelSet, Timestamp};

use super::{Effect, Notifier, Wake, persist};
use crate::alert_book::{AlertId, StoredAlert};
use crate::decision::{Question, Verdict, is_news};
use crate::group::{Grid, Group, GroupId, Member, Slot, SlotState};
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
    pub(super) fn place(&mut self, now: Timestamp, id: AlertId, prior: &[GroupId], out: &mut Vec<Effect>) {
        let Some(routes) = self.routes.clone() else { return };
        let Some(alert) = self.known.book.get(id).cloned() else { return };
        if self.known.marks(id).is_placed {
            return;
        }
        let fires = !alert.is_resolved(now);
        for route in routes.matching(&alert.labels) {
            let node = routes.node(route);
            let labels = node.group_labels(&alert.labels);
            let mut group = self.groups.find(route, &labels);
            if group.is_some_and(|group| self.known.marks(id).groups.contains(&group)) {
                continue;
            }
            if group.is_none() || !fires {
                let place = Place::new(route, node, labels);
                let was_member =
                    self.groups.id_aside(&place.record_key).or(group).is_some_and(|group| prior.contains(&group));
                if !fires && !was_member && !self.is_open(node, &place.key, alert.fingerprint.0) {
                    continue;
                }
                group = group.or_else(|| Some(self.open_group(now, &routes, place, &alert, out)));
            }
            if let Some(group_id) = group
                && let Some(group) = self.groups.get_mut(group_id)
            {
                group.members.push(Member { id, seen_over: !fires });
                self.known.marks_mut(id).groups.push(group_id);
            }
        }
        self.known.marks_mut(id).is_placed = fires;
    }

    /// Whether any integration of a route believes that the alert fires.
    fn is_open(&self, node: &Node, group_key: &str, hash: u64) -> bool {
        node.receiver.integrations.iter().any(|integration| {
            let key = log_key(group_key, &node.receiver.name, integration.kind, integration.index);
            self.log.get(&key).is_some_and(|entry| entry.is_open(hash))
        })
    }

    /// Takes a group up from before the reload or restart, or makes one.
    fn open_group(
        &mut self,
        now: Timestamp,
        routes: &RouteTree,
        place: Place,
        first: &StoredAlert,
        out: &mut Vec<Effect>,
    ) -> GroupId {
        let node = routes.node(place.route);
        if let Some((id, mut group)) = self.groups.take_up(&place.record_key) {
            group.route = place.route;
            group.slots = slots(node, &place.key, std::mem::take(&mut group.slots));
            if group.grid.interval != node.group_interval {
                let has_flushed = group.grid.anchor < group.next_flush;
                group.grid.interval = node.group_interval;
                if has_flushed {
                    group.next_flush = group.grid.next_after(now).max(self.not_before);
                }
            }
            self.schedule(id, &group);
            self.groups.insert(id, group);
            return id;
        }
        let id = self.groups.fresh_id();
        let resumed = self.groups.take_anchor(&place.record_key, id);
        let anchor = resumed.unwrap_or_else(|| {
            let waited = first.starts_at.plus(node.group_wait) <= now;
            if waited { now } else { now.plus(node.group_wait) }.max(self.not_before)
        });
        if resumed.is_none() {
            out.push(persist(place.record_key.clone(), &Record::of_group(&place.key, node.twin, anchor)));
        }
        let group = Group {
            route: place.route,
            slots: slots(node, &place.key, Vec::new()),
            labels: place.labels,
            key: place.key,
            record_key: place.record_key,
            members: Vec::new(),
            grid: Grid { anchor, interval: node.group_interval },
            next_flush: anchor,
        };
        self.schedule(id, &group);
        self.groups.insert(id, group);
        id
    }

    fn schedule(&mut self, id: GroupId, group: &Group) {
        self.wakes.insert((group.next_flush, Wake::Flush(id)));
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
        let due = if last <= now && self.has_news(&routes, &group, last) { now } else { group.grid.next_after(now) };
        self.wakes.remove(&(group.next_flush, Wake::Flush(id)));
        group.next_flush = due.max(self.not_before);
        self.wakes.insert((group.next_flush, Wake::Flush(id)));
        self.groups.put_back(id, group);
    }

    fn has_news(&mut self, routes: &RouteTree, group: &Group, at: Timestamp) -> bool {
        let sight = self.known.look(routes, group, at);
        sight.hold(&sight.told).is_none()
            && group.slots.iter().any(|slot| {
                let question = Question {
                    firing: &sight.told.firing,
                    resolved: &sight.told.resolved,
                    send_resolved: slot.integration.send_resolved,
                    repeat_interval: routes.node(group.route).repeat_interval,
                    at,
                };
                matches!(is_news(self.log.get(&slot.log_key), question), Verdict::Notify(_))
            })
    }
}

/// A slot for each integration of a route's receiver, as it was before where there was one.
fn slots(node: &Node, group_key: &str, mut before: Vec<Slot>) -> Vec<Slot> {
    let slot = |integration: &Arc<crate::receiver::Integration>| {
        let log_key = log_key(group_key, &node.receiver.name, integration.kind, integration.index);
        let known = before.iter().position(|slot| slot.log_key == log_key).map(|at| before.swap_remove(at));
        match known {
            Some(slot) => Slot { integration: Arc::clone(integration), ..slot },
            None => Slot {
                integration: Arc::clone(integration),
                log_key,
                state: SlotState::Idle,
                blocked_until: None,
                owed_since: None,
            },
        }
    };
    node.receiver.integrations.iter().map(slot).collect()
}
