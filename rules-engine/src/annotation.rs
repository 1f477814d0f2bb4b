//! Label and annotation templates of an alerting rule, rendered for each series of a result.
//!
//! A series that was rendered before, with a value that makes no difference, is not rendered again.

mod dependence;
mod lookup;
mod template;

use std::sync::Arc;

use model::labels::{ALERT_NAME, METRIC_NAME};
use model::{LabelSet, Timestamp};
use smol_str::SmolStr;

use crate::alerting::{Alerts, Instance, Row};
use dependence::Dependence;
use template::{Failure, Subject, Template};

pub use lookup::{LookupAnswer, Lookups, MOST_LOOKUPS, MOST_ROUNDS};

/// The texts of one rule, compiled.
#[derive(Debug)]
pub struct Texts {
    alert_name: SmolStr,
    labels: Family,
    annotations: Family,
}

/// Texts that are rendered together.
#[derive(Debug)]
struct Family {
    texts: Vec<(SmolStr, Text)>,
    dependence: Dependence,
    /// The result, where no text is a template.
    fixed: Option<LabelSet>,
}

#[derive(Debug)]
enum Text {
    Fixed(SmolStr),
    Template(Template),
    /// A template that does not parse renders as its error. Loading refuses such rules.
    Broken(SmolStr),
}

/// What one rendering knows, and what it found out.
#[derive(Debug)]
pub struct Rendering<'a> {
    /// For `externalURL`, `pathPrefix` and `$externalURL`.
    pub external_url: &'a str,
    /// `$externalLabels`.
    pub external_labels: &'a LabelSet,
    /// The evaluation timestamp: what `now` gives.
    pub at: Timestamp,
    /// Answers to the templates' own queries.
    pub lookups: &'a Lookups,
    /// Queries without an answer yet: if there are any, the result is to be thrown away.
    pub missing: Vec<Arc<str>>,
    /// Templates rendered.
    pub expansions: u64,
    /// Templates that failed.
    pub failures: u64,
    /// What the first failure said.
    pub first_failure: Option<String>,
}

impl<'a> Rendering<'a> {
    /// A rendering at an instant.
    pub fn new(external_url: &'a str, external_labels: &'a LabelSet, at: Timestamp, lookups: &'a Lookups) -> Self {
        Self {
            external_url,
            external_labels,
            at,
            lookups,
            missing: Vec::new(),
            expansions: 0,
            failures: 0,
            first_failure: None,
        }
    }

    /// Renders a text for a series. A failure becomes the text, as in Prometheus.
    fn expand(&mut self, text: &Text, subject: &Subject<'_>) -> SmolStr {
        let template = match text {
            Text::Fixed(text) => return text.clone(),
            Text::Broken(error) => {
                self.expansions += 1;
                return self.failed(error);
            }
            Text::Template(template) => template,
        };
        self.expansions += 1;
        match template.render(subject, self) {
            Ok(text) => text.into(),
            Err(Failure::Error(error)) => self.failed(&error),
            Err(Failure::Needs(expr)) => {
                // Not counted: the template is rendered again once the answer is there.
                self.expansions -= 1;
                if !self.missing.iter().any(|missing| **missing == *expr) {
                    self.missing.push(expr.into());
                }
                SmolStr::default()
            }
        }
    }

    fn failed(&mut self, error: &str) -> SmolStr {
        self.failures += 1;
        self.first_failure.get_or_insert_with(|| error.to_owned());
        format!("<error expanding template: {error}>").into()
    }
}

impl Texts {
    /// Compiles the templates of the alerting rule `name`.
    pub fn compile(name: &str, labels: &LabelSet, annotations: &LabelSet) -> Self {
        Self {
            alert_name: name.into(),
            labels: Family::compile(name, labels),
            annotations: Family::compile(name, annotations),
        }
    }

    /// Renders each series that differs from what `alerts` were last rendered from.
    pub fn rows(&self, series: &[(LabelSet, f64)], alerts: &Alerts, rendering: &mut Rendering<'_>) -> Vec<Row> {
        let rows = series.iter().enumerate();
        rows.map(|(place, (source, value))| self.row(source, *value, alerts.rendered_from(source, place), rendering))
            .collect()
    }

    fn row(
        &self,
        source: &LabelSet,
        value: f64,
        before: Option<(usize, &Instance)>,
        rendering: &mut Rendering<'_>,
    ) -> Row {
        let same_value = before.is_some_and(|(_, before)| before.value.to_bits() == value.to_bits());
        let subject = Subject::new(source, value);
        let (at, labels) = match before {
            Some((at, before)) if self.labels.dependence.holds(same_value) => (Some(at), before.labels.clone()),
            _ => (None, self.identity(&subject, rendering)),
        };
        let annotations = match before {
            Some((_, before)) if self.annotations.dependence.holds(same_value) => before.annotations.clone(),
            _ => self.annotations.expand(&subject, rendering),
        };
        Row { source: source.clone(), value, labels, at, annotations }
    }

    /// The labels of the alert: the rule's over the series', without what expands to "", and the alert's name over all.
    fn identity(&self, subject: &Subject<'_>, rendering: &mut Rendering<'_>) -> LabelSet {
        let own = subject.labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        let over = self.labels.expanded(subject, rendering);
        let over = over.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        LabelSet::from_pairs(own.chain(over).chain([(ALERT_NAME, self.alert_name.as_str())])).without_empty()
    }
}

impl Family {
    fn compile(rule: &str, texts: &LabelSet) -> Self {
        let mut dependence = Dependence::default();
        let compile = |(name, source): (&str, &str)| {
            if !source.contains("{{") {
                return (name.into(), Text::Fixed(source.into()));
            }
            dependence = dependence.and(Dependence::of(source));
            let text = match Template::compile(rule, source) {
                Ok(template) => Text::Template(template),
                Err(error) => Text::Broken(error.into()),
            };
            (SmolStr::from(name), text)
        };
        let compiled: Vec<_> = texts.iter().map(compile).collect();
        let is_fixed = compiled.iter().all(|(_, text)| matches!(text, Text::Fixed(_)));
        Self { texts: compiled, dependence, fixed: is_fixed.then(|| texts.clone()) }
    }

    fn expand(&self, subject: &Subject<'_>, rendering: &mut Rendering<'_>) -> LabelSet {
        match &self.fixed {
            Some(fixed) => fixed.clone(),
            None => LabelSet::from_pairs(self.expanded(subject, rendering)),
        }
    }

    fn expanded(&self, subject: &Subject<'_>, rendering: &mut Rendering<'_>) -> Vec<(SmolStr, SmolStr)> {
        self.texts.iter().map(|(name, text)| (name.clone(), rendering.expand(text, subject))).collect()
    }
}
