//! Calls of functions.

use super::{Parsed, Parser, stand_in};
use crate::ast::{Call, Expr};
use crate::functions::function;
use crate::quote::quote;
use crate::token::{Token, TokenKind};

impl Parser<'_> {
    /// What follows a function's name.
    pub(super) fn call(&mut self, name: Token) -> Parsed<Expr> {
        let text = self.slice(name).to_owned();
        let arguments = self.arguments()?;
        let span = name.span.to(self.previous);
        let found = function(&text);
        match found {
            None => self.note(name.span, format!("unknown function with name {}", quote(&text))),
            Some(function) if function.experimental && !self.options.experimental_functions => {
                self.note(name.span, format!("function {} is not enabled", quote(&text)));
            }
            Some(_) => {}
        }
        match found {
            Some(function) => Ok(Expr::Call(Call { function, arguments, span })),
            None => Ok(stand_in(span)),
        }
    }

    /// Expressions in parentheses.
    pub(super) fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect(TokenKind::LeftParen)?;
        let mut arguments = Vec::new();
        let mut highest = 0;
        if self.accept(TokenKind::RightParen).is_some() {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(0)?);
            highest = highest.max(self.height);
            if let Some(comma) = self.accept(TokenKind::Comma) {
                if self.token.kind != TokenKind::RightParen {
                    continue;
                }
                self.note(comma, "trailing commas not allowed in function call args");
            }
            self.expect(TokenKind::RightParen)?;
            self.grow(highest)?;
            return Ok(arguments);
        }
    }
}
