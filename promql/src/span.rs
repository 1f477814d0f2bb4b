//! Places in an expression's text.

use std::fmt;

/// A range of bytes in the expression's text, the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From the start of this span to the end of `last`.
    pub(crate) fn to(self, last: Span) -> Span {
        Span { start: self.start, end: last.end }
    }

    /// Line and column of the first byte in `text`.
    pub fn position(self, text: &str) -> Position {
        let before = text.as_bytes().get(..self.start).unwrap_or(text.as_bytes());
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        Position { line, column: before.len() - line_start + 1 }
    }
}

/// Line and column, both from 1, columns counted in bytes as Prometheus does. Displays as `line:column`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Byte of the line, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_bytes_from_one() {
        let text = "a\n  é +\nb";
        for (start, shown) in [(0, "1:1"), (1, "1:2"), (2, "2:1"), (7, "2:6"), (9, "3:1"), (10, "3:2"), (99, "3:2")] {
            assert_eq!(Span { start, end: start }.position(text).to_string(), shown, "byte {start}");
        }
    }
}
