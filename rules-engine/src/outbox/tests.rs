use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// An alert named `name` that fires until `ends`; `version` tells its states apart.
fn alert(name: &str, ends: i64, version: u32) -> Alert {
    Alert {
        labels: LabelSet::from_pairs([("alertname", name)]),
        annotations: LabelSet::from_pairs([("version", version.to_string())]),
        starts_at: Some(at(0)),
        ends_at: Some(at(ends)),
        generator_url: "".into(),
    }
}

fn names(batch: &[Alert]) -> Vec<String> {
    batch.iter().map(|a| format!("{}/{}", a.labels.alert_name(), a.annotations.get_or_empty("version"))).collect()
}

fn failed() -> Outcome {
    Outcome::Failed { after: None }
}

fn small() -> Outbox {
    Outbox::new(Limits { capacity: 3, batch: 2, ..Limits::default() }, 7)
}

#[test]
fn the_latest_state_wins_and_keeps_its_place() {
    let mut outbox = small();
    outbox.push(at(0), alert("a", 100, 1));
    outbox.push(at(0), alert("b", 100, 1));
    outbox.push(at(1), alert("a", 100, 2));
    assert_eq!(names(&outbox.take_batch(at(1))), ["a/2", "b/1"]);
    assert_eq!(outbox.tally().superseded, 1);
}

#[test]
fn one_delivery_at_a_time_and_a_newer_state_outlives_a_failed_one() {
    let mut outbox = small();
    outbox.push(at(0), alert("a", 100, 1));
    assert_eq!(names(&outbox.take_batch(at(0))), ["a/1"]);
    outbox.push(at(1), alert("a", 100, 2));
    assert!(outbox.take_batch(at(1)).is_empty(), "the first is still under way");
    assert_eq!(outbox.next_wake(), None);
    outbox.outcome(at(2), failed());
    let retry = outbox.next_wake().unwrap();
    assert!(outbox.take_batch(at(2)).is_empty(), "a retry waits");
    assert!((at(2).plus(Duration::from_millis(400))..=at(2).plus(Duration::from_millis(600))).contains(&retry));
    assert_eq!(names(&outbox.take_batch(retry)), ["a/2"]);
    outbox.outcome(retry, Outcome::Delivered);
    assert!(outbox.is_empty());
    assert_eq!(outbox.tally(), Tally { pushed: 2, superseded: 1, sent: 1, failed: 1, failures: 1, ..Tally::default() });
}

#[test]
fn overflow_drops_the_oldest() {
    let mut outbox = small();
    for (n, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        outbox.push(at(n as i64), alert(name, 100, 1));
    }
    assert_eq!(outbox.tally().overflowed, 1);
    assert_eq!(names(&outbox.take_batch(at(9))), ["b/1", "c/1"]);
    outbox.push(at(9), alert("e", 100, 1));
    outbox.push(at(9), alert("f", 100, 1));
    outbox.outcome(at(9), failed());
    assert_eq!(outbox.tally().overflowed, 3, "what comes back is the oldest");
    assert_eq!(outbox.len(), 3);
}

#[test]
fn a_firing_state_is_retried_until_its_end() {
    let mut outbox = small();
    outbox.push(at(0), alert("a", 60, 1));
    let mut now = at(0);
    let mut tries = 0;
    while let Some(wake) = outbox.next_wake() {
        now = now.max(wake);
        if !outbox.take_batch(now).is_empty() {
            assert!(now < at(60));
            tries += 1;
            outbox.outcome(now, failed());
        }
    }
    assert!(tries >= 9, "{tries} tries in a minute");
    assert_eq!(outbox.tally().expired, 1);
    assert!(outbox.is_empty());
}

#[test]
fn a_resolve_is_worth_telling_though_its_end_has_passed() {
    let mut outbox = small();
    outbox.push(at(100), alert("a", 90, 1));
    assert_eq!(outbox.take_batch(at(100)).len(), 1);
    outbox.outcome(at(100), failed());
    assert_eq!(outbox.take_batch(at(900)).len(), 1);
    outbox.outcome(at(900), failed());
    assert!(outbox.take_batch(at(1000)).is_empty());
    assert_eq!(outbox.tally().expired, 1);
}

