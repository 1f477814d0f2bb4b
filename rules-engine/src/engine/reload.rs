//! Loading groups: who goes on, who inherits, and what becomes of the rest.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::{Alert, LabelSet, Timestamp};

use super::inheritance::{Inheritance, Unclaimed};
use super::rule_state::{Body, RuleState};
use super::running_group::RunningGroup;
use super::turn::{Owner, Turn};
use super::{Effect, Engine, LogLevel, LogLine, Settings};
use crate::alerting::{AlertState, Sending};
use crate::group::GroupKey;
use crate::record::group_key;
use crate::rule::{Language, Rule, RuleGroup};
use crate::sample::Sample;

/// Series of a group that is gone. They are marked as ended only after two intervals: a renamed group may continue them.
#[derive(Debug)]
pub(super) struct Departed {
    pub(super) due: Timestamp,
    timestamp_ms: i64,
    series: Vec<LabelSet>,
}

/// What is known of a group that is gone.
struct Gone {
    interval: Duration,
    query_offset: Duration,
}

impl Engine {
    /// Replaces the groups. `same_texts`: external URL and labels are as before, so unchanged groups stay as they are.
    pub(super) fn reload(&mut self, now: Timestamp, specs: Vec<RuleGroup>, same_texts: bool, out: &mut Vec<Effect>) {
        let is_first = self.groups.is_empty();
        let mut before: BTreeMap<GroupKey, RunningGroup> =
            std::mem::take(&mut self.groups).into_iter().map(|group| (group.key.clone(), group)).collect();
        let mut inheritance = std::mem::take(&mut self.stored);
        let mut groups = BTreeMap::new();
        let mut fresh = Vec::new();
        for spec in specs {
            let key = GroupKey::new(&spec.file, &spec.name);
            match before.remove(&key) {
                Some(running) if same_texts && running.spec == spec => {
                    groups.insert(key, running);
                }
                old if !groups.contains_key(&key) => {
                    fresh.push(key.clone());
                    groups.insert(key.clone(), replace(key, spec, old, now, &self.settings, &mut inheritance));
                }
                _ => out.push(Effect::Log(LogLine {
                    level: LogLevel::Warn,
                    group: key.to_string().into(),
                    rule: "".into(),
                    text: "the group is there twice; the second is left out".to_owned(),
                })),
            }
        }
        let gone = bury(before, &groups, &mut inheritance, out);
        self.pass_on(now, &mut groups, &fresh, &mut inheritance, out);
        self.groups = groups.into_values().collect();
        if is_first {
            self.look_for_past(now, &inheritance);
        }
        self.settle_unclaimed(now, inheritance, &gone, out);
    }

    /// After the start of the process: rules that nothing is recorded of ask the query API.
    fn look_for_past(&mut self, now: Timestamp, inheritance: &Inheritance) {
        let tolerance = self.settings.for_outage_tolerance;
        for group in self.groups.iter_mut().filter(|group| group.spec.source.language == Language::PromQl) {
            if inheritance.knows(&group.key, now, tolerance) {
                continue;
            }
            for rule in &mut group.rules {
                if let Body::Alerting(alerting) = &mut rule.body {
                    alerting.look_for_past(group.spec.interval, &self.settings, now);
                }
            }
        }
    }

    /// Each rule of the fresh groups takes over what the same rule has left: in its group, else anywhere.
    fn pass_on(
        &mut self,
        now: Timestamp,
        groups: &mut BTreeMap<GroupKey, RunningGroup>,
        fresh: &[GroupKey],
        inheritance: &mut Inheritance,
        out: &mut Vec<Effect>,
    ) {
        let mut outdated = Vec::new();
        let mut without: Vec<(GroupKey, usize)> = Vec::new();
        for key in fresh {
            let rules = groups.get_mut(key).map(|group| group.rules.as_mut_slice()).unwrap_or_default();
            for (place, rule) in rules.iter_mut().enumerate() {
                match inheritance.claim(key, &rule.rule) {
                    Some(legacy) => legacy.pass_to(rule, &mut outdated),
                    None => without.push((key.clone(), place)),
                }
            }
        }
        for (key, place) in without {
            let rule = groups.get_mut(&key).and_then(|group| group.rules.get_mut(place));
            if let Some(rule) = rule
                && let Some(legacy) = inheritance.claim_anywhere(&rule.rule)
            {
                legacy.pass_to(rule, &mut outdated);
            }
        }
        let (settings, waiting, tally) = (&self.settings, &mut self.waiting, &mut self.tally);
        let mut turn = Turn { now, settings, stopping: self.stopping, waiting, tally, out };
        for key in fresh {
            for rule in groups.get_mut(key).into_iter().flat_map(|group| &mut group.rules) {
                if let Body::Alerting(alerting) = &mut rule.body {
                    alerting.persist(&mut turn);
                }
            }
        }
        out.append(&mut outdated);
    }

