//! The rule service at work.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, anyhow};
use arc_swap::ArcSwapOption;
use axum::Router;
use kubernetes::client::Access;
use model::source::Diagnostics;
use model::{Alert, ClockStep, LabelSet, Timestamp};
use prometheus_client::registry::Registry;
use rules_engine::config::{Config, Flags};
use rules_engine::engine::{Effect, Engine, LogLevel, LogLine, QueryId, Settings, WriteId};
use rules_engine::io::api;
use rules_engine::io::api::namespaces::{EditFailure, RuleEditing};
use rules_engine::io::api::preview::Previewing;
use rules_engine::io::metrics::RulesMetrics;
use rules_engine::io::query_api::range::{RangeSeries, Window};
use rules_engine::io::query_api::{QueryApi, SourceTally};
use rules_engine::io::send_alerts::{AlertSender, PreparedTargets, TargetTally};
use rules_engine::io::state::{BuildInfo, RulesState};
use rules_engine::io::write_queue::{PreparedWriters, QueueTally, WriteQueues};
use rules_engine::io::write_samples::WriteTally;
use rules_engine::namespaces::{Change, Namespaces};
use rules_engine::preview::Wanted;
use rules_engine::relabel::Relabeling;
use rules_engine::rule::{RuleGroup, Source};
use rules_engine::rule_file::{self, Defaults};
use rules_engine::sample::{QueryAnswer, QueryFailure, Sample};
use store::Store;
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use crate::cli::RulesFlags;
use crate::config_file::ConfigFile;
use crate::live::ledger::Ledger;
use crate::live::{self, Desk, Machine, Perform};
use crate::reload::Reloadable;
use crate::reload::files::FilePattern;
use crate::service::discovery::Discovery;
use crate::service::io_thread::IoThread;
use crate::service::kubernetes_rules::KubernetesRules;
use crate::service::kubernetes_rules::metrics::KubernetesMetrics;
use crate::service::namespaces::NamespaceKeeper;
use crate::service::outgoing::Outgoing;

/// At start, servers and notifiers that are to be found are waited for this long.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// The records of a group's rules share a commit: they are gathered for so long.
const GATHERING: Duration = Duration::from_millis(10);

/// Evaluations under way have this long to end at shutdown, and so have alerts that wait for a notifier.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Takes alerts to the notifier in the same process.
pub type HandOver = Box<dyn Fn(Vec<Alert>) + Send + Sync>;

/// Where the configuration comes from: a file, if any, overridden by flags.
pub struct Sources {
    config_file: Option<ConfigFile>,
    flags: RulesFlags,
    /// How a cluster is reached, where the file does not say it.
    access: Access,
    external_url: String,
}

/// The rule service with everything around it.
pub struct RuleService {
    desk: Arc<Desk<Engine>>,
    ledger: Arc<Ledger>,
    queue_ledger: Arc<Ledger>,
    network: Arc<Network>,
    outgoing: Arc<Outgoing>,
    /// Where queries are asked and samples and alerts sent, and where the engine works.
    io: Arc<IoThread>,
    sources: Sources,
    namespaces: NamespaceKeeper,
    kubernetes: Arc<KubernetesRules>,
    in_force: Mutex<InForce>,
    /// Looks for servers and notifiers of the configuration in force.
    discovery: Mutex<Discovery>,
}

/// What the files say; groups that were set through the API and those of a cluster come to it.
#[derive(Default)]
struct InForce {
    shown_config: String,
    /// Where rules are read from.
    rule_globs: Vec<String>,
    groups: Vec<RuleGroup>,
    defaults: Defaults,
    settings: Settings,
}

/// Changes rules for the API. A request that is given up does not leave a change half done.
struct Editor(Arc<RuleService>);

/// What effects need; peers change with the configuration.
struct Network {
    peers: ArcSwapOption<Peers>,
    sender: AlertSender,
    queues: WriteQueues,
    hand_over: Option<HandOver>,
    /// An answer came in: the engine may have become idle.
    answered: Notify,
}

struct Peers {
    /// By the name the engine knows; the default one has the empty name.
    sources: BTreeMap<String, Arc<QueryApi>>,
    relabeling: Relabeling,
}

/// Files read and checked, ready to be put in force.
struct Prepared {
    config: Config,
    shown_config: String,
    groups: Vec<RuleGroup>,
    peers: Peers,
    targets: PreparedTargets,
    writers: PreparedWriters,
}

