//! The OpenAPI document of Alertmanager's API, and as much of JSON schema as it uses.

use std::collections::BTreeMap;

use model::Timestamp;
use model::source::SourceFile;
use yaml::{Decoder, Node};

use serde_json::Value;

use crate::peers::root;

pub struct Document(Node);

impl Document {
    /// `None` where the shared corpus is not.
    pub fn open() -> Option<Self> {
        let path = root().join("../shared/corpus/alertmanager/openapi.yaml");
        let text = std::fs::read_to_string(path).ok()?;
        let decoder = Decoder::new(&SourceFile::new("openapi.yaml", text));
        Some(Self(decoder.first_document().expect("the document is YAML")))
    }

    /// The paths that can be read.
    pub fn get_paths(&self) -> Vec<String> {
        let paths = at(&self.0, &["paths"]).as_mapping().unwrap();
        let readable = paths.iter().filter(|(_, item)| item.get("get").is_some());
        readable.map(|(path, _)| path.text.to_string()).collect()
    }

    /// Where the answer to a GET breaks its schema.
    pub fn violations(&self, path: &str, answer: &Value) -> Vec<String> {
        let schema = at(&self.0, &["paths", path, "get", "responses", "200", "schema"]);
        let mut found = Vec::new();
        self.check(schema, answer, "$", &mut found);
        found
    }

    fn check(&self, schema: &Node, value: &Value, place: &str, found: &mut Vec<String>) {
        if let Some(reference) = schema.get("$ref").and_then(Node::as_text) {
            let steps: Vec<_> = reference.trim_start_matches("#/").split('/').collect();
            return self.check(at(&self.0, &steps), value, place, found);
        }
        for part in schema.get("allOf").and_then(Node::as_sequence).unwrap_or_default() {
            self.check(part, value, place, found);
        }
        let kind = schema.get("type").and_then(Node::as_text);
        let fits = match kind {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            None => true,
            Some(other) => panic!("{place}: type {other} is not known here"),
        };
        if !fits {
            found.push(format!("{place}: not of type {kind:?}: {value}"));
            return;
        }
        self.check_object(schema, value, place, found);
        let least = schema.get("minItems").and_then(Node::as_text).map_or(0, |text| text.parse().unwrap());
        if let Some(items) = value.as_array() {
            if items.len() < least {
                found.push(format!("{place}: fewer than {least} items"));
            }
            for (number, item) in items.iter().enumerate() {
                self.check(at(schema, &["items"]), item, &format!("{place}[{number}]"), found);
            }
        }
        if let Some(text) = value.as_str() {
            check_text(schema, text, place, found);
        }
    }

    fn check_object(&self, schema: &Node, value: &Value, place: &str, found: &mut Vec<String>) {
        let Some(fields) = value.as_object() else { return };
        let required = schema.get("required").and_then(Node::as_sequence).unwrap_or_default();
        let missing = required.iter().filter_map(Node::as_text).filter(|name| !fields.contains_key(*name));
        found.extend(missing.map(|name| format!("{place}.{name}: missing")));
        let properties: BTreeMap<&str, &Node> = schema
            .get("properties")
            .and_then(Node::as_mapping)
            .unwrap_or_default()
            .iter()
            .map(|(name, node)| (name.text.as_str(), node))
            .collect();
        for (name, field) in fields {
            let place = format!("{place}.{name}");
            match (properties.get(name.as_str()).copied(), schema.get("additionalProperties")) {
                (Some(schema), _) | (None, Some(schema)) => self.check(schema, field, &place, found),
                (None, None) => {}
            }
        }
    }
}

fn check_text(schema: &Node, text: &str, place: &str, found: &mut Vec<String>) {
    if let Some(allowed) = schema.get("enum").and_then(Node::as_sequence)
        && !allowed.iter().any(|one| one.as_text() == Some(text))
    {
        found.push(format!("{place}: {text:?} is not among the values"));
    }
    let fits = match schema.get("format").and_then(Node::as_text) {
        Some("date-time") => Timestamp::parse_rfc3339(text).is_ok(),
        Some("uri") => url::Url::parse(text).is_ok(),
        _ => true,
    };
    if !fits {
        found.push(format!("{place}: {text:?} has another format"));
    }
}

fn at<'a>(node: &'a Node, steps: &[&str]) -> &'a Node {
    steps.iter().fold(node, |node, step| node.get(step).unwrap_or_else(|| panic!("{step} of {steps:?} is missing")))
}
