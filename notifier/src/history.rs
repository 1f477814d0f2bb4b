//! The history: who was told what when, and why others were not. Events in pages that go to the store; in memory is only
//! the page that grows, and of each other one who is in it.
//!
//! Nothing is noted where nothing changed: an event is an attempt's outcome, or a decision that differs from the last one.

pub mod event;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Timestamp;
use model::labels::Fingerprint;

use self::event::{Event, Happening};
use crate::record::{PageWriter, Record, RecordV1, alert_name, group_name};

/// A page is full from here on: with the last event it stays below the store's 4 KiB as a rule.
const PAGE_BYTES: usize = 3800;
/// Least time between two writes of the page that grows.
const GROWING_EVERY: Duration = Duration::from_millis(50);
/// Alerts listed in one event; those of a large one go on in the next.
const ALERTS_LISTED: usize = 16;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// For how long (`--history.retention`); zero keeps nothing.
    pub retention: Duration,
    /// Most bytes of all pages (`--history.max-size-bytes`); zero keeps nothing.
    pub bytes_max: u64,
}

impl Default for HistoryLimits {
    /// Five days, 16 MiB.
    fn default() -> Self {
        Self { retention: Duration::from_secs(120 * 3600), bytes_max: 16 << 20 }
    }
}

/// The index of the history, and what was not written yet.
#[derive(Debug)]
pub struct History {
    limits: HistoryLimits,
    /// By number, oldest first.
    pages: BTreeMap<u64, Page>,
    growing: PageWriter,
    growing_number: u64,
    /// Of all pages but the growing one.
    bytes: u64,
    events: u64,
    tally: HistoryTally,
    /// Pages to be written as they are, and forgotten.
    changes: Vec<(u64, Option<Vec<u8>>)>,
    has_grown: bool,
    /// The growing page was given out then, for the last time.
    given_at: Timestamp,
}

/// Counts since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryTally {
    /// Events noted.
    pub noted: u64,
    /// Events dropped as they were older than the retention.
    pub expired: u64,
    /// Events dropped as there were too many.
    pub displaced: u64,
}

/// How large the history is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HistoryFigures {
    /// Events kept.
    pub events: u64,
    /// Their size as stored.
    pub bytes: u64,
    /// The most it may be.
    pub bytes_max: u64,
    /// Age of the oldest.
    pub oldest: Duration,
    /// Counts.
    pub tally: HistoryTally,
}

/// A page that is full.
#[derive(Debug)]
struct Page {
    first: Timestamp,
    last: Timestamp,
    bytes: u64,
    events: u32,
    /// Hashes of the alerts and groups in it, sorted.
    names: Box<[u32]>,
}

/// Which pages are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Those that may name one of these; all if there are none.
    pub names: Vec<Name>,
    /// Those that end then or later.
    pub from: Timestamp,
    /// Those that begin then or earlier.
    pub to: Timestamp,
}

/// Who may be in a page; a hash, so that a page may be given that has nobody of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(u32);

impl Name {
    /// Of an alert.
    pub fn of_alert(fingerprint: Fingerprint) -> Self {
        Self(alert_name(fingerprint))
    }

    /// Of a group.
    pub fn of_group(key: &str) -> Self {
        Self(group_name(key))
    }
}

impl Wanted {
    /// Every page.
    pub fn all() -> Self {
        Self { names: Vec::new(), from: Timestamp::MIN, to: Timestamp::MAX }
    }

    /// Every page that may name one of these.
    pub fn of(names: Vec<Name>) -> Self {
        Self { names, ..Self::all() }
    }
}

impl History {
    /// An empty history.
    pub fn new(limits: HistoryLimits) -> Self {
        Self {
            limits,
            pages: BTreeMap::new(),
            growing: PageWriter::default(),
            growing_number: 0,
            bytes: 0,
            events: 0,
            tally: HistoryTally::default(),
            changes: Vec::new(),
            has_grown: false,
            given_at: Timestamp::MIN,
        }
    }

    /// Whether events are kept at all.
    pub fn is_kept(&self) -> bool {
        !self.limits.retention.is_zero() && self.limits.bytes_max > 0
    }

