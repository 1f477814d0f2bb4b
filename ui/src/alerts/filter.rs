//! The filter of alerts, as it stands in the address: `severity="critical", cluster=~"eu-.*", @state!=silenced, @age>10m, disk`.
//!
//! Terms are joined by commas outside quotes. A term is a matcher of a label in either of Alertmanager's syntaxes, something about the
//! alert (`@state @receiver @age @silenced_by @inhibited_by @acked_by @fingerprint`), or a text that some label's value contains.

use std::fmt;
use std::time::Duration;

use model::duration::parse_duration;
use model::matcher::parse::ParseMode;
use model::quote::{quote, unquote};
use model::{LabelSet, MatchOp, Matcher, Timestamp};
use notifier::notifier::AlertView;

use super::state::States;
use crate::matchers::read_one;

/// What is asked of alerts; all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// Of a label.
    Label(Matcher),
    /// Of something else that is a text, or several: the matcher's name is without the `@`.
    About(About, Matcher),
    /// Of how long it fires.
    Age(Comparison, Duration),
    /// Some value contains this, in small letters.
    Text(String),
}

/// What can be asked beside labels and age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// `active`, `suppressed`, `silenced`, `inhibited`, `muted`, `acknowledged`.
    State,
    /// Receivers of its routes.
    Receiver,
    /// Ids of silences.
    SilencedBy,
    /// The fingerprint of the alert that inhibits.
    InhibitedBy,
    /// Who has taken it on.
    AckedBy,
    /// Its own fingerprint.
    Fingerprint,
}

/// How ages are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    From,
    /// `<`
    Below,
    /// `<=`
    UpTo,
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{term}: {why}")]
pub struct FilterError {
    /// The term that is wrong.
    pub term: String,
    /// Why, and how to mend it.
    pub why: String,
}

/// More terms are refused.
const TERMS_MAX: usize = 50;

impl About {
    /// All, with their names.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::State, "state"),
        (Self::Receiver, "receiver"),
        (Self::SilencedBy, "silenced_by"),
        (Self::InhibitedBy, "inhibited_by"),
        (Self::AckedBy, "acked_by"),
        (Self::Fingerprint, "fingerprint"),
    ];
}

impl Comparison {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::From => ">=",
            Self::Below => "<",
            Self::UpTo => "<=",
        }
    }

    fn holds(self, age: Duration, than: Duration) -> bool {
        match self {
            Self::Above => age > than,
            Self::From => age >= than,
            Self::Below => age < than,
            Self::UpTo => age <= than,
        }
    }
}

impl Filter {
    /// Reads it.
    ///
    /// # Errors
    /// The first term that is wrong, and why.
    pub fn parse(text: &str, mode: ParseMode) -> Result<Self, FilterError> {
        let text = text.trim();
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let written: Vec<&str> = split(inner).into_iter().map(str::trim).filter(|term| !term.is_empty()).collect();
        if let Some(beyond) = written.get(TERMS_MAX) {
            return Err(FilterError { term: (*beyond).to_owned(), why: format!("more than {TERMS_MAX} terms") });
        }
        let terms = written.into_iter().map(|term| Term::parse(term, mode)).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// The terms in their order.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The filter with one more term, unless it has it already.
    #[must_use]
    pub fn with(&self, term: Term) -> Self {
        let mut terms = self.terms.clone();
        if !terms.contains(&term) {
            terms.push(term);
        }
        Self { terms }
    }

    /// The filter without the term at a place.
    #[must_use]
    pub fn without(&self, place: usize) -> Self {
        let kept = self.terms.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, term)| term.clone());
        Self { terms: kept.collect() }
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether it says something about states: then nothing is hidden by default.
    pub fn asks_state(&self) -> bool {
        self.terms.iter().any(|term| {
            matches!(term, Term::About(About::State | About::SilencedBy | About::InhibitedBy | About::AckedBy, _))
        })
    }

