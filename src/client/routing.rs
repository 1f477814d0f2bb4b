//! A routing tree drawn as amtool draws it, and the way of an alert through it explained.

use std::sync::Arc;

use model::duration::format_duration;
use model::matcher::all_match;
use model::{LabelSet, Timestamp};
use notifier::config::{Config, Route};
use notifier::route::path::{Step, slug};
use notifier::route::{Mute, RouteId, RouteTree};
use serde::Serialize;

use super::tree::Branch;
use super::wire::Pairs;

/// The way of one alert at one instant, every decision with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// Of the alert.
    pub labels: Pairs,
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

/// The whole tree.
pub fn whole(route: &Route) -> Branch {
    let going_on = if route.continues { "  continue: true" } else { "" };
    let steps = escalation(route);
    let steps = if steps.is_empty() { String::new() } else { format!("  escalate: {}", steps.join(", ")) };
    Branch {
        text: format!("{}{going_on}  receiver: {}{steps}", slug(route), route.receiver),
        branches: route.routes.iter().map(whole).collect(),
    }
}

/// `boss after 15m`, in the order of time.
pub fn escalation(route: &Route) -> Vec<String> {
    route.escalate.iter().map(|step| format!("{} after {}", step.to, format_duration(step.after))).collect()
}

/// The routes that take an alert; receivers stand at the ends only.
pub fn taken(route: &Route, labels: &LabelSet) -> Branch {
    let branches: Vec<Branch> = takers(route, labels).map(|child| taken(child, labels)).collect();
    let receiver = if branches.is_empty() { format!("  receiver: {}", route.receiver) } else { String::new() };
    Branch { text: format!("{}{receiver}", slug(route)), branches }
}

/// The receivers an alert goes to, in the order of the tree.
pub fn receivers(tree: &RouteTree, labels: &LabelSet) -> Vec<String> {
    tree.matching(labels).into_iter().map(|id| tree.node(id).receiver.name.clone()).collect()
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

/// The children that take an alert.
fn takers<'a>(route: &'a Route, labels: &'a LabelSet) -> impl Iterator<Item = &'a Route> {
    let mut ended = false;
    route.routes.iter().filter(move |child| {
        let takes = !ended && all_match(&child.matchers, labels);
        ended |= takes && !child.continues;
        takes
    })
}

fn destination(tree: &RouteTree, config: &Arc<Config>, id: RouteId, labels: &LabelSet, at: Timestamp) -> Destination {
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

/// A way drawn, each decision with its reason.
pub fn branch(step: &Step) -> Branch {
    Branch { text: format!("{}  {}", step.route, step.text()), branches: step.routes.iter().map(branch).collect() }
}

impl std::fmt::Display for Way {
    /// The tree with the reasons, then each receiver.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let labels = LabelSet::from_pairs(self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        writeln!(f, "The way of {labels} at {}:", self.at)?;
        f.write_str(&branch(&self.route).draw())?;
        self.destinations.iter().try_for_each(|destination| write!(f, "\n{destination}"))
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.receiver)?;
        writeln!(f, "  group: {}", self.group_key)?;
        writeln!(
            f,
            "  timing: first after {}, news after {}, repeated after {}",
            self.group_wait, self.group_interval, self.repeat_interval
        )?;
        if !self.escalate.is_empty() {
            writeln!(f, "  not acknowledged: {}", self.escalate.join(", "))?;
        }
        for (what, names) in [("mute", &self.mute_time_intervals), ("active", &self.active_time_intervals)] {
            if !names.is_empty() {
                writeln!(f, "  {what} time intervals: {}", names.join(", "))?;
            }
        }
        writeln!(f, "  then: {}", self.quiet.as_deref().unwrap_or("notifies"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use model::matcher::parse::ParseMode;
    use model::source::SourceFile;

    use super::*;

    const FILE: &str = r#"
route:
  receiver: def
  group_by: [alertname]
  routes:
  - matchers: [ 'team="a"', 'sev=~"x|y"' ]
    receiver: team-a
    continue: true
    mute_time_intervals: [we]
    routes:
    - match: {env: prod}
      receiver: pager
    - match_re: {env: "dev|stage"}
      receiver: mail
  - matchers: [ team!="b" ]
    receiver: notb
    group_by: ['...']
  - receiver: rest
receivers: [{name: def}, {name: team-a}, {name: pager}, {name: mail}, {name: notb}, {name: rest}]
time_intervals:
- name: we
  time_intervals: [{weekdays: [saturday, sunday]}]
"#;

    fn tree() -> RouteTree {
        let file = SourceFile::new("alertmanager.yml", FILE);
        let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let (config, _) = Config::parse(&file, Path::new(""), ParseMode::default(), &read).unwrap();
        RouteTree::new(Arc::new(config))
    }

    #[test]
    fn the_whole_tree_is_drawn() {
        let drawn = whole(&tree().config().route).draw().replace('\u{a0}', " ");
        let expected = r#".
└── default-route  receiver: def
    ├── {sev=~"x|y",team="a"}  continue: true  receiver: team-a
    │   ├── {env="prod"}  receiver: pager
    │   └── {env=~"^(?:dev|stage)$"}  receiver: mail
    ├── {team!="b"}  receiver: notb
    └── default-route  receiver: rest
"#;
        assert_eq!(drawn, expected);
    }

    #[test]
    fn the_taken_routes_are_those_of_the_notifier() {
        let tree = tree();
        for (labels, expected, drawn) in [
            (
                vec![("team", "a"), ("sev", "x"), ("env", "prod")],
                "pager,notb",
                ".\n└── default-route\n    ├── {sev=~\"x|y\",team=\"a\"}\n    │   └── {env=\"prod\"}  receiver: pager\n    └── {team!=\"b\"}  receiver: notb\n",
            ),
            (vec![("team", "b")], "rest", ".\n└── default-route\n    └── default-route  receiver: rest\n"),
        ] {
            let labels = LabelSet::from_pairs(labels);
            assert_eq!(receivers(&tree, &labels).join(","), expected);
            assert_eq!(taken(&tree.config().route, &labels).draw().replace('\u{a0}', " "), drawn);
        }
    }

    #[test]
    fn the_way_says_which_matcher_decided_and_what_is_quiet_when() {
        let tree = tree();
        let labels = LabelSet::from_pairs([("alertname", "K"), ("team", "a"), ("sev", "x")]);
        let saturday = Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap();
        let text = way(&tree, &labels, saturday).to_string().replace('\u{a0}', " ");
        let expected = r#"The way of {alertname="K", sev="x", team="a"} at 2026-11-21T12:00:00Z:
.
└── default-route  passes
    ├── {sev=~"x|y",team="a"}  taken: receiver team-a, goes on behind it
    │   ├── {env="prod"}  refused: env="prod" does not hold, the label is missing or empty
    │   └── {env=~"^(?:dev|stage)$"}  refused: env=~"^(?:dev|stage)$" does not hold, the label is missing or empty
    ├── {team!="b"}  taken: receiver notb
    └── default-route  not asked: a route before it took the alert

team-a
  group: {}/{sev=~"x|y",team="a"}:{alertname="K"}
  timing: first after 30s, news after 5m, repeated after 4h
  mute time intervals: we
  then: muted by we

notb
  group: {}/{team!="b"}:{alertname="K", sev="x", team="a"}
  timing: first after 30s, news after 5m, repeated after 4h
  then: notifies
"#;
        assert_eq!(text, expected);
        let monday = Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").unwrap();
        assert_eq!(way(&tree, &labels, monday).destinations[0].quiet, None);
    }
}
