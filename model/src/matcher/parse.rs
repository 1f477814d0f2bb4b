//! Reading matchers, in both of Alertmanager's syntaxes and in its fallback between them.
//!
//! Follows Alertmanager 0.34: `pkg/labels` (classic), `matcher/parse` (UTF-8) and `matcher/compat` (fallback).

use super::Matcher;
use crate::labels::Quoted;
use crate::pattern::InvalidPattern;

use super::{classic, utf8};

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
    choose(mode, || classic::matcher(text), || utf8::matcher(text), print_matcher)
}

/// Reads a list of matchers, with or without braces: `{a="b",c=~"d"}`, `a=b, c!=d`. An empty list is valid.
///
/// # Errors
/// The text is no list of matchers; a pattern is invalid.
pub fn parse_matchers(text: &str, mode: ParseMode) -> Result<Parsed<Vec<Matcher>>, InvalidMatcher> {
    choose(mode, || classic::matchers(text), || utf8::matchers(text), |matchers| print_matchers(matchers))
}

/// `{a="b",c=~"d"}`, byte for byte as Alertmanager prints matchers in route keys, and so in group keys and PagerDuty's
/// `dedup_key`: a name is quoted only where the UTF-8 syntax needs it, and beside a name without quotes a value has only
/// `\\`, `"` and line breaks escaped.
pub fn print_matchers(matchers: &[Matcher]) -> String {
    let inner: Vec<String> = matchers.iter().map(print_matcher).collect();
    format!("{{{}}}", inner.join(","))
}

fn print_matcher(matcher: &Matcher) -> String {
    let (name, op, value) = (matcher.name(), matcher.op().as_str(), matcher.value());
    if name.contains(utf8::is_reserved) {
        return format!("{}{op}{}", Quoted(name), Quoted(value));
    }
    let value = value.replace('\\', r"\\").replace('\n', r"\n").replace('"', r#"\""#);
    format!("{name}{op}\"{value}\"")
}

fn choose<T: PartialEq>(
    mode: ParseMode,
    classic: impl Fn() -> Result<T, InvalidMatcher>,
    utf8: impl Fn() -> Result<T, InvalidMatcher>,
    print: impl Fn(&T) -> String,
) -> Result<Parsed<T>, InvalidMatcher> {
    let plain = |value| Parsed { value, warning: None };
    match mode {
        ParseMode::Classic => classic().map(plain),
        ParseMode::Utf8Strict => utf8().map(plain),
        ParseMode::Fallback => match (classic(), utf8()) {
            (Err(_), Ok(value)) => Ok(plain(value)),
            // The UTF-8 parser points at the very token.
            (Err(_), Err(error)) => Err(error),
            (Ok(value), Ok(other)) if value == other => Ok(plain(value)),
            (Ok(value), Ok(other)) => {
                let (one, two) = (print(&value), print(&other));
                let warning = format!("reads as {one} here, but as {two} in UTF-8 strict mode; write {one}");
                Ok(Parsed { value, warning: Some(warning) })
            }
            (Ok(value), Err(error)) => {
                let warning = format!("is not valid in UTF-8 strict mode ({error}); write {}", print(&value));
                Ok(Parsed { value, warning: Some(warning) })
            }
        },
    }
}

impl InvalidMatcher {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> InvalidMatcher {
        InvalidMatcher { offset, message: message.into() }
    }

    pub(super) fn pattern(offset: usize, error: &InvalidPattern) -> InvalidMatcher {
        InvalidMatcher::new(offset, error.to_string())
    }
}

#[cfg(test)]
mod tests;
