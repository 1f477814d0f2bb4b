//! The loop on virtual time: take the next event, feed it, perform its effects.

mod accepted;
mod script;
mod witness;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use model::{MatchOp, Matcher, Timestamp};
use notifier::config::Config;
use notifier::notifier::{Delivery, DeliveryId, Notifier};
use notifier::receiver::{Outcome, Settings};
use notifier::rendering::Renderer;
use rules_engine::engine::{Engine, QueryId, WriteId};
use rules_engine::rule_file::{self, Defaults};
use rules_engine::sample::{QueryAnswer, QueryFailure};
use uuid::Uuid;

use self::accepted::Accepted;
use self::witness::Talk;
use super::query_api::QueryApi;
use super::receivers::Receivers;
use super::scenario::{Event, Scenario};
use super::timeline::{Attempted, Delivered, Timeline};

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
    /// After so many more effects of the notifier's own work the process dies, and is down for so long.
    crash: Option<(usize, Duration)>,
    /// How often the process died.
    lives: u64,
    /// How far the machines' clock is ahead of ours, in nanoseconds.
    ahead_ns: i64,
    /// Attempts nobody has heard of yet.
    under_way: BTreeMap<DeliveryId, Talk>,
    /// What was answered with 200, for what must be known after a start.
    accepted: Accepted<'a>,
    /// The last decision about each receiver.
    decided: HashMap<String, &'static str>,
    /// To find out which deliveries go out in plain form, if somebody asks.
    renderer: Option<Renderer>,
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
    /// With the number of the process that sent it.
    Arrives(Box<Delivery>, u64),
    Reported(DeliveryId, Outcome),
    /// Somebody looks at what is owed and why, once a minute.
    Looked,
    Started,
}

/// As `--dispatch.critical` is by default.
fn critical() -> Arc<[Matcher]> {
    Matcher::new("severity", MatchOp::Equal, "critical").into_iter().collect()
}

