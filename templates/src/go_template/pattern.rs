//! Go's regular expressions on the `regex` crate: translated, compiled once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};

use super::error::FunctionFailure;

/// Patterns kept before the oldest make room.
const KEPT: usize = 256;

/// Bytes a compiled pattern may take.
const COMPILED_BYTES: usize = 2 << 20;

/// Compiled patterns of one function table, shared by every execution.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    kept: Mutex<HashMap<String, Arc<Regex>>>,
}

impl Patterns {
    /// The compiled form of a Go pattern.
    pub(crate) fn get(&self, pattern: &str) -> Result<Arc<Regex>, FunctionFailure> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = kept.get(pattern) {
            return Ok(regex.clone());
        }
        let regex = Arc::new(compile(pattern)?);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }

    /// Replaces every match; `$1`, `${1}` and `${name}` stand for groups.
    pub(crate) fn replace_all(
        &self,
        pattern: &str,
        replacement: &str,
        text: &str,
        limit: usize,
    ) -> Result<String, FunctionFailure> {
        let regex = self.get(pattern)?;
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for found in regex.captures_iter(text) {
            let Some(whole) = found.get(0) else { continue };
            out.push_str(text.get(copied..whole.start()).unwrap_or_default());
            found.expand(replacement, &mut out);
            copied = whole.end();
            if out.len() > limit {
                return Err(FunctionFailure::Limit(format!("text is larger than {limit} bytes")));
            }
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Ok(out)
    }
}

fn compile(pattern: &str) -> Result<Regex, FunctionFailure> {
    RegexBuilder::new(&translated(pattern)).size_limit(COMPILED_BYTES).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("error parsing regexp: {reason}: `{pattern}`").into()
    })
}

/// The same expression in the syntax of the `regex` crate: quoted runs, ASCII classes, literal braces and brackets.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut class = Class::Outside;
    while let Some(character) = rest.chars().next() {
        let after = rest.get(character.len_utf8()..).unwrap_or_default();
        rest = match (character, &class) {
            ('\\', _) => escape(&mut out, after, class != Class::Outside),
            ('[', Class::Outside) => {
                class = Class::First;
                out.push('[');
                match after.strip_prefix('^') {
                    Some(after) => {
                        out.push('^');
                        after
                    }
                    None => after,
                }
            }
            (']', Class::First) => {
                class = Class::Inside;
                out.push_str("\\]");
                after
            }
            (']', Class::Inside) => {
                class = Class::Outside;
                out.push(']');
                after
            }
            ('[', _) => {
                class = Class::Inside;
                bracket_in_class(&mut out, after)
            }
            ('{', Class::Outside) => {
                out.push_str(if is_repetition(after) { "{" } else { "\\{" });
                after
            }
            (_, Class::Outside) => {
                out.push(character);
                after
            }
            _ => {
                class = Class::Inside;
                // doubled, these are set operations of the `regex` crate
                if matches!(character, '&' | '~') {
                    out.push('\\');
                }
                out.push(character);
                after
            }
        };
    }
    out
}

/// Where in a bracketed class the translation is.
#[derive(PartialEq, Eq)]
enum Class {
    Outside,
    /// Nothing of the class has been read yet: a `]` here is a member.
    First,
    Inside,
}

/// A `[` inside a class: a named class such as `[:alpha:]`, or itself.
fn bracket_in_class<'r>(out: &mut String, after: &'r str) -> &'r str {
    if after.starts_with(':')
        && let Some((name, rest)) = after.split_once(":]")
    {
        out.push('[');
        out.push_str(name);
        out.push_str(":]");
        return rest;
    }
    out.push_str("\\[");
    after
}

/// Whether `{` begins `{n}`, `{n,}` or `{n,m}`; any other brace is itself in Go.
fn is_repetition(after: &str) -> bool {
    let Some((inside, _)) = after.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    !least.is_empty() && [least, most].iter().all(|bound| bound.chars().all(|digit| digit.is_ascii_digit()))
}

/// Translates what follows a backslash; gives what follows it.
fn escape<'r>(out: &mut String, after: &'r str, in_class: bool) -> &'r str {
    let Some(escaped) = after.chars().next() else {
        out.push('\\');
        return after;
    };
    let rest = after.get(escaped.len_utf8()..).unwrap_or_default();
    match (escaped, in_class) {
        ('Q', false) => {
            let (literal, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            out.push_str(&regex::escape(literal));
            return rest;
        }
        ('d', true) => out.push_str("0-9"),
        ('d', false) => out.push_str("[0-9]"),
        ('D', _) => out.push_str("[^0-9]"),
        ('w', true) => out.push_str("0-9A-Za-z_"),
        ('w', false) => out.push_str("[0-9A-Za-z_]"),
        ('W', _) => out.push_str("[^0-9A-Za-z_]"),
        ('s', true) => out.push_str("\\t\\n\\f\\r "),
        ('s', false) => out.push_str("[\\t\\n\\f\\r ]"),
        ('S', _) => out.push_str("[^\\t\\n\\f\\r ]"),
        ('b', false) => out.push_str("(?-u:\\b)"),
        ('<' | '>', _) => out.push(escaped),
        ('0'..='7', _) => {
            let digits = after.chars().take(3).take_while(|digit| digit.is_digit(8)).count();
            let (octal, rest) = after.split_at(digits);
            // one digit but 0 would be a back reference, which neither engine has
            if digits > 1 || escaped == '0' {
                out.push_str(&format!("\\x{{{:x}}}", u32::from_str_radix(octal, 8).unwrap_or(0)));
                return rest;
            }
            out.push('\\');
            out.push_str(octal);
            return rest;
        }
        _ => {
            out.push('\\');
            out.push(escaped);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_what_it_means_in_go() {
        let patterns = Patterns::default();
        for (pattern, replacement, text, want) in [
            (r"(\w+)@(\w+)\.com", "$2-$1", "bob@x.com", "x-bob"),
            ("(a)(b)", "${1}x", "ab", "ax"),
            ("(a)(b)", "$1x", "ab", ""),
            ("a", "$$", "bab", "b$b"),
            (r"\Qa.b\E+", "x", "a.bb a.b", "x x"),
            (r"\d", "#", "1٣", "#٣"),
            (r"[\d&&a]+", "#", "1a&b", "#b"),
            (r"[[]", "#", "[x]", "#x]"),
            (r"[]x]", "#", "[x]", "[##"),
            (r"[[:alpha:]]+", "#", "ab1", "#1"),
            (r"a{,2}", "#", "a{,2}", "#"),
            (r"a{2}", "#", "aaa", "#a"),
            ("{{x}}", "#", "a{{x}}", "a#"),
            (r"\x41\101\<", "#", "AA<", "#"),
            ("a*", "x", "baac", "xbxcx"),
            (r"(?i)ERR", "e", "Err", "e"),
        ] {
            assert_eq!(patterns.replace_all(pattern, replacement, text, 1000).expect("a pattern"), want, "{pattern}");
        }
        assert!(patterns.get("(").is_err());
    }
}
