//! Who asks for something, what they may do, and of which alerts: the doorkeeper finds it out, whoever acts goes by it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::labels::LabelSet;
use crate::matcher::{Matcher, all_match};

/// What somebody may do. Each but `Sender` may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Posts alerts, and nothing else.
    Sender,
    /// Looks.
    Viewer,
    /// Silences and acknowledges too.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// All, with their names.
    pub const ALL: [(&str, Self); 4] =
        [("viewer", Self::Viewer), ("operator", Self::Operator), ("admin", Self::Admin), ("sender", Self::Sender)];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// How it is known who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KnownBy {
    /// It is not.
    Nothing,
    /// A user's password.
    Password,
    /// A bearer token.
    Token,
    /// The certificate of a TLS client.
    Certificate,
    /// A proxy that is trusted says so.
    Proxy,
    /// Whoever holds a link that was signed, as mails have them.
    Link,
    /// The process itself: a signal, a file that changed.
    Process,
}

impl KnownBy {
    /// As log lines name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Password => "password",
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Proxy => "proxy",
            Self::Link => "link",
            Self::Process => "process",
        }
    }
}

/// Somebody who asks.
#[derive(Clone)]
pub struct Caller {
    /// Who it is, if that is known.
    pub name: Option<String>,
    /// How it is known.
    pub known_by: KnownBy,
    /// What they may do.
    pub role: Role,
    /// What alerts they have to do with must satisfy; all alerts if empty.
    pub scope: Arc<[Matcher]>,
    /// Whether what they make bears their name, whatever they say.
    pub signs: bool,
    /// Where the request comes from: the direct peer.
    pub address: Option<IpAddr>,
    /// Where changes are noted.
    pub book: Option<Arc<dyn Book>>,
}

/// Where it is noted who changed what.
pub trait Book: Send + Sync {
    /// Notes it.
    fn note(&self, caller: &Caller, deed: &Deed);
}

/// A change, or an attempt at one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    /// What: `silence_set`.
    pub action: &'static str,
    /// To what: an id, a name.
    pub id: String,
    /// The alerts it is about: matchers or fingerprints.
    pub about: String,
    /// Until when, as RFC 3339.
    pub until: String,
    /// What they said about it.
    pub comment: String,
    /// Who they said they are, where that is not who they are.
    pub claimed: String,
    /// Why it was not done, or not as asked; empty if it was.
    pub failure: String,
}

/// What is asked for concerns alerts that the caller has nothing to do with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be within what you have to do with: {scope}")]
pub struct OutOfScope {
    /// `the matchers of the silence`.
    pub what: &'static str,
    /// The caller's matchers.
    pub scope: String,
}

impl Caller {
    /// Nobody in particular, who may do everything: where no access is configured.
    pub fn anybody() -> Self {
        Self {
            name: None,
            known_by: KnownBy::Nothing,
            role: Role::Admin,
            scope: Arc::default(),
            signs: false,
            address: None,
            book: None,
        }
    }

    /// Whether some alerts are none of their business.
    pub fn is_scoped(&self) -> bool {
        !self.scope.is_empty()
    }

    /// Whether alerts with these labels are their business.
    pub fn sees(&self, labels: &LabelSet) -> bool {
        all_match(&self.scope, labels)
    }

    /// Whether whatever satisfies these matchers is their business, provably: each matcher of the scope is among them, or one
    /// that lets only values through that it accepts.
    pub fn covers(&self, matchers: &[Matcher]) -> bool {
        self.scope.iter().all(|bound| matchers.iter().any(|matcher| is_within(matcher, bound)))
    }

    /// The same, for who must be told otherwise.
    ///
    /// # Errors
    /// They are not.
    pub fn ensure_covers(&self, what: &'static str, matchers: &[Matcher]) -> Result<(), OutOfScope> {
        if self.covers(matchers) { Ok(()) } else { Err(self.out_of_scope(what)) }
    }

    /// What they are told who ask for more than is their business.
    pub fn out_of_scope(&self, what: &'static str) -> OutOfScope {
        OutOfScope { what, scope: crate::matcher::parse::print_matchers(&self.scope) }
    }

    /// The name that what they make bears: their own, or else what they say.
    pub fn author(&self, said: String) -> String {
        self.name.clone().filter(|_| self.signs).unwrap_or(said)
    }

    /// What they say they are called, where what they make bears another name; for [`Deed::claimed`].
    pub fn claimed(&self, said: &str) -> String {
        let is_other = self.signs && self.name.as_deref().is_some_and(|name| name != said);
        if is_other { said.to_owned() } else { String::new() }
    }

    /// Notes what they did.
    pub fn note(&self, deed: Deed) {
        if let Some(book) = &self.book {
            book.note(self, &deed);
        }
    }

