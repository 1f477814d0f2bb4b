//! Labels that texts of an alert use although the query never returns them, and values that make an alert's labels change.

use std::collections::BTreeSet;

use model::source::Spanned;
use promql::Expr;
use promql::operator::{AggregateOp, BinaryOp};
use promql::result_labels::ResultLabels;

use super::template_scan::{TemplateUse, scan};
use super::{Finding, Lint, Subject, place_in};
use crate::rule_file::written::TextMap;

pub(super) fn inspect(subject: &Subject<'_>, expr: &Expr) -> Vec<Finding> {
    let labels = ResultLabels::of(expr);
    let rule = subject.rule;
    let mut found = Vec::new();
    for (kind, texts) in [("label", &rule.labels), ("annotation", &rule.annotations)] {
        for (name, text) in texts {
            let used = scan(&text.value);
            let mut told = BTreeSet::new();
            for label in used.labels.iter().filter(|label| !used.guarded.contains(&label.name)) {
                if told.insert(&label.name) {
                    let what = format!("{kind} {:?}", name.value);
                    let place = place_in(subject.file, text, label.start, label.end);
                    found.extend(unknown_label(subject, &labels, &what, &label.name, place));
                }
            }
            if kind == "label" {
                found.extend(unstable(subject, expr, name, text, &used));
            }
        }
    }
    found
}

fn unknown_label(
    subject: &Subject<'_>,
    labels: &ResultLabels,
    what: &str,
    label: &str,
    place: model::source::Span,
) -> Option<Finding> {
    let by = labels.kept_out_by(label)?;
    let message = format!("{what} uses the label {label:?}, which the query never returns: the text stays empty there");
    let cause = subject.quoted(by);
    let listed = |labels: &TextMap| labels.iter().any(|(name, _)| name.value == label);
    let hint = if subject.rule.rule.labels.get(label).is_some() || listed(&subject.rule.labels) {
        "it is a label of the rule; $labels holds those of the query's result only: write its value".to_owned()
    } else {
        match labels.only().map(|only| only.collect::<Vec<_>>()) {
            _ if cause.starts_with("`absent") => {
                format!("{cause} has only the labels that its selector asks for with `=`; write the text without it")
            }
            Some(only) if only.is_empty() => {
                format!("{cause} leaves no labels; keep it there, or write the text without it")
            }
            Some(only) => format!("{cause} leaves only {}; keep the label there, or use one of these", only.join(", ")),
            None => format!("{cause} leaves it out; keep the label there, or do not use it"),
        }
    };
    Some(subject.finding(Lint::TemplateLabel, place, &message, hint))
}

/// A label that shows the value: with each new value it is another alert.
fn unstable(
    subject: &Subject<'_>,
    expr: &Expr,
    name: &Spanned<String>,
    text: &Spanned<String>,
    used: &TemplateUse,
) -> Option<Finding> {
    let place = used.changing.first().filter(|place| place.is_time || !has_fixed_value(expr))?;
    let what = if place.is_time { "the time" } else { "the value" };
    let message = format!(
        "label {:?} holds {what}: with each evaluation it is another alert, which starts `for` anew and pages anew",
        name.value
    );
    let hint = "put it into an annotation; annotations may change while an alert stays the same";
    let span = place_in(subject.file, text, place.start, place.end);
    Some(subject.finding(Lint::UnstableLabel, span, &message, hint))
}

/// Whether all results have the same value for ever.
fn has_fixed_value(expr: &Expr) -> bool {
    match expr.bare() {
        Expr::Number(_) => true,
        Expr::Aggregate(aggregate) => aggregate.op == AggregateOp::Group || has_fixed_value(&aggregate.expr),
        Expr::Call(call) => match call.function.name {
            "absent" | "absent_over_time" | "present_over_time" => true,
            "vector" | "label_replace" | "label_join" | "sort" => call.arguments.first().is_some_and(has_fixed_value),
            _ => false,
        },
        Expr::Binary(binary) => match binary.op {
            BinaryOp::Equal if !binary.returns_bool => has_fixed_value(&binary.left) || has_fixed_value(&binary.right),
            BinaryOp::And | BinaryOp::Unless => has_fixed_value(&binary.left),
            BinaryOp::Or => has_fixed_value(&binary.left) && has_fixed_value(&binary.right),
            op if op.is_comparison() && !binary.returns_bool => has_fixed_value(&binary.left),
            _ => false,
        },
        _ => false,
    }
}
