//! The stage of one test: series in memory, a rule machine per group, and time that moves from slot to slot.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::source::Diagnostics;
use model::{LabelSet, Timestamp};
use promql::eval::{Answer, Data, Query, SeriesId, Settings, Storage, Value};
use rules_engine::engine::{self, Effect, Engine, Health, RuleView};
use rules_engine::group::whole_multiple;
use rules_engine::rule::{Pace, RuleGroup};
use rules_engine::sample::{QueryAnswer, QueryFailure, QueryValue, Sample};

use super::file::{InputSeries, TestFile, TestGroup};
use super::outcome::go_duration;
use super::pager::Pager;

/// The world of one test.
pub struct Stage<'t> {
    test: &'t TestGroup,
    interval: Duration,
    storage: Storage,
    feeds: Vec<Feed<'t>>,
    /// In the order they are evaluated. A machine each, so that one group ends before the next begins.
    machines: Vec<Engine>,
    queries: HashMap<Arc<str>, Query>,
    settings: Settings,
    pager: Option<Pager>,
}

/// A series that is fed as time goes on: rules must not see its future.
struct Feed<'t> {
    series: &'t InputSeries,
    id: SeriesId,
    fed: usize,
}

/// An instant at which every group is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// After the start of the test.
    pub after: Duration,
    /// When the one after it comes.
    pub next: Duration,
}

/// A rule's alerts are taken up again by nobody here, and results are as new as the slot: nothing else of the settings
/// plays a role.
fn machine_settings(test: &TestGroup) -> engine::Settings {
    engine::Settings {
        external_url: test.external_url.clone(),
        external_labels: test.external_labels.clone(),
        writes: true,
        for_outage_tolerance: Duration::ZERO,
        concurrency: 1,
        ..engine::Settings::default()
    }
}

impl<'t> Stage<'t> {
    /// A stage before its first slot.
    pub fn new(file: &TestFile, test: &'t TestGroup, groups: &[RuleGroup], language: promql::Options) -> Stage<'t> {
        let interval = file.evaluation_interval;
        let mut storage = Storage::new();
        let feed = |series: &'t InputSeries| Feed { series, id: storage.series_id(&series.labels), fed: 0 };
        let feeds = test.series.iter().map(feed).collect();
        let subquery_step_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let settings = Settings { language, subquery_step_ms, ..Settings::default() };
        let own_interval = |group: &RuleGroup| if file.honours_group_interval { group.interval } else { interval };
        let machines = groups.iter().map(|group| machine(test, group, own_interval(group))).collect();
        // Often enough for every group.
        let step = groups.iter().map(own_interval).fold(interval, common_divisor);
        Stage { test, interval: step, storage, feeds, machines, queries: HashMap::new(), settings, pager: None }
    }

    /// Hands the alerts to a notifier with this configuration.
    ///
    /// # Errors
    /// Every mistake of the configuration.
    pub fn page_with(&mut self, config: &Path) -> Result<(), Diagnostics> {
        self.pager = Some(Pager::new(config, self.test.start)?);
        Ok(())
    }

    /// What was sent and was not to be, and what was to be sent and was not.
    pub fn notification_difference(&mut self) -> Option<String> {
        let until = self.test.start.plus(self.test.last_eval_time());
        let (pager, wanted) = (self.pager.as_mut()?, self.test.notifications.as_ref()?);
        pager.run_until(until);
        let differences = pager.timeline().differences(&wanted.expected);
        let head = if self.test.name.is_empty() { String::new() } else { format!("    name: {},\n", self.test.name) };
        let lines: String = differences.iter().map(|line| format!("        {line}\n")).collect();
        (!differences.is_empty()).then(|| format!("{head}    notifications:\n{lines}"))
    }

    /// Every slot up to the last instant the test asks for.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        let (last, interval) = (self.test.last_eval_time(), self.interval);
        let mut after = Some(Duration::ZERO);
        std::iter::from_fn(move || {
            let slot = after.filter(|after| *after <= last)?;
            let next = slot.saturating_add(interval);
            after = Some(next);
            Some(Slot { after: slot, next })
        })
    }

