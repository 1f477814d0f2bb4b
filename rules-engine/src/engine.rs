//! The machine: it owns every group, is told the time and facts, and answers with effects.

mod dependencies;
mod effect;
mod evaluation;
mod history;
mod inheritance;
mod questions;
mod reload;
mod rule_state;
mod running_group;
mod settings;
mod turn;
mod view;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use foldhash::fast::FixedState;
use model::{ClockStep, Timestamp};

pub use effect::{Effect, LogLevel, LogLine, QueryId, WriteId};
pub use history::PastEvaluation;
pub use rule_state::{Health, RuleStatus};
pub use running_group::GroupStatus;
pub use settings::{Settings, SourceBounds};
pub use view::{GroupView, RuleView};

use crate::rule::RuleGroup;
use crate::sample::{QueryAnswer, QueryFailure};
use crate::tally::EngineTally;
use inheritance::Inheritance;
use reload::Departed;
use running_group::RunningGroup;
use turn::{Owner, Turn, Waiting};

/// A clock that is set back by less is waited for.
const STEP_LEAST: Duration = Duration::from_secs(1);

/// The rule engine.
///
/// Effects are appended to `out`, to be started in that order. Answers may come in any order and late: one that nobody
/// waits for any more is ignored. The shell calls [`Engine::advance`] when [`Engine::next_wake`] has come, and every now
/// and then besides, so that a clock that was set back is noticed.
#[derive(Debug, Default)]
pub struct Engine {
    settings: Settings,
    /// Ordered by file and name.
    groups: Vec<RunningGroup>,
    /// When which group wants its turn: one ordered set for all.
    wakes: BTreeSet<(Timestamp, usize)>,
    waiting: Waiting,
    tally: EngineTally,
    /// What was restored and has no group yet.
    stored: Inheritance,
    departed: Vec<Departed>,
    last_advance: Option<Timestamp>,
    stopping: bool,
}

impl Engine {
    /// An engine without groups.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Takes the stored records, before the first [`Engine::configure`]: key and value as given with
    /// [`Effect::Persist`].
    pub fn restore(&mut self, records: impl IntoIterator<Item = (String, Vec<u8>)>, out: &mut Vec<Effect>) {
        self.stored.leave_records(records, out);
    }

    /// Loads groups, for the first time or anew.
    ///
    /// Groups that are as they were go on undisturbed. In the others, and after a restart, each rule takes over the alerts
    /// of the rule with the same name and labels. What has no successor is resolved, and its series are marked as ended.
    pub fn configure(&mut self, now: Timestamp, groups: Vec<RuleGroup>, settings: Settings, out: &mut Vec<Effect>) {
        let is_first = self.groups.is_empty();
        let same_texts = settings.external_url == self.settings.external_url
            && settings.external_labels == self.settings.external_labels;
        self.settings = settings;
        self.stored.age(now, &self.settings, out);
        self.reload(now, groups, is_first || same_texts, out);
        let mut places = HashMap::<u64, usize, FixedState>::default();
        for (place, group) in self.groups.iter_mut().enumerate() {
            group.place = place;
            places.extend(group.waits_for().map(|id| (id, place)));
        }
        self.waiting.move_groups(&places);
        self.enter_wakes();
        self.ask_held(now, out);
    }

