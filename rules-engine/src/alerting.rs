//! One rule's alerts: what a round of results makes of them, and what is to be sent, written and remembered.

mod instance;
mod restoration;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::{Alert, ClockStep, LabelSet, Timestamp};

pub use instance::{AlertState, Course, Holds, Instance, RESOLVED_RETENTION};
pub use restoration::Restoration;

use crate::sample::Sample;

/// So many series beyond a limit are still rendered, to say exactly how many alerts they make.
const RENDERED_BEYOND_LIMIT_MAX: usize = 1000;

/// The alerts of one rule, one per label set, in the order they came up.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    instances: Vec<Instance>,
    /// Where the instance rendered from a series is.
    by_source: HashMap<LabelSet, usize, FixedState>,
    /// Where the instance with these labels is.
    by_labels: HashMap<LabelSet, usize, FixedState>,
    round: u64,
    transitions: Transitions,
}

/// How many alerts changed their state in an evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transitions {
    /// Became pending and still are.
    pub pending: u32,
    /// Began to fire.
    pub firing: u32,
    /// Stopped firing.
    pub resolved: u32,
    /// Were pending and vanished before they fired.
    pub withdrawn: u32,
}

/// One series of a result, rendered.
#[derive(Debug, Clone)]
pub struct Row {
    /// The series' own labels.
    pub source: LabelSet,
    /// Its value.
    pub value: f64,
    /// The alert's labels.
    pub labels: LabelSet,
    /// Where the alert with these labels is, if that is known already.
    pub at: Option<usize>,
    /// The alert's annotations.
    pub annotations: LabelSet,
}

impl Transitions {
    fn count(&mut self, before: &Course, after: &Course, ts: Timestamp) {
        let is_new = after.active_at == ts;
        match (before.state, after.state) {
            (AlertState::Pending, AlertState::Pending) if is_new => self.pending += 1,
            (AlertState::Firing, AlertState::Pending) => self.pending += 1,
            (AlertState::Pending, AlertState::Firing) => self.firing += 1,
            (AlertState::Firing, AlertState::Inactive) => self.resolved += 1,
            _ => {}
        }
    }
}

impl Alerts {
    /// Takes over instances: from records, or from the rule as it was before a reload. They are rendered anew.
    pub fn from_instances(instances: impl IntoIterator<Item = Instance>) -> Self {
        let mut alerts = Self::default();
        for mut instance in instances {
            instance.source = None;
            alerts.by_labels.insert(instance.labels.clone(), alerts.instances.len());
            alerts.instances.push(instance);
        }
        alerts
    }

    /// The clock was moved, and now is `now`.
    pub fn follow_clock(&mut self, step: ClockStep, now: Timestamp) {
        for instance in &mut self.instances {
            instance.course = instance.course.moved(step, now);
        }
    }

    /// All instances, resolved ones included.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Gives the instances up.
    pub fn into_instances(self) -> Vec<Instance> {
        self.instances
    }

    /// The instance last rendered from the series `source`, and its place; it is looked for at `guess` first.
    pub fn rendered_from(&self, source: &LabelSet, guess: usize) -> Option<(usize, &Instance)> {
        let guessed = self.instances.get(guess);
        if let Some(instance) = guessed.filter(|guessed| guessed.source.as_ref().is_some_and(|own| own.is_same(source)))
        {
            return Some((guess, instance));
        }
        let &at = self.by_source.get(source)?;
        Some((at, self.instances.get(at)?))
    }

    /// The most severe state, inactive if there are no alerts.
    pub fn state(&self) -> AlertState {
        self.instances.iter().map(|instance| instance.course.state).max().unwrap_or(AlertState::Inactive)
    }

    /// What the last evaluation that could be settled changed.
    pub fn transitions(&self) -> Transitions {
        self.transitions
    }

    /// Pending and firing alerts.
    pub fn active(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(|instance| instance.is_active())
    }

