//! Laws that hold whatever the data source answers.

use std::collections::{BTreeMap, BTreeSet};

use model::{Alert, LabelSet, Timestamp};
use proptest::prelude::*;

use super::bench::{Bench, alert, group, record, secs};
use crate::alerting::AlertState;
use crate::engine::Settings;
use crate::rule::RuleGroup;

const INTERVAL: u64 = 15;
const SERIES: [&str; 3] = ["job=a", "job=b", "job=c"];

/// What the data source answers at one slot: a value for each series that is there, or an error.
type Answer = Option<[Option<u8>; 3]>;

/// Start and, once it is told, end of an alert.
type Episode = (Option<Timestamp>, Option<Timestamp>);

#[derive(Debug, Clone)]
struct Story {
    hold: u64,
    keep: u64,
    answers: Vec<Answer>,
    /// The service is restarted after these slots.
    restarts: BTreeSet<usize>,
}

fn story() -> impl Strategy<Value = Story> {
    let present = prop_oneof![3 => (0..3u8).prop_map(Some), 2 => Just(None)];
    let answer = prop_oneof![9 => [present.clone(), present.clone(), present].prop_map(Some), 1 => Just(None)];
    // Answers last a while, as they do in life.
    let answers = prop::collection::vec((answer, 1..8usize), 1..15)
        .prop_map(|runs| runs.into_iter().flat_map(|(answer, times)| vec![answer; times]).collect());
    let hold = prop::sample::select(vec![0, 15, 40, 60]);
    let keep = prop::sample::select(vec![0, 20, 45]);
    let restarts = prop::collection::btree_set(0..60usize, 0..4);
    (hold, keep, answers, restarts).prop_map(|(hold, keep, answers, restarts)| Story { hold, keep, answers, restarts })
}

fn groups(story: &Story) -> Vec<RuleGroup> {
    let watched = alert("A", "x").hold(story.hold).keep(story.keep).note("v", "{{ $value }}").label("severity", "page");
    vec![group("g", INTERVAL, [record("r", "x"), watched]), group("other", INTERVAL, [alert("B", "always")])]
}

