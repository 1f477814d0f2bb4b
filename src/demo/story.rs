//! What has to happen in the demo, and when it did.

use std::time::Duration;

use model::{LabelSet, Timestamp};
use rules_engine::alerting::AlertState;
use serde::Serialize;

use crate::inbox::{Page, Tells};

/// The alert the story is about.
pub const HEROINE: &str = "CheckoutsFail";

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// To the shop.
    News(&'static str),
    /// An alert is in another state.
    Rule {
        /// Its labels.
        labels: LabelSet,
        /// The state before.
        was: AlertState,
        /// The state now.
        is: AlertState,
        /// Its summary.
        summary: String,
    },
    /// A page came in.
    Page(Page),
}

/// A part of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chapter {
    Rule(AlertState),
    Told(&'static str, Tells),
}

/// The chapters and what they are called.
const CHAPTERS: [(Chapter, &str); 9] = [
    (Chapter::Rule(AlertState::Pending), "pending"),
    (Chapter::Rule(AlertState::Firing), "firing"),
    (Chapter::Told("email", Tells::Firing), "told by e-mail"),
    (Chapter::Told("pagerduty", Tells::Firing), "told by PagerDuty"),
    (Chapter::Told("webhook", Tells::Firing), "told by webhook"),
    (Chapter::Rule(AlertState::Inactive), "resolved"),
    (Chapter::Told("email", Tells::Resolved), "resolve told by e-mail"),
    (Chapter::Told("pagerduty", Tells::Resolved), "resolve told by PagerDuty"),
    (Chapter::Told("webhook", Tells::Resolved), "resolve told by webhook"),
];

/// The story so far.
#[derive(Clone, Debug)]
pub struct Story {
    started: Timestamp,
    happened: [Option<Timestamp>; CHAPTERS.len()],
}

/// A part of the story as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToldChapter {
    /// What it is called.
    pub chapter: &'static str,
    /// When it happened, after the start; `None` if it has not yet.
    pub after_ms: Option<u64>,
}

impl Story {
    /// Nothing has happened yet.
    pub fn beginning(started: Timestamp) -> Story {
        Story { started, happened: [None; CHAPTERS.len()] }
    }

    /// When it began.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Something happened. True if that completes the story.
    pub fn note(&mut self, at: Timestamp, event: &Event) -> bool {
        let was_complete = self.is_complete();
        for ((chapter, _), happened) in CHAPTERS.iter().zip(&mut self.happened) {
            if happened.is_none() && chapter.is(event) {
                *happened = Some(at);
            }
        }
        self.is_complete() && !was_complete
    }

    /// Whether everything has happened.
    pub fn is_complete(&self) -> bool {
        self.happened.iter().all(Option::is_some)
    }

    /// What has not happened.
    pub fn missing(&self) -> Vec<&'static str> {
        let open = CHAPTERS.iter().zip(&self.happened).filter(|(_, happened)| happened.is_none());
        open.map(|((_, name), _)| *name).collect()
    }

    /// How long it took, or takes already.
    pub fn took(&self, now: Timestamp) -> Duration {
        let last = self.happened.iter().flatten().max().copied();
        last.filter(|_| self.is_complete()).unwrap_or(now).since(self.started)
    }

    /// Every chapter.
    pub fn chapters(&self) -> Vec<ToldChapter> {
        let told = |((_, chapter), at): (&(Chapter, &'static str), &Option<Timestamp>)| ToldChapter {
            chapter,
            after_ms: at.map(|at| u64::try_from(at.since(self.started).as_millis()).unwrap_or(u64::MAX)),
        };
        CHAPTERS.iter().zip(&self.happened).map(told).collect()
    }
}

impl Chapter {
    fn is(self, event: &Event) -> bool {
        match (self, event) {
            (Chapter::Rule(wanted), Event::Rule { labels, was, is, .. }) => {
                let happened = labels.alert_name() == HEROINE && *is == wanted;
                // A pending alert that goes away was none.
                happened && (wanted != AlertState::Inactive || *was == AlertState::Firing)
            }
            (Chapter::Told(channel, wanted), Event::Page(page)) => {
                page.channel == channel && page.tells == wanted && page.summary.contains(HEROINE)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, was: AlertState, is: AlertState) -> Event {
        Event::Rule { labels: LabelSet::from_pairs([("alertname", name)]), was, is, summary: String::new() }
    }

    fn page(channel: &'static str, tells: Tells) -> Event {
        let (number, at, to, body) = (1, Timestamp::EPOCH, String::new(), String::new());
        Event::Page(Page { number, at, channel, to, tells, summary: format!("[X] {HEROINE}"), body })
    }

    #[test]
    fn the_story_is_told_once_everything_happened() {
        let at = Timestamp::from_secs;
        let mut story = Story::beginning(at(100));
        assert!(!story.note(at(101), &rule("DiskAlmostFull", AlertState::Inactive, AlertState::Pending)));
        assert!(!story.note(at(102), &rule(HEROINE, AlertState::Inactive, AlertState::Pending)));
        story.note(at(103), &rule(HEROINE, AlertState::Pending, AlertState::Inactive));
        assert_eq!(story.missing().len(), 8, "an alert that never fired is not resolved");
        story.note(at(104), &rule(HEROINE, AlertState::Pending, AlertState::Firing));
        for channel in ["email", "pagerduty", "webhook"] {
            story.note(at(105), &page(channel, Tells::Firing));
            story.note(at(105), &page(channel, Tells::Other));
        }
        story.note(at(106), &rule(HEROINE, AlertState::Firing, AlertState::Inactive));
        assert!(!story.note(at(107), &page("email", Tells::Resolved)));
        assert!(!story.note(at(108), &page("webhook", Tells::Resolved)));
        assert_eq!(story.missing(), ["resolve told by PagerDuty"]);
        assert!(story.note(at(109), &page("pagerduty", Tells::Resolved)));
        assert!(!story.note(at(110), &page("pagerduty", Tells::Resolved)), "told once");
        assert_eq!(story.took(at(500)), Duration::from_secs(9));
        assert_eq!(story.chapters()[0], ToldChapter { chapter: "pending", after_ms: Some(2000) });
    }
}
