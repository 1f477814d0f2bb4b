//! Tokens to a tree: recursive descent, with Prometheus' precedences and its words for what is unexpected.
//!
//! A syntax error ends the parse. What is merely not allowed where it stands (an `offset` behind a sum) is noted and
//! the parse goes on, but the tree is dropped in the end.

mod aggregate;
mod binary;
mod call;
mod duration;
mod modifier;
mod selector;

use crate::ast::{Expr, NumberLiteral, Paren, StringLiteral, Unary};
use crate::error::ParseError;
use crate::lexer::Lexer;
use crate::number::parse_number;
use crate::operator::{BinaryOp, SIGN_PRECEDENCE};
use crate::quote::unquote;
use crate::span::Span;
use crate::token::{Keyword, Token, TokenKind};
use crate::{MAX_NESTING, MAX_TREE_HEIGHT, Options};

/// Parses an expression without checking its types.
pub(crate) fn parse(text: &str, options: Options) -> Result<Expr, Vec<ParseError>> {
    let mut parser = Parser {
        text,
        options,
        lexer: Lexer::new(text),
        token: Token { kind: TokenKind::End, span: Span::default() },
        previous: Span::default(),
        errors: Vec::new(),
        invalid: None,
        inside: Vec::new(),
        nesting: 0,
        height: 0,
    };
    parser.advance();
    match parser.whole_expression() {
        Ok(expr) if parser.errors.is_empty() => Ok(expr),
        _ => Err(parser.errors),
    }
}

struct Parser<'a> {
    text: &'a str,
    options: Options,
    lexer: Lexer<'a>,
    /// The next token, not yet consumed.
    token: Token,
    /// Where the last consumed token stands.
    previous: Span,
    errors: Vec<ParseError>,
    /// What is wrong with the next token if it is [`TokenKind::Invalid`]; noted when the parse gets there.
    invalid: Option<ParseError>,
    /// The constructs being read that say something when an unexpected token turns up in them, innermost last.
    inside: Vec<Construct>,
    nesting: usize,
    /// Height of the tree parsed last.
    height: usize,
}

/// A construct an error message names, and what it expects.
#[derive(Clone, Copy)]
struct Construct {
    name: &'static str,
    expected: &'static str,
}

/// Reading on makes no sense; the reason is among the parser's errors.
struct Stop;

type Parsed<T> = Result<T, Stop>;

