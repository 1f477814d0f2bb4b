//! A group at work: takes its slots and leads each rule, in order, from query to write.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::{LabelSet, Timestamp};

use super::rule_state::{Digest, Health, Occasion, RuleState};
use super::turn::{Owner, Turn};
use super::{Effect, LogLevel};
use crate::annotation::Lookups;
use crate::group::{GroupKey, Schedule};
use crate::record::{GroupRecord, Record, RecordV1, group_key};
use crate::recording::WrittenSeries;
use crate::rule::RuleGroup;
use crate::sample::{QueryAnswer, Sample};
use crate::tally::GroupTally;

/// A group as it runs.
#[derive(Debug)]
pub(super) struct RunningGroup {
    pub(super) key: GroupKey,
    /// `file;group`.
    pub(super) label: Arc<str>,
    pub(super) spec: RuleGroup,
    pub(super) rules: Vec<RuleState>,
    pub(super) schedule: Schedule,
    pub(super) tally: GroupTally,
    pub(super) status: GroupStatus,
    /// Series of rules that left the group: marked as ended at the end of the next evaluation.
    pub(super) orphans: Vec<LabelSet>,
    /// Its place among the groups.
    pub(super) place: usize,
    evaluation: Option<Evaluation>,
}

/// How a group's last evaluation went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupStatus {
    /// From start to the end of the last rule.
    pub evaluation_time: Duration,
    /// When the last evaluation began.
    pub last_evaluation: Option<Timestamp>,
}

/// An evaluation under way.
#[derive(Debug)]
struct Evaluation {
    round: Round,
    /// The rule whose turn it is.
    rule: usize,
    rule_began: Timestamp,
    step: Step,
    /// When to stop waiting for the step.
    give_up: Timestamp,
}

/// One evaluation of all rules, summed up as it goes on.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// The evaluation timestamp.
    ts: Timestamp,
    began: Timestamp,
    samples: u64,
    rule_time: Duration,
}

/// What the rule whose turn it is waits for.
#[derive(Debug)]
enum Step {
    /// The result of its query.
    Result { id: u64 },
    /// Answers to queries of its templates.
    Lookups { series: Vec<(LabelSet, f64)>, open: BTreeMap<u64, Arc<str>>, lookups: Lookups },
    /// The end of its write.
    Write { id: u64, series: WrittenSeries },
}

impl RunningGroup {
    /// A group that has not been evaluated, its rules without a past.
    pub(super) fn new(key: GroupKey, spec: RuleGroup, rules: Vec<RuleState>, now: Timestamp) -> Self {
        Self {
            label: key.to_string().into(),
            schedule: Schedule::starting(&key, spec.interval, now),
            key,
            spec,
            rules,
            tally: GroupTally::default(),
            status: GroupStatus::default(),
            orphans: Vec::new(),
            place: 0,
            evaluation: None,
        }
    }

    /// Goes on where the group that had its key was.
    pub(super) fn succeed(&mut self, old: &mut Self) {
        if old.schedule.interval() == self.schedule.interval() {
            self.schedule = old.schedule.clone();
        }
        self.tally = std::mem::take(&mut old.tally);
        self.status = std::mem::take(&mut old.status);
        self.orphans = std::mem::take(&mut old.orphans);
    }

    /// When [`RunningGroup::advance`] has something to do.
    pub(super) fn next_wake(&self, stopping: bool) -> Option<Timestamp> {
        match &self.evaluation {
            Some(evaluation) => Some(evaluation.give_up),
            None if stopping => None,
            None => Some(self.schedule.due()),
        }
    }

    pub(super) fn is_evaluating(&self) -> bool {
        self.evaluation.is_some()
    }

    /// The queries and writes it waits for.
    pub(super) fn waits_for(&self) -> Vec<u64> {
        match self.evaluation.as_ref().map(|evaluation| &evaluation.step) {
            None => Vec::new(),
            Some(Step::Result { id } | Step::Write { id, .. }) => vec![*id],
            Some(Step::Lookups { open, .. }) => open.keys().copied().collect(),
        }
    }

    /// Time has passed: the next slot may have come, or an answer is overdue.
    pub(super) fn advance(&mut self, turn: &mut Turn<'_>) {
        match &self.evaluation {
            Some(evaluation) if evaluation.give_up <= turn.now => self.give_up(turn),
            Some(_) => {}
            None => self.begin(turn),
        }
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        if turn.stopping {
            return;
        }
        if self.schedule.is_ahead_of(turn.now) {
            self.schedule.restart(turn.now);
            let text = "the clock was set back: the group's schedule starts anew".to_owned();
            turn.log(LogLevel::Warn, &self.label, &"".into(), text);
        }
        let Some(slot) = self.schedule.take(turn.now) else { return };
        self.tally.iterations += 1 + slot.missed;
        self.tally.iterations_missed += slot.missed;
        self.ask(turn, Round { ts: slot.at, began: turn.now, samples: 0, rule_time: Duration::ZERO }, 0);
    }

