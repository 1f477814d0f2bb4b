//! The invariants, each as a function that says where a timeline breaks it. Numbers are those of `ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{LabelSet, Timestamp};
use notifier::notification::Reason;

use super::super::scenario::Scenario;
use super::super::timeline::{Delivered, Timeline};
use super::after;
use super::truth::Truth;

/// Longest group_interval, and network delays.
const PROMPT: Duration = Duration::from_secs(2 * 60 + 10);
const REPEAT: Duration = Duration::from_secs(20 * 60);

/// Every break of every law.
pub(super) fn broken(scenario: &Scenario, timeline: &Timeline) -> Vec<String> {
    let truth = Truth::of(scenario, timeline);
    let mut broken = Vec::new();
    told_in_time(&truth, timeline, &mut broken);
    not_repeated_early(&truth, timeline, &mut broken);
    resolved_once(&truth, timeline, &mut broken);
    resolved_by_its_rule(&truth, timeline, &mut broken);
    true_and_not_hidden(&truth, timeline, &mut broken);
    rules_fire_after_for(&truth, timeline, &mut broken);
    broken
}

/// Who listens: receiver, kind, index, whether it wants resolves.
const EARS: [(&str, &str, usize, bool); 4] =
    [("a", "webhook", 0, true), ("a", "webhook", 1, false), ("b", "webhook", 0, true), ("b", "pagerduty", 0, true)];

fn hears(delivered: &Delivered, ear: (&str, &str, usize, bool)) -> bool {
    delivered.notification.receiver == ear.0 && delivered.integration == ear.1 && delivered.index == ear.2
}

fn is_routed(labels: &LabelSet, receiver: &str) -> bool {
    match labels.get("team") {
        Some("x") => true,
        Some("y") => receiver == "b",
        _ => receiver == "a",
    }
}

/// 1: an alert that has been plain to see for long enough is known to fire.
fn told_in_time(truth: &Truth<'_>, timeline: &Timeline, broken: &mut Vec<String>) {
    let step = Duration::from_secs(20);
    for (ear, labels) in EARS.into_iter().flat_map(|ear| truth.alerts().map(move |labels| (ear, labels))) {
        if !is_routed(labels, ear.0) {
            continue;
        }
        let mut told = timeline.deliveries.iter().filter(|delivered| hears(delivered, ear)).peekable();
        let turns = truth.turns(labels);
        let (mut open, mut seen_since) = (false, None);
        let mut at = truth.scenario.start;
        while at < truth.scenario.start.plus(truth.scenario.length) {
            while let Some(delivered) = told.next_if(|delivered| delivered.at <= at) {
                let is_it = |alert: &&notifier::notification::NotifiedAlert| alert.labels == *labels;
                open = delivered.firing().any(|alert| is_it(&alert))
                    || open && !delivered.resolved().any(|alert| is_it(&alert));
            }
            let last_turn = turns[..turns.partition_point(|(turn, _)| *turn < at)].last();
            let plain = last_turn.filter(|(_, fires)| *fires && !open).filter(|_| {
                truth.is_calm(ear.0, at) && !truth.is_silenced(labels, at) && !truth.is_inhibited(labels, at)
            });
            seen_since = plain.map(|(turn, _)| seen_since.unwrap_or(at).max(*turn));
            if let Some(since) = seen_since.filter(|since| at.since(*since) > PROMPT) {
                let (since, at) = (after(truth.scenario, since), after(truth.scenario, at));
                broken.push(format!("1: {ear:?} does not know at {at} that {labels} fires since {since} at least"));
                break;
            }
            at = at.plus(step);
        }
    }
}

/// 2 (and 5): the same content only after repeat_interval, or because a kill lost the outcome, or as it comes out of a
/// silence. An alert of a rule may run
/// out and come back with its old start, and who wants no resolves hears only of the latter.
fn not_repeated_early(truth: &Truth<'_>, timeline: &Timeline, broken: &mut Vec<String>) {
    let mut last: BTreeMap<(&str, &str, &str, usize), &Delivered> = BTreeMap::new();
    for delivered in &timeline.deliveries {
        let notification = &delivered.notification;
        let key = (&*notification.group_key, &*notification.receiver, delivered.integration, delivered.index);
        let Some(before) = last.insert(key, delivered) else { continue };
        let may_come_back = EARS.iter().any(|ear| !ear.3 && hears(delivered, *ear));
        let came_back = may_come_back && notification.alerts.iter().any(|alert| alert.labels.get("severity").is_none());
        let same = content(before) == content(delivered) && !came_back;
        let killed = truth.is_killed(before.at, delivered.at);
        let came_out = notification.reason == Reason::Unmuted;
        if same && !killed && !came_out && notification.at.since(before.at) < REPEAT {
            broken.push(format!("2: {key:?} hears the same at {}", after(truth.scenario, delivered.at)));
        }
    }
}

type Episodes<'a> = BTreeSet<(&'a LabelSet, Timestamp, Option<Timestamp>)>;

fn content(delivered: &Delivered) -> Episodes<'_> {
    let alerts = delivered.notification.alerts.iter();
    alerts.map(|alert| (&alert.labels, alert.starts_at, alert.resolved_at)).collect()
}

