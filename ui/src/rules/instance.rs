//! The alerts of a rule, with what they say and how far their `for` has come.

use std::time::Duration;

use model::{LabelSet, Timestamp};
use rules_engine::alerting::{AlertState, Instance};
use serde::Serialize;

use super::listing::percent;
use crate::moment::{Moment, lasting};
use crate::shown::{LONG, SHORT, link, shown};

/// An alert of a rule.
#[derive(Clone, Debug, Serialize)]
pub(super) struct InstanceView {
    state: &'static str,
    /// Of the alert's own page, where the notifier runs too.
    fingerprint: String,
    labels: Vec<Pair>,
    annotations: Vec<Pair>,
    value: String,
    since: Moment,
    fired: Option<Moment>,
    resolved: Option<Moment>,
    /// Of a pending one, how far its `for` has come.
    hold: Option<Hold>,
    /// It fires only because of `keep_firing_for` since then.
    kept_since: Option<Moment>,
}

/// A name and a text; a link if the text is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Pair {
    name: String,
    value: String,
    link: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Hold {
    percent: u32,
    left: String,
}

impl Pair {
    /// Labels or annotations, each value with so many characters.
    pub(super) fn all(set: &LabelSet, most: usize) -> Vec<Pair> {
        let pair = |(name, value): (&str, &str)| Pair {
            name: shown(name, SHORT),
            value: shown(value, most),
            link: link(value).map(str::to_owned),
        };
        set.iter().map(pair).collect()
    }
}

impl InstanceView {
    pub(super) fn of(instance: &Instance, hold: Duration, now: Timestamp) -> Self {
        let course = &instance.course;
        let passed = now.since(course.active_at);
        let waits = (course.state == AlertState::Pending)
            .then(|| Hold { percent: percent(passed, hold), left: lasting(hold.saturating_sub(passed)) });
        Self {
            state: match course.state {
                AlertState::Inactive => "resolved",
                AlertState::Pending => "pending",
                AlertState::Firing => "firing",
            },
            fingerprint: instance.labels.fingerprint().to_string(),
            labels: Pair::all(&instance.labels, SHORT),
            annotations: Pair::all(&instance.annotations, LONG),
            value: promql::format_number(instance.value),
            since: Moment(course.active_at),
            fired: course.fired_at.map(Moment),
            resolved: course.resolved_at.map(Moment),
            hold: waits,
            kept_since: course.keep_firing_since.map(Moment),
        }
    }
}
