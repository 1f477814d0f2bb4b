//! What receivers are owed after another configuration: who was told that an alert fires is told of its end, wherever the
//! alert is routed now.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use model::Timestamp;

use super::{Effect, Notifier, persist};
use crate::alert_book::AlertId;
use crate::config::Config;
use crate::group::{Group, GroupId, Left, Member, Seen, SlotState};
use crate::notification_log::log_key;
use crate::receiver::Receiver;
use crate::record::Record;
use crate::route::RouteTree;

/// Alerts by the hash of their labels.
type ByHash = HashMap<u64, AlertId, FixedState>;

impl Notifier {
    /// Sets every group aside for another configuration to take up. As in Alertmanager, if so wished, none is.
    pub(super) fn leave_groups(&mut self, before: Option<&RouteTree>, config: &Arc<Config>, out: &mut Vec<Effect>) {
        let renamed = self.follow_integrations(config, out);
        self.groups.set_aside(|group| {
            let node = before.expect("a group has a route").node(group.route);
            ((Arc::clone(&node.key), node.twin), node.receiver.name.clone())
        });
        if self.settings.as_alertmanager && before.is_some() {
            out.extend(self.groups.take_the_rest().0.into_keys().map(|key| Effect::Forget { key }));
            return;
        }
        for left in self.groups.left_mut() {
            if let Some(name) = renamed.get(&left.receiver) {
                left.receiver.clone_from(name);
                left.is_renamed = true;
            }
        }
        let routes: BTreeSet<_> = self.routes.iter().flat_map(|routes| routes.keys()).collect();
        self.groups.find_orphans(|route| routes.contains(route));
    }

    /// Once every alert has its place: those that were told somewhere and are routed elsewhere now become guests where they
    /// were told, and groups that are gone stay for as long as somebody is owed something.
    pub(super) fn keep_debts(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let (mut rest, mut parted) = self.groups.take_the_rest();
        if !self.settings.as_alertmanager && !self.log.is_empty() {
            let alerts: ByHash = self.known.book.iter().map(|(id, alert)| (alert.fingerprint.0, id)).collect();
            self.invite_guests(now, &alerts);
            for left in rest.values_mut().chain(&mut parted) {
                self.retire(now, left, &alerts, out);
            }
        }
        let kept: BTreeSet<&str> = self.groups.iter().map(|(_, group)| group.record_key.as_str()).collect();
        out.extend(rest.into_keys().filter(|key| !kept.contains(key.as_str())).map(|key| Effect::Forget { key }));
    }

    fn invite_guests(&mut self, now: Timestamp, alerts: &ByHash) {
        let Some(routes) = self.routes.clone() else { return };
        let mut invited: Vec<(GroupId, Vec<AlertId>)> = Vec::new();
        for (id, group) in self.groups.iter() {
            let mut owed = self.owed_closes(&routes.node(group.route).receiver, &group.key, alerts);
            owed.retain(|alert| !self.known.marks(*alert).groups.contains(&id));
            if !owed.is_empty() {
                invited.push((id, owed));
            }
        }
        for (id, owed) in invited {
            let guests = self.seat(now, id, owed);
            if let Some(group) = self.groups.get_mut(id) {
                group.guests = guests;
            }
        }
    }

    /// The alerts that integrations of a receiver believe to fire in a group, and want to hear the end of.
    fn owed_closes(&self, receiver: &Receiver, group_key: &str, alerts: &ByHash) -> Vec<AlertId> {
        let wanted = receiver.integrations.iter().filter(|integration| integration.send_resolved);
        let keys = wanted.map(|integration| log_key(group_key, &receiver.name, integration.kind, integration.index));
        let entries = keys.filter_map(|key| self.log.get(&key));
        let open: BTreeSet<AlertId> =
            entries.flat_map(|entry| entry.open()).filter_map(|h| alerts.get(&h).copied()).collect();
        open.into_iter().collect()
    }

    fn seat(&mut self, now: Timestamp, id: GroupId, owed: Vec<AlertId>) -> Vec<Member> {
        let seat = |alert: AlertId| {
            self.known.marks_mut(alert).groups.push(id);
            let seen_over = self.known.book.get(alert).is_none_or(|stored| stored.is_resolved(now));
            Member { id: alert, seen_over, seen: Seen::NOT_YET }
        };
        owed.into_iter().map(seat).collect()
    }

    /// Keeps a group that no route makes any more, with guests only, if its receiver is still there.
    fn retire(&mut self, now: Timestamp, left: &mut Left, alerts: &ByHash, out: &mut Vec<Effect>) {
        let Some(receiver) = self.config().and_then(|config| config.receivers.get(&left.receiver)).cloned() else {
            return;
        };
        let owed = self.owed_closes(&receiver, &left.key, alerts);
        if owed.is_empty() || self.is_spoken_for(left) {
            return;
        }
        let Some(routes) = self.routes.as_mut().and_then(Arc::get_mut) else { return };
        let route = routes.add_retired(Arc::clone(&receiver), left.grid.interval);
        let Some(routes) = self.routes.clone() else { return };
        let (id, before) = match left.group.take() {
            Some((id, group)) => (id, group.slots),
            None => (self.groups.fresh_id(), Vec::new()),
        };
        // What waited for another attempt is out of date.
        let before = before.into_iter().filter(|slot| matches!(slot.state, SlotState::InFlight { .. })).collect();
        let record_key = Record::group_key(&format!("{}:{}", left.key, left.receiver), usize::MAX);
        let group = Group {
            route,
            slots: self.slots(routes.node(route), &left.key, before),
            labels: left.labels.clone(),
            key: Arc::clone(&left.key),
            record_key,
            members: Vec::new(),
            guests: self.seat(now, id, owed),
            grid: left.grid,
            next_flush: left.grid.next_after(now).max(self.not_before),
            unanswered: None,
        };
        let record = Record::of_group(&group, routes.node(route).twin, &left.receiver);
        out.push(persist(group.record_key.clone(), &record));
        self.schedule(id, &group);
        self.groups.insert(id, group);
    }

    /// Whether a group of the present configuration has the same conversation.
    fn is_spoken_for(&self, left: &Left) -> bool {
        let Some(routes) = self.routes.as_deref() else { return false };
        let mut same = self.groups.iter().filter(|(_, group)| group.key == left.key);
        same.any(|(_, group)| routes.node(group.route).receiver.name == left.receiver)
    }
}
