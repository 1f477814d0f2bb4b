//! Groups and rules as written: the fields of each dialect, with the place of every value.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::LabelSet;
use model::duration::parse_duration;
use model::source::{Diagnostics, Span, Spanned};
use yaml::{Decoder, Field, Fields, Node};

use super::Defaults;
use super::dialect::{self, Dialect, MIMIR_GROUP, THANOS_STRATEGY, VMALERT_GROUP, VMALERT_RULE};
use super::extension::{self, Extension};
use super::located::LocatedGroup;
use super::rule_check;
use crate::rule::{Pace, RuleGroup};

/// Texts under free keys, such as labels.
pub(super) type TextMap = Vec<(Spanned<String>, Spanned<String>)>;

/// What a list of groups is part of, and so what an empty field means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A rule file.
    RuleFile,
    /// The spec of a PrometheusRule: an empty duration is none, and one field more is Thanos'.
    Manifest,
}

/// A rule as written.
pub(super) struct WrittenRule {
    /// Where to report what concerns the whole rule.
    pub(super) place: Span,
    /// From its first key to its end.
    pub(super) whole: Span,
    pub(super) record: Option<Spanned<String>>,
    pub(super) alert: Option<Spanned<String>>,
    pub(super) expr: Option<Spanned<String>>,
    pub(super) hold: Option<Spanned<Duration>>,
    pub(super) keep_firing_for: Option<Spanned<Duration>>,
    pub(super) labels: TextMap,
    pub(super) annotations: TextMap,
    /// vmalert's `update_entries_limit`.
    pub(super) history: Option<usize>,
    /// vmalert's `debug`.
    pub(super) is_logged: bool,
}

