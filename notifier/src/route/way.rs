//! What becomes of an alert at one instant: its way through the tree, and who is told how.

use std::collections::BTreeMap;

use model::duration::format_duration;
use model::{LabelSet, Timestamp};
use serde::Serialize;

use super::path::Step;
use super::{Mute, RouteId, RouteTree};
use crate::config::{Config, Route};

/// The way of one alert at one instant, every decision with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// Of the alert.
    pub labels: BTreeMap<String, String>,
    /// The instant, RFC 3339.
    pub at: String,
    /// The root and what was asked below it.
    pub route: Step,
    /// Who is told, in order.
    pub destinations: Vec<Destination>,
}

/// A receiver that is told, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// Its name.
    pub receiver: String,
    /// The group the alert joins.
    pub group_key: String,
    /// Before the first notification.
    pub group_wait: String,
    /// Before news of the group.
    pub group_interval: String,
    /// Before the same again.
    pub repeat_interval: String,
    /// Who is told when nobody acknowledges, and after how long.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<String>,
    /// Time intervals in which it is quiet, and outside which it is.
    pub mute_time_intervals: Vec<String>,
    /// See there.
    pub active_time_intervals: Vec<String>,
    /// Why it is quiet at the instant; `None` if it is not.
    pub quiet: Option<String>,
}

/// The way of an alert through the tree.
pub fn way(tree: &RouteTree, labels: &LabelSet, at: Timestamp) -> Way {
    let config = tree.config().clone();
    Way {
        labels: labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        at: at.to_rfc3339(),
        route: Step::through(&config.route, labels),
        destinations: tree.matching(labels).into_iter().map(|id| destination(tree, &config, id, labels, at)).collect(),
    }
}

/// `boss after 15m`, in the order of time.
pub fn escalation(route: &Route) -> Vec<String> {
    route.escalate.iter().map(|step| format!("{} after {}", step.to, format_duration(step.after))).collect()
}

fn destination(tree: &RouteTree, config: &Config, id: RouteId, labels: &LabelSet, at: Timestamp) -> Destination {
    let node = tree.node(id);
    let route = find(&config.route, id.0 as usize);
    let names = |of: fn(&Route) -> &Vec<String>| route.map(|route| of(route).clone()).unwrap_or_default();
    Destination {
        receiver: node.receiver.name.clone(),
        group_key: node.group_key(&node.group_labels(labels)).to_string(),
        group_wait: format_duration(node.group_wait),
        group_interval: format_duration(node.group_interval),
        repeat_interval: format_duration(node.repeat_interval),
        escalate: route.map(escalation).unwrap_or_default(),
        mute_time_intervals: names(|route| &route.mute_time_intervals),
        active_time_intervals: names(|route| &route.active_time_intervals),
        quiet: tree.mute_at(id, at).map(|mute| match mute {
            Mute::Muted(names) => format!("muted by {}", names.join(", ")),
            Mute::Inactive(names) => format!("outside its active time intervals {}", names.join(", ")),
        }),
    }
}

/// Ids are places in depth-first order.
fn find(route: &Route, id: usize) -> Option<&Route> {
    if route.id == id {
        return Some(route);
    }
    route.routes.iter().find_map(|child| find(child, id))
}
