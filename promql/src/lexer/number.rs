//! Where a number or a duration ends. Its value is found by `number` and `duration`, which may still refuse it.

use super::{Lexed, Lexer, is_alphanumeric};
use crate::quote::quote;
use crate::token::TokenKind;

impl Lexer<'_> {
    pub(super) fn number_or_duration(&mut self) -> Lexed<TokenKind> {
        if self.skip_number() {
            return Ok(TokenKind::Number);
        }
        if self.skip_duration_units() {
            return Ok(TokenKind::Duration);
        }
        Err(self.error(format!("bad number or duration syntax: {}", quote(self.lexeme()))))
    }

    /// Decimal, hexadecimal, octal and floating-point numbers with `_` between digits. Stops at the first character
    /// that cannot belong to one and says whether what was read is a whole number.
    fn skip_number(&mut self) -> bool {
        let hex = self.eat('0') && self.eat_any(|c| c == 'x' || c == 'X');
        if hex {
            self.eat('_');
        }
        let is_digit = |c: char| if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
        let (mut dot, mut exponent) = (false, false);
        self.eat('.');
        self.eat_any(is_digit);
        while let Some(c) = self.peek() {
            match c {
                '.' => {
                    self.bump();
                    if dot || hex || self.eat_any(|c| c == '_' || c == '.') {
                        return false;
                    }
                    dot = true;
                }
                // Before hexadecimal digits, so a second `e` in one is refused: a quirk of Prometheus.
                'e' | 'E' => {
                    self.bump();
                    if exponent {
                        return false;
                    }
                    exponent = true;
                    self.eat_any(|c| c == '+' || c == '-');
                    if self.ends_badly() {
                        return false;
                    }
                }
                '_' => {
                    self.bump();
                    if self.ends_badly() {
                        return false;
                    }
                }
                c if is_digit(c) => self.skip_while(is_digit),
                c => return !is_alphanumeric(c),
            }
        }
        true
    }

    /// Whether an exponent mark or `_` is followed by what may not follow it.
    fn ends_badly(&mut self) -> bool {
        self.eat_any(|c| matches!(c, '.' | '_' | 'e' | 'E')) || self.peek().is_none()
    }

    /// The units behind the digits just read: `h30m`, `s`. Order and repetition are checked by `duration`.
    fn skip_duration_units(&mut self) -> bool {
        if !self.eat_any(|c| "smhdwy".contains(c)) {
            return false;
        }
        self.eat('s');
        while self.eat_any(|c| c.is_ascii_digit()) {
            self.skip_while(|c| c.is_ascii_digit());
            if !self.eat_any(|c| "smhdw".contains(c)) {
                return false;
            }
            self.eat('s');
        }
        let ends = !self.peek().is_some_and(is_alphanumeric);
        if !ends {
            self.bump();
        }
        ends
    }
}
