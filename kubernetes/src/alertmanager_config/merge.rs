//! The merge: one configuration of a base and the selected objects, as the operator makes it.
//!
//! Unlike there, an object that cannot be used is left out alone, whatever it is that is wrong with it; what it said when it
//! could last be used stays.

use std::collections::BTreeMap;

use model::source::{Diagnostic, Diagnostics, SourceFile};
use yaml::{Key, Kind, Node, Span, emit};

use super::alertmanager::MatcherStrategy;
use super::base::{Base, TEMPLATE_FOLDER};
use super::matcher::WrittenMatcher;
use super::material::Material;
use super::object::AlertmanagerConfig;
use super::value::{Value, named};
use crate::object::ObjectKey;

/// What all objects are merged with.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// How objects are kept to their namespace.
    pub strategy: MatcherStrategy,
    /// Where the Alertmanager is.
    pub namespace: &'a str,
    /// Matchers as Alertmanager 0.22 and newer write them.
    pub matchers_as_list: bool,
}

/// What an object adds, its secrets looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    inhibit_rules: Vec<Node>,
    route: Option<Node>,
    receivers: Vec<Node>,
    time_intervals: Vec<Node>,
}

/// Contributions by the names of their objects, in the order of the merge.
pub type Contributions = BTreeMap<ObjectKey, Contribution>;

/// The outcome.
#[derive(Clone, Debug)]
pub struct Merged {
    /// `alertmanager.yml`, secrets and all.
    pub text: String,
    /// Templates that it does not name: file name and text.
    pub templates: Vec<(String, String)>,
    /// What is in force of each object.
    pub contributions: Contributions,
    /// Objects that cannot be used, and why. One that is among the contributions all the same is in force as it was before.
    pub refused: BTreeMap<ObjectKey, Diagnostics>,
}

/// Whether a whole configuration can be used.
pub type Accepts<'a> = &'a dyn Fn(&str, &[(String, String)]) -> Result<(), Diagnostics>;

/// An object as it was read: its contribution is made of it, or nothing can be.
pub type Candidate = Result<AlertmanagerConfig, Diagnostics>;

