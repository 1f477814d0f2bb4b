//! Groups and rules as written: the fields of each dialect, with the place of every value.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::LabelSet;
use model::duration::parse_duration;
use model::source::{Diagnostics, Span, Spanned};
use yaml::{Decoder, Field, Fields, Node};

use super::Defaults;
use super::located::LocatedGroup;
use super::rule_check;
use crate::rule::RuleGroup;

/// Texts under free keys, such as labels.
pub(super) type TextMap = Vec<(Spanned<String>, Spanned<String>)>;

/// Which fields there are, and what an empty one means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A Prometheus rule file.
    RuleFile,
    /// The spec of a PrometheusRule: an empty duration is none, and one field more is Thanos'.
    Manifest,
}

/// A rule as written.
pub(super) struct WrittenRule {
    /// Where to report what concerns the whole rule.
    pub(super) place: Span,
    pub(super) record: Option<Spanned<String>>,
    pub(super) alert: Option<Spanned<String>>,
    pub(super) expr: Option<Spanned<String>>,
    pub(super) hold: Option<Spanned<Duration>>,
    pub(super) keep_firing_for: Option<Spanned<Duration>>,
    pub(super) labels: TextMap,
    pub(super) annotations: TextMap,
}

/// What Thanos does with a partial answer.
const THANOS_STRATEGY: &str = "partial_response_strategy";

/// Fields that other rule services know: the message says so rather than guessing at a typing error.
const FOREIGN: [(&str, &str); 15] = [
    ("type", "vmalert"),
    ("eval_offset", "vmalert"),
    ("eval_delay", "vmalert"),
    ("eval_alignment", "vmalert"),
    ("concurrency", "vmalert"),
    ("params", "vmalert"),
    ("headers", "vmalert"),
    ("notifier_headers", "vmalert"),
    ("tenant", "vmalert"),
    ("debug", "vmalert"),
    ("update_entries_limit", "vmalert"),
    ("source_tenants", "Mimir"),
    ("evaluation_delay", "Mimir"),
    ("align_evaluation_time_on_interval", "Mimir"),
    (THANOS_STRATEGY, "Thanos"),
];

/// Reads a list of groups. What is wrong with a rule is reported under its group's name, its number and its name.
pub(super) fn decode_groups(field: Field<'_>, file: &str, dialect: Dialect, defaults: &Defaults) -> Vec<LocatedGroup> {
    let mut first_places: BTreeMap<String, Span> = BTreeMap::new();
    let mut number = 0;
    let groups = field.sequence(|node, decoder| {
        number += 1;
        let (name, group) = decode_group(node, number, decoder, file, dialect, defaults)?;
        if let Some(first) = first_places.get(&name.value) {
            let line = decoder.file().position(first.start).line;
            decoder
                .error(name.span, format!("group {:?} is given twice in this file", name.value))
                .hint(format!("the first is on line {line}"));
            return None;
        }
        first_places.insert(name.value, name.span);
        Some(group)
    });
    groups.unwrap_or_default()
}

/// Reads one group; `number` names it where it has no name.
pub(super) fn decode_group(
    node: &Node,
    number: usize,
    decoder: &Decoder,
    file: &str,
    dialect: Dialect,
    defaults: &Defaults,
) -> Option<(Spanned<String>, LocatedGroup)> {
    let shown = node.get("name").and_then(Node::as_text).filter(|name| !name.is_empty());
    let about = shown.map_or_else(|| format!("group {number}"), |name| format!("group {name:?}"));
    let (name, located, labels) =
        in_context(decoder, &about, |decoder| decode_head(node, decoder, file, dialect, defaults))?;
    let rules = node.get("rules").filter(|rules| !rules.is_null());
    let items = rules.and_then(Node::as_sequence);
    if items.is_none() {
        // for the message
        let _reported = in_context(decoder, &about, |decoder| decoder.value(rules?).sequence(|_, _| Some(())));
    }
    let numbered = (1..).zip(items.unwrap_or_default()).filter_map(|(number, item)| {
        in_context(decoder, &context(&located.group.name, number, item), |decoder| {
            let written = WrittenRule::decode(item, decoder, dialect, defaults)?;
            rule_check::resolve(written, number, &labels, located.group.source.language, defaults, decoder)
        })
    });
    let rules = numbered.collect();
    Some((name, LocatedGroup { rules, ..located }))
}

