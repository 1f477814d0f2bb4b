//! The way of an alert through the routing tree, every decision with its reason.

use model::LabelSet;
use model::matcher::parse::print_matchers;
use serde::{Deserialize, Serialize};

use crate::config::Route;

/// What became of an alert at one route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its matchers, or `default-route`.
    pub route: String,
    /// Whether an alert that it took goes on behind it.
    pub continues: bool,
    /// The decision.
    #[serde(flatten)]
    pub passage: Passage,
    /// Routes below, if this one took the alert.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Step>,
}

/// Why a route took an alert or did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "verdict")]
pub enum Passage {
    /// All matchers hold, but a route below took it.
    Passed,
    /// All matchers hold and no route below took it.
    Delivered {
        /// Whom it tells.
        receiver: String,
    },
    /// A matcher does not hold.
    Refused {
        /// The first of them.
        matcher: String,
        /// The label's value; empty if the alert lacks it.
        value: String,
    },
    /// A sibling before it took the alert and does not continue.
    NotAsked,
}

impl Step {
    /// The way of labels through a route that takes them, and those below.
    pub fn through(route: &Route, labels: &LabelSet) -> Self {
        let mut ended = false;
        let mut routes = Vec::new();
        for child in &route.routes {
            let refused = child.matchers.iter().find(|matcher| !matcher.matches(labels));
            let step = match refused {
                _ if ended => Self::new(child, Passage::NotAsked),
                Some(matcher) => {
                    let value = labels.get_or_empty(matcher.name()).to_owned();
                    Self::new(child, Passage::Refused { matcher: matcher.to_string(), value })
                }
                None => {
                    ended = !child.continues;
                    Self::through(child, labels)
                }
            };
            routes.push(step);
        }
        let passed = routes.iter().any(|step| matches!(step.passage, Passage::Passed | Passage::Delivered { .. }));
        let passage = match passed {
            true => Passage::Passed,
            false => Passage::Delivered { receiver: route.receiver.clone() },
        };
        Self { routes, ..Self::new(route, passage) }
    }

    fn new(route: &Route, passage: Passage) -> Self {
        Self { route: slug(route), continues: route.continues, passage, routes: Vec::new() }
    }

    /// The decision in words.
    pub fn text(&self) -> String {
        let behind = if self.continues { ", goes on behind it" } else { "" };
        match &self.passage {
            Passage::Passed => format!("passes{behind}"),
            Passage::Delivered { receiver } => format!("taken: receiver {receiver}{behind}"),
            Passage::Refused { matcher, value } if value.is_empty() => {
                format!("refused: {matcher} does not hold, the label is missing or empty")
            }
            Passage::Refused { matcher, value } => format!("refused: {matcher} does not hold for {value:?}"),
            Passage::NotAsked => "not asked: a route before it took the alert".to_owned(),
        }
    }

    /// The routes on the way from here to the first that takes the alert for a receiver, from the root.
    pub fn taken(&self) -> Vec<&Self> {
        match &self.passage {
            Passage::Delivered { .. } => vec![self],
            Passage::Passed => {
                let below = self.routes.iter().map(Self::taken).find(|below| !below.is_empty());
                std::iter::once(self).chain(below.into_iter().flatten()).collect()
            }
            Passage::Refused { .. } | Passage::NotAsked => Vec::new(),
        }
    }
}

/// A route's matchers, or `default-route`.
pub fn slug(route: &Route) -> String {
    if route.matchers.is_empty() { "default-route".to_owned() } else { print_matchers(&route.matchers) }
}