    /// Asks the query of the rule at a place; past the last rule the evaluation ends.
    fn ask(&mut self, turn: &mut Turn<'_>, round: Round, rule: usize) {
        let Some(state) = self.rules.get(rule).filter(|_| !turn.stopping) else {
            return self.finish(turn, round);
        };
        self.tally.evaluations += 1;
        let at = round.ts.minus(self.spec.query_offset);
        let (id, give_up) = turn.query(Owner::Group(self.place), Arc::clone(&state.expr), at);
        let step = Step::Result { id };
        self.evaluation = Some(Evaluation { round, rule, rule_began: turn.now, step, give_up });
    }

    /// The rule whose turn it was is done.
    fn conclude(&mut self, turn: &mut Turn<'_>, evaluation: Evaluation, outcome: Result<(), String>) {
        let Some(state) = self.rules.get_mut(evaluation.rule) else { return };
        let spent = turn.now.since(evaluation.rule_began);
        turn.tally.rule_times.observe(spent);
        state.status.evaluation_time = spent;
        state.status.last_evaluation = Some(evaluation.rule_began);
        match outcome {
            Ok(()) => {
                if state.status.health == Health::Bad {
                    turn.log(LogLevel::Info, &self.label, &state.name, "the rule works again".to_owned());
                }
                (state.status.health, state.status.last_error) = (Health::Good, String::new());
            }
            Err(error) => {
                self.tally.evaluation_failures += 1;
                if state.status.last_error != error {
                    turn.log(LogLevel::Warn, &self.label, &state.name, format!("evaluation failed: {error}"));
                }
                (state.status.health, state.status.last_error) = (Health::Bad, error);
            }
        }
        let mut round = evaluation.round;
        round.rule_time = round.rule_time.saturating_add(spent);
        self.ask(turn, round, evaluation.rule + 1);
    }

    fn finish(&mut self, turn: &mut Turn<'_>, round: Round) {
        let Round { ts, began, samples, rule_time } = round;
        let spent = turn.now.since(began);
        turn.tally.group_times.observe(spent);
        self.status = GroupStatus { evaluation_time: spent, last_evaluation: Some(began) };
        (self.tally.last_samples, self.tally.last_rule_time) = (samples, rule_time);
        self.mark_orphans(turn, ts);
        let record = GroupRecord {
            file: self.key.file.to_string(),
            name: self.key.name.to_string(),
            last_evaluation: ts.as_nanos(),
        };
        let value = Record::V1(RecordV1::Group(record)).to_json();
        turn.out.push(Effect::Persist { key: group_key(&self.key), value });
    }

    /// Marks the series of rules that left the group, unless another rule of it writes them now.
    fn mark_orphans(&mut self, turn: &mut Turn<'_>, ts: Timestamp) {
        if self.orphans.is_empty() {
            return;
        }
        let timestamp_ms = self.timestamp_ms(ts);
        let written: HashSet<&LabelSet, FixedState> = self.rules.iter().flat_map(|rule| rule.written.iter()).collect();
        let ended = std::mem::take(&mut self.orphans).into_iter().filter(|series| !written.contains(series));
        let markers: Vec<Sample> = ended.map(|series| Sample::stale_marker(series, timestamp_ms)).collect();
        if !markers.is_empty() && turn.settings.writes {
            turn.write(Owner::Markers, markers);
        }
    }

    fn timestamp_ms(&self, ts: Timestamp) -> i64 {
        ts.minus(self.spec.query_offset).as_millis()
    }

    /// A query has been answered; answers nobody waits for are ignored.
    pub(super) fn queried(&mut self, turn: &mut Turn<'_>, id: u64, answer: Result<QueryAnswer, String>) {
        let Some(mut evaluation) = self.evaluation.take() else { return };
        match evaluation.step {
            Step::Result { id: awaited } if awaited == id => self.resulted(turn, evaluation, answer),
            Step::Lookups { series, mut open, mut lookups } => {
                if let Some(expr) = open.remove(&id) {
                    lookups.answer(expr, answer.map(|answer| answer.value.into_vector()));
                }
                if open.is_empty() {
                    evaluation.step = Step::Result { id };
                    self.digest(turn, evaluation, series, lookups);
                } else {
                    evaluation.step = Step::Lookups { series, open, lookups };
                    self.evaluation = Some(evaluation);
                }
            }
            Step::Result { .. } | Step::Write { .. } => self.evaluation = Some(evaluation),
        }
    }

