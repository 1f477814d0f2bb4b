//! What loads but is probably not meant: findings with their place, why they hurt and how to mend them.
//!
//! A finding must be certain from what is written: where a rule may be right, nothing is said.
//!
//! - `lint/condition.rs`: alerts that fire whatever the values are, comparisons that are never true
//! - `lint/exemption.rs`: findings that are meant to be there
//! - `lint/label_use.rs`: labels that texts use, values in labels; `lint/template_scan.rs` reads the texts
//! - `lint/matching.rs`: operators whose sides never meet, selectors that select nothing
//! - `lint/timing.rs`: windows, `for` and intervals that do not fit each other

mod condition;
mod exemption;
mod label_use;
mod matching;
mod template_scan;
mod timing;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use model::source::{Diagnostic, SourceFile, Span, Spanned};
use promql::Expr;
use yaml::position_in_scalar;

use super::located::{LocatedGroup, LocatedRule};
use crate::rule::RuleKind;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lint {
    /// promtool's: rules of a file with the same name and labels.
    DuplicateRules,
    /// A text uses a label that the query never returns.
    TemplateLabel,
    /// A label of an alert holds a value that changes with each evaluation.
    UnstableLabel,
    /// An alert without a condition.
    AlertCondition,
    /// A comparison that no value can pass.
    NeverTrue,
    /// Two sides that never match, a selector that contradicts itself, a copied label that is not there.
    NeverMatches,
    /// A window too short for two samples.
    RateWindow,
    /// `for` is shorter than the interval.
    ShortFor,
    /// Recorded series vanish between evaluations.
    IntervalLookback,
    /// A selector that selects nothing on the server now.
    MissingSeries,
    /// A counter's function on a gauge, or the other way round.
    MetricType,
    /// More series than an alert or a recording should have.
    TooManySeries,
}

impl Lint {
    /// Every lint.
    pub const ALL: [Lint; 12] = [
        Lint::DuplicateRules,
        Lint::TemplateLabel,
        Lint::UnstableLabel,
        Lint::AlertCondition,
        Lint::NeverTrue,
        Lint::NeverMatches,
        Lint::RateWindow,
        Lint::ShortFor,
        Lint::IntervalLookback,
        Lint::MissingSeries,
        Lint::MetricType,
        Lint::TooManySeries,
    ];

    /// As `--lint` names it.
    pub fn name(self) -> &'static str {
        match self {
            Lint::DuplicateRules => "duplicate-rules",
            Lint::TemplateLabel => "template-label",
            Lint::UnstableLabel => "unstable-label",
            Lint::AlertCondition => "alert-condition",
            Lint::NeverTrue => "never-true",
            Lint::NeverMatches => "never-matches",
            Lint::RateWindow => "rate-window",
            Lint::ShortFor => "short-for",
            Lint::IntervalLookback => "interval-lookback",
            Lint::MissingSeries => "missing-series",
            Lint::MetricType => "metric-type",
            Lint::TooManySeries => "too-many-series",
        }
    }

    /// The lint of this name.
    pub fn by_name(name: &str) -> Option<Lint> {
        Lint::ALL.into_iter().find(|lint| lint.name() == name)
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// By which lint.
    pub lint: Lint,
    /// Where and what, and how to mend it.
    pub diagnostic: Diagnostic,
}

/// What is known beside the files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// How often targets are scraped.
    pub scrape_interval: Option<Duration>,
    /// How often groups are evaluated that do not say.
    pub evaluation_interval: Option<Duration>,
}

/// What recording rules of all files write.
#[derive(Debug, Default)]
pub(super) struct Recorded(BTreeMap<String, Recording>);

#[derive(Clone, Copy, Debug)]
struct Recording {
    /// Whether the series are there only while something is the case.
    is_conditional: bool,
    /// How often samples come, where that is known.
    interval: Option<Duration>,
}

impl Recorded {
    /// Takes up the recording rules of a file.
    pub(super) fn learn(&mut self, groups: &[LocatedGroup], surroundings: &Surroundings) {
        for group in groups {
            let interval = interval_of(group, surroundings);
            let rules = group.rules.iter().filter(|rule| matches!(rule.rule.kind, RuleKind::Recording));
            for rule in rules {
                // what is not PromQL may be anything
                let is_conditional = rule.parsed.as_ref().is_none_or(|expr| condition::always(expr, self).is_none());
                let new = Recording { is_conditional, interval };
                let known = self.0.entry(rule.rule.name.clone()).or_insert(new);
                known.is_conditional |= new.is_conditional;
                known.interval = known.interval.max(new.interval);
            }
        }
    }
}