    /// Time has passed: starts the groups whose slot has come, and gives up on overdue answers.
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if let Some(step) = self.last_advance.map(|last| last.since(now)).filter(|step| *step >= STEP_LEAST) {
            self.clock_moved(now, ClockStep::Back(step));
        }
        self.last_advance = Some(now);
        let due: Vec<usize> = self.wakes.range(..=(now, usize::MAX)).map(|&(_, place)| place).collect();
        for place in due {
            self.give_turn(now, place, out, |group, turn| group.advance(turn));
        }
        self.ask_held(now, out);
        self.mark_departed(now, out);
    }

    /// The clock was moved, and now is `now`: what waits for time to pass (`for`, repetitions, attempts, deadlines) waits as
    /// long as it would have; evaluations take the slots that the clock shows from now on. A clock that was set back is
    /// noticed by [`Engine::advance`] too, less exactly; one that was put forward cannot be told from time that passed.
    pub fn clock_moved(&mut self, now: Timestamp, step: ClockStep) {
        self.last_advance = Some(now);
        self.waiting.follow_clock(step);
        for group in &mut self.groups {
            group.follow_clock(step, now);
        }
        for departed in &mut self.departed {
            departed.due = step.of(departed.due);
        }
        self.enter_wakes();
    }

    /// A query was answered, or failed.
    pub fn queried(
        &mut self,
        now: Timestamp,
        id: QueryId,
        answer: Result<QueryAnswer, impl Into<QueryFailure>>,
        out: &mut Vec<Effect>,
    ) {
        let answer = answer.map_err(Into::into);
        let mut waiting = self.waiting.answered(id.0);
        let last = waiting.pop();
        for (id, owner) in waiting {
            self.pass_on_answer(now, id, owner, answer.clone(), out);
        }
        if let Some((id, owner)) = last {
            self.pass_on_answer(now, id, owner, answer, out);
        }
        self.ask_held(now, out);
    }

    /// A write ended, or failed with a text for people.
    pub fn written(&mut self, now: Timestamp, id: WriteId, outcome: Result<(), String>, out: &mut Vec<Effect>) {
        self.reported(now, id, outcome, false, out);
    }

    /// The samples of a write are in safe keeping, but rules that read them cannot see them yet; `why` is for people.
    pub fn written_later(&mut self, now: Timestamp, id: WriteId, why: String, out: &mut Vec<Effect>) {
        self.reported(now, id, Err(why), true, out);
    }

    fn reported(
        &mut self,
        now: Timestamp,
        id: WriteId,
        outcome: Result<(), String>,
        is_kept: bool,
        out: &mut Vec<Effect>,
    ) {
        match (self.waiting.written(id.0), outcome) {
            (Some(Owner::Group(place)), outcome) => {
                self.give_turn(now, place, out, |group, turn| group.written(turn, id.0, outcome, is_kept));
            }
            (Some(Owner::Markers), Err(_)) if is_kept => {}
            (Some(Owner::Markers), Err(error)) => out.push(Effect::Log(LogLine {
                level: LogLevel::Warn,
                group: "".into(),
                rule: "".into(),
                text: format!("series that have ended could not be marked: {error}"),
            })),
            (Some(Owner::Markers), Ok(())) | (None, _) => {}
        }
    }

    /// When [`Engine::advance`] wants to be called next.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let group = self.wakes.first().map(|&(wake, _)| wake);
        let departed = self.departed.iter().filter(|_| !self.stopping).map(|departed| departed.due).min();
        group.into_iter().chain(departed).min()
    }

    /// Begins no evaluation any more. Rules under way may end; the shell waits for [`Engine::is_idle`] as long as it likes.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.enter_wakes();
    }

    /// Whether no query and no write is under way.
    pub fn is_idle(&self) -> bool {
        self.waiting.len() == 0
    }

    /// Number of queries and writes under way, those included that wait for others to end.
    pub fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// The groups, by file and name.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = GroupView<'_>> {
        self.groups.iter().map(GroupView::new)
    }

    /// The engine's counters.
    pub fn tally(&self) -> &EngineTally {
        &self.tally
    }

    /// What is set for all groups.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks queries that had to wait, as far as now fewer are under way.
    fn ask_held(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        for (owner, asked) in self.waiting.ask_held(now, &self.settings, &mut self.tally, out) {
            if let Owner::Group(place) = owner {
                self.give_turn(now, place, out, |group, turn| group.asked(turn, asked));
            }
        }
    }

    fn pass_on_answer(
        &mut self,
        now: Timestamp,
        id: u64,
        owner: Owner,
        answer: Result<QueryAnswer, QueryFailure>,
        out: &mut Vec<Effect>,
    ) {
        if let Owner::Group(place) = owner {
            self.give_turn(now, place, out, |group, turn| group.queried(turn, id, answer));
        }
    }

    fn give_turn(
        &mut self,
        now: Timestamp,
        place: usize,
        out: &mut Vec<Effect>,
        act: impl FnOnce(&mut RunningGroup, &mut Turn<'_>),
    ) {
        let Some(group) = self.groups.get_mut(place) else { return };
        if let Some(wake) = group.next_wake(self.stopping) {
            self.wakes.remove(&(wake, place));
        }
        let mut turn = Turn {
            now,
            settings: &self.settings,
            stopping: self.stopping,
            waiting: &mut self.waiting,
            tally: &mut self.tally,
            out,
        };
        act(group, &mut turn);
        self.wakes.extend(group.next_wake(self.stopping).map(|wake| (wake, place)));
    }

    /// Enters all groups' wakes anew.
    fn enter_wakes(&mut self) {
        let groups = self.groups.iter().enumerate();
        self.wakes = groups.filter_map(|(place, group)| Some((group.next_wake(self.stopping)?, place))).collect();
    }
}

#[cfg(test)]
mod tests;
