//! The UTF-8 matcher syntax: any name, double-quoted Go string literals, nothing special outside quotes.

use super::MatchOp;
use super::parse::{InvalidMatcher, Written};
use crate::quote::unquote;

/// One matcher.
pub(super) fn matcher(text: &str) -> Result<Written, InvalidMatcher> {
    let mut found = matchers(text)?;
    match (found.pop(), found.len()) {
        (Some(matcher), 0) => Ok(matcher),
        (None, _) => Err(InvalidMatcher::new(0, "expected a matcher, such as severity=\"critical\"")),
        (Some(_), more) => Err(InvalidMatcher::new(0, format!("expected one matcher, found {}", more + 1))),
    }
}

/// A list, with or without braces around it; a comma at the end is allowed.
pub(super) fn matchers(text: &str) -> Result<Vec<Written>, InvalidMatcher> {
    let mut tokens = Tokens { text, at: 0 };
    let braced = tokens.accept(&Kind::Open)?;
    let mut matchers = Vec::new();
    while !matches!(tokens.peek()?.kind, Kind::End | Kind::Close) {
        matchers.push(tokens.matcher()?);
        if tokens.accept(&Kind::Comma)? {
            continue;
        }
        let after = tokens.peek()?;
        if !matches!(after.kind, Kind::End | Kind::Close) {
            return Err(after.unexpected("a comma or the end"));
        }
    }
    let end = tokens.peek()?;
    match (braced, end.kind == Kind::Close) {
        (true, false) => return Err(end.unexpected("a closing brace")),
        (false, true) => return Err(InvalidMatcher::new(end.at, "a closing brace without an opening one")),
        (true, true) => tokens.skip(&end),
        (false, false) => {}
    }
    let rest = tokens.peek()?;
    if rest.kind == Kind::End { Ok(matchers) } else { Err(rest.unexpected("the end")) }
}

#[derive(Clone, PartialEq)]
enum Kind {
    Open,
    Close,
    Comma,
    Op(MatchOp),
    Unquoted,
    /// With its quotes.
    Quoted,
    End,
}

struct Token<'a> {
    kind: Kind,
    text: &'a str,
    at: usize,
}

impl Token<'_> {
    fn unexpected(&self, expected: &str) -> InvalidMatcher {
        let found = if self.kind == Kind::End { "the text ends" } else { self.text };
        InvalidMatcher::new(
            self.at,
            format!("expected {expected}, found {found}").replace("found the text", "but the text"),
        )
    }

    /// The text of a name or value token.
    fn string(&self) -> Result<String, InvalidMatcher> {
        match self.kind {
            Kind::Quoted => {
                let bytes =
                    unquote(self.text).map_err(|error| InvalidMatcher::new(self.at + error.offset, error.message))?;
                String::from_utf8(bytes).map_err(|_| InvalidMatcher::new(self.at, "the text is not valid UTF-8"))
            }
            _ => Ok(self.text.to_owned()),
        }
    }
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn matcher(&mut self) -> Result<Written, InvalidMatcher> {
        let name = self.string("a label name")?.string()?;
        let op_token = self.peek()?;
        let Kind::Op(op) = op_token.kind else { return Err(op_token.unexpected("=, !=, =~ or !~")) };
        self.skip(&op_token);
        let value = self.string("a value, in quotes if it is empty")?;
        Ok(Written { name, op, value: value.string()?, value_at: value.at })
    }

    fn string(&mut self, expected: &str) -> Result<Token<'a>, InvalidMatcher> {
        let token = self.peek()?;
        if !matches!(token.kind, Kind::Unquoted | Kind::Quoted) {
            return Err(token.unexpected(expected));
        }
        self.skip(&token);
        Ok(token)
    }

    fn accept(&mut self, kind: &Kind) -> Result<bool, InvalidMatcher> {
        let token = self.peek()?;
        if token.kind != *kind {
            return Ok(false);
        }
        self.skip(&token);
        Ok(true)
    }

    fn skip(&mut self, token: &Token<'_>) {
        self.at = token.at + token.text.len();
    }

    fn peek(&self) -> Result<Token<'a>, InvalidMatcher> {
        let rest = self.text[self.at..].trim_start();
        let at = self.text.len() - rest.len();
        let token = |kind, len: usize| Ok(Token { kind, text: &rest[..len], at });
        let Some(first) = rest.chars().next() else { return token(Kind::End, 0) };
        match first {
            '{' => token(Kind::Open, 1),
            '}' => token(Kind::Close, 1),
            ',' => token(Kind::Comma, 1),
            '=' if rest.starts_with("=~") => token(Kind::Op(MatchOp::Regex), 2),
            '=' => token(Kind::Op(MatchOp::Equal), 1),
            '!' if rest.starts_with("!=") => token(Kind::Op(MatchOp::NotEqual), 2),
            '!' if rest.starts_with("!~") => token(Kind::Op(MatchOp::NotRegex), 2),
            '!' => Err(InvalidMatcher::new(at, "expected = or ~ after !")),
            '"' => match quoted_len(rest) {
                Some(len) => token(Kind::Quoted, len),
                None => Err(InvalidMatcher::new(at, "the quoted text does not end")),
            },
            c if !is_reserved(c) => token(Kind::Unquoted, rest.find(is_reserved).unwrap_or(rest.len())),
            c => Err(InvalidMatcher::new(at, format!("{c} must stand inside double quotes"))),
        }
    }
}

/// The length of the quoted text at the start, with both quotes; `None` if it does not end.
fn quoted_len(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// What must be quoted.
pub(super) fn is_reserved(c: char) -> bool {
    c.is_whitespace() || matches!(c, '{' | '}' | '!' | '=' | '~' | ',' | '\\' | '"' | '\'' | '`')
}
