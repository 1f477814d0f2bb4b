//! The notifier at work.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use model::matcher::all_match;
use model::matcher::parse::ParseMode;
use model::source::Diagnostics;
use model::{Alert, ClockStep, Matcher, Timestamp};
use notifier::ack_link::AckLinks;
use notifier::config::Config;
use notifier::decision::{Decision, Verdict};
use notifier::io::deliver::Deliverer;
use notifier::notifier::{Delivery, Effect, Notifier, Settings};
use notifier::receiver::Outcome;
use outbound::Guard;
use store::Store;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::alertmanager_configs::{AlertmanagerConfigs, Merge};
use super::delivery_metrics::{DeliveryMetrics, DeliveryTally};
use super::io_thread::IoThread;
use super::lanes::{Lanes, Place};
use crate::config_file::ConfigFile;
use crate::live::ledger::Ledger;
use crate::live::{self, Desk, Machine, Perform};
use crate::reload::Reloadable;
use crate::reload::files::FilePattern;

/// Deliveries under way have this long to end at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// A page waits no longer than this until the store has a record of it.
const RECORD_DEADLINE: Duration = Duration::from_millis(500);

/// Records that nobody waits for are gathered for this long: a commit costs much the same however little it holds.
const GATHERING: Duration = Duration::from_millis(10);

/// The notifier with everything around it.
pub struct NotifierService {
    desk: Arc<Desk<Notifier>>,
    ledger: Arc<Ledger>,
    network: Arc<Network>,
    sources: Sources,
    /// The patterns of the template files in force.
    templates: ArcSwapOption<Vec<String>>,
    /// Readings of the configuration that began.
    readings: AtomicU64,
    /// The reading in force.
    in_force: Mutex<u64>,
}

/// Where the configuration is, and how it is read.
#[derive(Clone)]
pub struct Sources {
    /// `alertmanager.yml`.
    pub config_file: Arc<ConfigFile>,
    /// What links begin with.
    pub external_url: String,
    /// The syntax of matchers.
    pub matcher_mode: ParseMode,
    /// Pages with an alert that meets all of these go first; none do if there are none.
    pub critical: Arc<[Matcher]>,
    /// Links that acknowledge, where there may be any.
    pub ack_links: Option<Arc<AckLinks>>,
    /// What deliveries may reach.
    pub guard: Arc<Guard>,
    /// AlertmanagerConfig objects that are merged into the file, or with an Alertmanager object are all there is.
    pub objects: Option<Arc<AlertmanagerConfigs>>,
}

/// The configuration as it was read, ready to be put in force.
struct Reading {
    number: u64,
    config: Arc<Config>,
    deliverer: Deliverer,
    /// What it was merged of.
    merged: Option<Merge>,
}

/// What deliveries need; the deliverer changes with the configuration.
struct Network {
    deliverer: ArcSwapOption<Deliverer>,
    /// Where deliveries run: what one asks and hears wakes no other thread.
    io: IoThread,
    lanes: Arc<Lanes>,
    tally: Arc<DeliveryTally>,
}

/// Performs the machine's effects.
struct Performer {
    desk: Weak<Desk<Notifier>>,
    critical: Arc<[Matcher]>,
    ledger: Arc<Ledger>,
    network: Arc<Network>,
}

impl NotifierService {
    /// Restores what was kept and puts the configuration in force.
    ///
    /// # Errors
    /// The configuration cannot be used or the store cannot be read.
    pub async fn start(sources: Sources, settings: Settings, store: Store) -> anyhow::Result<Arc<Self>> {
        let ledger = Arc::new(Ledger::new(store.clone(), "notifier/").gathering(GATHERING));
        let network = Arc::new(Network {
            deliverer: ArcSwapOption::empty(),
            io: IoThread::start("deliveries").context("cannot start a thread for deliveries")?,
            lanes: Arc::default(),
            tally: Arc::default(),
        });
        let mut machine = Notifier::new(settings);
        let records = ledger.records().await?;
        let count = records.len();
        let warnings = machine.restore(live::now(), records.into_iter());
        store.left_out(warnings.len());
        for warning in warnings {
            warn!(%warning, "a stored record was left out");
        }
        info!(records = count, "notifier restored");
        let critical = sources.critical.clone();
        let desk =
            Desk::open(machine, |desk| Performer { desk, critical, ledger: ledger.clone(), network: network.clone() });
        let service = Arc::new(Self {
            desk,
            ledger,
            network,
            sources,
            templates: ArcSwapOption::empty(),
            readings: AtomicU64::new(0),
            in_force: Mutex::default(),
        });
        let apply = service.prepare()?;
        apply();
        Ok(service)
    }

