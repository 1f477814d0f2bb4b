//! Matchers as our pages write them and as people type them. Where both syntaxes are read, the newer one comes first: it reads all that
//! our pages write, control characters too.

use model::Matcher;
use model::matcher::parse::{InvalidMatcher, ParseMode, parse_matcher, parse_matchers};

/// One: `a="b"`.
///
/// # Errors
/// It is none in the syntaxes of `mode`.
pub fn read_one(text: &str, mode: ParseMode) -> Result<Matcher, InvalidMatcher> {
    first(mode, |mode| parse_matcher(text, mode).map(|parsed| parsed.value))
}

/// A list, with or without braces.
///
/// # Errors
/// It is none in the syntaxes of `mode`.
pub fn read_all(text: &str, mode: ParseMode) -> Result<Vec<Matcher>, InvalidMatcher> {
    first(mode, |mode| parse_matchers(text, mode).map(|parsed| parsed.value))
}

fn first<T>(mode: ParseMode, read: impl Fn(ParseMode) -> Result<T, InvalidMatcher>) -> Result<T, InvalidMatcher> {
    match mode {
        ParseMode::Fallback => read(ParseMode::Utf8Strict).or_else(|_| read(mode)),
        mode => read(mode),
    }
}

#[cfg(test)]
mod tests {
    use model::LabelSet;

    use super::*;
    use crate::alerts::card::matchers;

    #[test]
    fn what_pages_write_is_read_back() {
        let labels = LabelSet::from_pairs([("a", "</script>\"'\\ \n\u{1}"), ("b c", "x, y=\"z\"")]);
        let read = read_all(&matchers(&labels), ParseMode::default()).unwrap();
        assert!(read.iter().all(|matcher| matcher.matches(&labels)), "{read:?}");
        assert_eq!(read_one("a=b", ParseMode::default()).unwrap(), Matcher::equal("a", "b"));
        assert!(read_one("a=~(", ParseMode::default()).is_err());
    }
}
