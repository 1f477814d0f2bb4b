//! List and watch as a state machine: told what the API answered, it says what changed and what to ask next.
//!
//! It keeps only which objects there are and in which version. What changed is told at once, also from the pages of a list
//! that is not complete yet; that an object is gone is known from an event, or when a list has ended without it. So whoever
//! follows never sees half a list, and nothing is lost over any gap.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::object::{ObjectKey, metadata_text};

/// Objects asked for in one page.
pub const PAGE_OBJECTS: usize = 500;

/// The first wait after something failed.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// The longest wait after a server did not answer, or badly.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// The longest wait after watches that the server opened and that said nothing.
const REOPEN_MAX: Duration = Duration::from_secs(1);
/// A watch that tells nothing and lasts no longer than this is short.
pub const SHORT: Duration = Duration::from_secs(1);
/// So many short watches in a row are what servers and their proxies do now and then.
const SHORT_WATCHES_MAX: u32 = 2;
/// Between attempts at what somebody has to mend first: rights, a kind that is not served.
const MENDING: Duration = Duration::from_secs(15);
/// No server makes us wait for longer.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);

/// What to ask next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A page of the list.
    List {
        /// Where it goes on; the first page without.
        continue_token: Option<String>,
    },
    /// Everything that happens after a version.
    Watch {
        /// That version.
        version: String,
    },
}

/// What changed for whoever follows.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An object is new or another than before.
    Set(Box<Value>),
    /// An object is gone.
    Gone(ObjectKey),
    /// All objects have been told once.
    Synced,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The objects.
    pub items: Vec<Value>,
    /// Where the list goes on; none if it does not.
    pub continue_token: Option<String>,
    /// Of the list.
    pub version: String,
}

/// One line of a watch.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// `ADDED` or `MODIFIED`.
    Set(Value),
    /// `DELETED`.
    Deleted(Value),
    /// `BOOKMARK`: nothing happened up to this version.
    Bookmark {
        /// That version.
        version: String,
    },
    /// `ERROR`.
    Failed(Failure),
}

/// Why a step did not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server refuses.
    #[error("{message} ({code})")]
    Refused {
        /// HTTP status.
        code: u16,
        /// What it says.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// No answer, or half of one.
    #[error("{0}")]
    NoAnswer(String),
}

impl Failure {
    /// One of few words, for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused { code: 401 | 403, .. } => "forbidden",
            Self::Refused { code: 404, .. } => "not_found",
            Self::Refused { code: 410, .. } => "gone",
            Self::Refused { code: 429, .. } => "throttled",
            Self::Refused { .. } => "refused",
            Self::NoAnswer(_) => "no_answer",
        }
    }

    /// Whether the version that was asked for is not known any more.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Refused { code: 410, .. })
    }
}

/// Follows the objects of one kind in one place.
#[derive(Debug)]
pub struct Reflector {
    /// The versions of all objects that are known.
    known: BTreeMap<ObjectKey, String>,
    phase: Phase,
    /// Steps that failed since one worked.
    failures: u32,
    /// Watches in a row that ended as soon as they began.
    short_watches: u32,
    is_synced: bool,
}

#[derive(Debug)]
enum Phase {
    Listing {
        /// Found so far.
        found: BTreeMap<ObjectKey, String>,
        continue_token: Option<String>,
    },
    Watching {
        version: String,
    },
}

impl Phase {
    fn from_the_start() -> Phase {
        Phase::Listing { found: BTreeMap::new(), continue_token: None }
    }
}

impl Reflector {
    /// Knows these objects from before, in these versions: they are told only if they are others now, or gone.
    pub fn knowing(known: BTreeMap<ObjectKey, String>) -> Reflector {
        Reflector { known, phase: Phase::from_the_start(), failures: 0, short_watches: 0, is_synced: false }
    }

