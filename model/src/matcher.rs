//! Label matchers: `name="value"`, `!=`, `=~`, `!~`.

mod classic;
pub mod parse;
mod utf8;

use std::fmt;

use smol_str::SmolStr;

use crate::labels::LabelSet;
use crate::pattern::{InvalidPattern, Pattern};
use crate::quote::Quoted;

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
    /// Of the two operators that have one.
    pattern: Option<Pattern>,
}

impl Matcher {
    /// Builds a matcher as Alertmanager reads it: in a pattern `.` is no line break.
    ///
    /// # Errors
    /// The value of a regex matcher is not a valid pattern.
    pub fn new(name: impl Into<SmolStr>, op: MatchOp, value: impl Into<SmolStr>) -> Result<Self, InvalidPattern> {
        Self::compiled(name.into(), op, value.into(), Pattern::anchored)
    }

    /// Builds a matcher as Prometheus reads it in a selector of series: in a pattern `.` is any character.
    ///
    /// # Errors
    /// The value of a regex matcher is not a valid pattern.
    pub fn of_selector(
        name: impl Into<SmolStr>,
        op: MatchOp,
        value: impl Into<SmolStr>,
    ) -> Result<Self, InvalidPattern> {
        Self::compiled(name.into(), op, value.into(), Pattern::anchored_dotall)
    }

    fn compiled(
        name: SmolStr,
        op: MatchOp,
        value: SmolStr,
        compile: fn(&str) -> Result<Pattern, InvalidPattern>,
    ) -> Result<Self, InvalidPattern> {
        let pattern = op.is_regex().then(|| compile(&value)).transpose()?;
        Ok(Self { name, op, value, pattern })
    }

    /// `name="value"`; cannot fail.
    pub fn equal(name: impl Into<SmolStr>, value: impl Into<SmolStr>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), pattern: None }
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
        let accepted = match &self.pattern {
            None => self.value == value,
            Some(pattern) => pattern.matches(value),
        };
        accepted == self.op.is_positive()
    }

    /// Whether a label set passes.
    pub fn matches(&self, labels: &LabelSet) -> bool {
        self.matches_value(labels.get_or_empty(&self.name))
    }

    /// The only values that can pass, where they are just listed: of `=`, and of `=~` with plain alternatives.
    pub fn only_values(&self) -> Option<&[SmolStr]> {
        match &self.pattern {
            _ if !self.op.is_positive() => None,
            None => Some(std::slice::from_ref(&self.value)),
            Some(pattern) => pattern.texts(),
        }
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

/// `name="value"`, byte for byte as Alertmanager prints matchers in route keys, and so in group keys and PagerDuty's
/// `dedup_key`: a name is quoted only where the UTF-8 syntax needs it, and beside a name without quotes a value has only
/// `\\`, `"` and line breaks escaped.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = self.op.as_str();
        // An empty name, which nothing has, too: without quotes it could not be read again.
        if self.name.is_empty() || self.name.contains(utf8::is_reserved) {
            return write!(f, "{}{op}{}", Quoted(&self.name), Quoted(&self.value));
        }
        let value = self.value.replace('\\', r"\\").replace('\n', r"\n").replace('"', r#"\""#);
        write!(f, "{}{op}\"{value}\"", self.name)
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
    fn an_empty_name_is_printed_so_that_it_can_be_read() {
        let matcher = Matcher::new("", MatchOp::NotEqual, "x").unwrap();
        assert_eq!(matcher.to_string(), r#"""!="x""#);
        assert_eq!(parse::parse_matcher(&matcher.to_string(), parse::ParseMode::Utf8Strict).unwrap().value, matcher);
    }

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
    fn matching_is_anchored_and_negation_negates() {
        let table = [
            (MatchOp::Equal, "a", "a", true),
            (MatchOp::Equal, "a", "ab", false),
            (MatchOp::NotEqual, "a", "", true),
            (MatchOp::Regex, "a|b", "b", true),
            (MatchOp::Regex, "a|b", "ab", false),
            (MatchOp::Regex, "a|", "", true),
            (MatchOp::Regex, "a.*", "xa", false),
            (MatchOp::Regex, "^(?:a|b)$", "b", true),
            (MatchOp::NotRegex, "a.*|b", "ax", false),
            (MatchOp::NotRegex, "a.*|b", "bx", true),
        ];
        for (op, pattern, value, passes) in table {
            for matcher in [Matcher::new("l", op, pattern), Matcher::of_selector("l", op, pattern)] {
                let matcher = matcher.unwrap();
                assert_eq!(matcher.matches_value(value), passes, "{matcher} on {value:?}");
            }
        }
    }

    #[test]
    fn line_breaks_in_notifications_and_in_selectors() {
        let cases = [("a.c", "a\nc", false), ("a.*", "a\nc", false), ("(a|b).*", "a", true), ("a.*|c", "a c", true)];
        for (pattern, value, passes) in cases {
            assert_eq!(Matcher::new("l", MatchOp::Regex, pattern).unwrap().matches_value(value), passes, "{pattern}");
            assert_eq!(Matcher::new("l", MatchOp::NotRegex, pattern).unwrap().matches_value(value), !passes);
            assert!(Matcher::of_selector("l", MatchOp::Regex, pattern).unwrap().matches_value(value), "{pattern}");
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
        assert_eq!(only(MatchOp::NotRegex, "a"), None);
    }

    #[test]
    fn prints_as_in_route_keys() {
        for (name, op, value, printed) in [
            ("a", MatchOp::Regex, "x|\"y\"", r#"a=~"x|\"y\"""#),
            ("a", MatchOp::Equal, "\t\n\\", "a=\"\t\\n\\\\\""),
            ("a.b", MatchOp::NotEqual, "1", r#"a.b!="1""#),
            ("a b", MatchOp::NotRegex, "\t", r#""a b"!~"\t""#),
        ] {
            assert_eq!(Matcher::new(name, op, value).unwrap().to_string(), printed);
        }
    }
}