/// Merges the objects into the base; `previous` is what was in force of each.
///
/// # Errors
/// The base cannot be used even by itself.
pub fn merge(
    base: &Base,
    candidates: &BTreeMap<ObjectKey, Candidate>,
    (material, rules): (&Material, &Rules<'_>),
    previous: &Contributions,
    accepts: Accepts<'_>,
) -> Result<Merged, Diagnostics> {
    let mut contributions = Contributions::new();
    let mut refused = BTreeMap::new();
    for (names, candidate) in candidates {
        let made = match candidate {
            Ok(object) => Contribution::of(object, base.get("global"), material, rules),
            Err(mistakes) => Err(mistakes.clone()),
        };
        match made {
            Ok(contribution) => drop(contributions.insert(names.clone(), contribution)),
            Err(mistakes) => refuse(names, mistakes, (&mut contributions, &mut refused), previous),
        }
    }
    let usable = |contributions: &Contributions| accepts(&written(base, contributions), &base.templates);
    if let Err(all_at_once) = usable(&contributions) {
        usable(&Contributions::new())?;
        for names in contributions.keys().cloned().collect::<Vec<_>>() {
            let alone = contributions.get_key_value(&names).map(|(names, one)| (names.clone(), one.clone()));
            if let Err(mistakes) = usable(&alone.into_iter().collect()) {
                contributions.remove(&names);
                refuse(&names, of_object(&names, &mistakes), (&mut contributions, &mut refused), previous);
            }
        }
        usable(&contributions).map_err(|_| all_at_once)?;
    }
    let text = written(base, &contributions);
    Ok(Merged { text, templates: base.templates.clone(), contributions, refused })
}

fn refuse(
    names: &ObjectKey,
    mistakes: Diagnostics,
    (contributions, refused): (&mut Contributions, &mut BTreeMap<ObjectKey, Diagnostics>),
    previous: &Contributions,
) {
    refused.insert(names.clone(), mistakes);
    if let Some(before) = previous.get(names) {
        contributions.insert(names.clone(), before.clone());
    }
}

/// Places in the merged text mean nothing to whoever wrote the object.
fn of_object(names: &ObjectKey, mistakes: &Diagnostics) -> Diagnostics {
    let file = SourceFile::new(names.to_string(), "");
    let mut found = Diagnostics::new();
    for mistake in mistakes.iter().filter(|one| one.severity == yaml::Severity::Error) {
        let message = format!("the notifier cannot use it: {}", mistake.message);
        found.push(Diagnostic::whole_file(&file, message));
    }
    found
}

impl Contribution {
    /// What an object adds to a base with these global settings.
    ///
    /// # Errors
    /// What its references do not lead to, and what it needs of the global settings.
    pub fn of(
        object: &AlertmanagerConfig,
        global: Option<&Node>,
        material: &Material,
        rules: &Rules<'_>,
    ) -> Result<Contribution, Diagnostics> {
        let namespace = rules.matcher_for(&object.names);
        let mut problems = Diagnostics::new();
        let resolve = |value: &Value, problems: &mut Diagnostics| value.resolve(material, problems);
        let mut inhibit_rules = Vec::new();
        for mut rule in object.inhibit_rules.iter().cloned() {
            if let Some(matcher) = &namespace {
                rule.within(matcher);
            }
            inhibit_rules.push(resolve(&rule.value(rules.matchers_as_list), &mut problems));
        }
        let Some(mut route) = object.route.clone() else {
            let nothing =
                Contribution { inhibit_rules, route: None, receivers: Vec::new(), time_intervals: Vec::new() };
            return if problems.has_errors() { Err(problems) } else { Ok(nothing) };
        };
        route.matchers.extend(namespace);
        route.continues = true;
        let route = resolve(&route.value(rules.matchers_as_list), &mut problems);
        let receivers: Vec<Node> = object.receivers.iter().map(|value| resolve(value, &mut problems)).collect();
        let time_intervals = object.time_intervals.iter().map(|value| resolve(value, &mut problems)).collect();
        object.unmet_needs(global).for_each(|complaint| problems.push(complaint));
        check_updates(&object.names, &receivers, &mut problems);
        match problems.has_errors() {
            true => Err(problems),
            false => Ok(Contribution { inhibit_rules, route: Some(route), receivers, time_intervals }),
        }
    }
}

impl Rules<'_> {
    /// What keeps an object to its namespace.
    pub(crate) fn matcher_for(&self, names: &ObjectKey) -> Option<WrittenMatcher> {
        let is_kept = match self.strategy {
            MatcherStrategy::OnNamespace => true,
            MatcherStrategy::OnNamespaceExceptForAlertmanagerNamespace => names.namespace != self.namespace,
            MatcherStrategy::None => false,
        };
        is_kept.then(|| WrittenMatcher::of_namespace(&names.namespace))
    }

    /// What is legal and still cannot be meant: a route that its namespace never meets.
    pub fn doubts(&self, object: &AlertmanagerConfig) -> Option<String> {
        let namespace = self.matcher_for(&object.names)?;
        let route = object.route.as_ref()?;
        let never = route.matchers.iter().find(|matcher| matcher.contradicts(&namespace))?;
        Some(format!(
            "its route takes no alert: {:?} is matched against something else than {:?}, its own namespace",
            never.name(),
            object.names.namespace
        ))
    }
}

impl AlertmanagerConfig {
    /// What its receivers leave to global settings that do not give it.
    pub(crate) fn unmet_needs<'a>(&'a self, global: Option<&'a Node>) -> impl Iterator<Item = Diagnostic> + 'a {
        let gives = move |key: &&str| {
            let text = global.and_then(|global| global.get(key)?.as_text());
            text.is_some_and(|text| !text.is_empty())
        };
        let unmet = self.needs.iter().filter(move |need| !need.keys.iter().any(&gives));
        unmet.map(|need| need.complaint.clone())
    }
}

