//! The tree as rows of a nested list, each with what became of the alert there.

use model::Timestamp;
use model::duration::format_duration;
use model::matcher::parse::print_matchers;
use notifier::config::{Config, GroupBy, Route};
use notifier::mute_time::any_contains;
use notifier::route::path::{Passage, Step};
use notifier::route::way::escalation;
use serde::Serialize;

use crate::shown::{SHORT, shown};

/// A larger tree is drawn folded, but for its first level.
const UNFOLDED_MAX: usize = 60;

/// A route as it is drawn, in depth-first order.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    id: usize,
    matchers: String,
    receiver: String,
    continues: bool,
    /// What it says about groups and times; the root all of it, others what differs from their parent.
    settings: Vec<String>,
    intervals: Vec<Interval>,
    /// Alerts that are in its groups now.
    alerts: usize,
    /// `passed`, `taken`, `refused`, `not-asked`, or empty where the alert does not come, or none is asked about.
    verdict: &'static str,
    /// The decision in words.
    reason: String,
    /// Whether routes below follow, and whether they are unfolded.
    has_routes: bool,
    is_open: bool,
    /// One for each list that ends behind this row.
    ends: Vec<u8>,
}

/// A time interval of a route.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Interval {
    name: String,
    /// Whether it mutes while it is active, or while it is not.
    mutes: bool,
    /// Whether it makes the route quiet now.
    is_quiet: bool,
}

struct Drawing<'a> {
    config: &'a Config,
    members: &'a [usize],
    at: Timestamp,
    /// Only what the alert takes.
    only: bool,
    unfolded: bool,
    has_way: bool,
    rows: Vec<Row>,
}

/// Every route, or those alone that `way` takes. `members` counts alerts by the route's id.
pub(super) fn rows(config: &Config, way: Option<&Step>, members: &[usize], at: Timestamp, only: bool) -> Vec<Row> {
    let unfolded = only || count(&config.route) <= UNFOLDED_MAX;
    let has_way = way.is_some();
    let mut drawing = Drawing { config, members, at, only, unfolded, has_way, rows: Vec::new() };
    drawing.draw(&config.route, None, way);
    drawing.rows
}

/// How many routes there are from here on.
pub(super) fn count(route: &Route) -> usize {
    1 + route.routes.iter().map(count).sum::<usize>()
}

impl Drawing<'_> {
    fn draw(&mut self, route: &Route, parent: Option<&Route>, step: Option<&Step>) {
        let verdict = step.map_or("", |step| verdict(&step.passage));
        let is_taken = matches!(verdict, "passed" | "taken");
        let below = |place: usize| step.and_then(|step| step.routes.get(place));
        let is_wanted = |place: usize| {
            !self.only || below(place).is_some_and(|step| matches!(verdict_of(step), "passed" | "taken"))
        };
        let wanted: Vec<usize> = (0..route.routes.len()).filter(|place| is_wanted(*place)).collect();
        let row = Row {
            id: route.id,
            matchers: matchers(route),
            receiver: shown(&route.receiver, SHORT),
            continues: route.continues,
            settings: settings(route, parent),
            intervals: self.intervals(route),
            alerts: self.members.get(route.id).copied().unwrap_or(0),
            verdict,
            reason: step.map(|step| shown(&step.text(), 2 * SHORT)).unwrap_or_default(),
            has_routes: !wanted.is_empty(),
            is_open: self.unfolded || parent.is_none() || (self.has_way && is_taken),
            ends: Vec::new(),
        };
        self.rows.push(row);
        for place in &wanted {
            if let Some(child) = route.routes.get(*place) {
                self.draw(child, Some(route), below(*place));
            }
        }
        if !wanted.is_empty()
            && let Some(last) = self.rows.last_mut()
        {
            last.ends.push(0);
        }
    }

    fn intervals(&self, route: &Route) -> Vec<Interval> {
        let is_active = |name: &String| {
            self.config.time_intervals.get(name).is_some_and(|elements| any_contains(elements, self.at))
        };
        let outside = !route.active_time_intervals.iter().any(is_active);
        let interval = |name: &String, mutes, is_quiet| Interval { name: shown(name, SHORT), mutes, is_quiet };
        let mutes = route.mute_time_intervals.iter().map(|name| interval(name, true, is_active(name)));
        mutes.chain(route.active_time_intervals.iter().map(|name| interval(name, false, outside))).collect()
    }
}

