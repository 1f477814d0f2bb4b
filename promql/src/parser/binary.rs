//! Operators between two expressions, and their modifiers.

use super::{Construct, Parsed, Parser};
use crate::ast::{Binary, Cardinality, Expr, Fill, VectorMatching};
use crate::operator::BinaryOp;
use crate::token::{Keyword, TokenKind};

const GROUPING: &str = "grouping opts";

/// What may stand between an operator and its right side.
struct Modifiers {
    returns_bool: bool,
    matching: VectorMatching,
}

impl Parser<'_> {
    /// The operator that is the next token, and what stands right of it.
    pub(super) fn binary(&mut self, left: Expr, op: BinaryOp) -> Parsed<Expr> {
        let left_height = self.height;
        let op_token = self.take().span;
        let Modifiers { returns_bool, matching } = self.modifiers()?;
        let op_span = op_token.to(self.previous);
        let right = self.expression(op.right_precedence())?;
        self.grow(left_height)?;
        let filled = matching.fill != Fill::None;
        let (left, right, matching) = (Box::new(left), Box::new(right), Some(matching));
        let expr = Expr::Binary(Binary { op, left, right, returns_bool, matching, op_span });
        if filled && !self.options.fill_modifiers {
            self.note(expr.span(), "binop fill modifiers are experimental and not enabled");
        }
        Ok(expr)
    }

    fn modifiers(&mut self) -> Parsed<Modifiers> {
        let returns_bool = self.accept(TokenKind::Keyword(Keyword::Bool)).is_some();
        let mut matching = VectorMatching {
            cardinality: Cardinality::OneToOne,
            labels: Vec::new(),
            on: false,
            include: Vec::new(),
            fill: Fill::None,
        };
        if let TokenKind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.token.kind {
            self.take();
            matching.on = keyword == Keyword::On;
            matching.labels = self.grouping_labels()?;
            self.group_side(&mut matching)?;
        }
        matching.fill = self.fill()?;
        Ok(Modifiers { returns_bool, matching })
    }

    fn group_side(&mut self, matching: &mut VectorMatching) -> Parsed<()> {
        matching.cardinality = match self.token.kind {
            TokenKind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
            TokenKind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(()),
        };
        self.take();
        // Parentheses here are always labels, never the right side.
        if self.token.kind == TokenKind::LeftParen {
            matching.include = self.grouping_labels()?;
        }
        Ok(())
    }

    fn fill(&mut self) -> Parsed<Fill> {
        let (mut left, mut right) = (None, None);
        // A metric may be called so, too.
        while let TokenKind::Keyword(keyword) = self.token.kind
            && self.is_before(TokenKind::LeftParen)
        {
            let side = match keyword {
                Keyword::Fill if left.is_none() && right.is_none() => {
                    self.take();
                    return Ok(Fill::Both(self.fill_value()?));
                }
                Keyword::FillLeft if left.is_none() => &mut left,
                Keyword::FillRight if right.is_none() => &mut right,
                _ => break,
            };
            self.take();
            *side = Some(self.fill_value()?);
        }
        Ok(if left.is_none() && right.is_none() { Fill::None } else { Fill::Sides { left, right } })
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(TokenKind::LeftParen)?;
        let value = match self.signed_number()? {
            Some(value) => value,
            None => return Err(self.unexpected()),
        };
        self.expect(TokenKind::RightParen)?;
        Ok(value)
    }

    /// A number or duration, with a sign or not. `None` if something else stands there.
    pub(super) fn signed_number(&mut self) -> Parsed<Option<f64>> {
        let sign = match self.token.kind {
            TokenKind::Binary(BinaryOp::Add) => Some(1.0),
            TokenKind::Binary(BinaryOp::Sub) => Some(-1.0),
            _ => None,
        };
        if sign.is_some() {
            self.take();
        }
        match self.token.kind {
            TokenKind::Number | TokenKind::Duration => Ok(Some(sign.unwrap_or(1.0) * self.number().value)),
            _ if sign.is_some() => Err(self.unexpected()),
            _ => Ok(None),
        }
    }

    /// Label names in parentheses, as behind `by`, `on` and `group_left`.
    pub(super) fn grouping_labels(&mut self) -> Parsed<Vec<String>> {
        if self.accept(TokenKind::LeftParen).is_none() {
            return Err(self.unexpected_in(Construct { name: GROUPING, expected: "\"(\"" }));
        }
        let mut labels = Vec::new();
        while self.accept(TokenKind::RightParen).is_none() {
            labels.push(self.grouping_label()?);
            if self.accept(TokenKind::Comma).is_none() && self.token.kind != TokenKind::RightParen {
                return Err(self.unexpected_in(Construct { name: GROUPING, expected: "\",\" or \")\"" }));
            }
        }
        Ok(labels)
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        if self.token.kind == TokenKind::String {
            let token = self.take();
            let name = self.text_of(token, "label name");
            if name.is_empty() {
                self.note(token.span, "invalid label name for grouping: \"\"");
            }
            return Ok(name);
        }
        if !self.token.kind.is_label_name() {
            return Err(self.unexpected_in(Construct { name: GROUPING, expected: "label" }));
        }
        let token = self.take();
        Ok(self.slice(token).to_owned())
    }
}