struct Performer {
    desk: Weak<Desk<Engine>>,
    ledger: Arc<Ledger>,
    outgoing: Arc<Outgoing>,
    network: Arc<Network>,
    io: Arc<IoThread>,
    /// Writes that are in the queue, where they are safe.
    queued: Mutex<Vec<WriteId>>,
}

impl Sources {
    /// A configuration file (none is fine) and the flags that override it.
    pub fn new(config_file: Option<ConfigFile>, flags: RulesFlags, access: Access, external_url: String) -> Self {
        Self { config_file, flags, access, external_url }
    }
}

impl RuleService {
    /// Restores what was kept and puts the configuration in force.
    ///
    /// # Errors
    /// The configuration or a rule file cannot be used, or the store cannot be read.
    pub async fn start(sources: Sources, store: Store, hand_over: Option<HandOver>) -> anyhow::Result<Arc<Self>> {
        let namespaces = NamespaceKeeper::restore(store.clone()).await?;
        let kubernetes = KubernetesRules::restore(store.clone()).await?;
        let ledger = Arc::new(Ledger::new(store.clone(), "rules/").gathering(GATHERING));
        let queue_ledger = Arc::new(Ledger::new(store.clone(), "rules-queue/"));
        let keeper = queue_ledger.clone();
        let queues = WriteQueues::new(
            Arc::new(live::now),
            Arc::new(move |key, record| keeper.note(key, record)),
            queue_ledger.records().await?,
        );
        let network = Arc::new(Network {
            peers: ArcSwapOption::empty(),
            sender: AlertSender::new(Arc::new(live::steady_clock())),
            queues,
            hand_over,
            answered: Notify::new(),
        });
        let records = ledger.records().await?;
        let machine = Engine::new(Settings::default());
        let exit = network.clone();
        let outgoing = Arc::new(Outgoing::new(ledger.clone(), Box::new(move |alerts| exit.send(alerts))));
        let io = Arc::new(IoThread::start("rules").context("cannot start a thread for the rules")?);
        let desk = Desk::open(machine, |desk| Performer {
            desk,
            ledger: ledger.clone(),
            outgoing: outgoing.clone(),
            network: network.clone(),
            io: io.clone(),
            queued: Mutex::default(),
        });
        info!(records = records.len(), "rule service restored");
        let complaints = desk.act(|engine, _, out| {
            engine.restore(records, out);
            out.len()
        });
        store.left_out(complaints);
        let service = Arc::new(Self {
            desk,
            ledger,
            queue_ledger,
            network,
            outgoing,
            io,
            sources,
            namespaces,
            kubernetes,
            in_force: Mutex::default(),
            discovery: Mutex::default(),
        });
        let apply = service.prepare()?;
        apply();
        let mut discovery = std::mem::take(&mut *service.discovery());
        discovery.first_look(FIRST_LOOK).await;
        *service.discovery() = discovery;
        service.kubernetes.first_look(FIRST_LOOK).await;
        Ok(service)
    }

    /// Works until `shutdown`: then no evaluation begins, those under way end, and waiting alerts are delivered.
    pub async fn run(&self, shutdown: watch::Receiver<bool>) {
        let desk = self.desk.clone();
        let evaluating = self.io.spawn(async move { desk.run(shutdown).await });
        tokio::select! {
            ended = evaluating => ended.unwrap_or_else(|error| error!(%error, "the rules' thread ended badly")),
            () = self.outgoing.run() => {}
        }
        self.desk.act(|engine, _, _| engine.stop());
        let idle = async {
            while !self.desk.read(|engine, _| engine.is_idle()) {
                self.network.answered.notified().await;
            }
        };
        if tokio::time::timeout(DRAIN_DEADLINE, idle).await.is_err() {
            warn!("evaluations were still under way at shutdown");
        }
        self.outgoing.flush().await;
        let (undelivered, unwritten) =
            tokio::join!(self.network.sender.shut_down(DRAIN_DEADLINE), self.network.queues.shut_down(DRAIN_DEADLINE));
        if unwritten > 0 {
            info!(samples = unwritten, "samples wait on disk to be written after the next start");
        }
        if undelivered > 0 {
            warn!(alerts = undelivered, "alerts could not be delivered before shutdown");
        }
    }

