//! An `AlertmanagerConfig` object, read and checked by itself.

use std::collections::BTreeSet;

use yaml::{Decoder, Diagnostic, Diagnostics, Node, SourceFile, Span, Spanned};

use super::matcher::{WrittenMatcher, write_matchers};
use super::material::Reference;
use super::options::{ApiVersion, Options};
use super::reader::Reader;
use super::receivers::SECTIONS;
use super::route::{Known, Route};
use super::value::{Entries, Value};
use crate::object::ObjectKey;

/// An object whose mistakes that can be seen without its Secrets are reported.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerConfig {
    /// Where it is, and what its names begin with.
    pub names: ObjectKey,
    pub(crate) inhibit_rules: Vec<InhibitRule>,
    pub(crate) route: Option<Route>,
    pub(crate) receivers: Vec<Value>,
    pub(crate) time_intervals: Vec<Value>,
    pub(crate) needs: Vec<Need>,
}

/// A rule that silences targets while a source fires.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InhibitRule {
    sources: Vec<WrittenMatcher>,
    targets: Vec<WrittenMatcher>,
    equal: Vec<String>,
}

/// Something that a receiver leaves to `global`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Need {
    /// One of these must be there.
    pub(crate) keys: &'static [&'static str],
    /// What to say if none is.
    pub(crate) complaint: Diagnostic,
}

/// `NAMESPACE/OBJECT/NAME`
pub(crate) fn prefixed(names: &ObjectKey, name: &str) -> String {
    format!("{names}/{name}")
}

impl AlertmanagerConfig {
    /// Reads a manifest of one object; without a namespace of its own it is in `default_namespace`.
    ///
    /// # Errors
    /// Every mistake in it, warnings included.
    pub fn parse(
        file: &SourceFile,
        default_namespace: &str,
        options: &Options,
    ) -> Result<(AlertmanagerConfig, Diagnostics), Diagnostics> {
        let decoder = Decoder::new(file);
        let object = decoder.first_document().and_then(|node| Self::read(&node, &decoder, default_namespace, options));
        decoder.finish(object)
    }

    /// Reads an object.
    pub fn read(
        node: &Node,
        decoder: &Decoder,
        default_namespace: &str,
        options: &Options,
    ) -> Option<AlertmanagerConfig> {
        let mut fields = decoder.mapping(node, "an AlertmanagerConfig")?;
        fields.ignore(&["kind", "status"]);
        let version = fields.required("apiVersion").string();
        let metadata = fields.required("metadata").node();
        let spec = fields.required("spec").node();
        fields.finish();
        let version = version?;
        let Some(known) = ApiVersion::of(&version.value) else {
            let report = decoder.error(version.span, format!("{:?} is no version of this kind", version.value));
            report.hint("known are monitoring.coreos.com/v1alpha1 and /v1beta1");
            return None;
        };
        let text = |field: &str| metadata?.get(field)?.as_text().filter(|text| !text.is_empty());
        let Some(name) = text("name") else {
            decoder.error(metadata.map_or(node.span, |node| node.span), "metadata.name is missing");
            return None;
        };
        let names = ObjectKey::new(text("namespace").unwrap_or(default_namespace), name);
        Self::read_spec(spec?, decoder, (names, known), options)
    }

    /// Reads a bare `spec`.
    pub fn read_spec(
        node: &Node,
        decoder: &Decoder,
        (names, version): (ObjectKey, ApiVersion),
        options: &Options,
    ) -> Option<AlertmanagerConfig> {
        let reader = Reader { decoder, namespace: &names.namespace, version, options };
        let mut fields = decoder.mapping(node, "an AlertmanagerConfig's spec")?;
        let mut needs = Vec::new();
        let listed = fields.optional("receivers");
        let receiver_names = reader.names_of(listed.node());
        let receivers = listed.sequence(|node, _| reader.receiver(node, &names, &mut needs)).unwrap_or_default();
        reader.check_unique("receiver", &receiver_names);
        let intervals = fields.optional(match version {
            ApiVersion::V1alpha1 => "muteTimeIntervals",
            ApiVersion::V1beta1 => "timeIntervals",
        });
        let interval_names = reader.names_of(intervals.node());
        let time_intervals = intervals.sequence(|node, _| reader.time_interval(node, &names)).unwrap_or_default();
        reader.check_unique("time interval", &interval_names);
        let inhibit_rules = fields.optional("inhibitRules").sequence(|node, _| reader.inhibit_rule(node));
        let all = |names: &[Spanned<String>]| names.iter().map(|name| name.value.clone()).collect::<Vec<_>>();
        let (all_receivers, all_intervals) = (all(&receiver_names), all(&interval_names));
        let known = Known {
            receivers: all_receivers.iter().map(String::as_str).collect(),
            intervals: all_intervals.iter().map(String::as_str).collect(),
        };
        let route = fields.optional("route").decode(|node, _| reader.route(node, &names, &known));
        reader.unknown(fields, "an AlertmanagerConfig's spec");
        let time_intervals = if reader.target_knows(22) { time_intervals } else { Vec::new() };
        let inhibit_rules = inhibit_rules.unwrap_or_default();
        Some(AlertmanagerConfig { names, inhibit_rules, route, receivers, time_intervals, needs })
    }

