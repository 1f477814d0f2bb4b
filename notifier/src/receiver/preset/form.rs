//! Rendered trees as texts: values of forms, and what counts as empty.

use serde_json::Value as Scalar;
use url::form_urlencoded::Serializer;

use crate::rendering::tree::Json;

/// As Go leaves out what is marked `omitempty`.
pub(super) fn is_empty(value: &Json) -> bool {
    match value {
        Json::Value(Scalar::Null) => true,
        Json::Value(Scalar::String(text)) => text.is_empty(),
        Json::Value(Scalar::Bool(flag)) => !flag,
        Json::Value(Scalar::Number(number)) => number.as_f64() == Some(0.0),
        Json::Value(Scalar::Array(items)) => items.is_empty(),
        Json::Value(Scalar::Object(entries)) => entries.is_empty(),
        Json::List(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
    }
}

pub(super) fn as_text(value: &Json) -> String {
    match value {
        Json::Value(Scalar::Null) => String::new(),
        Json::Value(Scalar::String(text)) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// Lists become numbered keys, objects keys with a dot.
pub(super) fn form(value: &Json) -> Vec<u8> {
    let mut pairs = Serializer::new(String::new());
    flatten("", value, &mut |key, text| {
        pairs.append_pair(key, text);
    });
    pairs.finish().into_bytes()
}

fn flatten(key: &str, value: &Json, add: &mut dyn FnMut(&str, &str)) {
    let inner = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Json::Object(entries) => entries.iter().for_each(|(name, value)| flatten(&inner(name), value, add)),
        Json::List(items) => {
            items.iter().enumerate().for_each(|(at, item)| flatten(&inner(&(at + 1).to_string()), item, add));
        }
        other => add(key, &as_text(other)),
    }
}