    /// Comes back once the machine could be looked at.
    pub fn beat(&self) {
        self.desk.read(|_, _| ());
    }

    /// The records' ways to the store; to be run until everything else has ended.
    pub fn ledgers(&self) -> [Arc<Ledger>; 2] {
        [self.ledger.clone(), self.queue_ledger.clone()]
    }

    /// Prometheus' rules API.
    pub fn router(self: &Arc<Self>) -> Router {
        api::router(self.clone())
            .merge(api::namespaces::router(Arc::new(Editor(self.clone()))))
            .merge(api::preview::router(self.clone()))
    }

    /// Prometheus' rule metrics.
    pub fn register_metrics(self: &Arc<Self>, registry: &mut Registry) {
        let metrics = RulesMetrics::new(self.clone(), self.sources.flags.metrics_limit);
        registry.register_collector(Box::new(metrics));
        registry.register_collector(Box::new(KubernetesMetrics::new(self.kubernetes.clone())));
    }

    fn apply(self: &Arc<Self>, prepared: Prepared) {
        let Prepared { config, shown_config, groups, peers, targets, writers } = prepared;
        let _there = self.io.enter();
        let settings = self.settings(&config);
        let defaults = config.rule_defaults();
        let discovery = self.look_for_peers(&config, &peers);
        self.network.peers.store(Some(Arc::new(peers)));
        // those that were found before stay until they have been looked for again
        if config.discovered_notifiers.is_empty() || self.network.sender.urls().is_empty() {
            self.network.sender.adopt(targets);
        }
        *self.discovery() = discovery;
        self.network.queues.adopt(writers);
        let mut in_force = self.in_force();
        let mistakes = self.namespaces.look().resolve(&defaults);
        if !mistakes.is_empty() {
            warn!(%mistakes, "rule groups that were set through the API cannot be evaluated");
        }
        let service = Arc::downgrade(self);
        let put_in_force = move || service.upgrade().iter().for_each(|service| service.evaluate(&service.in_force()));
        self.kubernetes.adopt(config.kubernetes.as_ref(), &defaults, Arc::new(put_in_force));
        let rule_globs = config.rule_globs.clone();
        *in_force = InForce { shown_config, rule_globs, groups, defaults, settings };
        self.evaluate(&in_force);
    }

    /// Has the engine evaluate the groups of the files, those that were set through the API, and those of a cluster.
    fn evaluate(&self, in_force: &InForce) {
        let InForce { groups, settings, .. } = in_force;
        let of_files = groups.iter().chain(self.namespaces.look().groups()).cloned().collect::<Vec<_>>();
        let groups = of_files.into_iter().chain(self.kubernetes.groups()).collect();
        self.desk.act(|engine, now, out| engine.configure(now, groups, settings.clone(), out));
    }

    /// Begins to look for what the configuration says is to be found; sources go on with the servers they know.
    fn look_for_peers(&self, config: &Config, peers: &Peers) -> Discovery {
        let mut discovery = Discovery::after(&self.discovery());
        let before = self.network.peers.load_full();
        for (name, source) in config.named_sources() {
            let Some(api) = peers.sources.get(name) else { continue };
            if let Some(known) = before.as_ref().and_then(|before| before.sources.get(name)) {
                api.go_on_from(known, source.discovered.is_some());
            }
            if let Some(servers) = &source.discovered {
                discovery.of_servers(api.clone(), source.urls.clone(), servers.clone());
            }
        }
        if !config.discovered_notifiers.is_empty() {
            let (network, relabeling) = (self.network.clone(), config.alert_relabeling.clone());
            let adopt = move |targets| match network.sender.prepare(relabeling.clone(), targets) {
                Ok(targets) => network.sender.adopt(targets),
                Err(error) => warn!(%error, "notifiers that were found cannot be used; those before stay"),
            };
            discovery.of_notifiers(config.notifiers.clone(), config.discovered_notifiers.clone(), Box::new(adopt));
        }
        discovery.begun();
        discovery
    }

