//! A text in Go's template language with what a rule's texts may use.

use std::cell::OnceCell;
use std::sync::LazyLock;

use model::LabelSet;
use templates::go_template::rule_functions::{self, RuleContext, RuleData, Sample};
use templates::go_template::{self, Escape, Functions, Limits, Map, Render, Value};

use super::Rendering;

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(rule_functions::functions);

/// A compiled text.
#[derive(Debug)]
pub(super) struct Template(go_template::Template);

/// Why there is no text.
pub(super) enum Failure {
    /// The answer to this query is needed first.
    Needs(String),
    /// It went wrong.
    Error(String),
}

/// The series a text is about. What templates see of it is made when the first one asks.
pub(super) struct Subject<'s> {
    pub(super) labels: &'s LabelSet,
    pub(super) value: f64,
    seen: OnceCell<(Value, [(&'static str, Value); 4])>,
}

impl<'s> Subject<'s> {
    pub(super) fn new(labels: &'s LabelSet, value: f64) -> Self {
        Self { labels, value, seen: OnceCell::new() }
    }

    fn seen(&self, rendering: &Rendering<'_>) -> &(Value, [(&'static str, Value); 4]) {
        self.seen.get_or_init(|| {
            let data = RuleData {
                labels: Map::strings(self.labels.iter()).into(),
                external_labels: Map::strings(rendering.external_labels.iter()).into(),
                external_url: rendering.external_url.into(),
                value: Value::Float(self.value),
            };
            (data.dot(), data.variables())
        })
    }
}

impl Template {
    /// Parses a text of the rule `rule`.
    pub(super) fn compile(rule: &str, source: &str) -> Result<Self, String> {
        let name = format!("__alert_{rule}");
        go_template::Template::parse(&name, source, &FUNCTIONS)
            .map(Self)
            .map_err(|error| format!("error parsing template {name}: {error}"))
    }

    /// Renders the text about a series.
    pub(super) fn render(&self, subject: &Subject<'_>, rendering: &Rendering<'_>) -> Result<String, Failure> {
        let (dot, variables) = subject.seen(rendering);
        let answers = |expr: &str| {
            let answer = rendering.lookups.get(expr)?.as_ref();
            let samples = |series: &Vec<(LabelSet, f64)>| series.iter().map(sample).collect();
            Some(answer.map(samples).map_err(String::clone))
        };
        let context = RuleContext {
            now_seconds: rendering.at.truncate_to_millis().as_secs_f64(),
            external_url: rendering.external_url,
            answers: &answers,
        };
        let limits = Limits::default();
        let render = Render { data: dot, variables, context: &context, limits: &limits, escape: Escape::None };
        self.0.execute(&render).map_err(|error| match error.needed_query() {
            Some(expr) => Failure::Needs(expr.to_owned()),
            None => Failure::Error(format!("error executing template {}: {error}", self.0.name())),
        })
    }
}

fn sample((labels, value): &(LabelSet, f64)) -> Sample {
    Sample::new(labels.iter(), *value)
}
