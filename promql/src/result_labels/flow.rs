//! From the labels of the parts of an expression to those of the whole.

use super::ResultLabels;
use crate::ast::{
    Aggregate, Binary, Call, Cardinality, Expr, Fill, Grouping, ValueType, VectorMatching, VectorSelector,
};
use crate::matcher::{METRIC_NAME, MatchOp};
use crate::operator::{AggregateOp, BinaryOp};
use crate::span::Span;

/// Functions that give back series as they are, with their names.
const KEEPING_NAMES: [&str; 6] =
    ["first_over_time", "last_over_time", "sort", "sort_by_label", "sort_by_label_desc", "sort_desc"];

pub(super) fn labels_of(expr: &Expr) -> ResultLabels {
    match expr {
        Expr::Number(_) | Expr::String(_) => ResultLabels::none(expr.span()),
        Expr::Vector(selector) => ResultLabels::of_selector(selector),
        Expr::Range(range) => ResultLabels::of_selector(&range.selector),
        Expr::Subquery(subquery) => labels_of(&subquery.expr),
        Expr::Paren(paren) => labels_of(&paren.expr),
        Expr::Unary(unary) if unary.negative => labels_of(&unary.expr).without_name(unary.span),
        Expr::Unary(unary) => labels_of(&unary.expr),
        Expr::Aggregate(aggregate) => of_aggregate(aggregate),
        Expr::Call(call) => of_call(call),
        Expr::Binary(binary) => of_binary(binary),
    }
}

fn of_aggregate(aggregate: &Aggregate) -> ResultLabels {
    use AggregateOp::{Bottomk, CountValues, LimitRatio, Limitk, Topk};
    let inner = labels_of(&aggregate.expr);
    if matches!(aggregate.op, Topk | Bottomk | Limitk | LimitRatio) {
        return inner;
    }
    let grouped = match &aggregate.grouping {
        Grouping::By(names) => inner.keep(names.iter().map(String::as_str), aggregate.span),
        Grouping::Without(names) => {
            inner.without(names.iter().map(String::as_str).chain([METRIC_NAME]), aggregate.span)
        }
    };
    match (aggregate.op, &aggregate.parameter) {
        (CountValues, Some(label)) => with_label_of(grouped, label),
        _ => grouped,
    }
}

/// With the label a text argument names; any label if it cannot be told which.
fn with_label_of(labels: ResultLabels, name: &Expr) -> ResultLabels {
    match text(name) {
        Some(name) => labels.with(name),
        None => ResultLabels::default(),
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::String(literal) => literal.text(),
        Expr::Paren(paren) => text(&paren.expr),
        _ => None,
    }
}

fn of_call(call: &Call) -> ResultLabels {
    let name = call.function.name;
    if call.function.returns != ValueType::Vector {
        return ResultLabels::none(call.span);
    }
    let is_series = |argument: &&Expr| matches!(argument.value_type(), ValueType::Vector | ValueType::Matrix);
    let series = call.arguments.iter().find(is_series);
    let argument = |at: usize| call.arguments.get(at);
    match (name, series) {
        // `vector(1)`, `hour()`
        (_, None) => ResultLabels::none(call.span),
        ("absent" | "absent_over_time", Some(series)) => of_absent(series, call.span),
        ("info", _) => ResultLabels::default(),
        ("label_replace" | "label_join", Some(series)) => match argument(1) {
            Some(label) => with_label_of(labels_of(series), label),
            None => ResultLabels::default(),
        },
        ("histogram_quantile" | "histogram_fraction", Some(series)) => {
            labels_of(series).without(["le", METRIC_NAME], call.span)
        }
        ("histogram_quantiles", Some(series)) => match argument(1) {
            Some(label) => with_label_of(labels_of(series).without(["le", METRIC_NAME], call.span), label),
            None => ResultLabels::default(),
        },
        (_, Some(series)) if KEEPING_NAMES.contains(&name) => labels_of(series),
        (_, Some(series)) => labels_of(series).without_name(call.span),
    }
}

/// What `absent` gives has the labels that the selector asks for by equality.
fn of_absent(series: &Expr, by: Span) -> ResultLabels {
    let selector = match series {
        Expr::Vector(selector) => selector,
        Expr::Range(range) => &range.selector,
        Expr::Paren(paren) => return of_absent(&paren.expr, by),
        _ => return ResultLabels::none(by),
    };
    let equal = |selector: &VectorSelector| {
        let equal = selector.matchers.iter().filter(|matcher| matcher.op() == MatchOp::Equal);
        equal.map(|matcher| matcher.name().to_owned()).collect::<Vec<_>>()
    };
    let names = equal(selector);
    let names = names.iter().map(String::as_str).filter(|name| *name != METRIC_NAME);
    ResultLabels::of_selector(selector).keep(names, by)
}

fn of_binary(binary: &Binary) -> ResultLabels {
    let (left, right) = (labels_of(&binary.left), labels_of(&binary.right));
    let span = binary.left.span().to(binary.right.span());
    let trims = matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
    let keeps_name = trims || binary.op.is_comparison() && !binary.returns_bool;
    let named = |labels: ResultLabels| if keeps_name { labels } else { labels.without_name(span) };
    let Some(matching) = &binary.matching else {
        return match (binary.left.value_type(), binary.right.value_type()) {
            (ValueType::Scalar, ValueType::Scalar) => ResultLabels::none(span),
            (ValueType::Scalar, _) => named(right),
            _ => named(left),
        };
    };
    match binary.op {
        BinaryOp::And | BinaryOp::Unless => left,
        BinaryOp::Or => left.or(right),
        _ if matching.fill != Fill::None => ResultLabels::default(),
        _ => named(of_matched(matching, left, right, span)),
    }
}

/// Of pairs of series.
fn of_matched(matching: &VectorMatching, left: ResultLabels, right: ResultLabels, span: Span) -> ResultLabels {
    let listed = || matching.labels.iter().map(String::as_str);
    let (many, one) = match matching.cardinality {
        Cardinality::OneToMany => (right, left),
        _ => (left, right),
    };
    if matching.cardinality == Cardinality::OneToOne {
        return match matching.on {
            true => many.keep(listed(), span).shared(listed(), &one),
            false => {
                let matched = many.without(listed(), span);
                let ignored = |name: &&str| *name != METRIC_NAME && !matching.labels.iter().any(|label| label == name);
                let names: Vec<String> =
                    matched.named().chain(one.named()).filter(ignored).map(str::to_owned).collect();
                let limited = match (&matched.only, &one.only) {
                    // what is left on the one side is all there can be on the other
                    (None, Some(only)) => {
                        let keep: Vec<&str> = only.iter().map(String::as_str).chain([METRIC_NAME]).collect();
                        matched.clone().keep(keep, one.limit)
                    }
                    _ => matched,
                };
                limited.shared(names.iter().map(String::as_str), &one)
            }
        };
    }
    let matched = match matching.on {
        true => many.shared(listed(), &one),
        false => {
            let ignored = |name: &&str| *name != METRIC_NAME && !matching.labels.iter().any(|label| label == name);
            let names: Vec<String> = many.named().filter(ignored).map(str::to_owned).collect();
            many.shared(names.iter().map(String::as_str), &one)
        }
    };
    matching.include.iter().fold(matched, |labels, name| match one.kept_out_by(name) {
        Some(by) => labels.without([name.as_str()], by),
        None => labels.with(name),
    })
}
