//! What rules leave to their successors: on a reload the rules as they ran, after a restart what was recorded of them.
//!
//! A rule is the same if its kind, name and labels are; of several equals the first inherits from the first. It is looked
//! for in its own group, and, beyond what Prometheus does, in the other groups too: moving a rule to another file
//! neither resolves its alerts nor restarts their `for`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::{ClockStep, LabelSet, Timestamp};

use super::rule_state::{Body, RuleState};
use super::{Effect, LogLevel, LogLine, Settings};
use crate::alerting::{AlertState, Alerts, Instance};
use crate::group::GroupKey;
use crate::record::{Record, RecordV1, RuleKey, alert_key};
use crate::recording::WrittenSeries;
use crate::rule::{Rule, RuleKind};

/// Most equal rules a record may speak of: guards against damaged numbers.
const MOST_DUPLICATES: usize = 10_000;

/// What the rules of one group leave, in order among equals.
type Estate = HashMap<Kin, VecDeque<Legacy>, FixedState>;

/// What makes a rule the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Kin {
    is_alerting: bool,
    name: String,
    labels: LabelSet,
}

/// What one rule leaves.
#[derive(Debug, Default)]
pub(super) struct Legacy {
    /// What its records' keys begin with; empty for a recording rule.
    record_prefix: String,
    instances: Vec<Instance>,
    written: WrittenSeries,
    /// How often the past of its alerts may still be asked for.
    inquiries: u32,
    /// The state it ran in, if it ran in this process.
    state: Option<RuleState>,
}

/// What no rule has inherited.
pub(super) struct Unclaimed {
    pub(super) group: GroupKey,
    pub(super) legacy: Legacy,
}

/// All that can be inherited.
#[derive(Debug, Default)]
pub(super) struct Inheritance {
    groups: BTreeMap<GroupKey, Estate>,
    last_evaluations: BTreeMap<GroupKey, Timestamp>,
}

impl Kin {
    fn of(rule: &Rule) -> Self {
        let is_alerting = matches!(rule.kind, RuleKind::Alerting(_));
        Self { is_alerting, name: rule.name.clone(), labels: rule.labels.clone() }
    }
}

impl Inheritance {
    /// Leaves the rules of a group.
    pub(super) fn leave(&mut self, group: &GroupKey, rules: Vec<RuleState>) {
        let estate = self.groups.entry(group.clone()).or_default();
        for rule in rules {
            estate.entry(Kin::of(&rule.rule)).or_default().push_back(Legacy::of(rule));
        }
    }

    /// Leaves what was recorded. Records that cannot be read stay where they are, and are told of.
    pub(super) fn leave_records(
        &mut self,
        records: impl IntoIterator<Item = (String, Vec<u8>)>,
        out: &mut Vec<Effect>,
    ) {
        for (key, value) in records {
            match Record::from_json(&value) {
                Ok(Record::V1(RecordV1::Group(group))) => {
                    let last = Timestamp::from_nanos(group.last_evaluation);
                    self.last_evaluations.insert(GroupKey::new(&group.file, &group.name), last);
                }
                Ok(Record::V1(RecordV1::Alert(alert))) => {
                    let rule = alert.rule.clone();
                    self.leave_instance(&rule, alert.into_instance());
                }
                Err(error) => out.push(Effect::Log(LogLine {
                    level: LogLevel::Warn,
                    group: "".into(),
                    rule: "".into(),
                    text: format!("the stored record {key:?} cannot be read and is left alone: {error}"),
                })),
            }
        }
    }

    fn leave_instance(&mut self, rule: &RuleKey, instance: Instance) {
        let estate = self.groups.entry(GroupKey::new(&rule.file, &rule.group)).or_default();
        let kin = Kin { is_alerting: true, name: rule.name.clone(), labels: rule.labels.0.clone() };
        let equals = estate.entry(kin).or_default();
        let place = rule.duplicate.min(MOST_DUPLICATES);
        if equals.len() <= place {
            equals.resize_with(place + 1, Legacy::default);
        }
        if let Some(legacy) = equals.get_mut(place) {
            legacy.record_prefix = rule.prefix();
            // What was sent last may have waited for a notifier when the process ended: it is sent once more.
            legacy.instances.push(instance.unsent());
        }
    }