impl Parser<'_> {
    fn whole_expression(&mut self) -> Parsed<Expr> {
        if self.token.kind == TokenKind::End {
            self.note(Span::default(), "no expression found in input");
            return Err(Stop);
        }
        let expr = self.expression(0)?;
        if self.token.kind == TokenKind::End { Ok(expr) } else { Err(self.unexpected()) }
    }

    /// An expression whose operators bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Parsed<Expr> {
        self.nested(|parser| {
            let mut left = parser.operand()?;
            while let TokenKind::Binary(op) = parser.token.kind
                && op.precedence() >= least
            {
                left = parser.binary(left, op)?;
            }
            Ok(left)
        })
    }

    fn operand(&mut self) -> Parsed<Expr> {
        if let TokenKind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.token.kind {
            return self.signed(op == BinaryOp::Sub);
        }
        let mut expr = self.primary()?;
        loop {
            expr = match self.token.kind {
                TokenKind::LeftBracket => self.bracket(expr)?,
                TokenKind::At => self.at(expr)?,
                TokenKind::Keyword(Keyword::Offset) => self.offset(expr)?,
                TokenKind::Keyword(Keyword::Anchored | Keyword::Smoothed) => self.boundary(expr),
                _ => return Ok(expr),
            };
        }
    }

    fn signed(&mut self, negative: bool) -> Parsed<Expr> {
        let sign = self.take().span;
        let expr = self.expression(SIGN_PRECEDENCE + 1)?;
        let span = sign.to(expr.span());
        if let Expr::Number(number) = expr {
            let value = if negative { -number.value } else { number.value };
            return Ok(Expr::Number(NumberLiteral { value, span, ..number }));
        }
        self.grow(0)?;
        Ok(Expr::Unary(Unary { negative, expr: Box::new(expr), span }))
    }

    fn primary(&mut self) -> Parsed<Expr> {
        self.height = 1;
        match self.token.kind {
            TokenKind::LeftParen => self.paren(),
            TokenKind::Number | TokenKind::Duration => Ok(Expr::Number(self.number())),
            TokenKind::String => {
                let token = self.take();
                Ok(Expr::String(StringLiteral { bytes: self.string(token), span: token.span }))
            }
            TokenKind::LeftBrace => self.selector(None),
            TokenKind::Aggregator(op) => {
                let name = self.take();
                match self.token.kind {
                    TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without) => {
                        self.aggregate(op, name)
                    }
                    _ => self.selector(Some(name)),
                }
            }
            kind if kind.is_metric_name() => {
                let name = self.take();
                if kind.is_function_name() && self.token.kind == TokenKind::LeftParen {
                    self.call(name)
                } else {
                    self.selector(Some(name))
                }
            }
            _ => Err(self.unexpected()),
        }
    }

    fn paren(&mut self) -> Parsed<Expr> {
        let open = self.take().span;
        let expr = Box::new(self.expression(0)?);
        let close = self.expect(TokenKind::RightParen)?;
        self.grow(0)?;
        Ok(Expr::Paren(Paren { expr, span: open.to(close) }))
    }

    /// The number or duration that is the next token.
    fn number(&mut self) -> NumberLiteral {
        let token = self.take();
        let is_duration = token.kind == TokenKind::Duration;
        let text = self.slice(token);
        let value = if is_duration { duration::seconds(text) } else { parse_number(text) };
        let value = value.unwrap_or_else(|message| {
            self.note(token.span, message);
            0.0
        });
        NumberLiteral { value, is_duration, span: token.span }
    }

    /// What a string token stands for.
    fn string(&mut self, token: Token) -> Vec<u8> {
        unquote(self.slice(token)).unwrap_or_else(|| {
            self.note(token.span, "error unquoting string: invalid syntax");
            Vec::new()
        })
    }

    /// What a string token stands for, where only text will do.
    fn text_of(&mut self, token: Token, what: &str) -> String {
        String::from_utf8(self.string(token)).unwrap_or_else(|_| {
            self.note(token.span, format!("{what} is not valid UTF-8: {}", self.slice(token)));
            String::new()
        })
    }

    fn slice(&self, token: Token) -> &'_ str {
        self.text.get(token.span.start..token.span.end).unwrap_or_default()
    }

    fn advance(&mut self) {
        if self.token.kind == TokenKind::Invalid {
            return;
        }
        self.token = self.lexer.next_token().unwrap_or_else(|error| {
            let span = error.span;
            self.invalid = Some(error);
            Token { kind: TokenKind::Invalid, span }
        });
    }

    /// Consumes the next token.
    fn take(&mut self) -> Token {
        let token = self.token;
        self.previous = token.span;
        self.advance();
        token
    }

    /// Consumes the next token if it is of this kind.
    fn accept(&mut self, kind: TokenKind) -> Option<Span> {
        (self.token.kind == kind).then(|| self.take().span)
    }

    /// Whether a token of this kind follows the next token.
    fn is_before(&self, kind: TokenKind) -> bool {
        self.lexer.clone().next_token().is_ok_and(|token| token.kind == kind)
    }

    fn expect(&mut self, kind: TokenKind) -> Parsed<Span> {
        self.accept(kind).ok_or_else(|| self.unexpected())
    }

    /// Notes something that is not allowed; the parse may go on.
    fn note(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(ParseError { span, message: message.into() });
    }

    /// Notes that the next token is not expected in the construct being read.
    fn unexpected(&mut self) -> Stop {
        let construct = self.inside.last().copied().unwrap_or(Construct { name: "", expected: "" });
        self.unexpected_in(construct)
    }

    fn unexpected_in(&mut self, construct: Construct) -> Stop {
        if let Some(error) = self.invalid.take() {
            self.errors.push(error);
            return Stop;
        }
        let mut message = format!("unexpected {}", self.token.kind.describe(self.slice(self.token)));
        if !construct.name.is_empty() {
            message.push_str(" in ");
            message.push_str(construct.name);
        }
        if !construct.expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(construct.expected);
        }
        self.note(self.token.span, message);
        Stop
    }

    /// Reads something inside a construct that error messages name.
    fn within<T>(&mut self, construct: Construct, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.inside.push(construct);
        let result = read(self);
        self.inside.pop();
        result
    }

    /// Bounds the depth of the recursion.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == MAX_NESTING {
            self.note(self.token.span, format!("expression is nested more than {MAX_NESTING} levels deep"));
            return Err(Stop);
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    /// A node stands on top of the tree parsed last and of others, of which the highest is `height`.
    fn grow(&mut self, height: usize) -> Parsed<()> {
        self.height = self.height.max(height) + 1;
        if self.height <= MAX_TREE_HEIGHT {
            return Ok(());
        }
        self.note(self.previous, format!("expression has more than {MAX_TREE_HEIGHT} operations built on one another"));
        Err(Stop)
    }
}

/// Stands in for a node there can be none of, the reason being noted, so that the parse can go on.
fn stand_in(span: Span) -> Expr {
    Expr::Number(NumberLiteral { value: 0.0, is_duration: false, span })
}
