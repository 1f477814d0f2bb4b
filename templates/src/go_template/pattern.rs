//! Go's regular expressions compiled once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use regex::Regex;

use super::error::FunctionFailure;
use super::function::{Functions, THREE_TEXTS, TWO_TEXTS, text};
use super::value::Value;

/// Patterns kept before the oldest make room.
const KEPT: usize = 256;

/// Bytes a compiled pattern may take.
const COMPILED_BYTES: usize = 2 << 20;

/// So much of a pattern is shown where it cannot be read.
const SHOWN_BYTES: usize = 500;

/// Adds `match` and `reReplaceAll`.
pub(crate) fn install(functions: &mut Functions) {
    let patterns = Arc::new(Patterns::default());
    let shared = patterns.clone();
    functions
        .add("match", TWO_TEXTS, move |_, args| Ok(Value::Bool(shared.get(text(args, 0))?.is_match(text(args, 1)))));
    functions.add("reReplaceAll", THREE_TEXTS, move |call, args| {
        let limit = call.limits.output_bytes;
        Ok(patterns.replace_all(text(args, 0), text(args, 1), text(args, 2), limit)?.into())
    });
}

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
    model::pattern::unanchored(pattern, COMPILED_BYTES).map_err(|error| {
        let shown = pattern.get(..pattern.floor_char_boundary(SHOWN_BYTES)).unwrap_or_default();
        format!("error parsing regexp: {}: `{shown}`", error.reason()).into()
    })
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