/// Plays a story, looking at the bench after each slot. With restarts only where asked for.
fn play(story: &Story, settings: Settings, with_restarts: bool, mut look: impl FnMut(&mut Bench)) {
    let mut bench = Bench::with(settings, groups(story));
    bench.set("always", &["1"]);
    for (slot, answer) in story.answers.iter().enumerate() {
        match answer {
            None => bench.fail("x", "unavailable"),
            Some(values) => {
                let there = SERIES.iter().zip(values).filter_map(|(name, value)| value.map(|v| format!("{name} {v}")));
                let there: Vec<String> = there.collect();
                bench.set("x", &there.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
        bench.run_to(slot as u64 * INTERVAL + INTERVAL - 2);
        look(&mut bench);
        if with_restarts && story.restarts.contains(&slot) {
            bench = bench.restart(1, groups(story));
        }
    }
}

/// What notifiers are told about alert A, in order of time and labels.
fn told(story: &Story, with_restarts: bool) -> Vec<(Timestamp, Alert)> {
    let mut told = Vec::new();
    play(story, Settings::default(), with_restarts, |bench| {
        told.append(&mut bench.sent);
    });
    told.retain(|(_, alert)| alert.labels.alert_name() == "A");
    told.sort_by(|(t, a), (u, b)| (t, &a.labels).cmp(&(u, &b.labels)));
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_alert_fires_after_for_and_resolves_once(story in story()) {
        let mut episodes: BTreeMap<LabelSet, Vec<Episode>> = BTreeMap::new();
        for (now, alert) in told(&story, false) {
            let is_resolved = alert.ends_at <= Some(now);
            let episodes = episodes.entry(alert.labels.clone()).or_default();
            match episodes.last_mut() {
                Some((start, end)) if *start == alert.starts_at => {
                    // Firing until resolved, then the same end again and again.
                    prop_assert!(is_resolved || end.is_none(), "fires after it was resolved: {alert:?}");
                    if is_resolved {
                        prop_assert!(end.is_none_or(|end| Some(end) == alert.ends_at), "two ends: {alert:?}");
                        *end = alert.ends_at;
                    }
                }
                before => {
                    prop_assert!(before.is_none_or(|(_, end)| end.is_some()), "a new one before the old one ended");
                    prop_assert!(!is_resolved, "resolved without having fired: {alert:?}");
                    prop_assert_eq!(alert.starts_at, Some(now), "told in the evaluation that made it fire");
                    episodes.push((alert.starts_at, None));
                }
            }
        }
    }

    #[test]
    fn a_firing_alert_was_pending_for_long_enough_and_is_repeated_in_time(story in story()) {
        play(&story, Settings::default(), true, |bench| {
            let now = bench.now;
            let healthy = bench.healths().iter().all(|health| health == "ok");
            for instance in bench.engine.groups().flat_map(|group| group.rules()).flat_map(|rule| rule.instances()) {
                let course = instance.course;
                if course.state == AlertState::Firing && instance.labels.alert_name() == "A" {
                    let fired = course.fired_at.expect("it fires");
                    assert!(fired.since(course.active_at) >= secs(story.hold), "{course:?}");
                    let sent = course.last_sent_at.expect("sent in the evaluation that made it fire");
                    assert!(!healthy || now.since(sent) < secs(75 + INTERVAL), "{course:?} at {now}");
                }
            }
        });
    }

    #[test]
    fn restarts_change_no_news(story in story()) {
        // What was told before is told once more after a restart: the process may have ended before it was delivered.
        let news = |with_restarts| {
            let mut known = BTreeSet::new();
            let mut told = told(&story, with_restarts);
            told.retain(|(now, alert)| {
                let end = alert.ends_at.filter(|end| end <= now);
                known.insert((alert.labels.clone(), alert.starts_at, end))
            });
            // Annotations are recorded with the state, not each time the value changes; how long an alert is valid
            // follows from when it was told.
            told.into_iter().map(|(now, alert)| (now, alert.labels, alert.starts_at)).collect::<Vec<_>>()
        };
        prop_assert_eq!(news(false), news(true));
    }

    #[test]
    fn the_same_inputs_give_the_same_effects(story in story()) {
        let run = || {
            let mut seen = Vec::new();
            play(&story, Settings { writes: true, ..Settings::default() }, true, |bench| {
                seen.push(format!("{:?} {:?} {:?} {:?}", bench.sent, bench.writes, bench.records, bench.queries));
            });
            seen
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn storage_shows_each_active_alert_in_one_state(story in story()) {
        let mut stored: BTreeSet<LabelSet> = BTreeSet::new();
        play(&story, Settings { writes: true, ..Settings::default() }, false, |bench| {
            for sample in bench.writes.drain(..).flatten() {
                match sample.is_stale_marker() {
                    true => assert!(stored.remove(&sample.labels), "ended without having been: {:?}", sample.labels),
                    false => {
                        stored.insert(sample.labels);
                    }
                }
            }
            let mut expected = BTreeSet::new();
            for rule in bench.engine.groups().flat_map(|group| group.rules()) {
                for instance in rule.alerts() {
                    let state = instance.course.state.to_string();
                    let shown = [("__name__", "ALERTS"), ("alertstate", state.as_str())];
                    expected.insert(instance.labels.overlay(shown));
                    expected.insert(instance.labels.with("__name__", "ALERTS_FOR_STATE"));
                }
                assert_eq!(rule.alerts().count() > 0, rule.state() > Some(AlertState::Inactive));
            }
            let alerts: BTreeSet<LabelSet> =
                stored.iter().filter(|series| series.get_or_empty("__name__").starts_with("ALERTS")).cloned().collect();
            assert_eq!(alerts, expected);
        });
    }

    #[test]
    fn a_failing_rule_does_not_disturb_its_neighbours(story in story()) {
        let others = |story: &Story| {
            let mut told = Vec::new();
            play(story, Settings::default(), false, |bench| told.append(&mut bench.sent));
            told.retain(|(_, alert)| alert.labels.alert_name() == "B");
            told
        };
        let quiet = Story { answers: vec![Some([None; 3]); story.answers.len()], ..story.clone() };
        prop_assert_eq!(others(&story), others(&quiet));
    }
}