    /// The machine, for whoever has alerts for it in this process.
    pub fn hand_over(&self) -> impl Fn(Vec<Alert>) + Send + Sync + 'static {
        let desk = self.desk.clone();
        move |alerts| {
            let taken = desk.act(|notifier, now, out| notifier.receive(now, alerts, out));
            // What finds no room comes again every minute: that is told now and then.
            if let Err(refused) = taken
                && (refused.invalid > 0 || refused.is_news)
            {
                warn!(%refused, "the notifier refused alerts of the rule service");
            }
        }
    }

    /// Works until `shutdown`.
    pub async fn run(&self, shutdown: watch::Receiver<bool>) {
        self.desk.run(shutdown).await;
        if !self.network.lanes.close(DRAIN_DEADLINE).await {
            warn!("deliveries were still under way at shutdown; they may be repeated after the next start");
        }
    }

    /// Comes back once the machine could be looked at.
    pub fn beat(&self) {
        self.desk.read(|_, _| ());
    }

    /// The records' way to the store; to be run until everything else has ended.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.ledger.clone()
    }

    /// Links that acknowledge, where there may be any.
    pub fn ack_links(&self) -> Option<Arc<AckLinks>> {
        self.sources.ack_links.clone()
    }

    /// Metrics of the deliveries.
    pub fn delivery_metrics(&self) -> DeliveryMetrics {
        DeliveryMetrics::new(self.network.tally.clone(), self.network.lanes.clone(), self.sources.guard.clone())
    }

    /// Reads the configuration again because objects changed; it is put in force if it says something else.
    ///
    /// # Errors
    /// The file or the whole cannot be used; the old configuration stays in force.
    pub fn read_objects(self: &Arc<Self>) -> anyhow::Result<()> {
        let reading = self.read_configuration()?;
        match (&self.sources.objects, &reading.merged) {
            (Some(objects), Some(merge)) if !objects.changes(merge) => objects.put_in_force(merge.clone()),
            _ => {
                self.put_in_force(reading);
                info!("the configuration made of AlertmanagerConfig objects is in force");
            }
        }
        Ok(())
    }

    fn read_configuration(&self) -> anyhow::Result<Reading> {
        let number = self.readings.fetch_add(1, Ordering::Relaxed) + 1;
        let Sources { config_file, external_url, matcher_mode, objects, guard, .. } = &self.sources;
        let has_file = objects.as_ref().is_none_or(|objects| !objects.has_own_base());
        let text = has_file.then(|| config_file.read()).transpose()?;
        let folder = config_file.folder();
        let shown = |found: &Diagnostics| match &text {
            Some(text) => text.shown(found),
            None => found.to_string(),
        };
        let reader = |path: &Path| std::fs::read_to_string(path);
        let (mut config, warnings, merged) = match (objects, &text) {
            (Some(objects), text) => {
                let file = text.as_ref().map(|text| &text.meant);
                let prepared = objects.prepare(file, folder, *matcher_mode);
                let (config, warnings, merge) = prepared.map_err(|mistakes| anyhow::anyhow!("{}", shown(&mistakes)))?;
                (config, warnings, Some(merge))
            }
            (None, Some(text)) => {
                let read = Config::parse(&text.meant, folder, *matcher_mode, &reader);
                let (config, warnings) = read.map_err(|mistakes| anyhow::anyhow!("{}", shown(&mistakes)))?;
                (config, warnings, None)
            }
            (None, None) => anyhow::bail!("there is neither a configuration file nor an Alertmanager object"),
        };
        let beyond = config.out_of_reach(text.as_ref().map(|text| &text.meant), guard);
        if beyond.has_errors() && objects.is_none() {
            anyhow::bail!("{}", shown(&beyond));
        }
        // of objects, one that sends elsewhere keeps no other from working: its own deliveries are refused
        for warning in warnings.iter().chain(beyond.iter()) {
            warn!(warning = shown(&warning.clone().into()), "configuration");
        }
        if let Some(text) = &text {
            config.shown = text.without_values(&config.shown);
        }
        let config = Arc::new(config);
        let degraded = self.network.tally.degraded.clone();
        let deliverer = Deliverer::guarded(&config, external_url, guard)?.counting_degraded(degraded);
        let deliverer = deliverer.with_ack_links(self.sources.ack_links.clone());
        Ok(Reading { number, config, deliverer, merged })
    }

    /// Puts a reading in force, unless one that began later is.
    fn put_in_force(&self, reading: Reading) {
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.number < *in_force {
            return;
        }
        *in_force = reading.number;
        self.apply(reading.config, reading.deliverer);
        if let (Some(objects), Some(merge)) = (&self.sources.objects, reading.merged) {
            objects.put_in_force(merge);
        }
    }

    fn apply(&self, config: Arc<Config>, deliverer: Deliverer) {
        self.templates.store(Some(Arc::new(config.template_patterns.clone())));
        let integrations = config.receivers.values().flat_map(|receiver| &receiver.integrations);
        self.network.tally.expect(integrations.map(|integration| integration.kind));
        self.network.deliverer.store(Some(Arc::new(deliverer)));
        self.network.lanes.prune();
        self.desk.act(|notifier, now, out| notifier.configure(now, config, out));
    }
}

