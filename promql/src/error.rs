//! What is wrong with an expression, and where.

use std::fmt;

use crate::span::Span;

/// One mistake in an expression. The message is worded as Prometheus words it, without its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The part of the expression's text it is about; empty at the end of the text when something is missing there.
    pub span: Span,
    /// What is wrong.
    pub message: String,
}

impl ParseError {
    /// The line promtool prints for it: `1:5: parse error: unexpected <op:+>`. `text` is the expression that was parsed.
    pub fn located(&self, text: &str) -> String {
        format!("{}: parse error: {}", self.span.position(text), self.message)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}
