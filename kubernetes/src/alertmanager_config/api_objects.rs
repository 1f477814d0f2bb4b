//! Objects as the API has them, in JSON.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::source::SourceFile;
use serde_json::Value;
use yaml::{Decoder, Kind, Node, Scalar, Span, emit};

use super::alertmanager::Alertmanager;
use super::options::Options;
use super::value::named;
use super::world::Held;
use crate::object::{Kind as ObjectKind, ObjectKey};

/// AlertmanagerConfigs as every cluster serves them that has the usual CRD.
pub const V1ALPHA1: ObjectKind = ObjectKind {
    group: "monitoring.coreos.com",
    version: "v1alpha1",
    plural: "alertmanagerconfigs",
    name: "AlertmanagerConfig",
};
/// As clusters serve them that have the newer version only.
pub const V1BETA1: ObjectKind = ObjectKind { version: "v1beta1", ..V1ALPHA1 };
/// Alertmanager objects.
pub const ALERTMANAGERS: ObjectKind =
    ObjectKind { group: "monitoring.coreos.com", version: "v1", plural: "alertmanagers", name: "Alertmanager" };

/// The part of an object that people write, as YAML, so that mistakes have a line that shows them.
pub fn as_file(object: &Value) -> SourceFile {
    let name = ObjectKey::of(object).map(|key| key.to_string()).unwrap_or_default();
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let pick = |from: &Value, keys: &[&str]| {
        let pairs = keys.iter().filter_map(|key| Some((named(key), node(from.get(*key)?))));
        Node { span: Span::default(), kind: Kind::Mapping(pairs.collect()) }
    };
    let whole = pick(object, &["apiVersion", "kind", "metadata", "spec"]);
    let entries = whole.as_mapping().unwrap_or_default().iter().map(|(key, value)| match key.text.as_str() {
        "metadata" => (key.clone(), pick(metadata, &["namespace", "name", "labels"])),
        _ => (key.clone(), value.clone()),
    });
    let kind = Kind::Mapping(entries.collect());
    SourceFile::new(name, emit(&Node { span: Span::default(), kind }))
}

/// JSON as a tree.
fn node(value: &Value) -> Node {
    let scalar = |text: &str, plain| Kind::Scalar(Scalar { text: text.into(), plain });
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(flag) => scalar(&flag.to_string(), true),
        Value::Number(number) => scalar(&number.to_string(), true),
        Value::String(text) => scalar(text, false),
        Value::Array(items) => Kind::Sequence(items.iter().map(node).collect()),
        Value::Object(entries) => Kind::Mapping(entries.iter().map(|(key, value)| (named(key), node(value))).collect()),
    };
    Node { span: Span::default(), kind }
}

impl Held {
    /// Reads an AlertmanagerConfig of the API; none if it has no name.
    pub fn of(object: &Value, options: &Options) -> Option<(ObjectKey, Held)> {
        let file = as_file(object);
        let (root, _) = yaml::parse_first(&file).ok()?;
        Held::read(&root, &file, "", options)
    }
}

impl Alertmanager {
    /// Reads an Alertmanager of the API.
    ///
    /// # Errors
    /// Every mistake in what concerns its configuration.
    pub fn of(object: &Value, options: &Options) -> Result<Alertmanager, model::source::Diagnostics> {
        let file = as_file(object);
        let decoder = Decoder::new(&file);
        let read = decoder.first_document().and_then(|node| Alertmanager::read(&node, &decoder, "default", options));
        decoder.finish(read).map(|(alertmanager, _)| alertmanager)
    }
}

/// What a Secret or ConfigMap of the API holds. What is no base64 there is left out: the server would not have taken it.
pub fn data(object: &Value) -> BTreeMap<String, Vec<u8>> {
    let is_secret = object.get("kind").and_then(Value::as_str) != Some("ConfigMap");
    let mut found = BTreeMap::new();
    for (field, is_text) in [("data", !is_secret), ("binaryData", false)] {
        for (key, value) in object.get(field).and_then(Value::as_object).into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            let bytes = if is_text { Some(text.as_bytes().to_vec()) } else { STANDARD.decode(text).ok() };
            found.extend(bytes.map(|bytes| (key.clone(), bytes)));
        }
    }
    found
}
