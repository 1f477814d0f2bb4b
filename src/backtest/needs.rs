//! Which series rules read, and how far back, so that they can be fetched before the rules run.

use std::collections::BTreeSet;
use std::time::Duration;

use model::labels::METRIC_NAME;
use model::{LabelSet, Matcher};
use promql::ast::{self, At, Expr, VectorSelector};
use promql::selector::walk;
use rules_engine::rule::{RuleGroup, RuleKind};

/// Metrics that the rule machine itself writes.
const OF_ALERTS: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Everything that a set of rules reads and does not make itself.
#[derive(Debug, Default)]
pub struct Needs {
    /// A selector each; none of them selects less than another one of them.
    pub selectors: Vec<Need>,
    /// Names of metrics that the rules make: what history has of them does not count.
    pub made: BTreeSet<String>,
    /// Samples older than this are read by no rule; `None` where rules name an instant.
    pub reach: Option<Duration>,
    /// What cannot be fetched, or not as it was: for people.
    pub notes: Vec<String>,
}

/// Series that are read.
#[derive(Debug, Clone)]
pub struct Need {
    /// As a selector: `up{job="a"}`.
    pub selector: String,
    /// What the series meet.
    pub matchers: Vec<Matcher>,
    /// How far before an evaluation they are read.
    pub before_ms: i64,
    /// How far behind it.
    pub after_ms: i64,
    /// Instants named with `@`: first and last.
    pub pinned_ms: Option<(i64, i64)>,
}

/// How far a selector reaches from an evaluation, over everything around it.
#[derive(Debug, Clone, Copy, Default)]
struct Reach {
    before_ms: i64,
    after_ms: i64,
    pinned_ms: Option<(i64, i64)>,
}

impl Needs {
    /// What these groups need.
    pub fn of(groups: &[RuleGroup], language: promql::Options, lookback: Duration) -> Needs {
        let rules = || groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
        let recorded = rules().filter(|(_, rule)| rule.kind == RuleKind::Recording).map(|(_, rule)| rule.name.clone());
        let mut needs = Needs { made: recorded.collect(), ..Needs::default() };
        needs.made.extend(OF_ALERTS.map(str::to_owned));
        for (group, rule) in rules() {
            let Ok(expr) = promql::parse_with(&rule.expr, language) else {
                needs.note(format!("the expression of {} is not PromQL: it is not evaluated", rule.name));
                continue;
            };
            let shift = millis(group.query_offset).saturating_add(if group.pace.is_aligned {
                millis(group.interval)
            } else {
                0
            });
            walk(&expr, &mut |expr, around| {
                let (selector, range) = match expr {
                    Expr::Vector(selector) => (selector, None),
                    Expr::Range(range) => (&range.selector, Some(&range.range)),
                    _ => return,
                };
                let (reach, is_known) = reach(selector, range, around, millis(lookback));
                if !is_known {
                    needs.note(format!("{}: how far {selector} looks back is computed: taken for a day", rule.name));
                }
                if reach.after_ms > 0 {
                    let note = "reads the future, which the rule service could not: its alerts may be others";
                    needs.note(format!("{}: {selector} {note}", rule.name));
                }
                needs.add(selector, Reach { before_ms: reach.before_ms.saturating_add(shift), ..reach });
            });
        }
        needs.drop_contained();
        let furthest = needs.selectors.iter().map(|need| need.before_ms).max().unwrap_or(0).max(millis(lookback));
        let is_pinned = needs.selectors.iter().any(|need| need.pinned_ms.is_some());
        needs.reach = (!is_pinned).then(|| Duration::from_millis(furthest.unsigned_abs()));
        needs
    }

    /// Also what others need; of both only what neither makes is missed.
    pub fn and(mut self, other: Needs) -> Needs {
        self.selectors.extend(other.selectors);
        self.made = self.made.intersection(&other.made).cloned().collect();
        self.reach = self.reach.zip(other.reach).map(|(a, b)| a.max(b));
        other.notes.into_iter().for_each(|note| self.note(note));
        self.drop_contained();
        self
    }

    /// Whether history's series of this name play no role.
    pub fn makes(&self, metric: &str) -> bool {
        self.made.contains(metric)
    }

    /// Whether history's series with these labels play no role.
    pub fn leaves_out(&self, labels: &LabelSet) -> bool {
        self.makes(labels.get_or_empty(METRIC_NAME))
    }

    /// Whether every series a selector can select is fetched, or made by the rules.
    pub fn cover(&self, selector: &VectorSelector) -> bool {
        selector.metric_name().is_some_and(|name| self.makes(name))
            || self.selectors.iter().any(|need| is_within(&selector.matchers, &need.matchers))
    }

    /// How far behind an evaluation something is read.
    pub fn foresight(&self) -> Duration {
        let furthest = self.selectors.iter().map(|need| need.after_ms).max().unwrap_or(0);
        Duration::from_millis(furthest.unsigned_abs())
    }

    fn add(&mut self, selector: &VectorSelector, reach: Reach) {
        if selector.metric_name().is_some_and(|name| self.makes(name)) {
            return;
        }
        let plain = VectorSelector { offset: None, at: None, boundary: None, ..selector.clone() };
        let text = Expr::Vector(plain).to_string();
        match self.selectors.iter_mut().find(|need| need.selector == text) {
            Some(need) => need.widen(reach),
            None => self.selectors.push(Need {
                selector: text,
                matchers: selector.matchers.clone(),
                before_ms: reach.before_ms,
                after_ms: reach.after_ms,
                pinned_ms: reach.pinned_ms,
            }),
        }
    }

