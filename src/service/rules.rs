//! The rule service at work.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use model::{Alert, Timestamp};
use prometheus_client::registry::Registry;
use rules_engine::config::{Config, Flags};
use rules_engine::engine::{Effect, Engine, LogLevel, LogLine, QueryId, Settings, WriteId};
use rules_engine::io::query_api::QueryApi;
use rules_engine::io::send_alerts::AlertSender;
use rules_engine::io::write_samples::SampleWriter;
use rules_engine::relabel::Relabeling;
use rules_engine::rule::RuleGroup;
use rules_engine::rule_file;
use rules_engine::sample::Sample;
use store::Store;
use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use crate::cli::RulesFlags;
use crate::live::ledger::Ledger;
use crate::live::{self, Desk, Machine, Perform};
use crate::reload::Reloadable;

/// Evaluations under way have this long to end at shutdown, and so have alerts that wait for a notifier.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Takes alerts to the notifier in the same process.
pub type HandOver = Box<dyn Fn(Vec<Alert>) + Send + Sync>;

/// Where the configuration comes from: a file, if any, overridden by flags.
pub struct Sources {
    config_file: Option<PathBuf>,
    flags: RulesFlags,
    external_url: String,
}

/// The rule service with everything around it.
pub struct RuleService {
    desk: Arc<Desk<Engine>>,
    ledger: Arc<Ledger>,
    network: Arc<Network>,
    sources: Sources,
}

/// What effects need; peers change with the configuration.
struct Network {
    peers: ArcSwapOption<Peers>,
    sender: AlertSender,
    hand_over: Option<HandOver>,
    /// An answer came in: the engine may have become idle.
    answered: Notify,
}

struct Peers {
    query: QueryApi,
    writers: Vec<SampleWriter>,
    relabeling: Relabeling,
}

/// Files read and checked, ready to be put in force.
struct Prepared {
    config: Config,
    groups: Vec<RuleGroup>,
    peers: Peers,
}

struct Performer {
    desk: Weak<Desk<Engine>>,
    ledger: Arc<Ledger>,
    network: Arc<Network>,
}

impl Sources {
    /// A configuration file (none is fine) and the flags that override it.
    pub fn new(config_file: Option<PathBuf>, flags: RulesFlags, external_url: String) -> Self {
        Self { config_file, flags, external_url }
    }
}

impl RuleService {
    /// Restores what was kept and puts the configuration in force.
    ///
    /// # Errors
    /// The configuration or a rule file cannot be used, or the store cannot be read.
    pub async fn start(sources: Sources, store: Store, hand_over: Option<HandOver>) -> anyhow::Result<Arc<Self>> {
        let ledger = Arc::new(Ledger::new(store, "rules/"));
        let network = Arc::new(Network {
            peers: ArcSwapOption::empty(),
            sender: AlertSender::new(Arc::new(live::now)),
            hand_over,
            answered: Notify::new(),
        });
        let records = ledger.records().await?;
        let machine = Engine::new(Settings::default());
        let desk = Desk::open(machine, |desk| Performer { desk, ledger: ledger.clone(), network: network.clone() });
        info!(records = records.len(), "rule service restored");
        desk.act(|engine, _, out| engine.restore(records, out));
        let service = Arc::new(Self { desk, ledger, network, sources });
        let apply = service.prepare()?;
        apply();
        Ok(service)
    }

    /// Works until `shutdown`: then no evaluation begins, those under way end, and waiting alerts are delivered.
    pub async fn run(&self, shutdown: watch::Receiver<bool>) {
        self.desk.run(shutdown).await;
        self.desk.act(|engine, _, _| engine.stop());
        let idle = async {
            while !self.desk.read(|engine, _| engine.is_idle()) {
                self.network.answered.notified().await;
            }
        };
        if tokio::time::timeout(DRAIN_DEADLINE, idle).await.is_err() {
            warn!("evaluations were still under way at shutdown");
        }
        let undelivered = self.network.sender.shut_down(DRAIN_DEADLINE).await;
        if undelivered > 0 {
            warn!(alerts = undelivered, "alerts could not be delivered before shutdown");
        }
    }