/// Reads a list of groups. What is wrong with a rule is reported under its group's name, its number and its name.
pub(super) fn decode_groups(field: Field<'_>, file: &str, form: Form, defaults: &Defaults) -> Vec<LocatedGroup> {
    let mut first_places: BTreeMap<String, Span> = BTreeMap::new();
    let mut number = 0;
    let groups = field.sequence(|node, decoder| {
        if is_left_out(node, decoder) {
            return None;
        }
        number += 1;
        let (name, group) = decode_group(node, number, decoder, file, form, defaults)?;
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
    form: Form,
    defaults: &Defaults,
) -> Option<(Spanned<String>, LocatedGroup)> {
    let shown = node.get("name").and_then(Node::as_text).filter(|name| !name.is_empty());
    let about = shown.map_or_else(|| format!("group {number}"), |name| format!("group {name:?}"));
    let (name, located, labels) =
        in_context(decoder, &about, |decoder| decode_head(node, decoder, file, form, defaults))?;
    let rules = node.get("rules").filter(|rules| !rules.is_null());
    let items = rules.and_then(Node::as_sequence);
    if items.is_none() {
        // for the message
        let _reported = in_context(decoder, &about, |decoder| decoder.value(rules?).sequence(|_, _| Some(())));
    }
    let items = items.unwrap_or_default().iter().filter(|item| !is_left_out(item, decoder));
    let numbered = (1..).zip(items).filter_map(|(number, item)| {
        in_context(decoder, &context(&located.group.name, number, item), |decoder| {
            let written = WrittenRule::decode(item, decoder, form, defaults)?.with_history(located.history);
            rule_check::resolve(written, number, &labels, located.group.source.language, defaults, decoder)
        })
    });
    let rules = numbered.collect();
    Some((name, LocatedGroup { rules, ..located }))
}

/// An item of a list without anything in it, which Prometheus passes over.
fn is_left_out(item: &Node, decoder: &Decoder) -> bool {
    if item.is_null() {
        decoder.warning(item.span, "there is nothing in this item").hint("remove it");
    }
    item.is_null()
}

/// A group's own fields: its name, the group without rules, and the labels of all its rules.
fn decode_head(
    node: &Node,
    decoder: &Decoder,
    file: &str,
    form: Form,
    defaults: &Defaults,
) -> Option<(Spanned<String>, LocatedGroup, LabelSet)> {
    let mut fields = decoder.mapping(node, "a rule group")?;
    fields.ignore(&["rules"]);
    let name = fields.required("name").string();
    let interval = duration(&mut fields, "interval", form);
    let query_offset = duration(&mut fields, "query_offset", form);
    let limit = fields.optional("limit").integer();
    let labels = fields.optional("labels").string_map().unwrap_or_default();
    if form == Form::Manifest && defaults.dialect == Dialect::Prometheus {
        let _checked = extension::strategy(&mut fields);
    }
    let extension = Extension::decode(&mut fields, decoder, defaults.dialect);
    foreign(&mut fields, decoder, form, defaults, "a rule group");
    finish(fields, defaults);
    rule_check::check_labels(&labels, defaults.names, decoder);
    let limit = limit.map_or(0, |limit| check_limit(&limit, decoder));
    let name = name?;
    if name.value.is_empty() {
        decoder.error(name.span, "a group's name must not be empty");
        return None;
    }
    let interval = interval.map(|interval| interval.value).filter(|interval| !interval.is_zero());
    let query_offset = query_offset.map(|offset| offset.value);
    let mut group = RuleGroup {
        name: name.value.clone(),
        file: file.to_owned(),
        interval: interval.unwrap_or(defaults.interval),
        limit,
        query_offset: query_offset.unwrap_or(defaults.query_offset),
        source: Arc::new(defaults.sources.choose(file, &name.value, extension.group_type())),
        pace: Pace::default(),
        rules: Vec::new(),
    };
    let history = extension.history();
    extension.apply(&mut group, query_offset, interval.is_some(), defaults.dialect, decoder);
    let located = LocatedGroup { group, has_interval: interval.is_some(), name: name.span, history, rules: Vec::new() };
    Some((name, located, label_set(&labels)))
}

impl WrittenRule {
    /// With the group's history where the rule has none of its own.
    fn with_history(self, of_group: Option<usize>) -> WrittenRule {
        WrittenRule { history: self.history.or(of_group), ..self }
    }

    fn decode(node: &Node, decoder: &Decoder, form: Form, defaults: &Defaults) -> Option<WrittenRule> {
        let mut fields = decoder.mapping(node, "a rule")?;
        let rule = WrittenRule {
            place: fields.span(),
            whole: node.span,
            record: fields.optional("record").string(),
            alert: fields.optional("alert").string(),
            expr: fields.required("expr").string(),
            hold: duration(&mut fields, "for", form),
            keep_firing_for: duration(&mut fields, "keep_firing_for", form),
            labels: fields.optional("labels").string_map().unwrap_or_default(),
            annotations: fields.optional("annotations").string_map().unwrap_or_default(),
            history: None,
            is_logged: false,
        };
        let rule = match defaults.dialect {
            Dialect::Vmalert => WrittenRule {
                history: extension::history(fields.optional("update_entries_limit")),
                is_logged: fields.optional("debug").boolean().is_some_and(|debug| debug.value),
                ..rule
            },
            Dialect::Prometheus | Dialect::Any => rule,
        };
        foreign(&mut fields, decoder, form, defaults, "a rule");
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

fn duration(fields: &mut Fields<'_>, name: &'static str, form: Form) -> Option<Spanned<Duration>> {
    let field = fields.optional(name);
    let empty = field.node().and_then(Node::as_text) == Some("");
    if empty && form == Form::Manifest { None } else { field.parse_with(parse_duration) }
}

/// Reports what nobody knows, unless that is to be passed over.
pub(super) fn finish(mut fields: Fields<'_>, defaults: &Defaults) {
    if defaults.ignores_unknown_fields {
        let _passed_over = fields.rest();
    }
    fields.finish();
}

/// Fields that other rule services know: the message says so rather than guessing at a typing error.
fn foreign(fields: &mut Fields<'_>, decoder: &Decoder, form: Form, defaults: &Defaults, what: &str) {
    if defaults.ignores_unknown_fields {
        return;
    }
    for name in VMALERT_GROUP.into_iter().chain(MIMIR_GROUP).chain([THANOS_STRATEGY]) {
        let in_group = what == "a rule group";
        let in_manifest = name == THANOS_STRATEGY && form == Form::Manifest;
        let is_read = in_group && (in_manifest || extension::is_allowed(name, defaults.dialect))
            || !in_group && defaults.dialect == Dialect::Vmalert && VMALERT_RULE.contains(&name);
        let Some(span) = fields.key_span(name).filter(|_| !is_read) else { continue };
        let owner = dialect::owner(name).unwrap_or("another rule service");
        let hint = match in_group || VMALERT_RULE.contains(&name) {
            true => format!("this is a field of {owner}: --rule.dialect=any allows it, as `watchfire rules` does"),
            false => format!("this is a field of {owner}, and of groups only"),
        };
        decoder.error(span, format!("unknown field {name:?} in {what}")).hint(hint);
        fields.ignore(&[name]);
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
