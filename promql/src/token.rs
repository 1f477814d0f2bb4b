//! Tokens, and how an error message names them.

use crate::operator::{AggregateOp, BinaryOp};
use crate::quote::quote;
use crate::span::Span;

/// A token and where it stands; its text is the slice of the expression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    End,
    /// Something that is no token; nothing follows.
    Invalid,
    Identifier,
    /// An identifier with a colon, so surely a metric name.
    MetricIdentifier,
    Number,
    Duration,
    String,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    /// `=`
    Equal,
    /// `=~`
    EqualRegex,
    /// `!~`
    NotEqualRegex,
    Binary(BinaryOp),
    Aggregator(AggregateOp),
    Keyword(Keyword),
}

/// Words with a meaning of their own in some places; in most others they are still metric or label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Bool,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Offset,
    Anchored,
    Smoothed,
    Start,
    End,
    Step,
    Range,
    MinOf,
    MaxOf,
}

/// Keywords are recognised in any case; aggregations and the operators spelt as words too.
pub(crate) fn word(text: &str) -> TokenKind {
    let lower = text.to_ascii_lowercase();
    if let Some(op) = AggregateOp::ALL.into_iter().find(|op| op.text() == lower) {
        return TokenKind::Aggregator(op);
    }
    match lower.as_str() {
        "and" => TokenKind::Binary(BinaryOp::And),
        "or" => TokenKind::Binary(BinaryOp::Or),
        "unless" => TokenKind::Binary(BinaryOp::Unless),
        "atan2" => TokenKind::Binary(BinaryOp::Atan2),
        "inf" | "nan" => TokenKind::Number,
        other => match keyword(other) {
            Some(keyword) => TokenKind::Keyword(keyword),
            None if text.contains(':') => TokenKind::MetricIdentifier,
            None => TokenKind::Identifier,
        },
    }
}

fn keyword(lower: &str) -> Option<Keyword> {
    Some(match lower {
        "bool" => Keyword::Bool,
        "by" => Keyword::By,
        "without" => Keyword::Without,
        "on" => Keyword::On,
        "ignoring" => Keyword::Ignoring,
        "group_left" => Keyword::GroupLeft,
        "group_right" => Keyword::GroupRight,
        "fill" => Keyword::Fill,
        "fill_left" => Keyword::FillLeft,
        "fill_right" => Keyword::FillRight,
        "offset" => Keyword::Offset,
        "anchored" => Keyword::Anchored,
        "smoothed" => Keyword::Smoothed,
        "start" => Keyword::Start,
        "end" => Keyword::End,
        other => return duration_keyword(other),
    })
}

/// The words that may stand inside brackets.
pub(crate) fn duration_keyword(lower: &str) -> Option<Keyword> {
    Some(match lower {
        "step" => Keyword::Step,
        "range" => Keyword::Range,
        "min_of" => Keyword::MinOf,
        "max_of" => Keyword::MaxOf,
        _ => return None,
    })
}

impl TokenKind {
    /// Whether it can be a metric name without quotes.
    pub(crate) fn is_metric_name(self) -> bool {
        use Keyword::{Bool, GroupLeft, GroupRight, Ignoring, On};
        match self {
            TokenKind::Identifier | TokenKind::MetricIdentifier | TokenKind::Aggregator(_) => true,
            TokenKind::Binary(op) => op.is_set(),
            TokenKind::Keyword(keyword) => !matches!(keyword, Bool | GroupLeft | GroupRight | Ignoring | On),
            _ => false,
        }
    }

    /// Whether it can be a label name in a grouping; one with a colon can since Prometheus 3.
    pub(crate) fn is_label_name(self) -> bool {
        self.is_metric_name() || matches!(self, TokenKind::Keyword(_) | TokenKind::Binary(BinaryOp::Atan2))
    }

    /// Whether it names a function when a parenthesis follows.
    pub(crate) fn is_function_name(self) -> bool {
        use Keyword::{End, MaxOf, MinOf, Range, Start, Step};
        matches!(self, TokenKind::Identifier | TokenKind::Keyword(Start | End | Step | Range | MinOf | MaxOf))
    }

    /// How an error message names a token of this kind that is written `text`.
    pub(crate) fn describe(self, text: &str) -> String {
        use Keyword::{End, MaxOf, MinOf, Range, Start, Step};
        match self {
            TokenKind::End => "end of input".to_owned(),
            TokenKind::Identifier => format!("identifier {}", quote(text)),
            TokenKind::MetricIdentifier => format!("metric identifier {}", quote(text)),
            TokenKind::Number => format!("number {}", abbreviated(text)),
            TokenKind::Duration => format!("duration {}", abbreviated(text)),
            TokenKind::String => format!("string {}", abbreviated(text)),
            TokenKind::Keyword(Start | End | Step | Range | MinOf | MaxOf) => quote(text),
            TokenKind::Keyword(_) => format!("<{text}>"),
            TokenKind::Binary(_) | TokenKind::At | TokenKind::EqualRegex | TokenKind::NotEqualRegex => {
                format!("<op:{text}>")
            }
            TokenKind::Aggregator(_) => format!("<aggr:{text}>"),
            _ => quote(text),
        }
    }
}

/// Quoted; long ones cut after ten characters.
fn abbreviated(text: &str) -> String {
    match text.char_indices().nth(10) {
        Some((cut, _)) => format!("{}...", quote(text.split_at(cut).0)),
        None if text.len() > 10 => format!("{}...", quote(text)),
        None => quote(text),
    }
}