    /// After a downtime of more than the tolerance, pending alerts are not continued. Their records are dropped.
    pub(super) fn age(&mut self, now: Timestamp, settings: &Settings, out: &mut Vec<Effect>) {
        for (group, estate) in &mut self.groups {
            let mut last = self.last_evaluations.get_mut(group);
            if let Some(last) = last.as_mut().filter(|last| ***last > now) {
                // The clock was set back while the process was down.
                let step = ClockStep::Back(last.since(now));
                let instances = estate.values_mut().flatten().flat_map(|legacy| &mut legacy.instances);
                instances.for_each(|instance| instance.course = instance.course.moved(step, now));
                **last = now;
            }
            if last.is_some_and(|last| now.since(*last) <= settings.for_outage_tolerance) {
                continue;
            }
            for legacy in estate.values_mut().flatten() {
                let is_pending = |instance: &mut Instance| instance.course.state == AlertState::Pending;
                for instance in legacy.instances.extract_if(.., is_pending) {
                    out.push(Effect::Forget { key: alert_key(&legacy.record_prefix, &instance.labels) });
                }
            }
        }
    }

    /// Whether it is recorded what alerts a group had a while ago, and so which it had not.
    pub(super) fn knows(&self, group: &GroupKey, now: Timestamp, tolerance: Duration) -> bool {
        self.last_evaluations.get(group).is_some_and(|last| now.since(*last) <= tolerance)
    }

    /// What `rule` inherits from its own group.
    pub(super) fn claim(&mut self, group: &GroupKey, rule: &Rule) -> Option<Legacy> {
        self.groups.get_mut(group)?.get_mut(&Kin::of(rule))?.pop_front()
    }

    /// What `rule` inherits from any group, in their order.
    pub(super) fn claim_anywhere(&mut self, rule: &Rule) -> Option<Legacy> {
        let kin = Kin::of(rule);
        self.groups.values_mut().find_map(|estate| estate.get_mut(&kin)?.pop_front())
    }

    /// When a group was last evaluated, by its record.
    pub(super) fn recorded_groups(&self) -> impl Iterator<Item = &GroupKey> {
        self.last_evaluations.keys()
    }

    /// What is left, ordered.
    pub(super) fn into_unclaimed(self) -> impl Iterator<Item = Unclaimed> {
        self.groups.into_iter().flat_map(|(group, estate)| {
            let ordered: BTreeMap<Kin, VecDeque<Legacy>> = estate.into_iter().collect();
            ordered.into_values().flatten().map(move |legacy| Unclaimed { group: group.clone(), legacy })
        })
    }
}

impl Legacy {
    fn of(mut state: RuleState) -> Self {
        let (record_prefix, instances, inquiries) = match &mut state.body {
            Body::Recording(_) => (String::new(), Vec::new(), 0),
            Body::Alerting(alerting) => {
                let instances = std::mem::take(&mut alerting.alerts).into_instances();
                (alerting.record_prefix.clone(), instances, alerting.inquiries)
            }
        };
        let written = std::mem::take(&mut state.written);
        Self { record_prefix, instances, written, inquiries, state: Some(state) }
    }

    /// Hands everything to the rule's successor. If the keys of its records are others, the old ones are `outdated`.
    pub(super) fn pass_to(self, heir: &mut RuleState, outdated: &mut Vec<Effect>) {
        heir.written = self.written;
        if let Some(state) = self.state
            && state.rule == heir.rule
        {
            (heir.status, heir.history, heir.tally) = (state.status, state.history, state.tally);
        }
        let Body::Alerting(alerting) = &mut heir.body else { return };
        alerting.inquiries = self.inquiries;
        alerting.alerts = Alerts::from_instances(self.instances);
        if alerting.record_prefix != self.record_prefix {
            for labels in alerting.alerts.unrecord() {
                outdated.push(Effect::Forget { key: alert_key(&self.record_prefix, &labels) });
            }
        }
    }

    /// The series it wrote last.
    pub(super) fn series(&self) -> impl Iterator<Item = &LabelSet> {
        self.written.iter()
    }

    /// The link to its expression, as far as that is known.
    pub(super) fn generator_url(&self) -> Arc<str> {
        match self.state.as_ref().map(|state| &state.body) {
            Some(Body::Alerting(alerting)) => alerting.generator_url(),
            _ => "".into(),
        }
    }

    /// Its alerts.
    pub(super) fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// The keys of its records.
    pub(super) fn record_keys(&self) -> impl Iterator<Item = String> {
        self.instances.iter().filter(|i| i.is_recorded()).map(|i| alert_key(&self.record_prefix, &i.labels))
    }
}
