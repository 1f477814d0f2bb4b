//! What a group may use while it has its turn: the time, the settings, and where its effects go.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use model::Timestamp;

use super::{Effect, LogLevel, LogLine, QueryId, Settings, WriteId};
use crate::sample::Sample;
use crate::tally::EngineTally;

/// Answers may be this much later than their deadline: the shell's own timeout comes first.
const GRACE_SECS: u64 = 5;

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

    /// Who waits for `id`, once.
    pub(super) fn take(&mut self, id: u64) -> Option<Owner> {
        self.owners.remove(&id)
    }

    /// Takes the groups' entries out; they enter themselves again with [`Waiting::keep`].
    pub(super) fn clear_groups(&mut self) {
        self.owners.retain(|_, owner| *owner == Owner::Markers);
    }

    /// Enters an id again, for the group at its new place.
    pub(super) fn keep(&mut self, id: u64, group: usize) {
        self.owners.insert(id, Owner::Group(group));
    }

    /// Number of queries and writes under way.
    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }
}

impl Turn<'_> {
    /// Asks for an expression; gives the id and when to give up waiting.
    pub(super) fn query(&mut self, owner: Owner, expr: Arc<str>, at: Timestamp) -> (u64, Timestamp) {
        let id = self.waiting.enter(owner);
        let deadline = self.now.plus(self.settings.query_timeout);
        self.out.push(Effect::Query { id: QueryId(id), expr, at, deadline });
        (id, deadline.plus(std::time::Duration::from_secs(GRACE_SECS)))
    }

    /// Has samples stored; gives the id and when to give up waiting.
    pub(super) fn write(&mut self, owner: Owner, samples: Vec<Sample>) -> (u64, Timestamp) {
        let id = self.waiting.enter(owner);
        let deadline = self.now.plus(self.settings.write_timeout);
        self.tally.samples_written += samples.len() as u64;
        self.out.push(Effect::Write { id: WriteId(id), samples, deadline });
        (id, deadline.plus(std::time::Duration::from_secs(GRACE_SECS)))
    }

    /// Tells the operator.
    pub(super) fn log(&mut self, level: LogLevel, group: &Arc<str>, rule: &Arc<str>, text: String) {
        self.out.push(Effect::Log(LogLine { level, group: Arc::clone(group), rule: Arc::clone(rule), text }));
    }
}
