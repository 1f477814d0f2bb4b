//! Groups and rules with the places where they are written: what lints point at.

use std::sync::Arc;

use model::source::{Span, Spanned};

use super::written::TextMap;
use crate::rule::{Rule, RuleGroup};

/// A group and where it is written.
#[derive(Debug)]
pub(super) struct LocatedGroup {
    /// As meant, but for its rules.
    pub(super) group: RuleGroup,
    /// Its name.
    pub(super) name: Span,
    /// How many evaluations of its rules are remembered, where the file says so.
    pub(super) history: Option<usize>,
    /// Whether the file says how often it is evaluated.
    pub(super) has_interval: bool,
    /// Its rules.
    pub(super) rules: Vec<LocatedRule>,
}

/// A rule and where it is written.
#[derive(Debug)]
pub(super) struct LocatedRule {
    /// As meant.
    pub(super) rule: Arc<Rule>,
    /// Its position in the group, from 1.
    pub(super) number: usize,
    /// The rule from its first key to its end.
    pub(super) whole: Span,
    /// Its name.
    pub(super) name: Span,
    /// The expression as written.
    pub(super) expr: Spanned<String>,
    /// The expression, if it is PromQL.
    pub(super) parsed: Option<promql::Expr>,
    /// The value of `for`.
    pub(super) hold: Option<Span>,
    /// Its own labels.
    pub(super) labels: TextMap,
    /// Its annotations.
    pub(super) annotations: TextMap,
}

impl LocatedGroup {
    /// The group as meant.
    pub(super) fn into_group(self) -> RuleGroup {
        RuleGroup { rules: self.rules.into_iter().map(|located| located.rule).collect(), ..self.group }
    }
}
