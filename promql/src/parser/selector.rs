//! Vector selectors.

use super::{Construct, Parsed, Parser};
use crate::ast::{Expr, VectorSelector};
use crate::matcher::{METRIC_NAME, MatchOp, Matcher};
use crate::operator::BinaryOp;
use crate::token::{Token, TokenKind};

const MATCHING: &str = "label matching";

impl Parser<'_> {
    /// A selector of which the metric name, if it has one, has been consumed.
    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<Expr> {
        let start = name.unwrap_or(self.token).span;
        let mut matchers = Vec::new();
        if self.token.kind == TokenKind::LeftBrace {
            self.take();
            matchers = self.matchers()?;
        }
        let name = name.map(|token| self.slice(token).to_owned());
        matchers.extend(name.iter().map(|name| Matcher::equal(METRIC_NAME, name)));
        let span = start.to(self.previous);
        Ok(Expr::Vector(VectorSelector { name, matchers, offset: None, at: None, boundary: None, span }))
    }

    /// Matchers up to and with the closing brace.
    fn matchers(&mut self) -> Parsed<Vec<Matcher>> {
        let mut matchers = Vec::new();
        while self.accept(TokenKind::RightBrace).is_none() {
            matchers.extend(self.matcher()?);
            if self.accept(TokenKind::Comma).is_none() && self.token.kind != TokenKind::RightBrace {
                return Err(self.unexpected_in(Construct { name: MATCHING, expected: "\",\" or \"}\"" }));
            }
        }
        Ok(matchers)
    }

    /// `None` if there can be no such matcher, which has been noted then.
    fn matcher(&mut self) -> Parsed<Option<Matcher>> {
        let token = self.token;
        let name = match token.kind {
            TokenKind::Identifier => {
                self.take();
                self.slice(token).to_owned()
            }
            TokenKind::String => {
                self.take();
                self.text_of(token, "name")
            }
            _ => return Err(self.unexpected_in(Construct { name: MATCHING, expected: "identifier or \"}\"" })),
        };
        let op = match self.token.kind {
            TokenKind::Equal => MatchOp::Equal,
            TokenKind::EqualRegex => MatchOp::Regex,
            TokenKind::NotEqualRegex => MatchOp::NotRegex,
            TokenKind::Binary(BinaryOp::NotEqual) => MatchOp::NotEqual,
            // A quoted name alone is the metric's.
            TokenKind::Comma | TokenKind::RightBrace if token.kind == TokenKind::String => {
                return Ok(Some(Matcher::equal(METRIC_NAME, name)));
            }
            _ if token.kind == TokenKind::String => {
                return Err(self.unexpected_in(Construct { name: MATCHING, expected: "\",\" or \"}\"" }));
            }
            _ => return Err(self.unexpected_in(Construct { name: MATCHING, expected: "label matching operator" })),
        };
        self.take();
        if self.token.kind != TokenKind::String {
            return Err(self.unexpected_in(Construct { name: MATCHING, expected: "string" }));
        }
        let value_token = self.take();
        let value = self.text_of(value_token, "label value");
        match Matcher::of_selector(name, op, value) {
            Ok(matcher) => Ok(Some(matcher)),
            Err(error) => {
                let message = format!("error parsing regexp: {}", error.reason());
                self.note(token.span.to(value_token.span), message);
                Ok(None)
            }
        }
    }
}
