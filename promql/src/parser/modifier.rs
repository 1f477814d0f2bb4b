//! What may follow an expression: ranges, subqueries, `offset`, `@`, `anchored` and `smoothed`.

use super::{Construct, Parsed, Parser};
use crate::ast::{At, Boundary, Duration, Expr, RangeSelector, Subquery, VectorSelector};
use crate::number::format_number;
use crate::span::Span;
use crate::token::{Keyword, TokenKind};

const RANGE: Construct =
    Construct { name: "subquery or range selector", expected: "number, duration, step(), or range()" };
const BEHIND_RANGE: Construct = Construct { name: "subquery or range", expected: "\":\" or \"]\"" };
const STEP: Construct =
    Construct { name: "subquery selector", expected: "number, duration, step(), range(), or \"]\"" };
const BEHIND_STEP: Construct = Construct { name: "subquery selector", expected: "\"]\"" };
const AT: Construct = Construct { name: "@", expected: "timestamp" };

impl Parser<'_> {
    /// `[range]`, `[range:]` or `[range:step]` behind an expression.
    pub(super) fn bracket(&mut self, expr: Expr) -> Parsed<Expr> {
        let height = self.height;
        let open = self.take().span;
        let range = self.within(RANGE, Self::positive_duration)?;
        if self.accept(TokenKind::Colon).is_none() {
            let Some(close) = self.accept(TokenKind::RightBracket) else {
                return Err(self.unexpected_in(BEHIND_RANGE));
            };
            self.height = height;
            return Ok(self.range(expr, range, open.to(close)));
        }
        let step = match self.token.kind {
            TokenKind::RightBracket => None,
            _ => Some(self.within(STEP, Self::positive_duration)?),
        };
        let Some(close) = self.accept(TokenKind::RightBracket) else { return Err(self.unexpected_in(BEHIND_STEP)) };
        self.height = height;
        self.grow(0)?;
        let span = expr.span().to(close);
        Ok(Expr::Subquery(Subquery { expr: Box::new(expr), range, step, offset: None, at: None, span }))
    }

    /// Only a fixed offset and a timestamp are refused before a range: what Prometheus forgets is allowed here too.
    fn range(&mut self, expr: Expr, range: Duration, brackets: Span) -> Expr {
        let refusal = match &expr {
            Expr::Vector(VectorSelector { offset: Some(Duration::Fixed(_)), .. }) => {
                "no offset modifiers allowed before range"
            }
            Expr::Vector(VectorSelector { at: Some(At::Timestamp(_)), .. }) => "no @ modifiers allowed before range",
            Expr::Vector(_) => "",
            _ => "ranges only allowed for vector selectors",
        };
        if !refusal.is_empty() {
            self.note(brackets, refusal);
        }
        match expr {
            Expr::Vector(selector) => {
                let span = selector.span.to(brackets);
                Expr::Range(RangeSelector { selector, range, span })
            }
            other => other,
        }
    }

    pub(super) fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.take();
        let offset = self.offset_duration()?;
        let span = expr.span();
        let behind = self.previous;
        match targets(&mut expr) {
            None => self.note(
                span,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ),
            Some(target) => {
                *target.span = span.to(behind);
                if target.offset.is_some() {
                    self.note(span, "offset may not be set multiple times");
                } else if offset != Duration::Fixed(0) {
                    *target.offset = Some(offset);
                }
            }
        }
        Ok(expr)
    }

    pub(super) fn at(&mut self, mut expr: Expr) -> Parsed<Expr> {
        self.take();
        let at = self.within(AT, Self::at_time)?;
        let span = expr.span();
        let at = match at {
            AtTime::Boundary(at) => at,
            AtTime::Seconds(seconds) => self.timestamp(seconds, span),
        };
        let behind = self.previous;
        match targets(&mut expr) {
            None => self.note(
                span,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ),
            Some(target) if target.at.is_some() => self.note(span, "@ <timestamp> may not be set multiple times"),
            Some(target) => {
                *target.span = span.to(behind);
                *target.at = Some(at);
            }
        }
        Ok(expr)
    }

    fn at_time(&mut self) -> Parsed<AtTime> {
        let boundary = match self.token.kind {
            TokenKind::Keyword(Keyword::Start) => At::Start,
            TokenKind::Keyword(Keyword::End) => At::End,
            _ => {
                return match self.signed_number()? {
                    Some(seconds) => Ok(AtTime::Seconds(seconds)),
                    None => Err(self.unexpected()),
                };
            }
        };
        self.take();
        self.expect(TokenKind::LeftParen)?;
        self.expect(TokenKind::RightParen)?;
        Ok(AtTime::Boundary(boundary))
    }

    fn timestamp(&mut self, seconds: f64, span: Span) -> At {
        // The least and greatest number of seconds whose milliseconds Prometheus keeps in 64 bits.
        const BOUND: f64 = 9_223_372_036_854_775_807.0;
        if !(-BOUND < seconds && seconds < BOUND) {
            let shown = if seconds.is_finite() { format!("{seconds:.6}") } else { format_number(seconds) };
            self.note(span, format!("timestamp out of bounds for @ modifier: {shown}"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        At::Timestamp((seconds * 1000.0).round() as i64)
    }

    /// `anchored` or `smoothed`, which is the next token.
    pub(super) fn boundary(&mut self, mut expr: Expr) -> Expr {
        let (boundary, word) = match self.token.kind {
            TokenKind::Keyword(Keyword::Anchored) => (Boundary::Anchored, "anchored"),
            _ => (Boundary::Smoothed, "smoothed"),
        };
        self.take();
        let span = expr.span();
        if !self.options.extended_range_selectors {
            self.note(span, format!("{word} modifier is experimental and not enabled"));
            return expr;
        }
        let whole = span.to(self.previous);
        let selector = match &mut expr {
            Expr::Vector(selector) => {
                selector.span = whole;
                selector
            }
            Expr::Range(range) => {
                range.span = whole;
                &mut range.selector
            }
            other => {
                let subquery = matches!(other, Expr::Subquery(_));
                let why = if subquery { "is not supported for subqueries" } else { "not implemented" };
                self.note(span, format!("{word} modifier {why}"));
                return expr;
            }
        };
        if selector.boundary.is_some_and(|earlier| earlier != boundary) {
            self.note(span, "anchored and smoothed modifiers cannot be used together");
        }
        selector.boundary = Some(boundary);
        expr
    }
}

enum AtTime {
    Boundary(At),
    Seconds(f64),
}

/// What `offset` and `@` set.
struct Targets<'e> {
    offset: &'e mut Option<Duration>,
    at: &'e mut Option<At>,
    span: &'e mut Span,
}

fn targets(expr: &mut Expr) -> Option<Targets<'_>> {
    match expr {
        Expr::Vector(VectorSelector { offset, at, span, .. }) | Expr::Subquery(Subquery { offset, at, span, .. }) => {
            Some(Targets { offset, at, span })
        }
        Expr::Range(range) => {
            let VectorSelector { offset, at, .. } = &mut range.selector;
            Some(Targets { offset, at, span: &mut range.span })
        }
        _ => None,
    }
}
