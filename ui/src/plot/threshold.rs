//! What an alert's expression compares with what: `sum(rate(errors[5m])) > 5` is drawn as the sum, with a line at 5.

use promql::Expr;
use promql::ast::Binary;
use promql::operator::BinaryOp;

/// What values are compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// With the series on the left side: `>`.
    pub op: BinaryOp,
    /// A finite number.
    pub value: f64,
}

/// An expression taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// What is worth drawing: the side of the comparison that has series, or the expression as it is.
    pub query: String,
    /// What it is compared with, if that is a number.
    pub threshold: Option<Threshold>,
}

impl Threshold {
    /// Whether values above it are looked for; `None` of `==` and `!=`.
    pub fn is_above(self) -> Option<bool> {
        match self.op {
            BinaryOp::Greater | BinaryOp::GreaterEqual => Some(true),
            BinaryOp::Less | BinaryOp::LessEqual => Some(false),
            _ => None,
        }
    }
}

/// Takes an expression apart. Of `a > 1 and b < 2`, and of `unless`, it is the left side. What is not PromQL stays whole.
pub fn compared(expr: &str) -> Compared {
    let whole = || Compared { query: expr.to_owned(), threshold: None };
    promql::parse_with(expr, promql::Options::all()).ok().and_then(|tree| comparison(&tree)).unwrap_or_else(whole)
}

fn comparison(expr: &Expr) -> Option<Compared> {
    match expr {
        Expr::Paren(paren) => comparison(&paren.expr),
        Expr::Binary(binary) if matches!(binary.op, BinaryOp::And | BinaryOp::Unless) => comparison(&binary.left),
        Expr::Binary(binary) if binary.op.is_comparison() && !binary.returns_bool => sides(binary),
        _ => None,
    }
}

fn sides(binary: &Binary) -> Option<Compared> {
    let (series, op, value) = match (number(&binary.left), number(&binary.right)) {
        (None, Some(value)) => (&binary.left, binary.op, value),
        (Some(value), None) => (&binary.right, mirrored(binary.op), value),
        _ => return None,
    };
    let threshold = value.is_finite().then_some(Threshold { op, value });
    Some(Compared { query: series.to_string(), threshold })
}

/// The value of an expression that is made of numbers alone.
fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Number(literal) => Some(literal.value),
        Expr::Paren(paren) => number(&paren.expr),
        Expr::Binary(binary) => {
            let (left, right) = (number(&binary.left)?, number(&binary.right)?);
            match binary.op {
                BinaryOp::Add => Some(left + right),
                BinaryOp::Sub => Some(left - right),
                BinaryOp::Mul => Some(left * right),
                BinaryOp::Div => Some(left / right),
                BinaryOp::Mod => Some(left % right),
                BinaryOp::Pow => Some(left.powf(right)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `5 < a` is `a > 5`.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_with_series_and_the_number() {
        for (expr, query, threshold) in [
            ("up == 0", "up", Some((BinaryOp::Equal, 0.0))),
            ("sum(rate(e[5m])) by (job) > 5", "sum by (job) (rate(e[5m]))", Some((BinaryOp::Greater, 5.0))),
            ("(0.5 < a)", "a", Some((BinaryOp::Greater, 0.5))),
            ("10 * 1024 ^ 3 >= free", "free", Some((BinaryOp::LessEqual, 10_737_418_240.0))),
            ("a > 1 and on (x) b < 2", "a", Some((BinaryOp::Greater, 1.0))),
            ("(a / b < 0.1) unless c", "a / b", Some((BinaryOp::Less, 0.1))),
            ("time() - t > 7 * 24 * 60 * 60", "time() - t", Some((BinaryOp::Greater, 604_800.0))),
            ("a > -Inf", "a", None),
            ("a > b", "a > b", None),
            ("a > bool 1", "a > bool 1", None),
            ("a > 1 or b > 2", "a > 1 or b > 2", None),
            ("absent(up)", "absent(up)", None),
            ("1 > 0", "1 > 0", None),
            ("{app=\"x\"} |= \"error\"", "{app=\"x\"} |= \"error\"", None),
        ] {
            let threshold = threshold.map(|(op, value)| Threshold { op, value });
            assert_eq!(compared(expr), Compared { query: query.to_owned(), threshold }, "{expr}");
        }
    }
}