    /// Notes an event.
    pub fn note(&mut self, mut happening: Happening<'_>) {
        if !self.is_kept() {
            return;
        }
        while happening.alerts.len() > ALERTS_LISTED {
            let rest = happening.alerts.split_off(ALERTS_LISTED);
            self.write(&happening);
            happening.alerts = rest;
        }
        self.write(&happening);
    }

    fn write(&mut self, happening: &Happening<'_>) {
        self.growing.write(happening);
        self.has_grown = true;
        self.tally.noted += 1;
        self.events += 1;
        if self.growing.len() >= PAGE_BYTES {
            self.close_page();
        }
    }

    fn close_page(&mut self) {
        let full = std::mem::take(&mut self.growing);
        let number = self.growing_number;
        self.has_grown = false;
        self.changes.push((number, Some(full.to_bytes())));
        let (first, last) = full.span_ms();
        self.file(number, Page::new(first, last, full.len(), full.events(), full.names().to_vec()));
        self.growing_number += 1;
        while self.bytes > self.limits.bytes_max
            && let Some((number, page)) = self.pages.pop_first()
        {
            self.tally.displaced += u64::from(page.events);
            self.forget(number, &page);
        }
    }

    fn file(&mut self, number: u64, page: Page) {
        self.bytes += page.bytes;
        self.pages.insert(number, page);
    }

    fn forget(&mut self, number: u64, page: &Page) {
        self.bytes = self.bytes.saturating_sub(page.bytes);
        self.events = self.events.saturating_sub(u64::from(page.events));
        self.changes.push((number, None));
    }

    /// Forgets pages that are past their retention.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some(first) = self.pages.first_entry()
            && first.get().last.plus(self.limits.retention) <= now
        {
            let (number, page) = first.remove_entry();
            self.tally.expired += u64::from(page.events);
            self.forget(number, &page);
        }
    }

    /// What the store is to keep or to forget since the last call: keys with values. In a storm the page that grows is given
    /// from time to time only, as it is written whole each time; a later call gives it.
    pub fn take_due(&mut self, now: Timestamp) -> impl Iterator<Item = (String, Option<Vec<u8>>)> + use<> {
        let is_first = self.given_at == Timestamp::MIN;
        let is_due = is_first || self.given_at > now || now.since(self.given_at) >= GROWING_EVERY;
        let has_grown = self.has_grown;
        self.has_grown &= is_due;
        if self.has_grown {
            self.given_at = now;
        }
        let changes = self.take_changes();
        self.has_grown = has_grown && !is_due;
        changes
    }

    /// The same, with the page that grows in any case.
    pub fn take_changes(&mut self) -> impl Iterator<Item = (String, Option<Vec<u8>>)> + use<> {
        if std::mem::take(&mut self.has_grown) {
            self.changes.push((self.growing_number, Some(self.growing.to_bytes())));
        }
        let changes = std::mem::take(&mut self.changes).into_iter();
        changes.map(|(number, value)| (Record::history_key(number), value))
    }

    /// Takes up a page of an earlier process. To be called before anything is noted.
    ///
    /// # Errors
    /// It is not where a page is stored.
    pub fn restore(&mut self, key: &str, bytes: usize, events: &[Event]) -> Result<(), String> {
        let number = Record::history_page_of(key).ok_or("not the key of a page of the history")?;
        let at_ms = |event: Option<&Event>| event.map_or(0, |event| event.at.as_millis());
        let alerts = events.iter().flat_map(|event| &event.alerts);
        let groups = events.iter().map(|event| group_name(&event.group_key));
        let names = alerts.map(|alert| alert_name(alert.labels.fingerprint())).chain(groups).collect();
        let page = Page::new(at_ms(events.first()), at_ms(events.last()), bytes, events.len(), names);
        self.events += u64::from(page.events);
        self.file(number, page);
        self.growing_number = self.growing_number.max(number.saturating_add(1));
        Ok(())
    }

    /// The keys of the records that may hold what is wanted, latest first.
    pub fn pages(&self, wanted: &Wanted) -> Vec<String> {
        let mut hashes: Vec<u32> = wanted.names.iter().map(|name| name.0).collect();
        hashes.sort_unstable();
        let mut found = Vec::new();
        let (first, last) = self.growing.span_ms();
        let is_named = |name: &u32| hashes.binary_search(name).is_ok();
        if !self.growing.is_empty()
            && wanted.spans(Timestamp::from_millis(first.min(last)), Timestamp::from_millis(first.max(last)))
            && (hashes.is_empty() || self.growing.names().iter().any(is_named))
        {
            found.push(Record::history_key(self.growing_number));
        }
        let full = self.pages.iter().rev().filter(|(_, page)| {
            let is_anyone = || hashes.is_empty() || hashes.iter().any(|name| page.names.binary_search(name).is_ok());
            wanted.spans(page.first, page.last) && is_anyone()
        });
        found.extend(full.map(|(number, _)| Record::history_key(*number)));
        found
    }

    /// Bytes of all pages.
    pub fn bytes(&self) -> u64 {
        self.bytes + self.growing.len() as u64
    }

    /// How many events are kept.
    pub fn len(&self) -> u64 {
        self.events
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// When the oldest event happened.
    pub fn oldest(&self) -> Option<Timestamp> {
        let growing = || (!self.growing.is_empty()).then(|| Timestamp::from_millis(self.growing.span_ms().0));
        self.pages.values().next().map(|page| page.first).or_else(growing)
    }

    /// Its size, for metrics.
    pub fn figures(&self, now: Timestamp) -> HistoryFigures {
        HistoryFigures {
            events: self.events,
            bytes: self.bytes(),
            bytes_max: self.limits.bytes_max,
            oldest: self.oldest().map_or(Duration::ZERO, |oldest| now.since(oldest)),
            tally: self.tally,
        }
    }

    /// Counts.
    pub fn tally(&self) -> &HistoryTally {
        &self.tally
    }
}

