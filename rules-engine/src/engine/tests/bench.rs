//! An engine, a data source that is a table, a store that is a map, and a clock that is a number.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{Alert, LabelSet, Timestamp};

use crate::engine::{Effect, Engine, LogLine, QueryId, Settings, WriteId};
use crate::rule::{Alerting, Pace, Rule, RuleGroup, RuleKind};
use crate::sample::{QueryAnswer, QueryFailure, Sample};

pub(super) const FILE: &str = "rules.yml";

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// `job=a instance=b`.
pub(super) fn labels(text: &str) -> LabelSet {
    LabelSet::from_pairs(text.split_whitespace().map(|pair| pair.split_once('=').expect("a label")))
}

pub(in crate::engine) fn alert(name: &str, expr: &str) -> Rule {
    let alerting = Alerting { hold: Duration::ZERO, keep_firing_for: Duration::ZERO, annotations: LabelSet::empty() };
    rule(name, expr, RuleKind::Alerting(alerting))
}

pub(in crate::engine) fn record(name: &str, expr: &str) -> Rule {
    rule(name, expr, RuleKind::Recording)
}

fn rule(name: &str, expr: &str, kind: RuleKind) -> Rule {
    let (name, expr) = (name.to_owned(), expr.to_owned());
    let shown_expr = expr.clone();
    Rule { name, shown_expr, expr, labels: LabelSet::empty(), kind, history: None, is_logged: false }
}

impl Rule {
    fn alerting(mut self, change: impl FnOnce(&mut Alerting)) -> Self {
        if let RuleKind::Alerting(alerting) = &mut self.kind {
            change(alerting);
        }
        self
    }

    pub(super) fn hold(self, duration: u64) -> Self {
        self.alerting(|alerting| alerting.hold = secs(duration))
    }

    pub(super) fn keep(self, duration: u64) -> Self {
        self.alerting(|alerting| alerting.keep_firing_for = secs(duration))
    }

    pub(in crate::engine) fn note(self, name: &str, text: &str) -> Self {
        self.alerting(|alerting| alerting.annotations = alerting.annotations.with(name, text))
    }

    pub(super) fn label(mut self, name: &str, text: &str) -> Self {
        self.labels = self.labels.with(name, text);
        self
    }
}

pub(super) fn group(name: &str, interval: u64, rules: impl IntoIterator<Item = Rule>) -> RuleGroup {
    RuleGroup {
        name: name.to_owned(),
        file: FILE.to_owned(),
        interval: secs(interval),
        limit: 0,
        query_offset: Duration::ZERO,
        source: Arc::default(),
        pace: Pace::default(),
        rules: rules.into_iter().map(Arc::new).collect(),
    }
}

pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) now: Timestamp,
    /// The first slot of the first group: `t+0` below.
    pub(super) zero: Timestamp,
    pub(super) answers: BTreeMap<String, Result<QueryAnswer, QueryFailure>>,
    pub(super) write_error: Option<String>,
    pub(super) records: BTreeMap<String, Vec<u8>>,
    /// Every change of records, in order.
    pub(super) changes: Vec<(String, Option<Vec<u8>>)>,
    pub(super) queries: Vec<(String, Timestamp)>,
    pub(super) writes: Vec<Vec<Sample>>,
    pub(super) sent: Vec<(Timestamp, Alert)>,
    /// For each alert that was sent, how many changes of records came before it.
    pub(super) changes_before: Vec<(Alert, usize)>,
    pub(super) log: Vec<LogLine>,
    /// Queries and writes are left open instead of being answered at once.
    pub(super) hold_back: bool,
    pub(super) open_queries: VecDeque<(QueryId, String)>,
    pub(super) open_writes: VecDeque<WriteId>,
}

impl Bench {
    pub(super) fn new(groups: Vec<RuleGroup>) -> Self {
        Self::with(Settings { writes: true, ..Settings::default() }, groups)
    }

    /// One rule after the other.
    pub(super) fn in_order(groups: Vec<RuleGroup>) -> Self {
        Self::with(Settings { writes: true, concurrency: 1, ..Settings::default() }, groups)
    }

