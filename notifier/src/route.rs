//! The routing tree, ready to be asked: which routes take an alert, and into which group.

pub mod path;
pub mod way;

use std::collections::HashMap;
use std::sync::Arc;

use model::matcher::all_match;
use model::quote::quote;
use model::{LabelSet, Matcher, Timestamp};

use crate::config::{Config, GroupBy, Route};
use crate::matcher_index::MatcherIndex;
use crate::mute_time::any_contains;
use crate::receiver::Receiver;

/// A node of the tree, by its place in depth-first order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u32);

/// The tree of a configuration.
#[derive(Debug)]
pub struct RouteTree {
    config: Arc<Config>,
    nodes: Vec<Node>,
    /// Any route has steps.
    escalates: bool,
}

/// A route without its children.
#[derive(Debug)]
pub struct Node {
    /// Alertmanager's route key.
    pub key: Arc<str>,
    /// How many routes before this one, in depth-first order, have the same key: 0 for nearly all.
    pub twin: usize,
    /// Who is told.
    pub receiver: Arc<Receiver>,
    /// Route labels.
    pub labels: LabelSet,
    /// Before the first notification of a group.
    pub group_wait: std::time::Duration,
    /// Between notifications of a group.
    pub group_interval: std::time::Duration,
    /// Before a group is notified again unchanged.
    pub repeat_interval: std::time::Duration,
    /// Who is told when nobody acknowledges, after how long, in that order; each is a node that no alert is routed to.
    pub steps: Vec<(std::time::Duration, RouteId)>,
    /// It is a step of another one.
    pub is_step: bool,
    group_by: GroupBy,
    matchers: Vec<Matcher>,
    continues: bool,
    mute: Vec<String>,
    active: Vec<String>,
    children: Vec<RouteId>,
    /// Of the children.
    index: MatcherIndex<RouteId>,
}

/// Why a whole route is quiet at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mute {
    /// None of these active time intervals contains it.
    Inactive(Vec<String>),
    /// These mute time intervals contain it.
    Muted(Vec<String>),
}

impl Mute {
    /// The names of the intervals that are to blame.
    pub fn intervals(&self) -> &[String] {
        match self {
            Self::Inactive(names) | Self::Muted(names) => names,
        }
    }
}

impl RouteTree {
    /// Builds the indexes of a configuration's tree.
    pub fn new(config: Arc<Config>) -> Self {
        let mut nodes = Vec::new();
        let mut twins = HashMap::new();
        add(&config, &config.route, &mut nodes, &mut twins);
        add_steps(&config, &config.route, &mut nodes, &mut twins);
        let escalates = nodes.iter().any(|node: &Node| !node.steps.is_empty());
        Self { config, nodes, escalates }
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The key and twin of each of its routes.
    pub fn keys(&self) -> impl Iterator<Item = (Arc<str>, usize)> {
        self.nodes.iter().map(|node| (Arc::clone(&node.key), node.twin))
    }

    /// Adds a route that no alert takes, for a group whose route is gone and whose receiver is still owed something.
    pub fn add_retired(&mut self, receiver: Arc<Receiver>, group_interval: std::time::Duration) -> RouteId {
        let id = RouteId(u32::try_from(self.nodes.len()).expect("fewer than four billion routes fit in memory"));
        self.nodes.push(Node {
            key: "".into(),
            twin: self.nodes.len(),
            steps: Vec::new(),
            is_step: false,
            receiver,
            labels: LabelSet::empty(),
            group_wait: std::time::Duration::ZERO,
            group_interval,
            repeat_interval: std::time::Duration::MAX,
            group_by: GroupBy::All,
            matchers: Vec::new(),
            continues: false,
            mute: Vec::new(),
            active: Vec::new(),
            children: Vec::new(),
            index: MatcherIndex::default(),
        });
        id
    }

    /// The node with this id; ids come from this tree's [`RouteTree::matching`].
    pub fn node(&self, id: RouteId) -> &Node {
        self.nodes.get(id.0 as usize).expect("route ids are kept only as long as their tree")
    }

    /// The routes that take an alert, in depth-first order; at least the root.
    pub fn matching(&self, labels: &LabelSet) -> Vec<RouteId> {
        let mut found = Vec::new();
        self.walk(RouteId(0), labels, &mut found);
        found
    }

    /// Routes, each followed by its steps.
    pub fn with_steps(&self, routes: Vec<RouteId>) -> Vec<RouteId> {
        if !self.escalates {
            return routes;
        }
        let steps = |id: RouteId| self.node(id).steps.iter().map(|(_, step)| *step);
        routes.into_iter().flat_map(|id| std::iter::once(id).chain(steps(id))).collect()
    }

    fn walk(&self, id: RouteId, labels: &LabelSet, found: &mut Vec<RouteId>) {
        let node = self.node(id);
        let before = found.len();
        if !node.children.is_empty() {
            for child in node.index.candidates(labels) {
                let route = self.node(child);
                if all_match(&route.matchers, labels) {
                    self.walk(child, labels, found);
                    if !route.continues {
                        break;
                    }
                }
            }
        }
        if found.len() == before {
            found.push(id);
        }
    }

    /// Whether, and why, a route is quiet at an instant.
    pub fn mute_at(&self, id: RouteId, now: Timestamp) -> Option<Mute> {
        let node = self.node(id);
        let contains =
            |name: &&String| self.config.time_intervals.get(*name).is_some_and(|elements| any_contains(elements, now));
        if !node.active.is_empty() && !node.active.iter().any(|name| contains(&name)) {
            return Some(Mute::Inactive(node.active.clone()));
        }
        let muting: Vec<String> = node.mute.iter().filter(contains).cloned().collect();
        (!muting.is_empty()).then_some(Mute::Muted(muting))
    }
}

impl RouteTree {
    /// When, before `until`, a route that is quiet now is so no longer. Time intervals change by the minute; no more than
    /// a day is looked through.
    pub fn heard_again(&self, id: RouteId, now: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let minute_ns = 60_000_000_000;
        let next = (now.as_nanos().div_euclid(minute_ns) + 1).saturating_mul(minute_ns);
        let minutes = (0..24 * 60).map(|more| Timestamp::from_nanos(next.saturating_add(more * minute_ns)));
        minutes.take_while(|at| *at < until).find(|at| !self.is_quiet(id, *at))
    }

