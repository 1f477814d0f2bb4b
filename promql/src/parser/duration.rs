//! Where a duration is expected: literals, and arithmetic with them.
//!
//! Behind `offset` only a literal, a call or something in parentheses is taken: `x offset 5m + 1m` is a sum.

use super::{Construct, Parsed, Parser};
use crate::ast::{Duration, DurationExpr, DurationKind, NumberLiteral};
use crate::duration::parse_duration;
use crate::operator::{BinaryOp, SIGN_PRECEDENCE};
use crate::span::Span;
use crate::token::{Keyword, TokenKind};

const OFFSET: Construct = Construct { name: "offset", expected: "number, duration, step(), or range()" };

/// From this many seconds on a duration is too long: Prometheus keeps nanoseconds in 64 bits.
const TOO_MANY_SECONDS: f64 = 9_223_372_036.854_776;

/// Seconds of a duration token.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    #[expect(clippy::cast_precision_loss, reason = "durations are below 2^53 milliseconds")]
    parse_duration(text).map(|ms| ms as f64 / 1000.0).map_err(|error| error.to_string())
}

impl Parser<'_> {
    /// A range or step, which must be longer than nothing.
    pub(super) fn positive_duration(&mut self) -> Parsed<Duration> {
        let expr = self.duration(0)?;
        let span = expr.span;
        let duration = fixed_if_literal(expr);
        // Prometheus lets fractions of a millisecond pass, which are nothing when it prints or evaluates them.
        if matches!(duration, Duration::Fixed(..=0)) {
            self.note(span, "duration must be greater than 0");
        }
        Ok(duration)
    }

    pub(super) fn offset_duration(&mut self) -> Parsed<Duration> {
        self.within(OFFSET, |parser| {
            let Some((sign, negative)) = parser.sign() else {
                return parser.duration_operand().map(fixed_if_literal);
            };
            let operand = parser.duration_operand()?;
            Ok(fixed_if_literal(parser.with_sign(sign, negative, operand)))
        })
    }

    /// Arithmetic whose operators bind at least as tightly as `least`.
    fn duration(&mut self, least: u8) -> Parsed<DurationExpr> {
        self.nested(|parser| {
            let mut left = match parser.sign() {
                None => parser.duration_operand()?,
                Some((sign, negative)) => {
                    let operand = parser.duration(SIGN_PRECEDENCE + 1)?;
                    parser.with_sign(sign, negative, operand)
                }
            };
            while let TokenKind::Binary(op) = parser.token.kind
                && op.is_arithmetic()
                && op.precedence() >= least
            {
                left = parser.duration_binary(left, op)?;
            }
            Ok(left)
        })
    }

    fn duration_binary(&mut self, left: DurationExpr, op: BinaryOp) -> Parsed<DurationExpr> {
        let left_height = self.height;
        let op_span = self.take().span;
        let right = self.duration(op.right_precedence())?;
        self.grow(left_height)?;
        self.computed(left.span);
        let by_zero = matches!(right.kind, DurationKind::Literal(literal) if literal.value == 0.0);
        match op {
            BinaryOp::Div if by_zero => self.note(op_span, "division by zero"),
            BinaryOp::Mod if by_zero => self.note(op_span, "modulo by zero"),
            _ => {}
        }
        let span = left.span.to(right.span);
        Ok(unwrapped(DurationKind::Binary(op, Box::new(left), Box::new(right)), span))
    }

    fn duration_operand(&mut self) -> Parsed<DurationExpr> {
        self.height = 1;
        let start = self.token.span;
        match self.token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let literal = self.number();
                Ok(self.in_range(literal))
            }
            TokenKind::LeftParen => {
                self.take();
                let inner = self.duration(0)?;
                let close = self.expect(TokenKind::RightParen)?;
                self.computed(inner.span);
                let wrapped = !matches!(inner.kind, DurationKind::Literal(_));
                Ok(DurationExpr { wrapped, span: start.to(close), ..inner })
            }
            TokenKind::Keyword(keyword @ (Keyword::Step | Keyword::Range)) => {
                self.take();
                self.expect(TokenKind::LeftParen)?;
                let span = start.to(self.expect(TokenKind::RightParen)?);
                self.computed(span);
                Ok(unwrapped(if keyword == Keyword::Step { DurationKind::Step } else { DurationKind::Range }, span))
            }
            TokenKind::Keyword(keyword @ (Keyword::MinOf | Keyword::MaxOf)) => {
                self.take();
                self.expect(TokenKind::LeftParen)?;
                let left = Box::new(self.duration(0)?);
                let left_height = self.height;
                self.expect(TokenKind::Comma)?;
                let right = Box::new(self.duration(0)?);
                let span = start.to(self.expect(TokenKind::RightParen)?);
                self.grow(left_height)?;
                self.computed(span);
                let min = keyword == Keyword::MinOf;
                Ok(unwrapped(
                    if min { DurationKind::MinOf(left, right) } else { DurationKind::MaxOf(left, right) },
                    span,
                ))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A sign that is the next token: where it stands and whether it is a minus.
    fn sign(&mut self) -> Option<(Span, bool)> {
        match self.token.kind {
            TokenKind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) => Some((self.take().span, op == BinaryOp::Sub)),
            _ => None,
        }
    }

    fn with_sign(&mut self, sign: Span, negative: bool, operand: DurationExpr) -> DurationExpr {
        let span = sign.to(operand.span);
        match operand.kind {
            DurationKind::Literal(literal) => {
                let value = if negative { -literal.value } else { literal.value };
                unwrapped(DurationKind::Literal(NumberLiteral { value, span, ..literal }), span)
            }
            _ if negative => unwrapped(DurationKind::Negated(Box::new(operand)), span),
            _ => DurationExpr { span, ..operand },
        }
    }

    fn in_range(&mut self, literal: NumberLiteral) -> DurationExpr {
        if literal.value.is_nan() || literal.value >= TOO_MANY_SECONDS {
            self.note(literal.span, "duration out of range");
        }
        unwrapped(DurationKind::Literal(literal), literal.span)
    }

    /// Notes arithmetic where it is not switched on.
    fn computed(&mut self, span: Span) {
        if !self.options.duration_expressions {
            self.note(span, "experimental duration expression is not enabled");
        }
    }
}

fn unwrapped(kind: DurationKind, span: Span) -> DurationExpr {
    DurationExpr { kind, wrapped: false, span }
}

fn fixed_if_literal(expr: DurationExpr) -> Duration {
    match expr.kind {
        #[expect(clippy::cast_possible_truncation, reason = "below the millisecond nothing is kept; range checked")]
        DurationKind::Literal(literal) => Duration::Fixed(((literal.value * 1e9).round() / 1e6) as i64),
        _ => Duration::Computed(Box::new(expr)),
    }
}
