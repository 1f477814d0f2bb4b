//! Trees of templates rendered to JSON.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Page, RenderError};
use crate::receiver::TemplateTree;

/// A rendered tree. Objects are written by key, as Go writes maps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// A value as it is.
    Value(Value),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// Which rendered texts stand for the JSON they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoding {
    /// Lists and objects; everything else stays a text.
    Structures,
    /// Numbers and truth values too.
    Everything,
}

/// Renders each text of a tree; what a template made that is JSON becomes part of the tree. Texts without a template
/// stay as they are.
///
/// # Errors
/// One of the templates fails.
pub(crate) fn render(page: &Page<'_>, tree: &TemplateTree, decoding: Decoding) -> Result<Json, RenderError> {
    Ok(match tree {
        TemplateTree::Null => Json::Value(Value::Null),
        TemplateTree::Bool(value) => Json::Value((*value).into()),
        TemplateTree::Integer(value) => Json::Value((*value).into()),
        TemplateTree::Float(value) => Json::Value((*value).into()),
        TemplateTree::Text(text) if text.contains("{{") => decoded(page.go_text(text)?, decoding),
        TemplateTree::Text(text) => Json::Value(text.as_str().into()),
        TemplateTree::List(items) => {
            Json::List(items.iter().map(|item| render(page, item, decoding)).collect::<Result<_, _>>()?)
        }
        TemplateTree::Map(entries) => {
            let entry = |(key, value): &(String, TemplateTree)| {
                Ok::<_, RenderError>((page.go_text(key)?, render(page, value, decoding)?))
            };
            object(entries.iter().map(entry).collect::<Result<_, _>>()?)
        }
    })
}

/// An object in the order Go writes it.
pub(crate) fn object(mut entries: Vec<(String, Json)>) -> Json {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Json::Object(entries)
}

fn decoded(text: String, decoding: Decoding) -> Json {
    let parsed = serde_json::from_str::<Value>(&text).ok();
    let taken = parsed.filter(|value| match value {
        Value::Array(_) | Value::Object(_) => true,
        Value::Number(_) | Value::Bool(_) => decoding == Decoding::Everything,
        Value::String(_) | Value::Null => false,
    });
    Json::Value(taken.unwrap_or(Value::String(text)))
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Value(value) => value.serialize(serializer),
            Json::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Json::Object(entries) => {
                let mut object = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| object.serialize_entry(key, value))?;
                object.end()
            }
        }
    }
}
