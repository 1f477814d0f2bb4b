//! The loop on virtual time: take the next event, feed it, perform its effects.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use model::{LabelSet, Timestamp};
use notifier::config::Config;
use notifier::notifier::{Delivery, DeliveryId, Notifier};
use notifier::receiver::Outcome;
use notifier::silence::SilenceDraft;
use rules_engine::engine::{Engine, QueryId, WriteId};
use rules_engine::rule_file::{self, Defaults};
use rules_engine::sample::{QueryAnswer, QueryFailure};
use uuid::Uuid;

use super::query_api::QueryApi;
use super::receivers::Receivers;
use super::scenario::{Event, Scenario};
use super::timeline::{Delivered, Timeline};

/// More steps than this at one instant mean that a machine asks to be woken for ever.
const STEPS_AT_ONE_INSTANT_MAX: u32 = 1_000_000;

/// Plays a scenario to its end.
///
/// # Errors
/// The scenario's rules or configuration cannot be used, or a machine hangs at one instant.
pub fn play(scenario: &Scenario) -> anyhow::Result<Timeline> {
    let mut world = World::new(scenario)?;
    world.start()?;
    world.run()?;
    Ok(world.timeline)
}

/// Everything outside the machines.
struct World<'a> {
    scenario: &'a Scenario,
    now: Timestamp,
    machines: Option<Machines>,
    rules: &'a [(std::path::PathBuf, String)],
    config: Option<&'a (std::path::PathBuf, String)>,
    query_api: QueryApi<'a>,
    receivers: Receivers<'a>,
    upcoming: BTreeMap<(Timestamp, u64), Happening<'a>>,
    happenings: u64,
    chance: fastrand::Rng,
    kept_rules: BTreeMap<String, Vec<u8>>,
    kept_notifier: BTreeMap<String, Vec<u8>>,
    silences: HashMap<&'a str, Uuid>,
    timeline: Timeline,
}

struct Machines {
    engine: Engine,
    notifier: Notifier,
}