    /// Takes the rows of the evaluation at `ts`. `dropped` gets the labels of recorded alerts that are gone.
    ///
    /// # Errors
    /// Two rows have the same labels; nothing changes then.
    pub fn settle(
        &mut self,
        mut rows: Vec<Row>,
        ts: Timestamp,
        holds: Holds,
        dropped: &mut Vec<LabelSet>,
    ) -> Result<(), String> {
        self.find_distinct(&mut rows)?;
        self.round += 1;
        for row in rows {
            self.present(row, ts);
        }
        let round = self.round;
        let before = self.instances.len();
        let mut transitions = Transitions::default();
        self.instances.retain_mut(|instance| match instance.course.at(ts, instance.present_in == round, holds) {
            Some(course) => {
                transitions.count(&instance.course, &course, ts);
                instance.course = course;
                true
            }
            None => {
                transitions.withdrawn += u32::from(instance.course.state == AlertState::Pending);
                dropped.extend(instance.recorded.map(|_| instance.labels.clone()));
                false
            }
        });
        self.transitions = transitions;
        if self.instances.len() < before {
            self.index();
        }
        Ok(())
    }

    /// Finds the place of each row's alert.
    fn find_distinct(&self, rows: &mut [Row]) -> Result<(), String> {
        let mut taken = vec![false; self.instances.len()];
        let mut new: HashSet<&LabelSet, FixedState> = HashSet::default();
        for row in rows {
            row.at = row.at.or_else(|| self.by_labels.get(&row.labels).copied());
            let is_first = match row.at.and_then(|at| taken.get_mut(at)) {
                Some(taken) => !std::mem::replace(taken, true),
                None => new.insert(&row.labels),
            };
            if !is_first {
                return Err("vector contains metrics with the same labelset after applying alert labels".to_owned());
            }
        }
        Ok(())
    }

    /// An alert is there: it is new, or its value and annotations are.
    fn present(&mut self, row: Row, ts: Timestamp) {
        let Row { source, value, labels, at, annotations } = row;
        let Some((at, instance)) = at.and_then(|at| Some((at, self.instances.get_mut(at)?))) else {
            let at = self.instances.len();
            self.by_labels.insert(labels.clone(), at);
            self.by_source.insert(source.clone(), at);
            let mut instance = Instance::new(labels, annotations, value, Course::pending(ts));
            (instance.source, instance.present_in) = (Some(source), self.round);
            self.instances.push(instance);
            return;
        };
        if !instance.is_active() {
            instance.course = Course::pending(ts);
        }
        (instance.value, instance.annotations, instance.present_in) = (value, annotations, self.round);
        if instance.source.as_ref().is_some_and(|own| own.is_same(&source)) {
            return;
        }
        if instance.source.as_ref() == Some(&source) {
            // from now on it is known by this very set
            instance.source = Some(source);
        } else {
            if let Some(older) = instance.source.replace(source.clone())
                && self.by_source.get(&older) == Some(&at)
            {
                self.by_source.remove(&older);
            }
            self.by_source.insert(source, at);
        }
    }

    /// Rebuilds the indexes after instances have moved up.
    fn index(&mut self) {
        self.by_labels.clear();
        self.by_source.clear();
        for (at, instance) in self.instances.iter().enumerate() {
            self.by_labels.insert(instance.labels.clone(), at);
            if let Some(source) = &instance.source {
                self.by_source.insert(source.clone(), at);
            }
        }
    }

    /// What becomes of more active alerts than `limit` (0 is unlimited) allows. As in Prometheus all alerts of the rule
    /// are dropped, unresolved, and their `for` starts over; the one place to change that.
    ///
    /// # Errors
    /// The limit was exceeded.
    pub fn enforce_limit(&mut self, limit: usize, dropped: &mut Vec<LabelSet>) -> Result<(), String> {
        self.enforce_limit_for(limit, self.active().count(), dropped)
    }

