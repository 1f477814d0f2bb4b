//! The fields of a mapping: asked for one by one, each read as the type it should have.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use model::source::{Span, Spanned};

use crate::decoder::{Decoder, Report};
use crate::node::{Key, Kind, Node, Scalar};
use crate::scalar;
use crate::scalar_position::position_in_scalar;
use crate::suggestion;

/// The fields of a mapping that is being decoded.
#[derive(Debug)]
#[must_use = "call finish() to report unknown fields"]
pub struct Fields<'a> {
    decoder: &'a Decoder,
    span: Span,
    entries: &'a [(Key, Node)],
    what: &'static str,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(decoder: &'a Decoder, span: Span, entries: &'a [(Key, Node)], what: &'static str) -> Fields<'a> {
        Fields { decoder, span, entries, what, known: Vec::new() }
    }

    /// Where to report what concerns the mapping as a whole: its first key.
    pub fn span(&self) -> Span {
        self.entries.first().map_or(self.span, |(key, _)| key.span)
    }

    /// A field that may be left out; one without a value counts as left out.
    pub fn optional(&mut self, name: &'static str) -> Field<'a> {
        self.known.push(name);
        let node = self.entry(name).map(|(_, value)| value).filter(|value| !value.is_null());
        Field { decoder: self.decoder, name: Some(name), node, secret: false }
    }

    /// A field that must be there with a value.
    pub fn required(&mut self, name: &'static str) -> Field<'a> {
        let field = self.optional(name);
        if field.node.is_none() {
            let what = self.what;
            match self.entry(name) {
                Some((key, _)) => self.decoder.error(key.span, format!("field {name:?} in {what} has no value")),
                None => self.decoder.error(self.span(), format!("missing field {name:?} in {what}")),
            };
        }
        field
    }

    /// Whether the mapping has a key, with or without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Where a key stands.
    pub fn key_span(&self, name: &str) -> Option<Span> {
        self.entry(name).map(|(key, _)| key.span)
    }

    /// Fields that are allowed and not read.
    pub fn ignore(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    /// The pairs not asked for yet, which are then known: for mappings with free keys beside fixed ones.
    pub fn rest(&mut self) -> Vec<(&'a Key, &'a Node)> {
        let rest = self.unknown().collect();
        self.entries = &[];
        rest
    }

    /// Reports every field that was not asked for.
    pub fn finish(self) {
        for (key, _) in self.unknown() {
            let report = self.decoder.error(key.span, format!("unknown field {:?} in {}", key.text, self.what));
            if let Some(hint) = suggestion::hint(&key.text, &self.known, "fields") {
                report.hint(hint);
            }
        }
    }

    fn unknown(&self) -> impl Iterator<Item = (&'a Key, &'a Node)> {
        self.entries.iter().map(|(key, node)| (key, node)).filter(|(key, _)| !self.known.contains(&key.text.as_str()))
    }

    fn entry(&self, name: &str) -> Option<&'a (Key, Node)> {
        self.entries.iter().find(|(key, _)| key.text == name)
    }
}

/// A value to be read as a type. Every reader gives `None` if the value is left out, or after it has
/// reported that it is not what it should be.
#[derive(Debug)]
#[must_use = "a field does nothing until it is read"]
pub struct Field<'a> {
    decoder: &'a Decoder,
    name: Option<&'static str>,
    node: Option<&'a Node>,
    secret: bool,
}

