//! Text to tokens, one at a time: what a character means depends on the brackets that are open.

mod number;
mod string;

use crate::error::ParseError;
use crate::operator::BinaryOp;
use crate::quote::quote_char;
use crate::span::Span;
use crate::token::{Token, TokenKind, duration_keyword, word};

/// Reads tokens from an expression's text. Blanks and comments (`#` to the end of the line) are dropped.
#[derive(Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    /// Where the current token starts.
    start: usize,
    pos: usize,
    open_parens: usize,
    in_braces: bool,
    brackets: Option<Brackets>,
}

/// What was seen since the opening `[`.
#[derive(Clone, Copy, Default)]
struct Brackets {
    duration: bool,
    colon: bool,
    /// A number or duration was the last thing read, or a colon behind one: fewer characters are known mistakes.
    behind_number: bool,
}

type Lexed<T> = Result<T, ParseError>;

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, start: 0, pos: 0, open_parens: 0, in_braces: false, brackets: None }
    }

    /// The next token; [`TokenKind::End`] again and again at the end.
    pub(crate) fn next_token(&mut self) -> Lexed<Token> {
        let kind = match self.brackets {
            Some(brackets) if !brackets.behind_number && !self.in_braces => {
                self.skip_spaces();
                self.start = self.pos;
                self.duration_token(brackets)?
            }
            _ => {
                self.skip_blanks();
                self.start = self.pos;
                if self.in_braces { self.brace_token()? } else { self.token()? }
            }
        };
        Ok(Token { kind, span: Span { start: self.start, end: self.pos } })
    }

    fn token(&mut self) -> Lexed<TokenKind> {
        let Some(c) = self.peek() else { return self.end() };
        if c.is_ascii_digit() || (c == '.' && self.peek_second().is_some_and(|c| c.is_ascii_digit())) {
            return self.number_or_duration();
        }
        if is_alpha(c) || c == ':' {
            return match self.brackets {
                None => Ok(self.word()),
                Some(brackets) => self.letter_in_brackets(brackets, c),
            };
        }
        self.bump();
        match c {
            '=' | '!' | '<' | '>' => self.comparison(c),
            '"' | '\'' => self.quoted(c),
            '`' => self.raw(),
            '{' => {
                self.in_braces = true;
                Ok(TokenKind::LeftBrace)
            }
            '[' if self.brackets.is_some() => Err(self.error("unexpected left bracket '['")),
            '[' => {
                self.brackets = Some(Brackets::default());
                Ok(TokenKind::LeftBracket)
            }
            ']' if self.brackets.is_none() => Err(self.error("unexpected right bracket ']'")),
            '@' => Ok(TokenKind::At),
            _ => match self.arithmetic(c)? {
                Some(kind) => Ok(kind),
                None => Err(self.error(format!("unexpected character: {}", quote_char(c)))),
            },
        }
    }

    /// What means the same inside and outside of brackets. `c` has been consumed.
    fn arithmetic(&mut self, c: char) -> Lexed<Option<TokenKind>> {
        Ok(Some(match c {
            '+' => TokenKind::Binary(BinaryOp::Add),
            '-' => TokenKind::Binary(BinaryOp::Sub),
            '*' => TokenKind::Binary(BinaryOp::Mul),
            '/' => TokenKind::Binary(BinaryOp::Div),
            '%' => TokenKind::Binary(BinaryOp::Mod),
            '^' => TokenKind::Binary(BinaryOp::Pow),
            ',' => TokenKind::Comma,
            '(' => {
                self.open_parens += 1;
                TokenKind::LeftParen
            }
            ')' => {
                let Some(left) = self.open_parens.checked_sub(1) else {
                    return Err(self.error("unexpected right parenthesis ')'"));
                };
                self.open_parens = left;
                TokenKind::RightParen
            }
            ']' => {
                self.brackets = None;
                TokenKind::RightBracket
            }
            _ => return Ok(None),
        }))
    }

    fn end(&self) -> Lexed<TokenKind> {
        if self.open_parens > 0 {
            return Err(self.error("unclosed left parenthesis"));
        }
        if self.brackets.is_some() {
            return Err(self.error("unclosed left bracket"));
        }
        Ok(TokenKind::End)
    }

    fn comparison(&mut self, first: char) -> Lexed<TokenKind> {
        let (kind, length) = match (first, self.peek()) {
            ('=', Some('=')) => (TokenKind::Binary(BinaryOp::Equal), 1),
            ('=', Some('~')) => return Err(self.error("unexpected character after '=': '~'")),
            ('=', _) => (TokenKind::Equal, 0),
            ('<', Some('=')) => (TokenKind::Binary(BinaryOp::LessEqual), 1),
            ('<', Some('/')) => (TokenKind::Binary(BinaryOp::TrimUpper), 1),
            ('<', _) => (TokenKind::Binary(BinaryOp::Less), 0),
            ('>', Some('=')) => (TokenKind::Binary(BinaryOp::GreaterEqual), 1),
            ('>', Some('/')) => (TokenKind::Binary(BinaryOp::TrimLower), 1),
            ('>', _) => (TokenKind::Binary(BinaryOp::Greater), 0),
            (_, Some('=')) => (TokenKind::Binary(BinaryOp::NotEqual), 1),
            (_, next) => return Err(self.error(format!("unexpected character after '!': {}", shown(next)))),
        };
        self.pos += length;
        Ok(kind)
    }

    /// An identifier, metric identifier or keyword.
    fn word(&mut self) -> TokenKind {
        self.skip_while(|c| is_alphanumeric(c) || c == ':');
        word(self.lexeme())
    }

    /// Inside `{…}` words are label names, never keywords.
    fn brace_token(&mut self) -> Lexed<TokenKind> {
        let Some(c) = self.peek() else { return Err(self.error("unexpected end of input inside braces")) };
        if is_alpha(c) {
            self.skip_while(is_alphanumeric);
            return Ok(TokenKind::Identifier);
        }
        self.bump();
        match c {
            ',' => Ok(TokenKind::Comma),
            '"' | '\'' => self.quoted(c),
            '`' => self.raw(),
            '=' if self.eat('~') => Ok(TokenKind::EqualRegex),
            '=' => Ok(TokenKind::Equal),
            '!' if self.eat('~') => Ok(TokenKind::NotEqualRegex),
            '!' if self.eat('=') => Ok(TokenKind::Binary(BinaryOp::NotEqual)),
            '!' => {
                let next = shown(self.peek());
                Err(self.error(format!("unexpected character after '!' inside braces: {next}")))
            }
            '{' => Err(self.error("unexpected left brace '{'")),
            '}' => {
                self.in_braces = false;
                Ok(TokenKind::RightBrace)
            }
            _ => Err(self.error(format!("unexpected character inside braces: {}", quote_char(c)))),
        }
    }

    /// Inside `[…]`, where a number or duration may start.
    fn duration_token(&mut self, brackets: Brackets) -> Lexed<TokenKind> {
        let Some(c) = self.peek() else {
            return Err(self.error("unexpected end of input in duration expression"));
        };
        if c.is_ascii_digit() || (c == '.' && self.peek_second().is_some_and(|c| c.is_ascii_digit())) {
            self.brackets = Some(Brackets { duration: true, behind_number: true, ..brackets });
            return self.number_or_duration();
        }
        self.bump();
        if c == ':' {
            return self.colon(brackets);
        }
        if let Some(kind) = self.arithmetic(c)? {
            return Ok(kind);
        }
        match self.duration_keyword(c) {
            Some(kind) => {
                self.brackets = Some(Brackets { duration: true, ..brackets });
                Ok(kind)
            }
            None => Err(self.error(format!("unexpected character in duration expression: {}", quote_char(c)))),
        }
    }

    fn colon(&mut self, brackets: Brackets) -> Lexed<TokenKind> {
        if !brackets.duration {
            return Err(self.error("unexpected colon before duration in duration expression"));
        }
        if brackets.colon {
            return Err(self.error("unexpected repeated colon in duration expression"));
        }
        self.brackets = Some(Brackets { colon: true, ..brackets });
        Ok(TokenKind::Colon)
    }

    /// Inside `[…]`, somewhere behind a number.
    fn letter_in_brackets(&mut self, brackets: Brackets, c: char) -> Lexed<TokenKind> {
        self.bump();
        if c == ':' {
            if brackets.colon {
                return Err(self.error("unexpected colon ':'"));
            }
            self.brackets = Some(Brackets { colon: true, ..brackets });
            return Ok(TokenKind::Colon);
        }
        match self.duration_keyword(c) {
            Some(kind) => Ok(kind),
            None => Err(self.error(format!("unexpected character: {}, expected ':'", quote_char(c)))),
        }
    }

    /// `step`, `range`, `min_of`, `max_of` of which `first` has been consumed.
    fn duration_keyword(&mut self, first: char) -> Option<TokenKind> {
        if !is_alpha(first) {
            return None;
        }
        self.skip_while(is_alpha);
        duration_keyword(&self.lexeme().to_ascii_lowercase()).map(TokenKind::Keyword)
    }

    fn lexeme(&self) -> &'a str {
        self.text.get(self.start..self.pos).unwrap_or_default()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.eat_any(|c| c == wanted)
    }

    fn eat_any(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        if found {
            self.bump();
        }
        found
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.pos += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    fn skip_spaces(&mut self) {
        self.skip_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }

    fn skip_blanks(&mut self) {
        self.skip_spaces();
        while self.peek() == Some('#') {
            self.skip_while(|c| !matches!(c, '\n' | '\r'));
            self.skip_spaces();
        }
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError { span: Span { start: self.start, end: self.pos }, message: message.into() }
    }
}

/// A character for a message; the end of the text shows as Go shows it.
fn shown(c: Option<char>) -> String {
    quote_char(c.unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests;
