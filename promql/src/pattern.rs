//! What `=~` compares with.

use regex::Regex;

use crate::re2::{self, InvalidPattern};

/// A pattern a whole text must match.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// Any of these. Most patterns in rules are such; they need no engine, which takes kilobytes each.
    Simple(Vec<Alternative>),
    /// Everything else.
    Engine(Regex),
}

/// A text with or without something around it: `api`, `api-.*`, `.*error.+`, `.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alternative {
    before: Around,
    text: String,
    after: Around,
}

/// What may stand before or behind a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    /// `.*`
    Anything,
    /// `.+`
    Something,
}

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Result<Pattern, InvalidPattern> {
        match alternatives(pattern) {
            Some(alternatives) => Ok(Pattern::Simple(alternatives)),
            None => Ok(Pattern::Engine(re2::anchored(pattern)?)),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Simple(alternatives) => alternatives.iter().any(|alternative| alternative.matches(text)),
            Pattern::Engine(regex) => regex.is_match(text),
        }
    }

    /// The texts that match, if they are just a few.
    pub(crate) fn texts(&self) -> Option<Vec<&str>> {
        let Pattern::Simple(alternatives) = self else { return None };
        let exact =
            |alternative: &Alternative| alternative.before == Around::Nothing && alternative.after == Around::Nothing;
        alternatives.iter().map(|alternative| exact(alternative).then_some(alternative.text.as_str())).collect()
    }
}

impl Alternative {
    fn matches(&self, text: &str) -> bool {
        let mut inner = text.chars();
        let missing = (self.before == Around::Something && inner.next().is_none())
            || (self.after == Around::Something && inner.next_back().is_none());
        let inner = inner.as_str();
        !missing
            && match (self.before, self.after) {
                (Around::Nothing, Around::Nothing) => inner == self.text,
                (Around::Nothing, _) => inner.starts_with(&self.text),
                (_, Around::Nothing) => inner.ends_with(&self.text),
                _ => inner.contains(&self.text),
            }
    }

    /// The alternative at the start of a pattern, and the pattern behind it.
    fn read(pattern: &str) -> Option<(Alternative, &str)> {
        let (before, mut rest) = around(pattern);
        let mut text = String::new();
        while let Some(c) = rest.chars().next().filter(|c| !matches!(c, '.' | '|')) {
            let mut chars = rest.chars();
            chars.next();
            text.push(match c {
                '\\' => chars.next().filter(|c| c.is_ascii() && !c.is_ascii_alphanumeric())?,
                '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
                c => c,
            });
            rest = chars.as_str();
        }
        let (after, rest) = around(rest);
        Some((Alternative { before, text, after }, rest))
    }
}

fn around(pattern: &str) -> (Around, &str) {
    if let Some(rest) = pattern.strip_prefix(".*") {
        (Around::Anything, rest)
    } else if let Some(rest) = pattern.strip_prefix(".+") {
        (Around::Something, rest)
    } else {
        (Around::Nothing, pattern)
    }
}

fn alternatives(pattern: &str) -> Option<Vec<Alternative>> {
    let mut found = Vec::new();
    let mut rest = pattern;
    loop {
        let (alternative, behind) = Alternative::read(rest)?;
        found.push(alternative);
        match behind.strip_prefix('|') {
            Some(next) => rest = next,
            None => return behind.is_empty().then_some(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_without_engine() {
        let simple = |pattern| matches!(Pattern::new(pattern), Ok(Pattern::Simple(_)));
        for pattern in ["", "a", "a|b|", ".*", ".+", "api-.*", ".*x.+|y", r"a\.b\|c.*", ".*.*", "é.*"] {
            assert!(simple(pattern), "{pattern}");
        }
        for pattern in ["a.b", "a*", ".*?", "a.*b", "(a)", "[a]", r"\d", r"a\.*", ".{2}", "^a", "a$", "(?i)a"] {
            assert!(!simple(pattern), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn the_engine_agrees(
            pattern in r"(\.[*+])?[aé|]{0,3}(\\\.|b){0,2}(\.[*+])?(\|(\.[*+])?a?)?",
            text in "[aé.b|\n]{0,5}",
        ) {
            let simple = Pattern::new(&pattern).map(|pattern| pattern.matches(&text));
            prop_assert_eq!(simple.ok(), re2::anchored(&pattern).ok().map(|engine| engine.is_match(&text)));
        }
    }
}