    /// The matchers of labels.
    pub fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.terms.iter().filter_map(|term| match term {
            Term::Label(matcher) => Some(matcher),
            _ => None,
        })
    }

    /// Whether a group with these labels may have alerts that fit: false if a label of the group contradicts.
    pub fn may_fit(&self, group: &LabelSet) -> bool {
        self.matchers().all(|matcher| group.get(matcher.name()).is_none_or(|value| matcher.matches_value(value)))
    }

    /// Whether labels have to be looked at.
    pub fn asks_labels(&self) -> bool {
        self.terms.iter().any(|term| matches!(term, Term::Label(_) | Term::Text(_)))
    }

    /// Whether all that is asked of the labels holds.
    pub fn fits_labels(&self, labels: &LabelSet) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Label(matcher) => matcher.matches(labels),
            Term::Text(wanted) => labels.iter().any(|(_, value)| contains_small(value, wanted)),
            _ => true,
        })
    }

    /// Whether all that is asked beside labels holds.
    pub fn fits(&self, alert: &AlertView<'_>, states: &States, now: Timestamp) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Label(_) | Term::Text(_) => true,
            Term::Age(comparison, than) => comparison.holds(now.since(alert.starts_at()), *than),
            Term::About(about, matcher) => about.holds(matcher, alert, states),
        })
    }
}

impl About {
    fn holds(self, matcher: &Matcher, alert: &AlertView<'_>, states: &States) -> bool {
        match self {
            Self::State => some_or_none(matcher, states.names()),
            Self::Receiver => some_or_none(matcher, alert.receivers()),
            Self::AckedBy => some_or_none(matcher, alert.acknowledged().map(|ack| ack.by.as_str())),
            Self::Fingerprint => matcher.matches_value(&alert.fingerprint().to_string()),
            Self::SilencedBy => texts_hold(matcher, states.silenced_by.iter().map(ToString::to_string)),
            Self::InhibitedBy => texts_hold(matcher, states.inhibited_by.iter().map(ToString::to_string)),
        }
    }
}

fn texts_hold(matcher: &Matcher, texts: impl Iterator<Item = String>) -> bool {
    let texts: Vec<String> = texts.collect();
    some_or_none(matcher, texts.iter().map(String::as_str))
}

/// `=` and `=~` want some value that matches, `!=` and `!~` want none that does not. No value at all is an empty one.
fn some_or_none<'a>(matcher: &Matcher, values: impl IntoIterator<Item = &'a str>) -> bool {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return matcher.matches_value("");
    }
    match matcher.op().is_positive() {
        true => values.any(|value| matcher.matches_value(value)),
        false => values.all(|value| matcher.matches_value(value)),
    }
}

/// Whether a text has another one in it, which is in small letters.
fn contains_small(text: &str, wanted: &str) -> bool {
    match wanted.is_ascii() {
        true => text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted.as_bytes())),
        false => text.to_lowercase().contains(wanted),
    }
}

impl Term {
    /// A label with a value.
    pub fn label(name: &str, value: &str) -> Self {
        Self::Label(Matcher::equal(name, value))
    }

    fn parse(text: &str, mode: ParseMode) -> Result<Self, FilterError> {
        let wrong = |why: String| FilterError { term: text.to_owned(), why };
        let Some(rest) = text.strip_prefix('@') else {
            return match operator(text) {
                None => Ok(Self::Text(bare(text).map_err(wrong)?.to_lowercase())),
                Some(_) => {
                    let matcher = read_one(text, mode).map_err(|error| wrong(error.to_string()))?;
                    Ok(Self::Label(matcher))
                }
            };
        };
        let (at, op) = operator(rest).ok_or_else(|| wrong("an operator and a value are missing".to_owned()))?;
        let (name, value) = (rest.get(..at).unwrap_or_default().trim(), rest.get(at + op.len()..).unwrap_or_default());
        let value = bare(value.trim()).map_err(wrong)?;
        if name == "age" {
            return age(op, &value).map_err(wrong);
        }
        let about = About::ALL.iter().find(|(_, known)| *known == name).map(|(about, _)| *about).ok_or_else(|| {
            let known: Vec<String> = About::ALL.iter().map(|(_, name)| format!("@{name}")).collect();
            wrong(format!("there is no @{name}: @age, {}", known.join(", ")))
        })?;
        let op = match op {
            "=" => MatchOp::Equal,
            "!=" => MatchOp::NotEqual,
            "=~" => MatchOp::Regex,
            "!~" => MatchOp::NotRegex,
            _ => return Err(wrong(format!("@{name} is compared with =, !=, =~ or !~"))),
        };
        let matcher = Matcher::new(name, op, value).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::About(about, matcher))
    }
}

fn age(op: &str, value: &str) -> Result<Term, String> {
    let comparison = match op {
        ">" => Comparison::Above,
        ">=" => Comparison::From,
        "<" => Comparison::Below,
        "<=" => Comparison::UpTo,
        _ => return Err("@age is compared with >, >=, < or <=: @age>10m".to_owned()),
    };
    let than = parse_duration(value).map_err(|error| format!("{error}; write it as 10m or 1h30m"))?;
    Ok(Term::Age(comparison, than))
}

