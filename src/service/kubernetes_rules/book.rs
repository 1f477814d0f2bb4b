//! The PrometheusRules of a cluster: which are selected, what became of each, and the groups that are to be evaluated.
//!
//! An object is judged alone. One that cannot be used is refused; its last good version goes on, as long as the object is there
//! and selected. Told of changes, the book says when it is asked to settle what follows from them, and nothing before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubernetes::object::{ObjectKey, labels};
use kubernetes::prometheus_rule::PrometheusRule;
use kubernetes::reflector::Change;
use kubernetes::rule_source::{RuleSource, Selection};
use kubernetes::selector::{Labels, NamespaceSelector};
use kubernetes::status::Finding;
use model::source::SourceFile;
use rules_engine::group::GroupKey;
use rules_engine::namespaces::record::{self, Record};
use rules_engine::rule::RuleGroup;
use rules_engine::rule_file::{self, Defaults, Dialect};

/// All objects that are known.
#[derive(Default)]
pub struct Book {
    source: RuleSource,
    /// Where we are, once that is known.
    own: Option<String>,
    defaults: Defaults,
    objects: BTreeMap<ObjectKey, Entry>,
    /// Labels of namespaces, where they decide.
    namespaces: BTreeMap<String, Labels>,
    /// Objects to be judged.
    waiting: BTreeSet<ObjectKey>,
    /// What went since.
    gone: Vec<(ObjectKey, Entry)>,
}

/// One object.
struct Entry {
    newest: PrometheusRule,
    verdict: Verdict,
    good: Option<Good>,
    /// What the store has of it.
    stored: Option<Arc<str>>,
    /// The uid and generation that were told of.
    told: Option<(String, i64)>,
    /// It was selected when it was kept, and nothing says otherwise yet.
    is_kept: bool,
}

/// The version that is evaluated.
struct Good {
    uid: String,
    groups: Vec<RuleGroup>,
}

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Unread,
    Accepted,
    Refused(String),
    Left(Selection),
}

/// What followed from changes.
#[derive(Debug, Default)]
pub struct Settled {
    /// Whether other groups are to be evaluated than before.
    pub is_changed: bool,
    /// Objects that were found good or bad.
    pub findings: Vec<Finding>,
    /// What the store is to keep.
    pub records: Vec<Record>,
}

/// How many objects there are, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Evaluated as they are.
    pub accepted: usize,
    /// Not usable; the last good version is evaluated, if there is one.
    pub refused: usize,
    /// Not asked for.
    pub not_selected: usize,
}

impl Book {
    /// Takes back what the store has. Complains about what cannot be read.
    pub fn restore(records: impl IntoIterator<Item = (String, Vec<u8>)>) -> (Book, Vec<String>) {
        let (texts, mut complaints) = record::join(records);
        let mut book = Book::default();
        for (key, text) in texts {
            let object = serde_json::from_str(&text).ok().and_then(|object| PrometheusRule::of(&object));
            match object {
                Some(newest) => {
                    let key = newest.key.clone();
                    book.waiting.insert(key.clone());
                    let entry = Entry { stored: Some(text.into()), is_kept: true, ..Entry::new(newest) };
                    book.objects.insert(key, entry);
                }
                None => complaints.push(format!("the stored PrometheusRule {key} cannot be read")),
            }
        }
        (book, complaints)
    }

    /// Other settings hold: every object is to be judged again.
    pub fn adopt(&mut self, source: RuleSource, defaults: Defaults) {
        // %{NAME} of vmalert's dialect would show the environment to whoever may write an object
        let defaults = Defaults { dialect: Dialect::Prometheus, ..defaults };
        (self.source, self.defaults) = (source, defaults);
        if !self.source.namespace_selector.needs_labels() {
            self.namespaces.clear();
        }
        self.waiting.extend(self.objects.keys().cloned());
    }

    /// It is known where we are.
    pub fn is_in(&mut self, own: &str) {
        if self.own.as_deref() != Some(own) {
            self.own = Some(own.to_owned());
            self.waiting.extend(self.objects.keys().cloned());
        }
    }

    /// Forgets everything, as nothing is to come from a cluster any more.
    pub fn clear(&mut self) -> Settled {
        self.gone.extend(std::mem::take(&mut self.objects));
        self.waiting.clear();
        self.settle()
    }

