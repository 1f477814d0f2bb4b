//! Manifests in files: AlertmanagerConfigs, Alertmanagers, and the Secrets, ConfigMaps and Namespaces that they need.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::source::{Diagnostics, SourceFile};
use yaml::{Decoder, Node};

use super::alertmanager::Alertmanager;
use super::material::Holder;
use super::options::{ApiVersion, GROUP, Options};
use super::world::{Held, World, labels};
use crate::object::ObjectKey;

/// What files say.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// Alertmanagers, in order.
    pub alertmanagers: BTreeMap<ObjectKey, Alertmanager>,
    /// Everything else.
    pub world: World,
    /// Mistakes of what is not an AlertmanagerConfig: these are told with the merge.
    pub mistakes: Diagnostics,
}

impl Manifests {
    /// Reads files of one or more objects each, lists too; other kinds are passed over. Objects without a namespace are in
    /// `default_namespace`.
    pub fn read(files: &[SourceFile], default_namespace: &str, options: &Options) -> Manifests {
        let mut found = Manifests::default();
        for file in files {
            let decoder = Decoder::new(file);
            for document in decoder.documents() {
                found.take(&document, &decoder, default_namespace, options);
            }
            found.mistakes.append(decoder.into_diagnostics());
        }
        found
    }

    fn take(&mut self, node: &Node, decoder: &Decoder, namespace: &str, options: &Options) {
        let text = |key: &str| node.get(key).and_then(Node::as_text).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        match (api_version, kind) {
            (_, "List" | "AlertmanagerConfigList" | "AlertmanagerList") => {
                for item in node.get("items").and_then(Node::as_sequence).unwrap_or_default() {
                    self.take(item, decoder, namespace, options);
                }
            }
            (_, "AlertmanagerConfig") if ApiVersion::of(api_version).is_some() => {
                match Held::read(node, decoder.file(), namespace, options) {
                    Some((key, held)) => drop(self.world.objects.insert(key, held)),
                    None => drop(decoder.error(node.span, "metadata.name is missing")),
                }
            }
            (_, "Alertmanager") if api_version.starts_with(GROUP) => {
                if let Some(found) = Alertmanager::read(node, decoder, namespace, options) {
                    self.alertmanagers.insert(found.names.clone(), found);
                }
            }
            ("v1", "Secret") => self.take_material(Holder::Secret, node, decoder, namespace),
            ("v1", "ConfigMap") => self.take_material(Holder::ConfigMap, node, decoder, namespace),
            ("v1", "Namespace") => {
                if let Some(metadata) = node.get("metadata")
                    && let Some(name) = metadata.get("name").and_then(Node::as_text)
                {
                    self.world.namespaces.insert(name.to_owned(), namespace_labels(name, metadata));
                }
            }
            _ => {}
        }
    }

    fn take_material(&mut self, holder: Holder, node: &Node, decoder: &Decoder, namespace: &str) {
        let metadata = |key: &str| node.get("metadata")?.get(key)?.as_text().filter(|text| !text.is_empty());
        let Some(name) = metadata("name") else {
            decoder.error(node.span, "metadata.name is missing");
            return;
        };
        let mut data = BTreeMap::new();
        for (field, is_text) in [("data", holder == Holder::ConfigMap), ("binaryData", false), ("stringData", true)] {
            for (key, value) in node.get(field).and_then(Node::as_mapping).unwrap_or_default() {
                let text = value.as_text().unwrap_or_default();
                let bytes = if is_text { Ok(text.as_bytes().to_vec()) } else { decoded(text) };
                match bytes {
                    Ok(bytes) => drop(data.insert(key.text.to_string(), bytes)),
                    Err(error) => {
                        let message = format!("key {:?} of the {holder} is not base64: {error}", key.text);
                        decoder.error(value.span, message).without_excerpt();
                    }
                }
            }
        }
        self.world.material.insert(holder, metadata("namespace").unwrap_or(namespace), name, data);
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let letters: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    STANDARD.decode(letters)
}

/// The API server gives every namespace a label with its name.
fn namespace_labels(name: &str, metadata: &Node) -> crate::selector::Labels {
    let mut labels = labels(metadata);
    labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
    labels
}
