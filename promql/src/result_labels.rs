//! Which labels the series of an expression's result can have, judged from its text alone.
//!
//! What is not known counts as possible: "cannot have" is a promise, "can have" is none. The rules are those of
//! Prometheus' engine: which labels aggregations, functions and vector matching keep.
//!
//! - `result_labels/flow.rs`: from the parts of an expression to the whole

mod flow;

use std::collections::{BTreeMap, BTreeSet};

use model::MatchOp;

use crate::ast::{Expr, VectorSelector};
use crate::matcher::{METRIC_NAME, Matcher};
use crate::span::Span;

/// The labels that the series of a result can have.
#[derive(Debug, Clone, Default)]
pub struct ResultLabels {
    /// The only labels there can be; `None` is any.
    only: Option<BTreeSet<String>>,
    /// What set the limit of `only`.
    limit: Span,
    /// Labels there cannot be, and what takes them away.
    gone: BTreeMap<String, Span>,
    /// What the values of labels pass; an absent label has the value "".
    passed: BTreeMap<String, Vec<Matcher>>,
}

impl ResultLabels {
    /// Of an expression of any type; scalars and texts have no labels.
    pub fn of(expr: &Expr) -> ResultLabels {
        flow::labels_of(expr)
    }

    /// Whether a series can have this label, with a value that is not empty.
    pub fn can_have(&self, label: &str) -> bool {
        !self.gone.contains_key(label) && self.only.as_ref().is_none_or(|only| only.contains(label))
    }

    /// The part of the expression that keeps this label out; `None` if a series can have it.
    pub fn kept_out_by(&self, label: &str) -> Option<Span> {
        match self.gone.get(label) {
            Some(span) => Some(*span),
            None => (!self.can_have(label)).then_some(self.limit),
        }
    }

    /// The only labels there can be, sorted; `None` if there is no such list.
    pub fn only(&self) -> Option<impl Iterator<Item = &str>> {
        self.only.as_ref().map(|only| only.iter().map(String::as_str))
    }

    /// Whether every series has this label, or the expression names it among those to keep.
    pub(crate) fn is_expected(&self, label: &str) -> bool {
        let named = self.only.as_ref().is_some_and(|only| only.contains(label));
        self.can_have(label) && (named || !self.passes(label, ""))
    }

    /// Whether a selector asks for series without this label.
    pub(crate) fn is_unset(&self, label: &str) -> bool {
        self.gone.contains_key(label) && self.passed.contains_key(label)
    }

    /// Whether a series can have this value of a label.
    pub(crate) fn passes(&self, label: &str, value: &str) -> bool {
        if !self.can_have(label) {
            return value.is_empty();
        }
        self.passed.get(label).is_none_or(|passed| passed.iter().all(|matcher| matcher.matches_value(value)))
    }

    /// The only values a label can have, if they are known.
    pub(crate) fn values(&self, label: &str) -> Option<Vec<&str>> {
        if !self.can_have(label) {
            return Some(vec![""]);
        }
        let listed = self.passed.get(label)?.iter().find_map(Matcher::only_values)?;
        Some(listed.iter().map(|value| value.as_str()).filter(|value| self.passes(label, value)).collect())
    }

    /// Every label that something is known about.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        let only = self.only.iter().flatten();
        only.chain(self.gone.keys()).chain(self.passed.keys()).map(String::as_str)
    }

    fn none(limit: Span) -> ResultLabels {
        ResultLabels { only: Some(BTreeSet::new()), limit, ..ResultLabels::default() }
    }

    fn of_selector(selector: &VectorSelector) -> ResultLabels {
        let mut labels = ResultLabels::default();
        for matcher in &selector.matchers {
            labels.passed.entry(matcher.name().to_owned()).or_default().push(matcher.clone());
        }
        let emptied = labels.passed.iter().filter(|(_, matchers)| {
            let is_empty = |matcher: &Matcher| matcher.op() == MatchOp::Equal && matcher.value().is_empty();
            matchers.iter().any(is_empty)
        });
        labels.gone = emptied.map(|(name, _)| (name.clone(), selector.span)).collect();
        labels
    }

    /// Without these labels.
    fn without<'n>(mut self, names: impl IntoIterator<Item = &'n str>, by: Span) -> ResultLabels {
        for name in names {
            if self.can_have(name) {
                self.gone.insert(name.to_owned(), by);
            }
            self.passed.remove(name);
            if let Some(only) = &mut self.only {
                only.remove(name);
            }
        }
        self
    }

    fn without_name(self, by: Span) -> ResultLabels {
        self.without([METRIC_NAME], by)
    }

    /// With none but these labels.
    fn keep<'n>(mut self, names: impl IntoIterator<Item = &'n str>, by: Span) -> ResultLabels {
        let names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
        self.gone.retain(|name, _| names.contains(name));
        self.passed.retain(|name, _| names.contains(name));
        self.only = Some(names.into_iter().filter(|name| self.can_have(name)).collect());
        self.limit = by;
        self
    }

    /// With one more label, of any value.
    fn with(mut self, name: &str) -> ResultLabels {
        self.gone.remove(name);
        self.passed.remove(name);
        if let Some(only) = &mut self.only {
            only.insert(name.to_owned());
        }
        self
    }

    /// Of series from either.
    fn or(self, other: ResultLabels) -> ResultLabels {
        let names: BTreeSet<&str> = self.named().chain(other.named()).collect();
        let gone = names.iter().filter(|name| !other.can_have(name)).filter_map(|name| {
            let by = self.kept_out_by(name)?;
            (self.only.is_none() || other.only.is_none()).then(|| ((*name).to_owned(), by))
        });
        let passed = self.passed.iter().filter(|(name, matchers)| other.passed.get(*name) == Some(matchers));
        let both = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.union(b).cloned().collect();
        ResultLabels {
            only: self.only.as_ref().zip(other.only.as_ref()).map(|(a, b)| both(a, b)),
            limit: self.limit,
            gone: gone.collect(),
            passed: passed.map(|(name, matchers)| (name.clone(), matchers.clone())).collect(),
        }
    }

    /// With these labels only as far as a series of `other` can have them too: both have the same value.
    fn shared<'n>(self, names: impl IntoIterator<Item = &'n str>, other: &ResultLabels) -> ResultLabels {
        let lacking = names.into_iter().filter_map(|name| Some((name, other.kept_out_by(name)?)));
        lacking.fold(self, |labels, (name, by)| labels.without([name], by))
    }
}

#[cfg(test)]
mod soundness;
#[cfg(test)]
mod tests;
