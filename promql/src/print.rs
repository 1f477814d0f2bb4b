//! Trees as text, in the form Prometheus prints them: it shows in `/api/v1/rules` and in alerts' generator URLs.

use std::fmt::{self, Display, Formatter};

use crate::ast::{
    Aggregate, At, Binary, Boundary, Call, Cardinality, Duration, DurationExpr, DurationKind, Expr, Fill, Grouping,
    NumberLiteral, RangeSelector, StringLiteral, Subquery, Unary, VectorMatching, VectorSelector,
};
use crate::duration::format_duration;
use crate::matcher::{METRIC_NAME, MatchOp, label_name, matcher_text};
use crate::number::{format_general, format_number};
use crate::quote::quote_bytes;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Aggregate(node) => node.fmt(f),
            Expr::Binary(node) => node.fmt(f),
            Expr::Call(node) => node.fmt(f),
            Expr::Number(node) => node.fmt(f),
            Expr::Paren(node) => write!(f, "({})", node.expr),
            Expr::Range(node) => node.fmt(f),
            Expr::String(node) => node.fmt(f),
            Expr::Subquery(node) => node.fmt(f),
            Expr::Unary(node) => node.fmt(f),
            Expr::Vector(node) => node.fmt(f),
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.op)?;
        match &self.grouping {
            Grouping::By(labels) if labels.is_empty() => {}
            Grouping::By(labels) => write!(f, " by ({}) ", label_names(labels))?,
            Grouping::Without(labels) => write!(f, " without ({}) ", label_names(labels))?,
        }
        match &self.parameter {
            Some(parameter) => write!(f, "({parameter}, {})", self.expr),
            None => write!(f, "({})", self.expr),
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.op)?;
        if self.returns_bool {
            f.write_str(" bool")?;
        }
        if let Some(matching) = &self.matching {
            matching.fmt(f)?;
        }
        write!(f, " {}", self.right)
    }
}

impl Display for VectorMatching {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let side = match self.cardinality {
            Cardinality::ManyToOne => Some("left"),
            Cardinality::OneToMany => Some("right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if self.on || !self.labels.is_empty() || side.is_some() {
            let word = if self.on { "on" } else { "ignoring" };
            write!(f, " {word} ({})", label_names(&self.labels))?;
        }
        if let Some(side) = side {
            write!(f, " group_{side} ({})", label_names(&self.include))?;
        }
        match self.fill {
            Fill::None => Ok(()),
            Fill::Both(value) => write!(f, " fill ({})", format_general(value)),
            Fill::Sides { left, right } => {
                for (word, value) in [("fill_left", left), ("fill_right", right)] {
                    if let Some(value) = value {
                        write!(f, " {word} ({})", format_general(value))?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name)?;
        for (index, argument) in self.arguments.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{argument}")?;
        }
        f.write_str(")")
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_duration {
            #[expect(clippy::cast_possible_truncation, reason = "saturates; durations are within 64 bits")]
            f.write_str(&format_duration((self.value * 1000.0).round() as i64))
        } else {
            f.write_str(&format_number(self.value))
        }
    }
}

impl Display for StringLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_bytes(&self.bytes))
    }
}

impl Display for Unary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negative { '-' } else { '+' }, self.expr)
    }
}

impl Display for VectorSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_series(f)?;
        write_at(f, self.at)?;
        write_boundary(f, self.boundary)?;
        write_offset(f, self.offset.as_ref())
    }
}

impl VectorSelector {
    /// Name and matchers, these in alphabetical order of their text.
    fn write_series(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or_default();
        f.write_str(name)?;
        let others = self.matchers.iter().filter(|matcher| {
            matcher.name() != METRIC_NAME
                || matcher.op() != MatchOp::Equal
                || matcher.value() != name
                || name.is_empty()
        });
        let mut others: Vec<String> = others.map(matcher_text).collect();
        others.sort_unstable();
        if others.is_empty() && !name.is_empty() {
            return Ok(());
        }
        write!(f, "{{{}}}", others.join(","))
    }
}

impl Display for RangeSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.selector.write_series(f)?;
        write!(f, "[{}]", self.range)?;
        write_boundary(f, self.selector.boundary)?;
        write_at(f, self.selector.at)?;
        write_offset(f, self.selector.offset.as_ref())
    }
}

impl Display for Subquery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}:", self.expr, self.range)?;
        if let Some(step) = &self.step {
            step.fmt(f)?;
        }
        f.write_str("]")?;
        write_at(f, self.at)?;
        write_offset(f, self.offset.as_ref())
    }
}

fn write_at(f: &mut Formatter<'_>, at: Option<At>) -> fmt::Result {
    match at {
        None => Ok(()),
        #[expect(clippy::cast_precision_loss, reason = "Prometheus prints it from a float too")]
        Some(At::Timestamp(ms)) => write!(f, " @ {:.3}", ms as f64 / 1000.0),
        Some(At::Start) => f.write_str(" @ start()"),
        Some(At::End) => f.write_str(" @ end()"),
    }
}

fn write_boundary(f: &mut Formatter<'_>, boundary: Option<Boundary>) -> fmt::Result {
    match boundary {
        None => Ok(()),
        Some(Boundary::Anchored) => f.write_str(" anchored"),
        Some(Boundary::Smoothed) => f.write_str(" smoothed"),
    }
}

fn write_offset(f: &mut Formatter<'_>, offset: Option<&Duration>) -> fmt::Result {
    offset.map_or(Ok(()), |offset| write!(f, " offset {offset}"))
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Duration::Fixed(ms) => f.write_str(&format_duration(*ms)),
            Duration::Computed(expr) => expr.fmt(f),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.wrapped { write!(f, "({})", self.kind) } else { self.kind.fmt(f) }
    }
}

impl Display for DurationKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            DurationKind::Literal(literal) => literal.fmt(f),
            DurationKind::Step => f.write_str("step()"),
            DurationKind::Range => f.write_str("range()"),
            DurationKind::MinOf(left, right) => write!(f, "min_of({left}, {right})"),
            DurationKind::MaxOf(left, right) => write!(f, "max_of({left}, {right})"),
            DurationKind::Negated(inner) => write!(f, "-{inner}"),
            DurationKind::Binary(op, left, right) => write!(f, "{left} {op} {right}"),
        }
    }
}

/// Labels as a grouping lists them.
fn label_names(labels: &[String]) -> String {
    labels.iter().map(|label| label_name(label)).collect::<Vec<_>>().join(", ")
}
