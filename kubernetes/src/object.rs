//! Objects of the API: what they are called, and which kinds there are.

use std::fmt;

use serde_json::Value;

use crate::selector::Labels;

/// A kind of objects, as the API's paths name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// Empty for the core group.
    pub group: &'static str,
    /// Such as `v1`.
    pub version: &'static str,
    /// In paths.
    pub plural: &'static str,
    /// In objects.
    pub name: &'static str,
}

/// Rules as objects.
pub const PROMETHEUS_RULES: Kind =
    Kind { group: "monitoring.coreos.com", version: "v1", plural: "prometheusrules", name: "PrometheusRule" };
/// Namespaces.
pub const NAMESPACES: Kind = Kind { group: "", version: "v1", plural: "namespaces", name: "Namespace" };
/// Secrets.
pub const SECRETS: Kind = Kind { group: "", version: "v1", plural: "secrets", name: "Secret" };
/// Configuration files as objects.
pub const CONFIG_MAPS: Kind = Kind { group: "", version: "v1", plural: "configmaps", name: "ConfigMap" };
/// What is told about objects.
pub const EVENTS: Kind = Kind { group: "events.k8s.io", version: "v1", plural: "events", name: "Event" };
/// Who leads.
pub const LEASES: Kind = Kind { group: "coordination.k8s.io", version: "v1", plural: "leases", name: "Lease" };

impl Kind {
    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The path of all its objects, or of those in a namespace.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let Kind { group, version, plural, .. } = self;
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        match namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{plural}"),
        }
    }
}

/// Where an object is. The namespace is empty for what has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name, unique there.
    pub name: String,
}

impl ObjectKey {
    /// The key of a name in a namespace.
    pub fn new(namespace: &str, name: &str) -> ObjectKey {
        ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Whose key an object has; none if it has no name.
    pub fn of(object: &Value) -> Option<ObjectKey> {
        let name = metadata_text(object, "name");
        (!name.is_empty()).then(|| ObjectKey::new(metadata_text(object, "namespace"), name))
    }
}

/// `namespace/name`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// A text of an object's metadata; empty where it has none.
pub fn metadata_text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_str).unwrap_or_default()
}

/// An object's labels.
pub fn labels(object: &Value) -> Labels {
    let labels = object.get("metadata").and_then(|metadata| metadata.get("labels")).and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_and_keys() {
        assert_eq!(PROMETHEUS_RULES.path(None), "/apis/monitoring.coreos.com/v1/prometheusrules");
        assert_eq!(SECRETS.path(Some("a")), "/api/v1/namespaces/a/secrets");
        let object = json!({"metadata": {"name": "n", "namespace": "a", "labels": {"x": "y", "odd": 1}}});
        assert_eq!(ObjectKey::of(&object).map(|key| key.to_string()).as_deref(), Some("a/n"));
        assert_eq!(ObjectKey::of(&json!({})), None);
        assert_eq!(labels(&object), Labels::from([("x".to_owned(), "y".to_owned())]));
    }
}