    /// What to ask next.
    pub fn step(&self) -> Step {
        match &self.phase {
            Phase::Listing { continue_token, .. } => Step::List { continue_token: continue_token.clone() },
            Phase::Watching { version } => Step::Watch { version: version.clone() },
        }
    }

    /// Whether all objects have been told once.
    pub fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// How many objects there are.
    pub fn objects(&self) -> usize {
        self.known.len()
    }

    /// A page came.
    pub fn listed(&mut self, page: Page) -> Vec<Change> {
        // where lists work and watches do not, the wait between them goes on growing
        self.failures = self.short_watches;
        let Phase::Listing { found, continue_token } = &mut self.phase else { return Vec::new() };
        let mut changes = Vec::new();
        for item in page.items {
            let Some(key) = ObjectKey::of(&item) else { continue };
            let version = metadata_text(&item, "resourceVersion").to_owned();
            let is_new = self.known.get(&key) != Some(&version) || version.is_empty();
            self.known.insert(key.clone(), version.clone());
            found.insert(key, version);
            if is_new {
                changes.push(Change::Set(Box::new(item)));
            }
        }
        *continue_token = page.continue_token;
        if continue_token.is_none() {
            let found = std::mem::take(found);
            let before = std::mem::replace(&mut self.known, found);
            let gone = before.into_keys().filter(|key| !self.known.contains_key(key));
            changes.extend(gone.map(Change::Gone));
            if !std::mem::replace(&mut self.is_synced, true) {
                changes.push(Change::Synced);
            }
            self.phase = Phase::Watching { version: page.version };
        }
        changes
    }

    /// A line of the watch came.
    ///
    /// # Errors
    /// It ends the watch: the failure it tells, to be given to [`Reflector::failed`].
    pub fn event(&mut self, event: Event) -> Result<Option<Change>, Failure> {
        let Phase::Watching { version } = &mut self.phase else { return Ok(None) };
        let (object, is_deleted) = match event {
            Event::Failed(failure) => return Err(failure),
            Event::Bookmark { version: at } => {
                (self.failures, self.short_watches) = (0, 0);
                *version = at;
                return Ok(None);
            }
            Event::Set(object) => (object, false),
            Event::Deleted(object) => (object, true),
        };
        (self.failures, self.short_watches) = (0, 0);
        let at = metadata_text(&object, "resourceVersion").to_owned();
        let Some(key) = ObjectKey::of(&object) else { return Ok(None) };
        version.clone_from(&at);
        if is_deleted {
            return Ok(self.known.remove(&key).map(|_| Change::Gone(key)));
        }
        let is_new = self.known.insert(key, at.clone()).is_none_or(|before| before != at || at.is_empty());
        Ok(is_new.then(|| Change::Set(Box::new(object))))
    }

    /// The watch ended without saying why, as servers end them now and then and connections break. How long to wait before
    /// the next step; `chance` is drawn from 0 to 1, so that not all come back at once.
    ///
    /// # Errors
    /// It lasted no time, as those before it: something on the way allows no watches. To be given to [`Reflector::failed`].
    pub fn ended(&mut self, lasted: Duration, chance: f64) -> Result<Duration, Failure> {
        self.short_watches = if lasted >= SHORT { 0 } else { self.short_watches.saturating_add(1) };
        if self.are_watches_short() {
            return Err(Failure::NoAnswer("watches end as soon as they begin".to_owned()));
        }
        let wait = if self.failures == 0 { Duration::ZERO } else { self.backoff(REOPEN_MAX, chance) };
        self.failures = self.failures.saturating_add(1);
        Ok(wait)
    }

    /// The watch that is open has lasted for [`SHORT`].
    pub fn lasts(&mut self) {
        self.short_watches = 0;
    }

    /// Whether watches end as soon as they begin.
    pub fn are_watches_short(&self) -> bool {
        self.short_watches > SHORT_WATCHES_MAX
    }

