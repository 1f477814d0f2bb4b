//! An evaluation of a group under way: which rules may begin, which are at work, which wait to be tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::backoff::Backoff;
use model::{ClockStep, LabelSet, Timestamp};

use super::dependencies::Dependencies;
use super::turn::Asked;
use crate::annotation::Lookups;
use crate::recording::WrittenSeries;

/// How often a query is asked at most in one evaluation.
const ATTEMPTS_MAX: u32 = 3;

/// When a failed query is asked again.
const RETRIES: Backoff =
    Backoff { first: Duration::from_secs(1), most: Duration::from_secs(10), factor: 3.0, jitter: 0.2 };

/// An evaluation under way.
#[derive(Debug)]
pub(super) struct Evaluation {
    pub(super) round: Round,
    /// Rules that may begin, or be tried again.
    ready: BTreeSet<usize>,
    /// For each rule, how many it still waits for.
    waits: Vec<usize>,
    /// Rules whose query failed, until they end.
    failed: BTreeMap<usize, Attempts>,
    /// When to try again.
    resting: BTreeMap<usize, Timestamp>,
    /// Rules that wait for an answer.
    works: BTreeMap<usize, Work>,
}

/// One evaluation of all rules, summed up as it goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// The evaluation timestamp.
    pub(super) ts: Timestamp,
    pub(super) began: Timestamp,
    pub(super) samples: u64,
    pub(super) rule_time: Duration,
}

/// How often a rule's query was asked, and when first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts {
    pub(super) count: u32,
    pub(super) began: Timestamp,
}

/// A rule at work.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) rule: usize,
    /// The evaluation timestamp.
    pub(super) ts: Timestamp,
    pub(super) attempts: Attempts,
    pub(super) step: Step,
    /// When to stop waiting for the step; `None` while its query waits to be asked.
    pub(super) give_up: Option<Timestamp>,
    /// Whether the alerts have taken the result.
    pub(super) is_settled: bool,
}

/// What a rule waits for.
#[derive(Debug)]
pub(super) enum Step {
    /// The result of its query.
    Result { id: u64 },
    /// Answers to queries of its templates.
    Lookups { series: Vec<(LabelSet, f64)>, open: BTreeMap<u64, Arc<str>>, lookups: Lookups },
    /// What the query API knows of its alerts' past.
    Past { id: u64, asked: Timestamp },
    /// The end of its write.
    Write { id: u64, series: WrittenSeries },
}

impl Work {
    fn waits_for(&self, id: u64) -> bool {
        match &self.step {
            Step::Result { id: awaited } | Step::Past { id: awaited, .. } | Step::Write { id: awaited, .. } => {
                *awaited == id
            }
            Step::Lookups { open, .. } => open.contains_key(&id),
        }
    }

    /// The queries and writes it waits for.
    pub(super) fn ids(&self) -> Vec<u64> {
        match &self.step {
            Step::Result { id } | Step::Past { id, .. } | Step::Write { id, .. } => vec![*id],
            Step::Lookups { open, .. } => open.keys().copied().collect(),
        }
    }
}

impl Evaluation {
    /// Of rules that wait for each other, or, if there is nothing to wait for, do not.
    pub(super) fn new(round: Round, dependencies: &Dependencies, is_waiting: bool) -> Self {
        let mut waits = dependencies.waits().to_vec();
        if !is_waiting {
            waits.fill(0);
        }
        let ready = waits.iter().enumerate().filter(|(_, waits)| **waits == 0).map(|(rule, _)| rule).collect();
        Self { round, ready, waits, failed: BTreeMap::new(), resting: BTreeMap::new(), works: BTreeMap::new() }
    }

    /// Takes the first rule that may begin while no more than `most` are at work. With `most` 1 rules strictly follow
    /// one another: one that is to be tried again is waited for.
    pub(super) fn take_ready(&mut self, most: usize) -> Option<(usize, Option<Attempts>)> {
        let strict = most <= 1 && !self.resting.is_empty();
        if strict || self.works.len() >= most.max(1) {
            return None;
        }
        let rule = self.ready.pop_first()?;
        Some((rule, self.failed.get(&rule).copied()))
    }