/// Whether a template fails.
fn is_plain(delivery: &Delivery, renderer: &Renderer) -> bool {
    let notification = &delivery.notification;
    let is_degraded = match &delivery.integration.settings {
        Settings::Email(settings) => settings.render(notification, renderer).map(|made| made.degraded.is_some()),
        Settings::PagerDuty(settings) => {
            settings.render(notification, renderer, "http://pager.example", "key").map(|made| made.degraded.is_some())
        }
        Settings::Webhook(settings) => {
            settings.render(notification, renderer, "http://hook.example").map(|made| made.degraded.is_some())
        }
        _ => Ok(false),
    };
    is_degraded.unwrap_or(true)
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
            crash: None,
            lives: 0,
            ahead_ns: 0,
            under_way: BTreeMap::new(),
            accepted: Accepted::default(),
            decided: HashMap::new(),
            renderer: None,
            timeline: Timeline { start: scenario.start, ..Timeline::default() },
        };
        if scenario.is_watched {
            let minutes = scenario.length.as_secs() / 60;
            let minute = |number| scenario.start.plus(Duration::from_secs(60 * number));
            (1..minutes).for_each(|number| world.schedule(minute(number), Happening::Looked));
        }
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
            critical: critical(),
            ..Default::default()
        });
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        engine.restore(self.kept_rules.clone(), &mut asked);
        let warnings = notifier.restore(self.clock(), self.kept_notifier.clone().into_iter());
        if let Some(warning) = warnings.first() {
            bail!("a record the notifier kept cannot be read back: {warning}");
        }
        let forgotten = self.accepted.forgotten(&notifier, self.clock());
        self.timeline.forgotten.extend(forgotten.into_iter().map(|what| (self.now, what)));
        engine.configure(self.clock(), self.groups()?, self.engine_settings(), &mut asked);
        if let Some(config) = self.config()? {
            let is_asked = self.scenario.expected.iter().flatten().any(|expected| expected.plain.is_some());
            if is_asked || self.scenario.is_watched {
                self.renderer = Some(Renderer::new(&config, "http://watchfire.example:9093")?);
            }
            notifier.configure(self.clock(), config, &mut wanted);
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
        machines.flatten().map(|at| self.by_ours(at)).chain(self.upcoming.keys().next().map(|(at, _)| *at)).min()
    }

    fn advance(&mut self) {
        let now = self.clock();
        let Some(machines) = &mut self.machines else { return };
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        machines.engine.advance(now, &mut asked);
        machines.notifier.advance(now, &mut wanted);
        self.perform_rules(asked);
        self.perform_own(wanted);
    }

    fn happen(&mut self, happening: Happening<'a>) -> anyhow::Result<()> {
        let now = self.clock();
        let (mut asked, mut wanted) = (Vec::new(), Vec::new());
        match (happening, &mut self.machines) {
            (Happening::Scripted(event), _) => return self.scripted(event),
            (Happening::Started, _) => return self.start(),
            (Happening::Arrives(delivery, life), _) => self.arrive(&delivery, life),
            (Happening::Looked, _) => self.look(),
            // Whoever would have heard of it is dead.
            (_, None) => {}
            (Happening::Answered(id, answer), Some(machines)) => machines.engine.queried(now, id, answer, &mut asked),
            (Happening::Written(id), Some(machines)) => machines.engine.written(now, id, Ok(()), &mut asked),
            (Happening::Reported(id, outcome), Some(machines)) => {
                self.timeline.reports.extend(self.under_way.remove(&id).map(|whose| whose.report(self.now, &outcome)));
                machines.notifier.delivered(now, id, outcome, &mut wanted);
            }
        }
        self.perform_rules(asked);
        self.perform_own(wanted);
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
                    let (mut wanted, now) = (Vec::new(), self.clock());
                    self.timeline.handed_over.extend(alerts.iter().map(|alert| (self.now, alert.clone())));
                    if let Some(machines) = &mut self.machines {
                        // What the engine makes is valid; were it not, the missing delivery would show it.
                        drop(machines.notifier.receive(now, alerts, &mut wanted));
                    }
                    self.perform_notifier(wanted);
                }
                Effect::Persist { key, value, .. } => drop(self.kept_rules.insert(key, value)),
                Effect::Forget { key } => drop(self.kept_rules.remove(&key)),
                Effect::Log(_) => {}
            }
        }
    }

    /// What the notifier does by itself, amid which the process may die.
    fn perform_own(&mut self, effects: Vec<notifier::notifier::Effect>) {
        let Some((left, down)) = self.crash else { return self.perform_notifier(effects) };
        let lives = left > effects.len();
        self.crash = lives.then(|| (left - effects.len(), down));
        self.perform_notifier(effects.into_iter().take(left).collect());
        if !lives {
            self.die(down);
        }
    }

    fn perform_notifier(&mut self, effects: Vec<notifier::notifier::Effect>) {
        use notifier::notifier::Effect;
        for effect in effects {
            match effect {
                Effect::Deliver(delivery) => {
                    if self.scenario.is_watched {
                        self.under_way.insert(delivery.id, Talk::of(&delivery));
                    }
                    self.later(Happening::Arrives(Box::new(delivery), self.lives));
                }
                Effect::Persist { key, value } => drop(self.kept_notifier.insert(key, value)),
                Effect::Forget { key } => drop(self.kept_notifier.remove(&key)),
                Effect::Decided(decision) => {
                    self.note_decision(&decision);
                    self.decided.insert(decision.receiver.name.clone(), decision.verdict.as_str());
                }
            }
        }
    }

    /// A request reaches a receiver.
    fn arrive(&mut self, delivery: &Delivery, life: u64) {
        let (mut at, outcome) = self.receivers.take(self.now, delivery);
        if at > self.now {
            // An attempt ends at a time by the machines' clock.
            at = self.by_ours(at);
        }
        let busy = match &outcome {
            Outcome::Retry { retry_after, .. } => *retry_after,
            _ => None,
        };
        let address = delivery.integration.address;
        self.timeline.attempts.push(Attempted {
            at: self.now,
            address,
            group_key: delivery.notification.group_key.clone(),
            busy_until: busy.map(|after| self.now.plus(after)),
            rendering: self.rendering(delivery),
        });
        if outcome == Outcome::Delivered {
            self.timeline.deliveries.push(Delivered {
                at: self.now,
                integration: delivery.integration.kind,
                index: delivery.integration.index,
                address,
                is_plain: self.renderer.as_ref().map(|renderer| is_plain(delivery, renderer)),
                notification: Arc::clone(&delivery.notification),
            });
        }
        // A process that died meanwhile does not hear of it.
        if life == self.lives {
            let delay = self.delay();
            self.schedule(at.plus(delay), Happening::Reported(delivery.id, outcome));
        }
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

    /// The time that the machines are told.
    fn clock(&self) -> Timestamp {
        self.by_theirs(self.now)
    }

    /// The machines' time at an instant of ours.
    fn by_theirs(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_nanos(at.as_nanos().saturating_add(self.ahead_ns))
    }

    /// Our instant when the machines' clock shows a time.
    fn by_ours(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_nanos(at.as_nanos().saturating_sub(self.ahead_ns))
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