    fn resulted(&mut self, turn: &mut Turn<'_>, evaluation: Evaluation, answer: Result<QueryAnswer, String>) {
        let Some(state) = self.rules.get_mut(evaluation.rule) else { return };
        match answer {
            Ok(answer) => {
                state.status.warnings = answer.warnings;
                self.digest(turn, evaluation, answer.value.into_vector(), Lookups::default());
            }
            Err(error) => {
                state.status.warnings.clear();
                if turn.settings.resend_on_error {
                    let lookups = Lookups::default();
                    let on = occasion(&self.spec, &self.label, evaluation.round.ts, &lookups);
                    state.resend(&on, turn);
                }
                self.conclude(turn, evaluation, Err(error));
            }
        }
    }

    fn digest(
        &mut self,
        turn: &mut Turn<'_>,
        mut evaluation: Evaluation,
        mut series: Vec<(LabelSet, f64)>,
        mut lookups: Lookups,
    ) {
        let Some(state) = self.rules.get_mut(evaluation.rule) else { return };
        // Ends: a round without a query to make has answered all missing ones with errors.
        loop {
            let on = occasion(&self.spec, &self.label, evaluation.round.ts, &lookups);
            let missing = match state.digest(series, &on, turn) {
                Digest::Failed(error) => return self.conclude(turn, evaluation, Err(error)),
                Digest::Samples(samples) => return self.store(turn, evaluation, samples),
                Digest::Needs(missing, given_back) => {
                    series = given_back;
                    missing
                }
            };
            let mut open = BTreeMap::new();
            for expr in lookups.ask(missing) {
                let (id, give_up) = turn.query(Owner::Group(self.place), Arc::clone(&expr), evaluation.round.ts);
                open.insert(id, expr);
                evaluation.give_up = give_up;
            }
            if !open.is_empty() {
                evaluation.step = Step::Lookups { series, open, lookups };
                self.evaluation = Some(evaluation);
                return;
            }
        }
    }

    /// Has the samples of a rule written, and markers for the series it no longer gives.
    fn store(&mut self, turn: &mut Turn<'_>, mut evaluation: Evaluation, mut samples: Vec<Sample>) {
        evaluation.round.samples += samples.len() as u64;
        let timestamp_ms = self.timestamp_ms(evaluation.round.ts);
        let Some(state) = self.rules.get_mut(evaluation.rule).filter(|_| turn.settings.writes) else {
            return self.conclude(turn, evaluation, Ok(()));
        };
        let series = WrittenSeries::of(&samples);
        let ended = state.written.ended(&series);
        samples.extend(ended.into_iter().map(|series| Sample::stale_marker(series, timestamp_ms)));
        if samples.is_empty() {
            return self.conclude(turn, evaluation, Ok(()));
        }
        let (id, give_up) = turn.write(Owner::Group(self.place), samples);
        (evaluation.step, evaluation.give_up) = (Step::Write { id, series }, give_up);
        self.evaluation = Some(evaluation);
    }

    /// A write has ended; reports nobody waits for are ignored.
    pub(super) fn written(&mut self, turn: &mut Turn<'_>, id: u64, outcome: Result<(), String>) {
        let Some(mut evaluation) = self.evaluation.take() else { return };
        match evaluation.step {
            Step::Write { id: awaited, series } if awaited == id => {
                evaluation.step = Step::Result { id };
                if let Some(state) = self.rules.get_mut(evaluation.rule).filter(|_| outcome.is_ok()) {
                    state.written = series;
                }
                self.conclude(
                    turn,
                    evaluation,
                    outcome.map_err(|error| format!("writing its samples failed: {error}")),
                );
            }
            _ => self.evaluation = Some(evaluation),
        }
    }

    /// Whatever is still awaited will not come.
    fn give_up(&mut self, turn: &mut Turn<'_>) {
        let is_write = matches!(self.evaluation.as_ref().map(|e| &e.step), Some(Step::Write { .. }));
        for id in self.waits_for() {
            turn.waiting.take(id);
            match is_write {
                true => self.written(turn, id, Err("no report before the deadline".to_owned())),
                false => self.queried(turn, id, Err("no answer before the deadline".to_owned())),
            }
        }
    }

    /// Stops an evaluation where it is, without an end. A write under way may still succeed.
    pub(super) fn abandon(&mut self) {
        let Some(evaluation) = self.evaluation.take() else { return };
        if let (Step::Write { series, .. }, Some(state)) = (evaluation.step, self.rules.get_mut(evaluation.rule)) {
            state.written.extend(series);
        }
    }
}

/// The circumstances of an evaluation at `ts`.
fn occasion<'a>(spec: &'a RuleGroup, group: &'a Arc<str>, ts: Timestamp, lookups: &'a Lookups) -> Occasion<'a> {
    Occasion {
        ts,
        timestamp_ms: ts.minus(spec.query_offset).as_millis(),
        limit: spec.limit,
        interval: spec.interval,
        group,
        lookups,
    }
}
