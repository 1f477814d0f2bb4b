//! Inhibition: while a source fires, its targets are quiet.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use model::matcher::all_match;
use model::{LabelSet, Timestamp};
use smol_str::SmolStr;

use crate::alert_book::AlertId;
use crate::config::{Config, InhibitRule};
use crate::matcher_index::MatcherIndex;
use crate::rare_list::RareList;

/// The rules of a configuration with all their sources, firing or not, filed by the labels that must be equal.
#[derive(Debug)]
pub struct Inhibition {
    config: Arc<Config>,
    sources: Vec<Sources>,
    by_source: MatcherIndex<u32>,
    by_target: MatcherIndex<u32>,
}

/// What an alert can be to the rules; depends on its labels alone.
#[derive(Clone, Debug, Default)]
pub struct Roles(RareList<Role>);

#[derive(Clone, Copy, Debug)]
struct Role {
    rule: u32,
    is_source: bool,
    is_target: bool,
}

/// One rule's sources, by the values of its `equal` labels.
type Sources = HashMap<Box<[SmolStr]>, Slot, FixedState>;

/// Sources with equal values, by their end, so that the last one tells whether any fires.
#[derive(Debug, Default)]
struct Slot {
    /// Those that are no target of the rule.
    one_sided: BTreeSet<(Timestamp, AlertId)>,
    /// Those that are both: they inhibit only alerts that are no source.
    two_sided: BTreeSet<(Timestamp, AlertId)>,
}

impl Slot {
    fn side(&mut self, role: Role) -> &mut BTreeSet<(Timestamp, AlertId)> {
        if role.is_target { &mut self.two_sided } else { &mut self.one_sided }
    }
}

impl Roles {
    /// Whether the alert can inhibit others.
    pub fn has_source(&self) -> bool {
        self.0.iter().any(|role| role.is_source)
    }

    /// Whether others can inhibit the alert.
    pub fn has_target(&self) -> bool {
        self.0.iter().any(|role| role.is_target)
    }
}

impl Inhibition {
    /// The rules of a configuration, with no sources yet.
    pub fn new(config: Arc<Config>) -> Self {
        let (mut by_source, mut by_target) = (MatcherIndex::default(), MatcherIndex::default());
        let numbered = (0u32..).zip(&config.inhibit_rules);
        for (number, rule) in numbered {
            by_source.insert(number, &rule.source);
            by_target.insert(number, &rule.target);
        }
        let sources = config.inhibit_rules.iter().map(|_| Sources::default()).collect();
        Self { config, sources, by_source, by_target }
    }

    /// What an alert with these labels can be.
    pub fn roles(&self, labels: &LabelSet) -> Roles {
        if self.sources.is_empty() {
            return Roles::default();
        }
        let mut rules = self.by_source.candidates(labels);
        rules.extend(self.by_target.candidates(labels));
        rules.sort_unstable();
        rules.dedup();
        let role = |rule: u32| {
            let matchers = self.rule(rule)?;
            let is_source = all_match(&matchers.source, labels);
            let is_target = all_match(&matchers.target, labels);
            (is_source || is_target).then_some(Role { rule, is_source, is_target })
        };
        Roles(rules.into_iter().filter_map(role).collect())
    }

    /// Notes the end of a source: `was` is the end noted before, `is` the one now; none means not there.
    pub fn move_source(
        &mut self,
        roles: &Roles,
        labels: &LabelSet,
        id: AlertId,
        was: Option<Timestamp>,
        is: Option<Timestamp>,
    ) {
        if was == is {
            return;
        }
        for role in roles.0.iter().filter(|role| role.is_source) {
            let Some(values) = self.equal_values(role.rule, labels) else { continue };
            let Some(slots) = self.sources.get_mut(role.rule as usize) else { continue };
            let slot = slots.entry(values.clone()).or_default();
            if let Some(end) = was {
                slot.side(*role).remove(&(end, id));
            }
            if let Some(end) = is {
                slot.side(*role).insert((end, id));
            }
            if slot.one_sided.is_empty() && slot.two_sided.is_empty() {
                slots.remove(&values);
            }
        }
    }

    /// The source that quiets an alert: of the first rule that applies, the one that fires longest.
    pub fn inhibited_by(&self, roles: &Roles, labels: &LabelSet, now: Timestamp) -> Option<AlertId> {
        roles.0.iter().filter(|role| role.is_target).find_map(|role| {
            let slots = self.sources.get(role.rule as usize).filter(|slots| !slots.is_empty())?;
            let slot = slots.get(&self.equal_values(role.rule, labels)?)?;
            let one_sided = slot.one_sided.last();
            let two_sided = slot.two_sided.last().filter(|_| !role.is_source);
            let (ends_at, id) = one_sided.max(two_sided)?;
            (*ends_at > now).then_some(*id)
        })
    }

    fn rule(&self, number: u32) -> Option<&InhibitRule> {
        self.config.inhibit_rules.get(number as usize)
    }

    /// The values that source and target must share; an absent label equals an empty one.
    fn equal_values(&self, rule: u32, labels: &LabelSet) -> Option<Box<[SmolStr]>> {
        let value = |name: &String| SmolStr::new(labels.get_or_empty(name));
        Some(self.rule(rule)?.equal.iter().map(value).collect())
    }
}

#[cfg(test)]
mod tests;
