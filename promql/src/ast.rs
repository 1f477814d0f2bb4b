//! The tree an expression parses to.
//!
//! Durations and timestamps are milliseconds. Every node knows the bytes of the text it came from; comparing trees
//! compares those too, so compare printed forms to ask whether two expressions mean the same.

use std::fmt;

use crate::functions::Function;
use crate::matcher::Matcher;
use crate::operator::{AggregateOp, BinaryOp};
use crate::span::Span;

/// An expression. Displays in the canonical form Prometheus shows in its API.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `sum by (job) (up)`
    Aggregate(Aggregate),
    /// `a + b`
    Binary(Binary),
    /// `rate(x[5m])`
    Call(Call),
    /// `1e6`, `5m`
    Number(NumberLiteral),
    /// `(a)`
    Paren(Paren),
    /// `x[5m]`
    Range(RangeSelector),
    /// `"text"`
    String(StringLiteral),
    /// `a[1h:5m]`
    Subquery(Subquery),
    /// `-a`
    Unary(Unary),
    /// `up{job="x"}`
    Vector(VectorSelector),
}

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// Series with one sample each.
    Vector,
    /// Series with the samples of a span of time.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// The name the documentation and most messages use: `instant vector`.
    pub fn documented(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::Vector => "instant vector",
            ValueType::Matrix => "range vector",
            ValueType::String => "string",
        }
    }

    /// The name query results carry in `resultType`: `vector`.
    pub fn name(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::Vector => "vector",
            ValueType::Matrix => "matrix",
            ValueType::String => "string",
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.documented())
    }
}

/// An aggregation over an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Which one.
    pub op: AggregateOp,
    /// The first argument of `topk(3, up)` and its like, present for just those.
    pub parameter: Option<Box<Expr>>,
    /// What is aggregated.
    pub expr: Box<Expr>,
    /// The labels that make the groups.
    pub grouping: Grouping,
    /// From the name to the last parenthesis.
    pub span: Span,
}

/// Which labels of a series tell its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Just these. None at all, written or not: one group.
    By(Vec<String>),
    /// All but these and the metric name.
    Without(Vec<String>),
}

/// An operator between two expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left of it.
    pub left: Box<Expr>,
    /// Right of it.
    pub right: Box<Expr>,
    /// `bool`: a comparison gives 0 and 1 instead of filtering.
    pub returns_bool: bool,
    /// How the series of both sides find each other. `None` unless both sides are vectors.
    pub matching: Option<VectorMatching>,
    /// The operator with its modifiers.
    pub op_span: Span,
}

/// How the series of two vectors find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorMatching {
    /// How many series of a side may share a match group.
    pub cardinality: Cardinality,
    /// `on` these labels, or `ignoring` them.
    pub labels: Vec<String>,
    /// `on` rather than `ignoring`.
    pub on: bool,
    /// The labels `group_left` or `group_right` copies from the "one" side.
    pub include: Vec<String>,
    /// What stands in for a series without partner.
    pub fill: Fill,
}

/// How many series of each side may share a match group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// One on either side.
    OneToOne,
    /// `group_left`: many on the left.
    ManyToOne,
    /// `group_right`: many on the right.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// Values for the side on which a match group has no series.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Fill {
    /// Such groups are dropped.
    #[default]
    None,
    /// `fill(v)`: on either side.
    Both(f64),
    /// `fill_left(v)`, `fill_right(v)`.
    Sides {
        /// For a missing left side.
        left: Option<f64>,
        /// For a missing right side.
        right: Option<f64>,
    },
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The called function.
    pub function: &'static Function,
    /// Its arguments.
    pub arguments: Vec<Expr>,
    /// From the name to the closing parenthesis.
    pub span: Span,
}

/// A number. A sign directly before one is part of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberLiteral {
    /// Its value; of a duration, in seconds.
    pub value: f64,
    /// Written as a duration, and printed as one.
    pub is_duration: bool,
    /// Sign included.
    pub span: Span,
}

/// A text. Escapes can make it any bytes, not only UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringLiteral {
    /// What it stands for.
    pub bytes: Vec<u8>,
    /// Quotes included.
    pub span: Span,
}

