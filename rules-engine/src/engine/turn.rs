//! What a group may use while it has its turn: the time, the settings, and where its effects go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::{ClockStep, Timestamp};

use super::questions::{Question, Questions};
use super::{Effect, LogLevel, LogLine, Settings, WriteId};
use crate::sample::Sample;
use crate::tally::EngineTally;

/// Answers may be this much later than their deadline: the shell's own timeout comes first.
const GRACE: Duration = Duration::from_secs(5);

/// A turn at the engine.
pub(super) struct Turn<'a> {
    pub(super) now: Timestamp,
    pub(super) settings: &'a Settings,
    pub(super) stopping: bool,
    pub(super) waiting: &'a mut Waiting,
    pub(super) tally: &'a mut EngineTally,
    pub(super) out: &'a mut Vec<Effect>,
}

/// Who is waiting for which answer.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    last_id: u64,
    owners: HashMap<u64, Owner, FixedState>,
    questions: Questions,
}

/// A query as it was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) id: u64,
    /// When to give up waiting; `None` if it has to wait before it is asked.
    pub(super) give_up: Option<Timestamp>,
}

/// Who is to be told about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The group at this place.
    Group(usize),
    /// Nobody waits, but failures are logged: markers of series that have ended.
    Markers,
}

impl Waiting {
    fn enter(&mut self, owner: Owner) -> u64 {
        self.last_id += 1;
        self.owners.insert(self.last_id, owner);
        self.last_id
    }

    /// The clock was moved.
    pub(super) fn follow_clock(&mut self, step: ClockStep) {
        self.questions.follow_clock(step);
    }

    /// Who waits for the end of a write, once.
    pub(super) fn written(&mut self, id: u64) -> Option<Owner> {
        self.owners.remove(&id)
    }

    /// Who waits for the answer to a query, once, each with the id it has the query under.
    pub(super) fn answered(&mut self, id: u64) -> Vec<(u64, Owner)> {
        let waiting = self.questions.answered(id);
        waiting.into_iter().filter_map(|id| Some((id, self.owners.remove(&id)?))).collect()
    }

    /// Nobody waits for these any more.
    pub(super) fn forget(&mut self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            self.owners.remove(&id);
        }
        let Self { owners, questions, .. } = self;
        questions.retain(|id| owners.contains_key(&id));
    }

    /// The groups have new places: `places` of all ids they wait for. Nobody waits for the other ids any more.
    pub(super) fn move_groups(&mut self, places: &HashMap<u64, usize, FixedState>) {
        self.owners.retain(|id, owner| match (owner, places.get(id)) {
            (Owner::Markers, _) => true,
            (Owner::Group(place), Some(new)) => {
                *place = *new;
                true
            }
            (Owner::Group(_), None) => false,
        });
        self.forget([]);
    }

    /// Asks queries that were held back, as far as now fewer are under way.
    pub(super) fn ask_held(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        tally: &mut EngineTally,
        out: &mut Vec<Effect>,
    ) -> Vec<(Owner, Asked)> {
        let asked = self.questions.ask(now, settings, tally, out).into_iter();
        let each = asked.flat_map(|asked| {
            let give_up = Some(asked.deadline.plus(GRACE));
            asked.waiting.into_iter().map(move |id| Asked { id, give_up })
        });
        each.filter_map(|asked| Some((*self.owners.get(&asked.id)?, asked))).collect()
    }

    /// Number of queries and writes that are waited for.
    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }
}

impl Turn<'_> {
    /// Asks a question, at once or when fewer queries are under way. With `may_join` the answer may be that of an equal
    /// query asked a moment ago.
    pub(super) fn query(&mut self, owner: Owner, question: Question, may_join: bool) -> Asked {
        let id = self.waiting.enter(owner);
        let questions = &mut self.waiting.questions;
        let joined = questions.want(id, question, may_join);
        let deadline = match questions.has_query(id) {
            true => questions.ask_at_once(id, self.now, self.settings, self.tally, self.out),
            false => {
                self.tally.queries_shared += 1;
                joined
            }
        };
        Asked { id, give_up: deadline.map(|deadline| deadline.plus(GRACE)) }
    }

    /// Has samples stored; gives the id and when to give up waiting.
    pub(super) fn write(&mut self, owner: Owner, samples: Vec<Sample>, is_awaited: bool) -> (u64, Timestamp) {
        let id = self.waiting.enter(owner);
        let deadline = self.now.plus(self.settings.write_timeout);
        self.tally.samples_written += samples.len() as u64;
        self.out.push(Effect::Write { id: WriteId(id), is_awaited, samples, deadline });
        (id, deadline.plus(GRACE))
    }

    /// Tells the operator.
    pub(super) fn log(&mut self, level: LogLevel, group: &Arc<str>, rule: &Arc<str>, text: String) {
        self.out.push(Effect::Log(LogLine { level, group: Arc::clone(group), rule: Arc::clone(rule), text }));
    }
}
