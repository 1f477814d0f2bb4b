//! Queries under way and held back: each source has its bound, and what several rules want to know is asked once.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::FixedState;
use model::{ClockStep, Timestamp};

use super::{Effect, QueryId, Settings};
use crate::rule::Source;
use crate::tally::EngineTally;

/// What is asked of whom for which instant. Equal questions have equal answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) source: Arc<Source>,
    pub(super) expr: Arc<str>,
    pub(super) at: Timestamp,
}

/// All questions without an answer.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// By the id the query has, which is that of who wanted it first.
    open: HashMap<u64, Open, FixedState>,
    ids: HashMap<Question, u64, FixedState>,
    /// By the source's name.
    lanes: BTreeMap<String, Lane>,
}

#[derive(Debug)]
struct Open {
    question: Question,
    /// Ids of those who want to know.
    waiting: Vec<u64>,
    /// Until when it is to be answered; `None` while it is held back.
    deadline: Option<Timestamp>,
}

/// The queries to one source.
#[derive(Debug, Default)]
struct Lane {
    /// To be asked once fewer are under way, oldest first.
    held: VecDeque<u64>,
    under_way: usize,
}

/// A question that has just been asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NowAsked {
    /// Ids of those who want to know.
    pub(super) waiting: Vec<u64>,
    pub(super) deadline: Timestamp,
}

impl Questions {
    /// `id` wants to know something. It shares the answer of an equal question that is held back, and with `may_join` of
    /// one under way; gives the deadline of that.
    pub(super) fn want(&mut self, id: u64, question: Question, may_join: bool) -> Option<Timestamp> {
        let same = self.ids.get(&question).and_then(|asked| self.open.get_mut(asked));
        if let Some(open) = same.filter(|open| may_join || open.deadline.is_none()) {
            open.waiting.push(id);
            return open.deadline;
        }
        if !self.lanes.contains_key(&question.source.name) {
            self.lanes.insert(question.source.name.clone(), Lane::default());
        }
        if let Some(lane) = self.lanes.get_mut(&question.source.name) {
            lane.held.push_back(id);
        }
        self.ids.insert(question.clone(), id);
        self.open.insert(id, Open { question, waiting: vec![id], deadline: None });
        None
    }

    /// Asks what has been held back longest, as far as the bounds of the sources allow.
    pub(super) fn ask(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        tally: &mut EngineTally,
        out: &mut Vec<Effect>,
    ) -> Vec<NowAsked> {
        let mut asked = Vec::new();
        for (source, lane) in self.lanes.iter_mut().filter(|(_, lane)| !lane.held.is_empty()) {
            let bounds = settings.bounds(source);
            while lane.under_way < bounds.queries_max.max(1) {
                let Some(id) = lane.held.pop_front() else { break };
                let Some(open) = self.open.get_mut(&id) else { continue };
                lane.under_way += 1;
                tally.queries += 1;
                let deadline = open.ask(id, now.plus(bounds.query_timeout), out);
                asked.push(NowAsked { waiting: open.waiting.clone(), deadline });
            }
        }
        asked
    }

    /// Asks a new question at once, unless its source is busy or others have waited longer.
    pub(super) fn ask_at_once(
        &mut self,
        id: u64,
        now: Timestamp,
        settings: &Settings,
        tally: &mut EngineTally,
        out: &mut Vec<Effect>,
    ) -> Option<Timestamp> {
        let open = self.open.get_mut(&id)?;
        let lane = self.lanes.get_mut(&open.question.source.name)?;
        let bounds = settings.bounds(&open.question.source.name);
        if lane.held.front() != Some(&id) || lane.under_way >= bounds.queries_max.max(1) {
            return None;
        }
        lane.held.pop_front();
        lane.under_way += 1;
        tally.queries += 1;
        Some(open.ask(id, now.plus(bounds.query_timeout), out))
    }