    /// The versions of the objects as they are known.
    pub fn versions(&self) -> impl Iterator<Item = (&ObjectKey, &str)> {
        self.objects.iter().map(|(key, entry)| (key, entry.newest.resource_version.as_str()))
    }

    /// Whether something waits to be settled.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.gone.is_empty()
    }

    /// A PrometheusRule changed.
    pub fn rule_changed(&mut self, change: Change) {
        match change {
            Change::Synced => {}
            Change::Gone(key) => self.gone.extend(self.objects.remove_entry(&key)),
            Change::Set(object) => {
                let Some(newest) = PrometheusRule::of(&object) else { return };
                let key = newest.key.clone();
                match self.objects.get_mut(&key) {
                    Some(entry) => {
                        if !entry.newest.says_the_same_as(&newest) || entry.verdict == Verdict::Unread {
                            self.waiting.insert(key);
                        }
                        entry.newest = newest;
                    }
                    None => {
                        self.objects.insert(key.clone(), Entry::new(newest));
                        self.waiting.insert(key);
                    }
                }
            }
        }
    }

    /// A namespace changed.
    pub fn namespace_changed(&mut self, change: Change) {
        let name = match change {
            Change::Synced => return,
            Change::Gone(key) => {
                self.namespaces.remove(&key.name);
                key.name
            }
            Change::Set(object) => {
                let Some(key) = ObjectKey::of(&object) else { return };
                let labels = labels(&object);
                if self.namespaces.get(&key.name) == Some(&labels) {
                    return;
                }
                self.namespaces.insert(key.name.clone(), labels);
                key.name
            }
        };
        self.waiting.extend(self.objects.keys().filter(|key| key.namespace == name).cloned());
    }

    /// Judges what changed.
    pub fn settle(&mut self) -> Settled {
        let mut settled = Settled::default();
        for (key, mut entry) in std::mem::take(&mut self.gone) {
            entry.leave(&key, &mut settled);
        }
        for key in std::mem::take(&mut self.waiting) {
            self.settle_one(&key, &mut settled);
        }
        settled
    }

    fn settle_one(&mut self, key: &ObjectKey, settled: &mut Settled) {
        let Some(entry) = self.objects.get(key) else { return };
        let selection = self.selection(&entry.newest);
        let Some(entry) = self.objects.get_mut(key) else { return };
        if entry.good.as_ref().is_some_and(|good| good.uid != entry.newest.uid) {
            // another object of the same name
            entry.leave(key, settled);
        }
        match selection {
            Selection::Unknown if entry.is_kept || entry.good.is_some() => {}
            Selection::Selected => entry.is_kept = false,
            left => {
                entry.verdict = Verdict::Left(left);
                entry.leave(key, settled);
                return;
            }
        }
        let verdict = match read(&entry.newest, &self.source, &self.defaults) {
            Ok(groups) => {
                entry.good(key, groups, settled);
                Verdict::Accepted
            }
            Err(mistakes) => Verdict::Refused(mistakes),
        };
        let told = Some((entry.newest.uid.clone(), entry.newest.generation));
        if entry.verdict != verdict || entry.told != told {
            let mistakes = if let Verdict::Refused(mistakes) = &verdict { Some(mistakes.clone()) } else { None };
            settled.findings.push(Finding::of(&entry.newest, mistakes));
        }
        (entry.verdict, entry.told) = (verdict, told);
    }

    fn selection(&self, rule: &PrometheusRule) -> Selection {
        let labels = self.namespaces.get(&rule.key.namespace);
        match (self.source.own_namespace(self.own.as_deref().unwrap_or_default()), &self.source.namespace_selector) {
            ("", NamespaceSelector::Own) => Selection::Unknown,
            (own, _) => self.source.selection(rule, labels, own),
        }
    }

    /// The groups that are to be evaluated.
    pub fn groups(&self) -> impl Iterator<Item = &RuleGroup> {
        self.objects.values().filter_map(|entry| entry.good.as_ref()).flat_map(|good| &good.groups)
    }

    /// How many objects there are.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for entry in self.objects.values() {
            match entry.verdict {
                Verdict::Accepted => counts.accepted += 1,
                Verdict::Refused(_) => counts.refused += 1,
                Verdict::Left(_) => counts.not_selected += 1,
                Verdict::Unread => {}
            }
        }
        counts
    }

    /// Objects that are refused.
    pub fn refused(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.iter().filter(|(_, entry)| matches!(entry.verdict, Verdict::Refused(_))).map(|(key, _)| key)
    }
}

