//! Escalation: what fires and nobody takes on is told to the receivers of the route's steps, each in a group of its own
//! that an alert joins when its time has come. Nothing here is done for routes without steps.

use model::{ClockStep, Timestamp};

use super::sight::Sight;
use super::{Effect, Notifier, Wake, persist};
use crate::alert_book::AlertId;
use crate::group::{Group, GroupId, Unanswered, Waiting};
use crate::record::Record;
use crate::route::{RouteId, RouteTree};

/// Alerts that are to be told to the receiver of a step.
type Due = Vec<(AlertId, RouteId)>;

impl Notifier {
    /// A step of a group has come: looks who still waits.
    pub(super) fn escalate(&mut self, now: Timestamp, id: GroupId, out: &mut Vec<Effect>) {
        let Some(routes) = self.routes.clone() else { return };
        let Some(mut group) = self.groups.take(id) else { return };
        let sight = self.known.look(&routes, &group, now);
        self.follow_unanswered(now, id, (&routes, &mut group), &sight, false, out);
        self.groups.put_back(id, group);
    }

    /// Brings in line who of a group waits for somebody, and escalates those whose time has come. Alerts begin to wait at a
    /// flush (`is_flush`), which tells them to the route's own receiver.
    pub(super) fn follow_unanswered(
        &mut self,
        now: Timestamp,
        id: GroupId,
        (routes, group): (&RouteTree, &mut Group),
        sight: &Sight,
        is_flush: bool,
        out: &mut Vec<Effect>,
    ) {
        let node = routes.node(group.route);
        if node.steps.is_empty() && group.unanswered.is_none() {
            return;
        }
        let mut before = group.unanswered.take().unwrap_or_default();
        if let Some(next) = before.next.take() {
            self.wakes.remove(&(next, Wake::Escalate(id)));
        }
        let mut waiting = Vec::new();
        let mut due = Due::new();
        let mut next: Option<Timestamp> = None;
        if !node.steps.is_empty() {
            for (alert, one) in self.waiting(now, sight) {
                let known = before.find(one).map(|known| known.since);
                let Some(since) = known.or(is_flush.then_some(now)) else { continue };
                waiting.push(Waiting { since, ..one });
                for (after, step) in &node.steps {
                    match since.plus(*after) {
                        at if at <= now => due.push((alert, *step)),
                        at => next = Some(next.map_or(at, |first| first.min(at))),
                    }
                }
            }
        }
        waiting.sort_unstable_by_key(|one| one.hash);
        let has_changed = waiting != before.waiting;
        if !waiting.is_empty() {
            group.unanswered = Some(Box::new(Unanswered { waiting, next }));
            self.wakes.extend(next.map(|next| (next, Wake::Escalate(id))));
        }
        if has_changed {
            let record = Record::of_group(group, node.twin, &node.receiver.name);
            out.push(persist(group.record_key.clone(), &record));
        }
        for (alert, step) in due {
            self.join(now, alert, routes, step, out);
        }
    }

    /// The visible alerts that fire and that nobody has taken on.
    fn waiting(&self, now: Timestamp, sight: &Sight) -> Vec<(AlertId, Waiting)> {
        let alerts = sight.visible.iter().filter_map(|id| Some((*id, self.known.book.get(*id)?)));
        let waiting = alerts.filter(|(_, alert)| !alert.is_resolved(now)).filter_map(|(id, alert)| {
            let one = Waiting { hash: alert.fingerprint.0, start_ms: alert.starts_at.as_millis(), since: now };
            self.acks.in_force(one.hash, one.start_ms, now).is_none().then_some((id, one))
        });
        waiting.collect()
    }
}

impl Unanswered {
    /// The alert as it waited before, if this is the same episode.
    fn find(&self, one: Waiting) -> Option<&Waiting> {
        let at = self.waiting.binary_search_by_key(&one.hash, |known| known.hash).ok()?;
        self.waiting.get(at).filter(|known| one.start_ms <= known.start_ms)
    }

    /// The clock was moved, and now is `now`.
    pub(super) fn follow_clock(&mut self, step: ClockStep, now: Timestamp) {
        for one in &mut self.waiting {
            one.since = step.of(one.since);
            one.start_ms = one.start_ms.min(now.as_millis());
        }
        self.next = self.next.map(|next| step.of(next));
    }
}