    /// Feeds the series up to a slot and evaluates every group.
    ///
    /// # Errors
    /// A line for each rule that failed.
    pub fn evaluate(&mut self, slot: Slot) -> Result<(), Vec<String>> {
        let now = self.test.start.plus(slot.after);
        self.feed(now);
        if let Some(pager) = &mut self.pager {
            pager.run_until(now);
        }
        let mut failed = Vec::new();
        for at in 0..self.machines.len() {
            self.turn(at, now);
            let rules = self.machines.get(at).into_iter().flat_map(Engine::groups).flat_map(|group| group.rules());
            for rule in rules.filter(|rule| rule.status().health == Health::Bad) {
                let (name, error) = (&rule.rule().name, &rule.status().last_error);
                let time = go_duration(now.since(Timestamp::EPOCH));
                failed.push(format!("    rule: {name}, time: {time}, err: {error}"));
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }

    /// Every alerting rule of this name.
    pub fn alerting_rules<'s>(&'s self, name: &'s str) -> impl Iterator<Item = RuleView<'s>> {
        let rules = self.machines.iter().flat_map(Engine::groups).flat_map(|group| group.rules());
        rules.filter(move |rule| rule.rule().name == name && rule.state().is_some())
    }

    /// The result of an expression at a time after the start.
    ///
    /// # Errors
    /// What is wrong with the expression, or with the series it meets.
    pub fn query(&mut self, expr: &str, after: Duration) -> Result<Answer, String> {
        let at = self.test.start.plus(after);
        self.ask(&Arc::from(expr), at)
    }

    /// The series in memory.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The instant a time after the start is, in milliseconds.
    pub fn at_ms(&self, after: Duration) -> i64 {
        self.test.start.plus(after).as_millis()
    }

    /// Every series with its samples, a line each.
    pub fn shown_series(&self) -> Vec<String> {
        let shown = |series: &promql::eval::Series| {
            let samples = series.samples().into_iter().map(|(at_ms, value)| match value {
                Value::Float(value) => format!("{}@{at_ms}", promql::format_number(value)),
                Value::Histogram(histogram) => format!("{}@{at_ms}", histogram.test_expression()),
            });
            format!("{} {}", series.labels(), samples.collect::<Vec<String>>().join(" "))
        };
        self.storage.series().iter().map(shown).collect()
    }

    fn feed(&mut self, now: Timestamp) {
        for feed in &mut self.feeds {
            while let Some(value) = feed.series.values.get(feed.fed) {
                let steps = u32::try_from(feed.fed).unwrap_or(u32::MAX);
                let at = self.test.start.plus(self.test.interval.saturating_mul(steps));
                if at > now {
                    break;
                }
                feed.fed += 1;
                if let Some(value) = value {
                    // A rule that wrote the same series has the word, as in a server that is scraped late.
                    let _refused = self.storage.append(feed.id, at.as_millis(), value.clone());
                }
            }
        }
    }

    fn turn(&mut self, machine: usize, now: Timestamp) {
        let mut effects = Vec::new();
        if let Some(engine) = self.machines.get_mut(machine) {
            engine.advance(now, &mut effects);
        }
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            let mut more = Vec::new();
            match effect {
                Effect::Query { id, expr, at, .. } => {
                    let answer = self.ask(&expr, at).map_err(QueryFailure::from).and_then(usable);
                    if let Some(engine) = self.machines.get_mut(machine) {
                        engine.queried(now, id, answer, &mut more);
                    }
                }
                Effect::Write { id, samples, .. } => {
                    self.store(samples);
                    if let Some(engine) = self.machines.get_mut(machine) {
                        engine.written(now, id, Ok(()), &mut more);
                    }
                }
                Effect::Send(alerts) => {
                    if let Some(pager) = &mut self.pager {
                        pager.receive(now, alerts);
                    }
                }
                Effect::Persist { .. } | Effect::Forget { .. } | Effect::Log(_) => {}
            }
            effects.extend(more);
        }
    }

    fn ask(&mut self, expr: &Arc<str>, at: Timestamp) -> Result<Answer, String> {
        if !self.queries.contains_key(expr) {
            let query = Query::prepare(expr, &self.settings).map_err(|error| error.located(expr))?;
            self.queries.insert(expr.clone(), query);
        }
        let Some(query) = self.queries.get_mut(expr) else { return Err("the query was lost".to_owned()) };
        query.instant(&self.storage, at.as_millis()).map_err(|error| error.message)
    }

    fn store(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            let id = self.storage.series_id(&sample.labels);
            // Prometheus' rule manager, too, goes on where another sample is there already.
            let _refused = match sample.is_stale_marker() {
                true => self.storage.append_stale(id, sample.timestamp_ms),
                false => self.storage.append(id, sample.timestamp_ms, Value::Float(sample.value)),
            };
        }
    }
}

/// The longest time that divides both.
fn common_divisor(a: Duration, b: Duration) -> Duration {
    let (mut a, mut b) = (a.as_nanos(), b.as_nanos());
    while b > 0 {
        (a, b) = (b, a % b);
    }
    Duration::from_nanos(u64::try_from(a).unwrap_or(u64::MAX)).max(Duration::from_millis(1))
}

/// A machine for one group, whose slots are those of the test.
fn machine(test: &TestGroup, group: &RuleGroup, interval: Duration) -> Engine {
    let origin = whole_multiple(Timestamp::EPOCH, interval);
    let interval_ns = interval.as_nanos().max(1);
    let since_origin = u128::from(test.start.as_nanos().abs_diff(origin.as_nanos()));
    let before = test.start < origin;
    let past = since_origin % interval_ns;
    let offset = if before && past > 0 { interval_ns - past } else { past };
    let offset = Duration::from_nanos(u64::try_from(offset).unwrap_or(0));
    let group =
        RuleGroup { interval, pace: Pace { offset: Some(offset), is_aligned: false, ..group.pace }, ..group.clone() };
    let settings = machine_settings(test);
    let mut engine = Engine::new(settings.clone());
    // The first slot comes after the machine was made.
    let just_before = Timestamp::from_nanos(test.start.as_nanos().saturating_sub(1));
    engine.configure(just_before, vec![group], settings, &mut Vec::new());
    engine
}

/// An answer as rules use it.
///
/// # Errors
/// It is none that a rule can use.
pub(crate) fn usable(answer: Answer) -> Result<QueryAnswer, QueryFailure> {
    let value = match answer.data {
        Data::Scalar(value) => QueryValue::Scalar(value),
        Data::Vector(samples) => {
            let float = |sample: promql::eval::InstantSample| -> Result<(LabelSet, f64), QueryFailure> {
                let value = sample.value.float().ok_or("rules whose result is a histogram are not supported yet")?;
                Ok((sample.labels, value))
            };
            QueryValue::Vector(samples.into_iter().map(float).collect::<Result<_, _>>()?)
        }
        Data::Text(_) | Data::Matrix(_) => {
            return Err("rule result is not a vector or scalar".into());
        }
    };
    Ok(QueryAnswer { value, warnings: Vec::new() })
}