    /// Takes a rule that may begin and has not been tried yet, however many are at work: it has its query in common with
    /// one that begins.
    pub(super) fn take_twin(&mut self, rule: usize) -> bool {
        !self.failed.contains_key(&rule) && self.ready.remove(&rule)
    }

    /// Whether nothing is left to be done; no rule begins when `stopping`.
    pub(super) fn is_over(&self, stopping: bool) -> bool {
        self.works.is_empty() && (stopping || (self.ready.is_empty() && self.resting.is_empty()))
    }

    pub(super) fn enter(&mut self, work: Work) {
        self.works.insert(work.rule, work);
    }

    /// Takes out the rule that waits for an answer.
    pub(super) fn take(&mut self, id: u64) -> Option<Work> {
        let rule = self.works.values().find(|work| work.waits_for(id))?.rule;
        self.works.remove(&rule)
    }

    /// A query that waited has been asked.
    pub(super) fn asked(&mut self, asked: Asked, now: Timestamp) {
        let Some(work) = self.works.values_mut().find(|work| work.waits_for(asked.id)) else { return };
        if work.attempts.count == 1 && matches!(work.step, Step::Result { .. }) {
            work.attempts.began = now;
        }
        work.give_up = work.give_up.max(asked.give_up);
    }

    /// A rule has ended: its followers may begin.
    pub(super) fn ended(&mut self, rule: usize, dependencies: &Dependencies) {
        self.failed.remove(&rule);
        for follower in dependencies.followers(rule) {
            if let Some(waits) = self.waits.get_mut(*follower).filter(|waits| **waits > 0) {
                *waits -= 1;
                if *waits == 0 {
                    self.ready.insert(*follower);
                }
            }
        }
    }

    /// A query failed in a way that may pass: has it asked again, if that is within reach before most of the interval
    /// has passed. `key` spreads groups over time.
    pub(super) fn retry(&mut self, work: &Work, now: Timestamp, interval: Duration, key: u64) -> bool {
        if work.attempts.count >= ATTEMPTS_MAX {
            return false;
        }
        let again = now.plus(RETRIES.delay(work.attempts.count, key ^ work.rule as u64));
        if again > work.ts.plus(interval.mul_f64(0.8)) {
            return false;
        }
        self.failed.insert(work.rule, work.attempts);
        self.resting.insert(work.rule, again);
        true
    }

    /// The clock was moved: what is under way goes on as if it had not been.
    pub(super) fn follow_clock(&mut self, step: ClockStep) {
        let Round { ts, began, .. } = &mut self.round;
        (*ts, *began) = (step.of(*ts), step.of(*began));
        self.resting.values_mut().for_each(|again| *again = step.of(*again));
        self.failed.values_mut().for_each(|attempts| attempts.began = step.of(attempts.began));
        for work in self.works.values_mut() {
            (work.ts, work.attempts.began) = (step.of(work.ts), step.of(work.attempts.began));
            work.give_up = work.give_up.map(|at| step.of(at));
            if let Step::Past { asked, .. } = &mut work.step {
                *asked = step.of(*asked);
            }
        }
    }

    /// Rules whose time to be tried again has come may begin.
    pub(super) fn wake(&mut self, now: Timestamp) {
        let Self { resting, ready, .. } = self;
        resting.retain(|rule, again| {
            let rests = *again > now;
            if !rests {
                ready.insert(*rule);
            }
            rests
        });
    }

    /// When something has to be done though no answer comes.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        let overdue = self.works.values().filter_map(|work| work.give_up);
        overdue.chain(self.resting.values().copied()).min()
    }

    /// The queries and writes of the rules that have waited for too long.
    pub(super) fn overdue(&self, now: Timestamp) -> Vec<(u64, bool)> {
        let overdue = self.works.values().filter(|work| work.give_up.is_some_and(|give_up| give_up <= now));
        let ids = overdue.flat_map(|work| {
            let is_write = matches!(work.step, Step::Write { .. });
            work.ids().into_iter().map(move |id| (id, is_write))
        });
        ids.collect()
    }

    /// All rules at work.
    pub(super) fn works(&self) -> impl Iterator<Item = &Work> {
        self.works.values()
    }

    /// Ends here; gives the rules that were at work.
    pub(super) fn into_works(self) -> impl Iterator<Item = Work> {
        self.works.into_values()
    }
}