    fn discovery(&self) -> MutexGuard<'_, Discovery> {
        self.discovery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn edit(&self, change: Change) -> Result<Diagnostics, EditFailure> {
        // Whoever holds both holds what is in force first.
        let plan = |keeper: &NamespaceKeeper| {
            let in_force = self.in_force();
            keeper.look().plan(&change, &in_force.defaults, &in_force.groups)
        };
        let warnings = self.namespaces.change(plan, || self.evaluate(&self.in_force())).await?;
        info!(%change, "rules changed through the API");
        if !warnings.is_empty() {
            warn!(%warnings, "rules set through the API");
        }
        Ok(warnings)
    }

    fn settings(&self, config: &Config) -> Settings {
        Settings {
            sources: config.named_sources().map(|(name, source)| (name.to_owned(), source.bounds())).collect(),
            external_url: self.sources.external_url.clone(),
            external_labels: config.external_labels.clone(),
            resend_delay: config.resend_delay,
            writes: !config.remote_writes.is_empty(),
            for_outage_tolerance: self.sources.flags.for_outage_tolerance,
            for_grace_period: self.sources.flags.for_grace_period,
            resend_on_error: self.sources.flags.resend_on_error,
            history: self.sources.flags.history,
            concurrency: self.sources.flags.max_concurrent_evals,
            ..Settings::default()
        }
    }
}

impl Sources {
    /// The configuration, its warnings, and the file as it may be shown.
    fn read(&self) -> anyhow::Result<(Config, Vec<String>, String)> {
        let mut shown = String::new();
        let (config, warnings) = match &self.config_file {
            None => (Config::default(), Vec::new()),
            Some(config_file) => {
                let text = config_file.read()?;
                shown = api::shown_config::without_secrets(&text.as_written);
                let environment = |name: &str| std::env::var(name).ok();
                let (config, warnings) = Config::read(&text.meant, config_file.folder(), &environment)
                    .map_err(|mistakes| anyhow!("{}", text.shown(&mistakes)))?;
                (config, warnings.iter().map(|warning| text.shown(&warning.clone().into())).collect())
            }
        };
        let mut config = config.with_flags(&self.flags())?;
        config.kubernetes = self.flags.kubernetes_rules.over(&self.access, config.kubernetes.take());
        Ok((config, warnings, shown))
    }

    fn flags(&self) -> Flags {
        let RulesFlags {
            rule_files,
            query_url,
            notifier_urls,
            remote_write_url,
            evaluation_interval,
            resend_delay,
            ..
        } = &self.flags;
        Flags {
            rule_globs: rule_files.clone(),
            query_url: query_url.clone(),
            notifier_urls: notifier_urls.clone(),
            remote_write_url: remote_write_url.clone(),
            evaluation_interval: *evaluation_interval,
            resend_delay: *resend_delay,
        }
    }

    /// Reads and checks everything, and opens what can fail to open.
    fn prepare(&self, network: &Network) -> anyhow::Result<Prepared> {
        let (config, warnings, shown_config) = self.read()?;
        if config.default_source().is_none() {
            return Err(anyhow!("no query API: give --query.url, or query or query_sources in the configuration file"));
        }
        if let Some(source) = &config.kubernetes {
            source.access.check()?;
        }
        let defaults = Defaults { dialect: self.flags.rule_dialect, ..config.rule_defaults() };
        let loaded =
            rule_file::load(&config.rule_globs, Path::new(""), &defaults).map_err(|mistakes| anyhow!("{mistakes}"))?;
        for warning in warnings.into_iter().chain(loaded.warnings.iter().map(ToString::to_string)) {
            warn!(warning, "configuration");
        }
        if !config.unused.is_empty() {
            info!(sections = config.unused.join(", "), "the configuration file has sections that are not used here");
        }
        let sources = config.named_sources().map(|(name, source)| {
            let api = QueryApi::new(source).with_context(|| format!("query source {:?}", source.name))?;
            anyhow::Ok((name.to_owned(), Arc::new(api)))
        });
        let peers = Peers { sources: sources.collect::<Result<_, _>>()?, relabeling: config.alert_relabeling.clone() };
        let writers = network.queues.prepare(config.remote_writes.clone())?;
        let targets = network.sender.prepare(config.alert_relabeling.clone(), config.notifiers.clone())?;
        info!(groups = loaded.groups.len(), files = loaded.files.len(), "rule files read");
        Ok(Prepared { config, shown_config, groups: loaded.groups, peers, targets, writers })
    }
}