    /// The records' way to the store; to be run until everything else has ended.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.ledger.clone()
    }

    /// Prometheus' rules API.
    pub fn router(self: &Arc<Self>) -> Router {
        rules_engine::io::api::router(self.clone(), crate::process::VERSION)
    }

    /// Prometheus' rule metrics.
    pub fn register_metrics(self: &Arc<Self>, registry: &mut Registry) {
        registry.register_collector(Box::new(rules_engine::io::metrics::RuleMetrics(self.clone())));
    }

    fn apply(&self, prepared: Prepared) {
        let Prepared { config, groups, peers } = prepared;
        let settings = self.settings(&config, &peers);
        self.network.peers.store(Some(Arc::new(peers)));
        if let Err(error) = self.network.sender.configure(config.alert_relabeling.clone(), config.notifiers.clone()) {
            warn!(%error, "a notifier cannot be used");
        }
        self.desk.act(|engine, now, out| engine.configure(now, groups, settings, out));
    }

    fn settings(&self, config: &Config, peers: &Peers) -> Settings {
        Settings {
            external_url: self.sources.external_url.clone(),
            external_labels: config.external_labels.clone(),
            resend_delay: self.sources.flags.resend_delay,
            writes: !peers.writers.is_empty(),
            for_outage_tolerance: self.sources.flags.for_outage_tolerance,
            query_timeout: config.query.timeout,
            ..Settings::default()
        }
    }

    fn read_files(&self) -> anyhow::Result<Prepared> {
        let sources = &self.sources;
        let flags = Flags {
            rule_files: sources.flags.rule_files.clone(),
            query_url: sources.flags.query_url.clone(),
            notifier_urls: sources.flags.notifier_urls.clone(),
            remote_write_url: sources.flags.remote_write_url.clone(),
            evaluation_interval: sources.flags.evaluation_interval,
        };
        let (config, warnings) = Config::load(sources.config_file.as_deref(), &flags).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
        let base = sources.config_file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let loaded = rule_file::load(&config.rule_files, base, &config.rule_defaults()).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
        for warning in warnings.iter().chain(loaded.warnings.iter()) {
            warn!(%warning, "configuration");
        }
        let peers = Peers {
            query: QueryApi::new(&config.query.url, &config.query.http)?,
            writers: config.remote_write.iter().cloned().map(SampleWriter::new).collect::<Result<_, _>>()?,
            relabeling: config.alert_relabeling.clone(),
        };
        info!(groups = loaded.groups.len(), files = loaded.files.len(), "rule files read");
        Ok(Prepared { config, groups: loaded.groups, peers })
    }
}

impl Reloadable for Arc<RuleService> {
    fn prepare(&self) -> anyhow::Result<Box<dyn FnOnce() + Send>> {
        let prepared = self.read_files()?;
        let service = self.clone();
        Ok(Box::new(move || service.apply(prepared)))
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
}

impl Perform<Effect> for Performer {
    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Query { id, expr, at, deadline } => drop(tokio::spawn(self.clone_handles().query(id, expr, at, deadline))),
            Effect::Write { id, samples, deadline } => drop(tokio::spawn(self.clone_handles().write(id, samples, deadline))),
            Effect::Send(alerts) => self.network.send(alerts),
            Effect::Persist { key, value } => self.ledger.note(&key, Some(value)),
            Effect::Forget { key } => self.ledger.note(&key, None),
            Effect::Log(line) => log(&line),
        }
    }
}

impl Performer {
    fn clone_handles(&self) -> Task {
        Task { desk: self.desk.clone(), network: self.network.clone() }
    }
}

impl Network {
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
    async fn query(self, id: QueryId, expr: Arc<str>, at: Timestamp, deadline: Timestamp) {
        let now = live::now();
        let answer = match self.network.peers.load_full() {
            Some(peers) => peers.query.query(&expr, at, deadline.since(now), now).await,
            None => Err("no query API is configured".to_owned()),
        };
        self.report(|engine, now, out| engine.queried(now, id, answer, out));
    }

    async fn write(self, id: WriteId, samples: Vec<Sample>, deadline: Timestamp) {
        let outcome = match self.network.peers.load_full() {
            Some(peers) => write_to_all(&peers.writers, &samples, deadline).await,
            None => Ok(()),
        };
        self.report(|engine, now, out| engine.written(now, id, outcome, out));
    }

    fn report(&self, fact: impl FnOnce(&mut Engine, Timestamp, &mut Vec<Effect>)) {
        if let Some(desk) = self.desk.upgrade() {
            desk.act(fact);
        }
        self.network.answered.notify_one();
    }
}

async fn write_to_all(writers: &[SampleWriter], samples: &[Sample], deadline: Timestamp) -> Result<(), String> {
    let now = live::now();
    let all = futures_util::future::join_all(writers.iter().map(|writer| writer.write(samples, deadline.since(now), now))).await;
    let failed: Vec<String> = all.into_iter().filter_map(|outcome| outcome.err().map(|failure| failure.to_string())).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn log(line: &LogLine) {
    let LogLine { level, group, rule, text } = line;
    match level {
        LogLevel::Info => info!(%group, %rule, "{text}"),
        LogLevel::Warn => warn!(%group, %rule, "{text}"),
    }
}