    /// A step failed. How long to wait before the next one.
    pub fn failed(&mut self, failure: &Failure, chance: f64) -> Duration {
        let is_watching = matches!(self.phase, Phase::Watching { .. });
        let is_refused_again =
            matches!(failure, Failure::Refused { code: 400 | 404 | 500.., .. }) && self.failures >= 2;
        if failure.is_gone() || (is_watching && (is_refused_again || self.are_watches_short())) {
            // What happened meanwhile is told by the list alone; so it is after a server was set back to an older state.
            self.phase = Phase::from_the_start();
        }
        let backoff = match failure {
            Failure::Refused { code: 401 | 403 | 404, .. } => spread(MENDING, chance),
            Failure::Refused { code: 410, .. } if self.failures == 0 => Duration::ZERO,
            _ => self.backoff(BACKOFF_MAX, chance),
        };
        self.failures = self.failures.saturating_add(1);
        match failure {
            Failure::Refused { retry_after: Some(after), .. } => backoff.max((*after).min(RETRY_AFTER_MAX)),
            _ => backoff,
        }
    }

    /// Everything is to be listed again, in case something was missed.
    pub fn resync(&mut self) {
        self.phase = Phase::from_the_start();
    }

    fn backoff(&self, max: Duration, chance: f64) -> Duration {
        let doubled = BACKOFF_MIN.saturating_mul(1 << self.failures.min(16));
        spread(doubled.min(max), chance)
    }
}

