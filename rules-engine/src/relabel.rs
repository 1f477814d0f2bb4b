//! Relabelling: rules that rewrite or drop a label set, as Prometheus' `*_relabel_configs` do.
//!
//! `relabel/written.rs` reads the YAML form and refuses what Prometheus refuses; here is what the rules mean.

use md5::{Digest, Md5};
use model::LabelSet;
use regex::Regex;
use smol_str::SmolStr;

mod written;

pub use written::decode_relabeling;

/// Relabelling rules, applied in order.
#[derive(Clone, Debug, Default)]
pub struct Relabeling(Vec<RelabelRule>);

/// One rule: the values of some labels, joined, and what is done with them.
#[derive(Clone, Debug)]
pub struct RelabelRule {
    /// The labels whose values are joined; an absent one counts as "".
    sources: Vec<SmolStr>,
    /// What is written between the values.
    separator: SmolStr,
    action: Action,
}

/// What a rule does. Patterns must match the whole text.
#[derive(Clone, Debug)]
enum Action {
    /// Sets `target` to `replacement`, both with the groups of the pattern filled in; an empty result removes it.
    Replace { pattern: Regex, target: SmolStr, replacement: SmolStr },
    /// Drops what does not match.
    Keep(Regex),
    /// Drops what matches.
    Drop(Regex),
    /// Drops what differs from this label.
    KeepEqual(SmolStr),
    /// Drops what equals this label.
    DropEqual(SmolStr),
    /// Sets `target` to the hash modulo `modulus`.
    HashMod { target: SmolStr, modulus: u64 },
    /// Copies each label whose name matches to the name that `replacement` gives.
    LabelMap { pattern: Regex, replacement: SmolStr },
    /// Removes labels whose name matches.
    LabelDrop(Regex),
    /// Removes labels whose name does not match.
    LabelKeep(Regex),
    /// Sets this label to the lower-cased text.
    Lowercase(SmolStr),
    /// Sets this label to the upper-cased text.
    Uppercase(SmolStr),
}

impl Relabeling {
    /// Rules that are applied in this order.
    pub fn new(rules: Vec<RelabelRule>) -> Relabeling {
        Relabeling(rules)
    }

    /// Whether there are no rules: nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The label set as the rules leave it, without labels of empty value; `None` if a rule drops it.
    pub fn apply(&self, labels: &LabelSet) -> Option<LabelSet> {
        if self.0.is_empty() {
            return Some(labels.clone());
        }
        let mut editing = Editing::of(labels);
        self.0.iter().all(|rule| rule.apply(&mut editing)).then(|| editing.finish(labels))
    }
}

impl RelabelRule {
    /// Changes the labels; `false` drops them.
    fn apply(&self, labels: &mut Editing) -> bool {
        let text = self.joined(labels);
        match &self.action {
            Action::Keep(pattern) => return pattern.is_match(&text),
            Action::Drop(pattern) => return !pattern.is_match(&text),
            Action::KeepEqual(target) => return labels.get(target) == text,
            Action::DropEqual(target) => return labels.get(target) != text,
            Action::Replace { pattern, target, replacement } => {
                if let Some(groups) = pattern.captures(&text) {
                    let (mut name, mut value) = (String::new(), String::new());
                    groups.expand(target, &mut name);
                    groups.expand(replacement, &mut value);
                    if !name.is_empty() {
                        labels.set(&name, &value);
                    }
                }
            }
            Action::HashMod { target, modulus } => labels.set(target, &hash_modulo(&text, *modulus).to_string()),
            Action::LabelMap { pattern, replacement } => labels.copy_names(pattern, replacement),
            Action::LabelDrop(pattern) => labels.0.retain(|(name, _)| !pattern.is_match(name)),
            Action::LabelKeep(pattern) => labels.0.retain(|(name, _)| pattern.is_match(name)),
            Action::Lowercase(target) => labels.set(target, &text.chars().map(lower).collect::<String>()),
            Action::Uppercase(target) => labels.set(target, &text.chars().map(upper).collect::<String>()),
        }
        true
    }

    fn joined(&self, labels: &Editing) -> String {
        let values: Vec<&str> = self.sources.iter().map(|name| labels.get(name)).collect();
        values.join(&self.separator)
    }
}

/// A label set while rules change it; names are unique, in no order.
struct Editing(Vec<(SmolStr, SmolStr)>);

impl Editing {
    fn of(labels: &LabelSet) -> Editing {
        Editing(labels.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// An empty value removes the label.
    fn set(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.0.retain(|(n, _)| n != name);
        } else if let Some((_, old)) = self.0.iter_mut().find(|(n, _)| n == name) {
            *old = SmolStr::new(value);
        } else {
            self.0.push((SmolStr::new(name), SmolStr::new(value)));
        }
    }

    /// In the order of the names, so that of two that map to one name the later wins, as in Prometheus.
    fn copy_names(&mut self, pattern: &Regex, replacement: &str) {
        let mut before = self.0.clone();
        before.sort();
        for (name, value) in before {
            if let Some(groups) = pattern.captures(&name) {
                let mut copy = String::new();
                groups.expand(replacement, &mut copy);
                if !copy.is_empty() {
                    self.set(&copy, &value);
                }
            }
        }
    }

    fn finish(mut self, before: &LabelSet) -> LabelSet {
        self.0.retain(|(_, value)| !value.is_empty());
        let after = LabelSet::from_pairs(self.0);
        if after == *before { before.clone() } else { after }
    }
}

/// The last eight bytes of the MD5, as a big-endian number, modulo `modulus`.
fn hash_modulo(text: &str, modulus: u64) -> u64 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    let (_, last) = digest.split_at(8);
    let hash = last.iter().fold(0u64, |hash, byte| (hash << 8) | u64::from(*byte));
    hash.checked_rem(modulus).unwrap_or_default()
}

/// Go maps character by character: one that would become several stays, but for the dotted capital I.
fn lower(c: char) -> char {
    if c == 'İ' { 'i' } else { alone(c.to_lowercase()).unwrap_or(c) }
}

fn upper(c: char) -> char {
    alone(c.to_uppercase()).unwrap_or(c)
}

fn alone(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    mapped.next().filter(|_| mapped.next().is_none())
}

#[cfg(test)]
mod tests;
