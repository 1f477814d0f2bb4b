//! Which dialect a file is in: a plain rule file or Kubernetes manifests; and the groups of either.

use std::collections::BTreeSet;

use model::source::{Diagnostics, Span};
use yaml::{Decoder, Key, Kind, Node, Scalar};

use super::dialect::Dialect;
use super::located::LocatedGroup;
use super::written::{self, Form};
use super::{Defaults, whole_file_warning};
use crate::rule::RuleGroup;

const KIND: &str = "PrometheusRule";
const API_VERSION: &str = "monitoring.coreos.com/v1";

/// The groups of a file and everything found wrong with it.
pub(super) fn decode(decoder: Decoder, defaults: &Defaults) -> (Vec<LocatedGroup>, Diagnostics) {
    let documents = Decoder::new(decoder.file());
    let nodes = documents.documents();
    if nodes.first().is_some_and(is_manifest) {
        let groups = decode_manifests(&nodes, &documents, defaults);
        return (groups, documents.into_diagnostics());
    }
    if defaults.dialect == Dialect::Vmalert {
        let groups = nodes.iter().flat_map(|root| decode_plain(root, &documents, defaults)).collect();
        let groups = each_name_once(groups, &documents);
        return (groups, documents.into_diagnostics());
    }
    let root = decoder.first_document();
    let groups = root.filter(|root| !root.is_null()).map(|root| decode_plain(&root, &decoder, defaults));
    (groups.unwrap_or_default(), decoder.into_diagnostics())
}

/// The groups of several documents, each name once.
fn each_name_once(groups: Vec<LocatedGroup>, decoder: &Decoder) -> Vec<LocatedGroup> {
    let mut names = BTreeSet::new();
    for group in &groups {
        if !names.insert(group.group.name.as_str()) {
            decoder.error(group.name, format!("group {:?} is given twice in this file", group.group.name));
        }
    }
    groups
}

/// One group that stands alone, as rule APIs take it; it belongs to `namespace`.
pub(super) fn decode_single(decoder: &Decoder, namespace: &str, defaults: &Defaults) -> Option<RuleGroup> {
    let root = decoder.first_document()?;
    if root.is_null() {
        decoder.error(root.span, "expected a rule group with a name and rules");
        return None;
    }
    let (_, group) = written::decode_group(&root, 1, decoder, namespace, Form::RuleFile, defaults)?;
    Some(group.into_group())
}

/// A file, a group or a rule, whichever the text is.
pub(super) fn decode_any(decoder: &Decoder, file: &str, defaults: &Defaults) -> Option<Vec<LocatedGroup>> {
    let root = decoder.first_document()?;
    if root.get("groups").is_some() {
        return Some(decode_plain(&root, decoder, defaults));
    }
    let is_rule = ["alert", "record"].iter().any(|key| root.get(key).is_some());
    let group = if is_rule && root.get("rules").is_none() { around(root) } else { root };
    let (_, group) = written::decode_group(&group, 1, decoder, file, Form::RuleFile, defaults)?;
    Some(vec![group])
}

/// A group with one rule.
fn around(rule: Node) -> Node {
    let span = rule.span;
    let key = |name: &str| Key { span, text: name.into() };
    let name = Node { span, kind: Kind::Scalar(Scalar { text: "preview".into(), plain: true }) };
    let rules = Node { span, kind: Kind::Sequence([rule].into()) };
    Node { span, kind: Kind::Mapping([(key("name"), name), (key("rules"), rules)].into()) }
}

/// The one key of a rule file.
fn decode_plain(root: &Node, decoder: &Decoder, defaults: &Defaults) -> Vec<LocatedGroup> {
    let Some(mut fields) = decoder.mapping(root, "a rule file") else { return Vec::new() };
    let groups = fields.optional("groups");
    let groups = written::decode_groups(groups, decoder.file().name(), Form::RuleFile, defaults);
    written::finish(fields, defaults);
    groups
}

/// A Kubernetes object says what it is.
fn is_manifest(node: &Node) -> bool {
    node.get("kind").is_some() && node.get("apiVersion").is_some()
}