/// Between half of it and all of it.
fn spread(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, version: u32) -> Value {
        json!({"metadata": {"namespace": "n", "name": name, "resourceVersion": version.to_string()}})
    }

    fn page(items: &[(&str, u32)], next: Option<&str>, version: u32) -> Page {
        Page {
            items: items.iter().map(|(name, version)| object(name, *version)).collect(),
            continue_token: next.map(str::to_owned),
            version: version.to_string(),
        }
    }

    fn shown(changes: &[Change]) -> Vec<String> {
        let one = |change: &Change| match change {
            Change::Set(object) => format!("+{}", metadata_text(object, "name")),
            Change::Gone(key) => format!("-{}", key.name),
            Change::Synced => "synced".to_owned(),
        };
        changes.iter().map(one).collect()
    }

    fn gone() -> Failure {
        Failure::Refused { code: 410, message: "too old".to_owned(), retry_after: None }
    }

    #[test]
    fn a_paged_list_then_a_watch() {
        let mut reflector = Reflector::knowing(BTreeMap::new());
        assert_eq!(reflector.step(), Step::List { continue_token: None });
        assert_eq!(shown(&reflector.listed(page(&[("a", 1), ("b", 2)], Some("t"), 5))), ["+a", "+b"]);
        assert_eq!(reflector.step(), Step::List { continue_token: Some("t".to_owned()) });
        assert!(!reflector.is_synced(), "half a list is no list");
        assert_eq!(shown(&reflector.listed(page(&[("c", 3)], None, 5))), ["+c", "synced"]);
        assert_eq!(reflector.step(), Step::Watch { version: "5".to_owned() });
        assert_eq!(
            shown(&reflector.event(Event::Set(object("a", 6))).unwrap().into_iter().collect::<Vec<_>>()),
            ["+a"]
        );
        assert_eq!(reflector.event(Event::Set(object("a", 6))).unwrap(), None, "told already");
        let deleted = reflector.event(Event::Deleted(object("b", 7))).unwrap();
        assert_eq!(deleted, Some(Change::Gone(ObjectKey::new("n", "b"))));
        assert_eq!(reflector.event(Event::Bookmark { version: "9".to_owned() }).unwrap(), None);
        assert_eq!(reflector.step(), Step::Watch { version: "9".to_owned() });
        assert_eq!(reflector.objects(), 2);
    }

    #[test]
    fn after_410_a_list_tells_only_what_is_other() {
        let mut reflector = Reflector::knowing(BTreeMap::new());
        reflector.listed(page(&[("a", 1), ("b", 2), ("c", 3)], None, 5));
        let failure = reflector.event(Event::Failed(gone())).unwrap_err();
        assert_eq!(reflector.failed(&failure, 1.0), Duration::ZERO, "the first time at once");
        assert_eq!(reflector.step(), Step::List { continue_token: None });
        let changes = reflector.listed(page(&[("a", 1), ("c", 9), ("d", 10)], None, 11));
        assert_eq!(shown(&changes), ["+c", "+d", "-b"]);
    }

    #[test]
    fn a_list_whose_token_expires_begins_anew_and_loses_nothing() {
        let mut reflector = Reflector::knowing(BTreeMap::from([(ObjectKey::new("n", "z"), "1".to_owned())]));
        reflector.listed(page(&[("a", 1)], Some("t"), 5));
        reflector.failed(&gone(), 0.0);
        assert_eq!(reflector.step(), Step::List { continue_token: None });
        // "a" was told in the first attempt and is gone in the second
        assert_eq!(shown(&reflector.listed(page(&[("z", 1)], None, 7))), ["-a", "synced"]);
    }

    #[test]
    fn what_is_known_from_before_is_not_told_again() {
        let known = [("a", "1"), ("b", "2")].map(|(name, version)| (ObjectKey::new("n", name), version.to_owned()));
        let mut reflector = Reflector::knowing(known.into());
        assert_eq!(shown(&reflector.listed(page(&[("a", 1), ("c", 3)], None, 5))), ["+c", "-b", "synced"]);
    }

    #[test]
    fn waits_grow_and_what_works_ends_them() {
        let mut reflector = Reflector::knowing(BTreeMap::new());
        let down = Failure::NoAnswer("connection refused".to_owned());
        let waits: Vec<_> = (0..12).map(|_| reflector.failed(&down, 1.0).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000]);
        reflector.listed(page(&[], None, 5));
        let long = Duration::from_secs(60);
        assert_eq!(reflector.ended(long, 1.0), Ok(Duration::ZERO), "a watch that ends is opened again at once");
        let waits: Vec<_> = (0..6).map(|_| reflector.ended(long, 0.0).unwrap().as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 500, 500], "less and less often, but within the second");
        reflector.event(Event::Bookmark { version: "6".to_owned() }).unwrap();
        assert_eq!(reflector.ended(Duration::ZERO, 1.0), Ok(Duration::ZERO));
        let throttled =
            Failure::Refused { code: 429, message: String::new(), retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(reflector.failed(&throttled, 1.0), Duration::from_secs(7));
        let forbidden = Failure::Refused { code: 403, message: String::new(), retry_after: None };
        assert_eq!(reflector.failed(&forbidden, 1.0), MENDING);
        assert_eq!((forbidden.reason(), throttled.reason(), down.reason()), ("forbidden", "throttled", "no_answer"));
    }

    #[test]
    fn where_watches_end_as_soon_as_they_begin_the_list_tells_what_changed() {
        let mut reflector = Reflector::knowing(BTreeMap::new());
        let mut waits = Vec::new();
        for round in 0..7 {
            let changes = reflector.listed(page(&[("a", round)], None, 10 * round));
            assert!(shown(&changes).contains(&"+a".to_owned()), "{changes:?}");
            while let Step::Watch { .. } = reflector.step() {
                match reflector.ended(Duration::ZERO, 1.0) {
                    Ok(wait) => assert!(wait < SHORT && round == 0, "round {round}: {wait:?}"),
                    Err(failure) => waits.push(reflector.failed(&failure, 1.0).as_millis()),
                }
            }
        }
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 10_000], "one list for each watch, less and less often");
        reflector.listed(page(&[("a", 100)], None, 1000));
        reflector.lasts();
        assert!(!reflector.are_watches_short());
        assert!(reflector.ended(Duration::ZERO, 1.0).is_ok());
    }
}
