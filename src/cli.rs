//! The command line: what people may write. What is meant by it is in `command/`.

pub mod ack;
pub mod admission;
pub mod backtest;
pub mod check;
pub mod client;
pub mod cluster;
pub mod demo;
pub mod feature;
pub mod history;
pub mod kubernetes;
pub mod kubernetes_rules;
pub mod leading_flags;
pub mod migrate;
pub mod query;
pub mod reload;
pub mod rules;
pub mod store;
pub mod test;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use model::duration::parse_duration;
use outbound::AllowedHost;

use rules_engine::rule_file::Dialect;

use crate::web::listen::CONNECTIONS_MAX;
use cluster::ClusterFlags;
use feature::Feature;
use kubernetes::{AccessFlags, AlertmanagerConfigFlags};
use reload::ReloadFlags;

/// Turns alerting rules into pages.
#[derive(Debug, Parser)]
#[command(name = "watchfire", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Only log messages with this severity or above. [default: info; of the demo: warn]
    #[arg(long = "log.level", value_enum, global = true)]
    pub log_level: Option<LogLevel>,
    /// Format of log messages.
    #[arg(long = "log.format", value_enum, default_value = "logfmt", global = true)]
    pub log_format: LogFormat,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Evaluate rules against a query API, write recordings, send alerts to a notifier.
    Rules(Box<RulesCommand>),
    /// Receive alerts; group, inhibit, silence, dedupe and deliver them.
    Notifier(Box<NotifierCommand>),
    /// Both in one process.
    Run(Box<RunCommand>),
    /// See an alert fire, arrive and resolve, in fifteen seconds and with nothing else installed.
    Demo(demo::DemoCommand),
    /// Check files without running anything.
    #[command(subcommand)]
    Check(CheckCommand),
    /// Test rules without a server.
    #[command(subcommand)]
    Test(test::TestCommand),
    /// Find out what rules and a notifier's configuration would have sent, from history.
    Backtest(Box<backtest::BacktestCommand>),
    /// Ask a server or a file of series in PromQL; print the answer as a table, JSON or a plot.
    Query(Box<query::QueryCommand>),
    /// The offline query engine by itself.
    #[command(subcommand)]
    Promql(test::PromqlCommand),
    /// Play scenario files on virtual time and show what would be delivered when; exit 1 if not as expected.
    Simulate {
        /// The scenarios.
        #[arg(value_name = "FILE", required = true)]
        scenarios: Vec<PathBuf>,
    },
    /// Show or send alerts.
    Alert(client::AlertCommand),
    /// Acknowledge alerts: no repeats and no escalation until they are over.
    Ack(ack::AckCommand),
    /// Show, create, change or end silences.
    Silence(client::SilenceCommand),
    /// Show a notifier's configuration or routes.
    Config(client::ConfigCommand),
    /// Show a routing tree, or where an alert goes in it.
    Route(client::RouteCommand),
    /// Try a receiver.
    Receiver(client::ReceiverCommand),
    /// Render templates.
    Template(client::TemplateCommand),
    /// Show a notifier's cluster.
    Cluster(client::ClusterCommand),
    /// Tell why an alert was told or not, or what a rule did.
    Explain(Box<history::ExplainCommand>),
    /// Show who was told what when.
    History(history::HistoryCommand),
    /// Evaluate rules once, now, without consequences.
    Preview(rules::PreviewCommand),
    /// Answer a Kubernetes API server whether PrometheusRule and AlertmanagerConfig objects may be stored.
    Admission(Box<admission::AdmissionCommand>),
    /// Print the deployment that is equal to what others run: Prometheus, ThanosRuler and Alertmanager objects, Helm values,
    /// prometheus.yml, alertmanager.yml, vmalert.
    Migrate(migrate::MigrateCommand),
    /// Copy what is stored, put a copy in place, or look whether all of it can be read.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// `check config`, by amtool's name.
    #[command(hide = true)]
    CheckConfig {
        /// Without effect, but scripts for amtool may give them.
        #[command(flatten)]
        client: client::ClientFlags,
        /// The files; standard input if none.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

impl Command {
    /// What is logged where nobody says: a demo tells its story itself.
    pub fn log_level(&self) -> LogLevel {
        if matches!(self, Self::Demo(_)) { LogLevel::Warn } else { LogLevel::Info }
    }

    /// Whether silences that people make are logged.
    pub fn logs_silences(&self) -> bool {
        match self {
            Self::Notifier(command) => command.notifier.log_silences,
            Self::Run(command) => command.notifier.log_silences,
            _ => false,
        }
    }
}

/// `watchfire rules`.
#[derive(Debug, Args)]
pub struct RulesCommand {
    /// Configuration in the shape of prometheus.yml, with `query:` added.
    #[arg(long = "config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// What the rule service does.
    #[command(flatten)]
    pub rules: RulesFlags,
    /// How the cluster is reached.
    #[command(flatten)]
    pub kubernetes: AccessFlags,
    /// Where state is kept; empty keeps it in memory only.
    #[arg(long = "storage.path", default_value = "data/", value_name = "DIR")]
    pub storage_path: String,
    /// How the configuration is read.
    #[command(flatten)]
    pub reload: ReloadFlags,
    /// The HTTP side.
    #[command(flatten)]
    pub web: WebFlags<8880>,
}

/// `watchfire notifier`.
#[derive(Debug, Args)]
pub struct NotifierCommand {
    /// Alertmanager configuration file.
    #[arg(long = "config.file", default_value = "alertmanager.yml", value_name = "FILE")]
    pub config_file: PathBuf,
    /// What the notifier does.
    #[command(flatten)]
    pub notifier: NotifierFlags,
    /// The AlertmanagerConfig objects it takes.
    #[command(flatten)]
    pub alertmanager_configs: AlertmanagerConfigFlags,
    /// The admission webhook beside it.
    #[command(flatten)]
    pub admission: admission::AdmissionFlags,
    /// How the cluster is reached.
    #[command(flatten)]
    pub kubernetes: AccessFlags,
    /// Where state is kept; empty keeps it in memory only.
    #[arg(long = "storage.path", default_value = "data/", value_name = "DIR")]
    pub storage_path: String,
    /// How the configuration is read.
    #[command(flatten)]
    pub reload: ReloadFlags,
    /// The HTTP side.
    #[command(flatten)]
    pub web: WebFlags<9093>,
}

/// `watchfire run`.
#[derive(Debug, Args)]
pub struct RunCommand {
    /// Alertmanager configuration file, for the notifier.
    #[arg(long = "config.file", default_value = "alertmanager.yml", value_name = "FILE")]
    pub config_file: PathBuf,
    /// Configuration of the rule service in the shape of prometheus.yml, with `query:` added.
    #[arg(long = "rules.config.file", value_name = "FILE")]
    pub rules_config_file: Option<PathBuf>,
    /// What the rule service does.
    #[command(flatten)]
    pub rules: RulesFlags,
    /// What the notifier does.
    #[command(flatten)]
    pub notifier: NotifierFlags,
    /// The AlertmanagerConfig objects it takes.
    #[command(flatten)]
    pub alertmanager_configs: AlertmanagerConfigFlags,
    /// The admission webhook beside it.
    #[command(flatten)]
    pub admission: admission::AdmissionFlags,
    /// How the cluster is reached.
    #[command(flatten)]
    pub kubernetes: AccessFlags,
    /// Where state is kept; empty keeps it in memory only.
    #[arg(long = "storage.path", default_value = "data/", value_name = "DIR")]
    pub storage_path: String,
    /// How the configuration is read.
    #[command(flatten)]
    pub reload: ReloadFlags,
    /// The HTTP side.
    #[command(flatten)]
    pub web: WebFlags<9093>,
}

/// Flags of the rule service; each overrides the configuration file.
#[derive(Debug, Args)]
pub struct RulesFlags {
    /// Rule files or PrometheusRule manifests: a glob, repeatable.
    #[arg(long = "rule.file", value_name = "GLOB")]
    pub rule_files: Vec<String>,
    /// Whose fields rule files may have: prometheus, any (also those of vmalert, Thanos and Mimir), or vmalert, which
    /// reads every file as vmalert does.
    #[arg(long = "rule.dialect", value_parser = check::parse_dialect, default_value = "any", value_name = "DIALECT")]
    pub rule_dialect: Dialect,
    /// Prometheus-compatible query API.
    #[arg(long = "query.url", value_name = "URL")]
    pub query_url: Option<String>,
    /// Where alerts are sent: Alertmanager API v2, repeatable. With `run`, in addition to the notifier of the process.
    #[arg(long = "notifier.url", value_name = "URL")]
    pub notifier_urls: Vec<String>,
    /// Where recorded series and alert states are written (remote write 1.0).
    #[arg(long = "remote-write.url", value_name = "URL")]
    pub remote_write_url: Option<String>,
    /// How often rules are evaluated where a group does not say. [default: 1m]
    #[arg(long = "evaluation.interval", value_parser = parse_duration, value_name = "DURATION")]
    pub evaluation_interval: Option<Duration>,
    /// Least time before an unchanged alert is sent again. [default: 1m]
    #[arg(long = "rules.alert.resend-delay", value_parser = parse_duration, value_name = "DURATION")]
    pub resend_delay: Option<Duration>,
    /// After a longer outage `for` timers start anew.
    #[arg(long = "rules.alert.for-outage-tolerance", value_parser = parse_duration, default_value = "1h", value_name = "DURATION")]
    pub for_outage_tolerance: Duration,
    /// Least time before an alert fires whose `for` timer was taken back from ALERTS_FOR_STATE; shorter `for`s are not.
    #[arg(long = "rules.alert.for-grace-period", value_parser = parse_duration, default_value = "10m", value_name = "DURATION")]
    pub for_grace_period: Duration,
    /// Send firing alerts again while their rule cannot be evaluated, so that no notifier takes them for resolved.
    #[arg(long = "rules.alert.resend-on-error", action = ArgAction::Set, default_value_t = true, value_name = "BOOL")]
    pub resend_on_error: bool,
    /// Rules of a group evaluated at the same time unless one reads what another writes; 0 or 1 is strictly in order.
    #[arg(long = "rules.max-concurrent-evals", default_value_t = 4, value_name = "COUNT")]
    pub max_concurrent_evals: usize,
    /// Let people set and remove rule groups through the API, as Grafana and mimirtool do.
    #[arg(long = "rules.enable-api")]
    pub enable_api: bool,
    /// Evaluations of each rule that are remembered for `explain rule`, at most 1000.
    #[arg(long = "rules.history", value_parser = parse_history, default_value = "20", value_name = "COUNT")]
    pub history: usize,
    /// Rules that have metrics of their own; of more rules than that only the first have. 0 is none.
    #[arg(long = "rules.metrics-limit", default_value_t = 2000, value_name = "COUNT")]
    pub metrics_limit: usize,
    /// Rules from a cluster.
    #[command(flatten)]
    pub kubernetes_rules: kubernetes_rules::KubernetesRulesFlags,
}

/// A notifier to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compat {
    /// Prometheus' Alertmanager.
    Alertmanager,
}

