//! Rule groups that people set through the API, by namespace and name: checked, kept whole, given back as YAML.
//!
//! A namespace stands where a rule file does: it is the groups' `file`. Nothing here is stored or put in force: an
//! [`Edit`] says what changes, the shell stores its records in one batch and then applies it.
//!
//! - `namespaces/record.rs`: a group's text as records of the store
//! - `namespaces/shown.rs`: namespaces as YAML

pub mod record;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use model::source::{Diagnostics, SourceFile};
use yaml::Node;

use crate::group::GroupKey;
use crate::rule::RuleGroup;
use crate::rule_file::{self, Defaults};

pub use record::Record;

/// The longest text of a group.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Most groups of all namespaces.
pub const GROUPS_MAX: usize = 10_000;
/// Most bytes of all texts.
pub const TOTAL_BYTES_MAX: usize = 64 << 20;
/// The longest name of a namespace or group.
pub const NAME_BYTES_MAX: usize = 250;

/// Fields whose values may be secret: what the API would show to everybody belongs in a rule file.
const SECRET_FIELDS: [&str; 2] = ["headers", "notifier_headers"];

/// The groups, ordered by namespace and name.
#[derive(Debug, Default)]
pub struct Namespaces {
    groups: BTreeMap<GroupKey, SetGroup>,
    bounds: Bounds,
}

/// How much there may be.
#[derive(Debug)]
struct Bounds {
    groups: usize,
    bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { groups: GROUPS_MAX, bytes: TOTAL_BYTES_MAX }
    }
}

/// A group as it was set.
#[derive(Debug, Clone)]
struct SetGroup {
    text: Arc<str>,
    /// The text as a tree.
    tree: Node,
    /// The group as meant; none if it cannot be used any more.
    group: Option<RuleGroup>,
}

/// A change that has been checked.
#[derive(Debug)]
pub struct Edit {
    changes: Vec<(GroupKey, Option<SetGroup>)>,
    /// What the store is to keep, and, without a value, to forget: all of it or nothing.
    pub records: Vec<Record>,
    /// The records as they were, in case the store could not keep the new ones.
    pub undo: Vec<Record>,
    /// What is odd about the group.
    pub warnings: Diagnostics,
}

/// What somebody wants changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A group is set, in place of the one with its name.
    Set {
        /// Where.
        namespace: String,
        /// The group as YAML.
        text: String,
    },
    /// A group is removed.
    Remove {
        /// Where it is.
        namespace: String,
        /// Its name.
        group: String,
    },
    /// All groups of a namespace are removed.
    RemoveNamespace {
        /// Which.
        namespace: String,
    },
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no group of that name.
    NoGroup,
    /// There is no group in that namespace.
    NoNamespace,
    /// The namespace is a rule file, which is edited on disk.
    RuleFile(String),
    /// The text or a name has mistakes.
    Invalid(String),
    /// There is as much as there may be.
    Full,
}

/// For the log: without the group's text.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { namespace, .. } => write!(f, "a group of {namespace:?} was set"),
            Self::Remove { namespace, group } => write!(f, "group {group:?} of {namespace:?} was removed"),
            Self::RemoveNamespace { namespace } => write!(f, "namespace {namespace:?} was removed"),
        }
    }
}

/// In the words of Mimir where it has them: clients look for them.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGroup => f.write_str("group does not exist"),
            Self::NoNamespace => f.write_str("group namespace does not exist"),
            Self::RuleFile(file) => {
                write!(f, "the groups of {file:?} come from a rule file: edit the file, or choose another namespace")
            }
            Self::Invalid(mistakes) => f.write_str(mistakes),
            Self::Full => {
                let mebibytes = TOTAL_BYTES_MAX >> 20;
                write!(
                    f,
                    "no more than {GROUPS_MAX} groups and {mebibytes} MiB can be set through the API: remove others first"
                )
            }
        }
    }
}

