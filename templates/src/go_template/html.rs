//! HTML mode: escapes values for the place in the markup they stand in, as Go's `html/template` does.
//!
//! Go works the places out once for the whole template and refuses ambiguous ones; here the text already written
//! decides, so such templates render. Values in scripts become JSON, values in styles only pass where they are harmless.

mod attribute;
mod value;

use attribute::{Kind, UrlPart};

use super::format;
use super::value::{Safe, Value};

/// Follows the markup that is written and escapes the values in between.
#[derive(Debug, Default)]
pub(crate) struct Escaper {
    state: State,
}

/// Where in the markup the next character stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// Left out of the output.
    Comment,
    /// `<a`: the name of an element.
    TagName(String),
    /// Between attributes.
    Tag(String),
    AttributeName(String, String),
    /// Behind `name=`.
    BeforeValue(String, Kind),
    Attribute(String, Attribute),
    /// Inside an element whose content is no markup.
    Raw(Raw),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    kind: Kind,
    /// The quote that ends it; without one, space or `>` does.
    quote: Option<char>,
    url_part: UrlPart,
    script: Script,
}

/// An element whose content is no markup, up to its closing tag.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw {
    element: String,
    /// The last characters, to find the closing tag.
    tail: String,
    script: Script,
}

/// Where in a script: inside which quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Script {
    quote: Option<char>,
    escaped: bool,
}

impl Script {
    fn after(self, character: char) -> Self {
        match (self.quote, character) {
            (Some(_), _) if self.escaped => Self { escaped: false, ..self },
            (Some(_), '\\') => Self { escaped: true, ..self },
            (Some(quote), _) if quote == character => Self::default(),
            (None, '"' | '\'' | '`') => Self { quote: Some(character), escaped: false },
            _ => self,
        }
    }
}

impl Escaper {
    /// Writes a text of the template and follows its markup.
    pub(crate) fn text(&mut self, text: &str, out: &mut String) {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if self.state == State::Text && character != '<' {
                let (plain, markup) = rest.split_at_checked(rest.find('<').unwrap_or(rest.len())).unwrap_or((rest, ""));
                out.push_str(plain);
                rest = markup;
                continue;
            }
            let consumed = self.character(character, rest, out);
            rest = rest.get(consumed..).unwrap_or_default();
        }
    }

    /// Handles the next character, sometimes with its followers; gives the number of bytes handled.
    fn character(&mut self, character: char, rest: &str, out: &mut String) -> usize {
        let length = character.len_utf8();
        self.state = match std::mem::take(&mut self.state) {
            State::Text => return self.opened(rest, out),
            State::Comment => {
                if rest.starts_with("-->") {
                    return 3;
                }
                State::Comment
            }
            State::Raw(raw) => {
                out.push(character);
                raw.after(character)
            }
            state => {
                out.push(character);
                state.in_tag(character)
            }
        };
        length
    }

    /// A `<` in text: a comment, a tag, or a mere character.
    fn opened(&mut self, rest: &str, out: &mut String) -> usize {
        let after = rest.get(1..).unwrap_or_default();
        if after.starts_with("!--") {
            self.state = State::Comment;
            return 4;
        }
        let name = after.strip_prefix('/').unwrap_or(after);
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            out.push('<');
            self.state = State::TagName(String::new());
        } else if after.to_ascii_lowercase().starts_with("!doctype") {
            out.push('<');
            self.state = State::Text;
        } else {
            out.push_str("&lt;");
            self.state = State::Text;
        }
        1
    }

    /// Writes the value of an action. `escaped` says that the template itself has called `html` on it.
    pub(crate) fn value(&mut self, value: &Value, escaped: bool, limit: usize, out: &mut String) {
        let text = match value {
            // nothing is written for nothing, unlike in text mode
            Value::Nil => String::new(),
            other => format::action_text(other, limit),
        };
        let safe = match value {
            Value::Safe(safe, _) => Some(*safe),
            _ if escaped => Some(Safe::Html),
            _ => None,
        };
        match &mut self.state {
            State::Text if safe == Some(Safe::Html) => out.push_str(&text),
            State::Text => out.push_str(&value::in_text(&text)),
            State::Comment => {}
            State::Raw(raw) => out.push_str(&raw.value(value, &text, safe, limit)),
            State::TagName(_) | State::Tag(_) | State::AttributeName(..) => {
                let name = value::name(&text);
                out.push_str(name);
                self.state = std::mem::take(&mut self.state).named(name);
            }
            State::BeforeValue(element, kind) => {
                let attribute = Attribute::new(*kind, None);
                let written = attribute.value(value, &text, safe, limit);
                self.state = State::Attribute(std::mem::take(element), attribute);
                out.push_str(&written);
            }
            State::Attribute(_, attribute) => out.push_str(&attribute.value(value, &text, safe, limit)),
        }
    }
}