impl Reloadable for Arc<NotifierService> {
    fn prepare(&self) -> anyhow::Result<Box<dyn FnOnce() + Send>> {
        let reading = self.read_configuration()?;
        let service = self.clone();
        Ok(Box::new(move || service.put_in_force(reading)))
    }

    fn files(&self) -> Vec<FilePattern> {
        let templates = self.templates.load_full();
        let templates = templates.iter().flat_map(|templates| templates.iter().cloned());
        let has_file = self.sources.objects.as_ref().is_none_or(|objects| !objects.has_own_base());
        let file = has_file.then(|| FilePattern::Path(self.sources.config_file.path().to_owned()));
        file.into_iter().chain(templates.map(FilePattern::Glob)).collect()
    }

    fn unset_variables(&self) -> usize {
        self.sources.config_file.unset()
    }
}

impl notifier::io::desk::Desk for NotifierService {
    fn read<T>(&self, look: impl FnOnce(&Notifier, Timestamp) -> T) -> T {
        self.desk.read(look)
    }

    fn act<T>(&self, fact: impl FnOnce(&mut Notifier, Timestamp, &mut Vec<Effect>) -> T) -> T {
        let received = |notifier: &Notifier| {
            let tally = notifier.tally();
            tally.alerts_received_firing + tally.alerts_received_resolved
        };
        // with the wait for whoever has the machine, as who posts alerts has it
        let started = live::instant();
        let (alerts, answer) = self.desk.act(|notifier, now, out| {
            let before = received(notifier);
            let answer = fact(notifier, now, out);
            (received(notifier) - before, answer)
        });
        if alerts > 0 {
            self.network.tally.took_in(alerts, started.elapsed());
        }
        answer
    }

    fn deliverer(&self) -> Option<Arc<Deliverer>> {
        self.network.deliverer.load_full()
    }

    async fn records(&self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, String> {
        self.ledger.read(&keys).await.map_err(|error| error.to_string())
    }

    async fn durable(&self) -> Result<(), String> {
        self.ledger.durable().await.map_err(|error| error.to_string())
    }
}

impl Machine for Notifier {
    type Effect = Effect;

    fn advance(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.advance(now, out);
    }

    fn next_wake(&self) -> Option<Timestamp> {
        self.next_wake()
    }

    fn clock_moved(&mut self, now: Timestamp, step: ClockStep, out: &mut Vec<Effect>) {
        self.clock_moved(now, step, out);
    }
}

impl Perform<Notifier> for Performer {
    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Deliver(delivery) => self.deliver(delivery),
            Effect::Persist { key, value } => self.ledger.note(&key, Some(value)),
            Effect::Forget { key } => self.ledger.note(&key, None),
            Effect::Decided(decision) => log_decision(&decision),
        }
    }
}