fn verdict_of(step: &Step) -> &'static str {
    verdict(&step.passage)
}

fn verdict(passage: &Passage) -> &'static str {
    match passage {
        Passage::Passed => "passed",
        Passage::Delivered { .. } => "taken",
        Passage::Refused { .. } => "refused",
        Passage::NotAsked => "not-asked",
    }
}

fn matchers(route: &Route) -> String {
    if route.matchers.is_empty() {
        "every alert".to_owned()
    } else {
        shown(&print_matchers(&route.matchers), 5 * SHORT)
    }
}

fn settings(route: &Route, parent: Option<&Route>) -> Vec<String> {
    let all = |route: &Route| {
        let names = match &route.group_by {
            GroupBy::All => "every label".to_owned(),
            GroupBy::Labels(names) if names.is_empty() => "nothing".to_owned(),
            GroupBy::Labels(names) => names.join(", "),
        };
        [
            format!("grouped by {}", shown(&names, SHORT)),
            format!("first after {}", format_duration(route.group_wait)),
            format!("news after {}", format_duration(route.group_interval)),
            format!("again after {}", format_duration(route.repeat_interval)),
        ]
    };
    let inherited = parent.map(all);
    let is_own = |text: &String| inherited.as_ref().is_none_or(|inherited| !inherited.contains(text));
    let mut own: Vec<String> = all(route).into_iter().filter(is_own).collect();
    own.extend(escalation(route).iter().map(|step| format!("not acknowledged: {}", shown(step, SHORT))));
    own
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use model::LabelSet;
    use model::matcher::parse::ParseMode;
    use model::source::SourceFile;

    use super::*;

    const FILE: &str = r#"
route:
  receiver: def
  routes:
  - matchers: [ 'team="a"' ]
    receiver: team-a
    continue: true
    mute_time_intervals: [we]
    group_wait: 1m
    routes:
    - matchers: [ 'env="prod"' ]
      receiver: pager
      routes:
      - matchers: [ 'x="y"' ]
    - matchers: [ 'env="dev"' ]
      receiver: mail
  - receiver: rest
receivers: [{name: def}, {name: team-a}, {name: pager}, {name: mail}, {name: rest}]
time_intervals:
- name: we
  time_intervals: [{weekdays: [saturday, sunday]}]
"#;

    fn config() -> Config {
        let file = SourceFile::new("alertmanager.yml", FILE);
        let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        Config::parse(&file, Path::new(""), ParseMode::default(), &read).unwrap().0
    }

    fn drawn(rows: &[Row]) -> Vec<String> {
        rows.iter().map(|row| format!("{} {} {} {}", row.matchers, row.receiver, row.verdict, row.ends.len())).collect()
    }

    #[test]
    fn lists_end_where_they_began_and_each_route_has_its_verdict() {
        let config = config();
        let saturday = Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap();
        let plain = rows(&config, None, &[3, 1], saturday, false);
        let expected = [
            r#"every alert def  0"#,
            r#"{team="a"} team-a  0"#,
            r#"{env="prod"} pager  0"#,
            r#"{x="y"} pager  1"#,
            r#"{env="dev"} mail  1"#,
            r#"every alert rest  1"#,
        ];
        assert_eq!(drawn(&plain), expected);
        assert_eq!((plain[0].alerts, plain[1].alerts, plain[2].alerts), (3, 1, 0));
        assert_eq!(plain[1].settings, ["first after 1m"]);
        assert!(plain[1].intervals[0].is_quiet && plain[1].intervals[0].mutes);
        assert_eq!(plain[0].settings.len(), 4);

        let labels = LabelSet::from_pairs([("team", "a"), ("env", "dev")]);
        let step = Step::through(&config.route, &labels);
        let verdicts: Vec<_> = rows(&config, Some(&step), &[], saturday, false).iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts, ["passed", "passed", "refused", "", "taken", "taken"]);
        let only = drawn(&rows(&config, Some(&step), &[], saturday, true));
        let taken = [
            r#"every alert def passed 0"#,
            r#"{team="a"} team-a passed 0"#,
            r#"{env="dev"} mail taken 1"#,
            r#"every alert rest taken 1"#,
        ];
        assert_eq!(only, taken);
    }
}