    pub(super) fn with(settings: Settings, groups: Vec<RuleGroup>) -> Self {
        Self::restored(settings, groups, Timestamp::from_secs(1_700_000_000), BTreeMap::new())
    }

    /// A service that starts at `now` with these records.
    pub(super) fn restored(
        settings: Settings,
        groups: Vec<RuleGroup>,
        now: Timestamp,
        records: BTreeMap<String, Vec<u8>>,
    ) -> Self {
        let mut engine = Engine::new(settings.clone());
        let mut out = Vec::new();
        engine.restore(records.clone(), &mut out);
        engine.configure(now, groups, settings, &mut out);
        let mut bench = Self {
            zero: engine.next_wake().unwrap_or(now),
            engine,
            now,
            answers: BTreeMap::new(),
            write_error: None,
            changes: records.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect(),
            records,
            queries: Vec::new(),
            writes: Vec::new(),
            sent: Vec::new(),
            changes_before: Vec::new(),
            log: Vec::new(),
            hold_back: false,
            open_queries: VecDeque::new(),
            open_writes: VecDeque::new(),
        };
        bench.perform(out);
        bench
    }

    /// The service dies and starts again after `downtime`, with these groups. `t+0` stays where it was.
    pub(super) fn restart(self, downtime: u64, groups: Vec<RuleGroup>) -> Self {
        let now = self.now.plus(secs(downtime));
        let settings = self.engine.settings().clone();
        let mut bench = Self::restored(settings, groups, now, self.records);
        bench.zero = self.zero;
        bench.answers = self.answers;
        bench
    }

    /// How many changes of records have to be stored before an alert that was sent may leave.
    pub(super) fn stored_before(&self, sent: &Alert) -> usize {
        self.changes_before.iter().rev().find(|(alert, _)| alert == sent).map_or(usize::MAX, |(_, changes)| *changes)
    }

    /// Likewise, but of the changes of records only the first `kept` have reached the disk.
    pub(super) fn crash(mut self, kept: usize, downtime: u64, groups: Vec<RuleGroup>) -> Self {
        self.records.clear();
        for (key, value) in self.changes.drain(..kept) {
            match value {
                Some(value) => self.records.insert(key, value),
                None => self.records.remove(&key),
            };
        }
        self.restart(downtime, groups)
    }

    pub(super) fn reload(&mut self, groups: Vec<RuleGroup>) {
        let settings = self.engine.settings().clone();
        self.reload_with(settings, groups);
    }

    pub(super) fn reload_with(&mut self, settings: Settings, groups: Vec<RuleGroup>) {
        let mut out = Vec::new();
        self.engine.configure(self.now, groups, settings, &mut out);
        self.perform(out);
    }

    /// From now on `expr` gives these series: `instance=a 1`.
    pub(super) fn set(&mut self, expr: &str, series: &[&str]) {
        let series = series.iter().map(|text| {
            let (own, value) = text.rsplit_once(' ').unwrap_or(("", text));
            (labels(own), value.parse().expect("a value"))
        });
        self.answers.insert(expr.to_owned(), Ok(QueryAnswer::vector(series.collect())));
    }

    pub(super) fn fail(&mut self, expr: &str, error: &str) {
        self.answers.insert(expr.to_owned(), Err(error.into()));
    }

    /// Likewise, in a way that may pass.
    pub(super) fn fail_for_now(&mut self, expr: &str, error: &str) {
        self.answers.insert(expr.to_owned(), Err(QueryFailure::passing(error)));
    }

