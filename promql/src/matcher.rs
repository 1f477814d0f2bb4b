//! Label matchers.

use std::fmt;

use crate::pattern::Pattern;
use crate::quote::quote;
pub use crate::re2::InvalidPattern;

/// The label that holds a series' metric name.
pub const METRIC_NAME: &str = "__name__";

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }

    /// `!=` and `!~`.
    pub fn is_negative(self) -> bool {
        matches!(self, MatchOp::NotEqual | MatchOp::NotRegex)
    }
}

/// A condition on one label. Displays as in a selector: `job=~"a|b"`, the name quoted where it must be.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    /// For the regex operators.
    pattern: Option<Pattern>,
}

impl Matcher {
    /// A matcher on label `name`.
    ///
    /// # Errors
    /// A pattern that is not RE2 syntax.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Matcher, InvalidPattern> {
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Pattern::new(value)?),
        };
        Ok(Matcher { name: name.to_owned(), op, value: value.to_owned(), pattern })
    }

    /// `name=value`, which cannot fail.
    pub fn equal(name: &str, value: &str) -> Matcher {
        Matcher { name: name.to_owned(), op: MatchOp::Equal, value: value.to_owned(), pattern: None }
    }

    /// The label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The text or pattern it compares with, as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label with this value passes; a label that is not there has the empty value.
    pub fn matches(&self, value: &str) -> bool {
        let accepted = match &self.pattern {
            None => self.value == value,
            Some(pattern) => pattern.matches(value),
        };
        accepted != self.op.is_negative()
    }

    /// The only values that can pass, where they are just a few: of `=`, and of `=~` with plain alternatives.
    pub fn only_values(&self) -> Option<Vec<&str>> {
        match &self.pattern {
            _ if self.op.is_negative() => None,
            None => Some(vec![&self.value]),
            Some(pattern) => pattern.texts(),
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&label_name(&self.name))?;
        f.write_str(self.op.text())?;
        f.write_str(&quote(&self.value))
    }
}

/// A label name as it is written in a selector or grouping: quoted if it is not a plain identifier.
pub(crate) fn label_name(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if plain { name.to_owned() } else { quote(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_is_anchored_and_negation_negates() {
        let table = [
            (MatchOp::Equal, "a", "a", true),
            (MatchOp::Equal, "a", "ab", false),
            (MatchOp::NotEqual, "a", "", true),
            (MatchOp::Regex, "a|b", "b", true),
            (MatchOp::Regex, "a|b", "ab", false),
            (MatchOp::Regex, "a|", "", true),
            (MatchOp::Regex, "a.*", "xa", false),
            (MatchOp::Regex, "a.c", "a\nc", true),
            (MatchOp::NotRegex, "a.*|b", "ax", false),
            (MatchOp::NotRegex, "a.*|b", "bx", true),
        ];
        for (op, pattern, value, passes) in table {
            let matcher = Matcher::new("l", op, pattern).unwrap();
            assert_eq!(matcher.matches(value), passes, "{matcher} on {value:?}");
        }
    }

    #[test]
    fn values_that_can_pass() {
        let only = |op, value| {
            let matcher = Matcher::new("l", op, value).unwrap();
            matcher.only_values().map(|values| values.join(" "))
        };
        assert_eq!(only(MatchOp::Equal, "a"), Some("a".to_owned()));
        assert_eq!(only(MatchOp::Regex, r"a|b\.c"), Some("a b.c".to_owned()));
        assert_eq!(only(MatchOp::Regex, "a|b.*"), None);
        assert_eq!(only(MatchOp::Regex, "a.b"), None);
        assert_eq!(only(MatchOp::NotEqual, "a"), None);
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        for (name, shown) in [("job", "job"), ("_9", "_9"), ("9", "\"9\""), ("a.b", "\"a.b\""), ("", "\"\"")] {
            assert_eq!(Matcher::equal(name, "x\"").to_string(), format!(r#"{shown}="x\"""#));
        }
    }
}