/// 3 (and 5): each end is told once, but for one more time a kill; in the end nobody believes that anything fires.
fn resolved_once(truth: &Truth<'_>, timeline: &Timeline, broken: &mut Vec<String>) {
    for ear in EARS {
        let mut open: BTreeMap<&LabelSet, Timestamp> = BTreeMap::new();
        let mut ends: BTreeMap<(&LabelSet, Timestamp), Timestamp> = BTreeMap::new();
        for delivered in timeline.deliveries.iter().filter(|delivered| hears(delivered, ear)) {
            if delivered.notification.alerts.is_empty() {
                broken.push(format!("3: {ear:?} hears of nothing at {}", after(truth.scenario, delivered.at)));
            }
            for alert in delivered.firing() {
                open.insert(&alert.labels, delivered.at);
            }
            for alert in delivered.resolved() {
                let end = alert.resolved_at.expect("resolved");
                let was_open = open.remove(&alert.labels).is_some();
                let before = ends.insert((&alert.labels, end), delivered.at);
                let killed = |since: Timestamp| truth.is_killed(since, delivered.at);
                if !ear.3 {
                    broken.push(format!("3: {ear:?} wants no resolves: {}", alert.labels));
                } else if let Some(since) = before.filter(|since| !was_open && !killed(*since)) {
                    let (since, at) = (after(truth.scenario, since), after(truth.scenario, delivered.at));
                    broken.push(format!("3: {ear:?} hears at {since} and at {at} that {} is over", alert.labels));
                }
            }
        }
        for (labels, since) in open.iter().filter(|_| ear.3) {
            broken.push(format!("3: {ear:?} believes since {} that {labels} fires", after(truth.scenario, *since)));
        }
    }
}

/// 3: an alert of a rule is not over before the rule says so, however long the query API is away; only a process that is
/// down for longer than alerts are valid lets them run out.
fn resolved_by_its_rule(truth: &Truth<'_>, timeline: &Timeline, broken: &mut Vec<String>) {
    let valid = Duration::from_secs(4 * 60);
    let first_long_down = truth.downs.iter().find(|(from, to)| to.since(*from) >= valid).map(|(from, _)| *from);
    let settled = |delivered: &&Delivered| first_long_down.is_none_or(|down| delivered.at < down);
    for delivered in timeline.deliveries.iter().filter(settled) {
        for alert in delivered.resolved().filter(|alert| alert.labels.get("severity").is_none()) {
            let said = timeline.handed_over.iter().any(|(at, said)| {
                *at <= delivered.at
                    && said.ends_at <= Some(*at)
                    && said.ends_at == alert.resolved_at
                    && said.labels == alert.labels
            });
            if !said {
                broken.push(format!("3: {} ran out at {}", alert.labels, after(truth.scenario, delivered.at)));
            }
        }
    }
}

/// 4: nothing hidden is told; and what is told was true when it was decided.
fn true_and_not_hidden(truth: &Truth<'_>, timeline: &Timeline, broken: &mut Vec<String>) {
    for delivered in &timeline.deliveries {
        let at = delivered.notification.at;
        if truth.is_turning_point(at) {
            continue;
        }
        for alert in &delivered.notification.alerts {
            let when = after(truth.scenario, at);
            if truth.is_silenced(&alert.labels, at) || truth.is_inhibited(&alert.labels, at) {
                broken.push(format!("4: {} is hidden at {when} and told", alert.labels));
            }
            let fires = alert.resolved_at.is_none();
            if truth.fires(&alert.labels, at).is_some_and(|really| really != fires) {
                broken.push(format!("4: {} is told {when}: firing {fires}", alert.labels));
            }
        }
    }
}

/// 6: an alert fires after `for`, is kept for `keep_firing_for`, and has one end.
fn rules_fire_after_for(truth: &Truth<'_>, timeline: &Timeline, broken: &mut Vec<String>) {
    for (rule, hold, keep) in [("Held", 2usize, 0usize), ("Kept", 0, 3)] {
        for (n, there) in truth.series(rule) {
            let of_it = timeline
                .handed_over
                .iter()
                .filter(|(_, alert)| alert.labels.alert_name() == rule && alert.labels.get("n") == Some(n.as_str()));
            let mut ends: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
            for (at, alert) in of_it {
                let (Some(start), Some(end)) = (alert.starts_at, alert.ends_at) else {
                    broken.push(format!("6: {} is sent without a start or an end", alert.labels));
                    continue;
                };
                let minute = |at: Timestamp| (at.since(truth.scenario.start).as_secs() / 60) as usize;
                let known = |m: &usize| truth.is_evaluated(*m) == Some(true);
                let first = minute(start);
                if !(first.saturating_sub(hold)..=first).filter(known).all(|m| there[m]) {
                    broken.push(format!("6: {} fires at minute {first} too early", alert.labels));
                }
                if end > *at {
                    continue;
                }
                let last = minute(end);
                if !(last.saturating_sub(keep.saturating_sub(1))..=last).filter(known).all(|m| !there[m]) {
                    broken.push(format!("6: {} is over at minute {last} too early", alert.labels));
                }
                if ends.insert(start, end).is_some_and(|before| before != end) {
                    broken.push(format!("6: {} of minute {first} has two ends", alert.labels));
                }
            }
            if rule == "Held" {
                each_long_spell_fires(truth, timeline, &n, &there, broken);
            }
        }
    }
}

/// 6, the other way round: what was seen for long enough has fired.
fn each_long_spell_fires(truth: &Truth<'_>, timeline: &Timeline, n: &str, there: &[bool], broken: &mut Vec<String>) {
    let begins = (1..there.len() - 2).filter(|m| !there[m - 1] && there[*m..m + 3].iter().all(|there| *there));
    for minute in begins.filter(|m| (m - 1..m + 3).all(|m| truth.is_evaluated(m) == Some(true))) {
        let start = truth.minute(minute + 2);
        let fired = timeline.handed_over.iter().any(|(_, alert)| {
            alert.labels.alert_name() == "Held" && alert.labels.get("n") == Some(n) && alert.starts_at == Some(start)
        });
        if !fired {
            broken.push(format!("6: Held {n} has not fired at minute {}", minute + 2));
        }
    }
}
