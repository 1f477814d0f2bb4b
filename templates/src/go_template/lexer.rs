//! Source text to tokens, with Go's delimiters, trim markers and error texts.

use super::quote;
use super::token::{Kind, Token};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Splits a source into tokens. Always ends with one `Eof` or one `Error`.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { source, position: 0, start: 0, line: 1, start_line: 1, parens: 0, tokens: Vec::new() };
    if let Err(message) = lexer.run() {
        lexer.tokens.push(Token {
            kind: Kind::Error,
            text: message.into(),
            position: lexer.start,
            line: lexer.start_line,
        });
    } else {
        lexer.begin();
        lexer.emit(Kind::Eof);
    }
    lexer.tokens
}

struct Lexer<'s> {
    source: &'s str,
    position: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parens: usize,
    tokens: Vec<Token<'s>>,
}

impl<'s> Lexer<'s> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(length) = self.rest().find(LEFT) {
            self.text_until(length);
            self.left_delim()?;
        }
        let length = self.rest().len();
        if length > 0 {
            self.advance(length);
            self.emit(Kind::Text);
        }
        Ok(())
    }

    /// Emits the text before an action, cut back where the action starts with `{{- `.
    fn text_until(&mut self, length: usize) {
        let text = self.rest().get(..length).unwrap_or_default();
        let kept = match self.rest().get(length + LEFT.len()..) {
            Some(inside) if starts_with_left_trim(inside) => text.trim_end_matches(SPACES).len(),
            _ => length,
        };
        if kept > 0 {
            self.advance(kept);
            self.emit(Kind::Text);
        }
        self.advance(length - kept);
        self.begin();
    }

    fn left_delim(&mut self) -> Result<(), String> {
        let inside = self.rest().get(LEFT.len()..).unwrap_or_default();
        let marker = if starts_with_left_trim(inside) { 2 } else { 0 };
        if inside.get(marker..).is_some_and(|rest| rest.starts_with("/*")) {
            self.advance(LEFT.len() + marker);
            return self.comment();
        }
        self.advance(LEFT.len());
        self.emit(Kind::LeftDelim);
        self.advance(marker);
        self.begin();
        self.parens = 0;
        self.action()
    }

    fn comment(&mut self) -> Result<(), String> {
        let length = self.rest().find("*/").ok_or("unclosed comment")?;
        self.advance(length + 2);
        let delim = self.right_delim().ok_or("comment ends before closing delimiter")?;
        self.close(delim);
        self.begin();
        Ok(())
    }

    /// The closing delimiter at this place, if there is one: whether it trims.
    fn right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        let mut characters = rest.chars();
        let trims = characters.next().is_some_and(is_space) && rest.get(1..).is_some_and(|r| r.starts_with("-}}"));
        if trims { Some(true) } else { rest.starts_with(RIGHT).then_some(false) }
    }

    /// Steps over a closing delimiter and the space it trims.
    fn close(&mut self, trims: bool) {
        if !trims {
            self.advance(RIGHT.len());
            return;
        }
        self.advance(2 + RIGHT.len());
        let rest = self.rest();
        self.advance(rest.len() - rest.trim_start_matches(SPACES).len());
    }

    fn action(&mut self) -> Result<(), String> {
        loop {
            if let Some(trims) = self.right_delim() {
                if self.parens > 0 {
                    return Err("unclosed left paren".to_owned());
                }
                if trims {
                    self.advance(2);
                    self.begin();
                }
                self.advance(RIGHT.len());
                self.emit(Kind::RightDelim);
                if trims {
                    let rest = self.rest();
                    self.advance(rest.len() - rest.trim_start_matches(SPACES).len());
                    self.begin();
                }
                return Ok(());
            }
            self.inside_action()?;
        }
    }

    fn inside_action(&mut self) -> Result<(), String> {
        let Some(first) = self.peek() else { return Err("unclosed action".to_owned()) };
        match first {
            _ if is_space(first) => self.space(),
            '=' => self.single(Kind::Assign),
            ':' => {
                self.next();
                if self.next() != Some('=') {
                    return Err("expected :=".to_owned());
                }
                self.emit(Kind::Declare);
            }
            '|' => self.single(Kind::Pipe),
            ',' => self.single(Kind::Comma),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string")?,
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant")?,
            '`' => self.raw_string()?,
            '$' => self.field_or_variable(Kind::Variable)?,
            '.' => match self.rest().chars().nth(1) {
                Some('0'..='9') => self.number()?,
                Some(_) => self.field_or_variable(Kind::Field)?,
                None => return Err(self.bad_number_at_dot()),
            },
            '+' | '-' | '0'..='9' => self.number()?,
            _ if is_alphanumeric(first) => self.identifier()?,
            '(' => {
                self.single(Kind::LeftParen);
                self.parens += 1;
            }
            ')' => {
                self.single(Kind::RightParen);
                self.parens = self.parens.checked_sub(1).ok_or("unexpected right paren")?;
            }
            ' '..='~' => self.single(Kind::Character),
            _ => return Err(format!("unrecognized character in action: {}", quote::unicode(first))),
        }
        Ok(())
    }

    /// Go reads a dot at the very end of the source as a number.
    fn bad_number_at_dot(&mut self) -> String {
        self.next();
        "unclosed action".to_owned()
    }

    /// Spaces, but not the one that belongs to a closing ` -}}`.
    fn space(&mut self) {
        while self.peek().is_some_and(is_space) && self.right_delim().is_none() {
            self.next();
        }
        self.emit(Kind::Space);
    }

    fn single(&mut self, kind: Kind) {
        self.next();
        self.emit(kind);
    }

    fn quoted(&mut self, delimiter: char, kind: Kind, unterminated: &str) -> Result<(), String> {
        self.next();
        loop {
            match self.next() {
                Some('\\') if self.peek().is_some_and(|next| next != '\n') => _ = self.next(),
                Some('\\' | '\n') | None => return Err(unterminated.to_owned()),
                Some(end) if end == delimiter => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        Ok(())
    }

    fn raw_string(&mut self) -> Result<(), String> {
        let body = self.rest().get(1..).unwrap_or_default();
        let length = body.find('`').ok_or("unterminated raw quoted string")?;
        self.advance(length + 2);
        self.emit(Kind::RawString);
        Ok(())
    }

    fn field_or_variable(&mut self, kind: Kind) -> Result<(), String> {
        self.next();
        if self.at_terminator() {
            self.emit(if kind == Kind::Variable { Kind::Variable } else { Kind::Dot });
            return Ok(());
        }
        self.word()?;
        self.emit(kind);
        Ok(())
    }

    fn identifier(&mut self) -> Result<(), String> {
        self.word()?;
        let word = self.source.get(self.start..self.position).unwrap_or_default();
        self.emit(Kind::keyword(word).unwrap_or(Kind::Identifier));
        Ok(())
    }

    fn word(&mut self) -> Result<(), String> {
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
        match self.peek() {
            Some(bad) if !self.at_terminator() => Err(format!("bad character {}", quote::unicode(bad))),
            _ => Ok(()),
        }
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(next) => is_space(next) || self.rest().starts_with(RIGHT),
        }
    }

    fn number(&mut self) -> Result<(), String> {
        let good = self.scan_number();
        if good && !matches!(self.peek(), Some('+' | '-')) {
            self.emit(Kind::Number);
            return Ok(());
        }
        if good {
            // Go's complex numbers: no template of rules or notifications has a use for them
            self.scan_number();
        }
        let text = self.source.get(self.start..self.position).unwrap_or_default();
        Err(format!("bad number syntax: {}", quote::quote(text)))
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }

    fn accept(&mut self, set: &str) -> bool {
        let found = self.peek().is_some_and(|next| set.contains(next));
        if found {
            self.next();
        }
        found
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.advance(next.len_utf8());
        Some(next)
    }

    fn advance(&mut self, bytes: usize) {
        let passed = self.rest().as_bytes().get(..bytes).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.position += bytes;
    }

    fn begin(&mut self) {
        self.start = self.position;
        self.start_line = self.line;
    }

    fn emit(&mut self, kind: Kind) {
        let text = self.source.get(self.start..self.position).unwrap_or_default().into();
        self.tokens.push(Token { kind, text, position: self.start, line: self.start_line });
        self.begin();
    }
}

/// After `{{`: a dash and a space, which trim the text before.
fn starts_with_left_trim(inside: &str) -> bool {
    inside.strip_prefix('-').is_some_and(|rest| rest.starts_with(SPACES))
}

fn is_space(character: char) -> bool {
    SPACES.contains(&character)
}

fn is_alphanumeric(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}