    /// `up{job="a"}` comes with `up`.
    fn drop_contained(&mut self) {
        let mut kept: Vec<Need> = Vec::new();
        let mut all = std::mem::take(&mut self.selectors);
        all.sort_by(|a, b| (a.matchers.len(), &a.selector).cmp(&(b.matchers.len(), &b.selector)));
        for need in all {
            match kept.iter_mut().find(|wider| is_within(&need.matchers, &wider.matchers)) {
                Some(wider) => wider.widen(need.reach()),
                None => kept.push(need),
            }
        }
        self.selectors = kept;
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

impl Need {
    /// First and last instant of what is read for evaluations in a period, and of what is read at instants of its own.
    pub fn spans_ms(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (i64, i64)> {
        let span = (from_ms.saturating_sub(self.before_ms), to_ms.saturating_add(self.after_ms));
        std::iter::once(span).chain(self.pinned_ms)
    }

    fn reach(&self) -> Reach {
        Reach { before_ms: self.before_ms, after_ms: self.after_ms, pinned_ms: self.pinned_ms }
    }

    fn widen(&mut self, reach: Reach) {
        self.before_ms = self.before_ms.max(reach.before_ms);
        self.after_ms = self.after_ms.max(reach.after_ms);
        self.pinned_ms = match (self.pinned_ms, reach.pinned_ms) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }
}

/// Whether what meets `narrow` meets `wide` too, as far as it can be seen without looking at values.
fn is_within(narrow: &[Matcher], wide: &[Matcher]) -> bool {
    wide.iter().all(|matcher| narrow.contains(matcher))
}

/// A computed length of time is not known before the expression runs.
const COMPUTED_MS: i64 = 24 * 3_600_000;

fn reach(
    selector: &VectorSelector,
    range: Option<&ast::Duration>,
    around: &[&Expr],
    lookback_ms: i64,
) -> (Reach, bool) {
    let mut is_known = true;
    let mut length = |duration: Option<&ast::Duration>| match duration {
        None => 0,
        Some(ast::Duration::Fixed(ms)) => *ms,
        Some(ast::Duration::Computed(_)) => {
            is_known = false;
            COMPUTED_MS
        }
    };
    // Boundaries interpolate with samples on either side of the range.
    let beside_ms = if selector.boundary.is_some() { lookback_ms } else { 0 };
    let own_ms = range.map_or(lookback_ms, |range| length(Some(range)));
    let offset_ms = length(selector.offset.as_ref());
    let (mut before_ms, mut after_ms) = (own_ms + beside_ms + offset_ms, beside_ms - offset_ms);
    let mut at = selector.at;
    let mut pinned_ms = None;
    for around in around.iter().rev() {
        pinned_ms = pinned_ms.or_else(|| pinned(at, before_ms, after_ms));
        let Expr::Subquery(subquery) = around else { continue };
        let (range_ms, offset_ms) = (length(Some(&subquery.range)), length(subquery.offset.as_ref()));
        before_ms += range_ms + offset_ms;
        after_ms -= offset_ms;
        at = subquery.at;
    }
    pinned_ms = pinned_ms.or_else(|| pinned(at, before_ms, after_ms));
    (Reach { before_ms: before_ms.max(0), after_ms: after_ms.max(0), pinned_ms }, is_known)
}

fn pinned(at: Option<At>, before_ms: i64, after_ms: i64) -> Option<(i64, i64)> {
    match at {
        Some(At::Timestamp(at_ms)) => Some((at_ms.saturating_sub(before_ms), at_ms.saturating_add(after_ms.max(0)))),
        // Rules are instant queries: both are the instant of the evaluation.
        Some(At::Start | At::End) | None => None,
    }
}

/// Whole milliseconds.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use model::source::SourceFile;
    use rules_engine::rule_file::{self, Defaults};

    use super::*;

    fn needs(rules: &str) -> Needs {
        let text = format!("groups:\n- name: g\n  rules:\n{rules}");
        let (groups, _) = rule_file::read(&SourceFile::new("r.yml", text), &Defaults::default()).unwrap();
        Needs::of(&groups, promql::Options::all(), Duration::from_secs(300))
    }

    #[test]
    fn selectors_are_merged_and_what_rules_make_is_left_out() {
        let needs = needs(
            "  - {record: 'job:up', expr: 'sum(up)'}\n  - {alert: A, expr: 'up{job=\"a\"} == 0 and job:up > ALERTS'}\n  - {alert: B, \
             expr: 'rate(x_total[10m] offset 1h) > 0 or max_over_time(rate(x_total{a=\"b\"}[5m])[2h:1m]) > 1'}\n",
        );
        let shown: Vec<(&str, i64)> =
            needs.selectors.iter().map(|need| (need.selector.as_str(), need.before_ms / 60_000)).collect();
        assert_eq!(shown, [("up", 5), ("x_total", 125)]);
        assert_eq!(needs.reach, Some(Duration::from_secs(125 * 60)));
        assert!(needs.makes("job:up") && needs.makes("ALERTS") && !needs.makes("up"));
        assert!(needs.notes.is_empty(), "{:?}", needs.notes);
    }

    #[test]
    fn the_future_and_named_instants_are_told() {
        let needs = needs("  - {alert: A, expr: 'x offset -5m > y @ 1000'}\n");
        let after: Vec<i64> = needs.selectors.iter().map(|need| need.after_ms).collect();
        assert_eq!(after, [300_000, 0]);
        assert_eq!((needs.selectors[1].pinned_ms, needs.reach), (Some((700_000, 1_000_000)), None));
        let spans: Vec<(i64, i64)> = needs.selectors[1].spans_ms(2_000_000, 3_000_000).collect();
        assert_eq!(spans, [(1_700_000, 3_000_000), (700_000, 1_000_000)]);
        assert_eq!(needs.foresight(), Duration::from_secs(300));
        assert!(needs.notes[0].contains("reads the future"), "{:?}", needs.notes);
    }
}
