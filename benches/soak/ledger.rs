//! What receivers must be told, and what they were.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::stalls::Stalls;
use crate::story;

/// A page this much after its time is late. What the machine lost meanwhile is not counted.
const LATE: Duration = Duration::from_secs(5);

/// An alert among all that the bench makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AlertId {
    /// Of a rule, or of a client.
    pub(crate) is_rules: bool,
    pub(crate) group: u32,
    pub(crate) generation: u32,
    pub(crate) index: u32,
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_rules, group, generation, index } = self;
        match is_rules {
            true => write!(f, "alert {index} of rule {group}, generation {generation}"),
            false => {
                let (story, team) = (story::story(*group as usize), story::team(*group as usize));
                write!(f, "alert {index} of group {group} ({story:?}, {team:?}), generation {generation}")
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Firing,
    Resolved,
}

/// How exactly it is known when a page is due, and how well its receiver works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Class {
    /// The first page of a group: due `group_wait` after its alert.
    First,
    /// Due within `group_interval`, nobody here knows when.
    Change,
    /// At a receiver that takes its time.
    Slow,
    /// At a receiver that fails at times.
    Flaky,
    /// Of a rule: due within some evaluations and `group_interval`.
    Rule,
}

impl Class {
    pub(crate) const ALL: [Self; 5] = [Self::First, Self::Change, Self::Slow, Self::Flaky, Self::Rule];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first pages",
            Self::Change => "changes",
            Self::Slow => "at slow receivers",
            Self::Flaky => "at the flaky receiver",
            Self::Rule => "of rules",
        }
    }

    /// What the receiver itself may take.
    fn allowance(self) -> Duration {
        match self {
            Self::First | Self::Change | Self::Rule => LATE,
            // A lane that is full, at the beginning.
            Self::Slow => LATE + Duration::from_secs(10),
            // Several attempts in a row may fail, and pauses grow to a minute.
            Self::Flaky => LATE + Duration::from_secs(120),
        }
    }
}

/// Something that must be told.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) status: Status,
    /// Least and greatest `startsAt`, in seconds since 1970.
    pub(crate) starts: (i64, i64),
    /// Since when the program knows, or is about to.
    pub(crate) from: Instant,
    /// When it must be told at the latest.
    pub(crate) within: Duration,
    pub(crate) class: Class,
}

/// Shared by those who make alerts and those who are told.
#[derive(Clone)]
pub(crate) struct Ledger {
    book: Arc<Mutex<Book>>,
    stalls: Stalls,
}

#[derive(Default)]
struct Book {
    open: HashMap<AlertId, Vec<Due>>,
    /// Must not be told as firing.
    hidden: HashSet<AlertId>,
    tallies: HashMap<Class, Tally>,
    /// The first faults of each sort, in words.
    faults: [Vec<String>; 3],
    told_though_hidden: usize,
}

/// What became of the pages of a class.
#[derive(Clone, Default)]
pub(crate) struct Tally {
    pub(crate) told: usize,
    /// Seconds after the time they were due at the latest, of all of them.
    pub(crate) late_secs: Vec<f32>,
    /// More than may be.
    pub(crate) late: usize,
    /// Would have been late, but for what the machine lost.
    pub(crate) excused: usize,
}

const FAULTS_MAX: usize = 20;

impl Ledger {
    pub(crate) fn new(stalls: Stalls) -> Self {
        Self { book: Arc::default(), stalls }
    }

    /// Something must be told from now on.
    pub(crate) fn expect(&self, id: AlertId, due: Due) {
        self.lock().open.entry(id).or_default().push(due);
    }

    /// It must not be told as firing, or may be again.
    pub(crate) fn hide(&self, id: AlertId, is_hidden: bool) {
        let mut book = self.lock();
        if is_hidden {
            book.hidden.insert(id)
        } else {
            book.hidden.remove(&id)
        };
    }

    /// Anything may be told from now on: silences end, and what they hide does not.
    pub(crate) fn hide_nothing(&self) {
        self.lock().hidden.clear();
    }

    /// A receiver was told.
    pub(crate) fn told(&self, id: AlertId, status: Status, starts_at: i64, now: Instant) {
        let mut book = self.lock();
        let book = &mut *book;
        if status == Status::Firing && book.hidden.contains(&id) {
            book.told_though_hidden += 1;
            note(&mut book.faults[0], || format!("{id} is told, though silenced or inhibited"));
        }
        let Some(open) = book.open.get_mut(&id) else { return };
        let is_it = |due: &Due| due.status == status && (due.starts.0..=due.starts.1).contains(&starts_at);
        let Some(at) = open.iter().position(is_it) else { return };
        let due = open.swap_remove(at);
        if open.is_empty() {
            book.open.remove(&id);
        }
        let due_at = due.from + due.within;
        let late = now.saturating_duration_since(due_at);
        let tally = book.tallies.entry(due.class).or_default();
        tally.told += 1;
        tally.late_secs.push(late.as_secs_f32());
        if late > due.class.allowance() {
            let lost = self.stalls.between(due.from, now);
            if late.saturating_sub(lost) > due.class.allowance() {
                tally.late += 1;
                note(&mut book.faults[1], || {
                    let (status, class) = (due.status, due.class.name());
                    format!("{id}, {status:?} since {starts_at} ({class}), is told {:.1} s late", late.as_secs_f32())
                });
            } else {
                tally.excused += 1;
            }
        }
    }

    /// How many are not told yet, and how many of them are past their time.
    pub(crate) fn open(&self, now: Instant) -> (usize, usize) {
        let book = self.lock();
        let all = || book.open.values().flatten();
        (all().count(), all().filter(|due| now > due.from + due.within + due.class.allowance()).count())
    }

    /// Whether everything was told.
    pub(crate) fn is_settled(&self) -> bool {
        self.open(Instant::now()).0 == 0
    }

    /// The 99th percentile of how late first pages came, of the last so many.
    pub(crate) fn recent_late_secs(&self, seen: &mut usize) -> (f64, f64) {
        let book = self.lock();
        let late = book.tallies.get(&Class::First).map(|tally| tally.late_secs.as_slice()).unwrap_or_default();
        let mut recent: Vec<f64> = late.iter().skip(*seen).map(|secs| f64::from(*secs)).collect();
        *seen = late.len();
        (percentile(&mut recent, 0.5), percentile(&mut recent, 0.99))
    }

    /// By class.
    pub(crate) fn tallies(&self) -> Vec<(Class, Tally)> {
        let book = self.lock();
        Class::ALL.iter().map(|class| (*class, book.tallies.get(class).cloned().unwrap_or_default())).collect()
    }

    /// Closes the book: what is past its time is lost, what is not is left out. Gives how many are lost, how many were told
    /// though hidden, and the first faults in words.
    pub(crate) fn close(&self) -> (usize, usize, Vec<String>) {
        let mut book = self.lock();
        let book = &mut *book;
        let (mut lost, now) = (0, Instant::now());
        for (id, due) in book.open.iter().flat_map(|(id, open)| open.iter().map(move |due| (id, due))) {
            if due.from + due.within + due.class.allowance() + self.stalls.between(due.from, now) > now {
                continue;
            }
            lost += 1;
            note(&mut book.faults[2], || {
                let Due { status, starts, class, .. } = due;
                format!("{id}, {status:?} since {}..{} ({}), is lost", starts.0, starts.1, class.name())
            });
        }
        (lost, book.told_though_hidden, book.faults.concat())
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(faults: &mut Vec<String>, fault: impl FnOnce() -> String) {
    if faults.len() < FAULTS_MAX {
        faults.push(fault());
    }
}

/// Sorts them; 0 of none.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}
