//! Label matchers: `name="value"`, `!=`, `=~`, `!~`.

mod classic;
mod go_string;
pub mod parse;
mod utf8;

use std::fmt;

use regex::Regex;
use smol_str::SmolStr;

use crate::labels::{LabelSet, Quoted};
use crate::pattern::{InvalidPattern, anchored};

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, the whole value
    Regex,
    /// `!~`
    NotRegex,
}

/// One condition on one label. A label that is absent is seen as "".
///
/// Two matchers are equal when name, operator and value are.
#[derive(Clone)]
pub struct Matcher {
    name: SmolStr,
    op: MatchOp,
    value: SmolStr,
    regex: Option<Regex>,
}

impl Matcher {
    /// Builds a matcher, compiling the pattern of a regex one.
    ///
    /// # Errors
    /// The value of a regex matcher is not a valid pattern.
    pub fn new(name: impl Into<SmolStr>, op: MatchOp, value: impl Into<SmolStr>) -> Result<Self, InvalidPattern> {
        let value = value.into();
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(anchored(&value)?),
        };
        Ok(Self { name: name.into(), op, value, regex })
    }

    /// `name="value"`; cannot fail.
    pub fn equal(name: impl Into<SmolStr>, value: impl Into<SmolStr>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), regex: None }
    }

    /// The label's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operator.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The value or pattern as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label value passes; "" stands for an absent label.
    pub fn matches_value(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => value == self.value,
            (MatchOp::NotEqual, _) => value != self.value,
            (MatchOp::Regex, Some(regex)) => regex.is_match(value),
            (MatchOp::NotRegex, Some(regex)) => !regex.is_match(value),
            (MatchOp::Regex | MatchOp::NotRegex, None) => false,
        }
    }

    /// Whether a label set passes.
    pub fn matches(&self, labels: &LabelSet) -> bool {
        self.matches_value(labels.get_or_empty(&self.name))
    }
}

/// Whether a label set passes every matcher; an empty list passes all.
pub fn all_match(matchers: &[Matcher], labels: &LabelSet) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

impl MatchOp {
    /// `=`, `!=`, `=~` or `!~`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Whether the value is a pattern.
    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }

    /// Whether the operator asks for a match (`=`, `=~`) rather than for none.
    pub const fn is_positive(self) -> bool {
        matches!(self, Self::Equal | Self::Regex)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

impl Eq for Matcher {}

/// `name="value"`, as Alertmanager prints matchers in route keys: the name quoted too if it is not a classic label name.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_classic_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            write!(f, "{}", Quoted(&self.name))?;
        }
        write!(f, "{}{}", self.op.as_str(), Quoted(&self.value))
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a name is a classic label name: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_classic_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_label_is_empty() {
        let labels = LabelSet::from_pairs([("a", "x")]);
        let cases = [
            ("b", MatchOp::Equal, "", true),
            ("b", MatchOp::NotEqual, "x", true),
            ("b", MatchOp::Regex, ".+", false),
            ("b", MatchOp::Regex, ".*", true),
            ("b", MatchOp::NotRegex, ".+", true),
            ("a", MatchOp::Regex, "x|y", true),
            ("a", MatchOp::Regex, "", false),
        ];
        for (name, op, value, expected) in cases {
            let matcher = Matcher::new(name, op, value).unwrap();
            assert_eq!(matcher.matches(&labels), expected, "{matcher}");
        }
    }

    #[test]
    fn prints_with_quotes_where_needed() {
        assert_eq!(Matcher::new("a", MatchOp::Regex, "x|\"y\"").unwrap().to_string(), r#"a=~"x|\"y\"""#);
        assert_eq!(Matcher::equal("a.b", "1").to_string(), r#""a.b"="1""#);
    }
}
