//! Regular expressions as Go's RE2 reads them, on the `regex` crate.

use regex::{Regex, RegexBuilder};

/// A compiled pattern may take this much memory; RE2 has limits of the same kind.
const COMPILED_BYTES_MAX: usize = 16 << 20;

/// Compiles a pattern that must match the whole text, as Alertmanager's matchers do: `^(?:…)$`.
///
/// # Errors
/// The pattern is not valid RE2, or too large.
pub fn anchored(pattern: &str) -> Result<Regex, InvalidPattern> {
    compile(pattern, |p| format!("^(?:{p})$"))
}

/// Like [`anchored`], but `.` also matches a newline: `^(?s:…)$`, as Prometheus' selectors and relabelling do.
///
/// # Errors
/// The pattern is not valid RE2, or too large.
pub fn anchored_dotall(pattern: &str) -> Result<Regex, InvalidPattern> {
    compile(pattern, |p| format!("^(?s:{p})$"))
}

/// Compiles a pattern that may match anywhere.
///
/// # Errors
/// The pattern is not valid RE2, or too large.
pub fn unanchored(pattern: &str) -> Result<Regex, InvalidPattern> {
    compile(pattern, str::to_owned)
}

fn compile(pattern: &str, wrap: impl Fn(&str) -> String) -> Result<Regex, InvalidPattern> {
    let translated = unquote_literals(pattern);
    // Checked alone first: `a)(b` must not become valid by being wrapped.
    regex_syntax_check(&translated).map_err(|reason| InvalidPattern { pattern: pattern.to_owned(), reason })?;
    RegexBuilder::new(&wrap(&translated))
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| InvalidPattern { pattern: pattern.to_owned(), reason: last_line(&error.to_string()) })
}

fn regex_syntax_check(pattern: &str) -> Result<(), String> {
    match Regex::new(pattern) {
        Err(regex::Error::Syntax(text)) => Err(last_line(&text)),
        _ => Ok(()),
    }
}

/// The `regex` crate prints a drawing above its message; keep the message.
fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim().trim_start_matches("error: ").to_owned()
}

/// Go accepts `\Q…\E` quoting, the `regex` crate does not: rewrite it to escaped text.
fn unquote_literals(pattern: &str) -> String {
    if !pattern.contains("\\Q") {
        return pattern.to_owned();
    }
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix("\\Q") {
            let (literal, tail) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            out.push_str(&regex::escape(literal));
            rest = tail;
        } else if c == '\\' {
            // An escape is two characters; `\\Q` is a backslash and a Q.
            let len = c.len_utf8() + rest[1..].chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[..len]);
            rest = &rest[len..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// A pattern that RE2 would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression {pattern:?}: {reason}")]
pub struct InvalidPattern {
    pattern: String,
    reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_the_whole_alternation() {
        let re = anchored("a|b").unwrap();
        assert!(re.is_match("a") && re.is_match("b") && !re.is_match("ab"));
        assert!(anchored_dotall("x.*").unwrap().is_match("x\ny"));
        assert!(!anchored("x.*").unwrap().is_match("x\ny"));
    }

    #[test]
    fn go_literal_quoting_is_translated() {
        assert!(anchored(r"\Qa.b\E+").unwrap().is_match("a.bb"));
        assert!(!anchored(r"\Qa.b\E").unwrap().is_match("axb"));
        assert!(anchored(r"\\Q").unwrap().is_match("\\Q"));
    }

    #[test]
    fn wrapping_does_not_hide_mistakes() {
        assert!(anchored("a)(b").is_err());
        assert!(anchored("[a").unwrap_err().to_string().contains("unclosed"));
    }
}