    fn is_quiet(&self, id: RouteId, at: Timestamp) -> bool {
        let node = self.node(id);
        let contains =
            |name: &String| self.config.time_intervals.get(name).is_some_and(|elements| any_contains(elements, at));
        (!node.active.is_empty() && !node.active.iter().any(contains)) || node.mute.iter().any(contains)
    }
}

impl Node {
    /// The labels of the group that an alert belongs to on this route; those it lacks are left out.
    pub fn group_labels(&self, labels: &LabelSet) -> LabelSet {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.filter(|name, _| names.iter().any(|n| n == name)),
        }
    }

    /// Whether all members of a group have the same value of a label, which then is among the group's own or absent.
    pub fn groups_by(&self, name: &str) -> bool {
        match &self.group_by {
            GroupBy::All => true,
            GroupBy::Labels(names) => names.iter().any(|n| n == name),
        }
    }

    /// `{}/{team="a"}:{alertname="K"}`.
    pub fn group_key(&self, group_labels: &LabelSet) -> Arc<str> {
        format!("{}:{group_labels}", self.key).into()
    }
}

fn add(config: &Config, route: &Route, nodes: &mut Vec<Node>, twins: &mut HashMap<String, usize>) -> RouteId {
    let id = RouteId(u32::try_from(nodes.len()).expect("fewer than four billion routes fit in memory"));
    let seen = twins.entry(route.key.clone()).or_insert(0);
    let twin = *seen;
    *seen += 1;
    nodes.push(Node {
        key: route.key.as_str().into(),
        twin,
        steps: Vec::new(),
        is_step: false,
        receiver: receiver(config, &route.receiver),
        labels: route.labels.clone(),
        group_wait: route.group_wait,
        group_interval: route.group_interval,
        repeat_interval: route.repeat_interval,
        group_by: route.group_by.clone(),
        matchers: route.matchers.clone(),
        continues: route.continues,
        mute: route.mute_time_intervals.clone(),
        active: route.active_time_intervals.clone(),
        children: Vec::new(),
        index: MatcherIndex::default(),
    });
    let children: Vec<RouteId> = route.routes.iter().map(|child| add(config, child, nodes, twins)).collect();
    let mut index = MatcherIndex::default();
    for (child, route) in children.iter().zip(&route.routes) {
        index.insert(*child, &route.matchers);
    }
    if let Some(node) = nodes.get_mut(id.0 as usize) {
        (node.children, node.index) = (children, index);
    }
    id
}

/// Appends the steps of a route and of those below it.
fn add_steps(config: &Config, route: &Route, nodes: &mut Vec<Node>, twins: &mut HashMap<String, usize>) {
    let mut steps = Vec::new();
    for step in &route.escalate {
        let id = RouteId(u32::try_from(nodes.len()).expect("fewer than four billion routes fit in memory"));
        let Some(parent) = nodes.get(route.id) else { continue };
        let key = format!("{}/escalate{{to={}}}", parent.key, quote(&step.to));
        let seen = twins.entry(key.clone()).or_insert(0);
        let node = Node {
            key: key.as_str().into(),
            twin: *seen,
            steps: Vec::new(),
            is_step: true,
            receiver: receiver(config, &step.to),
            labels: parent.labels.clone(),
            group_wait: std::time::Duration::ZERO,
            group_interval: parent.group_interval,
            repeat_interval: parent.repeat_interval,
            group_by: parent.group_by.clone(),
            matchers: Vec::new(),
            continues: false,
            mute: parent.mute.clone(),
            active: parent.active.clone(),
            children: Vec::new(),
            index: MatcherIndex::default(),
        };
        *seen += 1;
        nodes.push(node);
        steps.push((step.after, id));
    }
    if let Some(parent) = nodes.get_mut(route.id) {
        parent.steps = steps;
    }
    route.routes.iter().for_each(|child| add_steps(config, child, nodes, twins));
}

/// The loader has checked that the name exists; a sink is the harmless reading of a hand-made configuration.
fn receiver(config: &Config, name: &str) -> Arc<Receiver> {
    let sink = || {
        let labels = LabelSet::from_pairs([("name", name)]);
        Arc::new(Receiver { labels, name: name.to_owned(), integrations: Vec::new(), rate: None })
    };
    config.receivers.get(name).cloned().unwrap_or_else(sink)
}

#[cfg(test)]
mod tests;