impl Namespaces {
    /// Takes the stored records, and tells of those that cannot be read, which are left alone.
    pub fn restore(records: impl IntoIterator<Item = (String, Vec<u8>)>) -> (Namespaces, Vec<String>) {
        let (texts, mut complaints) = record::join(records);
        let mut groups = BTreeMap::new();
        for (key, text) in texts {
            match yaml::parse_first(&source(&text)) {
                Ok((tree, _)) => {
                    groups.insert(key, SetGroup { text: text.into(), tree, group: None });
                }
                Err(mistakes) => complaints.push(format!("the stored group {key} cannot be read: {mistakes}")),
            }
        }
        (Namespaces { groups, ..Namespaces::default() }, complaints)
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// How long their texts are together.
    pub fn bytes(&self) -> usize {
        self.groups.values().map(|group| group.text.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Reads all groups anew, as something else holds where they say nothing; and after [`Namespaces::restore`]. Tells what
    /// keeps one from being evaluated: another version may be stricter than the one that took it.
    pub fn resolve(&mut self, defaults: &Defaults) -> Diagnostics {
        let mut mistakes = Diagnostics::new();
        for (key, set) in &mut self.groups {
            let file = SourceFile::new(format!("namespace {}", key.file), &*set.text);
            set.group = match rule_file::read_group(&file, &key.file, defaults) {
                Ok((group, _)) => Some(group),
                Err(found) => {
                    mistakes.append(found);
                    None
                }
            };
        }
        mistakes
    }

    /// The groups as meant.
    pub fn groups(&self) -> impl Iterator<Item = &RuleGroup> {
        self.groups.values().filter_map(|set| set.group.as_ref())
    }

    /// Checks a change. `from_files` are the groups of rule files, which cannot be changed.
    ///
    /// # Errors
    /// What is to be removed is not there or in a rule file; what is to be set has mistakes or no place.
    pub fn plan(&self, change: &Change, defaults: &Defaults, from_files: &[RuleGroup]) -> Result<Edit, Refusal> {
        match change {
            Change::Set { namespace, text } => self.set(namespace, text, defaults, from_files),
            Change::Remove { namespace, group } => self.remove(namespace, group, from_files),
            Change::RemoveNamespace { namespace } => self.remove_namespace(namespace, from_files),
        }
    }

    fn set(&self, namespace: &str, text: &str, defaults: &Defaults, from_files: &[RuleGroup]) -> Result<Edit, Refusal> {
        check_name("namespace", namespace)?;
        not_a_file(namespace, from_files)?;
        let file = source(text);
        let invalid = |mistakes: Diagnostics| Refusal::Invalid(mistakes.to_string());
        let (group, warnings) = rule_file::read_group(&file, namespace, defaults).map_err(invalid)?;
        let (tree, _) = yaml::parse_first(&file).map_err(invalid)?;
        check_name("group", &group.name)?;
        if let Some(field) = SECRET_FIELDS.iter().find(|field| tree.get(field).is_some()) {
            let why = format!("{field:?} may hold secrets, which this API would show: put the group into a rule file");
            return Err(Refusal::Invalid(why));
        }
        let key = GroupKey::new(namespace, &group.name);
        let old = self.groups.get(&key);
        let bytes = self.bytes() - old.map_or(0, |old| old.text.len()) + text.len();
        if (old.is_none() && self.groups.len() >= self.bounds.groups) || bytes > self.bounds.bytes {
            return Err(Refusal::Full);
        }
        let mut edit = self.edit(vec![(key, Some(SetGroup { text: text.into(), tree, group: Some(group) }))]);
        edit.warnings = warnings;
        Ok(edit)
    }

    fn remove(&self, namespace: &str, group: &str, from_files: &[RuleGroup]) -> Result<Edit, Refusal> {
        let key = GroupKey::new(namespace, group);
        if !self.groups.contains_key(&key) {
            not_a_file(namespace, from_files)?;
            return Err(Refusal::NoGroup);
        }
        Ok(self.edit(vec![(key, None)]))
    }

    fn remove_namespace(&self, namespace: &str, from_files: &[RuleGroup]) -> Result<Edit, Refusal> {
        let keys: Vec<_> = self.of(namespace).map(|(key, _)| (key.clone(), None)).collect();
        if keys.is_empty() {
            not_a_file(namespace, from_files)?;
            return Err(Refusal::NoNamespace);
        }
        Ok(self.edit(keys))
    }

    /// Takes over what an edit changes.
    pub fn apply(&mut self, edit: Edit) {
        for (key, group) in edit.changes {
            match group {
                Some(group) => self.groups.insert(key, group),
                None => self.groups.remove(&key),
            };
        }
    }

    fn of(&self, namespace: &str) -> impl Iterator<Item = (&GroupKey, &SetGroup)> {
        self.groups.iter().filter(move |(key, _)| *key.file == *namespace)
    }

    fn edit(&self, changes: Vec<(GroupKey, Option<SetGroup>)>) -> Edit {
        let (mut records, mut undo) = (Vec::new(), Vec::new());
        for (key, new) in &changes {
            let old = self.groups.get(key).map(|group| &*group.text);
            let new = new.as_ref().map(|group| &*group.text);
            records.extend(record::replace(key, old, new));
            undo.extend(record::replace(key, new, old));
        }
        Edit { changes, records, undo, warnings: Diagnostics::new() }
    }
}

/// What messages call the text of a request.
fn source(text: &str) -> SourceFile {
    SourceFile::new("rule group", text)
}

fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    match name.len() {
        0 => Err(Refusal::Invalid(format!("the {what} needs a name"))),
        1..=NAME_BYTES_MAX => Ok(()),
        bytes => Err(Refusal::Invalid(format!("the {what}'s name has {bytes} bytes, at most {NAME_BYTES_MAX} fit"))),
    }
}

fn not_a_file(namespace: &str, from_files: &[RuleGroup]) -> Result<(), Refusal> {
    let files: BTreeSet<&str> = from_files.iter().map(|group| group.file.as_str()).collect();
    if files.contains(namespace) { Err(Refusal::RuleFile(namespace.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
