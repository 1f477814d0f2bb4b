//! `for` timers taken back from the series `ALERTS_FOR_STATE`, where nothing else is known of an alert: after a move from
//! Prometheus or vmalert, or with an empty store. The sums are Prometheus' (`rules/manager.go`, `RestoreForState`).

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::labels::{ALERT_NAME, METRIC_NAME};
use model::matcher::is_classic_name;
use model::{LabelSet, Timestamp};

use super::Alerts;

/// The label that tells the parts of the answer apart.
const PART: &str = "watchfire_part";

/// Steps in which the past is looked through: this many at most, none longer or shorter than these.
const STEPS_MAX: u32 = 240;
const STEP_LONGEST: Duration = Duration::from_secs(60);
const STEP_SHORTEST: Duration = Duration::from_secs(1);

/// A series without a new sample can be seen this long, less a little, unless it was ended. Prometheus says five minutes.
const SEEN_AT_LEAST: Duration = Duration::from_secs(240);

/// What decides how a `for` timer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoration {
    /// The evaluation timestamp.
    pub ts: Timestamp,
    /// The rule's `for`.
    pub hold: Duration,
    /// The group's interval.
    pub interval: Duration,
    /// An older past does not count.
    pub tolerance: Duration,
    /// How long an alert waits at least after the restart.
    pub grace: Duration,
}

/// What is known of an alert's last life.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Past {
    /// Since when it was active.
    since: Option<f64>,
    /// When that was last written.
    last: Option<f64>,
    /// When it could last be seen.
    seen: Option<f64>,
}

impl Restoration {
    /// Whether there can be anything to take back.
    pub fn is_possible(&self) -> bool {
        self.hold >= self.grace && !self.tolerance.is_zero()
    }

    /// The one query for all alerts of a rule: of each series of `ALERTS_FOR_STATE` its last value, the time of that, and
    /// the last time it could be seen, which tells a series that was ended from one that only stopped.
    pub fn query(&self, rule: &str, rule_labels: &LabelSet) -> String {
        let mut selector = format!("ALERTS_FOR_STATE{{{ALERT_NAME}={}", promql::quote(rule));
        let fixed = rule_labels.iter().filter(|(name, value)| {
            // A template has no value yet, an empty one is no label.
            *name != ALERT_NAME && !value.is_empty() && !value.contains("{{")
        });
        for (name, value) in fixed {
            let name = if is_classic_name(name) { name.to_owned() } else { promql::quote(name) };
            // Writing to a text cannot fail.
            let _written = write!(selector, ",{name}={}", promql::quote(value));
        }
        selector.push('}');
        let (window, step) = (promql_duration(self.tolerance), promql_duration(self.step()));
        let part = |name: &str, expr: String| format!("label_replace({expr}, \"{PART}\", \"{name}\", \"\", \"\")");
        [
            part("since", format!("last_over_time({selector}[{window}])")),
            part("last", format!("max_over_time(timestamp({selector})[{window}:{step}])")),
            part("seen", format!("max_over_time((timestamp({selector}) * 0 + time())[{window}:{step}])")),
        ]
        .join(" or ")
    }

    fn step(&self) -> Duration {
        let step = (self.tolerance / STEPS_MAX).clamp(STEP_SHORTEST, STEP_LONGEST);
        Duration::from_secs(step.as_secs())
    }

    /// Since when an alert with this past counts as active; `None` if it is a new one.
    fn active_at(&self, past: &Past) -> Option<Timestamp> {
        let (since, last, seen) = (instant(past.since?)?, instant(past.last?)?, instant(past.seen?)?);
        if self.was_ended(last, seen) {
            return None;
        }
        let held = last.since(since);
        let remaining = self.hold.saturating_sub(held);
        Some(match remaining {
            Duration::ZERO => since,
            _ if remaining < self.grace => self.ts.plus(self.grace).minus(self.hold),
            // The downtime does not count.
            _ => since.plus(self.ts.since(last)),
        })
    }

    /// Whether the series was marked as ended: it vanished soon after its last sample.
    fn was_ended(&self, last: Timestamp, seen: Timestamp) -> bool {
        let step = self.step();
        let can_be_seen = self.ts.since(seen) <= step.saturating_mul(2);
        !can_be_seen && seen.since(last) <= self.interval.saturating_add(step).min(SEEN_AT_LEAST)
    }
}

impl Alerts {
    /// Whether there are active alerts that nothing is recorded of.
    pub fn has_unknown_past(&self) -> bool {
        self.active().any(|instance| !instance.is_recorded())
    }