    /// The same for a result of so many series, before they are rendered: far beyond the limit that would be in vain, and
    /// keep the other rules waiting. Series that would come out as equal alerts count as well.
    ///
    /// # Errors
    /// The limit was exceeded, and by far.
    pub fn refuse_beyond(&mut self, limit: usize, series: usize, dropped: &mut Vec<LabelSet>) -> Result<(), String> {
        match series > limit.saturating_add(RENDERED_BEYOND_LIMIT_MAX) {
            true => self.enforce_limit_for(limit, series, dropped),
            false => Ok(()),
        }
    }

    fn enforce_limit_for(&mut self, limit: usize, active: usize, dropped: &mut Vec<LabelSet>) -> Result<(), String> {
        if limit == 0 || active <= limit {
            return Ok(());
        }
        let recorded = self.instances.drain(..).filter(|instance| instance.recorded.is_some());
        dropped.extend(recorded.map(|instance| instance.labels));
        self.index();
        Err(format!("exceeded limit of {limit} with {active} alerts"))
    }

    /// The samples that show the active alerts, `ALERTS` and `ALERTS_FOR_STATE`; `rule_labels` as written.
    pub fn samples(&mut self, rule_labels: &LabelSet, timestamp_ms: i64) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(2 * self.instances.len());
        for instance in self.instances.iter_mut().filter(|instance| instance.is_active()) {
            let since = instance.course.active_at.as_nanos().div_euclid(1_000_000_000) as f64;
            let (alerts, for_state) = instance.series(rule_labels);
            samples.push(Sample { labels: alerts, timestamp_ms, value: 1.0 });
            samples.push(Sample { labels: for_state, timestamp_ms, value: since });
        }
        samples
    }

    /// The alerts that are due at evaluation `ts`, marked as sent.
    pub fn due(&mut self, ts: Timestamp, resend_delay: Duration, sending: &Sending<'_>) -> Vec<Alert> {
        let mut due = Vec::new();
        for instance in &mut self.instances {
            if instance.course.is_due(ts, resend_delay) {
                instance.course.last_sent_at = Some(ts);
                due.push(sending.alert(instance));
            }
        }
        due
    }

    /// Calls `keep` for each alert whose record is out of date, and takes it for recorded; with `true` where nothing but
    /// its repetition is not recorded.
    pub fn each_unrecorded(&mut self, mut keep: impl FnMut(&Instance, bool)) {
        for instance in &mut self.instances {
            if instance.recorded != Some(instance.course) {
                let was_repeated = instance.recorded.is_some_and(|recorded| instance.course.is_repeated(&recorded));
                keep(instance, was_repeated);
                instance.recorded = Some(instance.course);
            }
        }
    }

    /// Takes no alert for recorded any more: their records have moved to other keys. Gives the labels of those that were.
    pub fn unrecord(&mut self) -> Vec<LabelSet> {
        let recorded =
            self.instances.iter_mut().filter_map(|instance| instance.recorded.take().map(|_| &instance.labels));
        recorded.cloned().collect()
    }
}

/// How an instance becomes an alert that is sent.
#[derive(Debug, Clone)]
pub struct Sending<'a> {
    /// Added where absent.
    pub external_labels: &'a LabelSet,
    /// Link to the expression.
    pub generator_url: Arc<str>,
    /// When a firing alert is to be taken for resolved unless it is sent again.
    pub valid_until: Timestamp,
}

impl Sending<'_> {
    /// The alert as it is sent.
    pub fn alert(&self, instance: &Instance) -> Alert {
        let labels = match self.external_labels.is_empty() {
            true => instance.labels.clone(),
            false => self.external_labels.overlay(instance.labels.iter()),
        };
        Alert {
            labels,
            annotations: instance.annotations.clone(),
            starts_at: instance.course.fired_at,
            ends_at: Some(instance.course.resolved_at.unwrap_or(self.valid_until)),
            generator_url: Arc::clone(&self.generator_url),
        }
    }
}
