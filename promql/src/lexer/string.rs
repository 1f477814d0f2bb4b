//! Where a string ends, and whether its escapes are right. Its value is found by `quote`.

use super::{Lexed, Lexer};
use crate::token::TokenKind;

impl Lexer<'_> {
    /// A string in `delimiter`, which has been consumed.
    pub(super) fn quoted(&mut self, delimiter: char) -> Lexed<TokenKind> {
        loop {
            match self.bump() {
                Some('\\') => self.escape(delimiter)?,
                None | Some('\n') => return Err(self.error("unterminated quoted string")),
                // Prometheus cannot tell this character from an invalid byte.
                Some(char::REPLACEMENT_CHARACTER) => return Err(self.error("invalid UTF-8 rune")),
                Some(c) if c == delimiter => return Ok(TokenKind::String),
                Some(_) => {}
            }
        }
    }

    /// A string in backquotes, of which the first has been consumed.
    pub(super) fn raw(&mut self) -> Lexed<TokenKind> {
        loop {
            match self.bump() {
                None => return Err(self.error("unterminated raw string")),
                Some(char::REPLACEMENT_CHARACTER) => return Err(self.error("invalid UTF-8 rune")),
                Some('`') => return Ok(TokenKind::String),
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, delimiter: char) -> Lexed<()> {
        let (mut digits, base, limit) = match self.peek() {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => {
                self.bump();
                return Ok(());
            }
            Some(c) if c == delimiter => {
                self.bump();
                return Ok(());
            }
            Some('0'..='7') => (3, 8, 255),
            Some('x') => (2, 16, 255),
            Some('u') => (4, 16, u32::from(char::MAX)),
            Some('U') => (8, 16, u32::from(char::MAX)),
            None => return Err(self.error("escape sequence not terminated")),
            Some(c) => return Err(self.error(format!("unknown escape sequence {}", code_point(c)))),
        };
        if base == 16 {
            self.bump();
        }
        let mut value: u32 = 0;
        while digits > 0 {
            let Some(c) = self.bump() else { return Err(self.error("escape sequence not terminated")) };
            let Some(digit) = c.to_digit(base) else {
                return Err(self.error(format!("illegal character {} in escape sequence", code_point(c))));
            };
            value = value.saturating_mul(base).saturating_add(digit);
            digits -= 1;
        }
        if value > limit || (0xD800..0xE000).contains(&value) {
            return Err(self.error("escape sequence is an invalid Unicode code point"));
        }
        Ok(())
    }
}

fn code_point(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    if c.is_control() { number } else { format!("{number} '{c}'") }
}
