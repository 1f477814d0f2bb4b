//! A section as a preset describes it, decoded: every mistake with its place.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outbound::secret::decode_secret;
use outbound::{HttpConfig, Secret};
use yaml::{Decoder, Field, Fields, Node};

use super::PresetSettings;
use super::body::Part;
use super::definition::{Kind, Preset, Rule, Setting, Shape, Source};
use crate::config::global::Global;
use crate::receiver::TemplateText;
use crate::receiver::reading::{any_given, go_duration, http_or_global, http_url, timeout};
use crate::receiver::template_text::go_text;

/// The settings of a mapping, by key.
pub(crate) type Values = BTreeMap<&'static str, Value>;

/// One setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(TemplateText),
    Word(String),
    Words(Vec<String>),
    Flag(bool),
    Integer(i64),
    Secret(Secret),
    Map(Vec<(String, TemplateText)>),
    List(Vec<Values>),
    Section(Values),
}

/// What decoding needs all the way down.
struct Reading<'a> {
    decoder: &'a Decoder,
    global: &'a Global,
    base: &'a Path,
}

impl PresetSettings {
    /// Decodes an item of the preset's section. Also gives `send_resolved`.
    pub(crate) fn decode(
        preset: &Arc<Preset>,
        node: &Node,
        decoder: &Decoder,
        global: &Global,
        base: &Path,
    ) -> Option<(bool, PresetSettings)> {
        let mut fields = decoder.mapping(node, preset.item)?;
        let send_resolved = fields.optional("send_resolved").boolean().map_or(preset.send_resolved, |flag| flag.value);
        let reading = Reading { decoder, global, base };
        let mut values = reading.values(&preset.shape, node, &mut fields);
        let timeout = own_timeout(&preset.shape, &mut fields);
        let http = http_or_global(fields.optional("http_config"), global, base);
        if preset.name == "slack" {
            crate::receiver::slack::choose_way_in(&mut values, node, &http, (decoder, fields.span()), global);
        }
        check_authorization(preset, node, &values, decoder, fields.span());
        fields.finish();
        Some((send_resolved, PresetSettings { preset: preset.clone(), values, timeout, http }))
    }
}

impl Reading<'_> {
    fn values(&self, shape: &Shape, node: &Node, fields: &mut Fields<'_>) -> Values {
        let mut values = Values::new();
        for setting in &shape.settings {
            if let Some(value) = self.value(setting, node, fields) {
                values.insert(setting.name, value);
            }
        }
        for rule in &shape.rules {
            self.check(rule, node, fields);
        }
        values
    }

    fn value(&self, setting: &Setting, node: &Node, fields: &mut Fields<'_>) -> Option<Value> {
        let file = match &setting.kind {
            Kind::Secret(Source { file, .. }) | Kind::Url(Source { file, .. }, _) => *file,
            _ => None,
        };
        let global = match &setting.kind {
            Kind::Secret(source) | Kind::Url(source, _) => source.global.and_then(|key| self.global.others.get(key)),
            _ => None,
        };
        let given = any_given(node, &[setting.name]) || file.is_some_and(|file| any_given(node, &[file]));
        if setting.required && !given && global.is_none() {
            self.report_missing(setting, file, fields);
        }
        if setting.is_idle
            && given
            && let Some(span) = fields.key_span(setting.name)
        {
            self.decoder.warning(span, format!("{:?} has no effect, as in Alertmanager", setting.name));
        }
        match &setting.kind {
            Kind::Secret(_) | Kind::Url(..) => {
                if matches!(setting.kind, Kind::Url(..))
                    && let Some(url) = node.get(setting.name)
                {
                    let _checked = http_url(self.decoder.value(url));
                }
                let own = match file {
                    Some(file) => decode_secret(fields, self.decoder, self.base, (setting.name, file)),
                    None => fields.optional(setting.name).secret().string().map(|text| Secret::inline(text.value)),
                };
                own.filter(|secret| !secret.is_empty()).or(global.cloned()).map(Value::Secret)
            }
            Kind::Text(words) => {
                self.check_word(words, setting.name, node);
                let text = TemplateText::decode(fields.optional(setting.name));
                text.or_else(|| Some(TemplateText::Go(setting.default.clone()?))).map(Value::Text)
            }
            Kind::Timeout => None,
            kind => self.plain_value(kind, setting, fields.optional(setting.name)),
        }
    }

    fn plain_value(&self, kind: &Kind, setting: &Setting, field: Field<'_>) -> Option<Value> {
        let default = setting.default.as_deref();
        match kind {
            Kind::Word(words) => {
                let choices: Vec<(&str, &str)> = words.iter().map(|word| (*word, *word)).collect();
                let word = field.one_of(&choices).map(|word| word.value.to_owned());
                word.or_else(|| default.map(str::to_owned)).map(Value::Word)
            }
            Kind::Words => {
                let words = field.string_list().unwrap_or_default().into_iter().map(|word| word.value);
                let words: Vec<String> = words.collect();
                let defaults = || default.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
                Some(Value::Words(if words.is_empty() { defaults() } else { words }))
            }
            Kind::Flag => field.boolean().map(|flag| Value::Flag(flag.value)),
            Kind::Integer => field.integer().map(|integer| Value::Integer(integer.value)),
            Kind::Duration => {
                let own = field.parse_with(go_duration).map(|duration| duration.value);
                let duration = own.or_else(|| go_duration(default?).ok())?;
                Some(Value::Integer(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)))
            }
            Kind::Map(reserved) => field
                .entries(|key, node, decoder| {
                    if reserved.contains(&key.text.as_str()) {
                        let message = format!("{:?} is set by the integration and cannot be a name here", key.text);
                        decoder.error(key.span, message);
                    }
                    Some((key.text.to_string(), TemplateText::Go(go_text(node, decoder)?)))
                })
                .map(Value::Map),
            Kind::List(what, shape) => {
                field.sequence(|node, decoder| self.nested(what, shape, node, decoder)).map(Value::List)
            }
            Kind::Section(what, shape) => {
                field.decode(|node, decoder| self.nested(what, shape, node, decoder)).map(Value::Section)
            }
            Kind::Text(_) | Kind::Timeout | Kind::Secret(_) | Kind::Url(..) => None,
        }
    }

    fn nested(&self, what: &'static str, shape: &Shape, node: &Node, decoder: &Decoder) -> Option<Values> {
        let mut fields = decoder.mapping(node, what)?;
        let values = self.values(shape, node, &mut fields);
        fields.finish();
        Some(values)
    }

    /// A word may be written in capitals, and be a template.
    fn check_word(&self, words: &[&str], name: &str, node: &Node) {
        let Some((node, text)) = node.get(name).and_then(|node| Some((node, node.as_text()?))) else { return };
        let is_known = words.iter().any(|word| word.eq_ignore_ascii_case(text));
        if !words.is_empty() && !text.is_empty() && !text.contains("{{") && !is_known {
            let message = format!("expected one of {} or a template, found {text:?}", words.join(", "));
            self.decoder.error(node.span, message);
        }
    }

    fn report_missing(&self, setting: &Setting, file: Option<&str>, fields: &Fields<'_>) {
        let name = setting.name;
        let message = match file {
            Some(file) => format!("neither {name:?} nor {file:?} is given"),
            None => format!("{name:?} is missing or empty"),
        };
        let report = self.decoder.error(fields.span(), message);
        if let Kind::Secret(Source { global: Some(key), .. }) | Kind::Url(Source { global: Some(key), .. }, _) =
            &setting.kind
        {
            report.hint(format!("give it here, or {key:?} in the global section"));
        }
    }

    fn check(&self, rule: &Rule, node: &Node, fields: &Fields<'_>) {
        let given = |names: &[&'static str]| names.iter().filter(|name| is_set(node, name)).count();
        let quoted = |names: &[&str]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        match rule {
            Rule::AtMostOne(names) if given(names) > 1 => {
                self.decoder.error(fields.span(), format!("only one of {} can be given", quoted(names)));
            }
            Rule::AtLeastOne(names) if given(names) == 0 => {
                self.decoder.error(fields.span(), format!("one of {} must be given", quoted(names)));
            }
            _ => {}
        }
    }
}

