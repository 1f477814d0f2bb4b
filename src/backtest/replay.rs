//! Both machines on virtual time over series in memory: what would have been sent, and what alerts there were.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use anyhow::bail;
use foldhash::fast::FixedState;
use model::labels::METRIC_NAME;
use model::{LabelSet, Timestamp};
use notifier::config::Config;
use notifier::notifier::Notifier;
use notifier::receiver::Outcome as Taken;
use promql::eval::{Query, Storage, Value};
use promql::selector::selectors;
use rules_engine::engine::{self, Engine};
use rules_engine::rule::{RuleGroup, RuleKind};
use rules_engine::sample::{QueryAnswer, QueryFailure, Sample};

use super::episode::{Episode, Episodes};
use super::needs::Needs;
use crate::simulate::timeline::Delivered;
use crate::unit_test::stage::usable;

/// More steps than this at one instant mean that a machine asks to be woken for ever.
const STEPS_AT_ONE_INSTANT_MAX: u32 = 1_000_000;

/// Most different remarks kept.
const NOTES_MAX: usize = 50;

/// What is put to the test: rules, and where their alerts go.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The rules.
    pub groups: Vec<RuleGroup>,
    /// The notifier's configuration.
    pub config: Arc<Config>,
    /// Added to alerts where absent.
    pub external_labels: LabelSet,
    /// Where users would find the service: in links and templates.
    pub external_url: String,
    /// How expressions are evaluated.
    pub promql: promql::eval::Settings,
}

/// What came of a back-test.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Everything that would have been sent, in order of time. Every receiver takes what it is sent at once.
    pub pages: Vec<Delivered>,
    /// Every alert, each time that it was there.
    pub episodes: Vec<Episode>,
    /// Queries asked.
    pub evaluations: u64,
    /// Rules whose evaluation failed, by name: how often, and the first time with its reason.
    pub failures: BTreeMap<String, Failing>,
    /// What would have been otherwise: for people.
    pub notes: Vec<String>,
}

/// A rule that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// How often.
    pub count: u64,
    /// The first time.
    pub first_at: Timestamp,
    /// Why, the first time.
    pub reason: String,
}

/// A back-test under way.
pub struct Replay {
    engine: Engine,
    notifier: Notifier,
    storage: Storage,
    queries: HashMap<Arc<str>, Query, FixedState>,
    promql: promql::eval::Settings,
    /// The rule of each expression; a query that is none of them is a template's.
    rules: HashMap<String, String, FixedState>,
    needs: Arc<Needs>,
    now: Timestamp,
    keeps_alert_series: bool,
    episodes: Episodes,
    outcome: Outcome,
}

/// What is to be done at the present instant, first in, first out.
enum Step {
    Rules(engine::Effect),
    Answered(engine::QueryId, Result<QueryAnswer, QueryFailure>),
    Written(engine::WriteId),
    Notifier(notifier::notifier::Effect),
}

impl Replay {
    /// Machines that have just started. `needs` tells what the storage will have.
    pub fn new(setup: &Setup, needs: Arc<Needs>, start: Timestamp) -> anyhow::Result<Replay> {
        let settings = engine::Settings {
            external_url: setup.external_url.clone(),
            external_labels: setup.external_labels.clone(),
            writes: true,
            resend_on_error: true,
            history: 0,
            ..engine::Settings::default()
        };
        let rules = setup.groups.iter().flat_map(|group| &group.rules);
        let mut replay = Replay {
            engine: Engine::new(settings.clone()),
            notifier: Notifier::new(notifier::notifier::Settings::default()),
            storage: Storage::new(),
            queries: HashMap::default(),
            promql: setup.promql.clone(),
            rules: rules.map(|rule| (rule.expr.clone(), rule.name.clone())).collect(),
            needs,
            now: start,
            keeps_alert_series: reads_alert_series(setup),
            episodes: Episodes::new(setup.external_labels.clone()),
            outcome: Outcome::default(),
        };
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        replay.engine.configure(start, setup.groups.clone(), settings, &mut asked);
        replay.notifier.configure(start, Arc::clone(&setup.config), &mut wanted);
        replay.perform(asked, wanted)?;
        Ok(replay)
    }

    /// The series that rules are asked of; samples are appended before time comes to them.
    pub fn storage(&mut self) -> &mut Storage {
        &mut self.storage
    }