/// The address at which Slack can change messages.
const SLACK_POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";

/// Messages that webhooks have sent cannot be changed.
fn check_updates(names: &ObjectKey, receivers: &[Node], problems: &mut Diagnostics) {
    for receiver in receivers {
        for slack in receiver.get("slack_configs").and_then(Node::as_sequence).unwrap_or_default() {
            let text = |key| slack.get(key).and_then(Node::as_text);
            if text("update_message") == Some("true") && text("api_url").is_some_and(|url| url != SLACK_POST_MESSAGE) {
                let file = SourceFile::new(names.to_string(), "");
                let message = format!("updateMessage needs a bot token and the address {SLACK_POST_MESSAGE}");
                problems.push(Diagnostic::whole_file(&file, message));
            }
        }
    }
}

/// The whole as a text.
fn written(base: &Base, contributions: &Contributions) -> String {
    let of_all = |pick: fn(&Contribution) -> &[Node]| -> Vec<Node> {
        contributions.values().flat_map(|one| pick(one).iter().cloned()).collect()
    };
    let mut entries: Vec<(Key, Node)> = base.entries.clone();
    if let Some((_, route)) = entries.iter_mut().find(|(key, _)| key.text == "route") {
        let tenants = contributions.values().filter_map(|one| one.route.clone()).collect();
        *route = with_routes_first(route, tenants);
    }
    append(&mut entries, "inhibit_rules", of_all(|one| &one.inhibit_rules));
    append(&mut entries, "receivers", of_all(|one| &one.receivers));
    append(&mut entries, "mute_time_intervals", of_all(|one| &one.time_intervals));
    if !entries.iter().any(|(key, _)| key.text == "templates") {
        entries.push((named("templates"), list(Vec::new())));
    }
    emit(&Node { span: Span::default(), kind: Kind::Mapping(entries.into()) })
}

/// Routes of objects come before those of the base; as they continue, alerts still reach these.
fn with_routes_first(route: &Node, mut first: Vec<Node>) -> Node {
    if first.is_empty() {
        return route.clone();
    }
    let mut entries = route.as_mapping().unwrap_or_default().to_vec();
    match entries.iter_mut().find(|(key, _)| key.text == "routes") {
        Some((_, routes)) => {
            first.extend(routes.as_sequence().unwrap_or_default().iter().cloned());
            *routes = list(first);
        }
        None => entries.push((named("routes"), list(first))),
    }
    Node { span: route.span, kind: Kind::Mapping(entries.into()) }
}

fn append(entries: &mut Vec<(Key, Node)>, key: &str, more: Vec<Node>) {
    if more.is_empty() {
        return;
    }
    match entries.iter_mut().find(|(name, _)| name.text == key) {
        Some((_, node)) => {
            let both = node.as_sequence().unwrap_or_default().iter().cloned().chain(more);
            *node = list(both.collect());
        }
        None => entries.push((named(key), list(more))),
    }
}

fn list(items: Vec<Node>) -> Node {
    Node { span: Span::default(), kind: Kind::Sequence(items.into()) }
}

impl Merged {
    /// The text with the paths that templates of the objects have where they are mounted.
    pub fn text_with_template_paths(&self) -> String {
        let Ok((root, _)) = yaml::parse_first(&SourceFile::new("merged", self.text.clone())) else {
            return self.text.clone();
        };
        let path = |(name, _): &(String, String)| Value::Text(format!("{TEMPLATE_FOLDER}/{name}"));
        let paths = Value::List(self.templates.iter().map(path).collect());
        let paths = paths.resolve(&Material::default(), &mut Diagnostics::new());
        let mut entries = root.as_mapping().unwrap_or_default().to_vec();
        append(&mut entries, "templates", paths.as_sequence().unwrap_or_default().to_vec());
        emit(&Node { span: Span::default(), kind: Kind::Mapping(entries.into()) })
    }
}
