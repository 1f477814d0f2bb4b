//! `label_replace` and `label_join`.

use model::LabelSet;
use model::labels::METRIC_NAME;
use model::pattern::anchored_dotall;

use crate::ast::{Call, Expr};
use crate::eval::context::{Context, Evaluated};
use crate::eval::label_table::Memo;
use crate::eval::node::VectorNode;
use crate::eval::value::Vector;
use crate::eval::{EvalError, Settings, plan};

/// A call of such a function.
#[derive(Debug, Clone)]
pub(in crate::eval) struct LabelFunction {
    vector: VectorNode,
    target: String,
    change: Change,
    known: Memo,
}

#[derive(Debug, Clone)]
enum Change {
    Replace(Box<Replacement>),
    Join { separator: String, sources: Vec<String> },
}

#[derive(Debug, Clone)]
struct Replacement {
    template: String,
    source: String,
    pattern: regex::Regex,
}

impl LabelFunction {
    pub(in crate::eval) fn new(call: &Call, settings: &Settings) -> Evaluated<LabelFunction> {
        let text = |index: usize| plan::text(plan::argument(call, index)?);
        let vector = plan::vector(plan::argument(call, 0)?, settings)?;
        let target = label_name(call, plan::argument(call, 1)?, "destination")?;
        let change = if call.function.name == "label_replace" {
            let pattern = text(4)?;
            let compiled = anchored_dotall(&pattern).map_err(|_| {
                let span = plan::argument(call, 4).map_or(call.span, Expr::span);
                EvalError::at(span, format!("invalid regular expression in label_replace(): {pattern}"))
            })?;
            let replacement = Replacement { template: text(2)?, source: text(3)?, pattern: compiled };
            Change::Replace(Box::new(replacement))
        } else {
            let sources = call.arguments.iter().skip(3).map(|source| label_name(call, source, "source"));
            Change::Join { separator: text(2)?, sources: sources.collect::<Evaluated<_>>()? }
        };
        Ok(LabelFunction { vector, target, change, known: Memo::default() })
    }

    pub(in crate::eval) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let mut vector = self.vector.eval(cx, t_ms)?;
        let (target, change) = (&self.target, &self.change);
        for sample in &mut vector {
            let before = sample.labels;
            sample.labels = self.known.get_or(before, || {
                let labels = changed(cx.labels(before), target, change);
                cx.table.id(&labels)
            });
            // A name that is written here is not the one that was to go.
            sample.drop_name &= target != METRIC_NAME;
        }
        cx.check_unique(&vector)?;
        Ok(vector)
    }
}

fn label_name(call: &Call, argument: &Expr, what: &str) -> Evaluated<String> {
    let invalid = |shown: &str| {
        let message = format!("invalid {what} label name in {}(): {shown}", call.function.name);
        EvalError::at(argument.span(), message)
    };
    match plan::inner(argument) {
        Expr::String(literal) => match literal.text() {
            Some("") if what == "destination" => Err(invalid("")),
            Some(name) => Ok(name.to_owned()),
            None => Err(invalid(&String::from_utf8_lossy(&literal.bytes))),
        },
        argument => plan::text(argument),
    }
}

fn changed(labels: &LabelSet, target: &str, change: &Change) -> LabelSet {
    let value = match change {
        Change::Replace(replacement) => {
            let source = labels.get_or_empty(&replacement.source);
            let Some(captures) = replacement.pattern.captures(source) else { return labels.clone() };
            let mut value = String::new();
            captures.expand(&replacement.template, &mut value);
            value
        }
        Change::Join { separator, sources } => {
            let values: Vec<&str> = sources.iter().map(|source| labels.get_or_empty(source)).collect();
            values.join(separator)
        }
    };
    if value.is_empty() { labels.without(target) } else { labels.with(target, &value) }
}
