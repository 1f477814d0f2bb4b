//! Regular expressions as Go's RE2 reads them, on the `regex` crate.

mod alternative;
mod re2;

use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use smol_str::SmolStr;

use alternative::Alternative;

/// A compiled pattern may take this much memory, and [`COMPILED_BYTES_PER_BYTE`] more for each byte of it; RE2 has limits of the same
/// kind. So a short one cannot take what a list of thousands of hosts needs.
const COMPILED_BYTES: usize = 2 << 20;
const COMPILED_BYTES_PER_BYTE: usize = 512;
/// However long it is.
const COMPILED_BYTES_MAX: usize = 32 << 20;
/// A longer pattern is refused, also where it takes no engine.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;
/// So much of a pattern is shown where it cannot be read.
const SHOWN_BYTES: usize = 2000;

/// With more alternatives than this, an engine finds out faster which one it is.
const ALTERNATIVES_MAX: usize = 32;

/// A pattern that whole texts are compared with. Cheap to clone, and of a few bytes for most patterns in use:
/// an engine, which weighs kilobytes, is made only for what is not plain text, `.*` and `.+`.
#[derive(Clone, Debug)]
pub struct Pattern(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Any of these, in order: `a|b`.
    Texts(Arc<[SmolStr]>),
    /// Any of these, at most [`ALTERNATIVES_MAX`]: `a.*|b`.
    Alternatives(Arc<[Alternative]>),
    Engine(Arc<Regex>),
}

impl Pattern {
    /// As [`anchored`].
    ///
    /// # Errors
    /// The pattern is not valid RE2, or too large.
    pub fn anchored(pattern: &str) -> Result<Self, InvalidPattern> {
        Self::new(pattern, false, anchored)
    }

    /// As [`anchored_dotall`].
    ///
    /// # Errors
    /// The pattern is not valid RE2, or too large.
    pub fn anchored_dotall(pattern: &str) -> Result<Self, InvalidPattern> {
        Self::new(pattern, true, anchored_dotall)
    }

    fn new(
        pattern: &str,
        dotall: bool,
        engine: fn(&str) -> Result<Regex, InvalidPattern>,
    ) -> Result<Self, InvalidPattern> {
        check_length(pattern)?;
        let form = match alternative::read_all(pattern, dotall) {
            Some(found) if found.iter().all(Alternative::is_exact) => {
                let mut texts: Vec<SmolStr> = found.into_iter().map(Alternative::into_text).collect();
                texts.sort_unstable();
                texts.dedup();
                Form::Texts(texts.into())
            }
            Some(found) if found.len() <= ALTERNATIVES_MAX => Form::Alternatives(found.into()),
            _ => Form::Engine(Arc::new(engine(pattern)?)),
        };
        Ok(Self(form))
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Form::Texts(texts) => texts.binary_search_by(|known| known.as_str().cmp(text)).is_ok(),
            Form::Alternatives(alternatives) => alternatives.iter().any(|alternative| alternative.matches(text)),
            Form::Engine(regex) => regex.is_match(text),
        }
    }

    /// The only texts that match, in order, where the pattern just lists them.
    pub fn texts(&self) -> Option<&[SmolStr]> {
        match &self.0 {
            Form::Texts(texts) => Some(texts),
            Form::Alternatives(_) | Form::Engine(_) => None,
        }
    }
}

/// Compiles a pattern that must match the whole text, as Alertmanager's matchers do: `^(?:…)$`.
///
/// # Errors
/// The pattern is not valid RE2, or too large.
pub fn anchored(pattern: &str) -> Result<Regex, InvalidPattern> {
    compile(pattern, ("^(?:", ")$"), compiled_bytes_max(pattern))
}

/// Like [`anchored`], but `.` also matches a newline: `^(?s:…)$`, as Prometheus' selectors and relabelling do.
///
/// # Errors
/// The pattern is not valid RE2, or too large.
pub fn anchored_dotall(pattern: &str) -> Result<Regex, InvalidPattern> {
    compile(pattern, ("^(?s:", ")$"), compiled_bytes_max(pattern))
}

fn compiled_bytes_max(pattern: &str) -> usize {
    let of_length = pattern.len().saturating_mul(COMPILED_BYTES_PER_BYTE);
    COMPILED_BYTES.saturating_add(of_length).min(COMPILED_BYTES_MAX)
}

/// Compiles a pattern that may match anywhere and take so much memory.
///
/// # Errors
/// The pattern is not valid RE2, or too large.
pub fn unanchored(pattern: &str, compiled_bytes_max: usize) -> Result<Regex, InvalidPattern> {
    compile(pattern, ("", ""), compiled_bytes_max)
}

