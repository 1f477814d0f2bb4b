//! A system clock that was set back: what waits for an instant comes as soon as it would have, and nobody is told that
//! something resolved fires again.

use std::time::Duration;

use model::Timestamp;

use super::{Effect, Notifier, persist};
use crate::group::{Group, SlotState};
use crate::record::Record;

/// Smaller steps are waited out.
const STEP_LEAST: Duration = Duration::from_secs(1);

impl Notifier {
    /// Notices that time has gone back since the last input, and moves everything by as much.
    pub(super) fn follow_clock(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let step = self.latest.since(now);
        if step < STEP_LEAST || self.latest == Timestamp::MIN {
            self.latest = self.latest.max(now);
            return;
        }
        let before = std::mem::replace(&mut self.latest, now);
        self.not_before = self.not_before.minus(step);
        self.wakes = std::mem::take(&mut self.wakes).into_iter().map(|(at, wake)| (at.minus(step), wake)).collect();
        for id in self.known.set_back(before, now) {
            let silence = self.known.silences.get(id).map(Record::of_silence);
            out.extend(silence.map(|record| persist(Record::silence_key(id), &record)));
        }
        self.set_windows_back(step);
        self.log.set_back(step, now);
        self.acks.set_back(step);
        self.allowances.set_back(step);
        let Some(routes) = self.routes.clone() else { return };
        for group in self.groups.iter_mut() {
            set_back(group, step, now);
            let node = routes.node(group.route);
            let record = Record::of_group(group, node.twin, &node.receiver.name);
            out.push(persist(group.record_key.clone(), &record));
        }
    }
}

fn set_back(group: &mut Group, step: Duration, now: Timestamp) {
    group.grid.anchor = group.grid.anchor.minus(step);
    group.next_flush = group.next_flush.minus(step);
    if let Some(unanswered) = &mut group.unanswered {
        unanswered.set_back(step, now);
    }
    for slot in &mut group.slots {
        slot.blocked_until = slot.blocked_until.map(|at| at.minus(step));
        slot.owed_since = slot.owed_since.map(|at| at.minus(step));
        if let SlotState::Waiting { at, .. } = &mut slot.state {
            *at = at.minus(step);
        }
    }
}
