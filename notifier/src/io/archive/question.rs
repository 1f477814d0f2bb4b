//! Questions to the history: which events are wanted, and where a page of them goes on.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use model::labels::Fingerprint;
use model::matcher::all_match;
use model::{Caller, Matcher, Timestamp};

use super::{PAGES_AT_ONCE, Unreadable, events};
use crate::explanation::told::name;
use crate::history::event::Event;
use crate::history::{Name, Wanted};
use crate::io::desk::Desk;
use crate::notifier::group_labels_of;

/// Most pages that one question reads: then it says where to go on.
const PAGES_MAX: usize = 1024;

/// Which events are wanted; by default every one.
#[derive(Clone, Debug)]
pub struct Question {
    /// What labels of an alert must satisfy.
    pub matchers: Vec<Matcher>,
    /// Those that name this alert.
    pub fingerprint: Option<Fingerprint>,
    /// What the receiver's name must match.
    pub receiver: Option<regex::Regex>,
    /// Those of the group with this key.
    pub group: Option<String>,
    /// Those of these kinds, as [`name`] calls them; of any if there are none.
    pub events: Vec<String>,
    /// Not before.
    pub from: Timestamp,
    /// Not after.
    pub to: Timestamp,
    /// Who asks: no more is told than is their business.
    pub caller: Arc<Caller>,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            matchers: Vec::new(),
            fingerprint: None,
            receiver: None,
            group: None,
            events: Vec::new(),
            from: Timestamp::MIN,
            to: Timestamp::MAX,
            caller: Arc::new(Caller::anybody()),
        }
    }
}

/// A place in the history: so many events of this instant have been given. As a text `MILLISECONDS-COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    at_ms: i64,
    given: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at_ms, self.given)
    }
}

/// This is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let parts = text.rsplit_once('-').and_then(|(at, given)| Some((at.parse().ok()?, given.parse().ok()?)));
        parts.map(|(at_ms, given)| Self { at_ms, given }).ok_or(NoPlace)
    }
}

/// The next events from a place on, latest first, and where to go on if there may be more. [`super::settle`] comes before.
///
/// # Errors
/// As of [`events`].
pub async fn page<D: Desk>(
    desk: &D,
    question: &Question,
    place: Option<Place>,
    most: usize,
) -> Result<(Vec<Event>, Option<Place>), Unreadable> {
    let keys = question.keys(desk, place);
    let mut found: Vec<Event> = Vec::new();
    let mut skip = place.map_or(0, |place| place.given);
    let mut last: Option<Place> = None;
    for keys_read in keys.get(..keys.len().min(PAGES_MAX)).unwrap_or_default().chunks(PAGES_AT_ONCE) {
        for event in events(desk, keys_read).await?.into_iter().rev() {
            if place.is_some_and(|place| event.at.as_millis() > place.at_ms) {
                continue;
            }
            if skip > 0 && place.is_some_and(|place| event.at.as_millis() == place.at_ms) {
                skip -= 1;
                continue;
            }
            if found.len() == most {
                return Ok((found, last));
            }
            last = Some(Place::behind(last.or(place), &event));
            found.extend(question.taken(event));
        }
    }
    Ok((found, last.filter(|_| keys.len() > PAGES_MAX)))
}

impl Place {
    fn behind(before: Option<Self>, event: &Event) -> Self {
        let at_ms = event.at.as_millis();
        let given = before.filter(|before| before.at_ms == at_ms).map_or(0, |before| before.given);
        Self { at_ms, given: given + 1 }
    }
}

impl Question {
    /// Keys of the pages that may have what is wanted, latest first.
    pub fn keys<D: Desk>(&self, desk: &D, place: Option<Place>) -> Vec<String> {
        let wanted = self.wanted(place);
        desk.read(|notifier, _| notifier.history().pages(&wanted))
    }

    fn wanted(&self, place: Option<Place>) -> Wanted {
        let names = match (&self.fingerprint, &self.group) {
            (Some(fingerprint), _) => vec![Name::of_alert(*fingerprint)],
            (None, Some(group)) => vec![Name::of_group(group)],
            (None, None) => Vec::new(),
        };
        let to = place.map_or(self.to, |place| self.to.min(Timestamp::from_millis(place.at_ms)));
        Wanted { names, from: self.from, to }
    }

    /// The event as whoever asks may see it, if it is wanted.
    pub fn taken(&self, event: Event) -> Option<Event> {
        Some(event).filter(|event| self.wants(event)).and_then(|event| event.within(&self.caller))
    }

    /// Whether an event is wanted.
    pub fn wants(&self, event: &Event) -> bool {
        (self.from <= event.at && event.at <= self.to)
            && self.receiver.as_ref().is_none_or(|pattern| pattern.is_match(&event.receiver))
            && self.group.as_ref().is_none_or(|key| *key == event.group_key)
            && (self.events.is_empty() || self.events.iter().any(|wanted| wanted == name(&event.what)))
            && self.fingerprint.is_none_or(|fingerprint| event.names(fingerprint))
            && self.wants_labels(event)
    }

    /// Whether an alert of the event satisfies the matchers; of an event about a whole group, whether its labels may.
    fn wants_labels(&self, event: &Event) -> bool {
        if self.matchers.is_empty() || event.alerts.iter().any(|alert| all_match(&self.matchers, &alert.labels)) {
            return true;
        }
        let Some(shared) = group_labels_of(&event.group_key).filter(|_| event.alerts.is_empty()) else { return false };
        let mut decided = self.matchers.iter().filter(|matcher| shared.get(matcher.name()).is_some()).peekable();
        decided.peek().is_some() && decided.all(|matcher| matcher.matches(&shared))
    }
}
