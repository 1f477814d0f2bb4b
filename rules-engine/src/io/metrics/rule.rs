//! What single rules did. Prometheus has no such metrics; of how many rules they are shown is bounded.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use exposition::Page;
use foldhash::fast::FixedState;

use super::Column;
use crate::alerting::AlertState;
use crate::engine::{Engine, Health, RuleView};
use crate::rule::RuleKind;
use crate::tally::RuleTally;

/// The numbers of the rules, and of how many there are none.
pub(super) struct RulesFigures {
    rules: Vec<RuleFigures>,
    omitted: usize,
}

struct RuleFigures {
    /// `file;name` of its group.
    group: String,
    /// Its name; of equal names in a group the second is `name#2`.
    rule: String,
    tally: RuleTally,
    /// None before the first evaluation.
    health: Option<bool>,
    duration: Duration,
    series: usize,
    /// Pending and firing alerts, if it is an alerting rule.
    alerts: Option<[usize; 2]>,
}

const COUNTERS: [Column<RuleFigures, u64>; 4] = [
    ("watchfire_rule_evaluations", "Evaluations of the rule", |rule| rule.tally.evaluations),
    ("watchfire_rule_evaluation_failures", "Evaluations of the rule that failed", |rule| rule.tally.failures),
    ("watchfire_rule_limit_breaches", "Evaluations of the rule that ended at its group's limit", |rule| {
        rule.tally.limit_breaches
    }),
    ("watchfire_rule_template_failures", "Texts of the rule that could not be rendered", |rule| {
        rule.tally.template_failures
    }),
];

const GAUGES: [Column<RuleFigures, f64>; 2] = [
    ("watchfire_rule_last_duration_seconds", "How long the last evaluation of the rule took", |rule| {
        rule.duration.as_secs_f64()
    }),
    ("watchfire_rule_last_series", "Series in the last result of the rule", |rule| rule.series as f64),
];

impl RulesFigures {
    /// Of at most `limit` rules, the first ones by file, group and place.
    pub(super) fn of(engine: &Engine, limit: usize) -> RulesFigures {
        let mut rules = Vec::new();
        let mut omitted = 0;
        for group in engine.groups() {
            let taken = limit.saturating_sub(rules.len()).min(group.rules().len());
            omitted += group.rules().len() - taken;
            if taken == 0 {
                continue;
            }
            let label = group.key().to_string();
            let mut names: HashMap<&str, usize, FixedState> = HashMap::default();
            for rule in group.rules().take(taken) {
                let number = names.entry(&rule.rule().name).or_default();
                *number += 1;
                rules.push(RuleFigures::of(&rule, &label, *number));
            }
        }
        RulesFigures { rules, omitted }
    }

    pub(super) fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let labels = |rule: &RuleFigures| [("rule_group", rule.group.clone()), ("rule", rule.rule.clone())];
        for (name, help, value) in COUNTERS {
            page.counters(name, help, self.rules.iter().map(|rule| (labels(rule), value(rule))))?;
        }
        for (name, help, value) in GAUGES {
            page.gauges(name, help, self.rules.iter().map(|rule| (labels(rule), value(rule))))?;
        }
        let healths = self.rules.iter().filter_map(|rule| Some((labels(rule), f64::from(u8::from(rule.health?)))));
        page.gauges("watchfire_rule_health", "Whether the last evaluation of the rule worked", healths)?;
        let alerts = self.rules.iter().flat_map(|rule| {
            let [group, name] = labels(rule);
            let states = rule.alerts.into_iter().flat_map(|counts| ["pending", "firing"].into_iter().zip(counts));
            let row = move |(state, count): (&str, usize)| {
                ([group.clone(), name.clone(), ("state", state.to_owned())], count as f64)
            };
            states.map(row).collect::<Vec<_>>()
        });
        page.gauges("watchfire_rule_alerts", "Alerts of the rule that are pending or firing", alerts)?;
        let help = "Rules without metrics of their own, because there are more than --rules.metrics-limit";
        page.gauge("watchfire_rules_without_metrics", help, self.omitted as f64)
    }
}

impl RuleFigures {
    fn of(view: &RuleView<'_>, group: &str, number: usize) -> RuleFigures {
        let (rule, status) = (view.rule(), view.status());
        let in_state = |state| view.alerts().filter(|alert| alert.course.state == state).count();
        let is_alerting = matches!(rule.kind, RuleKind::Alerting(_));
        RuleFigures {
            group: group.to_owned(),
            rule: if number == 1 { rule.name.clone() } else { format!("{}#{number}", rule.name) },
            tally: view.tally().clone(),
            health: match status.health {
                Health::Unknown => None,
                Health::Good => Some(true),
                Health::Bad => Some(false),
            },
            duration: status.evaluation_time,
            series: status.series,
            alerts: is_alerting.then(|| [in_state(AlertState::Pending), in_state(AlertState::Firing)]),
        }
    }
}