    /// Takes back since when alerts are active that nothing is recorded of. `answer` is that of
    /// [`Restoration::query`]; its series may carry `external` labels on top. Gives how many were found.
    pub fn restore(
        &mut self,
        restoration: &Restoration,
        rule_labels: &LabelSet,
        answer: Vec<(LabelSet, f64)>,
        external: &LabelSet,
    ) -> usize {
        let pasts = pasts(answer);
        let mut restored = 0;
        for instance in self.instances.iter_mut().filter(|instance| instance.is_active() && !instance.is_recorded()) {
            let (_, for_state) = instance.series(rule_labels);
            let own = for_state.without(METRIC_NAME);
            let past = pasts.get(&own).or_else(|| pasts.get(&external.overlay(own.iter())));
            if let Some(active_at) = past.and_then(|past| restoration.active_at(past)) {
                instance.course.active_at = active_at;
                restored += 1;
            }
        }
        restored
    }
}

/// The parts of the answer, by the labels of the alerts they speak of.
fn pasts(answer: Vec<(LabelSet, f64)>) -> HashMap<LabelSet, Past, FixedState> {
    let mut pasts: HashMap<LabelSet, Past, FixedState> = HashMap::default();
    for (labels, value) in answer {
        let past = pasts.entry(labels.without(PART).without(METRIC_NAME)).or_default();
        match labels.get(PART) {
            Some("since") => past.since = Some(value),
            Some("last") => past.last = Some(value),
            Some("seen") => past.seen = Some(value),
            _ => {}
        }
    }
    pasts
}

/// Seconds since the epoch, to the millisecond; no instant if the number cannot be one.
fn instant(seconds: f64) -> Option<Timestamp> {
    let is_sane = seconds.is_finite() && (0.0..1e11).contains(&seconds);
    is_sane.then(|| Timestamp::from_millis((seconds * 1000.0).round() as i64))
}

/// As every version of PromQL reads it: whole milliseconds.
fn promql_duration(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn restoration() -> Restoration {
        let secs = Duration::from_secs;
        let ts = Timestamp::from_secs(NOW);
        Restoration { ts, hold: secs(3600), interval: secs(60), tolerance: secs(3600), grace: secs(600) }
    }

    #[test]
    fn the_query_is_promql_with_what_is_known_of_the_labels() {
        let labels =
            LabelSet::from_pairs([("severity", "a\"b"), ("host", "{{ $labels.x }}"), ("my.label", "1"), ("e", "")]);
        let query = restoration().query("High é", &labels);
        promql::parse(&query).unwrap_or_else(|mistakes| panic!("{query}: {mistakes:?}"));
        let selector = r#"ALERTS_FOR_STATE{alertname="High é","my.label"="1",severity="a\"b"}"#;
        assert!(query.starts_with(&format!("label_replace(last_over_time({selector}[3600s]), ")), "{query}");
        assert!(query.contains(&format!("max_over_time(timestamp({selector})[3600s:15s])")), "{query}");
    }

    #[test]
    fn timers_go_on_as_prometheus_lets_them() {
        // Active for so long when it was last written so long ago, seen until so long ago; active for so long from now on.
        for (name, held, down, unseen, active_for) in [
            ("the downtime does not count", 1000, 1200, 910, Some(1000)),
            ("no downtime", 1000, 10, 5, Some(1000)),
            ("done: fires at the next evaluation", 3600, 1200, 910, Some(4800)),
            ("nearly done: the grace period is waited for", 3100, 1200, 910, Some(3000)),
            ("as much left as the grace period", 3000, 1200, 910, Some(3000)),
            ("resolved before the downtime", 1000, 1200, 1145, None),
            ("resolved just now cannot be told from a short downtime", 1000, 80, 25, Some(1000)),
        ] {
            let at = |ago: i64| Some((NOW - ago) as f64);
            let past = Past { since: at(held + down), last: at(down), seen: at(unseen) };
            let expected = active_for.map(|secs| Timestamp::from_secs(NOW - secs));
            assert_eq!(restoration().active_at(&past), expected, "{name}");
        }
        assert_eq!(restoration().active_at(&Past { since: Some(f64::NAN), last: Some(1.0), seen: Some(1.0) }), None);
        assert_eq!(restoration().active_at(&Past { since: None, last: Some(1.0), seen: Some(1.0) }), None);
    }

    #[test]
    fn short_timers_are_not_worth_it() {
        let possible = |hold| Restoration { hold: Duration::from_secs(hold), ..restoration() }.is_possible();
        assert!(possible(600) && !possible(599));
        assert!(!Restoration { tolerance: Duration::ZERO, ..restoration() }.is_possible());
    }
}