impl<'a> Field<'a> {
    pub(crate) fn unnamed(decoder: &'a Decoder, node: &'a Node) -> Field<'a> {
        Field { decoder, name: None, node: Some(node), secret: false }
    }

    /// Keeps the value out of messages.
    pub fn secret(self) -> Field<'a> {
        Field { secret: true, ..self }
    }

    /// Whether there is a value.
    pub fn is_present(&self) -> bool {
        self.node.is_some()
    }

    /// The tree itself.
    pub fn node(&self) -> Option<&'a Node> {
        self.node
    }

    /// A text. Numbers and truth values keep theirs as written.
    pub fn string(self) -> Option<Spanned<String>> {
        self.scalar("a text").map(|(scalar, span)| Spanned::new(scalar.text.to_string(), span))
    }

    /// A text that a function understands; its error is the message, at the value.
    pub fn parse_with<T, E: Display>(self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<Spanned<T>> {
        let (scalar, span) = self.scalar("a text")?;
        let reported = parse(&scalar.text).map_err(|error| self.error(span, error.to_string()));
        reported.ok().map(|value| Spanned::new(value, span))
    }

    /// A text that a function understands; its error says at which byte of the text it is.
    pub fn parse_located<T>(self, parse: impl FnOnce(&str) -> Result<T, (usize, String)>) -> Option<Spanned<T>> {
        let (scalar, span) = self.scalar("a text")?;
        let located = |offset| position_in_scalar(self.decoder.file(), &Spanned::new(&scalar.text, span), offset);
        let reported = parse(&scalar.text).map_err(|(offset, message)| self.error(located(offset), message));
        reported.ok().map(|value| Spanned::new(value, span))
    }

    /// A text in its type's own notation.
    pub fn parse<T: FromStr<Err: Display>>(self) -> Option<Spanned<T>> {
        self.parse_with(T::from_str)
    }

    /// One of a few words, each with what it stands for.
    pub fn one_of<T: Clone>(self, choices: &[(&str, T)]) -> Option<Spanned<T>> {
        let (scalar, span) = self.scalar("a text")?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| scalar.text == *word) {
            return Some(Spanned::new(value.clone(), span));
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let report = self.mismatch(span, &format!("one of {}", words.join(", ")), &self.found(self.node?));
        if let Some(hint) = suggestion::hint(&scalar.text, &words, "values").filter(|_| !self.secret) {
            report.hint(hint);
        }
        None
    }

    /// A whole number: decimal, hexadecimal, octal (`0o17`, `017`), with underscores.
    pub fn integer(self) -> Option<Spanned<i64>> {
        self.number("an integer", scalar::integer)
    }

    /// A whole number between two, both included.
    pub fn integer_in(self, range: RangeInclusive<i64>) -> Option<Spanned<i64>> {
        let expected = match range.end() {
            &i64::MAX => format!("an integer of at least {}", range.start()),
            end => format!("an integer from {} to {end}", range.start()),
        };
        self.number(&expected, |text| scalar::integer(text).filter(|value| range.contains(value)))
    }

    /// A number, `.inf` and `.nan` among them.
    pub fn float(self) -> Option<Spanned<f64>> {
        self.number("a number", scalar::float)
    }

    /// A truth value without quotes: `true`, `yes`, `on`, `y` or their opposites.
    pub fn boolean(self) -> Option<Spanned<bool>> {
        self.number("true or false", scalar::boolean)
    }

    /// A value that a function decodes.
    pub fn decode<T>(self, decode: impl FnOnce(&'a Node, &'a Decoder) -> Option<T>) -> Option<T> {
        decode(self.node?, self.decoder)
    }

    /// A list whose items a function decodes. Items it gives `None` for are left out.
    pub fn sequence<T>(self, mut decode: impl FnMut(&'a Node, &'a Decoder) -> Option<T>) -> Option<Vec<T>> {
        let items = self.collection("a list", Node::as_sequence)?;
        Some(items.iter().filter_map(|item| decode(item, self.decoder)).collect())
    }

    /// A list of texts.
    pub fn string_list(self) -> Option<Vec<Spanned<String>>> {
        let secret = self.secret;
        self.sequence(|item, decoder| Field { secret, ..decoder.value(item) }.string())
    }

    /// A mapping with free keys, whose pairs a function decodes.
    pub fn entries<T>(self, mut decode: impl FnMut(&'a Key, &'a Node, &'a Decoder) -> Option<T>) -> Option<Vec<T>> {
        let entries = self.collection("a mapping", Node::as_mapping)?;
        Some(entries.iter().filter_map(|(key, value)| decode(key, value, self.decoder)).collect())
    }

    /// A mapping of texts, such as labels. A pair without a value has the empty text.
    pub fn string_map(self) -> Option<Vec<(Spanned<String>, Spanned<String>)>> {
        let secret = self.secret;
        self.entries(|key, value, decoder| {
            let text = match value.is_null() {
                true => Spanned::new(String::new(), value.span),
                false => Field { secret, ..decoder.value(value) }.string()?,
            };
            Some((Spanned::new(key.text.to_string(), key.span), text))
        })
    }

    fn scalar(&self, expected: &str) -> Option<(&'a Scalar, Span)> {
        let node = self.node?;
        if let Kind::Scalar(scalar) = &node.kind {
            return Some((scalar, node.span));
        }
        self.mismatch(node.span, expected, &self.found(node));
        None
    }

    /// A scalar without quotes.
    fn number<T>(self, expected: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Spanned<T>> {
        let (scalar, span) = self.scalar(expected)?;
        let value = read(&scalar.text);
        if value.is_none() || !scalar.plain {
            let report = self.mismatch(span, expected, &self.found(self.node?));
            if value.is_some() {
                report.hint("remove the quotes");
            }
            return None;
        }
        value.map(|value| Spanned::new(value, span))
    }

    fn collection<T: ?Sized>(&self, expected: &str, read: impl FnOnce(&'a Node) -> Option<&'a T>) -> Option<&'a T> {
        let node = self.node?;
        let found = read(node);
        if found.is_none() {
            self.mismatch(node.span, expected, &self.found(node));
        }
        found
    }

    fn found(&self, node: &Node) -> String {
        if self.secret && node.as_text().is_some() { "a text".to_owned() } else { node.describe() }
    }

    fn mismatch(&self, span: Span, expected: &str, found: &str) -> Report<'a> {
        match self.name {
            Some(name) => self.error(span, format!("expected {expected} for {name:?}, found {found}")),
            None => self.error(span, format!("expected {expected}, found {found}")),
        }
    }

    fn error(&self, span: Span, message: String) -> Report<'a> {
        let report = self.decoder.error(span, message);
        if self.secret { report.without_excerpt() } else { report }
    }
}
