//! Which resources the server has; paths and selectors of requests.

use serde_json::Value;

/// A kind of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub plural: String,
    pub kind: String,
    pub is_namespaced: bool,
    /// Whether `status` is written apart from the rest.
    pub has_status: bool,
}

/// group, version, plural, kind, whether namespaced, whether it has a status of its own.
pub const BUILT_IN: [(&str, &str, &str, &str, bool, bool); 16] = [
    ("", "v1", "namespaces", "Namespace", false, true),
    ("", "v1", "secrets", "Secret", true, false),
    ("", "v1", "configmaps", "ConfigMap", true, false),
    ("", "v1", "services", "Service", true, true),
    ("", "v1", "pods", "Pod", true, true),
    ("", "v1", "endpoints", "Endpoints", true, false),
    ("", "v1", "nodes", "Node", false, true),
    ("events.k8s.io", "v1", "events", "Event", true, false),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true, false),
    ("coordination.k8s.io", "v1", "leases", "Lease", true, false),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false, true),
    ("monitoring.coreos.com", "v1", "prometheusrules", "PrometheusRule", true, true),
    ("monitoring.coreos.com", "v1", "prometheuses", "Prometheus", true, true),
    ("monitoring.coreos.com", "v1", "thanosrulers", "ThanosRuler", true, true),
    ("monitoring.coreos.com", "v1", "alertmanagers", "Alertmanager", true, true),
    ("monitoring.coreos.com", "v1alpha1", "alertmanagerconfigs", "AlertmanagerConfig", true, true),
];

impl Resource {
    /// A namespaced kind with a status subresource, as custom ones are.
    pub fn custom(group: &str, version: &str, plural: &str, kind: &str) -> Resource {
        Resource::from((group, version, plural, kind, true, true))
    }

    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

impl From<(&str, &str, &str, &str, bool, bool)> for Resource {
    fn from((group, version, plural, kind, is_namespaced, has_status): (&str, &str, &str, &str, bool, bool)) -> Self {
        let (group, version) = (group.to_owned(), version.to_owned());
        Resource { group, version, plural: plural.to_owned(), kind: kind.to_owned(), is_namespaced, has_status }
    }
}

/// What a path names below `/api/v1` or `/apis/GROUP/VERSION`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) plural: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) subresource: &'a str,
}

impl<'a> Place<'a> {
    pub(super) fn of(path: &'a str) -> Option<Place<'a>> {
        let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version) = match *parts.first()? {
            "api" if parts.len() > 2 => ("", parts[1]),
            "apis" if parts.len() > 3 => (parts[1], parts[2]),
            _ => return None,
        };
        parts.drain(..if group.is_empty() { 2 } else { 3 });
        let is_in_namespace = parts.len() > 2 && parts[0] == "namespaces" && parts[2] != "status";
        let namespace = if is_in_namespace { parts[1] } else { "" };
        parts.drain(..if is_in_namespace { 2 } else { 0 });
        let part = |at: usize| parts.get(at).copied().unwrap_or_default();
        Some(Place { group, version, plural: part(0), namespace, name: part(1), subresource: part(2) })
    }
}

/// Whether labels meet a selector such as `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
pub(super) fn labels_match(selector: &str, object: &Value) -> bool {
    let label = |key: &str| object["metadata"]["labels"].get(key.trim()).and_then(Value::as_str);
    requirements(selector).iter().all(|wanted| {
        if let Some((key, values)) = wanted.split_once(" notin ") {
            label(key).is_none_or(|value| !listed(values).contains(&value))
        } else if let Some((key, values)) = wanted.split_once(" in ") {
            label(key).is_some_and(|value| listed(values).contains(&value))
        } else if let Some((key, value)) = wanted.split_once("!=") {
            label(key) != Some(value.trim())
        } else if let Some((key, value)) = wanted.split_once('=') {
            label(key) == Some(value.trim_start_matches('=').trim())
        } else if let Some(key) = wanted.strip_prefix('!') {
            label(key).is_none()
        } else {
            label(wanted).is_some()
        }
    })
}

/// Splits at commas outside of parentheses.
fn requirements(selector: &str) -> Vec<String> {
    let (mut found, mut depth) = (vec![String::new()], 0);
    for letter in selector.chars() {
        match letter {
            ',' if depth == 0 => found.push(String::new()),
            letter => {
                depth += i32::from(letter == '(') - i32::from(letter == ')');
                found.last_mut().unwrap().push(letter);
            }
        }
    }
    found.into_iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

fn listed(values: &str) -> Vec<&str> {
    values.trim().trim_matches(['(', ')']).split(',').map(str::trim).collect()
}

/// Whether an object meets a selector of `metadata.name` and `metadata.namespace`, or any other path of texts.
pub(super) fn fields_match(selector: &str, object: &Value) -> bool {
    selector.split(',').filter(|one| !one.is_empty()).all(|one| {
        let (path, value) = one.split_once('=').expect("fields are compared");
        let found = path.trim_end_matches('!').split('.').fold(object, |at, part| &at[part]);
        (found.as_str().unwrap_or_default() == value.trim_start_matches('=')) != path.ends_with('!')
    })
}

#[test]
fn paths_and_selectors_are_understood() {
    let place = Place::of("/apis/monitoring.coreos.com/v1/namespaces/a/prometheusrules/b/status").unwrap();
    assert_eq!((place.plural, place.namespace, place.name, place.subresource), ("prometheusrules", "a", "b", "status"));
    let place = Place::of("/api/v1/namespaces/a").unwrap();
    assert_eq!((place.plural, place.namespace, place.name), ("namespaces", "", "a"));
    let place = Place::of("/api/v1/namespaces/a/secrets").unwrap();
    assert_eq!((place.plural, place.namespace, place.name), ("secrets", "a", ""));
    assert!(Place::of("/apis/apps/v1").is_none());
    let object = serde_json::json!({"metadata": {"name": "n", "labels": {"a": "b", "c": "d"}}});
    for (selector, expected) in [
        ("", true),
        ("a=b", true),
        ("a==b,c!=e", true),
        ("a in (x, b),!z", true),
        ("a notin (b)", false),
        ("z", false),
        ("z notin (b)", true),
    ] {
        assert_eq!(labels_match(selector, &object), expected, "{selector}");
    }
    assert!(fields_match("metadata.name=n", &object) && !fields_match("metadata.name!=n", &object));
}
