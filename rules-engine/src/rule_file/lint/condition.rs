//! Alerts that fire whatever the values are, and comparisons that are never true.

use promql::ast::{Binary, VectorSelector};
use promql::matcher::MatchOp;
use promql::operator::{AggregateOp, BinaryOp};
use promql::selector::walk;
use promql::{Expr, ValueType};

use super::{Finding, Lint, Recorded, Subject};

/// Series that Prometheus itself writes only while alerts are pending or firing.
const ALERT_SERIES: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Labels that tell where series come from.
const ORIGIN_LABELS: [&str; 6] = ["__name__", "cluster", "env", "instance", "job", "namespace"];

/// Whether an expression has a result.
enum Presence<'e> {
    /// As long as there are series, whatever their values: because of this part.
    Always(&'e Expr),
    /// Depending on values, or nobody knows.
    Sometimes,
    /// Without reading any series: meant to be there always, as in a dead man's switch.
    Constant,
}

/// The part of an expression that is there as long as its series are, whatever their values; `None` if there is a
/// condition, if the expression reads nothing, or if it cannot be told.
pub(super) fn always<'e>(expr: &'e Expr, recorded: &Recorded) -> Option<&'e Expr> {
    match presence(expr, recorded) {
        Presence::Always(part) => Some(part),
        Presence::Sometimes | Presence::Constant => None,
    }
}

fn presence<'e>(expr: &'e Expr, recorded: &Recorded) -> Presence<'e> {
    match expr {
        Expr::Number(_) | Expr::String(_) => Presence::Constant,
        Expr::Paren(paren) => presence(&paren.expr, recorded),
        Expr::Unary(unary) => presence(&unary.expr, recorded),
        Expr::Subquery(subquery) => presence(&subquery.expr, recorded),
        Expr::Aggregate(aggregate) => presence(&aggregate.expr, recorded),
        // that there is such a name may be what the alert is about
        Expr::Vector(selector) if looks_for_names(selector) => Presence::Sometimes,
        Expr::Vector(selector) => of_metric(selector.metric_name(), expr, recorded),
        Expr::Range(range) => of_metric(range.selector.metric_name(), expr, recorded),
        Expr::Binary(binary) => of_binary(binary, expr, recorded),
        Expr::Call(call) => match call.function.name {
            "absent" | "absent_over_time" => Presence::Sometimes,
            _ if call.function.returns == ValueType::Scalar => Presence::Constant,
            _ => {
                let is_series =
                    |argument: &&Expr| matches!(argument.value_type(), ValueType::Vector | ValueType::Matrix);
                call.arguments.iter().find(is_series).map_or(Presence::Constant, |series| presence(series, recorded))
            }
        },
    }
}

/// Whether it searches the values of a label that does not tell where series come from.
fn looks_for_names(selector: &VectorSelector) -> bool {
    let mut patterns = selector.matchers.iter().filter(|matcher| matcher.op() == MatchOp::Regex);
    patterns.any(|matcher| matcher.only_values().is_none() && !ORIGIN_LABELS.contains(&matcher.name()))
}

fn of_metric<'e>(name: Option<&str>, expr: &'e Expr, recorded: &Recorded) -> Presence<'e> {
    let Some(name) = name.filter(|name| !ALERT_SERIES.contains(name)) else { return Presence::Sometimes };
    match recorded.0.get(name) {
        Some(recording) if recording.is_conditional => Presence::Sometimes,
        Some(_) => Presence::Always(expr),
        // recorded elsewhere, perhaps with a condition
        None if name.contains(':') => Presence::Sometimes,
        None => Presence::Always(expr),
    }
}

fn of_binary<'e>(binary: &'e Binary, expr: &'e Expr, recorded: &Recorded) -> Presence<'e> {
    use Presence::{Always, Constant, Sometimes};
    if binary.op.is_comparison() && !binary.returns_bool || matches!(binary.op, BinaryOp::And | BinaryOp::Unless) {
        return Sometimes;
    }
    match (presence(&binary.left, recorded), presence(&binary.right, recorded)) {
        (Always(part), _) | (_, Always(part)) if binary.op == BinaryOp::Or => Always(part),
        (Sometimes, _) | (_, Sometimes) => Sometimes,
        (Constant, Constant) => Constant,
        _ => Always(expr),
    }
}