/// A pattern that matches just this text, byte for byte as Go's `regexp.QuoteMeta` writes it.
pub fn quote_meta(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Translated alone first: `a)(b` must not become valid by being wrapped.
fn compile(pattern: &str, (before, behind): (&str, &str), compiled_bytes_max: usize) -> Result<Regex, InvalidPattern> {
    let invalid = |reason| InvalidPattern::new(pattern, reason);
    check_length(pattern)?;
    let translated = re2::translated(pattern).map_err(invalid)?;
    RegexBuilder::new(&format!("{before}{translated}{behind}"))
        .size_limit(compiled_bytes_max)
        .build()
        .map_err(|error| invalid(re2::reason(&error)))
}

/// A pattern that RE2 would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression {pattern:?}: {reason}")]
pub struct InvalidPattern {
    pattern: String,
    reason: String,
}

fn check_length(pattern: &str) -> Result<(), InvalidPattern> {
    match pattern.len() > PATTERN_BYTES_MAX {
        true => Err(InvalidPattern::new(pattern, format!("longer than {PATTERN_BYTES_MAX} bytes"))),
        false => Ok(()),
    }
}

impl InvalidPattern {
    fn new(pattern: &str, reason: String) -> Self {
        let shown = pattern.get(..pattern.floor_char_boundary(SHOWN_BYTES)).unwrap_or_default();
        Self { pattern: shown.to_owned(), reason }
    }

    /// What is wrong, without the pattern, in the words of Go's `regexp`: `missing closing )`.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn anchors_the_whole_alternation() {
        let re = anchored("a|b").unwrap();
        assert!(re.is_match("a") && re.is_match("b") && !re.is_match("ab"));
        assert!(anchored_dotall("x.*").unwrap().is_match("x\ny"));
        assert!(!anchored("x.*").unwrap().is_match("x\ny"));
        assert!(unanchored("b+", 1 << 20).unwrap().is_match("abc"));
    }

    #[test]
    fn go_literal_quoting_is_translated() {
        assert!(anchored(r"\Qa.b\E+").unwrap().is_match("a.bb"));
        assert!(!anchored(r"\Qa.b\E").unwrap().is_match("axb"));
        assert!(anchored(r"\\Q").unwrap().is_match("\\Q"));
    }

    #[test]
    fn literal_texts_as_patterns() {
        assert_eq!(quote_meta("web.hook/a-b (x)"), r"web\.hook/a-b \(x\)");
        let odd = "\\Q.+*?()|[]{}^$&~#-é\n";
        assert!(anchored(&quote_meta(odd)).unwrap().is_match(odd));
        assert_eq!(Pattern::anchored(&quote_meta(odd)).unwrap().texts(), Some(&[SmolStr::from(odd)][..]));
    }

    #[test]
    fn wrapping_does_not_hide_mistakes() {
        assert!(anchored("a)(b").is_err());
        let error = anchored("[a").unwrap_err();
        assert_eq!(error.to_string(), "invalid regular expression \"[a\": missing closing ]");
    }

    #[test]
    fn patterns_without_engine() {
        let simple = |pattern: &str| {
            !matches!(Pattern::anchored(pattern), Ok(Pattern(Form::Engine(_))) | Err(_))
                && !matches!(Pattern::anchored_dotall(pattern), Ok(Pattern(Form::Engine(_))) | Err(_))
        };
        for pattern in
            ["", "a", "a|b|", ".*", ".+", "api-.*", ".*x.+|y", r"a\.b\|c.*", ".*.*", "é.*", "^(?:a|b.*)$", "a\nb|c.+"]
        {
            assert!(simple(pattern), "{pattern}");
        }
        for pattern in [
            "a.b",
            "a*",
            ".*?",
            "a.*b",
            "(a)",
            "[a]",
            r"\d",
            r"a\.*",
            ".{2}",
            "^a",
            "a$",
            "(?i)a",
            "^(?:a)|(?:b)$",
            r"^(?:a\)$",
        ] {
            assert!(!simple(pattern), "{pattern}");
        }
        assert!(simple(&"a|".repeat(1000)), "texts are looked up");
        assert!(!simple(&"a.*|".repeat(1000)), "one after the other would take too long");
    }

    #[test]
    fn a_pattern_takes_as_much_memory_as_its_length_explains() {
        let hosts: Vec<String> = (0..4000).map(|n| format!("web-{n}.eu-west.example.com")).collect();
        let usual = [
            hosts.join("|"),
            r"[^/]{1,255}/.{1,255}/\w{1,63}".to_owned(),
            r"(?i).*(error|warn(ing)?|crit(ical)?).*".to_owned(),
            ".{1000}".to_owned(),
            r"\pL+.*\pN{1,20}".to_owned(),
        ];
        for pattern in usual {
            let compiled = anchored(&pattern).map(drop).map_err(|error| error.reason().to_owned());
            assert_eq!(compiled, Ok(()), "{}", &pattern[..pattern.len().min(100)]);
        }
        for pattern in [r"\pL{1000}".to_owned(), r"[^a]{1000}".repeat(20), "a|".repeat(600_000)] {
            let error = Pattern::anchored(&pattern).unwrap_err();
            assert!(error.to_string().len() < 3000, "{}", error.reason());
        }
    }

    #[test]
    fn the_texts_that_match() {
        let texts = |pattern| Pattern::anchored(pattern).unwrap().texts().map(|texts| texts.join(" "));
        assert_eq!(texts(r"b\.c|a|b\.c"), Some("a b.c".to_owned()));
        assert_eq!(texts("a|b.*"), None);
        assert_eq!(texts("[ab]"), None);
    }

    proptest! {
        #[test]
        fn the_engine_agrees(
            pattern in r"(\.[*+])?[aé|\n]{0,3}(\\\.|b){0,2}(\.[*+])?(\|(\.[*+])?a?)?",
            text in "[aé.b|\n]{0,5}",
        ) {
            for pattern in [format!("^(?:{pattern})$"), pattern] {
                let simple = Pattern::anchored(&pattern).map(|pattern| pattern.matches(&text));
                prop_assert_eq!(simple.ok(), anchored(&pattern).ok().map(|engine| engine.is_match(&text)));
                let simple = Pattern::anchored_dotall(&pattern).map(|pattern| pattern.matches(&text));
                prop_assert_eq!(simple.ok(), anchored_dotall(&pattern).ok().map(|engine| engine.is_match(&text)));
            }
        }
    }
}
