//! Labels of targets, and how texts of objects are read.

use std::collections::BTreeMap;

use serde_json::Value;

/// What all labels of this discovery begin with.
const META: &str = "__meta_kubernetes_";

/// An address, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`, or a host alone.
    pub address: String,
    /// `__meta_kubernetes_*`.
    pub labels: Labels,
}

/// Labels being gathered; those without a value are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(pub(super) BTreeMap<String, String>);

impl Labels {
    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds one, if there is a value.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.insert(format!("{META}{name}"), value);
        }
    }

    /// Adds the text at a path of an object.
    pub(super) fn set_text(&mut self, name: &str, object: &Value, path: &[&str]) {
        self.set(name, text(object, path));
    }

    /// Adds an object's labels and annotations, each with a twin that says it is there.
    pub(super) fn set_metadata(&mut self, prefix: &str, object: &Value) {
        for (field, kind) in [("labels", "label"), ("annotations", "annotation")] {
            let entries = at(object, &["metadata", field]).and_then(Value::as_object);
            for (name, value) in entries.into_iter().flatten() {
                let name = sanitized(name);
                self.set(&format!("{prefix}_{kind}_{name}"), value.as_str().unwrap_or_default());
                self.set(&format!("{prefix}_{kind}present_{name}"), "true");
            }
        }
    }

    pub(super) fn extend(&mut self, others: &Labels) {
        self.0.extend(others.0.clone());
    }
}

/// A label name: other characters than letters, digits and underscores become underscores.
fn sanitized(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// What is at a path of an object.
pub(super) fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |object, field| object.get(field)).filter(|value| !value.is_null())
}

/// A text, number or boolean there as a text; empty if there is none.
pub(super) fn text(object: &Value, path: &[&str]) -> String {
    match at(object, path) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => String::new(),
    }
}

/// The list there; empty if there is none.
pub(super) fn list<'a>(object: &'a Value, path: &[&str]) -> &'a [Value] {
    at(object, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Host and port as one address.
pub(super) fn joined(host: &str, port: &str) -> String {
    match (host.contains(':'), port.is_empty()) {
        (true, _) => format!("[{host}]:{port}"),
        (false, true) => host.to_owned(),
        (false, false) => format!("{host}:{port}"),
    }
}