impl RulesState for RuleService {
    fn with_engine<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        self.desk.read(|engine, _| look(engine))
    }

    fn notifiers(&self) -> Vec<TargetTally> {
        self.network.sender.tallies()
    }

    fn writers(&self) -> Vec<(String, WriteTally)> {
        self.network.queues.tallies().into_iter().map(|(name, writer, _)| (name, writer)).collect()
    }

    fn queues(&self) -> Vec<(String, QueueTally)> {
        self.network.queues.tallies().into_iter().map(|(name, _, queue)| (name, queue)).collect()
    }

    fn sources(&self) -> Vec<SourceTally> {
        let peers = self.network.peers.load_full();
        peers.iter().flat_map(|peers| peers.sources.values()).map(|source| source.tally()).collect()
    }

    fn set_groups(&self) -> (usize, usize) {
        let namespaces = self.namespaces.look();
        (namespaces.len(), namespaces.bytes())
    }

    fn shown_config(&self) -> String {
        self.in_force().shown_config.clone()
    }

    fn build(&self) -> BuildInfo {
        let build = BuildInfo { version: crate::process::VERSION.to_owned(), ..BuildInfo::default() };
        if self.sources.flags.enable_api { build.with_rule_editing() } else { build }
    }
}

impl Previewing for RuleService {
    fn now(&self) -> Timestamp {
        live::now()
    }

    fn circumstances(&self) -> (Defaults, Settings) {
        let in_force = self.in_force();
        (in_force.defaults.clone(), in_force.settings.clone())
    }

    fn sent_labels(&self, labels: &LabelSet) -> Option<LabelSet> {
        let external = self.in_force().settings.external_labels.clone();
        let peers = self.network.peers.load();
        let labels = external.overlay(labels.iter());
        peers.as_ref().map_or(Some(labels.clone()), |peers| peers.relabeling.apply(&labels))
    }

    async fn ask(&self, wanted: &Wanted) -> Result<QueryAnswer, QueryFailure> {
        let (network, Wanted { source, expr, at, deadline, .. }) = (self.network.clone(), wanted.clone());
        let asked = self.io.spawn(async move { network.ask(&source, &expr, at, deadline).await });
        asked.await.unwrap_or_else(|error| Err(QueryFailure::passing(error.to_string())))
    }

    async fn ask_range(&self, source: &Source, expr: &str, window: Window) -> Result<Vec<RangeSeries>, QueryFailure> {
        let timeout = self.in_force().settings.bounds(&source.name).query_timeout;
        let (network, source, expr) = (self.network.clone(), source.clone(), expr.to_owned());
        let asked = self.io.spawn(async move { network.ask_range(&source, &expr, window, timeout).await });
        asked.await.unwrap_or_else(|error| Err(QueryFailure::passing(error.to_string())))
    }
}

impl RuleEditing for Editor {
    fn is_editable(&self) -> bool {
        self.0.sources.flags.enable_api
    }

    fn with_namespaces<T>(&self, look: impl FnOnce(&Namespaces, &[RuleGroup]) -> T) -> T {
        let in_force = self.0.in_force();
        look(&self.0.namespaces.look(), &in_force.groups)
    }

    async fn edit(&self, change: Change) -> Result<Diagnostics, EditFailure> {
        let service = self.0.clone();
        let edited = tokio::spawn(async move { service.edit(change).await });
        edited.await.unwrap_or_else(|error| Err(EditFailure::NotStored(error.to_string())))
    }
}

impl Reloadable for Arc<RuleService> {
    fn prepare(&self) -> anyhow::Result<Box<dyn FnOnce() + Send>> {
        let prepared = self.sources.prepare(&self.network)?;
        let service = self.clone();
        Ok(Box::new(move || service.apply(prepared)))
    }

    fn files(&self) -> Vec<FilePattern> {
        let config = self.sources.config_file.iter().map(|file| FilePattern::Path(file.path().to_owned()));
        config.chain(self.in_force().rule_globs.iter().cloned().map(FilePattern::Glob)).collect()
    }

    fn unset_variables(&self) -> usize {
        self.sources.config_file.as_ref().map_or(0, ConfigFile::unset)
    }
}

impl Machine for Engine {
    type Effect = Effect;

    fn advance(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.advance(now, out);
    }

    fn next_wake(&self) -> Option<Timestamp> {
        self.next_wake()
    }