    /// Time passes up to an instant, which is included.
    ///
    /// # Errors
    /// A machine asks to be woken for ever.
    pub fn run_until(&mut self, until: Timestamp) -> anyhow::Result<()> {
        let mut steps = 0;
        while let Some(next) = self.next_instant().filter(|next| *next <= until) {
            steps = if next > self.now { 0 } else { steps + 1 };
            if steps > STEPS_AT_ONE_INSTANT_MAX {
                bail!("the machines never come to rest at {}", self.now);
            }
            self.now = self.now.max(next);
            let (mut asked, mut wanted) = (Vec::new(), Vec::new());
            self.engine.advance(self.now, &mut asked);
            self.notifier.advance(self.now, &mut wanted);
            self.perform(asked, wanted)?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// Pages so far.
    pub fn pages(&self) -> usize {
        self.outcome.pages.len()
    }

    /// The result so far.
    pub fn finish(self) -> Outcome {
        Outcome { episodes: self.episodes.finish(), ..self.outcome }
    }

    fn next_instant(&self) -> Option<Timestamp> {
        [self.engine.next_wake(), self.notifier.next_wake()].into_iter().flatten().min()
    }

    /// Performs effects and what comes of them, in the order in which a process would that answers at once.
    fn perform(&mut self, asked: Vec<engine::Effect>, wanted: Vec<notifier::notifier::Effect>) -> anyhow::Result<()> {
        let mut steps: VecDeque<Step> = asked.into_iter().map(Step::Rules).collect();
        steps.extend(wanted.into_iter().map(Step::Notifier));
        let mut done = 0;
        while let Some(step) = steps.pop_front() {
            done += 1;
            if done > STEPS_AT_ONE_INSTANT_MAX {
                bail!("the machines never come to rest at {}", self.now);
            }
            let (mut asked, mut wanted) = (Vec::new(), Vec::new());
            match step {
                Step::Rules(effect) => self.perform_rules(effect, &mut steps, &mut wanted),
                Step::Answered(id, answer) => self.engine.queried(self.now, id, answer, &mut asked),
                Step::Written(id) => self.engine.written(self.now, id, Ok(()), &mut asked),
                Step::Notifier(effect) => self.perform_notifier(effect, &mut wanted),
            }
            steps.extend(asked.into_iter().map(Step::Rules));
            steps.extend(wanted.into_iter().map(Step::Notifier));
        }
        Ok(())
    }

    fn perform_rules(
        &mut self,
        effect: engine::Effect,
        steps: &mut VecDeque<Step>,
        wanted: &mut Vec<notifier::notifier::Effect>,
    ) {
        match effect {
            engine::Effect::Query { id, expr, at, .. } => {
                self.outcome.evaluations += 1;
                let answer = self.answer(&expr, at);
                if let Err(failure) = &answer {
                    self.note_failure(&expr, failure);
                }
                steps.push_back(Step::Answered(id, answer));
            }
            engine::Effect::Write { id, samples, .. } => {
                self.episodes.read(self.now, &samples);
                self.store(samples);
                steps.push_back(Step::Written(id));
            }
            engine::Effect::Send(alerts) => {
                // What the engine makes is valid.
                let _refused = self.notifier.receive(self.now, alerts, wanted);
            }
            engine::Effect::Persist { .. } | engine::Effect::Forget { .. } | engine::Effect::Log(_) => {}
        }
    }

    fn perform_notifier(&mut self, effect: notifier::notifier::Effect, wanted: &mut Vec<notifier::notifier::Effect>) {
        let notifier::notifier::Effect::Deliver(delivery) = effect else { return };
        self.outcome.pages.push(Delivered {
            at: self.now,
            integration: delivery.integration.kind,
            index: delivery.integration.index,
            address: delivery.integration.address,
            is_plain: None,
            notification: Arc::clone(&delivery.notification),
        });
        self.notifier.delivered(self.now, delivery.id, Taken::Delivered, wanted);
    }

    fn answer(&mut self, expr: &Arc<str>, at: Timestamp) -> Result<QueryAnswer, QueryFailure> {
        if !self.queries.contains_key(expr) {
            let query = Query::prepare(expr, &self.promql).map_err(|error| error.located(expr))?;
            if !self.rules.contains_key(expr.as_ref()) {
                self.note_template_query(expr, &query);
            }
            self.queries.insert(Arc::clone(expr), query);
        }
        let Some(query) = self.queries.get_mut(expr) else { return Err("the query was lost".into()) };
        let answer = query.instant(&self.storage, at.as_millis());
        usable(answer.map_err(|error| error.located(expr))?)
    }

    fn store(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            if !self.keeps_alert_series && is_of_alerts(sample.labels.get_or_empty(METRIC_NAME)) {
                continue;
            }
            let id = self.storage.series_id(&sample.labels);
            // Where two rules write the same series the first has the word, as in a server.
            let _refused = match sample.is_stale_marker() {
                true => self.storage.append_stale(id, sample.timestamp_ms),
                false => self.storage.append(id, sample.timestamp_ms, Value::Float(sample.value)),
            };
        }
    }

    fn note_failure(&mut self, expr: &str, failure: &QueryFailure) {
        let of_template = || format!("a template's query {expr}");
        let name = self.rules.get(expr).cloned().unwrap_or_else(of_template);
        if self.outcome.failures.len() >= NOTES_MAX && !self.outcome.failures.contains_key(&name) {
            return;
        }
        let failing = Failing { count: 0, first_at: self.now, reason: failure.text.clone() };
        self.outcome.failures.entry(name).or_insert(failing).count += 1;
    }

    /// What only a template asks for is known too late to be fetched.
    fn note_template_query(&mut self, expr: &str, query: &Query) {
        let is_covered = selectors(query.expr()).iter().all(|selected| self.needs.cover(selected.selector));
        if !is_covered && self.outcome.notes.len() < NOTES_MAX {
            let note = "a template asks for it, but no expression: its series were not fetched, so it gives nothing";
            self.outcome.notes.push(format!("{expr}: {note}"));
        }
    }
}

fn is_of_alerts(metric: &str) -> bool {
    matches!(metric, "ALERTS" | "ALERTS_FOR_STATE")
}

/// Whether somebody asks for `ALERTS`: an expression, or maybe a template.
fn reads_alert_series(setup: &Setup) -> bool {
    let may_ask = |texts: &LabelSet| texts.iter().any(|(_, text)| text.contains("query"));
    setup.groups.iter().flat_map(|group| &group.rules).any(|rule| {
        let in_templates = match &rule.kind {
            RuleKind::Alerting(alerting) => may_ask(&alerting.annotations) || may_ask(&rule.labels),
            RuleKind::Recording => false,
        };
        // Where it does not parse it is not evaluated either.
        let expr = promql::parse_with(&rule.expr, setup.promql.language).ok();
        let reads = |expr: &promql::Expr| {
            selectors(expr).iter().any(|selected| {
                selected.selector.selects_metric("ALERTS") || selected.selector.selects_metric("ALERTS_FOR_STATE")
            })
        };
        in_templates || expr.as_ref().is_some_and(reads)
    })
}
