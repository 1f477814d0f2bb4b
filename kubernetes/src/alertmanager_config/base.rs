//! What the objects are merged into.

use std::collections::BTreeMap;

use model::duration::parse_duration;
use model::source::Diagnostics;
use yaml::{Decoder, Diagnostic, Key, Kind, Node, SourceFile};

use super::alertmanager::Configuration;
use super::material::Material;
use super::object::AlertmanagerConfig;
use super::value::{Open, Reading, Value, named};

/// A configuration before the merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// The pairs of the whole, `route` among them.
    pub(crate) entries: Vec<(Key, Node)>,
    /// File names and texts of templates that the objects give.
    pub(crate) templates: Vec<(String, String)>,
}

/// Where the operator mounts templates of `alertmanagerConfiguration`.
pub const TEMPLATE_FOLDER: &str = "/etc/alertmanager/templates";

/// Where it mounts the Secret with the configuration.
const CONFIG_FOLDER: &str = "/etc/alertmanager/config";

/// What there is where nobody has given a configuration.
const MINIMAL: &str = "route: {receiver: 'null'}\nreceivers: [{name: 'null'}]\n";

/// What the root route may not have, as it would then not take every alert.
const NOT_ON_ROOT: [&str; 6] =
    ["match", "match_re", "matchers", "continue", "mute_time_intervals", "active_time_intervals"];

impl Base {
    /// One receiver that tells nobody.
    pub fn minimal() -> Base {
        let file = SourceFile::new("minimal", MINIMAL);
        Self::raw(&file).unwrap_or_else(|_| Base { entries: Vec::new(), templates: Vec::new() })
    }

    /// A whole configuration as the user's Secret has it. Its details are checked with the merged whole. Mistakes do not show the
    /// text, which may hold secrets.
    ///
    /// # Errors
    /// It is no mapping, or its root route would not take every alert.
    pub fn raw(file: &SourceFile) -> Result<Base, Diagnostics> {
        let decoder = Decoder::new(file);
        let base = decoder.first_document().and_then(|root| {
            let Some(entries) = root.as_mapping() else {
                decoder.error(root.span, "an Alertmanager configuration is a mapping");
                return None;
            };
            check_root(root.get("route"), &root, &decoder);
            let given = entries.iter().filter(|(_, value)| !value.is_null());
            let entries = given.map(|(key, value)| match key.text.as_str() {
                "route" => (key.clone(), without_zero_times(value)),
                _ => (key.clone(), value.clone()),
            });
            Some(Base { entries: entries.collect(), templates: Vec::new() })
        });
        decoder.finish(base).map(|(base, _)| base).map_err(|mistakes| {
            let mut bare = Diagnostics::new();
            bare.extend(mistakes.iter().map(|mistake| mistake.clone().without_excerpt()));
            bare
        })
    }

    /// An AlertmanagerConfig as the base: its names have the prefix, its route takes every alert.
    ///
    /// # Errors
    /// What its references do not lead to, and what is missing in it.
    pub fn object(
        object: &AlertmanagerConfig,
        configuration: &Configuration,
        material: &Material,
        matchers_as_list: bool,
    ) -> Result<Base, Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut entries = Vec::new();
        let mut add = |key: &str, node| entries.push((named(key), node));
        if let Some(global) = &configuration.global {
            add("global", global.resolve(material, &mut problems));
        }
        let complain = |message: &str| {
            let file = SourceFile::new(object.names.to_string(), "");
            Diagnostic::whole_file(&file, message)
        };
        match &object.route {
            Some(route) => {
                let route = route.value(matchers_as_list).resolve(material, &mut problems);
                for key in NOT_ON_ROOT.iter().filter(|key| route.get(key).is_some()) {
                    problems.push(complain(&format!("its route takes every alert and has no {key:?}")));
                }
                add("route", route);
            }
            None => problems.push(complain("it is the base of the configuration and has no route")),
        }
        let lists = [
            ("inhibit_rules", object.inhibit_rules.iter().map(|rule| rule.value(matchers_as_list)).collect()),
            ("receivers", object.receivers.clone()),
            ("mute_time_intervals", object.time_intervals.clone()),
        ];
        for (key, list) in lists.into_iter().filter(|(_, list): &(_, Vec<Value>)| !list.is_empty()) {
            add(key, Value::List(list).resolve(material, &mut problems));
        }
        let base = Base { entries, templates: templates(configuration, material, &mut problems) };
        let unmet = object.unmet_needs(base.get("global"));
        unmet.for_each(|complaint| problems.push(complaint));
        if problems.has_errors() { Err(problems) } else { Ok(base) }
    }

    /// With the templates among the other keys of its Secret: the operator mounts these beside the configuration.
    pub(crate) fn with_templates_beside_it(mut self, data: &BTreeMap<String, Vec<u8>>) -> Base {
        let patterns = self.get("templates").and_then(Node::as_sequence).unwrap_or_default();
        let patterns = patterns.iter().filter_map(|node| {
            let path = node.as_text()?;
            let beside = path.strip_prefix(CONFIG_FOLDER).map(|rest| rest.trim_start_matches('/')).unwrap_or(path);
            glob::Pattern::new(beside).ok()
        });
        let patterns: Vec<glob::Pattern> = patterns.collect();
        for (key, bytes) in data.iter().filter(|(key, _)| patterns.iter().any(|pattern| pattern.matches(key))) {
            self.templates.push((key.clone(), String::from_utf8_lossy(bytes).into_owned()));
        }
        self
    }

    /// What stands under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }
}

fn templates(configuration: &Configuration, material: &Material, problems: &mut Diagnostics) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for value in &configuration.templates {
        let Value::Open(Open { reference, reading: Reading::Verbatim, .. }) = value else { continue };
        let text = value.resolve(material, problems);
        found.push((reference.key.clone(), text.as_text().unwrap_or_default().to_owned()));
    }
    found
}

fn check_root(route: Option<&Node>, root: &Node, decoder: &Decoder) {
    let Some(route) = route.filter(|route| route.as_mapping().is_some()) else {
        decoder.error(root.span, "the configuration has no route");
        return;
    };
    if route.get("receiver").and_then(Node::as_text).unwrap_or_default().is_empty() {
        decoder.error(route.span, "the root route has no receiver");
    }
    for key in NOT_ON_ROOT {
        let says_something = |node: &&Node| match &node.kind {
            Kind::Null => false,
            Kind::Scalar(scalar) => scalar.text != "false",
            Kind::Sequence(items) => !items.is_empty(),
            Kind::Mapping(entries) => !entries.is_empty(),
        };
        if let Some(node) = route.get(key).filter(says_something) {
            decoder.error(node.span, format!("the root route takes every alert and has no {key:?}"));
        }
    }
}

/// Without intervals of nothing, for which the defaults hold.
fn without_zero_times(route: &Node) -> Node {
    let Some(entries) = route.as_mapping() else { return route.clone() };
    let is_zero = |key: &str, value: &Node| {
        let text = value.as_text().unwrap_or_default();
        ["group_interval", "repeat_interval"].contains(&key) && parse_duration(text).is_ok_and(|time| time.is_zero())
    };
    let kept = entries.iter().filter(|(key, value)| !is_zero(&key.text, value));
    let entries = kept.map(|(key, value)| match value.as_sequence() {
        Some(routes) if key.text == "routes" => {
            let kind = Kind::Sequence(routes.iter().map(without_zero_times).collect());
            (key.clone(), Node { span: value.span, kind })
        }
        _ => (key.clone(), value.clone()),
    });
    Node { span: route.span, kind: Kind::Mapping(entries.collect()) }
}
