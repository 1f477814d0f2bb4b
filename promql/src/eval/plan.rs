//! From the tree of an expression to what is evaluated.

use super::aggregation::Aggregation;
use super::binary::WithScalar;
use super::context::Evaluated;
use super::function::absent::Absent;
use super::function::bucket_quantile::BucketFunction;
use super::function::elementwise::Elementwise;
use super::function::histogram_stat::HistogramStat;
use super::function::info::Info;
use super::function::label::LabelFunction;
use super::function::over_range::OverRange;
use super::function::sort::Sort;
use super::function::time::TimeFunction;
use super::label_table::Slots;
use super::matching::{Matched, Signatures};
use super::node::{ScalarNode, VectorNode};
use super::range_source::{RangeSelector, RangeSource, Subquery};
use super::selection::InstantSelector;
use super::set_operation::SetOperation;
use super::{EvalError, Settings};
use crate::ast::{Binary, Boundary, Call, Expr, ValueType, VectorMatching};
use crate::operator::BinaryOp;
use crate::span::Span;

/// The vector an expression gives.
pub(super) fn vector(expr: &Expr, settings: &Settings) -> Evaluated<VectorNode> {
    match expr {
        Expr::Paren(paren) => vector(&paren.expr, settings),
        Expr::Vector(selector) => match selector.boundary {
            Some(Boundary::Anchored) => {
                Err(EvalError::at(selector.span, "anchored modifier can only be used with a range"))
            }
            _ => Ok(VectorNode::Selector(InstantSelector::new(selector))),
        },
        Expr::Unary(unary) if unary.negative => Ok(VectorNode::Negated(Box::new(vector(&unary.expr, settings)?))),
        Expr::Unary(unary) => vector(&unary.expr, settings),
        Expr::Aggregate(node) => Ok(VectorNode::Aggregation(Box::new(Aggregation::new(node, settings)?))),
        Expr::Binary(node) => binary(node, expr.span(), settings),
        Expr::Call(call) => function(call, settings),
        Expr::Number(_) | Expr::Range(_) | Expr::String(_) | Expr::Subquery(_) => {
            Err(mistyped(expr, ValueType::Vector))
        }
    }
}

/// The number an expression gives.
pub(super) fn scalar(expr: &Expr, settings: &Settings) -> Evaluated<ScalarNode> {
    Ok(match expr {
        Expr::Paren(paren) => scalar(&paren.expr, settings)?,
        Expr::Number(number) => ScalarNode::Number(number.value),
        Expr::Unary(unary) if unary.negative => ScalarNode::Negated(Box::new(scalar(&unary.expr, settings)?)),
        Expr::Unary(unary) => scalar(&unary.expr, settings)?,
        Expr::Binary(node) => {
            ScalarNode::Binary(node.op, Box::new((scalar(&node.left, settings)?, scalar(&node.right, settings)?)))
        }
        Expr::Call(call) => scalar_function(call, settings)?,
        _ => return Err(mistyped(expr, ValueType::Scalar)),
    })
}

/// The range vector an expression gives.
pub(super) fn range(expr: &Expr, settings: &Settings) -> Evaluated<RangeSource> {
    match expr {
        Expr::Paren(paren) => range(&paren.expr, settings),
        Expr::Range(node) => Ok(RangeSource::Selector(RangeSelector::new(node))),
        Expr::Subquery(node) => Ok(RangeSource::Subquery(Box::new(Subquery::new(node, vector(&node.expr, settings)?)))),
        _ => Err(mistyped(expr, ValueType::Matrix)),
    }
}

/// The text an expression gives, which is one already.
pub(super) fn text(expr: &Expr) -> Evaluated<String> {
    match expr {
        Expr::Paren(paren) => text(&paren.expr),
        Expr::String(literal) => Ok(String::from_utf8_lossy(&literal.bytes).into_owned()),
        _ => Err(mistyped(expr, ValueType::String)),
    }
}

/// What is inside parentheses.
pub(super) fn inner(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => inner(&paren.expr),
        expr => expr,
    }
}

/// The argument of a call; the parser has counted them.
pub(super) fn argument(call: &Call, index: usize) -> Evaluated<&Expr> {
    call.arguments
        .get(index)
        .ok_or_else(|| EvalError::at(call.span, format!("{} lacks argument {}", call.function.name, index + 1)))
}

