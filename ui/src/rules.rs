//! Rules: groups with how they fare, one rule with all that is known of it, what another expression would give.
//!
//! - `/rules`: [`listing`]
//! - [`one`]: `/rules/rule`; [`instance`]: its alerts; [`relatives`]: what it reads and who reads it
//! - [`trial`]: an expression evaluated now, without consequences

mod instance;
mod listing;
mod one;
mod relatives;
mod trial;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use notifier::io::desk::Desk;
use rules_engine::alerting::AlertState;
use rules_engine::engine::{Engine, GroupView, Health, RuleView};
use rules_engine::rule::RuleKind;
use tokio::sync::Semaphore;

use crate::here::{Here, query_of};
use crate::house::{House, RuleDesk};

/// Expressions that are tried at the same time; more are told to come again.
const TRIALS: usize = 2;

/// Everything below `/rules`.
pub(crate) fn routes<N: Desk, R: RuleDesk>() -> Router<Arc<House<N, R>>> {
    let places = Arc::new(Semaphore::new(TRIALS));
    let trial =
        get(one::show::<N, R>).post(move |house, here, sent| trial::take::<N, R>(house, here, sent, places.clone()));
    Router::new().route("/rules", get(listing::list::<N, R>)).route("/rules/rule", trial)
}

/// Where a rule is: it stays the same as long as its file does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Address {
    file: String,
    group: String,
    /// Its place in the group, from 0.
    place: usize,
    name: String,
}

impl Address {
    fn of(group: &GroupView<'_>, place: usize, rule: &RuleView<'_>) -> Self {
        let key = group.key();
        Self { file: key.file.to_string(), group: key.name.to_string(), place, name: rule.rule().name.clone() }
    }

    fn read(here: &Here) -> Self {
        let text = |name: &str| here.parameter(name).unwrap_or_default();
        Self {
            file: text("file"),
            group: text("group"),
            name: text("name"),
            place: text("place").parse().unwrap_or_default(),
        }
    }

    /// As the query of a page.
    fn query(&self) -> String {
        let place = self.place.to_string();
        query_of([("file", self.file.as_str()), ("group", &self.group), ("place", &place), ("name", &self.name)])
    }

    /// Looks at the rule; if its file was changed, at one of this name.
    fn look<T>(&self, engine: &Engine, look: impl FnOnce(&GroupView<'_>, usize, &RuleView<'_>) -> T) -> Option<T> {
        let key_is = |group: &GroupView<'_>| *group.key().file == *self.file && *group.key().name == *self.group;
        let group = engine.groups().find(key_is)?;
        let named = |rule: &RuleView<'_>| rule.rule().name == self.name;
        let (place, rule) = match group.rules().nth(self.place).filter(named) {
            Some(rule) => (self.place, rule),
            None => group.rules().enumerate().find(|(_, rule)| named(rule))?,
        };
        Some(look(&group, place, &rule))
    }
}

/// Where a rule stands, as badges and filters name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Standing {
    Firing,
    Pending,
    Inactive,
    Recording,
    /// Not evaluated yet.
    Unknown,
}

impl Standing {
    fn of(rule: &RuleView<'_>) -> Self {
        match (&rule.rule().kind, rule.state()) {
            (RuleKind::Recording, _) => Self::Recording,
            (_, Some(AlertState::Firing)) => Self::Firing,
            (_, Some(AlertState::Pending)) => Self::Pending,
            (_, Some(AlertState::Inactive)) => Self::Inactive,
            (_, None) => Self::Unknown,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Pending => "pending",
            Self::Inactive => "inactive",
            Self::Recording => "recording",
            Self::Unknown => "unknown",
        }
    }
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Unknown => "not evaluated yet",
        Health::Good => "ok",
        Health::Bad => "failing",
    }
}