/// A group's own fields: its name, the group without rules, and the labels of all its rules.
fn decode_head(
    node: &Node,
    decoder: &Decoder,
    file: &str,
    dialect: Dialect,
    defaults: &Defaults,
) -> Option<(Spanned<String>, LocatedGroup, LabelSet)> {
    let mut fields = decoder.mapping(node, "a rule group")?;
    fields.ignore(&["rules"]);
    let name = fields.required("name").string();
    let interval = duration(&mut fields, "interval", dialect);
    let query_offset = duration(&mut fields, "query_offset", dialect);
    let limit = fields.optional("limit").integer();
    let labels = fields.optional("labels").string_map().unwrap_or_default();
    if dialect == Dialect::Manifest {
        thanos_strategy(&mut fields);
    }
    foreign(&mut fields, decoder, dialect, defaults, "a rule group");
    finish(fields, defaults);
    rule_check::check_labels(&labels, defaults.names, decoder);
    let limit = limit.map_or(0, |limit| check_limit(&limit, decoder));
    let name = name?;
    if name.value.is_empty() {
        decoder.error(name.span, "a group's name must not be empty");
        return None;
    }
    let interval = interval.map(|interval| interval.value).filter(|interval| !interval.is_zero());
    let group = RuleGroup {
        name: name.value.clone(),
        file: file.to_owned(),
        interval: interval.unwrap_or(defaults.interval),
        limit,
        query_offset: query_offset.map_or(defaults.query_offset, |offset| offset.value),
        source: Arc::new(defaults.sources.choose(file, &name.value, None)),
        rules: Vec::new(),
    };
    let located = LocatedGroup { group, has_interval: interval.is_some(), rules: Vec::new() };
    Some((name, located, label_set(&labels)))
}

impl WrittenRule {
    fn decode(node: &Node, decoder: &Decoder, dialect: Dialect, defaults: &Defaults) -> Option<WrittenRule> {
        let mut fields = decoder.mapping(node, "a rule")?;
        let rule = WrittenRule {
            place: fields.span(),
            record: fields.optional("record").string(),
            alert: fields.optional("alert").string(),
            expr: fields.required("expr").string(),
            hold: duration(&mut fields, "for", dialect),
            keep_firing_for: duration(&mut fields, "keep_firing_for", dialect),
            labels: fields.optional("labels").string_map().unwrap_or_default(),
            annotations: fields.optional("annotations").string_map().unwrap_or_default(),
        };
        foreign(&mut fields, decoder, dialect, defaults, "a rule");
        finish(fields, defaults);
        Some(rule)
    }
}

/// `group "g", rule 3 "name"`, as far as it is known.
fn context(group: &str, number: usize, node: &Node) -> String {
    let name =
        ["alert", "record"].iter().find_map(|key| node.get(key).and_then(Node::as_text)).filter(|n| !n.is_empty());
    match name {
        Some(name) => format!("group {group:?}, rule {number} {name:?}"),
        None => format!("group {group:?}, rule {number}"),
    }
}

/// Runs a reader whose messages begin with what they are about.
fn in_context<T>(decoder: &Decoder, about: &str, read: impl FnOnce(&Decoder) -> Option<T>) -> Option<T> {
    let inner = Decoder::new(decoder.file());
    let value = read(&inner);
    decoder.append(prefixed(&inner.into_diagnostics(), about));
    value
}

fn prefixed(found: &Diagnostics, about: &str) -> Diagnostics {
    let mut told = Diagnostics::new();
    told.extend(found.iter().cloned().map(|mut one| {
        one.message = format!("{about}: {}", one.message);
        one
    }));
    told
}

fn duration(fields: &mut Fields<'_>, name: &'static str, dialect: Dialect) -> Option<Spanned<Duration>> {
    let field = fields.optional(name);
    let empty = field.node().and_then(Node::as_text) == Some("");
    if empty && dialect == Dialect::Manifest { None } else { field.parse_with(parse_duration) }
}

/// Thanos' field, which a manifest may carry and Prometheus' operator drops.
fn thanos_strategy(fields: &mut Fields<'_>) {
    let _checked = fields.optional(THANOS_STRATEGY).parse_with(|text| match text.to_ascii_lowercase().as_str() {
        "" | "abort" | "warn" => Ok(()),
        _ => Err(format!("expected abort or warn for {THANOS_STRATEGY:?}, found {text:?}")),
    });
}

/// Reports what nobody knows, unless that is to be passed over.
pub(super) fn finish(mut fields: Fields<'_>, defaults: &Defaults) {
    if defaults.ignores_unknown_fields {
        let _passed_over = fields.rest();
    }
    fields.finish();
}

fn foreign(fields: &mut Fields<'_>, decoder: &Decoder, dialect: Dialect, defaults: &Defaults, what: &str) {
    if defaults.ignores_unknown_fields {
        return;
    }
    for (name, owner) in FOREIGN {
        let allowed = name == THANOS_STRATEGY && dialect == Dialect::Manifest;
        if let Some(span) = fields.key_span(name).filter(|_| !allowed) {
            decoder
                .error(span, format!("unknown field {name:?} in {what}"))
                .hint(format!("this is a field of {owner}, which Watchfire does not honour yet; remove it"));
            fields.ignore(&[name]);
        }
    }
}

/// Prometheus takes a negative limit for none.
fn check_limit(limit: &Spanned<i64>, decoder: &Decoder) -> usize {
    if limit.value < 0 {
        decoder.warning(limit.span, "a negative limit is no limit").hint("write 0 or leave it out");
    }
    usize::try_from(limit.value).unwrap_or(0)
}

pub(super) fn label_set(labels: &TextMap) -> LabelSet {
    LabelSet::from_pairs(labels.iter().map(|(name, value)| (name.value.as_str(), value.value.as_str())))
}
