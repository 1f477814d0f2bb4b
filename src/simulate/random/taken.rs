//! What somebody has taken on is left alone: nobody is told of it again but of its end and what is new.

use std::time::Duration;

use model::{LabelSet, Timestamp};
use notifier::notification::Reason;

use super::super::scenario::{Event, Scenario};
use super::super::timeline::Timeline;
use super::after;
use super::truth::Truth;

/// An attempt decided before somebody spoke up may still be under way for so long.
const UNDER_WAY: Duration = Duration::from_secs(15 * 60);

/// Repeats of what somebody had taken on.
pub(super) fn broken(scenario: &Scenario, timeline: &Timeline) -> Vec<String> {
    let truth = Truth::of(scenario, timeline);
    let repeats = timeline.deliveries.iter().filter(|one| one.notification.reason == Reason::RepeatInterval);
    let idle = repeats.filter(|one| one.firing().all(|alert| is_taken(&truth, timeline, &alert.labels, one.at)));
    let told = idle.map(|one| {
        let key = &one.notification.group_key;
        format!("taken: {key} is repeated at {} though somebody works on all of it", after(scenario, one.at))
    });
    told.collect()
}

/// Whether the episode that fires at an instant was surely taken on for good, long enough before.
fn is_taken(truth: &Truth<'_>, timeline: &Timeline, labels: &LabelSet, at: Timestamp) -> bool {
    let turns = truth.turns(labels);
    let before = turns.partition_point(|(turn, _)| *turn < at);
    let Some((began, true)) = turns[..before].last().copied() else { return false };
    let mut is_taken = false;
    for (when, event) in &truth.scenario.events {
        let when = truth.scenario.start.plus(*when);
        let concerns = |matchers: &[model::Matcher]| matchers.iter().all(|matcher| matcher.matches(labels));
        if when <= began || when >= at || timeline.unheard.contains(&when) {
            continue;
        }
        match event {
            Event::Acknowledge { matchers, length, .. } if concerns(matchers) => {
                is_taken = length.is_none() && (is_taken || when.plus(UNDER_WAY) < at);
            }
            Event::Unacknowledge(matchers) if concerns(matchers) => is_taken = false,
            _ => {}
        }
    }
    is_taken
}

/// Whether anybody took on what fires at an instant.
pub(super) fn is_heard_of(truth: &Truth<'_>, labels: &LabelSet, at: Timestamp) -> bool {
    let is_it = |event: &Event| match event {
        Event::Acknowledge { matchers, .. } => matchers.iter().all(|matcher| matcher.matches(labels)),
        _ => false,
    };
    let events = truth.scenario.events.iter();
    truth.fires(labels, at) == Some(true)
        && events.filter(|(_, event)| is_it(event)).any(|(when, _)| truth.scenario.start.plus(*when) <= at)
}