/// An alert that fires as long as its series are there.
pub(super) fn alert_condition(subject: &Subject<'_>, expr: &Expr, recorded: &Recorded) -> Option<Finding> {
    let part = always(expr, recorded)?;
    let with_bool = match part.bare() {
        Expr::Binary(binary) if binary.returns_bool => Some(binary),
        _ => None,
    };
    let (span, message, hint) = match with_bool {
        Some(binary) => (
            binary.op_span,
            format!("the alert always fires: {} with `bool` gives 0 or 1, and an alert fires on both", binary.op),
            "remove `bool`, so that only what passes the comparison is left".to_owned(),
        ),
        None => (
            part.span(),
            format!("the alert has no condition: it fires as long as {} has series", subject.quoted(part.span())),
            "compare it with something, as in `… > 0`".to_owned(),
        ),
    };
    Some(subject.finding(Lint::AlertCondition, subject.place(span), &message, hint))
}

/// Comparisons that no value can pass.
pub(super) fn never_true(subject: &Subject<'_>, expr: &Expr) -> Vec<Finding> {
    let mut found = Vec::new();
    walk(expr, &mut |expr, _| {
        let Expr::Binary(binary) = expr else { return };
        if binary.op.is_comparison() && !binary.returns_bool {
            found.extend(impossible(subject, binary));
        }
    });
    found
}

fn impossible(subject: &Subject<'_>, binary: &Binary) -> Option<Finding> {
    let (compared, op, number) = match (number(&binary.left), number(&binary.right)) {
        (None, Some(number)) => (&binary.left, binary.op, number),
        (Some(number), None) => (&binary.right, turned(binary.op), number),
        _ => return None,
    };
    let place = subject.place(binary.op_span);
    if number.is_nan() {
        let never = op != BinaryOp::NotEqual;
        let message = format!("comparing with NaN is {} true", if never { "never" } else { "always" });
        let hint = "a value that is NaN differs from itself: `x != x` finds it";
        return Some(subject.finding(Lint::NeverTrue, place, &message, hint));
    }
    let least = least(compared)?;
    let impossible = match op {
        BinaryOp::Equal | BinaryOp::LessEqual => number < least,
        BinaryOp::Less => number <= least,
        _ => false,
    };
    if !impossible {
        return None;
    }
    let shown = subject.quoted(compared.span());
    let (message, hint) = match least {
        1.0 => (
            format!("this is never true: {shown} is at least 1 or not there at all"),
            "where there is nothing there is no series: use absent(…), or put `or vector(0)` before comparing",
        ),
        _ => {
            (format!("this is never true: {shown} is never negative"), "turn the comparison, or compare another value")
        }
    };
    Some(subject.finding(Lint::NeverTrue, place, &message, hint))
}

fn number(expr: &Expr) -> Option<f64> {
    match expr.bare() {
        Expr::Number(literal) => Some(literal.value),
        Expr::Unary(unary) if unary.negative => number(&unary.expr).map(|value| -value),
        _ => None,
    }
}

/// The operator with its sides exchanged.
fn turned(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        other => other,
    }
}

/// A bound that no value of the expression is below: 1 or 0, where that is certain.
fn least(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Paren(paren) => least(&paren.expr),
        Expr::Aggregate(aggregate) => match aggregate.op {
            AggregateOp::Count | AggregateOp::CountValues | AggregateOp::Group => Some(1.0),
            AggregateOp::Sum | AggregateOp::Min | AggregateOp::Max | AggregateOp::Avg => least(&aggregate.expr),
            _ => None,
        },
        Expr::Call(call) => match call.function.name {
            "count_over_time" | "present_over_time" | "absent" | "absent_over_time" => Some(1.0),
            "rate" | "increase" | "irate" | "changes" | "resets" | "abs" => Some(0.0),
            _ => None,
        },
        _ => None,
    }
}