    /// The clock was moved: answers have as long as they had.
    pub(super) fn follow_clock(&mut self, step: ClockStep) {
        self.open.values_mut().for_each(|open| open.deadline = open.deadline.map(|at| step.of(at)));
    }

    /// Whether a query has this id; those who share an answer have ids of their own.
    pub(super) fn has_query(&self, id: u64) -> bool {
        self.open.contains_key(&id)
    }

    /// The query has its answer: gives all who want to know it.
    pub(super) fn answered(&mut self, id: u64) -> Vec<u64> {
        self.close(id).map(|open| open.waiting).unwrap_or_default()
    }

    /// Those who are no longer `wanted` will not take the answer; a query nobody waits for no longer counts.
    pub(super) fn retain(&mut self, wanted: impl Fn(u64) -> bool) {
        self.open.values_mut().for_each(|open| open.waiting.retain(|id| wanted(*id)));
        let unwanted = self.open.iter().filter(|(_, open)| open.waiting.is_empty()).map(|(id, _)| *id);
        for id in unwanted.collect::<Vec<_>>() {
            self.close(id);
        }
    }

    fn close(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if self.ids.get(&open.question) == Some(&id) {
            self.ids.remove(&open.question);
        }
        if let Some(lane) = self.lanes.get_mut(&open.question.source.name).filter(|_| open.deadline.is_some()) {
            lane.under_way = lane.under_way.saturating_sub(1);
        }
        Some(open)
    }
}

impl Open {
    fn ask(&mut self, id: u64, deadline: Timestamp, out: &mut Vec<Effect>) -> Timestamp {
        let Question { source, expr, at } = self.question.clone();
        self.deadline = Some(deadline);
        out.push(Effect::Query { id: QueryId(id), source, expr, at, deadline });
        deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(expr: &str, at: i64) -> Question {
        Question { source: Arc::default(), expr: expr.into(), at: Timestamp::from_secs(at) }
    }

    /// Asks what may be asked; gives who waits for it.
    fn ask(questions: &mut Questions, queries_max: usize) -> Vec<Vec<u64>> {
        let settings = Settings { queries_max, ..Settings::default() };
        let asked = questions.ask(Timestamp::EPOCH, &settings, &mut EngineTally::default(), &mut Vec::new());
        asked.into_iter().map(|asked| asked.waiting).collect()
    }

    #[test]
    fn a_query_under_way_is_joined_only_by_those_who_may() {
        let mut questions = Questions::default();
        questions.want(1, question("x", 0), false);
        questions.want(2, question("x", 0), false);
        questions.want(3, question("x", 15), true);
        assert_eq!(ask(&mut questions, 9), [vec![1, 2], vec![3]], "what is held back is shared by all");
        assert!(questions.want(4, question("x", 0), true).is_some());
        assert!(questions.want(5, question("x", 0), false).is_none());
        assert_eq!(ask(&mut questions, 9), [[5]], "it may read what was written meanwhile");
        assert_eq!(questions.answered(1), [1, 2, 4]);
        assert_eq!(questions.answered(1), [0; 0]);
        assert!(questions.want(6, question("x", 0), true).is_some(), "the later query is joined now");
        assert_eq!(questions.answered(5), [5, 6]);
    }

    #[test]
    fn what_nobody_wants_any_more_makes_room() {
        let mut questions = Questions::default();
        for (id, expr) in [(1, "a"), (2, "a"), (3, "b"), (4, "c")] {
            questions.want(id, question(expr, 0), true);
        }
        assert_eq!(ask(&mut questions, 1), [[1, 2]]);
        questions.retain(|id| id != 1 && id != 3);
        assert_eq!(ask(&mut questions, 1), [[0; 0]; 0], "2 still waits");
        questions.retain(|id| id == 4);
        assert_eq!(ask(&mut questions, 1), [[4]]);
        assert_eq!(questions.answered(4), [4]);
    }
}