/// Flags of the notifier.
#[derive(Debug, Args)]
pub struct NotifierFlags {
    /// How long expired silences and the notification log are kept.
    #[arg(long = "data.retention", value_parser = parse_duration, default_value = "120h", value_name = "DURATION")]
    pub data_retention: Duration,
    /// How long the history of notifications and decisions is kept; 0s keeps none.
    #[arg(long = "history.retention", value_parser = parse_duration, default_value = "120h", value_name = "DURATION")]
    pub history_retention: Duration,
    /// Most bytes of that history, as stored: of more, the oldest goes. 0 keeps none.
    #[arg(long = "history.max-size-bytes", default_value_t = 16 << 20, value_name = "BYTES")]
    pub history_bytes_max: u64,
    /// Interval between removals of resolved alerts.
    #[arg(long = "alerts.gc-interval", value_parser = parse_duration, default_value = "30m", value_name = "DURATION")]
    pub alerts_gc_interval: Duration,
    /// No notification goes out before this time after start.
    #[arg(long = "dispatch.start-delay", value_parser = parse_duration, default_value = "0s", value_name = "DURATION")]
    pub dispatch_start_delay: Duration,
    /// After a restart, an alert that fired and is not reported again counts as resolved after as long as its source had
    /// promised it to be valid, but no later than this.
    #[arg(long = "alerts.restart-grace", value_parser = parse_duration, default_value = "1h", value_name = "DURATION")]
    pub alerts_restart_grace: Duration,
    /// Pages with an alert that meets these matchers do not wait behind others for their turn with a busy receiver; none do if
    /// it is empty.
    #[arg(long = "dispatch.critical", default_value = "severity=\"critical\"", value_name = "MATCHERS")]
    pub dispatch_critical: String,
    /// Signs the links in mails that acknowledge; without it a key is made and kept in the store. There are links where
    /// --web.external-url says where they lead.
    #[arg(long = "ack.key-file", value_name = "FILE")]
    pub ack_key_file: Option<PathBuf>,
    /// Hosts that receivers, their proxies and token servers may be: host, *.domain, address or network; the first three also
    /// with :port. Comma separated, repeatable. [default: all]
    #[arg(long = "receiver.allowed-hosts", value_delimiter = ',', value_name = "HOST")]
    pub allowed_hosts: Vec<AllowedHost>,
    /// Do as another notifier does where Watchfire promises more: see docs/differences.md.
    #[arg(long = "compat", value_enum, value_name = "NOTIFIER")]
    pub compat: Option<Compat>,
    /// Interval between removals of expired silences and of the notification log's old entries.
    #[arg(long = "data.maintenance-interval", value_parser = parse_duration, default_value = "15m", value_name = "DURATION")]
    pub data_maintenance_interval: Duration,
    /// Most silences, expired ones included; 0 is no limit.
    #[arg(long = "silences.max-silences", default_value_t = 100_000, value_name = "COUNT")]
    pub silences_max: usize,
    /// Most recurring silences, ended ones included; 0 is no limit.
    #[arg(long = "silences.max-schedules", default_value_t = 1000, value_name = "COUNT")]
    pub schedules_max: usize,
    /// Largest silence as stored; 0 is 4 MiB, which none may exceed.
    #[arg(long = "silences.max-silence-size-bytes", default_value_t = 0, value_name = "BYTES")]
    pub silence_bytes_max: usize,
    /// Log every silence that is made, changed or expired.
    #[arg(long = "log.silences")]
    pub log_silences: bool,
    /// Most alerts, resolved ones included until they are removed: of more, new ones are refused with 503 until others are
    /// over; 0 is no limit.
    #[arg(long = "alerts.max-alerts", default_value_t = 1_000_000, value_name = "COUNT")]
    pub alerts_max: usize,
    /// Most bytes of their labels, annotations and links as posted (in memory they take less), likewise; 0 is no limit.
    #[arg(long = "alerts.max-size-bytes", default_value_t = 1 << 30, value_name = "BYTES")]
    pub alert_bytes_max: u64,
    /// Most alerts with the same alertname; 0 is no limit.
    #[arg(long = "alerts.per-alertname-limit", default_value_t = 0, value_name = "COUNT")]
    pub alerts_per_name_max: usize,
    /// GET requests to the API at the same time, the others get 503; 0 is the number of processors, at least 8.
    #[arg(long = "web.get-concurrency", default_value_t = 0, value_name = "COUNT")]
    pub get_concurrency: usize,
    /// classic-mode, utf8-strict-mode; comma separated. Other features of Alertmanager are accepted.
    #[arg(long = "enable-feature", value_delimiter = ',', value_name = "FEATURE")]
    pub features: Vec<Feature>,
    /// Without effect: empty groups are forgotten at once.
    #[arg(long = "dispatch.maintenance-interval", value_parser = parse_duration, hide = true)]
    pub dispatch_maintenance_interval: Option<Duration>,
    /// Without effect: memory is not collected.
    #[arg(long = "auto-gomemlimit.ratio", hide = true)]
    pub gomemlimit_ratio: Option<f64>,
    /// The cluster, which this notifier has none of.
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

/// Flags of the HTTP side; `PORT` is the default port.
#[derive(Debug, Args)]
pub struct WebFlags<const PORT: u16> {
    /// Address to listen on, repeatable. [default: the service's port on all addresses]
    #[arg(long = "web.listen-address", value_name = "HOST:PORT")]
    pub listen_addresses: Vec<String>,
    /// URL under which this service is reachable from outside; used in links. [default: host name and port]
    #[arg(long = "web.external-url", value_name = "URL")]
    pub external_url: Option<String>,
    /// Prefix of every path. [default: the path of --web.external-url]
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    pub route_prefix: Option<String>,
    /// TLS, basic authentication and who may do what, in the format of Prometheus' web configuration.
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub web_config_file: Option<PathBuf>,
    /// Note who changed what in this file too, a JSON object a line; what is answered is on disk. It is in the log in any case.
    #[arg(long = "audit.file", value_name = "FILE")]
    pub audit_file: Option<PathBuf>,
    /// Largest audit file: then it is put aside as FILE.1, in place of the one before.
    #[arg(long = "audit.max-size-bytes", default_value_t = 64 << 20, value_name = "BYTES")]
    pub audit_bytes_max: u64,
    /// Listen on the sockets systemd gives: refused, since this service opens its own.
    #[arg(long = "web.systemd-socket", hide = true)]
    pub systemd_socket: bool,
    /// Let `POST /-/quit` end the process. `POST /-/reload` needs no permission.
    #[arg(long = "web.enable-lifecycle")]
    pub enable_lifecycle: bool,
    /// Most connections at a time, half of them from one address. Fewer where few files may be open (`ulimit -n`): as many as
    /// half of that.
    #[arg(long = "web.max-connections", default_value_t = CONNECTIONS_MAX, value_name = "COUNT")]
    pub max_connections: usize,
    /// A request that takes longer is answered with 503; 0 is no limit.
    #[arg(long = "web.timeout", value_parser = parse_duration, default_value = "0s", value_name = "DURATION")]
    pub timeout: Duration,
}

/// `watchfire check`.
#[derive(Debug, Subcommand)]
pub enum CheckCommand {
    /// Check Alertmanager configuration files and their templates; exit 1 if one is bad.
    Config {
        /// The files; standard input if none.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check rule files and PrometheusRule manifests; exit 1 if one is bad.
    Rules(check::RulesCheck),
    /// Check web configuration files: certificates, users, who may do what; exit 1 if one is bad.
    #[command(name = "web-config")]
    WebConfig {
        /// The files.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Ask a running service whether it works; exit 1 if it does not answer. For containers without a shell.
    Healthy(check::HealthCheck),
    /// Ask a running service whether its state is restored and its configuration in force; exit 1 if not.
    Ready(check::HealthCheck),
}

/// Longest history of a rule: it is kept in memory.
const HISTORY_MAX: usize = 1000;

fn parse_history(text: &str) -> Result<usize, String> {
    let count = text.parse().map_err(|_| "expected a number".to_owned())?;
    if count > HISTORY_MAX { Err(format!("at most {HISTORY_MAX} can be kept")) } else { Ok(count) }
}

/// Severity of log messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    Info,
    /// What is odd.
    Warn,
    /// What failed.
    Error,
}

/// Format of log messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `time level message key=value`.
    Logfmt,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        for command in ["rules", "notifier", "run"] {
            assert!(Cli::try_parse_from(["watchfire", command]).is_ok(), "{command} needs no flag");
        }
        assert!(Cli::try_parse_from(["watchfire", "run", "--evaluation.interval", "1 minute"]).is_err());
    }
}