fn mistyped(expr: &Expr, wanted: ValueType) -> EvalError {
    EvalError::at(expr.span(), format!("expected type {wanted}, got {}", expr.value_type()))
}

fn binary(node: &Binary, span: Span, settings: &Settings) -> Evaluated<VectorNode> {
    let (left, right) = (node.left.value_type(), node.right.value_type());
    if left == ValueType::Vector && right == ValueType::Vector {
        let sides = (vector(&node.left, settings)?, vector(&node.right, settings)?);
        return Ok(between_vectors(node, sides, span));
    }
    let scalar_first = left == ValueType::Scalar;
    let (vector_side, scalar_side) = if scalar_first { (&node.right, &node.left) } else { (&node.left, &node.right) };
    Ok(VectorNode::WithScalar(Box::new(WithScalar {
        op: node.op,
        returns_bool: node.returns_bool,
        vector: vector(vector_side, settings)?,
        scalar: scalar(scalar_side, settings)?,
        scalar_first,
        span,
    })))
}

fn between_vectors(node: &Binary, sides: (VectorNode, VectorNode), span: Span) -> VectorNode {
    let default;
    let matching = match &node.matching {
        Some(matching) => matching,
        None => {
            default = VectorMatching {
                cardinality: crate::ast::Cardinality::OneToOne,
                labels: Vec::new(),
                on: false,
                include: Vec::new(),
                fill: crate::ast::Fill::None,
            };
            &default
        }
    };
    if matches!(node.op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless) {
        return VectorNode::Set(Box::new(SetOperation {
            op: node.op,
            left: sides.0,
            right: sides.1,
            signatures: Signatures::new(matching),
            present: Slots::default(),
        }));
    }
    VectorNode::Matched(Box::new(Matched::new(node.op, node.returns_bool, sides, matching, span)))
}

fn scalar_function(call: &Call, settings: &Settings) -> Evaluated<ScalarNode> {
    let pair = || -> Evaluated<Box<(ScalarNode, ScalarNode)>> {
        Ok(Box::new((scalar(argument(call, 0)?, settings)?, scalar(argument(call, 1)?, settings)?)))
    };
    Ok(match call.function.name {
        "time" => ScalarNode::Time,
        "pi" => ScalarNode::Number(std::f64::consts::PI),
        "start" => ScalarNode::Start,
        "end" => ScalarNode::End,
        "step" => ScalarNode::Step,
        "range" => ScalarNode::Range,
        "scalar" => ScalarNode::OfVector(Box::new(vector(argument(call, 0)?, settings)?)),
        "min_of" => ScalarNode::MinOf(pair()?),
        "max_of" => ScalarNode::MaxOf(pair()?),
        _ => return Err(unknown(call)),
    })
}

fn function(call: &Call, settings: &Settings) -> Evaluated<VectorNode> {
    if let Some(node) = OverRange::new(call, settings)? {
        return Ok(VectorNode::OverRange(Box::new(node)));
    }
    if let Some(node) = Elementwise::new(call, settings)? {
        return Ok(VectorNode::Elementwise(Box::new(node)));
    }
    Ok(match call.function.name {
        "vector" => VectorNode::OfScalar(scalar(argument(call, 0)?, settings)?),
        "absent" | "absent_over_time" => VectorNode::Absent(Box::new(Absent::new(call, settings)?)),
        "label_replace" | "label_join" => VectorNode::Label(Box::new(LabelFunction::new(call, settings)?)),
        "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
            VectorNode::Sort(Box::new(Sort::new(call, settings)?))
        }
        "timestamp" | "start_timestamp" | "minute" | "hour" | "day_of_week" | "day_of_month" | "day_of_year"
        | "days_in_month" | "month" | "year" => VectorNode::Time(Box::new(TimeFunction::new(call, settings)?)),
        "histogram_count" | "histogram_sum" | "histogram_avg" | "histogram_stddev" | "histogram_stdvar" => {
            VectorNode::HistogramStat(Box::new(HistogramStat::new(call, settings)?))
        }
        "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
            VectorNode::Buckets(Box::new(BucketFunction::new(call, settings)?))
        }
        "info" => VectorNode::Info(Box::new(Info::new(call, settings)?)),
        _ => return Err(unknown(call)),
    })
}

fn unknown(call: &Call) -> EvalError {
    EvalError::at(call.span, format!("function {} cannot be evaluated here", call.function.name))
}
