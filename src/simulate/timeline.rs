//! What happened in a simulation: deliveries with their instants, readable and comparable.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::duration::format_duration;
use model::{Alert, LabelSet, Timestamp};
use notifier::decision::Verdict;
use notifier::explanation::Why;
use notifier::notification::{Notification, NotifiedAlert};

use super::scenario::{Expected, ExpectedAlert};

/// Everything that was delivered, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Virtual time began here.
    pub start: Timestamp,
    /// In order of time.
    pub deliveries: Vec<Delivered>,
    /// What the rule service handed over to the notifier, in order of time.
    pub handed_over: Vec<(Timestamp, Alert)>,
    /// Queries asked.
    pub evaluations: u64,
    /// Every request to a receiver, in order of time.
    pub attempts: Vec<Attempted>,
    /// When the process died, and when it was back.
    pub downs: Vec<(Timestamp, Timestamp)>,
    /// Instants of requests that nobody heard, as the process was down.
    pub unheard: Vec<Timestamp>,
    /// From when on the machines' clock was how many nanoseconds ahead of ours.
    pub clocks: Vec<(Timestamp, i64)>,
    /// What a start did not know any more though it had been accepted.
    pub forgotten: Vec<(Timestamp, String)>,
    /// Decisions, in order of time; where laws are to be checked, as all that follows.
    pub decisions: Vec<Judged>,
    /// What the notifier heard of attempts, in order of time.
    pub reports: Vec<Report>,
    /// What was said to be owed, minute by minute; empty while the process is down.
    pub owed: Vec<(Timestamp, Vec<Owed>)>,
    /// What was answered to "why?", minute by minute.
    pub answers: Vec<Answered>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// When, by our clock.
    pub at: Timestamp,
    /// Of which group.
    pub group_key: Arc<str>,
    /// Which integration.
    pub address: u64,
    /// What it came to.
    pub verdict: Verdict,
}

/// The notifier heard what came of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// When.
    pub at: Timestamp,
    /// Name of the receiver.
    pub receiver: String,
    /// `email`, `pagerduty`, `webhook`.
    pub integration: &'static str,
    /// What the integration is known by.
    pub address: u64,
    /// Key of the group it is about.
    pub group_key: String,
    /// Nothing more is to be sent: it was delivered, or refused for good.
    pub is_settled: bool,
}

/// What the notifier says to be owed.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    /// Name of the receiver.
    pub receiver: String,
    /// `email`, `pagerduty`, `webhook`.
    pub integration: &'static str,
    /// How many notifications.
    pub count: usize,
    /// Age of the oldest.
    pub oldest: Duration,
    /// Most attempts made at one.
    pub attempts: u32,
}

/// A question "why?" and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// When.
    pub at: Timestamp,
    /// About which alert.
    pub labels: LabelSet,
    /// The answer.
    pub reason: Why,
    /// Ids and names of what it is due to.
    pub by: Vec<String>,
    /// For each receiver: its name, why, and how many answers have no words.
    pub receivers: Vec<(String, Why)>,
    /// Answers without words.
    pub mute: usize,
}

/// What a message looks like.
#[derive(Clone, Debug, PartialEq)]
pub enum Rendering {
    /// As meant.
    Whole,
    /// In plain form, as a template failed; whether it still says what it is about and what failed.
    Plain {
        /// It has the alerts' labels and the error.
        is_complete: bool,
    },
    /// There is none: the page would be lost.
    Lost(String),
}

/// One request to a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempted {
    /// When.
    pub at: Timestamp,
    /// What the integration is known by.
    pub address: u64,
    /// Key of the group it is about.
    pub group_key: String,
    /// The receiver asked not to be called before this.
    pub busy_until: Option<Timestamp>,
    /// What was sent. Known only where laws are to be checked.
    pub rendering: Option<Rendering>,
}

/// One delivery that arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// When.
    pub at: Timestamp,
    /// `email`, `pagerduty`, `webhook`.
    pub integration: &'static str,
    /// Which of that kind.
    pub index: usize,
    /// What the integration is known by, wherever it stands in the file.
    pub address: u64,
    /// It goes out in plain form, as a template failed. Known only where somebody asks.
    pub is_plain: Option<bool>,
    /// What.
    pub notification: Arc<Notification>,
}

impl Delivered {
    /// The alerts that fire.
    pub fn firing(&self) -> impl Iterator<Item = &NotifiedAlert> {
        self.notification.alerts.iter().filter(|alert| alert.resolved_at.is_none())
    }

    /// The alerts that are resolved.
    pub fn resolved(&self) -> impl Iterator<Item = &NotifiedAlert> {
        self.notification.alerts.iter().filter(|alert| alert.resolved_at.is_some())
    }

    fn meets(&self, expected: &Expected, start: Timestamp) -> bool {
        let instants = expected.at.as_millis()..=expected.until.as_millis();
        instants.contains(&self.at.since(start).as_millis())
            && self.notification.receiver == expected.receiver
            && expected.via.is(self.integration, self.index)
            && expected.group_key.as_ref().is_none_or(|key| *key == self.notification.group_key)
            && expected.plain.is_none_or(|plain| self.is_plain == Some(plain))
            && expected.open.is_none_or(|open| self.notification.is_firing() == open)
            && expected.reason.as_ref().is_none_or(|reason| reason == self.notification.reason.as_str())
            && all_meet(self.firing(), &expected.firing)
            && all_meet(self.resolved(), &expected.resolved)
    }
}

/// Whether alerts and expectations can be paired, each alert meeting its own.
fn all_meet<'a>(alerts: impl Iterator<Item = &'a NotifiedAlert>, expected: &[ExpectedAlert]) -> bool {
    let alerts: Vec<&NotifiedAlert> = alerts.collect();
    let mut partners = vec![None; alerts.len()];
    let each = 0..expected.len();
    alerts.len() == expected.len()
        && each.into_iter().all(|wanted| pair(&alerts, expected, wanted, &mut vec![false; alerts.len()], &mut partners))
}

/// Finds an alert for an expectation; those paired already may have to move on.
fn pair(
    alerts: &[&NotifiedAlert],
    expected: &[ExpectedAlert],
    wanted: usize,
    tried: &mut [bool],
    partners: &mut [Option<usize>],
) -> bool {
    (0..alerts.len()).any(|at| {
        if tried[at] || !expected[wanted].is_met_by(alerts[at]) {
            return false;
        }
        tried[at] = true;
        let is_free = partners[at].is_none_or(|other| pair(alerts, expected, other, tried, partners));
        if is_free {
            partners[at] = Some(wanted);
        }
        is_free
    })
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
                expected.via.kind,
                expected.firing.len(),
                expected.resolved.len()
            )
        }));
        differences
    }

    fn line(&self, delivered: &Delivered) -> String {
        let after: Duration = delivered.at.since(self.start);
        let list = |alerts: Vec<String>| alerts.join(" ");
        format!(
            "{:>12}  {}  {} via {}/{} ({}) {} | firing: {} | resolved: {}",
            format_duration(after),
            delivered.at,
            delivered.notification.receiver,
            delivered.integration,
            delivered.index,
            delivered.notification.reason.as_str(),
            delivered.notification.group_key,
            list(delivered.firing().map(|alert| alert.labels.to_string()).collect()),
            list(delivered.resolved().map(|alert| alert.labels.to_string()).collect()),
        )
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deliveries.iter().try_for_each(|delivered| writeln!(f, "{}", self.line(delivered)))
    }
}