    /// Resolves what fired, drops the records, and has the series marked as ended.
    fn settle_unclaimed(
        &mut self,
        now: Timestamp,
        inheritance: Inheritance,
        gone: &HashMap<GroupKey, Gone, FixedState>,
        out: &mut Vec<Effect>,
    ) {
        let mut resolved: Vec<Alert> = Vec::new();
        for Unclaimed { group, legacy } in inheritance.into_unclaimed() {
            let url = legacy.generator_url();
            let sending =
                Sending { external_labels: &self.settings.external_labels, generator_url: url, valid_until: now };
            let firing = legacy.instances().iter().filter(|instance| instance.course.state == AlertState::Firing);
            resolved.extend(firing.map(|instance| sending.alert(instance)));
            out.extend(legacy.record_keys().map(|key| Effect::Forget { key }));
            let series: Vec<LabelSet> = legacy.series().cloned().collect();
            if series.is_empty() || !self.settings.writes {
                continue;
            }
            if let Some(gone) = gone.get(&group) {
                self.departed.push(Departed {
                    due: now.plus(gone.interval.saturating_mul(2)),
                    timestamp_ms: now.minus(gone.query_offset).as_millis(),
                    series,
                });
            } else if let Some(group) = self.groups.iter_mut().find(|running| running.key == group) {
                group.orphans.extend(series);
            }
        }
        self.send_resolved(resolved, out);
    }

    /// Sends the resolved alerts, but for those another rule fires too: the notifier knows an alert by its labels alone.
    fn send_resolved(&mut self, mut resolved: Vec<Alert>, out: &mut Vec<Effect>) {
        if resolved.is_empty() {
            return;
        }
        let rules = self.groups.iter().flat_map(|group| &group.rules).filter_map(RuleState::alerts);
        let firing = rules.flat_map(|alerts| alerts.active()).filter(|i| i.course.state == AlertState::Firing);
        let external = &self.settings.external_labels;
        let firing: HashSet<LabelSet, FixedState> =
            firing.map(|instance| external.overlay(instance.labels.iter())).collect();
        resolved.retain(|alert| !firing.contains(&alert.labels));
        if !resolved.is_empty() {
            self.tally.alerts_sent += resolved.len() as u64;
            out.push(Effect::Send(resolved));
        }
    }

    /// Marks the series of departed groups whose time has come, unless a rule writes them again.
    pub(super) fn mark_departed(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if self.stopping || !self.departed.iter().any(|departed| departed.due <= now) {
            return;
        }
        let written = self.groups.iter().flat_map(|group| &group.rules).flat_map(|rule| rule.written.iter());
        let written: HashSet<&LabelSet, FixedState> = written.collect();
        let mut markers = Vec::new();
        for departed in self.departed.extract_if(.., |departed| departed.due <= now) {
            let ended = departed.series.into_iter().filter(|series| !written.contains(series));
            markers.extend(ended.map(|series| Sample::stale_marker(series, departed.timestamp_ms)));
        }
        if !markers.is_empty() && self.settings.writes {
            let (settings, waiting, tally) = (&self.settings, &mut self.waiting, &mut self.tally);
            let mut turn = Turn { now, settings, stopping: self.stopping, waiting, tally, out };
            turn.write(Owner::Markers, markers, false);
        }
    }
}

/// A group as it is now configured; the `old` one leaves its rules.
fn replace(
    key: GroupKey,
    spec: RuleGroup,
    old: Option<RunningGroup>,
    now: Timestamp,
    settings: &Settings,
    inheritance: &mut Inheritance,
) -> RunningGroup {
    let rules = rule_states(&spec.rules, &key, settings);
    let mut group = RunningGroup::new(key, spec, rules, now);
    if let Some(mut old) = old {
        old.abandon();
        group.succeed(&mut old);
        inheritance.leave(&old.key, old.rules);
    }
    group
}

/// Rules without a past. Equal ones are numbered.
fn rule_states(rules: &[Arc<Rule>], group: &GroupKey, settings: &Settings) -> Vec<RuleState> {
    let mut equals: HashMap<(&str, &LabelSet), usize, FixedState> = HashMap::default();
    let states = rules.iter().map(|rule| {
        let count = equals.entry((rule.name.as_str(), &rule.labels)).or_default();
        *count += 1;
        RuleState::new(Arc::clone(rule), group, *count - 1, settings)
    });
    states.collect()
}

/// Groups that are not configured any more leave their rules, and no record.
fn bury(
    before: BTreeMap<GroupKey, RunningGroup>,
    groups: &BTreeMap<GroupKey, RunningGroup>,
    inheritance: &mut Inheritance,
    out: &mut Vec<Effect>,
) -> HashMap<GroupKey, Gone, FixedState> {
    let restored = inheritance.recorded_groups().filter(|key| !groups.contains_key(key));
    out.extend(restored.map(|key| Effect::Forget { key: group_key(key) }));
    let mut gone = HashMap::default();
    for (key, mut group) in before {
        group.abandon();
        out.push(Effect::Forget { key: group_key(&key) });
        inheritance.leave(&key, group.rules);
        gone.insert(key, Gone { interval: group.spec.interval, query_offset: group.spec.query_offset });
    }
    gone
}