impl State {
    /// The state after a character inside a tag.
    fn in_tag(self, character: char) -> Self {
        let space = character.is_ascii_whitespace();
        match (self, character) {
            (Self::TagName(element), '>')
            | (Self::Tag(element), '>')
            | (Self::AttributeName(element, _), '>')
            | (Self::BeforeValue(element, _), '>') => Self::inside(element),
            (Self::TagName(element), _) if space => Self::Tag(element),
            (Self::TagName(mut element), _) => {
                element.push(character.to_ascii_lowercase());
                Self::TagName(element)
            }
            (Self::Tag(element), '/') => Self::Tag(element),
            (Self::Tag(element), _) if space => Self::Tag(element),
            (Self::Tag(element), _) => Self::AttributeName(element, character.to_ascii_lowercase().to_string()),
            (Self::AttributeName(element, name), '=') => Self::BeforeValue(element, Kind::of(&name)),
            (Self::AttributeName(element, name), _) if space => Self::AttributeName(element, name + " "),
            (Self::AttributeName(element, name), _) if name.ends_with(' ') => {
                Self::AttributeName(element, character.to_ascii_lowercase().to_string())
            }
            (Self::AttributeName(element, mut name), _) => {
                name.push(character.to_ascii_lowercase());
                Self::AttributeName(element, name)
            }
            (Self::BeforeValue(element, kind), '"' | '\'') => {
                Self::Attribute(element, Attribute::new(kind, Some(character)))
            }
            (Self::BeforeValue(element, kind), _) if space => Self::BeforeValue(element, kind),
            (Self::BeforeValue(element, kind), _) => {
                Self::Attribute(element, Attribute::new(kind, None).after(character))
            }
            (Self::Attribute(element, attribute), _) => match attribute.quote {
                Some(quote) if quote == character => Self::Tag(element),
                None if space => Self::Tag(element),
                None if character == '>' => Self::inside(element),
                _ => Self::Attribute(element, attribute.after(character)),
            },
            (state, _) => state,
        }
    }

    /// What a tag leads to when it is closed.
    fn inside(element: String) -> Self {
        match element.as_str() {
            "script" | "style" | "textarea" | "title" => {
                Self::Raw(Raw { element, tail: String::new(), script: Script::default() })
            }
            _ => Self::Text,
        }
    }

    /// A value has been written as part of a name.
    fn named(self, text: &str) -> Self {
        match self {
            Self::TagName(element) => Self::TagName(element + text),
            Self::Tag(element) => Self::AttributeName(element, text.to_owned()),
            Self::AttributeName(element, name) => Self::AttributeName(element, name + text),
            other => other,
        }
    }
}

impl Raw {
    /// The state after a character: text again behind the closing tag.
    fn after(mut self, character: char) -> State {
        self.tail.push(character.to_ascii_lowercase());
        let closing = format!("</{}", self.element);
        if self.tail.ends_with(&closing) {
            return State::TagName(format!("/{}", self.element));
        }
        let surplus = self.tail.chars().count().saturating_sub(closing.len());
        self.tail = self.tail.chars().skip(surplus).collect();
        self.script = self.script.after(character);
        State::Raw(self)
    }

    fn value(&self, value: &Value, text: &str, safe: Option<Safe>, limit: usize) -> String {
        match self.element.as_str() {
            "script" => value::in_script(value, text, self.script.quote.is_some(), limit),
            "style" => value::in_style(text).to_owned(),
            _ if safe == Some(Safe::Html) => value::normalized(text),
            _ => value::in_text(text),
        }
    }
}
