//! The configuration as meant: what the machine and the receivers need, with no `Option` left over from the file.
//!
//! `alertmanager_yml` reads the file as written and resolves it into this form, collecting every mistake.

pub mod alertmanager_yml;
pub mod global;
mod inhibit_rule;
mod matchers;
mod reach;
mod receivers;
mod redaction;
mod route;
mod template_files;
mod time_intervals;
mod without_effect;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{LabelSet, Matcher};

use crate::mute_time::TimeInterval;
use crate::receiver::Receiver;

pub use template_files::ReadFile;

/// Everything an `alertmanager.yml` says.
#[derive(Debug)]
pub struct Config {
    /// The root of the routing tree.
    pub route: Route,
    /// Every receiver, by name.
    pub receivers: BTreeMap<String, Arc<Receiver>>,
    /// Their names as the file orders them.
    pub receiver_order: Vec<String>,
    /// Which alerts quiet which.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Named intervals that routes refer to; an interval is active if any element is.
    pub time_intervals: BTreeMap<String, Vec<TimeInterval>>,
    /// For alerts that come without an end. Default 5 minutes.
    pub resolve_timeout: Duration,
    /// The texts of the `templates:` files, by path, in order.
    pub template_files: Vec<(String, String)>,
    /// Where they are looked for: globs, relative to where the process runs.
    pub template_patterns: Vec<String>,
    /// The file as shown by `GET /api/v2/status`: every secret replaced by `<secret>`.
    pub shown: String,
}

impl Config {
    /// Every receiver, as the file orders them.
    pub fn receivers_in_order(&self) -> impl Iterator<Item = &Arc<Receiver>> {
        self.receiver_order.iter().filter_map(|name| self.receivers.get(name))
    }
}

/// A node of the routing tree with its inherited options resolved.
#[derive(Debug)]
pub struct Route {
    /// Parent key, `/`, own matchers: `{}/{team="a"}`. Alertmanager's form, part of every group key.
    pub key: String,
    /// Unique among all nodes, in depth-first order; the root is 0. Tells siblings with equal matchers apart.
    pub id: usize,
    /// Name of the receiver.
    pub receiver: String,
    /// All must match; empty matches everything (root).
    pub matchers: Vec<Matcher>,
    /// What makes a group.
    pub group_by: GroupBy,
    /// Wait before the first notification of a group. Default 30 s.
    pub group_wait: Duration,
    /// Between notifications of a group. Default 5 min, never zero.
    pub group_interval: Duration,
    /// Before an unchanged group is notified again. Default 4 h, never zero.
    pub repeat_interval: Duration,
    /// Go on with the next sibling after a match.
    pub continues: bool,
    /// Names of intervals in which this route is mute. Not inherited.
    pub mute_time_intervals: Vec<String>,
    /// Names of intervals outside which this route is mute; empty means always active. Not inherited.
    pub active_time_intervals: Vec<String>,
    /// Route labels (templates), inherited and merged; the child wins.
    pub labels: LabelSet,
    /// Who is told when nobody acknowledges, in the order of time.
    pub escalate: Vec<EscalationStep>,
    /// Children in order.
    pub routes: Vec<Route>,
}

/// A receiver that is told of what nobody acknowledges. Not one of Alertmanager's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscalationStep {
    /// Counted from the first notification of an alert.
    pub after: Duration,
    /// Name of the receiver; not the route's own.
    pub to: String,
}

/// The labels that make a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `['...']`: every label, so each alert is a group of its own.
    All,
    /// These labels, sorted; an empty list is one group for the whole route.
    Labels(Vec<String>),
}

/// While a source fires, its targets are quiet.
#[derive(Debug)]
pub struct InhibitRule {
    /// Optional name, for messages.
    pub name: String,
    /// What an alert must match to inhibit.
    pub source: Vec<Matcher>,
    /// What an alert must match to be inhibited.
    pub target: Vec<Matcher>,
    /// Labels that must have equal values in both; a missing one equals an empty one.
    pub equal: Vec<String>,
}

#[cfg(test)]
mod tests;