/// What will happen outside.
enum Happening<'a> {
    Scripted(&'a Event),
    Answered(QueryId, Result<QueryAnswer, QueryFailure>),
    Written(WriteId),
    Arrives(Box<Delivery>),
    Reported(DeliveryId, Outcome),
    Started,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario) -> anyhow::Result<Self> {
        let mut world = Self {
            scenario,
            now: scenario.start,
            machines: None,
            rules: &scenario.rules,
            config: scenario.config.as_ref(),
            query_api: QueryApi::new(scenario),
            receivers: Receivers::default(),
            upcoming: BTreeMap::new(),
            happenings: 0,
            chance: fastrand::Rng::with_seed(scenario.seed),
            kept_rules: BTreeMap::new(),
            kept_notifier: BTreeMap::new(),
            silences: HashMap::new(),
            timeline: Timeline { start: scenario.start, ..Timeline::default() },
        };
        for (after, event) in &scenario.events {
            world.schedule(scenario.start.plus(*after), Happening::Scripted(event));
        }
        Ok(world)
    }

    /// Machines come up with what was kept.
    fn start(&mut self) -> anyhow::Result<()> {
        let mut engine = Engine::new(self.engine_settings());
        let mut notifier = Notifier::new(notifier::notifier::Settings {
            start_delay: self.scenario.start_delay,
            as_alertmanager: self.scenario.as_alertmanager,
            ..Default::default()
        });
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        engine.restore(self.kept_rules.clone(), &mut asked);
        let warnings = notifier.restore(self.now, self.kept_notifier.clone().into_iter());
        if let Some(warning) = warnings.first() {
            bail!("a record the notifier kept cannot be read back: {warning}");
        }
        engine.configure(self.now, self.groups()?, self.engine_settings(), &mut asked);
        if let Some(config) = self.config()? {
            notifier.configure(self.now, config, &mut wanted);
        }
        self.machines = Some(Machines { engine, notifier });
        self.perform_rules(asked);
        self.perform_notifier(wanted);
        Ok(())
    }

    fn groups(&mut self) -> anyhow::Result<Vec<rules_engine::rule::RuleGroup>> {
        let defaults = Defaults { interval: self.scenario.evaluation_interval, ..Defaults::default() };
        let mut groups = Vec::new();
        for (path, text) in self.rules {
            let file = SourceFile::new(path.display().to_string(), text.clone());
            let (read, _) = rule_file::read(&file, &defaults).map_err(|mistakes| anyhow!("{mistakes}"))?;
            groups.extend(read);
        }
        self.query_api.learn(groups.iter().flat_map(|group| &group.rules));
        Ok(groups)
    }

    fn config(&self) -> anyhow::Result<Option<Arc<Config>>> {
        let Some((path, text)) = self.config else { return Ok(None) };
        let file = SourceFile::new(path.display().to_string(), text.clone());
        let base = path.parent().unwrap_or(Path::new(""));
        let read = |path: &Path| std::fs::read_to_string(path);
        let (config, _) =
            Config::parse(&file, base, ParseMode::default(), &read).map_err(|mistakes| anyhow!("{mistakes}"))?;
        Ok(Some(Arc::new(config)))
    }

    fn run(&mut self) -> anyhow::Result<()> {
        let end = self.scenario.start.plus(self.scenario.length);
        let mut steps = 0;
        while let Some(next) = self.next_instant()
            && next <= end
        {
            steps = if next > self.now { 0 } else { steps + 1 };
            if steps > STEPS_AT_ONE_INSTANT_MAX {
                bail!("the machines never come to rest at {}", self.now);
            }
            self.now = self.now.max(next);
            match self.upcoming.first_entry() {
                Some(entry) if entry.key().0 <= self.now => {
                    let happening = entry.remove();
                    self.happen(happening)?;
                }
                _ => self.advance(),
            }
        }
        Ok(())
    }

    fn next_instant(&self) -> Option<Timestamp> {
        let machines =
            self.machines.iter().flat_map(|machines| [machines.engine.next_wake(), machines.notifier.next_wake()]);
        machines.flatten().chain(self.upcoming.keys().next().map(|(at, _)| *at)).min()
    }

    fn advance(&mut self) {
        let Some(machines) = &mut self.machines else { return };
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        machines.engine.advance(self.now, &mut asked);
        machines.notifier.advance(self.now, &mut wanted);
        self.perform_rules(asked);
        self.perform_notifier(wanted);
    }

    fn happen(&mut self, happening: Happening<'a>) -> anyhow::Result<()> {
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        match (happening, &mut self.machines) {
            (Happening::Scripted(event), _) => return self.scripted(event),
            (Happening::Started, _) => return self.start(),
            // Whoever would have heard of it is dead.
            (_, None) => {}
            (Happening::Answered(id, answer), Some(machines)) => {
                machines.engine.queried(self.now, id, answer, &mut asked)
            }
            (Happening::Written(id), Some(machines)) => machines.engine.written(self.now, id, Ok(()), &mut asked),
            (Happening::Arrives(delivery), Some(_)) => self.arrive(&delivery),
            (Happening::Reported(id, outcome), Some(machines)) => {
                machines.notifier.delivered(self.now, id, outcome, &mut wanted);
            }
        }
        self.perform_rules(asked);
        self.perform_notifier(wanted);
        Ok(())
    }

    fn scripted(&mut self, event: &'a Event) -> anyhow::Result<()> {
        let (start, now) = (self.scenario.start, self.now);
        let mut wanted = Vec::new();
        match (event, &mut self.machines) {
            (Event::Restart(downtime), _) => {
                self.machines = None;
                // Nothing under way survives; what the script holds still comes.
                self.upcoming.retain(|_, happening| matches!(happening, Happening::Scripted(_)));
                self.schedule(now.plus(*downtime), Happening::Started);
            }
            (Event::Failing { receiver, via, how, until }, _) => {
                self.receivers.fail(receiver, via.as_ref(), *how, start.plus(*until));
            }
            (Event::QueryOutage(until), _) => self.query_api.fail_until(start.plus(*until)),
            (Event::Reload { config, rules }, _) => return self.reload(config.as_ref(), rules.as_deref()),
            // Nobody takes the request; the source will send its alerts again.
            (Event::Alerts(_), None) => {}
            (_, None) => bail!("{}: an event for the notifier while it is down", self.at()),
            (Event::Alerts(alerts), Some(machines)) => {
                let taken = machines.notifier.receive(now, alerts.clone(), &mut wanted);
                taken.map_err(|refused| anyhow!("alerts refused: {}", refused.join("; ")))?;
            }
            (Event::Silence { name, matchers, starts_in, length }, Some(machines)) => {
                let starts_at = now.plus(*starts_in);
                let draft = SilenceDraft {
                    id: None,
                    matchers: matchers.clone(),
                    starts_at,
                    ends_at: starts_at.plus(*length),
                    created_by: "scenario".to_owned(),
                    comment: name.clone(),
                    annotations: LabelSet::empty(),
                };
                let fresh = uuid::Builder::from_random_bytes(self.chance.u128(..).to_be_bytes()).into_uuid();
                let id = machines.notifier.set_silence(now, draft, fresh, &mut wanted)?;
                self.silences.insert(name, id);
            }
            (Event::Expire(name), Some(machines)) => {
                let id = *self.silences.get(name.as_str()).ok_or_else(|| anyhow!("no silence is called {name:?}"))?;
                machines.notifier.expire_silence(now, id, &mut wanted)?;
            }
        }
        self.perform_notifier(wanted);
        Ok(())
    }

    fn reload(
        &mut self,
        config: Option<&'a (std::path::PathBuf, String)>,
        rules: Option<&'a [(std::path::PathBuf, String)]>,
    ) -> anyhow::Result<()> {
        self.config = config.or(self.config);
        self.rules = rules.unwrap_or(self.rules);
        let (groups, config) = (self.groups()?, self.config()?);
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        let settings = self.engine_settings();
        if let Some(machines) = &mut self.machines {
            machines.engine.configure(self.now, groups, settings, &mut asked);
            if let Some(config) = config {
                machines.notifier.configure(self.now, config, &mut wanted);
            }
        }
        self.perform_rules(asked);
        self.perform_notifier(wanted);
        Ok(())
    }

    fn perform_rules(&mut self, effects: Vec<rules_engine::engine::Effect>) {
        use rules_engine::engine::Effect;
        for effect in effects {
            match effect {
                Effect::Query { id, expr, at, .. } => {
                    self.timeline.evaluations += 1;
                    let answer = self.query_api.answer(&expr, at, self.now);
                    self.later(Happening::Answered(id, answer));
                }
                Effect::Write { id, samples, .. } => {
                    self.query_api.store(samples);
                    self.later(Happening::Written(id));
                }
                Effect::Send(alerts) => {
                    let mut wanted = Vec::new();
                    self.timeline.handed_over.extend(alerts.iter().map(|alert| (self.now, alert.clone())));
                    if let Some(machines) = &mut self.machines {
                        // What the engine makes is valid; were it not, the missing delivery would show it.
                        drop(machines.notifier.receive(self.now, alerts, &mut wanted));
                    }
                    self.perform_notifier(wanted);
                }
                Effect::Persist { key, value } => drop(self.kept_rules.insert(key, value)),
                Effect::Forget { key } => drop(self.kept_rules.remove(&key)),
                Effect::Log(_) => {}
            }
        }
    }

    fn perform_notifier(&mut self, effects: Vec<notifier::notifier::Effect>) {
        use notifier::notifier::Effect;
        for effect in effects {
            match effect {
                Effect::Deliver(delivery) => self.later(Happening::Arrives(Box::new(delivery))),
                Effect::Persist { key, value } => drop(self.kept_notifier.insert(key, value)),
                Effect::Forget { key } => drop(self.kept_notifier.remove(&key)),
                Effect::Decided(_) => {}
            }
        }
    }

    /// A request reaches a receiver.
    fn arrive(&mut self, delivery: &Delivery) {
        let (at, outcome) = self.receivers.take(self.now, delivery);
        if outcome == Outcome::Delivered {
            self.timeline.deliveries.push(Delivered {
                at: self.now,
                integration: delivery.integration.kind,
                index: delivery.integration.index,
                notification: Arc::clone(&delivery.notification),
            });
        }
        let delay = self.delay();
        self.schedule(at.plus(delay), Happening::Reported(delivery.id, outcome));
    }

    /// After the network's delay.
    fn later(&mut self, happening: Happening<'a>) {
        let delay = self.delay();
        self.schedule(self.now.plus(delay), happening);
    }

    /// Chance decides.
    fn delay(&mut self) -> Duration {
        let most = u64::try_from(self.scenario.latency.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(if most == 0 { 0 } else { self.chance.u64(..=most) })
    }

    fn schedule(&mut self, at: Timestamp, happening: Happening<'a>) {
        self.happenings += 1;
        self.upcoming.insert((at, self.happenings), happening);
    }

    fn at(&self) -> String {
        model::duration::format_duration(self.now.since(self.scenario.start))
    }

    fn engine_settings(&self) -> rules_engine::engine::Settings {
        rules_engine::engine::Settings {
            external_url: "http://watchfire.example:9093".to_owned(),
            writes: true,
            resend_on_error: self.scenario.resend_on_error,
            ..Default::default()
        }
    }
}
