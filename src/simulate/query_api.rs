//! The query API of a simulation: answers as the scenario says, and what rules have recorded.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use model::labels::METRIC_NAME;
use model::{LabelSet, Timestamp};
use promql::eval::{Query, Settings, Storage, Value};
use rules_engine::rule::Rule;
use rules_engine::sample::{QueryAnswer, QueryFailure, Sample};

use super::scenario::{Answer, Asked, Reply, Scenario};
use crate::unit_test::stage::usable;

/// A sample older than this is not seen any more, as in Prometheus.
const LOOKBACK: Duration = Duration::from_secs(300);

/// Answers by expression, and recorded series.
pub(super) struct QueryApi<'a> {
    scenario: &'a Scenario,
    answers: HashMap<String, &'a Answer>,
    /// The newest sample of each series, unless it was a marker of its end.
    recorded: BTreeMap<LabelSet, (i64, f64)>,
    /// The scenario's series, what was recorded among them; empty if it has none.
    storage: Storage,
    queries: HashMap<String, Query>,
    down_until: Timestamp,
}

impl<'a> QueryApi<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        Self {
            scenario,
            answers: HashMap::new(),
            recorded: BTreeMap::new(),
            storage: scenario.storage.clone().unwrap_or_default(),
            queries: HashMap::new(),
            down_until: Timestamp::MIN,
        }
    }

    /// Learns which expressions the rules have.
    pub(super) fn learn<'r>(&mut self, rules: impl Iterator<Item = &'r Arc<Rule>>) {
        let mut exprs: HashMap<&str, Vec<&str>> = HashMap::new();
        for rule in rules {
            exprs.entry(&rule.name).or_default().push(&rule.expr);
        }
        self.answers.clear();
        // Of several answers to an expression the first counts.
        for answer in self.scenario.answers.iter().rev() {
            let asked = match &answer.asked {
                Asked::Expr(expr) => vec![expr.as_str()],
                Asked::Rule(name) => exprs.get(name.as_str()).cloned().unwrap_or_default(),
            };
            self.answers.extend(asked.into_iter().map(|expr| (expr.to_owned(), answer)));
        }
    }

    /// No answers before an instant.
    pub(super) fn fail_until(&mut self, instant: Timestamp) {
        self.down_until = instant;
    }

    /// Takes what rules write.
    pub(super) fn store(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            if self.scenario.storage.is_some() {
                let id = self.storage.series_id(&sample.labels);
                // A marker is a value with bits of its own.
                let _refused = self.storage.append(id, sample.timestamp_ms, Value::Float(sample.value));
                continue;
            }
            if sample.is_stale_marker() {
                self.recorded.remove(&sample.labels);
            } else {
                self.recorded.insert(sample.labels, (sample.timestamp_ms, sample.value));
            }
        }
    }

    /// The answer to an instant query.
    ///
    /// # Errors
    /// It is away, which may pass; or the scenario says that the expression is at fault, which asking again does not mend.
    pub(super) fn answer(&mut self, expr: &str, at: Timestamp, now: Timestamp) -> Result<QueryAnswer, QueryFailure> {
        if now < self.down_until {
            return Err(QueryFailure::passing("the query API is away"));
        }
        match self.answers.get(expr).map(|answer| &answer.reply) {
            Some(Reply::Error(error)) => Err(error.as_str().into()),
            Some(Reply::Series { step, series }) => {
                let step = at.since(self.scenario.start).as_nanos() / step.as_nanos().max(1);
                let step = usize::try_from(step).unwrap_or(usize::MAX);
                let value = |values: &[Option<f64>]| values.get(step).copied().flatten();
                let rows = series.iter().filter_map(|(labels, values)| Some((labels.clone(), value(values)?)));
                Ok(QueryAnswer::vector(rows.collect()))
            }
            None if self.scenario.storage.is_some() => self.evaluate(expr, at),
            None => Ok(QueryAnswer::vector(self.select(expr, at))),
        }
    }

    /// What the engine says.
    fn evaluate(&mut self, expr: &str, at: Timestamp) -> Result<QueryAnswer, QueryFailure> {
        if !self.queries.contains_key(expr) {
            let query = Query::prepare(expr, &Settings::default()).map_err(|error| error.located(expr))?;
            self.queries.insert(expr.to_owned(), query);
        }
        let Some(query) = self.queries.get_mut(expr) else { return Err("the query was lost".into()) };
        usable(query.instant(&self.storage, at.as_millis()).map_err(|error| error.located(expr))?)
    }

    /// `metric`, or `metric > number`, of what was recorded.
    fn select(&self, expr: &str, at: Timestamp) -> Vec<(LabelSet, f64)> {
        let (metric, above) = match expr.split_once('>') {
            Some((metric, number)) => (metric.trim(), number.trim().parse().unwrap_or(f64::INFINITY)),
            None => (expr.trim(), f64::NEG_INFINITY),
        };
        let (oldest, newest) = (at.minus(LOOKBACK).as_millis(), at.as_millis());
        let seen = |time: i64, value: f64| oldest < time && time <= newest && value > above;
        let of_metric = self.recorded.iter().filter(|(labels, _)| labels.get(METRIC_NAME) == Some(metric));
        let rows = of_metric.filter(|(_, (time, value))| seen(*time, *value));
        rows.map(|(labels, (_, value))| (labels.clone(), *value)).collect()
    }
}
