//! Reading matchers, in both of Alertmanager's syntaxes and in its fallback between them.
//!
//! Follows Alertmanager 0.34: `pkg/labels` (classic), `matcher/parse` (UTF-8) and `matcher/compat` (fallback).

use super::{MatchOp, Matcher, classic, utf8};

/// Which syntax to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ParseMode {
    /// Both, as Alertmanager does by default: what only the classic syntax accepts, or what the two read differently,
    /// is read the classic way, with a warning.
    #[default]
    Fallback,
    /// `name op rest`: classic names, the rest of the text is the value.
    Classic,
    /// Any name, Go string literals, no blanks or special characters outside quotes.
    Utf8Strict,
}

/// What was read, and what the writer should know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The value.
    pub value: T,
    /// Only in [`ParseMode::Fallback`]: why the text should be written differently, with the text to write.
    pub warning: Option<String>,
}

/// Why a text is not a matcher, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidMatcher {
    /// Byte offset in the text.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads one matcher: `severity="critical"`. Braces around it are refused, but for [`ParseMode::Classic`], where a
/// closing one is part of the value.
///
/// # Errors
/// The text is no matcher, or more than one; its pattern is invalid.
pub fn parse_matcher(text: &str, mode: ParseMode) -> Result<Parsed<Matcher>, InvalidMatcher> {
    if mode != ParseMode::Classic {
        let brace = if text.starts_with('{') { Some(0) } else { text.ends_with('}').then(|| text.len() - 1) };
        if let Some(offset) = brace {
            return Err(InvalidMatcher::new(offset, "a single matcher is written without braces"));
        }
    }
    let one = |written: Written| vec![written];
    let parsed = choose(mode, || classic::matcher(text).map(one), || utf8::matcher(text).map(one), print_joined)?;
    let only = parsed.value.into_iter().next().ok_or_else(|| InvalidMatcher::new(0, "there is no matcher"))?;
    Ok(Parsed { value: only, warning: parsed.warning })
}

/// Reads a list of matchers, with or without braces: `{a="b",c=~"d"}`, `a=b, c!=d`. An empty list is valid.
///
/// # Errors
/// The text is no list of matchers; a pattern is invalid.
pub fn parse_matchers(text: &str, mode: ParseMode) -> Result<Parsed<Vec<Matcher>>, InvalidMatcher> {
    choose(mode, || classic::matchers(text), || utf8::matchers(text), print_matchers)
}

/// `{a="b",c=~"d"}`, as Alertmanager prints lists of matchers in route keys.
pub fn print_matchers(matchers: &[Matcher]) -> String {
    format!("{{{}}}", print_joined(matchers))
}

fn print_joined(matchers: &[Matcher]) -> String {
    matchers.iter().map(Matcher::to_string).collect::<Vec<_>>().join(",")
}

/// A matcher as written, its pattern not compiled yet: that takes longer than all the rest.
pub(super) struct Written {
    pub(super) name: String,
    pub(super) op: MatchOp,
    pub(super) value: String,
    /// Where the value stands in the text.
    pub(super) value_at: usize,
}

/// Equal in meaning, wherever they stand.
impl PartialEq for Written {
    fn eq(&self, other: &Written) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

fn compile(written: Vec<Written>) -> Result<Vec<Matcher>, InvalidMatcher> {
    let compile = |Written { name, op, value, value_at }| {
        Matcher::new(name, op, value).map_err(|error| InvalidMatcher::new(value_at, error.to_string()))
    };
    written.into_iter().map(compile).collect()
}

fn choose(
    mode: ParseMode,
    classic: impl Fn() -> Result<Vec<Written>, InvalidMatcher>,
    utf8: impl Fn() -> Result<Vec<Written>, InvalidMatcher>,
    print: impl Fn(&[Matcher]) -> String,
) -> Result<Parsed<Vec<Matcher>>, InvalidMatcher> {
    let plain = |value| Parsed { value, warning: None };
    match mode {
        ParseMode::Classic => return classic().and_then(compile).map(plain),
        ParseMode::Utf8Strict => return utf8().and_then(compile).map(plain),
        ParseMode::Fallback => {}
    }
    let (classic, utf8) = (classic(), utf8());
    if let (Ok(one), Ok(two)) = (&classic, &utf8)
        && one == two
    {
        return utf8.and_then(compile).map(plain);
    }
    match (classic.and_then(compile), utf8.and_then(compile)) {
        (Err(_), Ok(value)) => Ok(plain(value)),
        // The UTF-8 parser points at the very token.
        (Err(_), Err(error)) => Err(error),
        (Ok(value), Ok(other)) => {
            let (one, two) = (print(&value), print(&other));
            let warning = format!("reads as {one} here, but as {two} in UTF-8 strict mode; write {one}");
            Ok(Parsed { value, warning: Some(warning) })
        }
        (Ok(value), Err(error)) => {
            let warning = format!("is not valid in UTF-8 strict mode ({error}); write {}", print(&value));
            Ok(Parsed { value, warning: Some(warning) })
        }
    }
}

impl InvalidMatcher {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> InvalidMatcher {
        InvalidMatcher { offset, message: message.into() }
    }
}

#[cfg(test)]
mod tests;