impl Wanted {
    fn spans(&self, first: Timestamp, last: Timestamp) -> bool {
        first <= self.to && last >= self.from
    }
}

impl Page {
    fn new(first_ms: i64, last_ms: i64, bytes: usize, events: usize, mut names: Vec<u32>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self {
            first: Timestamp::from_millis(first_ms.min(last_ms)),
            last: Timestamp::from_millis(first_ms.max(last_ms)),
            bytes: bytes as u64,
            events: u32::try_from(events).unwrap_or(u32::MAX),
            names: names.into_boxed_slice(),
        }
    }
}

/// The events of stored pages, in order of time, parts of one event put together again. `pages` as
/// [`History::pages`] names them: latest first. A page that cannot be read is left out.
pub fn events_of<'a>(pages: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut read: Vec<Vec<Event>> = pages.into_iter().filter_map(page_events).collect();
    read.reverse();
    let mut events: Vec<Event> = Vec::new();
    for event in read.into_iter().flatten() {
        match events.last_mut() {
            Some(last) if last.is_continued_by(&event) => last.alerts.extend(event.alerts),
            _ => events.push(event),
        }
    }
    events
}

fn page_events(bytes: &[u8]) -> Option<Vec<Event>> {
    match Record::from_bytes(bytes).ok()? {
        Record::V1(RecordV1::History(page)) => page.into_events().ok(),
        Record::V1(_) => None,
    }
}

impl Event {
    /// Whether the other is a part of this, as it has more alerts than one part lists.
    fn is_continued_by(&self, next: &Event) -> bool {
        !self.alerts.is_empty()
            && self.alerts.len().is_multiple_of(ALERTS_LISTED)
            && !next.alerts.is_empty()
            && (self.at, &self.group_key, &self.receiver) == (next.at, &next.group_key, &next.receiver)
            && (&self.integration, &self.what, self.more) == (&next.integration, &next.what, next.more)
    }
}

/// The keys of what was read, for a second look that leaves it out.
pub fn without(pages: Vec<String>, known: &BTreeSet<String>) -> Vec<String> {
    pages.into_iter().filter(|page| !known.contains(page)).collect()
}

#[cfg(test)]
mod tests;
