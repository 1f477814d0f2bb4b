//! A routing tree drawn as amtool draws it, and the way of an alert through it explained.

use model::LabelSet;
use model::matcher::all_match;
use notifier::config::Route;
use notifier::route::RouteTree;
use notifier::route::path::{Step, slug};
use notifier::route::way::{Destination, Way, escalation};

use super::tree::Branch;

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

/// The children that take an alert.
fn takers<'a>(route: &'a Route, labels: &'a LabelSet) -> impl Iterator<Item = &'a Route> {
    let mut ended = false;
    route.routes.iter().filter(move |child| {
        let takes = !ended && all_match(&child.matchers, labels);
        ended |= takes && !child.continues;
        takes
    })
}

/// A way drawn, each decision with its reason.
pub fn branch(step: &Step) -> Branch {
    Branch { text: format!("{}  {}", step.route, step.text()), branches: step.routes.iter().map(branch).collect() }
}

/// A way in words: the tree with the reasons, then each receiver.
pub fn text(way: &Way) -> String {
    let labels = LabelSet::from_pairs(way.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let mut out = format!("The way of {labels} at {}:\n{}", way.at, branch(&way.route).draw());
    for destination in &way.destinations {
        out.push('\n');
        out.push_str(&destination_text(destination));
    }
    out
}

fn destination_text(destination: &Destination) -> String {
    let Destination { receiver, group_key, group_wait, group_interval, repeat_interval, .. } = destination;
    let mut lines = vec![
        receiver.clone(),
        format!("  group: {group_key}"),
        format!("  timing: first after {group_wait}, news after {group_interval}, repeated after {repeat_interval}"),
    ];
    if !destination.escalate.is_empty() {
        lines.push(format!("  not acknowledged: {}", destination.escalate.join(", ")));
    }
    for (what, names) in [("mute", &destination.mute_time_intervals), ("active", &destination.active_time_intervals)] {
        if !names.is_empty() {
            lines.push(format!("  {what} time intervals: {}", names.join(", ")));
        }
    }
    lines.push(format!("  then: {}\n", destination.quiet.as_deref().unwrap_or("notifies")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use model::Timestamp;
    use model::matcher::parse::ParseMode;
    use model::source::SourceFile;
    use notifier::config::Config;
    use notifier::route::way::way;

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
        let drawn = text(&way(&tree, &labels, saturday)).replace('\u{a0}', " ");
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
        assert_eq!(drawn, expected);
        let monday = Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").unwrap();
        assert_eq!(way(&tree, &labels, monday).destinations[0].quiet, None);
    }
}