impl Entry {
    fn new(newest: PrometheusRule) -> Entry {
        Entry { newest, verdict: Verdict::Unread, good: None, stored: None, told: None, is_kept: false }
    }

    /// These groups are evaluated from now on.
    fn good(&mut self, key: &ObjectKey, groups: Vec<RuleGroup>, settled: &mut Settled) {
        self.good = Some(Good { uid: self.newest.uid.clone(), groups });
        settled.is_changed = true;
        let text: Arc<str> = self.newest.to_object().to_string().into();
        if self.stored.as_ref() != Some(&text) {
            settled.records.extend(record::replace(&stored(key), self.stored.as_deref(), Some(&text)));
            self.stored = Some(text);
        }
    }

    /// Nothing of it is evaluated from now on.
    fn leave(&mut self, key: &ObjectKey, settled: &mut Settled) {
        settled.is_changed |= self.good.take().is_some();
        if let Some(text) = self.stored.take() {
            settled.records.extend(record::replace(&stored(key), Some(&text), None));
        }
    }
}

fn stored(key: &ObjectKey) -> GroupKey {
    GroupKey::new(&key.namespace, &key.name)
}

/// The groups of an object.
fn read(rule: &PrometheusRule, source: &RuleSource, defaults: &Defaults) -> Result<Vec<RuleGroup>, String> {
    let file = rule.rule_file(&source.enforcement).map_err(|unusable| unusable.to_string())?;
    let file = SourceFile::new(file.name, file.text);
    let (groups, _) = rule_file::read(&file, defaults).map_err(|mistakes| mistakes.to_string())?;
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use kubernetes::selector::{LabelSelector, ObjectSelector};
    use serde_json::{Value, json};

    use super::*;

    fn source(selector: &str, namespaces: &str) -> RuleSource {
        RuleSource {
            rule_selector: ObjectSelector::Labelled(LabelSelector::parse(selector).unwrap()),
            namespace_selector: NamespaceSelector::Labelled(LabelSelector::parse(namespaces).unwrap()),
            ..RuleSource::default()
        }
    }

    fn object(name: &str, version: u32, expr: &str) -> Value {
        json!({"metadata": {"namespace": "n", "name": name, "uid": format!("u-{name}"), "generation": version,
            "resourceVersion": version.to_string(), "labels": {"team": "a"}},
            "spec": {"groups": [{"name": "g", "rules": [{"record": "r", "expr": expr}]}]}})
    }

    fn set(object: Value) -> Change {
        Change::Set(Box::new(object))
    }

    fn shown(book: &Book) -> Vec<String> {
        book.groups().map(|group| format!("{} {}", group.file, group.rules[0].expr)).collect()
    }

    fn book() -> Book {
        let mut book = Book::default();
        book.adopt(source("team=a", ""), Defaults::default());
        book
    }

    #[test]
    fn a_bad_version_is_refused_alone_and_the_last_good_one_goes_on() {
        let mut book = book();
        book.rule_changed(set(object("a", 1, "up")));
        book.rule_changed(set(object("b", 1, "down")));
        assert!(shown(&book).is_empty() && book.is_waiting());
        let settled = book.settle();
        assert!(settled.is_changed && settled.findings.iter().all(|finding| finding.mistakes.is_none()));
        book.rule_changed(set(object("a", 2, "rate(up)")));
        book.rule_changed(set(object("b", 2, "down + 1")));
        let settled = book.settle();
        assert_eq!(shown(&book), ["kubernetes/n-a-u-a.yaml up", "kubernetes/n-b-u-b.yaml down + 1"]);
        let bad: Vec<_> = settled.findings.iter().filter(|finding| finding.mistakes.is_some()).collect();
        assert_eq!((bad.len(), bad[0].key.to_string(), bad[0].generation), (1, "n/a".to_owned(), 2));
        assert!(bad[0].mistakes.as_ref().unwrap().contains("expected type range vector"), "{:?}", bad[0].mistakes);
        assert_eq!(book.counts(), Counts { accepted: 1, refused: 1, not_selected: 0 });
        book.rule_changed(set(object("a", 3, "up * 2")));
        assert!(book.settle().findings[0].mistakes.is_none());
        assert_eq!(shown(&book)[0], "kubernetes/n-a-u-a.yaml up * 2");
    }

    #[test]
    fn relabelled_out_and_in_and_gone() {
        let mut book = book();
        book.rule_changed(set(object("a", 1, "up")));
        book.settle();
        let mut other = object("a", 1, "up");
        other["metadata"]["labels"] = json!({"team": "b"});
        book.rule_changed(set(other));
        assert!(book.settle().is_changed && shown(&book).is_empty());
        book.rule_changed(set(object("a", 1, "up")));
        assert!(book.settle().is_changed && shown(&book).len() == 1);
        // what is no rule's concern changes nothing
        let mut touched = object("a", 1, "up");
        touched["metadata"]["resourceVersion"] = "77".into();
        touched["metadata"]["annotations"] = json!({"x": "y"});
        book.rule_changed(set(touched));
        assert!(!book.is_waiting());
        book.rule_changed(Change::Gone(ObjectKey::new("n", "a")));
        assert!(book.settle().is_changed && shown(&book).is_empty());
    }

    #[test]
    fn namespaces_decide_once_they_are_known() {
        let mut book = Book::default();
        book.adopt(source("", "env=prod"), Defaults::default());
        book.rule_changed(set(object("a", 1, "up")));
        book.settle();
        assert!(shown(&book).is_empty(), "nothing is known of the namespace");
        let namespace = |env: &str| set(json!({"metadata": {"name": "n", "labels": {"env": env}}}));
        book.namespace_changed(namespace("prod"));
        book.settle();
        assert_eq!(shown(&book).len(), 1);
        book.namespace_changed(namespace("prod"));
        assert!(!book.is_waiting());
        book.namespace_changed(namespace("test"));
        book.settle();
        assert!(shown(&book).is_empty());
    }

    #[test]
    fn what_was_good_is_evaluated_after_a_restart_without_the_api_server() {
        let mut book = book();
        book.rule_changed(set(object("a", 1, &vec!["up"; 200].join(" + "))));
        book.rule_changed(set(object("b", 1, "up")));
        let mut store: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let keep = |settled: Settled, store: &mut BTreeMap<String, Vec<u8>>| {
            for (key, value) in settled.records {
                match value {
                    Some(value) => drop(store.insert(key, value)),
                    None => drop(store.remove(&key)),
                }
            }
        };
        keep(book.settle(), &mut store);
        book.rule_changed(set(object("b", 2, "rate(up)")));
        keep(book.settle(), &mut store);
        let (mut again, complaints) = Book::restore(store.clone());
        assert!(complaints.is_empty(), "{complaints:?}");
        // the namespaces' labels decide, and are not known yet
        again.adopt(source("team=a", "env=prod"), Defaults::default());
        keep(again.settle(), &mut store);
        assert_eq!(shown(&again), shown(&book));
        again.rule_changed(Change::Gone(ObjectKey::new("n", "a")));
        again.rule_changed(Change::Gone(ObjectKey::new("n", "b")));
        keep(again.settle(), &mut store);
        assert!(shown(&again).is_empty() && store.is_empty(), "{:?}", store.keys());
    }

    #[test]
    fn another_object_of_the_same_name_does_not_go_on_with_the_old_rules() {
        let mut book = book();
        book.rule_changed(set(object("a", 1, "up")));
        book.settle();
        let mut other = object("a", 1, "rate(up)");
        other["metadata"]["uid"] = "u-2".into();
        book.rule_changed(set(other));
        book.settle();
        assert!(shown(&book).is_empty());
    }

    #[test]
    fn the_environment_cannot_be_read_by_an_object() {
        let mut book = book();
        book.adopt(source("team=a", ""), Defaults { dialect: Dialect::Vmalert, ..Defaults::default() });
        let mut with_variable = object("a", 1, "up");
        with_variable["spec"]["groups"][0]["rules"][0]["labels"] = json!({"home": "%{HOME}"});
        book.rule_changed(set(with_variable));
        book.settle();
        let group = book.groups().next().unwrap();
        assert!(format!("{group:?}").contains("%{HOME}"));
    }
}