impl StringLiteral {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// An expression in parentheses.
#[derive(Debug, Clone, PartialEq)]
pub struct Paren {
    /// What is inside.
    pub expr: Box<Expr>,
    /// Parentheses included.
    pub span: Span,
}

/// A sign before an expression that is not a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Unary {
    /// `-` rather than `+`.
    pub negative: bool,
    /// What it applies to.
    pub expr: Box<Expr>,
    /// Sign included.
    pub span: Span,
}

/// The series that match, each with its sample at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The metric name written before the braces.
    pub name: Option<String>,
    /// Every matcher as written; the one for `name` comes last.
    pub matchers: Vec<Matcher>,
    /// `offset`; never a fixed zero.
    pub offset: Option<Duration>,
    /// `@`
    pub at: Option<At>,
    /// `anchored` or `smoothed`.
    pub boundary: Option<Boundary>,
    /// Modifiers included, unless a range stands before them.
    pub span: Span,
}

/// The series that match, each with its samples of a span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeSelector {
    /// Which series; carries the modifiers written behind the range.
    pub selector: VectorSelector,
    /// How far back.
    pub range: Duration,
    /// Modifiers included.
    pub span: Span,
}

/// An instant vector evaluated again and again over a span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What is evaluated.
    pub expr: Box<Expr>,
    /// How far back.
    pub range: Duration,
    /// How often; without one, at the default evaluation interval.
    pub step: Option<Duration>,
    /// `offset`; never a fixed zero.
    pub offset: Option<Duration>,
    /// `@`
    pub at: Option<At>,
    /// Modifiers included.
    pub span: Span,
}

/// The evaluation time an `@` modifier sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Unix time in milliseconds.
    Timestamp(i64),
    /// `start()` of the query.
    Start,
    /// `end()` of the query.
    End,
}

/// How a range treats the samples around its borders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// The sample before the range counts as standing on its border.
    Anchored,
    /// Values on the borders are interpolated.
    Smoothed,
}

/// A length of time: a range, a step, an offset.
#[derive(Debug, Clone, PartialEq)]
pub enum Duration {
    /// Milliseconds.
    Fixed(i64),
    /// Computed when the query runs.
    Computed(Box<DurationExpr>),
}

/// Arithmetic with durations; plain numbers are seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationExpr {
    /// What is computed.
    pub kind: DurationKind,
    /// In parentheses.
    pub wrapped: bool,
    /// Its bytes in the text.
    pub span: Span,
}

/// What a [`DurationExpr`] computes.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationKind {
    /// A number or duration.
    Literal(NumberLiteral),
    /// `step()`: the query's step.
    Step,
    /// `range()`: the length of the query.
    Range,
    /// `min_of(a, b)`
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `-a`
    Negated(Box<DurationExpr>),
    /// `a + b` and the other arithmetic operators.
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
}

impl Expr {
    /// Its bytes in the text.
    pub fn span(&self) -> Span {
        match self {
            Expr::Aggregate(node) => node.span,
            Expr::Binary(node) => node.left.span().to(node.right.span()),
            Expr::Call(node) => node.span,
            Expr::Number(node) => node.span,
            Expr::Paren(node) => node.span,
            Expr::Range(node) => node.span,
            Expr::String(node) => node.span,
            Expr::Subquery(node) => node.span,
            Expr::Unary(node) => node.span,
            Expr::Vector(node) => node.span,
        }
    }

    /// What it evaluates to.
    pub fn value_type(&self) -> ValueType {
        match self {
            Expr::Aggregate(_) | Expr::Vector(_) => ValueType::Vector,
            Expr::Binary(node) => match (node.left.value_type(), node.right.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Expr::Call(node) => node.function.returns,
            Expr::Number(_) => ValueType::Scalar,
            Expr::Paren(node) => node.expr.value_type(),
            Expr::Range(_) | Expr::Subquery(_) => ValueType::Matrix,
            Expr::String(_) => ValueType::String,
            Expr::Unary(node) => node.expr.value_type(),
        }
    }

    /// The expressions directly inside this one, in the order they are written.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Aggregate(node) => node.parameter.iter().chain([&node.expr]).map(Box::as_ref).collect(),
            Expr::Binary(node) => vec![&node.left, &node.right],
            Expr::Call(node) => node.arguments.iter().collect(),
            Expr::Paren(node) => vec![&node.expr],
            Expr::Subquery(node) => vec![&node.expr],
            Expr::Unary(node) => vec![&node.expr],
            Expr::Number(_) | Expr::Range(_) | Expr::String(_) | Expr::Vector(_) => Vec::new(),
        }
    }
}
