//! What a group may use while it has its turn: the time, the settings, and where its effects go.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::Timestamp;

use super::{Effect, LogLevel, LogLine, QueryId, Settings, WriteId};
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
    owners: HashMap<u64, Awaited, FixedState>,
    /// Queries that are to be asked once fewer are under way, oldest first.
    held: VecDeque<HeldQuery>,
    /// Queries under way.
    queries: usize,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    owner: Owner,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Query,
    /// A query that has not been asked yet.
    HeldQuery,
    Write,
}

#[derive(Debug)]
struct HeldQuery {
    id: u64,
    expr: Arc<str>,
    at: Timestamp,
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
    fn enter(&mut self, owner: Owner, what: What) -> u64 {
        self.last_id += 1;
        self.owners.insert(self.last_id, Awaited { owner, what });
        self.last_id
    }

    /// Who waits for `id`, once.
    pub(super) fn take(&mut self, id: u64) -> Option<Owner> {
        let awaited = self.owners.remove(&id)?;
        self.queries -= usize::from(awaited.what == What::Query);
        Some(awaited.owner)
    }

    /// The groups have new places: `places` of all ids they wait for. Nobody waits for the other ids any more.
    pub(super) fn move_groups(&mut self, places: &HashMap<u64, usize, FixedState>) {
        let Self { owners, queries, .. } = self;
        owners.retain(|id, awaited| match (&mut awaited.owner, places.get(id)) {
            (Owner::Markers, _) => true,
            (Owner::Group(place), Some(new)) => {
                *place = *new;
                true
            }
            (Owner::Group(_), None) => {
                *queries -= usize::from(awaited.what == What::Query);
                false
            }
        });
    }

    /// Asks the query that has waited longest, if fewer are under way than may be.
    pub(super) fn ask_held(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        out: &mut Vec<Effect>,
    ) -> Option<(Owner, Asked)> {
        while self.queries < settings.queries_max.max(1) {
            let HeldQuery { id, expr, at } = self.held.pop_front()?;
            if let Some(awaited) = self.owners.get_mut(&id) {
                awaited.what = What::Query;
                self.queries += 1;
                let deadline = now.plus(settings.query_timeout);
                out.push(Effect::Query { id: QueryId(id), expr, at, deadline });
                return Some((awaited.owner, Asked { id, give_up: Some(deadline.plus(GRACE)) }));
            }
        }
        None
    }

    /// Number of queries and writes under way.
    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }
}

impl Turn<'_> {
    /// Asks for an expression, at once or when fewer queries are under way.
    pub(super) fn query(&mut self, owner: Owner, expr: Arc<str>, at: Timestamp) -> Asked {
        let id = self.waiting.enter(owner, What::HeldQuery);
        self.waiting.held.push_back(HeldQuery { id, expr, at });
        if self.waiting.held.len() > 1 {
            return Asked { id, give_up: None };
        }
        let asked = self.waiting.ask_held(self.now, self.settings, self.out);
        asked.map_or(Asked { id, give_up: None }, |(_, asked)| asked)
    }

    /// Has samples stored; gives the id and when to give up waiting.
    pub(super) fn write(&mut self, owner: Owner, samples: Vec<Sample>) -> (u64, Timestamp) {
        let id = self.waiting.enter(owner, What::Write);
        let deadline = self.now.plus(self.settings.write_timeout);
        self.tally.samples_written += samples.len() as u64;
        self.out.push(Effect::Write { id: WriteId(id), samples, deadline });
        (id, deadline.plus(GRACE))
    }

    /// Tells the operator.
    pub(super) fn log(&mut self, level: LogLevel, group: &Arc<str>, rule: &Arc<str>, text: String) {
        self.out.push(Effect::Log(LogLine { level, group: Arc::clone(group), rule: Arc::clone(rule), text }));
    }
}
