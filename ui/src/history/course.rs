//! Notifications over time: counted by receiver, for the plot and in figures.

use std::collections::BTreeMap;

use model::Timestamp;
use notifier::explanation::told::{name, text};
use notifier::history::event::Event;
use serde::Serialize;

use crate::moment::Moment;
use crate::plot::unit::Unit;
use crate::plot::{Line, Plot};
use crate::shown::{SHORT, shown};

/// Events that say that telling somebody did not work.
pub(super) const FAILURES: &[&str] = &["failed", "refused", "given_up"];
/// Points of a line.
const STEPS: i64 = 60;
/// A step is no shorter.
const STEP_MS_MIN: i64 = 10_000;

/// What happened from some instant to now.
pub(super) struct Course {
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    by_receiver: BTreeMap<String, Counts>,
}

#[derive(Default)]
struct Counts {
    told: Vec<u32>,
    failed: Vec<u32>,
    last_told: Option<Timestamp>,
    last_failure: Option<(Timestamp, String)>,
}

/// One receiver in figures.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    receiver: String,
    told: u32,
    failed: u32,
    last_told: Option<Moment>,
    last_failure: Option<Moment>,
    reason: Option<String>,
}

impl Course {
    /// Of events, latest first. Where `from` is no instant it begins with the oldest.
    pub(super) fn of(events: &[Event], from: Timestamp, now: Timestamp) -> Self {
        let oldest = events.last().map_or(now, |event| event.at);
        let start_ms = if from == Timestamp::MIN { oldest.as_millis() } else { from.as_millis() };
        let end_ms = now.as_millis().max(start_ms + 1);
        let step_ms = ((end_ms - start_ms) / STEPS).max(STEP_MS_MIN);
        let mut course = Self { start_ms, end_ms, step_ms, by_receiver: BTreeMap::new() };
        for event in events {
            course.add(event);
        }
        course
    }

    fn add(&mut self, event: &Event) {
        let kind = name(&event.what);
        let is_failure = FAILURES.contains(&kind);
        if !is_failure && kind != "delivered" {
            return;
        }
        let place = usize::try_from((event.at.as_millis() - self.start_ms).max(0) / self.step_ms).unwrap_or_default();
        let counts = self.by_receiver.entry(event.receiver.clone()).or_default();
        let steps = if is_failure { &mut counts.failed } else { &mut counts.told };
        if steps.len() <= place {
            steps.resize(place + 1, 0);
        }
        if let Some(count) = steps.get_mut(place) {
            *count += 1;
        }
        // The latest come first.
        if is_failure {
            counts.last_failure.get_or_insert_with(|| (event.at, shown(&text(event), 2 * SHORT)));
        } else {
            counts.last_told.get_or_insert(event.at);
        }
    }

    /// Nothing, if nobody was told anything.
    pub(super) fn plot(&self) -> Option<Plot> {
        let told = self.by_receiver.iter().filter(|(_, counts)| !counts.told.is_empty());
        let told = told.map(|(receiver, counts)| (shown(receiver, SHORT), &counts.told));
        let failed = self.by_receiver.iter().filter(|(_, counts)| !counts.failed.is_empty());
        let failed = failed.map(|(receiver, counts)| (format!("{}, failed", shown(receiver, SHORT)), &counts.failed));
        let lines: Vec<Line> = told.chain(failed).map(|(name, steps)| self.line(name, steps)).collect();
        (!lines.is_empty()).then(|| Plot {
            id: "course",
            title: "Notifications by receiver".to_owned(),
            lines,
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            step_ms: self.step_ms,
            unit: Unit::None,
            threshold: None,
            moments: Vec::new(),
        })
    }

    fn line(&self, name: String, steps: &[u32]) -> Line {
        let count = (self.end_ms - self.start_ms) / self.step_ms;
        let point = |place: i64| {
            let counted = usize::try_from(place).ok().and_then(|place| steps.get(place)).copied().unwrap_or(0);
            (self.start_ms + place * self.step_ms, f64::from(counted))
        };
        Line { name, points: (0..=count).map(point).collect() }
    }

    /// Those who were told most first.
    pub(super) fn figures(&self) -> Vec<Figures> {
        let figures = |(receiver, counts): (&String, &Counts)| Figures {
            receiver: shown(receiver, SHORT),
            told: counts.told.iter().sum(),
            failed: counts.failed.iter().sum(),
            last_told: counts.last_told.map(Moment::from),
            last_failure: counts.last_failure.as_ref().map(|(at, _)| Moment::from(*at)),
            reason: counts.last_failure.as_ref().map(|(_, text)| text.clone()),
        };
        let mut all: Vec<Figures> = self.by_receiver.iter().map(figures).collect();
        all.sort_by_key(|figures| std::cmp::Reverse(figures.told + figures.failed));
        all
    }
}

#[cfg(test)]
mod tests {
    use notifier::history::event::What;
    use notifier::notification::Reason;

    use super::*;

    fn event(at: i64, receiver: &str, works: bool) -> Event {
        let what = match works {
            true => What::Delivered { reason: Reason::FirstNotification, attempt: 1, firing: 1, resolved: 0 },
            false => What::Refused { kind: "clientError".to_owned(), message: "no".to_owned(), in_a_row: 1 },
        };
        Event {
            at: Timestamp::from_secs(at),
            group_key: String::new(),
            receiver: receiver.to_owned(),
            integration: None,
            what,
            alerts: Vec::new(),
            more: 0,
        }
    }

    #[test]
    fn notifications_are_counted_by_receiver_and_step() {
        let events = [event(3599, "a", true), event(3598, "a", false), event(120, "a", true), event(60, "b", true)];
        let course = Course::of(&events, Timestamp::from_secs(0), Timestamp::from_secs(3600));
        let figures = course.figures();
        assert_eq!((figures[0].receiver.as_str(), figures[0].told, figures[0].failed), ("a", 2, 1));
        assert_eq!(figures[0].last_told, Some(Timestamp::from_secs(3599).into()));
        assert!(figures[0].reason.as_deref().unwrap().contains("clientError"));
        let plot = course.plot().unwrap();
        let names: Vec<_> = plot.lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "a, failed"]);
        let sum = |line: &Line| line.points.iter().map(|(_, value)| value).sum::<f64>();
        assert_eq!(plot.lines.iter().map(sum).collect::<Vec<_>>(), [2.0, 1.0, 1.0]);
        assert!(Course::of(&[], Timestamp::MIN, Timestamp::from_secs(1)).plot().is_none());
    }
}
