//! The history in the store: events in pages that grow until they are full. In a page each event says how it differs from
//! the one before, so that what a storm repeats is written once.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use model::labels::Fingerprint;
use model::{LabelSet, Timestamp};
use serde::{Deserialize, Serialize};

use super::text_change::{TextChange, applied, changes};
use crate::history::event::{Ended, Event, Happening, Subject, What};

/// Events in the order in which they happened.
#[derive(Debug, Serialize, Deserialize)]
pub struct HistoryPageV1<'a>(Vec<EventV1<'a>>);

/// An event, as a list: milliseconds since the one before; group key, receiver and kind of integration as changes from the
/// one before; index of the integration and one, 0 for none; what happened; alerts, the labels of each as changes from
/// those of the alert before; how many more there were.
#[derive(Debug, Serialize, Deserialize)]
struct EventV1<'a>(i64, Vec<TextChange<'a>>, usize, What, Vec<SubjectV1<'a>>, usize);

/// The same with what happened by reference, for writing.
#[derive(Serialize)]
struct WrittenEvent<'a>(i64, Vec<TextChange<'a>>, usize, &'a What, Vec<SubjectV1<'a>>, usize);

/// Labels; milliseconds from its start to the event; how it ended.
#[derive(Debug, Serialize, Deserialize)]
struct SubjectV1<'a>(Vec<TextChange<'a>>, i64, Option<Ended>);

/// What stands before the events of a page and behind them: it is a record like others, written piece by piece.
const OPENING: &[u8] = br#"{"v1":{"history":["#;
const CLOSING: &[u8] = b"]}}";

/// A page that is being written.
#[derive(Debug, Default)]
pub struct PageWriter {
    /// Without [`CLOSING`]; empty before the first event.
    bytes: Vec<u8>,
    /// Hashes of the alerts and groups it names, in no order.
    names: Vec<u32>,
    first_ms: i64,
    last_ms: i64,
    events: usize,
    who: [String; 3],
    labels: LabelSet,
}

impl PageWriter {
    /// Adds an event.
    pub fn write(&mut self, happening: &Happening<'_>) {
        let at_ms = happening.at.as_millis();
        match self.bytes.is_empty() {
            true => {
                self.bytes.extend_from_slice(OPENING);
                (self.first_ms, self.last_ms) = (at_ms, 0);
            }
            false => self.bytes.push(b','),
        }
        let (kind, index) = happening.integration.unwrap_or_default();
        let who = [happening.group_key, happening.receiver, kind];
        let mut known: Vec<&str> = self.who.iter().map(String::as_str).collect();
        let mut before: Vec<&str> = texts(&self.labels).collect();
        let subjects = happening.alerts.iter().map(|subject| {
            let changed = changes(&mut before, texts(&subject.labels));
            SubjectV1(changed, at_ms.saturating_sub(subject.starts_at.as_millis()), subject.ended)
        });
        let event = WrittenEvent(
            at_ms.saturating_sub(self.last_ms),
            changes(&mut known, who.into_iter()),
            happening.integration.map_or(0, |_| index.saturating_add(1)),
            &happening.what,
            subjects.collect(),
            happening.more,
        );
        serde_json::to_writer(&mut self.bytes, &event).expect("events have text keys and no failing serializer");
        for (known, now) in self.who.iter_mut().zip(who) {
            if known != now {
                now.clone_into(known);
            }
        }
        if let Some(last) = happening.alerts.last() {
            self.labels = last.labels.clone();
        }
        self.names.push(group_name(happening.group_key));
        self.names.extend(happening.alerts.iter().map(|subject| alert_name(subject.labels.fingerprint())));
        self.last_ms = at_ms;
        self.events += 1;
    }

    /// Size as stored.
    pub fn len(&self) -> usize {
        if self.bytes.is_empty() { 0 } else { self.bytes.len() + CLOSING.len() }
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many events it has.
    pub fn events(&self) -> usize {
        self.events
    }

    /// From when to when, in milliseconds since the epoch.
    pub fn span_ms(&self) -> (i64, i64) {
        (self.first_ms, self.last_ms)
    }

    /// The hashes of who is in it, in no order, some more than once.
    pub fn names(&self) -> &[u32] {
        &self.names
    }

    /// As stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.bytes, CLOSING].concat()
    }
}

impl HistoryPageV1<'_> {
    /// The events, in order.
    ///
    /// # Errors
    /// The page makes no sense.
    pub fn into_events(self) -> Result<Vec<Event>, String> {
        let (mut at_ms, mut who, mut labels): (i64, Vec<String>, Vec<String>) = (0, vec![String::new(); 3], Vec::new());
        let event = |EventV1(since_ms, who_changes, integration, what, subjects, more)| {
            at_ms = i64::wrapping_add(at_ms, since_ms);
            who = applied(who_changes, &who)?;
            let [group_key, receiver, kind] = who.as_slice() else { return Err("an event is nobody's".to_owned()) };
            let subject = |SubjectV1(label_changes, age_ms, ended)| {
                labels = applied(label_changes, &labels)?;
                let starts_at = Timestamp::from_millis(at_ms.saturating_sub(age_ms));
                Ok(Subject { labels: label_set(&labels)?, starts_at, ended })
            };
            Ok(Event {
                at: Timestamp::from_millis(at_ms),
                group_key: group_key.clone(),
                receiver: receiver.clone(),
                integration: usize::checked_sub(integration, 1).map(|index| (kind.clone(), index)),
                what,
                alerts: subjects.into_iter().map(subject).collect::<Result<_, String>>()?,
                more,
            })
        };
        self.0.into_iter().map(event).collect()
    }
}

/// What an alert is called in the index of the history.
pub(crate) fn alert_name(fingerprint: Fingerprint) -> u32 {
    folded(fingerprint.0)
}

/// What a group is called in the index of the history.
pub(crate) fn group_name(group_key: &str) -> u32 {
    folded(FixedState::default().hash_one(group_key))
}

fn folded(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

fn texts(labels: &LabelSet) -> impl Iterator<Item = &str> {
    labels.iter().flat_map(|(name, value)| [name, value])
}

fn label_set(texts: &[String]) -> Result<LabelSet, String> {
    match texts.as_chunks::<2>() {
        (pairs, []) => Ok(LabelSet::from_pairs(pairs.iter().map(|[name, value]| (name, value)))),
        _ => Err("a label without a value".to_owned()),
    }
}