/// How often a group is evaluated, if that is known.
fn interval_of(group: &LocatedGroup, surroundings: &Surroundings) -> Option<Duration> {
    if group.has_interval { Some(group.group.interval) } else { surroundings.evaluation_interval }
}

/// A rule that is looked at.
pub(super) struct Subject<'a> {
    file: &'a SourceFile,
    group: &'a LocatedGroup,
    rule: &'a LocatedRule,
    surroundings: &'a Surroundings,
}

impl<'a> Subject<'a> {
    pub(super) fn new(
        file: &'a SourceFile,
        group: &'a LocatedGroup,
        rule: &'a LocatedRule,
        surroundings: &'a Surroundings,
    ) -> Subject<'a> {
        Subject { file, group, rule, surroundings }
    }

    /// Findings but for those the rule is exempt from.
    pub(super) fn without_exempt(&self, found: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
        let exempt = exemption::exemptions(self.file, self.rule.whole);
        found.into_iter().filter(|finding| !exempt.contains(&finding.lint)).collect()
    }

    pub(super) fn is_alert(&self) -> bool {
        matches!(self.rule.rule.kind, RuleKind::Alerting(_))
    }

    /// Where the rule's name stands.
    pub(super) fn name_place(&self) -> Span {
        self.rule.name
    }

    pub(super) fn finding(&self, lint: Lint, span: Span, message: &str, hint: impl Into<String>) -> Finding {
        let (group, number, name) = (&self.group.group.name, self.rule.number, &self.rule.rule.name);
        let message = format!("group {group:?}, rule {number} {name:?}: {message} [{lint}]");
        Finding { lint, diagnostic: Diagnostic::warning(self.file, span, message).hint(hint) }
    }

    /// Where a part of the expression stands in the file.
    pub(super) fn place(&self, part: promql::Span) -> Span {
        place_in(self.file, &self.rule.expr, part.start, part.end)
    }

    /// A part of the expression for a message: on one line, cut short.
    fn quoted(&self, part: promql::Span) -> String {
        const CHARS_MAX: usize = 60;
        let text = self.rule.expr.value.get(part.start..part.end).unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let line = words.join(" ");
        match line.char_indices().nth(CHARS_MAX) {
            Some((end, _)) => format!("`{}…`", line.get(..end).unwrap_or_default()),
            None => format!("`{line}`"),
        }
    }
}

/// Where bytes of a scalar's text stand in the file.
fn place_in(file: &SourceFile, scalar: &Spanned<String>, start: usize, end: usize) -> Span {
    let first = position_in_scalar(file, scalar, start);
    let last = position_in_scalar(file, scalar, end.saturating_sub(1).max(start));
    Span { start: first.start, end: last.end.max(first.end) }
}

/// Everything found in one file, from top to bottom. promtool's duplicates are not among it.
pub(super) fn inspect(
    file: &SourceFile,
    groups: &[LocatedGroup],
    recorded: &Recorded,
    surroundings: &Surroundings,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for group in groups {
        found.extend(timing::interval_lookback(file, group));
        for rule in &group.rules {
            let subject = Subject::new(file, group, rule, surroundings);
            let of_expr = rule.parsed.iter().flat_map(|expr| inspect_expr(&subject, expr, recorded));
            found.extend(subject.without_exempt(of_expr.chain(timing::short_for(&subject))));
        }
    }
    found.sort_by_key(|finding| finding.diagnostic.span);
    found
}

fn inspect_expr(subject: &Subject<'_>, expr: &Expr, recorded: &Recorded) -> Vec<Finding> {
    let mut found = Vec::new();
    if subject.is_alert() {
        found.extend(condition::alert_condition(subject, expr, recorded));
        found.extend(label_use::inspect(subject, expr));
    }
    found.extend(condition::never_true(subject, expr));
    found.extend(matching::never_matches(subject, expr));
    found.extend(timing::rate_window(subject, expr, recorded));
    found
}

#[cfg(test)]
mod tests;
