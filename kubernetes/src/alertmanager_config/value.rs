//! The configuration in the making: what an object says, with its references to Secrets and ConfigMaps still open.

use model::source::{Diagnostic, Diagnostics, SourceFile, Span};
use yaml::{Key, Kind, Node, Scalar};

use super::material::{Material, Reference};

/// The pairs of a mapping, in order.
pub(crate) type Entries = Vec<(String, Value)>;

/// A value to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A text, in quotes where it would read as something else.
    Text(String),
    /// A number or a truth value.
    Plain(String),
    /// What a Secret or a ConfigMap holds.
    Open(Open),
    /// A list.
    List(Vec<Value>),
    /// A mapping.
    Map(Entries),
    /// What is left out, though what it refers to must be there.
    LeftOut(Box<Value>),
}

/// A reference whose value is not looked up yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Open {
    /// What is referred to.
    pub(crate) reference: Reference,
    /// How its bytes are read.
    pub(crate) reading: Reading,
    /// Where the reference stands.
    pub(crate) file: SourceFile,
    /// Where in the file.
    pub(crate) span: Span,
}

/// How the bytes of a Secret's key are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// PEM, as it is.
    Verbatim,
    /// Without the line breaks that end many Secrets made from files.
    Value,
    /// As a value, which may not be empty.
    Filled,
    /// Without white space around it; an address.
    Url,
    /// Only looked up: what is written is the path of a mounted file.
    Mounted(String),
}

impl Value {
    /// A list of texts.
    pub(crate) fn texts(texts: impl IntoIterator<Item = String>) -> Value {
        Value::List(texts.into_iter().map(Value::Text).collect())
    }

    /// Every open reference below.
    pub(crate) fn references<'a>(&'a self, out: &mut Vec<&'a Reference>) {
        match self {
            Value::Open(open) => out.push(&open.reference),
            Value::List(items) => items.iter().for_each(|item| item.references(out)),
            Value::Map(entries) => entries.iter().for_each(|(_, value)| value.references(out)),
            Value::LeftOut(value) => value.references(out),
            Value::Text(_) | Value::Plain(_) => {}
        }
    }

    /// The tree with every reference looked up; what is missing is reported where it is referred to.
    pub(crate) fn resolve(&self, material: &Material, problems: &mut Diagnostics) -> Node {
        let scalar = |text: &str, plain| Kind::Scalar(Scalar { text: text.into(), plain });
        let kind = match self {
            Value::Text(text) => scalar(text, false),
            Value::Plain(text) => scalar(text, true),
            Value::Open(open) => scalar(&open.look_up(material, problems), false),
            Value::List(items) => Kind::Sequence(items.iter().map(|item| item.resolve(material, problems)).collect()),
            Value::Map(entries) => {
                let pair = |(key, value): &(String, Value)| {
                    let node = value.resolve(material, problems);
                    (!matches!(value, Value::LeftOut(_))).then(|| (named(key), node))
                };
                Kind::Mapping(entries.iter().filter_map(pair).collect())
            }
            Value::LeftOut(value) => return value.resolve(material, problems),
        };
        Node { span: Span::default(), kind }
    }
}

impl Open {
    fn look_up(&self, material: &Material, problems: &mut Diagnostics) -> String {
        let text = match material.text(&self.reference) {
            Ok(text) => text,
            Err(missing) => {
                problems.push(Diagnostic::error(&self.file, self.span, missing.to_string()));
                return String::new();
            }
        };
        let mut refuse = |why: &str| {
            problems.push(Diagnostic::error(&self.file, self.span, format!("{} {why}", self.reference)));
        };
        match &self.reading {
            Reading::Verbatim => text.to_owned(),
            Reading::Mounted(path) => path.clone(),
            Reading::Value => text.trim_end_matches(['\r', '\n']).to_owned(),
            Reading::Filled => {
                let text = text.trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    refuse("is empty");
                }
                text.to_owned()
            }
            Reading::Url => {
                let text = text.trim();
                if super::url_check::check(text).is_err() {
                    refuse("is not a usable http or https address");
                }
                text.to_owned()
            }
        }
    }
}

/// A key that stands nowhere yet.
pub(crate) fn named(key: &str) -> Key {
    Key { span: Span::default(), text: key.into() }
}
