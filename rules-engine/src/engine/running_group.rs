//! A group at work: takes its slots and leads each rule from query to write, independent rules beside each other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::{ClockStep, LabelSet, Timestamp};

use super::dependencies::Dependencies;
use super::evaluation::{Attempts, Evaluation, Round, Step, Work};
use super::history::PastEvaluation;
use super::questions::Question;
use super::rule_state::{Body, Digest, Health, Occasion, RuleState};
use super::turn::{Asked, Owner, Turn};
use super::{Effect, LogLevel};
use crate::annotation::Lookups;
use crate::group::{GroupKey, Schedule};
use crate::record::{GroupRecord, Record, RecordV1, group_key};
use crate::recording::WrittenSeries;
use crate::rule::{Rule, RuleGroup};
use crate::sample::{QueryAnswer, QueryFailure, Sample};
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
    dependencies: Dependencies,
    /// For rules whose expression others have too: all that have it.
    twins: HashMap<usize, Arc<[usize]>, FixedState>,
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

impl RunningGroup {
    /// A group that has not been evaluated, its rules without a past.
    pub(super) fn new(key: GroupKey, spec: RuleGroup, rules: Vec<RuleState>, now: Timestamp) -> Self {
        Self {
            label: key.to_string().into(),
            schedule: Schedule::starting(&key, spec.interval, spec.pace.offset, now),
            dependencies: Dependencies::between(&spec.rules, spec.source.language),
            twins: twins(&spec.rules),
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
        if old.schedule.has_slots_of(&self.schedule) {
            self.schedule = old.schedule.clone();
        }
        self.tally = std::mem::take(&mut old.tally);
        self.status = std::mem::take(&mut old.status);
        self.orphans = std::mem::take(&mut old.orphans);
    }

    /// When [`RunningGroup::advance`] has something to do.
    pub(super) fn next_wake(&self, stopping: bool) -> Option<Timestamp> {
        match &self.evaluation {
            Some(evaluation) => evaluation.next_wake(),
            None if stopping => None,
            None => Some(self.schedule.due()),
        }
    }

    /// The clock was moved, and now is `now`: what waits is as far away as it was, slots are where the clock shows them.
    pub(super) fn follow_clock(&mut self, step: ClockStep, now: Timestamp) {
        for rule in &mut self.rules {
            if let Body::Alerting(alerting) = &mut rule.body {
                alerting.alerts.follow_clock(step, now);
            }
        }
        if let Some(evaluation) = &mut self.evaluation {
            evaluation.follow_clock(step);
        }
        match step {
            ClockStep::Forward(_) => self.schedule.skip(now),
            ClockStep::Back(_) if self.schedule.is_ahead_of(now) => self.schedule.restart(now),
            ClockStep::Back(_) => {}
        }
    }

    /// The queries and writes it waits for.
    pub(super) fn waits_for(&self) -> impl Iterator<Item = u64> {
        self.evaluation.iter().flat_map(Evaluation::works).flat_map(Work::ids)
    }

    /// Time has passed: the next slot may have come, an answer may be overdue, a rule may be tried again.
    pub(super) fn advance(&mut self, turn: &mut Turn<'_>) {
        match &mut self.evaluation {
            Some(evaluation) => {
                evaluation.wake(turn.now);
                let overdue = evaluation.overdue(turn.now);
                self.give_up(turn, overdue);
                self.proceed(turn);
            }
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
        let round = Round { ts: slot.at, began: turn.now, samples: 0, rule_time: Duration::ZERO };
        self.evaluation = Some(Evaluation::new(round, &self.dependencies, turn.settings.writes));
        self.proceed(turn);
    }

    /// Lets rules begin as far as they may; if nothing is left to be done, the evaluation ends.
    fn proceed(&mut self, turn: &mut Turn<'_>) {
        let Some(evaluation) = &mut self.evaluation else { return };
        let at = self.spec.query_time(evaluation.round.ts);
        let concurrency = self.spec.pace.concurrency.unwrap_or(turn.settings.concurrency);
        while let Some((rule, failed)) = evaluation.take_ready(concurrency).filter(|_| !turn.stopping) {
            let Some(state) = self.rules.get(rule) else { continue };
            self.tally.evaluations += u64::from(failed.is_none());
            let failed = failed.unwrap_or(Attempts { count: 0, began: turn.now });
            let attempts = Attempts { count: failed.count + 1, ..failed };
            let question = Question { source: Arc::clone(&self.spec.source), expr: Arc::clone(&state.expr), at };
            let owner = Owner::Group(self.place);
            // what a rule of this group has just written, an earlier query of another group may not have seen
            let may_join = !turn.settings.writes || !self.dependencies.is_waiting(rule);
            let Asked { id, give_up } = turn.query(owner, question.clone(), may_join);
            let (ts, is_settled) = (evaluation.round.ts, false);
            evaluation.enter(Work { rule, ts, attempts, step: Step::Result { id }, give_up, is_settled });
            let twins = self.twins.get(&rule).filter(|_| concurrency > 1);
            for twin in twins.iter().flat_map(|twins| twins.iter().copied()) {
                if !evaluation.take_twin(twin) {
                    continue;
                }
                self.tally.evaluations += 1;
                let attempts = Attempts { count: 1, began: turn.now };
                let Asked { id, give_up } = turn.query(owner, question.clone(), true);
                evaluation.enter(Work { rule: twin, ts, attempts, step: Step::Result { id }, give_up, is_settled });
            }
        }
        if evaluation.is_over(turn.stopping) {
            let round = evaluation.round;
            self.evaluation = None;
            self.finish(turn, round);
        }
    }

    /// A query that had to wait has been asked.
    pub(super) fn asked(&mut self, turn: &mut Turn<'_>, asked: Asked) {
        if let Some(evaluation) = &mut self.evaluation {
            evaluation.asked(asked, turn.now);
        }
    }

    /// A rule is done.
    fn conclude(&mut self, turn: &mut Turn<'_>, work: Work, outcome: Result<(), String>) {
        let (Some(state), Some(evaluation)) = (self.rules.get_mut(work.rule), &mut self.evaluation) else { return };
        let spent = turn.now.since(work.attempts.began);
        turn.tally.rule_times.observe(spent);
        state.tally.evaluations += 1;
        state.tally.failures += u64::from(outcome.is_err());
        state.status.evaluation_time = spent;
        state.status.last_evaluation = Some(work.attempts.began);
        let history = state.rule.history.unwrap_or(turn.settings.history);
        state.history.remember(past(state, &work, spent, &outcome), history);
        if self.spec.pace.is_logged || state.rule.is_logged {
            let text = told(state, &work, spent, &outcome);
            turn.log(LogLevel::Info, &self.label, &state.name, text);
        }
        match outcome {
            Ok(()) => {
                if state.status.health == Health::Bad {
                    turn.log(LogLevel::Info, &self.label, &state.name, "the rule works again".to_owned());
                }
                (state.status.health, state.status.last_error) = (Health::Good, String::new());
            }
            Err(error) => {
                self.tally.evaluation_failures += 1;
                fail(state, turn, &self.label, error);
            }
        }
        evaluation.round.rule_time = evaluation.round.rule_time.saturating_add(spent);
        evaluation.ended(work.rule, &self.dependencies);
        self.proceed(turn);
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
        turn.out.push(Effect::Persist { key: group_key(&self.key), value, may_wait: true });
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
            turn.write(Owner::Markers, markers, false);
        }
    }

    fn timestamp_ms(&self, ts: Timestamp) -> i64 {
        self.spec.query_time(ts).as_millis()
    }

    /// A query has been answered; answers nobody waits for are ignored.
    pub(super) fn queried(&mut self, turn: &mut Turn<'_>, id: u64, answer: Result<QueryAnswer, QueryFailure>) {
        let Some(mut work) = self.evaluation.as_mut().and_then(|evaluation| evaluation.take(id)) else { return };
        match work.step {
            Step::Result { .. } => self.resulted(turn, work, answer),
            Step::Lookups { series, mut open, mut lookups } => {
                if let Some(expr) = open.remove(&id) {
                    let answer = answer.map(|answer| answer.value.into_vector());
                    lookups.answer(expr, answer.map_err(|failure| failure.text));
                }
                if open.is_empty() {
                    work.step = Step::Result { id };
                    self.digest(turn, work, series, lookups);
                } else {
                    work.step = Step::Lookups { series, open, lookups };
                    self.wait(work);
                }
            }
            Step::Past { asked, .. } => {
                work.step = Step::Result { id };
                self.recall(turn, work, asked, answer);
            }
            Step::Write { .. } => self.wait(work),
        }
    }

    /// The query API has said what it knows of the alerts' past.
    fn recall(&mut self, turn: &mut Turn<'_>, work: Work, asked: Timestamp, answer: Result<QueryAnswer, QueryFailure>) {
        let Some(state) = self.rules.get_mut(work.rule) else { return };
        self.tally.restore_time = self.tally.restore_time.saturating_add(turn.now.since(asked));
        let lookups = Lookups::default();
        let on = occasion(&self.spec, &self.label, work.ts, &lookups);
        let samples = state.recall(answer, &on, turn);
        self.store(turn, work, samples);
    }

    fn wait(&mut self, work: Work) {
        if let Some(evaluation) = &mut self.evaluation {
            evaluation.enter(work);
        }
    }

    fn resulted(&mut self, turn: &mut Turn<'_>, work: Work, answer: Result<QueryAnswer, QueryFailure>) {
        let (Some(state), Some(evaluation)) = (self.rules.get_mut(work.rule), &mut self.evaluation) else { return };
        match answer {
            Ok(answer) => {
                state.status.warnings = answer.warnings;
                self.digest(turn, work, answer.value.into_vector(), Lookups::default());
            }
            Err(failure) => {
                state.status.warnings.clear();
                let is_retried = failure.is_passing
                    && !turn.stopping
                    && evaluation.retry(&work, turn.now, self.spec.interval, self.key.hash());
                if is_retried {
                    fail(state, turn, &self.label, failure.text);
                    return self.proceed(turn);
                }
                if turn.settings.resend_on_error {
                    let lookups = Lookups::default();
                    let on = occasion(&self.spec, &self.label, work.ts, &lookups);
                    state.resend(&on, turn);
                }
                self.conclude(turn, work, Err(failure.text));
            }
        }
    }

    fn digest(&mut self, turn: &mut Turn<'_>, mut work: Work, mut series: Vec<(LabelSet, f64)>, mut lookups: Lookups) {
        let Some(state) = self.rules.get_mut(work.rule) else { return };
        // Ends: a round without a query to make has answered all missing ones with errors.
        loop {
            let on = occasion(&self.spec, &self.label, work.ts, &lookups);
            let missing = match state.digest(series, &on, turn) {
                Digest::Failed(error) => return self.conclude(turn, work, Err(error)),
                Digest::Samples(samples) => return self.store(turn, work, samples),
                Digest::NeedsPast(expr) => {
                    let question = Question { source: Arc::clone(&self.spec.source), expr, at: work.ts };
                    let Asked { id, give_up } = turn.query(Owner::Group(self.place), question, false);
                    (work.step, work.give_up) = (Step::Past { id, asked: turn.now }, give_up);
                    return self.wait(work);
                }
                Digest::Needs(missing, given_back) => {
                    series = given_back;
                    missing
                }
            };
            let mut open = BTreeMap::new();
            for expr in lookups.ask(missing) {
                let source = Arc::clone(&self.spec.source);
                let question = Question { source, expr: Arc::clone(&expr), at: work.ts };
                let Asked { id, give_up } = turn.query(Owner::Group(self.place), question, false);
                open.insert(id, expr);
                work.give_up = give_up;
            }
            if !open.is_empty() {
                work.step = Step::Lookups { series, open, lookups };
                return self.wait(work);
            }
        }
    }

    /// Has the samples of a rule written, and markers for the series it no longer gives.
    fn store(&mut self, turn: &mut Turn<'_>, mut work: Work, mut samples: Vec<Sample>) {
        work.is_settled = true;
        let timestamp_ms = self.timestamp_ms(work.ts);
        if let Some(evaluation) = &mut self.evaluation {
            evaluation.round.samples += samples.len() as u64;
        }
        let Some(state) = self.rules.get_mut(work.rule).filter(|_| turn.settings.writes) else {
            return self.conclude(turn, work, Ok(()));
        };
        let series = WrittenSeries::of(&samples);
        let ended = state.written.ended(&series);
        samples.extend(ended.into_iter().map(|series| Sample::stale_marker(series, timestamp_ms)));
        if samples.is_empty() {
            return self.conclude(turn, work, Ok(()));
        }
        let is_awaited = !self.dependencies.followers(work.rule).is_empty();
        let (id, give_up) = turn.write(Owner::Group(self.place), samples, is_awaited);
        (work.step, work.give_up) = (Step::Write { id, series }, Some(give_up));
        self.wait(work);
    }

    /// A write has ended, or `is_kept` for later; reports nobody waits for are ignored.
    pub(super) fn written(&mut self, turn: &mut Turn<'_>, id: u64, outcome: Result<(), String>, is_kept: bool) {
        let Some(mut work) = self.evaluation.as_mut().and_then(|evaluation| evaluation.take(id)) else { return };
        let Step::Write { series, .. } = work.step else { return self.wait(work) };
        work.step = Step::Result { id };
        if let Some(state) = self.rules.get_mut(work.rule).filter(|_| outcome.is_ok() || is_kept) {
            state.written = series;
        }
        self.conclude(turn, work, outcome.map_err(|error| format!("writing its samples failed: {error}")));
    }

    /// What is awaited with these ids will not come.
    fn give_up(&mut self, turn: &mut Turn<'_>, overdue: Vec<(u64, bool)>) {
        for (id, is_write) in overdue {
            turn.waiting.forget([id]);
            match is_write {
                true => self.written(turn, id, Err("no report before the deadline".to_owned()), false),
                false => self.queried(turn, id, Err(QueryFailure::passing("no answer before the deadline"))),
            }
        }
    }

    /// Stops an evaluation where it is, without an end. A write under way may still succeed.
    pub(super) fn abandon(&mut self) {
        let works = self.evaluation.take().into_iter().flat_map(Evaluation::into_works);
        for work in works {
            if let (Step::Write { series, .. }, Some(state)) = (work.step, self.rules.get_mut(work.rule)) {
                state.written.extend(series);
            }
        }
    }
}

/// For each rule that has its expression not alone, all that have it.
fn twins(rules: &[Arc<Rule>]) -> HashMap<usize, Arc<[usize]>, FixedState> {
    let mut places: HashMap<&str, Vec<usize>, FixedState> = HashMap::default();
    for (place, rule) in rules.iter().enumerate() {
        places.entry(&rule.expr).or_default().push(place);
    }
    let several = places.into_values().filter(|places| places.len() > 1).map(Arc::<[usize]>::from);
    let mut twins = HashMap::default();
    for places in several {
        twins.extend(places.iter().map(|place| (*place, Arc::clone(&places))));
    }
    twins
}

/// The rule's last evaluation did not work.
fn fail(state: &mut RuleState, turn: &mut Turn<'_>, group: &Arc<str>, error: String) {
    if state.status.last_error != error {
        turn.log(LogLevel::Warn, group, &state.name, format!("evaluation failed: {error}"));
    }
    (state.status.health, state.status.last_error) = (Health::Bad, error);
}

/// An evaluation for the log.
fn told(state: &RuleState, work: &Work, spent: Duration, outcome: &Result<(), String>) -> String {
    let (at, spent_ms) = (work.ts, spent.as_millis());
    match outcome {
        Ok(()) => format!("evaluated for {at} in {spent_ms} ms: {} series", state.status.series),
        Err(error) => format!("evaluated for {at} in {spent_ms} ms, without success: {error}"),
    }
}

/// An evaluation as it is remembered.
fn past(state: &RuleState, work: &Work, duration: Duration, outcome: &Result<(), String>) -> PastEvaluation {
    PastEvaluation {
        at: work.ts,
        duration,
        attempts: work.attempts.count,
        series: if work.is_settled { state.status.series } else { 0 },
        transitions: state.alerts().filter(|_| work.is_settled).map(|alerts| alerts.transitions()).unwrap_or_default(),
        error: outcome.as_ref().err().map(|error| error.as_str().into()),
        warnings: state.status.warnings.as_slice().into(),
    }
}

/// The circumstances of an evaluation at `ts`.
fn occasion<'a>(spec: &'a RuleGroup, group: &'a Arc<str>, ts: Timestamp, lookups: &'a Lookups) -> Occasion<'a> {
    Occasion {
        ts,
        timestamp_ms: spec.query_time(ts).as_millis(),
        limit: spec.limit,
        interval: spec.interval,
        group,
        lookups,
    }
}
