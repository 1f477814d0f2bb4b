//! What happened in a simulation: deliveries with their instants, readable and comparable.

use std::fmt;
use std::time::Duration;

use model::duration::format_duration;
use model::{LabelSet, Timestamp};
use notifier::notification::Notification;

use super::scenario::Expected;

/// Everything that was delivered, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Virtual time began here.
    pub start: Timestamp,
    /// In order of time.
    pub deliveries: Vec<Delivered>,
    /// Rule evaluations made.
    pub evaluations: u64,
}

/// One delivery that arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub receiver: String,
    /// `email`, `pagerduty`, `webhook`.
    pub integration: &'static str,
    /// `first notification` and so on.
    pub reason: &'static str,
    /// The group's key.
    pub group_key: String,
    /// Labels of the alerts that fire.
    pub firing: Vec<LabelSet>,
    /// Labels of the resolved alerts.
    pub resolved: Vec<LabelSet>,
}

impl Delivered {
    pub(super) fn new(at: Timestamp, integration: &'static str, notification: &Notification) -> Self {
        let labels = |resolved: bool| {
            let of_kind = notification.alerts.iter().filter(move |alert| alert.resolved_at.is_some() == resolved);
            of_kind.map(|alert| alert.labels.clone()).collect()
        };
        Self {
            at,
            receiver: notification.receiver.clone(),
            integration,
            reason: notification.reason.as_str(),
            group_key: notification.group_key.clone(),
            firing: labels(false),
            resolved: labels(true),
        }
    }

    fn meets(&self, expected: &Expected, start: Timestamp) -> bool {
        self.at.as_millis() == start.plus(expected.at).as_millis()
            && self.receiver == expected.receiver
            && self.integration == expected.integration
            && expected.reason.as_ref().is_none_or(|reason| reason == self.reason)
            && all_meet(&self.firing, &expected.firing)
            && all_meet(&self.resolved, &expected.resolved)
    }
}

/// Whether the label sets can be paired with the expected ones, each having at least the expected labels.
fn all_meet(labels: &[LabelSet], expected: &[LabelSet]) -> bool {
    let has = |labels: &LabelSet, wanted: &LabelSet| wanted.iter().all(|(name, value)| labels.get(name) == Some(value));
    labels.len() == expected.len() && expected.iter().all(|wanted| labels.iter().any(|labels| has(labels, wanted)))
}

impl Timeline {
    /// Compares with what was expected: deliveries missing and deliveries nobody expected, one line each.
    pub fn differences(&self, expected: &[Expected]) -> Vec<String> {
        let mut open: Vec<&Expected> = expected.iter().collect();
        let mut differences = Vec::new();
        for delivered in &self.deliveries {
            match open.iter().position(|expected| delivered.meets(expected, self.start)) {
                Some(at) => drop(open.remove(at)),
                None => differences.push(format!("not expected: {}", self.line(delivered))),
            }
        }
        differences.extend(open.iter().map(|expected| {
            let at = format_duration(expected.at);
            format!(
                "missing (line {}): {at} {} via {}, {} firing, {} resolved",
                expected.line,
                expected.receiver,
                expected.integration,
                expected.firing.len(),
                expected.resolved.len()
            )
        }));
        differences
    }

    fn line(&self, delivered: &Delivered) -> String {
        let after: Duration = delivered.at.since(self.start);
        let list = |labels: &[LabelSet]| labels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        format!(
            "{:>12}  {}  {} via {} ({}) {} | firing: {} | resolved: {}",
            format_duration(after),
            delivered.at,
            delivered.receiver,
            delivered.integration,
            delivered.reason,
            delivered.group_key,
            list(&delivered.firing),
            list(&delivered.resolved),
        )
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deliveries.iter().try_for_each(|delivered| writeln!(f, "{}", self.line(delivered)))
    }
}
