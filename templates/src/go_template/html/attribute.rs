//! Values of attributes, by what the attribute means.

use super::super::value::{Safe, Value};
use super::value;
use super::{Attribute, Script};

/// What the value of an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Url,
    Srcset,
    Style,
    Script,
}

/// How far a URL has been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum UrlPart {
    #[default]
    Start,
    Path,
    QueryOrFragment,
}

/// Attributes that hold an address.
const URLS: [&str; 19] = [
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "ping",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
    "dynsrc",
];

/// What a value becomes that must not stand where it stands.
const REFUSED: &str = "#ZgotmplZ";

impl Kind {
    /// The kind of an attribute, by its name in small letters.
    pub(super) fn of(name: &str) -> Self {
        let name = name.trim_end();
        let name = match name.strip_prefix("data-") {
            Some(own) => own,
            None => match name.split_once(':') {
                Some(("xmlns", _)) => return Self::Url,
                Some((_, local)) => local,
                None => name,
            },
        };
        match name {
            "style" => Self::Style,
            "srcset" | "imagesrcset" => Self::Srcset,
            _ if name.starts_with("on") => Self::Script,
            // names of the page's own are judged by how they look
            _ if URLS.contains(&name) || ["src", "uri", "url"].iter().any(|part| name.contains(part)) => Self::Url,
            _ => Self::Plain,
        }
    }
}

impl Attribute {
    pub(super) fn new(kind: Kind, quote: Option<char>) -> Self {
        Self { kind, quote, url_part: UrlPart::Start, script: Script::default() }
    }

    /// The attribute after a character of the template.
    pub(super) fn after(mut self, character: char) -> Self {
        self.script = self.script.after(character);
        if matches!(character, '#' | '?') {
            self.url_part = UrlPart::QueryOrFragment;
        } else if self.url_part == UrlPart::Start && !character.is_ascii_whitespace() {
            self.url_part = UrlPart::Path;
        }
        self
    }

    /// A value as it is written into this attribute.
    pub(super) fn value(&self, value: &Value, text: &str, safe: Option<Safe>, limit: usize) -> String {
        let inner = match self.kind {
            Kind::Plain if safe == Some(Safe::Html) => return self.quoted_markup(text),
            Kind::Plain => text.to_owned(),
            Kind::Url => self.url(text, safe),
            Kind::Srcset if safe == Some(Safe::Url) => text.to_owned(),
            Kind::Srcset => text.split(',').map(srcset_candidate).collect::<Vec<_>>().join(","),
            Kind::Style => value::in_style(text).to_owned(),
            Kind::Script => value::in_script(value, text, self.script.quote.is_some(), limit),
        };
        match self.quote {
            Some(_) => value::in_text(&inner),
            None => value::unquoted(&inner),
        }
    }

    /// Markup in an attribute: without its tags, its entities kept.
    fn quoted_markup(&self, text: &str) -> String {
        let text = value::without_tags(text);
        match self.quote {
            Some(_) => value::normalized(&text),
            None => value::unquoted(&text),
        }
    }

    fn url(&self, text: &str, safe: Option<Safe>) -> String {
        let trusted = safe == Some(Safe::Url);
        match self.url_part {
            UrlPart::Start if !trusted && !is_harmless(text) => REFUSED.to_owned(),
            UrlPart::QueryOrFragment if !trusted => value::url_escaped(text),
            _ => value::url_normalized(text),
        }
    }
}

/// Relative, or of a scheme that runs no script.
fn is_harmless(url: &str) -> bool {
    match url.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => {
            ["http", "https", "mailto"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
        }
        _ => true,
    }
}

/// An address of a `srcset` and its size, surrounding space kept.
fn srcset_candidate(text: &str) -> String {
    let start = text.len() - text.trim_start().len();
    let (space, rest) = text.split_at_checked(start).unwrap_or(("", text));
    let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
    let (url, size) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace();
    if is_harmless(url) && size.chars().all(plain) {
        return format!("{space}{}{size}", value::url_normalized(url).replace(',', "%2c"));
    }
    REFUSED.to_owned()
}