    /// The same person with a signed link: it says of which alerts, and needs no login.
    #[must_use]
    pub fn with_link(&self) -> Self {
        let known_by = if self.name.is_some() { self.known_by } else { KnownBy::Link };
        Self { scope: Arc::default(), known_by, ..self.clone() }
    }
}

fn is_within(matcher: &Matcher, bound: &Matcher) -> bool {
    let accepted = |values: &[smol_str::SmolStr]| values.iter().all(|value| bound.matches_value(value));
    matcher == bound || (matcher.name() == bound.name() && matcher.only_values().is_some_and(accepted))
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("anybody");
        write!(f, "{name} ({}, {})", self.role.as_str(), self.known_by.as_str())
    }
}

impl Deed {
    /// Something done to something.
    pub fn new(action: &'static str, id: impl Into<String>) -> Self {
        Self { action, id: id.into(), ..Self::default() }
    }

    /// Which alerts it is about.
    #[must_use]
    pub fn about(self, matchers: &[Matcher]) -> Self {
        Self { about: crate::matcher::parse::print_matchers(matchers), ..self }
    }

    /// Not done, or not as asked.
    #[must_use]
    pub fn failed(self, why: impl fmt::Display) -> Self {
        Self { failure: why.to_string(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::MatchOp;
    use crate::matcher::parse::{ParseMode, parse_matchers};

    fn matchers(text: &str) -> Vec<Matcher> {
        parse_matchers(text, ParseMode::default()).unwrap().value
    }

    #[test]
    fn what_is_provably_within_a_scope() {
        for (scope, given, expected) in [
            ("", "job=\"x\"", true),
            ("team=\"db\"", "team=\"db\"", true),
            ("team=\"db\"", "alertname=\"A\",team=\"db\"", true),
            ("team=\"db\"", "team=~\"db\"", true),
            ("team=\"db\"", "team=~\"db|web\"", false),
            ("team=\"db\"", "team=~\"db.*\"", false),
            ("team=\"db\"", "team!=\"web\"", false),
            ("team=\"db\"", "alertname=\"A\"", false),
            ("team=\"db\"", "Team=\"db\"", false),
            ("team=~\"db|web\"", "team=\"web\"", true),
            ("team=~\"db|web\"", "team=~\"db|web\"", true),
            ("team=~\"db.*\"", "team=~\"db1|db2\"", true),
            ("team=~\"db.*\"", "team=~\"db1.*\"", false),
            ("team=\"db\",env=\"prod\"", "team=\"db\"", false),
            ("team=\"db\",env=\"prod\"", "env=\"prod\",team=\"db\",a=\"b\"", true),
            ("env!=\"prod\"", "env=\"test\"", true),
            ("env!=\"prod\"", "env=\"prod\"", false),
            ("env!=\"prod\"", "env!=\"prod\"", true),
        ] {
            let caller = Caller { scope: matchers(scope).into(), ..Caller::anybody() };
            assert_eq!(caller.covers(&matchers(given)), expected, "{given} within {scope}");
        }
    }

    /// Whatever is said to be within is: no label set satisfies the matchers but not the scope.
    #[test]
    fn what_is_within_is_seen() {
        let values = ["", "db", "web", "db1"];
        let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
        let patterns = ["", "db", "db|web", "db.*", ".*", "web|"];
        let all: Vec<Matcher> =
            ops.iter().flat_map(|op| patterns.iter().map(|value| Matcher::new("team", *op, *value).unwrap())).collect();
        for bound in &all {
            let caller = Caller { scope: [bound.clone()].into(), ..Caller::anybody() };
            for matcher in &all {
                if caller.covers(std::slice::from_ref(matcher)) {
                    for value in values.iter().filter(|value| matcher.matches_value(value)) {
                        let labels =
                            LabelSet::from_pairs([("team", *value)].into_iter().filter(|(_, v)| !v.is_empty()));
                        assert!(caller.sees(&labels), "{matcher} lets {value:?} through, {bound} does not");
                    }
                }
            }
        }
    }

    #[test]
    fn names_of_those_who_are_known_cannot_be_borrowed() {
        let ann = Caller { name: Some("ann".into()), signs: true, ..Caller::anybody() };
        assert_eq!((ann.author("bob".into()), Caller::anybody().author("bob".into())), ("ann".into(), "bob".into()));
        assert_eq!((ann.claimed("bob"), ann.claimed("ann")), ("bob".into(), String::new()));
        assert_eq!(Caller::anybody().claimed("bob"), "");
        assert_eq!(Caller::anybody().with_link().known_by, KnownBy::Link);
        assert!(Role::Sender < Role::Viewer && Role::Operator < Role::Admin);
    }
}
