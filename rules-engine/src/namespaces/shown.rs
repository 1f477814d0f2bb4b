//! Namespaces as YAML: groups that were set as they were set, groups of rule files as they were understood.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::LabelSet;
use model::duration::format_duration;
use yaml::{Key, Kind, Node, Scalar, Span};

use super::Namespaces;
use crate::group::GroupKey;
use crate::rule::{Rule, RuleGroup, RuleKind};

impl Namespaces {
    /// All namespaces, or one, each a list of groups: what was set, and `from_files`. `None` if there is nothing.
    pub fn list(&self, namespace: Option<&str>, from_files: &[RuleGroup]) -> Option<String> {
        let is_wanted = |name: &str| namespace.is_none_or(|wanted| wanted == name);
        let mut lists: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
        for group in from_files.iter().filter(|group| is_wanted(&group.file)) {
            lists.entry(&group.file).or_default().push(group_node(group));
        }
        for (key, set) in self.groups.iter().filter(|(key, _)| is_wanted(&key.file)) {
            lists.entry(&key.file).or_default().push(set.tree.clone());
        }
        let entries: Vec<_> = lists.into_iter().map(|(name, groups)| (name, list(groups))).collect();
        (!entries.is_empty()).then(|| yaml::emit(&mapping(entries)))
    }

    /// One group.
    pub fn show(&self, namespace: &str, group: &str, from_files: &[RuleGroup]) -> Option<String> {
        if let Some(set) = self.groups.get(&GroupKey::new(namespace, group)) {
            return Some(yaml::emit(&set.tree));
        }
        let mut from_files = from_files.iter();
        let found = from_files.find(|candidate| candidate.file == namespace && candidate.name == group)?;
        Some(yaml::emit(&group_node(found)))
    }
}

/// A group in Mimir's order of fields.
fn group_node(group: &RuleGroup) -> Node {
    let mut fields = vec![("name", text(&group.name)), ("interval", text(&format_duration(group.interval)))];
    if group.limit > 0 {
        fields.push(("limit", number(group.limit)));
    }
    push_duration(&mut fields, "query_offset", group.query_offset);
    fields.push(("rules", list(group.rules.iter().map(|rule| rule_node(rule)).collect())));
    mapping(fields)
}

fn rule_node(rule: &Rule) -> Node {
    let mut fields = Vec::new();
    match &rule.kind {
        RuleKind::Recording => fields.extend([("record", text(&rule.name)), ("expr", text(&rule.expr))]),
        RuleKind::Alerting(alerting) => {
            fields.extend([("alert", text(&rule.name)), ("expr", text(&rule.expr))]);
            push_duration(&mut fields, "for", alerting.hold);
            push_duration(&mut fields, "keep_firing_for", alerting.keep_firing_for);
        }
    }
    push_labels(&mut fields, "labels", &rule.labels);
    if let RuleKind::Alerting(alerting) = &rule.kind {
        push_labels(&mut fields, "annotations", &alerting.annotations);
    }
    mapping(fields)
}

fn push_duration(fields: &mut Vec<(&str, Node)>, name: &'static str, duration: Duration) {
    if !duration.is_zero() {
        fields.push((name, text(&format_duration(duration))));
    }
}

fn push_labels(fields: &mut Vec<(&str, Node)>, name: &'static str, labels: &LabelSet) {
    if !labels.is_empty() {
        fields.push((name, mapping(labels.iter().map(|(name, value)| (name, text(value))))));
    }
}

fn mapping<'k>(entries: impl IntoIterator<Item = (&'k str, Node)>) -> Node {
    let key = |name: &str| Key { span: Span::default(), text: name.into() };
    let entries: Arc<[(Key, Node)]> = entries.into_iter().map(|(name, value)| (key(name), value)).collect();
    Node { span: Span::default(), kind: Kind::Mapping(entries) }
}

fn list(items: Vec<Node>) -> Node {
    Node { span: Span::default(), kind: Kind::Sequence(items.into()) }
}

fn text(text: &str) -> Node {
    // A duration begins with a digit and needs no quotes for it.
    let plain = text.ends_with(|c: char| c.is_ascii_lowercase()) && text.starts_with(|c: char| c.is_ascii_digit());
    Node { span: Span::default(), kind: Kind::Scalar(Scalar { text: text.into(), plain }) }
}

fn number(number: usize) -> Node {
    Node { span: Span::default(), kind: Kind::Scalar(Scalar { text: number.to_string().into(), plain: true }) }
}