impl Performer {
    /// Whether it tells of an alert that goes first.
    fn is_critical(&self, delivery: &Delivery) -> bool {
        let alerts = &delivery.notification.alerts;
        !self.critical.is_empty() && alerts.iter().any(|alert| all_match(&self.critical, &alert.labels))
    }

    fn deliver(&self, delivery: Delivery) {
        let integration = &delivery.integration;
        // None at shutdown: the decision is made anew after the next start.
        let is_critical = self.is_critical(&delivery);
        let lanes = &self.network.lanes;
        let Some(place) = lanes.enter(&delivery.receiver.name, integration.kind, integration.index, is_critical) else {
            return;
        };
        let (desk, network, ledger) = (self.desk.clone(), self.network.clone(), self.ledger.clone());
        let sending = async move {
            let id = delivery.id;
            if delivery.is_recorded {
                // Only then a crash leaves no page open; but a store that is slow or fails holds no page up.
                drop(tokio::time::timeout(RECORD_DEADLINE, ledger.durable()).await);
            }
            let attempt = AssertUnwindSafe(attempt(network, &place, delivery)).catch_unwind();
            let outcome = attempt.await.unwrap_or_else(|_| Outcome::Retry {
                reason: "other",
                message: "the delivery panicked; this is a bug of ours".to_owned(),
                retry_after: None,
            });
            if let Some(desk) = desk.upgrade() {
                desk.act(|notifier, now, out| notifier.delivered(now, id, outcome, out));
            }
            // Only now: an orderly end waits for the places, and the log must have been written by then.
            drop(place);
        };
        self.network.io.spawn(sending);
    }
}

async fn attempt(network: Arc<Network>, place: &Place, delivery: Delivery) -> Outcome {
    let receiver = delivery.receiver.name.as_str();
    let integration = delivery.integration.kind;
    let started = live::instant();
    let allowed = delivery.deadline.since(live::now());
    let sending = async {
        let Some(_turn) = place.turn().await else { return no_deliverer() };
        let Some(deliverer) = network.deliverer.load_full() else { return no_deliverer() };
        let _timer = Timer { tally: &network.tally, kind: integration, started: live::instant() };
        // A request's state is large: only deliveries whose turn it is have one.
        Box::pin(deliverer.deliver(&delivery, live::now(), delivery.deadline.since(live::now()))).await
    };
    let outcome = tokio::time::timeout(allowed, sending).await.unwrap_or_else(|_| Outcome::Retry {
        reason: "contextDeadlineExceeded",
        message: format!("no answer within {allowed:?}"),
        retry_after: None,
    });
    let took_ms = started.elapsed().as_millis() as u64;
    let group = delivery.notification.group_key.as_str();
    match &outcome {
        Outcome::Delivered | Outcome::DeliveredAs(_) => {
            info!(receiver, integration, group, attempt = delivery.attempt, took_ms, "delivered")
        }
        Outcome::Retry { reason, message, retry_after } => {
            warn!(receiver, integration, group, attempt = delivery.attempt, took_ms, reason, error = %message, ?retry_after, "not delivered, will try again");
        }
        Outcome::Rejected { reason, message } => {
            warn!(receiver, integration, group, attempt = delivery.attempt, took_ms, reason, error = %message, "refused by the receiver");
        }
    }
    outcome
}

/// Counts an attempt when it ends, also where the deadline ends it.
struct Timer<'a> {
    tally: &'a DeliveryTally,
    kind: &'static str,
    started: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.tally.attempted(self.kind, self.started.elapsed());
    }
}

fn no_deliverer() -> Outcome {
    Outcome::Retry { reason: "contextCanceled", message: "the notifier is shutting down".to_owned(), retry_after: None }
}

fn log_decision(decision: &Decision) {
    let receiver = decision.receiver.name.as_str();
    let (integration, group) = (decision.integration.kind, decision.group_key.as_ref());
    let Decision { firing, resolved, suppressed, .. } = decision;
    match decision.verdict {
        Verdict::Notify(reason) => {
            info!(receiver, integration, group, reason = reason.as_str(), firing, resolved, suppressed, "notifying")
        }
        Verdict::Hold(reason) => {
            debug!(receiver, integration, group, ?reason, firing, resolved, suppressed, "nothing to tell")
        }
    }
}
