//! Which rules of a group have to wait for which: one rule reads what another writes.
//!
//! As in Prometheus' analysis, a rule reads what its selectors may select, judged by metric name, and `ALERTS` by
//! `alertname` too; a selector without any matcher on the name makes the whole group follow one another. Beyond it, a rule
//! also waits for earlier ones that read what it writes, and rules whose templates ask queries wait for all before and
//! are waited for by all after them: so a group evaluated in parallel writes and tells what it would in order.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use promql::Options;
use promql::ast::VectorSelector;
use promql::selector::selectors;

use crate::rule::{Language, Rule, RuleKind};

/// The series of active alerts.
const ALERT_SERIES: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Who follows whom among the rules of a group, by place. Only later rules follow.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    followers: Vec<Vec<usize>>,
    waits: Vec<usize>,
}

/// Who writes what.
struct Writers<'r> {
    recorded: HashMap<&'r str, Vec<usize>, FixedState>,
    alerts: Vec<(usize, &'r str)>,
}

impl Dependencies {
    /// Between the rules of a group whose expressions are of this language.
    pub(super) fn between(rules: &[Arc<Rule>], language: Language) -> Self {
        if !language.reads_metrics() {
            return Self::of(rules.len(), []);
        }
        let writers = Writers::among(rules);
        let mut edges = BTreeSet::new();
        for (reader, rule) in rules.iter().enumerate() {
            let Some(writers) = writers.read_by(rule, rules.len()) else { return Self::in_order(rules.len()) };
            let others = writers.into_iter().filter(|writer| *writer != reader);
            edges.extend(others.map(|writer| (writer.min(reader), writer.max(reader))));
        }
        Self::of(rules.len(), edges)
    }

    /// Each rule follows the one before.
    fn in_order(rules: usize) -> Self {
        Self::of(rules, (1..rules).map(|rule| (rule - 1, rule)))
    }

    fn of(rules: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let (mut followers, mut waits) = (vec![Vec::new(); rules], vec![0; rules]);
        for (earlier, later) in edges {
            if let (Some(followers), Some(waits)) = (followers.get_mut(earlier), waits.get_mut(later)) {
                followers.push(later);
                *waits += 1;
            }
        }
        Self { followers, waits }
    }

    /// The rules that wait for the one at this place.
    pub(super) fn followers(&self, rule: usize) -> &[usize] {
        self.followers.get(rule).map_or(&[], Vec::as_slice)
    }

    /// Whether a rule waits for others.
    pub(super) fn is_waiting(&self, rule: usize) -> bool {
        self.waits.get(rule).is_some_and(|waits| *waits > 0)
    }

    /// For each rule, how many it waits for.
    pub(super) fn waits(&self) -> &[usize] {
        &self.waits
    }
}

impl<'r> Writers<'r> {
    fn among(rules: &'r [Arc<Rule>]) -> Self {
        let mut writers = Self { recorded: HashMap::default(), alerts: Vec::new() };
        for (place, rule) in rules.iter().enumerate() {
            match rule.kind {
                RuleKind::Recording => writers.recorded.entry(rule.name.as_str()).or_default().push(place),
                RuleKind::Alerting(_) => writers.alerts.push((place, rule.name.as_str())),
            }
        }
        writers
    }

    /// The places of the rules that `rule` reads from; `None` if that cannot be said.
    fn read_by(&self, rule: &Rule, rules: usize) -> Option<Vec<usize>> {
        if asks_queries(rule) {
            return Some((0..rules).collect());
        }
        let expr = promql::parse_with(&rule.expr, Options::all()).ok()?;
        let mut read = Vec::new();
        for selected in selectors(&expr) {
            if !selected.selector.matchers.iter().any(|matcher| matcher.name() == "__name__") {
                return None;
            }
            self.selected_by(selected.selector, &mut read);
        }
        Some(read)
    }

    fn selected_by(&self, selector: &VectorSelector, read: &mut Vec<usize>) {
        match selector.metric_name() {
            Some(name) => {
                let recorded = self.recorded.get(name).filter(|_| selector.selects_metric(name));
                read.extend(recorded.into_iter().flatten());
            }
            None => {
                let recorded = self.recorded.iter().filter(|(name, _)| selector.selects_metric(name));
                read.extend(recorded.flat_map(|(_, places)| places));
            }
        }
        if ALERT_SERIES.iter().any(|name| selector.selects_metric(name)) {
            let by_name = |name: &str| {
                let mut matchers = selector.matchers.iter().filter(|matcher| matcher.name() == "alertname");
                matchers.all(|matcher| matcher.matches_value(name))
            };
            read.extend(self.alerts.iter().filter(|(_, name)| by_name(name)).map(|(place, _)| place));
        }
    }
}

