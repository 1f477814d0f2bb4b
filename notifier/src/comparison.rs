//! What another configuration would change: for alerts, and in the routing tree itself. Pure.

use std::collections::BTreeMap;

use model::duration::format_duration;
use model::{LabelSet, Timestamp};
use serde::Serialize;

use crate::config::{Config, GroupBy, Route};
use crate::rate::Rate;
use crate::receiver::Receiver;
use crate::route::RouteTree;
use crate::route::way::{self, Destination};

/// One thing that would be otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The alert's labels, the route's key, or `receiver NAME`.
    pub of: String,
    /// Who is told; empty for a change that concerns none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub receiver: String,
    /// `receiver`, `group`, `group wait`, ...
    pub what: &'static str,
    /// As it is; `None` if it is not.
    pub old: Option<String>,
    /// As it would be.
    pub new: Option<String>,
}

/// What would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// How many alerts were looked at; `None` if the trees were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<usize>,
    /// How many of them change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_alerts: Option<usize>,
    /// In the order of alerts or routes.
    pub changes: Vec<Change>,
}

impl Comparison {
    /// What becomes of alerts; `at` only has to be some instant.
    pub fn of_alerts(old: &RouteTree, new: &RouteTree, alerts: &[LabelSet], at: Timestamp) -> Comparison {
        let mut changes = Vec::new();
        let mut changed = 0;
        for labels in alerts {
            let before = changes.len();
            alert_changes(old, new, labels, at, &mut changes);
            changed += usize::from(changes.len() > before);
        }
        Comparison { alerts: Some(alerts.len()), changed_alerts: Some(changed), changes }
    }

    /// What becomes of the routes and receivers.
    pub fn of_trees(old: &Config, new: &Config) -> Comparison {
        let mut changes = route_changes(old, new);
        changes.extend(receiver_changes(old, new));
        Comparison { alerts: None, changed_alerts: None, changes }
    }
}

/// Destinations are told apart by receiver, several of one receiver by their order.
fn alert_changes(old: &RouteTree, new: &RouteTree, labels: &LabelSet, at: Timestamp, changes: &mut Vec<Change>) {
    let [before, after] = [old, new].map(|tree| keyed(way::way(tree, labels, at).destinations));
    let of = labels.to_string();
    for (key, side) in &before {
        let Some(other) = after.get(key) else {
            changes.push(Change {
                of: of.clone(),
                receiver: key.0.clone(),
                what: "receiver",
                old: Some(key.0.clone()),
                new: None,
            });
            continue;
        };
        let sides = [(side, old.config().as_ref()), (other, new.config().as_ref())];
        changes.extend(destination_changes(sides).into_iter().map(|(what, old, new)| Change {
            of: of.clone(),
            receiver: key.0.clone(),
            what,
            old: Some(old),
            new: Some(new),
        }));
    }
    for (name, _) in after.keys().filter(|key| !before.contains_key(*key)) {
        changes.push(Change {
            of: of.clone(),
            receiver: name.clone(),
            what: "receiver",
            old: None,
            new: Some(name.clone()),
        });
    }
}

fn keyed(destinations: Vec<Destination>) -> BTreeMap<(String, usize), Destination> {
    let mut keyed = BTreeMap::new();
    for destination in destinations {
        let name = destination.receiver.clone();
        let nth = keyed.keys().filter(|(known, _): &&(String, usize)| *known == name).count();
        keyed.insert((name, nth), destination);
    }
    keyed
}

