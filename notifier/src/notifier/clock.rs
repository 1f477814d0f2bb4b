//! A system clock that was moved: what waits for time to pass comes as soon as it would have, what goes by the clock (silences,
//! mutes) goes by the clock as it is now, and nobody is told that something resolved fires again, or that what fires is over.

use std::time::Duration;

use model::{ClockStep, Timestamp};

use super::{Effect, Notifier, Wake, persist};
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
        self.clock_moved(now, ClockStep::Back(step), out);
    }

    /// The clock was moved, and now is `now`. One that was set back is noticed at the next input too, less exactly; one that was
    /// put forward cannot be told from time that passed.
    pub fn clock_moved(&mut self, now: Timestamp, step: ClockStep, out: &mut Vec<Effect>) {
        if self.latest == Timestamp::MIN {
            return;
        }
        self.latest = now;
        self.not_before = step.of(self.not_before);
        match step {
            ClockStep::Back(by) => self.set_known_back(now, by, out),
            ClockStep::Forward(by) => {
                self.known.book.put_forward(by, now, self.settings.restart_grace);
                self.log.put_forward(by);
            }
        }
        self.move_windows(step);
        self.acks.follow_clock(step);
        self.allowances.follow_clock(step);
        if let Some(routes) = self.routes.clone() {
            for group in self.groups.iter_mut() {
                group.follow_clock(step, now);
                let node = routes.node(group.route);
                let record = Record::of_group(group, node.twin, &node.receiver.name);
                out.push(persist(group.record_key.clone(), &record));
            }
        }
        self.move_wakes(step);
    }

    fn set_known_back(&mut self, now: Timestamp, by: Duration, out: &mut Vec<Effect>) {
        for id in self.known.set_back(now.plus(by), now) {
            let silence = self.known.silences.get(id).map(Record::of_silence);
            out.extend(silence.map(|record| persist(Record::silence_key(id), &record)));
        }
        self.log.set_back(by, now);
    }

    fn move_wakes(&mut self, step: ClockStep) {
        let wakes = std::mem::take(&mut self.wakes);
        let moved = wakes.into_iter().map(|(at, wake)| match (wake, step) {
            (Wake::Flush(id), _) => (self.groups.get(id).map_or(step.of(at), |group| group.next_flush), wake),
            (Wake::Windows, ClockStep::Forward(_)) => (at, wake),
            _ => (step.of(at), wake),
        });
        self.wakes = moved.collect();
    }
}

impl Group {
    fn follow_clock(&mut self, step: ClockStep, now: Timestamp) {
        let before = match step {
            ClockStep::Back(by) => now.plus(by),
            ClockStep::Forward(by) => now.minus(by),
        };
        // Off the grid it waits for the end of a silence or a mute, which the clock brings nearer.
        let is_regular = self.next_flush == self.grid.next_after(before);
        self.grid.anchor = step.of(self.grid.anchor);
        self.next_flush = match step {
            ClockStep::Forward(_) if !is_regular => self.next_flush.min(self.grid.next_after(now)).max(now),
            _ => step.of(self.next_flush),
        };
        if let Some(unanswered) = &mut self.unanswered {
            unanswered.follow_clock(step, now);
        }
        for slot in &mut self.slots {
            slot.blocked_until = slot.blocked_until.map(|at| step.of(at));
            slot.owed_since = slot.owed_since.map(|at| step.of(at));
            if let SlotState::Waiting { at, .. } = &mut slot.state {
                *at = step.of(*at);
            }
        }
    }
}
