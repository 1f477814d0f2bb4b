//! Whether a value meets the schema of a custom resource definition, as far as such schemas go.

use regex::Regex;
use serde_json::Value;

/// What does not meet it, each with its place.
pub fn mistakes(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let is_of_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !is_of_type {
        return found.push(format!("{place}: {value} is no {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        found.push(format!("{place}: {value} is none of {}", schema["enum"]));
    }
    if let Some(text) = value.as_str() {
        let pattern = schema["pattern"].as_str().map(|pattern| Regex::new(pattern).unwrap());
        if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
            found.push(format!("{place}: {text:?} does not match {}", schema["pattern"]));
        }
        let length = text.chars().count() as u64;
        if schema["minLength"].as_u64().is_some_and(|min| length < min)
            || schema["maxLength"].as_u64().is_some_and(|max| length > max)
        {
            found.push(format!("{place}: {length} characters"));
        }
        if schema["format"] == "date-time" && model::Timestamp::parse_rfc3339(text).is_err() {
            found.push(format!("{place}: {text:?} is no time"));
        }
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        check(&schema["items"], item, &format!("{place}[{number}]"), found);
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{place}: {name} is missing"));
        }
    }
    for (name, item) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(of_property) => check(of_property, item, &format!("{place}.{name}"), found),
            None => found.push(format!("{place}: {name} is not known")),
        }
    }
}