type Difference = (&'static str, String, String);

fn destination_changes(sides: [(&Destination, &Config); 2]) -> Vec<Difference> {
    let [(old, old_config), (new, new_config)] = sides;
    let mut found: Vec<Difference> = Vec::new();
    let mut compare = |what, old: &str, new: &str| {
        if old != new {
            found.push((what, old.to_owned(), new.to_owned()));
        }
    };
    compare("group", &old.group_key, &new.group_key);
    compare("group wait", &old.group_wait, &new.group_wait);
    compare("group interval", &old.group_interval, &new.group_interval);
    compare("repeat interval", &old.repeat_interval, &new.repeat_interval);
    compare("escalation", &listed(&old.escalate), &listed(&new.escalate));
    let intervals = [
        ("mute time intervals", &old.mute_time_intervals, &new.mute_time_intervals),
        ("active time intervals", &old.active_time_intervals, &new.active_time_intervals),
    ];
    for (what, old_names, new_names) in intervals {
        found.extend(interval_change(what, (old_names, old_config), (new_names, new_config)));
    }
    let receivers = [(old_config, &old.receiver), (new_config, &new.receiver)];
    if let [Some(old), Some(new)] = receivers.map(|(config, name)| config.receivers.get(name)) {
        found.extend(integration_change(old, new));
        found.extend(rate_change(old, new));
    }
    found
}

/// Other names, or other times under the same names.
fn interval_change(
    what: &'static str,
    (old_names, old): (&[String], &Config),
    (new_names, new): (&[String], &Config),
) -> Option<Difference> {
    if old_names != new_names {
        return Some((what, listed(old_names), listed(new_names)));
    }
    let differing: Vec<String> = old_names
        .iter()
        .filter(|name| old.time_intervals.get(*name) != new.time_intervals.get(*name))
        .cloned()
        .collect();
    let named = differing.join(", ");
    (!differing.is_empty()).then(|| (what, named.clone(), format!("{named}, at other times")))
}

fn rate_change(old: &Receiver, new: &Receiver) -> Option<Difference> {
    let [was, is] = [old, new].map(|receiver| {
        let shown = |rate: &Rate| format!("{} per {}", rate.notifications, format_duration(rate.per));
        receiver.rate.as_ref().map_or("none".to_owned(), shown)
    });
    (was != is).then_some(("rate", was, is))
}

/// Other integrations, or the same with other settings. Settings are not shown: they may be secrets.
fn integration_change(old: &Receiver, new: &Receiver) -> Option<Difference> {
    let [old_names, new_names] = [old, new].map(|receiver| {
        let names =
            receiver.integrations.iter().map(|integration| format!("{}[{}]", integration.kind, integration.index));
        listed(&names.collect::<Vec<_>>())
    });
    if old_names != new_names {
        return Some(("integrations", old_names, new_names));
    }
    // the address is a digest of whom it tells, secrets included, which the printed settings hide
    let pairs = old.integrations.iter().zip(&new.integrations);
    let differing: Vec<String> = pairs
        .filter(|(old, new)| {
            old.address != new.address
                || old.send_resolved != new.send_resolved
                || format!("{:?}", old.settings) != format!("{:?}", new.settings)
        })
        .map(|(old, _)| format!("{}[{}]", old.kind, old.index))
        .collect();
    let named = differing.join(", ");
    (!differing.is_empty()).then(|| ("integrations", named.clone(), format!("{named}, with other settings")))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Routes are told apart by their keys, twins by their order.
fn route_changes(old: &Config, new: &Config) -> Vec<Change> {
    let [before, after] = [old, new].map(|config| {
        let mut routes = Vec::new();
        flatten(&config.route, &mut routes);
        routes
    });
    let find = |routes: &[(usize, &'_ Route)], wanted: &(usize, &Route)| {
        routes.iter().position(|(twin, route)| *twin == wanted.0 && route.key == wanted.1.key)
    };
    let mut changes = Vec::new();
    for side in &before {
        match find(&after, side).and_then(|at| after.get(at)) {
            None => changes.push(Change::of_route(side.1, "route", Some("there".to_owned()), None)),
            Some((_, other)) => {
                for (what, was, is) in differing_settings((side.1, old), (*other, new)) {
                    changes.push(Change::of_route(other, what, Some(was), Some(is)));
                }
            }
        }
    }
    for side in after.iter().filter(|side| find(&before, side).is_none()) {
        changes.push(Change::of_route(side.1, "route", None, Some("there".to_owned())));
    }
    let order = |routes: &[(usize, &Route)], others: &[(usize, &Route)]| -> Vec<String> {
        routes.iter().filter(|side| find(others, side).is_some()).map(|(_, route)| route.key.clone()).collect()
    };
    let (old_order, new_order) = (order(&before, &after), order(&after, &before));
    if let Some((was, is)) = old_order.iter().zip(&new_order).find(|(was, is)| was != is) {
        changes.push(Change::of_route(&new.route, "order of routes", Some(was.clone()), Some(is.clone())));
    }
    changes
}

fn flatten<'a>(route: &'a Route, routes: &mut Vec<(usize, &'a Route)>) {
    let twin = routes.iter().filter(|(_, known)| known.key == route.key).count();
    routes.push((twin, route));
    route.routes.iter().for_each(|child| flatten(child, routes));
}

fn differing_settings((old, old_config): (&Route, &Config), (new, new_config): (&Route, &Config)) -> Vec<Difference> {
    let group_by = |route: &Route| match &route.group_by {
        GroupBy::All => "...".to_owned(),
        GroupBy::Labels(names) => listed(names),
    };
    let settings = |route: &Route| {
        [
            ("receiver", route.receiver.clone()),
            ("group by", group_by(route)),
            ("group wait", format_duration(route.group_wait)),
            ("group interval", format_duration(route.group_interval)),
            ("repeat interval", format_duration(route.repeat_interval)),
            ("escalation", listed(&way::escalation(route))),
            ("continue", route.continues.to_string()),
            ("labels", route.labels.to_string()),
        ]
    };
    let pairs = settings(old).into_iter().zip(settings(new));
    let mut found: Vec<Difference> =
        pairs.filter(|((_, old), (_, new))| old != new).map(|((what, old), (_, new))| (what, old, new)).collect();
    let intervals = [
        ("mute time intervals", &old.mute_time_intervals, &new.mute_time_intervals),
        ("active time intervals", &old.active_time_intervals, &new.active_time_intervals),
    ];
    for (what, old_names, new_names) in intervals {
        found.extend(interval_change(what, (old_names, old_config), (new_names, new_config)));
    }
    found
}

fn receiver_changes(old: &Config, new: &Config) -> Vec<Change> {
    let change = |name: &str, what, old, new| Change {
        of: format!("receiver {name}"),
        receiver: name.to_owned(),
        what,
        old,
        new,
    };
    let there = || Some("there".to_owned());
    let mut changes = Vec::new();
    for (name, receiver) in &old.receivers {
        match new.receivers.get(name) {
            None => changes.push(change(name, "receiver", there(), None)),
            Some(other) => {
                let found = integration_change(receiver, other).into_iter().chain(rate_change(receiver, other));
                changes.extend(found.map(|(what, old, new)| change(name, what, Some(old), Some(new))));
            }
        }
    }
    let added = new.receivers.keys().filter(|name| !old.receivers.contains_key(*name));
    changes.extend(added.map(|name| change(name, "receiver", None, there())));
    changes
}

impl Change {
    fn of_route(route: &Route, what: &'static str, old: Option<String>, new: Option<String>) -> Change {
        Change { of: route.key.clone(), receiver: route.receiver.clone(), what, old, new }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use model::matcher::parse::ParseMode;
    use model::source::SourceFile;

    use super::*;

    const OLD: &str = r#"
route:
  receiver: def
  group_by: [alertname]
  routes:
  - matchers: [ 'team="a"' ]
    receiver: team-a
    mute_time_intervals: [we]
  - matchers: [ 'team="b"' ]
    receiver: team-b
receivers: [{name: def}, {name: team-a}, {name: team-b, webhook_configs: [{url: "http://b/hush"}]}]
time_intervals:
- name: we
  time_intervals: [{weekdays: [saturday, sunday]}]
"#;

    fn tree(text: &str) -> RouteTree {
        let file = SourceFile::new("alertmanager.yml", text);
        let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let (config, _) = Config::parse(&file, Path::new(""), ParseMode::default(), &read).unwrap();
        RouteTree::new(Arc::new(config))
    }

    fn lines(comparison: &Comparison) -> Vec<String> {
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
        let line = |c: &Change| format!("{} | {} | {} > {}", c.of, c.what, side(&c.old), side(&c.new));
        comparison.changes.iter().map(line).collect()
    }

    #[test]
    fn each_kind_of_change_is_told_of_alerts_and_of_trees() {
        let old = tree(OLD);
        let alerts = ["a", "b"].map(|team| LabelSet::from_pairs([("alertname", "K"), ("team", team)]));
        let (a, b) = (r#"{alertname="K", team="a"}"#, r#"{alertname="K", team="b"}"#);
        let (route_a, route_b) = (r#"{}/{team="a"}"#, r#"{}/{team="b"}"#);
        let table: &[(&str, &str, &[String], &[String])] = &[
            ("", "", &[], &[]),
            (
                "receiver: team-b",
                "receiver: def",
                &[format!("{b} | receiver | team-b > -"), format!("{b} | receiver | - > def")],
                &[format!("{route_b} | receiver | team-b > def")],
            ),
            (
                "receiver: team-a",
                "receiver: team-a\n    group_wait: 1m\n    repeat_interval: 1d",
                &[format!("{a} | group wait | 30s > 1m"), format!("{a} | repeat interval | 4h > 1d")],
                &[format!("{route_a} | group wait | 30s > 1m"), format!("{route_a} | repeat interval | 4h > 1d")],
            ),
            (
                "receiver: team-b",
                "receiver: team-b\n    escalate: [{after: 15m, to: team-a}]",
                &[format!("{b} | escalation | none > team-a after 15m")],
                &[format!("{route_b} | escalation | none > team-a after 15m")],
            ),
            (
                "receiver: team-b",
                "receiver: team-b\n    group_by: [team]",
                &[format!(r#"{b} | group | {route_b}:{{alertname="K"}} > {route_b}:{{team="b"}}"#)],
                &[format!("{route_b} | group by | alertname > team")],
            ),
            (
                "[saturday, sunday]",
                "[sunday]",
                &[format!("{a} | mute time intervals | we > we, at other times")],
                &[format!("{route_a} | mute time intervals | we > we, at other times")],
            ),
            (
                "    mute_time_intervals: [we]\n",
                "",
                &[format!("{a} | mute time intervals | we > none")],
                &[format!("{route_a} | mute time intervals | we > none")],
            ),
            (
                "b/hush",
                "b/hush2",
                &[format!("{b} | integrations | webhook[0] > webhook[0], with other settings")],
                &["receiver team-b | integrations | webhook[0] > webhook[0], with other settings".to_owned()],
            ),
            (
                "{name: team-b, ",
                "{name: team-b, rate: {notifications: 5, per: 1m}, ",
                &[format!("{b} | rate | none > 5 per 1m")],
                &["receiver team-b | rate | none > 5 per 1m".to_owned()],
            ),
            ("name: def}", "name: def}, {name: more}", &[], &["receiver more | receiver | - > there".to_owned()]),
            (
                r#"team="b""#,
                r#"team="c""#,
                &[format!("{b} | receiver | team-b > -"), format!("{b} | receiver | - > def")],
                &[format!("{route_b} | route | there > -"), r#"{}/{team="c"} | route | - > there"#.to_owned()],
            ),
        ];
        for (was, is, of_alerts, of_trees) in table {
            assert!(OLD.contains(was), "{was}");
            let new = tree(&if was.is_empty() { OLD.to_owned() } else { OLD.replacen(was, is, 1) });
            let compared = Comparison::of_alerts(&old, &new, &alerts, Timestamp::from_secs(0));
            assert_eq!(lines(&compared), *of_alerts, "{was} {is}");
            assert!(!format!("{compared:?}").contains("hush"));
            assert_eq!(
                (compared.alerts, compared.changed_alerts),
                (Some(2), Some(usize::from(!of_alerts.is_empty()))),
                "{was} {is}"
            );
            assert_eq!(lines(&Comparison::of_trees(old.config(), new.config())), *of_trees, "{was} {is}");
        }
    }

    #[test]
    fn routes_in_another_order_are_a_change() {
        let route = |team: &str| format!("  - matchers: [ 'team=\"{team}\"' ]\n    receiver: def\n");
        let file = |first, second| {
            let routes = format!("{}{}", route(first), route(second));
            tree(&format!("route:\n  receiver: def\n  routes:\n{routes}receivers: [{{name: def}}]\n"))
        };
        let compared = Comparison::of_trees(file("a", "b").config(), file("b", "a").config());
        assert_eq!(lines(&compared), [r#"{} | order of routes | {}/{team="a"} > {}/{team="b"}"#]);
    }
}