/// One `PrometheusRule` object.
struct Manifest<'a> {
    /// `namespace/name`; "default" is the namespace that is not written.
    id: String,
    place: Span,
    spec: Option<&'a Node>,
}

/// A single object's groups carry the path of the file; those of several in one file `path#namespace/name`, so that
/// equal group names do not clash and a group's identity does not hang on the order of the objects.
fn decode_manifests(nodes: &[Node], decoder: &Decoder, defaults: &Defaults) -> Vec<LocatedGroup> {
    let mut manifests = Vec::new();
    nodes.iter().for_each(|node| collect(node, decoder, &mut manifests));
    if manifests.is_empty() && !decoder.has_errors() {
        let span = nodes.first().map_or_else(Span::default, |node| node.span);
        decoder.error(span, format!("no {KIND} in this file"));
    }
    let path = decoder.file().name();
    let several = manifests.len() > 1;
    let mut ids = BTreeSet::new();
    let mut groups = Vec::new();
    for manifest in &manifests {
        if !ids.insert(&manifest.id) {
            decoder.error(manifest.place, format!("{KIND} {} is given twice in this file", manifest.id));
        }
        let file = if several { format!("{path}#{}", manifest.id) } else { path.to_owned() };
        groups.extend(manifest.spec.into_iter().flat_map(|spec| decode_spec(spec, &file, decoder, defaults)));
    }
    groups
}

/// Adds the objects of one document; of a list, its items.
fn collect<'a>(node: &'a Node, decoder: &'a Decoder, manifests: &mut Vec<Manifest<'a>>) {
    let kind = node.get("kind").and_then(Node::as_text).unwrap_or_default();
    match kind {
        KIND => manifests.extend(decode_manifest(node, decoder)),
        "List" | "PrometheusRuleList" => {
            let Some(mut fields) = decoder.mapping(node, "a list of objects") else { return };
            fields.ignore(&["apiVersion", "kind", "metadata"]);
            let items = fields.optional("items").sequence(|item, _| Some(item));
            fields.finish();
            items.iter().flatten().for_each(|item| collect(item, decoder, manifests));
        }
        "" => {
            decoder.error(node.span, "expected a Kubernetes object with apiVersion and kind");
        }
        other => {
            let what = format!("this {other} is not a {KIND} and is skipped");
            decoder.warning(node.get("kind").map_or(node.span, |kind| kind.span), what);
        }
    }
}

fn decode_manifest<'a>(node: &'a Node, decoder: &'a Decoder) -> Option<Manifest<'a>> {
    let mut fields = decoder.mapping(node, "a PrometheusRule")?;
    fields.ignore(&["kind", "status"]);
    let api_version = fields.required("apiVersion").string();
    let metadata = fields.required("metadata").node().filter(|metadata| metadata.as_mapping().is_some());
    let spec = fields.required("spec").node();
    let place = fields.span();
    fields.finish();
    if let Some(version) = api_version.filter(|version| version.value != API_VERSION) {
        decoder.error(version.span, format!("{KIND} is known in {API_VERSION} only, found {:?}", version.value));
    }
    let of_metadata = |key| metadata.and_then(|metadata| metadata.get(key)).and_then(Node::as_text);
    let Some(name) = of_metadata("name").filter(|name| !name.is_empty()) else {
        decoder.error(metadata.map_or(place, |metadata| metadata.span), "a PrometheusRule needs metadata.name");
        return None;
    };
    let namespace = of_metadata("namespace").unwrap_or("default");
    Some(Manifest { id: format!("{namespace}/{name}"), place, spec })
}

fn decode_spec(spec: &Node, file: &str, decoder: &Decoder, defaults: &Defaults) -> Vec<LocatedGroup> {
    let Some(mut fields) = decoder.mapping(spec, "a PrometheusRule's spec") else { return Vec::new() };
    let groups = written::decode_groups(fields.optional("groups"), file, Form::Manifest, defaults);
    fields.finish();
    if groups.is_empty() && !decoder.has_errors() {
        let _reported = decoder.report(whole_file_warning(decoder.file(), "a PrometheusRule has no groups"));
    }
    groups
}