    /// Every key of a Secret or ConfigMap that it refers to.
    pub fn references(&self) -> BTreeSet<&Reference> {
        let mut found = Vec::new();
        self.receivers.iter().for_each(|receiver| receiver.references(&mut found));
        found.into_iter().collect()
    }
}

impl InhibitRule {
    /// Keeps it to alerts of a namespace.
    pub(crate) fn within(&mut self, namespace: &WrittenMatcher) {
        for side in [&mut self.sources, &mut self.targets] {
            if !side.iter().any(|matcher| matcher.is_same(namespace)) {
                side.push(namespace.clone());
            }
        }
    }

    /// As it stands in `alertmanager.yml`.
    pub(crate) fn value(&self, matchers_as_list: bool) -> Value {
        let mut out = Entries::new();
        write_matchers(&self.targets, "target_", matchers_as_list, &mut out);
        write_matchers(&self.sources, "source_", matchers_as_list, &mut out);
        if !self.equal.is_empty() {
            out.push(("equal".to_owned(), Value::texts(self.equal.iter().cloned())));
        }
        Value::Map(out)
    }
}

/// Receivers that take something from `global` if they lack it: the list, its own fields, the keys of `global`, what
/// it is.
const NEEDS: [(&str, &[&str], &[&str], &str); 4] = [
    ("emailConfigs", &["smarthost"], &["smtp_smarthost"], "smart host"),
    ("emailConfigs", &["from"], &["smtp_from"], "sender"),
    ("telegramConfigs", &["botToken", "botTokenFile"], &["telegram_bot_token", "telegram_bot_token_file"], "token"),
    (
        "slackConfigs",
        &["apiURL"],
        &["slack_api_url", "slack_api_url_file", "slack_app_token", "slack_app_token_file"],
        "address",
    ),
];

impl Reader<'_> {
    /// The names of the items of a list, as far as they have one.
    fn names_of(&self, list: Option<&Node>) -> Vec<Spanned<String>> {
        let items = list.and_then(Node::as_sequence).unwrap_or_default();
        let name = |item: &Node| {
            let name = item.get("name")?;
            Some(Spanned::new(name.as_text()?.to_owned(), name.span))
        };
        items.iter().filter_map(name).collect()
    }

    fn check_unique(&self, what: &str, names: &[Spanned<String>]) {
        let mut seen = BTreeSet::new();
        for name in names.iter().filter(|name| !seen.insert(name.value.as_str())) {
            self.decoder.error(name.span, format!("there are two {what}s with the name {:?}", name.value));
        }
    }

    fn receiver(&self, node: &Node, names: &ObjectKey, needs: &mut Vec<Need>) -> Option<Value> {
        let what = "a receiver";
        let mut fields = self.decoder.mapping(node, what)?;
        let name = fields.required("name").string();
        let mut out = Entries::new();
        for section in &SECTIONS {
            let list = fields.optional(section.name);
            let place = list.node().map(|node| node.span);
            let items = list.sequence(|node, _| {
                self.need(section.name, node, needs);
                self.part(node, section.shape)
            });
            let items = items.unwrap_or_default();
            if let Some(place) = place.filter(|_| !items.is_empty() && !self.target_knows(section.since)) {
                self.decoder.error(place, format!("{:?} need Alertmanager 0.{}", section.name, section.since));
            }
            if !items.is_empty() {
                out.push((section.out.to_owned(), Value::List(items)));
            }
        }
        self.unknown(fields, what);
        let name = name?;
        if name.value.is_empty() {
            self.decoder.error(name.span, "the receiver's name is empty");
        }
        out.insert(0, ("name".to_owned(), Value::Text(prefixed(names, &name.value))));
        Some(Value::Map(out))
    }

    fn need(&self, section: &str, node: &Node, needs: &mut Vec<Need>) {
        for (_, own, keys, what) in NEEDS.iter().filter(|(of, ..)| *of == section) {
            if !own.iter().any(|name| self.is_filled(node, name)) {
                let place = if node.span.is_empty() { Span::default() } else { node.span };
                let own = own.join(" or ");
                let message = format!("the receiver has no {own}, and the global settings give it no {what} either");
                needs.push(Need { keys, complaint: Diagnostic::error(self.decoder.file(), place, message) });
            }
        }
    }

    fn inhibit_rule(&self, node: &Node) -> Option<InhibitRule> {
        let what = "an inhibit rule";
        let mut fields = self.decoder.mapping(node, what)?;
        let sources = self.matchers(fields.optional("sourceMatch"));
        let targets = self.matchers(fields.optional("targetMatch"));
        let equal = fields.optional("equal").string_list().unwrap_or_default();
        self.unknown(fields, what);
        Some(InhibitRule { sources, targets, equal: equal.into_iter().map(|label| label.value).collect() })
    }
}