#[test]
fn batches_shrink_until_the_notifier_takes_them() {
    let mut outbox = Outbox::new(Limits::default(), 0);
    (0..8).for_each(|n| outbox.push(at(0), alert(&n.to_string(), 100, 1)));
    let mut sizes = Vec::new();
    while outbox.next_wake().is_some() {
        let batch = outbox.take_batch(at(0));
        sizes.push(batch.len());
        let too_large = batch.len() > 2 || names(&batch).contains(&"7/1".to_owned());
        outbox.outcome(at(0), if too_large { Outcome::TooLarge } else { Outcome::Delivered });
    }
    assert_eq!(sizes, [8, 4, 2, 3, 1, 2, 3, 1, 2, 1, 1]);
    assert_eq!((outbox.tally().sent, outbox.tally().refused), (7, 1));
}

#[test]
fn a_refused_batch_does_not_hold_up_the_next() {
    let mut outbox = small();
    ["a", "b", "c"].iter().for_each(|name| outbox.push(at(0), alert(name, 100, 1)));
    assert_eq!(outbox.take_batch(at(0)).len(), 2);
    outbox.outcome(at(0), Outcome::Refused);
    assert_eq!(names(&outbox.take_batch(at(0))), ["c/1"]);
}

#[test]
fn retry_after_is_honoured_and_hurry_forgets_it() {
    let mut outbox = small();
    outbox.push(at(0), alert("a", 100, 1));
    outbox.take_batch(at(0));
    outbox.outcome(at(0), Outcome::Failed { after: Some(Duration::from_secs(30)) });
    assert_eq!(outbox.next_wake(), Some(at(30)));
    assert!(outbox.take_batch(at(29)).is_empty());
    outbox.hurry();
    assert_eq!(outbox.take_batch(at(29)).len(), 1);
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Push { name: u8, lives: i64 },
    Take,
    End(u8),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12u8, -5..90i64).prop_map(|(name, lives)| Step::Push { name, lives }),
        3 => Just(Step::Take),
        3 => (0..6u8).prop_map(Step::End),
        2 => (0..40i64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_uncounted_and_the_last_state_comes_last(steps in proptest::collection::vec(step(), 1..200)) {
        let mut outbox = Outbox::new(Limits { capacity: 8, batch: 3, ..Limits::default() }, 1);
        let (mut now, mut version) = (at(0), 0);
        let mut under_way: Vec<Alert> = Vec::new();
        let mut told: HashMap<LabelSet, u32> = HashMap::new();
        let mut latest: HashMap<LabelSet, u32> = HashMap::new();
        let number = |alert: &Alert| alert.annotations.get_or_empty("version").parse::<u32>().unwrap();
        for step in steps {
            match step {
                Step::Push { name, lives } => {
                    version += 1;
                    let mut state = alert(&name.to_string(), 0, version);
                    state.ends_at = Some(now.plus(Duration::from_secs(lives.max(0).unsigned_abs())));
                    latest.insert(state.labels.clone(), version);
                    outbox.push(now, state);
                }
                Step::Take => {
                    let batch = outbox.take_batch(now);
                    prop_assert!(batch.is_empty() || under_way.is_empty(), "two deliveries at once");
                    prop_assert!(batch.len() <= 3);
                    under_way.extend(batch);
                }
                Step::End(how) => {
                    let outcome = match how { 0..=2 => Outcome::Delivered, 3 => Outcome::Refused, 4 => Outcome::TooLarge, _ => failed() };
                    outbox.outcome(now, outcome);
                    for state in under_way.drain(..).filter(|_| outcome == Outcome::Delivered) {
                        let before = told.insert(state.labels.clone(), number(&state));
                        prop_assert!(before < Some(number(&state)), "told out of order");
                    }
                }
                Step::Wait(secs) => now = now.plus(Duration::from_secs(secs.unsigned_abs())),
            }
            prop_assert!(outbox.len() <= 8);
            let tally = outbox.tally();
            let accounted = tally.superseded + tally.sent + tally.dropped() + outbox.len() as u64 + under_way.len() as u64;
            prop_assert_eq!(tally.pushed, accounted);
        }
        // The notifier comes back: what was not dropped is told in its latest state.
        outbox.outcome(now, Outcome::Delivered);
        under_way.drain(..).for_each(|state| { told.insert(state.labels.clone(), number(&state)); });
        while let Some(wake) = outbox.next_wake() {
            now = now.max(wake);
            let batch = outbox.take_batch(now);
            outbox.outcome(now, Outcome::Delivered);
            batch.iter().for_each(|state| { told.insert(state.labels.clone(), number(state)); });
        }
        prop_assert!(outbox.is_empty());
        let untold = latest.iter().filter(|(labels, version)| told.get(labels) != Some(version)).count() as u64;
        prop_assert!(untold <= outbox.tally().dropped());
    }
}