/// Given, not empty, and not a flag that is off.
fn is_set(node: &Node, name: &str) -> bool {
    any_given(node, &[name]) && node.get(name).and_then(Node::as_text) != Some("false")
}

fn own_timeout(shape: &Shape, fields: &mut Fields<'_>) -> Option<Duration> {
    let named = shape.settings.iter().find(|setting| matches!(setting.kind, Kind::Timeout))?;
    timeout(fields.optional(named.name))
}

/// Some services take who we are from `http_config` alone, or from it as well.
fn check_authorization(preset: &Preset, node: &Node, values: &Values, decoder: &Decoder, at: model::source::Span) {
    let Some(names) = &preset.authorized_by else { return };
    let own = names.iter().find(|name| values.contains_key(*name));
    if let Some(own) = own.filter(|_| has_authorization(node)) {
        let message = format!("both {own:?} and \"authorization\" in \"http_config\" are given");
        decoder.error(at, message).hint("keep one of them");
    }
    if has_authorization(node) || own.is_some() {
        return;
    }
    let others: String = names.iter().map(|name| format!("{name:?} or ")).collect();
    decoder.error(at, format!("{others}\"authorization\" in \"http_config\" must be given"));
}

/// Whether the section brings its own authorization.
pub(crate) fn has_authorization(node: &Node) -> bool {
    node.get("http_config").is_some_and(|http| any_given(http, &["authorization"]))
}

impl Value {
    /// The templates in it, for compiling.
    pub(crate) fn texts(&self, add: &mut dyn FnMut(&TemplateText)) {
        match self {
            Value::Text(text) => add(text),
            Value::Map(entries) => entries.iter().for_each(|(_, text)| add(text)),
            Value::List(items) => items.iter().flat_map(BTreeMap::values).for_each(|value| value.texts(add)),
            Value::Section(values) => values.values().for_each(|value| value.texts(add)),
            Value::Word(_) | Value::Words(_) | Value::Flag(_) | Value::Integer(_) | Value::Secret(_) => {}
        }
    }
}

/// The secrets of some settings, those of nested sections with the section's name before them.
pub(crate) fn secrets<'a>(values: &'a Values, before: &str, found: &mut Vec<(String, &'a Secret)>) {
    for (name, value) in values {
        match value {
            Value::Secret(secret) => found.push((format!("{before}{name}"), secret)),
            Value::Section(values) => secrets(values, &format!("{before}{name}."), found),
            _ => {}
        }
    }
}

impl PresetSettings {
    /// Where its requests go, as far as the settings and the preset say so themselves.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let plans = self.preset.requests.iter().map(|plan| &plan.url);
        let texts = plans.chain(self.preset.login.as_ref().map(|login| &login.url));
        let addresses = texts.filter_map(|text| match text.0.first()? {
            Part::Fixed(fixed) => Some(fixed.clone()),
            Part::Setting { name, .. } => match self.values.get(name.as_str())? {
                Value::Secret(Secret::Inline(url)) => Some(url.to_string()),
                _ => None,
            },
        });
        let mut addresses: Vec<String> = addresses.collect();
        addresses.dedup();
        addresses
    }

    /// How to get there.
    pub(crate) fn http(&self) -> &Arc<HttpConfig> {
        &self.http
    }
}
