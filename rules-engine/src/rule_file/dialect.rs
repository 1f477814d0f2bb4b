//! Whose fields a rule file may have, and how a file shows that it is vmalert's.

use model::source::{Diagnostic, Diagnostics, SourceFile};
use yaml::{Node, parse_all};

use super::environment;

/// Whose fields a rule file may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Prometheus' alone; others are mistakes, as for promtool.
    #[default]
    Prometheus,
    /// Also those of vmalert, Thanos and Mimir. A file with a field of vmalert's is read as vmalert reads it.
    Any,
    /// As vmalert reads files: all documents, `%{NAME}` is a variable of the environment, queries are aligned.
    Vmalert,
}

/// Fields of groups that only vmalert knows.
pub(super) const VMALERT_GROUP: [&str; 11] = [
    "type",
    "eval_offset",
    "eval_delay",
    "eval_alignment",
    "concurrency",
    "params",
    "headers",
    "notifier_headers",
    "tenant",
    "debug",
    "update_entries_limit",
];

/// Fields of rules that only vmalert knows.
pub(super) const VMALERT_RULE: [&str; 2] = ["debug", "update_entries_limit"];

/// Fields of groups that only Mimir knows.
pub(super) const MIMIR_GROUP: [&str; 3] = ["source_tenants", "evaluation_delay", "align_evaluation_time_on_interval"];

/// What Thanos does with a partial answer.
pub(super) const THANOS_STRATEGY: &str = "partial_response_strategy";

/// Who knows a field that Prometheus does not.
pub(super) fn owner(field: &str) -> Option<&'static str> {
    match field {
        field if VMALERT_GROUP.contains(&field) || VMALERT_RULE.contains(&field) => Some("vmalert"),
        field if MIMIR_GROUP.contains(&field) => Some("Mimir"),
        THANOS_STRATEGY => Some("Thanos"),
        _ => None,
    }
}

impl Dialect {
    /// The dialect of one file, with a notice where the file decided it.
    pub(super) fn of_file(self, file: &SourceFile) -> (Dialect, Diagnostics) {
        let mut notices = Diagnostics::new();
        if self != Dialect::Any {
            return (self, notices);
        }
        let Some((field, span)) = field_of_vmalert(file) else { return (Dialect::Any, notices) };
        let message = format!("{field:?} is a field of vmalert: the file is read as vmalert reads it");
        let hint = "all documents of the file, and %{NAME} for a variable of the environment";
        notices.push(Diagnostic::warning(file, span, message).hint(hint));
        (Dialect::Vmalert, notices)
    }
}

/// The first field that only vmalert has, and where it is; in the file as it is written, if it can be read that way.
fn field_of_vmalert(file: &SourceFile) -> Option<(String, model::source::Span)> {
    let all = || VMALERT_GROUP.iter().chain(&VMALERT_RULE);
    // most files have none: that is found out without reading the file as YAML
    if !all().any(|field| file.text().contains(field)) {
        return None;
    }
    // an unquoted %{NAME} is no YAML
    let plain = environment::without_placeholders(file);
    let documents = parse_all(&plain).documents;
    let groups = documents.iter().filter_map(|root| root.get("groups")?.as_sequence()).flatten();
    let mut found = groups.flat_map(|group| {
        let rules = group.get("rules").and_then(Node::as_sequence).unwrap_or_default();
        let of_rules = rules.iter().flat_map(|rule| keys(rule, &VMALERT_RULE));
        keys(group, &VMALERT_GROUP).chain(of_rules).collect::<Vec<_>>()
    });
    found.next()
}

fn keys<'a>(node: &'a Node, names: &'a [&str]) -> impl Iterator<Item = (String, model::source::Span)> + 'a {
    let entries = node.as_mapping().unwrap_or_default();
    let known = entries.iter().filter(|(key, _)| names.contains(&key.text.as_str()));
    known.map(|(key, _)| (key.text.to_string(), key.span))
}
