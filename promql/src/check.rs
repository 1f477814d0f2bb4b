//! Whether the parts of a tree fit together: types, argument counts, vector matching.

use std::collections::BTreeSet;

use crate::ast::{Aggregate, Binary, Call, Cardinality, Expr, Fill, ValueType, VectorSelector};
use crate::error::ParseError;
use crate::functions::Arity;
use crate::matcher::METRIC_NAME;
use crate::operator::AggregateOp;
use crate::quote::quote;
use crate::span::Span;

/// Every mistake of a tree that is right in its syntax. Also completes the tree: set operators match many to many, and
/// vectors with scalars are not matched at all.
pub(crate) fn check(expr: &mut Expr) -> Vec<ParseError> {
    let mut checker = Checker { errors: Vec::new() };
    checker.expr(expr);
    checker.errors
}

struct Checker {
    errors: Vec<ParseError>,
}

impl Checker {
    fn expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Call(call) => self.call(call),
            Expr::Paren(paren) => self.expr(&mut paren.expr),
            Expr::Range(range) => self.selector(&range.selector),
            Expr::Subquery(subquery) => {
                self.expr(&mut subquery.expr);
                let got = subquery.expr.value_type();
                if got != ValueType::Vector {
                    let message = format!("subquery is only allowed on instant vector, got {} instead", got.name());
                    self.note(subquery.span, message);
                }
            }
            Expr::Unary(unary) => {
                self.expr(&mut unary.expr);
                let got = unary.expr.value_type();
                if !is_operand(got) {
                    let allowed = "unary expression only allowed on expressions of type scalar or instant vector";
                    self.note(unary.span, format!("{allowed}, got {}", quote(got.documented())));
                }
            }
            Expr::Vector(selector) => self.selector(selector),
            Expr::Number(_) | Expr::String(_) => {}
        }
    }

    fn note(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(ParseError { span, message: message.into() });
    }

    fn wants(&mut self, expr: &Expr, wanted: ValueType, place: &str) {
        let got = expr.value_type();
        if got != wanted {
            self.note(expr.span(), format!("expected type {wanted} in {place}, got {got}"));
        }
    }

    fn aggregate(&mut self, aggregate: &mut Aggregate) {
        self.expr(&mut aggregate.expr);
        self.wants(&aggregate.expr, ValueType::Vector, "aggregation expression");
        if let Some(parameter) = &mut aggregate.parameter {
            self.expr(parameter);
            let text = aggregate.op == AggregateOp::CountValues;
            let wanted = if text { ValueType::String } else { ValueType::Scalar };
            self.wants(parameter, wanted, "aggregation parameter");
        }
    }

    fn binary(&mut self, binary: &mut Binary) {
        self.expr(&mut binary.left);
        self.expr(&mut binary.right);
        let (left, right) = (binary.left.value_type(), binary.right.value_type());
        let op = binary.op;
        let span = binary.left.span().to(binary.right.span());
        if binary.returns_bool && !op.is_comparison() {
            self.note(binary.op_span, "bool modifier can only be used on comparison operators");
        }
        let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        if op.is_comparison() && !binary.returns_bool && scalars {
            self.note(binary.op_span, "comparisons between scalars must use BOOL modifier");
        }
        self.included_labels(binary);
        for (side, got) in [(&binary.left, left), (&binary.right, right)] {
            if !is_operand(got) {
                self.note(side.span(), "binary expression must contain only scalar and instant vector types");
            }
        }
        if left == ValueType::Vector && right == ValueType::Vector {
            self.vector_matching(binary, span);
        } else {
            self.without_matching(binary, span);
        }
        if op.is_set() && (left == ValueType::Scalar || right == ValueType::Scalar) {
            self.note(span, format!("set operator \"{op}\" not allowed in binary scalar expression"));
        }
    }

    fn included_labels(&mut self, binary: &Binary) {
        let Some(matching) = binary.matching.as_ref().filter(|matching| matching.on) else { return };
        let included: BTreeSet<&String> = matching.include.iter().collect();
        for label in matching.labels.iter().filter(|label| included.contains(label)) {
            let message = format!("label {} must not occur in ON and GROUP clause at once", quote(label));
            self.note(binary.op_span, message);
        }
    }

    fn vector_matching(&mut self, binary: &mut Binary, span: Span) {
        let Some(matching) = binary.matching.as_mut().filter(|_| binary.op.is_set()) else { return };
        if matching.cardinality == Cardinality::OneToOne {
            matching.cardinality = Cardinality::ManyToMany;
        }
        let grouped = matching.cardinality != Cardinality::ManyToMany;
        let filled = matching.fill != Fill::None;
        if grouped {
            self.note(span, format!("no grouping allowed for \"{}\" operation", binary.op));
        }
        if filled {
            self.note(span, "filling in missing series not allowed for set operators");
        }
    }

    fn without_matching(&mut self, binary: &mut Binary, span: Span) {
        let Some(matching) = binary.matching.take() else { return };
        if !matching.labels.is_empty() {
            self.note(span, "vector matching only allowed between instant vectors");
        }
        if matching.fill != Fill::None {
            self.note(span, "filling in missing series only allowed between instant vectors");
        }
    }

    fn call(&mut self, call: &mut Call) {
        self.argument_count(call);
        let is_info = call.function.name == "info";
        let place = format!("call to function {}", quote(call.function.name));
        for (index, argument) in call.arguments.iter_mut().enumerate() {
            let types = call.function.arguments;
            let wanted = match call.function.arity {
                Arity::Exact => types.get(index),
                Arity::Optional(_) | Arity::Repeated => types.get(index).or(types.last()),
            };
            // One too many, which has been noted.
            let Some(wanted) = wanted else { break };
            if is_info && index == 1 {
                self.info_labels(argument);
            } else {
                self.expr(argument);
            }
            self.wants(argument, *wanted, &place);
        }
    }

    fn argument_count(&mut self, call: &Call) {
        let (types, got) = (call.function.arguments.len(), call.arguments.len());
        let required = types.saturating_sub(1);
        let wanted = match call.function.arity {
            Arity::Exact if got != types => format!("{types}"),
            Arity::Optional(_) | Arity::Repeated if got < required => format!("at least {required}"),
            Arity::Optional(more) if got > required + more => format!("at most {}", required + more),
            _ => return,
        };
        let name = quote(call.function.name);
        self.note(call.span, format!("expected {wanted} argument(s) in call to {name}, got {got}"));
    }

    /// The second argument of `info()` looks like a selector but only lists labels, so it may select everything.
    fn info_labels(&mut self, argument: &mut Expr) {
        match argument {
            Expr::Vector(selector) if selector.name.is_none() => {}
            Expr::Vector(selector) => {
                self.note(selector.span, "expected label selectors only, got vector selector instead");
            }
            other => {
                self.note(other.span(), "expected label selectors only");
                self.expr(other);
            }
        }
    }

    fn selector(&mut self, selector: &VectorSelector) {
        let Some(name) = &selector.name else {
            if selector.matchers.iter().all(|matcher| matcher.matches_value("")) {
                self.note(selector.span, "vector selector must contain at least one non-empty matcher");
            }
            return;
        };
        // The last one is the name's own.
        let others = selector.matchers.iter().rev().skip(1).rev();
        for other in others.filter(|matcher| matcher.name() == METRIC_NAME) {
            let (name, other) = (quote(name), quote(other.value()));
            self.note(selector.span, format!("metric name must not be set twice: {name} or {other}"));
        }
    }
}

fn is_operand(value_type: ValueType) -> bool {
    matches!(value_type, ValueType::Scalar | ValueType::Vector)
}