/// Whether a text of the rule may ask a query: "yes" too often costs some waiting.
fn asks_queries(rule: &Rule) -> bool {
    let RuleKind::Alerting(alerting) = &rule.kind else { return false };
    let texts = rule.labels.iter().chain(alerting.annotations.iter());
    texts.flat_map(|(_, text)| text.split("{{").skip(1)).any(|action| {
        let inside = action.split_once("}}").map_or(action, |(inside, _)| inside);
        inside.contains("query")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::bench::{alert, record};

    /// `0>1 1>2`: 1 waits for 0, 2 for 1.
    fn edges(rules: impl IntoIterator<Item = Rule>) -> String {
        let rules: Vec<Arc<Rule>> = rules.into_iter().map(Arc::new).collect();
        let found = Dependencies::between(&rules, Language::PromQl);
        let edges = (0..rules.len()).flat_map(|rule| found.followers(rule).iter().map(move |after| (rule, *after)));
        let edges: Vec<_> = edges.collect();
        for (place, waits) in found.waits().iter().enumerate() {
            assert_eq!(edges.iter().filter(|(_, after)| *after == place).count(), *waits);
        }
        edges.iter().map(|(rule, after)| format!("{rule}>{after}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_rule_waits_for_what_it_reads() {
        for (expr, expected) in [
            ("other", ""),
            ("m", "0>2"),
            ("rate(m[5m] offset 1h) / other", "0>2"),
            ("max_over_time((m)[1h:])", "0>2"),
            ("{\"m\"}", "0>2"),
            ("{__name__=~\"m|x\"}", "0>2"),
            ("{__name__=~\"n.*\"}", "1>2"),
            ("{__name__!=\"m\", job=\"x\"}", "1>2"),
            ("m or n", "0>2 1>2"),
            ("{job=\"x\"}", "0>1 1>2"),
            ("other + on () {job=\"x\"}", "0>1 1>2"),
            ("1 +", "0>1 1>2"),
            ("ALERTS", ""),
            ("vector(1)", ""),
        ] {
            assert_eq!(edges([record("m", "a"), record("n", "b"), record("r", expr)]), expected, "{expr}");
        }
    }

    #[test]
    fn alerts_are_told_apart_by_name() {
        for (expr, expected) in [
            ("ALERTS", "0>3 1>3"),
            ("ALERTS_FOR_STATE", "0>3 1>3"),
            ("ALERTS{alertname=\"A\"}", "0>3"),
            ("ALERTS{alertname=~\"B|C\", severity=\"page\"}", "1>3"),
            ("ALERTS{alertname!=\"A\"}", "1>3"),
            ("{__name__=~\"ALERTS.*\", alertname=\"C\"}", ""),
            ("{__name__=~\".+\"}", "0>3 1>3 2>3"),
        ] {
            let rules = [alert("A", "a"), alert("B", "b"), record("m", "x"), alert("D", expr)];
            assert_eq!(edges(rules), expected, "{expr}");
        }
    }

    #[test]
    fn a_writer_waits_for_earlier_readers_and_nobody_for_itself() {
        assert_eq!(edges([alert("A", "m"), record("m", "x"), record("n", "n")]), "0>1");
        assert_eq!(edges([alert("A", "ALERTS{alertname=\"A\"}"), alert("B", "x")]), "");
    }

    #[test]
    fn texts_that_ask_queries_keep_their_place() {
        let asking = alert("A", "x").note("a", "{{ with query \"m\" }}{{ . | first | value }}{{ end }}");
        assert_eq!(edges([record("l", "x"), record("k", "y"), asking, record("m", "z")]), "0>2 1>2 2>3");
        let linking = alert("A", "x").note("a", "https://x/?query=up&x={{ $value }}");
        assert_eq!(edges([record("l", "x"), linking, record("m", "z")]), "");
    }

    #[test]
    fn chains_and_diamonds() {
        let rules = [record("a", "x"), record("b", "a"), record("c", "a"), alert("D", "b + c"), alert("E", "d")];
        assert_eq!(edges(rules), "0>1 0>2 1>3 2>3");
        assert_eq!(edges([]), "");
    }
}