/// As [`Filter::parse`] reads it.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(matcher) => matcher.fmt(f),
            Self::About(_, matcher) => write!(f, "@{matcher}"),
            Self::Age(comparison, than) => {
                write!(f, "@age{}{}", comparison.as_str(), model::duration::format_duration(*than))
            }
            Self::Text(text) => f.write_str(&quote(text)),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, term) in self.terms.iter().enumerate() {
            write!(f, "{}{term}", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// At commas outside quotes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// The first operator outside quotes, and where it is. `<` and `>` only compare ages.
fn operator(text: &str) -> Option<(usize, &'static str)> {
    const OPERATORS: [&str; 8] = ["=~", "!~", "!=", ">=", "<=", "=", ">", "<"];
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            _ => {
                let rest = text.get(at..).unwrap_or_default();
                if let Some(op) = OPERATORS.into_iter().find(|op| rest.starts_with(op)) {
                    return Some((at, op));
                }
            }
        }
    }
    None
}

/// A value as it stands, or between quotes.
fn bare(text: &str) -> Result<String, String> {
    match text.starts_with('"') {
        true => unquote(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| format!("{text} has no closing quote, or something after it")),
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Filter, String> {
        Filter::parse(text, ParseMode::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn filters_are_read_and_written() {
        for (text, written) in [
            ("", ""),
            ("a=b", r#"a="b""#),
            (r#"{a="b,c", d=~"e|f" , g!=h,i!~"x.*"}"#, r#"a="b,c", d=~"e|f", g!="h", i!~"x.*""#),
            ("@state=active, @age>1h30m", r#"@state="active", @age>1h30m"#),
            (
                r#"@receiver=~"team.*",@silenced_by!="",@inhibited_by=abc,@acked_by=ann"#,
                r#"@receiver=~"team.*", @silenced_by!="", @inhibited_by="abc", @acked_by="ann""#,
            ),
            (r#"disk, "Two Words""#, r#""disk", "two words""#),
            (r#""a=b""#, r#""a=b""#),
            (r#"a="}{""#, r#"a="}{""#),
        ] {
            let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(filter.to_string(), written, "{text}");
            assert_eq!(parse(&filter.to_string()).unwrap(), filter, "{text}");
        }
    }

    #[test]
    fn mistakes_say_which_term_and_how_to_mend_it() {
        for (text, expected) in [
            ("a=b, c=~(", "c=~("),
            ("@state", "an operator and a value are missing"),
            ("@nonsense=1", "there is no @nonsense: @age, @state"),
            ("@age=10m", "compared with >"),
            ("@age>soon", "write it as 10m"),
            ("@state>active", "@state is compared with ="),
            (r#""open"#, "no closing quote"),
            ("=x", "=x"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(parse(&"a=b,".repeat(60)).unwrap_err().contains("more than 50 terms"));
    }

    #[test]
    fn labels_and_texts() {
        let labels = LabelSet::from_pairs([("alertname", "DiskFull"), ("pod", "Ünter")]);
        for (text, fits) in [
            ("disk", true),
            ("FULL, ünt", true),
            ("diskful1", false),
            ("pod=~Ü.*", true),
            ("pod!=\"\"", true),
            ("x=\"\"", true),
            ("x!=\"\"", false),
        ] {
            assert_eq!(parse(text).unwrap().fits_labels(&labels), fits, "{text}");
        }
        let group = LabelSet::from_pairs([("cluster", "eu")]);
        assert!(parse("cluster=eu, x=y").unwrap().may_fit(&group));
        assert!(!parse("cluster=us").unwrap().may_fit(&group));
    }

    #[test]
    fn several_values_hold_if_one_does_or_none() {
        let holds = |text: &str, values: &[&str]| {
            let filter = parse(text).unwrap();
            let Some(Term::About(_, matcher)) = filter.terms().first() else { panic!("{text}") };
            some_or_none(matcher, values.iter().copied())
        };
        assert!(holds("@receiver=b", &["a", "b"]) && !holds("@receiver!=b", &["a", "b"]));
        assert!(
            holds("@receiver!=c", &["a", "b"]) && holds("@silenced_by=\"\"", &[]) && !holds("@silenced_by!=\"\"", &[])
        );
        assert!(holds("@silenced_by!=\"\"", &["x"]));
    }
}