    /// Lets the time pass up to `t+offset`.
    pub(super) fn run_to(&mut self, offset: u64) {
        let end = self.zero.plus(secs(offset));
        while let Some(wake) = self.engine.next_wake().filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            self.advance();
        }
        self.now = self.now.max(end);
    }

    pub(super) fn advance(&mut self) {
        let mut out = Vec::new();
        self.engine.advance(self.now, &mut out);
        self.perform(out);
    }

    pub(super) fn answer(&mut self, id: QueryId, answer: Result<QueryAnswer, QueryFailure>) {
        let mut out = Vec::new();
        self.engine.queried(self.now, id, answer, &mut out);
        self.perform(out);
    }

    pub(super) fn report(&mut self, id: WriteId, outcome: Result<(), String>) {
        let mut out = Vec::new();
        self.engine.written(self.now, id, outcome, &mut out);
        self.perform(out);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let mut queue = VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            let mut out = Vec::new();
            match effect {
                Effect::Query { id, expr, at, deadline, .. } => {
                    assert!(deadline > self.now);
                    self.queries.push((expr.to_string(), at));
                    match self.hold_back {
                        true => self.open_queries.push_back((id, expr.to_string())),
                        false => self.engine.queried(self.now, id, self.table(&expr), &mut out),
                    }
                }
                Effect::Write { id, samples, .. } => {
                    assert!(!samples.is_empty());
                    self.writes.push(samples);
                    let outcome = self.write_error.clone().map_or(Ok(()), Err);
                    match self.hold_back {
                        true => self.open_writes.push_back(id),
                        false => self.engine.written(self.now, id, outcome, &mut out),
                    }
                }
                Effect::Send(alerts) => {
                    assert!(!alerts.is_empty());
                    self.changes_before.extend(alerts.iter().map(|alert| (alert.clone(), self.changes.len())));
                    self.sent.extend(alerts.into_iter().map(|alert| (self.now, alert)));
                }
                Effect::Persist { key, value, .. } => {
                    self.changes.push((key.clone(), Some(value.clone())));
                    self.records.insert(key, value);
                }
                Effect::Forget { key } => {
                    self.changes.push((key.clone(), None));
                    self.records.remove(&key);
                }
                Effect::Log(line) => self.log.push(line),
            }
            queue.extend(out);
        }
    }

    pub(super) fn table(&self, expr: &str) -> Result<QueryAnswer, QueryFailure> {
        self.answers.get(expr).cloned().unwrap_or_else(|| Ok(QueryAnswer::vector(Vec::new())))
    }

    /// `t+15`.
    pub(super) fn at(&self, time: Timestamp) -> String {
        match time >= self.zero {
            true => format!("t+{}", time.since(self.zero).as_secs_f64()),
            false => format!("t-{}", self.zero.since(time).as_secs_f64()),
        }
    }

    /// Takes what was sent: time, state, who, from when, until when.
    pub(super) fn sent(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        let tell = |(now, alert): &(Timestamp, Alert)| {
            let end = alert.ends_at.expect("always given");
            let state = if end <= *now { "resolved" } else { "firing" };
            let start = self.at(alert.starts_at.expect("always given"));
            format!("{} {state} {} {start}..{}", self.at(*now), alert.labels, self.at(end))
        };
        sent.iter().map(tell).collect()
    }

    /// Takes what was written, sorted: time, series, value.
    pub(super) fn written(&mut self) -> Vec<String> {
        let writes = std::mem::take(&mut self.writes);
        let zero_ms = self.zero.as_millis();
        let tell = |sample: &Sample| {
            let value = if sample.is_stale_marker() { "stale".to_owned() } else { sample.value.to_string() };
            let name = sample.labels.get_or_empty("__name__");
            let rest = sample.labels.without("__name__");
            format!("t{:+} {name}{rest} {value}", (sample.timestamp_ms - zero_ms) as f64 / 1000.0)
        };
        writes.iter().flatten().map(tell).collect()
    }

    /// State of each instance of the only rule, resolved ones too: `firing {alertname="A"}`.
    pub(super) fn states(&self) -> Vec<String> {
        let rules = self.engine.groups().flat_map(|group| group.rules());
        let instances = rules.flat_map(|rule| rule.instances());
        instances.map(|instance| format!("{} {}", instance.course.state, instance.labels)).collect()
    }

    /// Health and error of each rule: `ok`, `err: text`.
    pub(super) fn healths(&self) -> Vec<String> {
        let rules = self.engine.groups().flat_map(|group| group.rules());
        let tell = |status: &crate::engine::RuleStatus| match status.last_error.as_str() {
            "" => status.health.as_str().to_owned(),
            error => format!("{}: {error}", status.health.as_str()),
        };
        rules.map(|rule| tell(rule.status())).collect()
    }

    pub(super) fn alert_records(&self) -> usize {
        self.records.keys().filter(|key| key.starts_with("alert/")).count()
    }
}