    fn clock_moved(&mut self, now: Timestamp, step: ClockStep, _: &mut Vec<Effect>) {
        self.clock_moved(now, step);
    }
}

impl Perform<Engine> for Performer {
    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Query { id, source, expr, at, deadline } => {
                drop(self.io.spawn(self.clone_handles().query(id, source, expr, at, deadline)))
            }
            Effect::Write { id, is_awaited: true, samples, deadline } => {
                drop(self.io.spawn(self.clone_handles().write(id, samples, deadline)))
            }
            Effect::Write { id, is_awaited: false, samples, .. } => {
                self.network.queues.enqueue(&samples);
                self.queued().push(id);
            }
            Effect::Send(alerts) => self.outgoing.push(alerts),
            Effect::Persist { key, value, may_wait: true } => self.ledger.note_slightly(&key, Some(value)),
            Effect::Persist { key, value, may_wait: false } => self.ledger.note(&key, Some(value)),
            Effect::Forget { key } => self.ledger.note(&key, None),
            Effect::Log(line) => log(&line),
        }
    }

    fn report(&self, engine: &mut Engine, now: Timestamp, out: &mut Vec<Effect>) {
        for id in std::mem::take(&mut *self.queued()) {
            engine.written(now, id, Ok(()), out);
        }
    }
}

impl Performer {
    fn queued(&self) -> MutexGuard<'_, Vec<WriteId>> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clone_handles(&self) -> Task {
        Task { desk: self.desk.clone(), network: self.network.clone() }
    }
}

impl Network {
    async fn ask(
        &self,
        source: &Source,
        expr: &str,
        at: Timestamp,
        deadline: Timestamp,
    ) -> Result<QueryAnswer, QueryFailure> {
        let now = live::now();
        let peers = self.peers.load_full();
        match peers.as_ref().and_then(|peers| peers.sources.get(&source.name)) {
            Some(api) => api.query_for(source, expr, at, deadline.since(now), now).await,
            None => Err(format!("no query source {:?} is configured", source.name).into()),
        }
    }

    async fn ask_range(
        &self,
        source: &Source,
        expr: &str,
        window: Window,
        timeout: Duration,
    ) -> Result<Vec<RangeSeries>, QueryFailure> {
        let peers = self.peers.load_full();
        match peers.as_ref().and_then(|peers| peers.sources.get(&source.name)) {
            Some(api) => api.query_range(source, expr, window, timeout, live::now()).await,
            None => Err(format!("no query source {:?} is configured", source.name).into()),
        }
    }

    fn send(&self, alerts: Vec<Alert>) {
        self.sender.send(&alerts);
        let (Some(hand_over), Some(peers)) = (&self.hand_over, &*self.peers.load()) else { return };
        let relabelled = alerts.into_iter().filter_map(|alert| {
            let labels = peers.relabeling.apply(&alert.labels)?;
            Some(Alert { labels, ..alert })
        });
        hand_over(relabelled.collect());
    }
}

/// One request and the report of its outcome.
struct Task {
    desk: Weak<Desk<Engine>>,
    network: Arc<Network>,
}

impl Task {
    async fn query(self, id: QueryId, source: Arc<Source>, expr: Arc<str>, at: Timestamp, deadline: Timestamp) {
        let answer = self.network.ask(&source, &expr, at, deadline).await;
        self.report(|engine, now, out| engine.queried(now, id, answer, out));
    }

    async fn write(self, id: WriteId, samples: Vec<Sample>, deadline: Timestamp) {
        let outcome = self.network.queues.write(&samples, deadline.since(live::now())).await;
        self.report(|engine, now, out| match outcome {
            Ok(()) => engine.written(now, id, Ok(()), out),
            Err(unwritten) if unwritten.is_kept => engine.written_later(now, id, unwritten.text, out),
            Err(unwritten) => engine.written(now, id, Err(unwritten.text), out),
        });
    }

    fn report(&self, fact: impl FnOnce(&mut Engine, Timestamp, &mut Vec<Effect>)) {
        if let Some(desk) = self.desk.upgrade() {
            desk.act(fact);
        }
        self.network.answered.notify_one();
    }
}

fn log(line: &LogLine) {
    let LogLine { level, group, rule, text } = line;
    match level {
        LogLevel::Info => info!(%group, %rule, "{text}"),
        LogLevel::Warn => warn!(%group, %rule, "{text}"),
    }
}
