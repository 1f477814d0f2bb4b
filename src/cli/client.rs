//! Commands that talk to a running notifier, or ask the routing tree of a file: what amtool does, under the same flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use kubernetes::alertmanager_config::AlertmanagerVersion;
use model::Timestamp;

use crate::client::duration::parse_duration;

/// Flags of every command that talks to a notifier. What is left out comes from the settings files.
#[derive(Clone, Debug, Default, Args)]
pub struct ClientFlags {
    /// Where the notifier is. [default: http://localhost:9093]
    #[arg(long = "alertmanager.url", value_name = "URL", global = true)]
    pub url: Option<String>,
    /// How results are printed. [default: simple]
    #[arg(long, short, value_enum, global = true)]
    pub output: Option<OutputFormat>,
    /// How long a command may take. [default: 30s]
    #[arg(long, value_parser = parse_duration, value_name = "DURATION", global = true)]
    pub timeout: Option<Duration>,
    /// How to connect: a file in the format of `http_config`.
    #[arg(long = "http.config.file", value_name = "FILE", global = true)]
    pub http_config_file: Option<PathBuf>,
    /// Warn if the notifier is of another version. [default: yes]
    #[arg(long = "version-check", global = true, overrides_with = "no_version_check")]
    pub version_check: bool,
    /// Do not ask the notifier for its version.
    #[arg(long = "no-version-check", global = true, overrides_with = "version_check")]
    pub no_version_check: bool,
    /// How times are printed, as a Go layout. [default: 2006-01-02 15:04:05 MST]
    #[arg(long = "date.format", value_name = "LAYOUT", global = true)]
    pub date_format: Option<String>,
    /// Say what is asked of whom.
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// How matchers are read: classic-mode or utf8-strict-mode.
    #[arg(long = "enable-feature", value_name = "FEATURE", global = true)]
    pub enable_feature: Option<String>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A table of what matters most.
    #[default]
    Simple,
    /// A table of everything.
    Extended,
    /// What the API answers.
    Json,
}

/// `watchfire alert`.
#[derive(Debug, Args)]
pub struct AlertCommand {
    /// Which notifier, and how to print.
    #[command(flatten)]
    pub client: ClientFlags,
    /// Without a word behind it, `alert` is `alert query`.
    #[command(flatten)]
    pub query: AlertQuery,
    /// What to do.
    #[command(subcommand)]
    pub action: Option<AlertAction>,
}

/// What can be done with alerts.
#[derive(Debug, Subcommand)]
pub enum AlertAction {
    /// Show alerts.
    Query(AlertQuery),
    /// Send an alert.
    Add(AlertAdd),
}

/// `watchfire alert query`. Without a flag about their state, active alerts are shown.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct AlertQuery {
    /// Show inhibited alerts.
    #[arg(long, short)]
    pub inhibited: bool,
    /// Show silenced alerts.
    #[arg(long, short)]
    pub silenced: bool,
    /// Show active alerts.
    #[arg(long, short)]
    pub active: bool,
    /// Show alerts that are not processed yet.
    #[arg(long, short)]
    pub unprocessed: bool,
    /// Show alerts for this receiver, a regular expression.
    #[arg(long, short, value_name = "REGEX")]
    pub receiver: Option<String>,
    /// What the labels must be: name=value, and the like with !=, =~ and !~; a first word alone is the alert's name.
    #[arg(value_name = "MATCHER")]
    pub matchers: Vec<String>,
}

/// `watchfire alert add`.
#[derive(Debug, Args)]
pub struct AlertAdd {
    /// Link to what the alert comes from.
    #[arg(long = "generator-url", value_name = "URL")]
    pub generator_url: Option<String>,
    /// When it began, RFC 3339. [default: now]
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub start: Option<Timestamp>,
    /// When it ends, RFC 3339. [default: the notifier's resolve_timeout from now]
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub end: Option<Timestamp>,
    /// An annotation, repeatable.
    #[arg(long = "annotation", value_name = "NAME=VALUE")]
    pub annotations: Vec<String>,
    /// The labels; a first word alone is the alert's name.
    #[arg(value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
}

/// `watchfire silence`.
#[derive(Debug, Args)]
pub struct SilenceCommand {
    /// Which notifier, and how to print.
    #[command(flatten)]
    pub client: ClientFlags,
    /// Without a word behind it, `silence` is `silence query`.
    #[command(flatten)]
    pub query: SilenceQuery,
    /// What to do.
    #[command(subcommand)]
    pub action: Option<SilenceAction>,
}

/// What can be done with silences.
#[derive(Debug, Subcommand)]
pub enum SilenceAction {
    /// Create a silence and print its id.
    Add(SilenceAdd),
    /// End silences now.
    Expire {
        /// Their ids.
        #[arg(value_name = "ID")]
        ids: Vec<String>,
    },
    /// Create the silences of a JSON file, as `silence query -o json` prints it.
    Import(SilenceImport),
    /// Show silences.
    Query(SilenceQuery),
    /// Show recurring silences and when they come next.
    Schedules,
    /// Change silences.
    Update(SilenceUpdate),
}

/// `watchfire silence add`.
#[derive(Debug, Args)]
pub struct SilenceAdd {
    /// Who creates it. [default: the user's name]
    #[arg(long, short)]
    pub author: Option<String>,
    /// Refuse a silence without a comment. [default: yes]
    #[arg(long = "require-comment", overrides_with = "no_require_comment")]
    pub require_comment: bool,
    /// Allow a silence without a comment.
    #[arg(long = "no-require-comment", overrides_with = "require_comment")]
    pub no_require_comment: bool,
    /// How long it lasts. [default: 1h]
    #[arg(long, short, value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// When it starts, RFC 3339. [default: now]
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub start: Option<Timestamp>,
    /// When it ends, RFC 3339; instead of a duration.
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub end: Option<Timestamp>,
    /// It ends when the last alert it covers resolves, at its end at the latest.
    #[arg(long = "until-resolved")]
    pub until_resolved: bool,
    /// It recurs.
    #[command(flatten)]
    pub recurring: Recurring,
    /// Why.
    #[arg(long, short)]
    pub comment: Option<String>,
    /// An annotation, repeatable.
    #[arg(long = "annotation", value_name = "NAME=VALUE")]
    pub annotations: Vec<String>,
    /// What it silences; a first word alone is the alert's name.
    #[arg(value_name = "MATCHER")]
    pub matchers: Vec<String>,
}

/// Flags of a silence that recurs.
#[derive(Debug, Default, Args)]
pub struct Recurring {
    /// It recurs: minute, hour, day of the month, month, day of the week, such as "30 2 * * SAT"; --duration is how long each
    /// time lasts, --start the earliest it begins. Its next times are printed before it is stored.
    #[arg(long, value_name = "CRON", conflicts_with = "end")]
    pub schedule: Option<String>,
    /// Whose clock the schedule goes by, such as Europe/Berlin. [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "schedule")]
    pub timezone: Option<String>,
    /// The schedule begins no more from here on, RFC 3339. [default: it recurs until it is ended]
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME", requires = "schedule")]
    pub until: Option<Timestamp>,
    /// Change the recurring silence with this id instead of making another.
    #[arg(long, value_name = "ID", requires = "schedule")]
    pub id: Option<String>,
    /// Print the next times and store nothing.
    #[arg(long = "dry-run", requires = "schedule")]
    pub dry_run: bool,
    /// How many of the next times are printed, at most 100.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub occurrences: u8,
}

/// `watchfire silence query`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct SilenceQuery {
    /// Show expired silences instead of active and pending ones.
    #[arg(long)]
    pub expired: bool,
    /// Print ids only.
    #[arg(long, short)]
    pub quiet: bool,
    /// Show those that this user created.
    #[arg(long = "created-by", value_name = "USER")]
    pub created_by: Option<String>,
    /// Show the silence with this id.
    #[arg(long)]
    pub id: Option<String>,
    /// Show those that end, or with --expired ended, within this time.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub within: Option<Duration>,
    /// Which matchers they must have; a first word alone is the alert's name.
    #[arg(value_name = "MATCHER")]
    pub matchers: Vec<String>,
}

/// `watchfire silence update`.
#[derive(Debug, Args)]
pub struct SilenceUpdate {
    /// Print ids only.
    #[arg(long, short)]
    pub quiet: bool,
    /// How long it lasts, from its start.
    #[arg(long, short, value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// When it starts, RFC 3339.
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub start: Option<Timestamp>,
    /// When it ends, RFC 3339; instead of a duration.
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub end: Option<Timestamp>,
    /// Why.
    #[arg(long, short)]
    pub comment: Option<String>,
    /// The silences' ids.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
}

/// `watchfire silence import`.
#[derive(Debug, Args)]
pub struct SilenceImport {
    /// Create new silences even where one with the same id exists.
    #[arg(long, short)]
    pub force: bool,
    /// How many requests are under way at a time.
    #[arg(long = "worker", short, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub workers: u16,
    /// The file; standard input if none.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `watchfire config`.
#[derive(Debug, Args)]
pub struct ConfigCommand {
    /// Which notifier, and how to print.
    #[command(flatten)]
    pub client: ClientFlags,
    /// Without a word behind it, `config` is `config show`.
    #[command(subcommand)]
    pub action: Option<ConfigAction>,
}

/// What can be asked about a configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Show the notifier's configuration.
    Show,
    /// Show or test the routing tree.
    Routes(RouteTarget),
    /// Show what another configuration would change; exit 0 if nothing, 1 if something, 2 if it cannot be told.
    Diff(ConfigDiff),
    /// Show what AlertmanagerConfig objects are merged into; exit 1 if one of them cannot be used.
    FromKubernetes(Box<FromKubernetes>),
}

/// `watchfire config diff`.
#[derive(Debug, Args)]
pub struct ConfigDiff {
    /// The configuration as it is.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// As it would be.
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Say what becomes of alerts, instead of routes: `live`, those of the notifier, or a JSON file of `alert query -o json`.
    #[arg(long, value_name = "live|FILE")]
    pub alerts: Option<String>,
}

/// `watchfire config from-kubernetes`.
#[derive(Debug, Args)]
pub struct FromKubernetes {
    /// Manifests, or folders of them: AlertmanagerConfigs, their Alertmanager, Secrets, ConfigMaps and Namespaces.
    #[arg(value_name = "FILE|DIR", required_unless_present = "live")]
    pub paths: Vec<PathBuf>,
    /// Ask a cluster instead.
    #[arg(long, conflicts_with = "paths")]
    pub live: bool,
    /// How the cluster is reached; without it, as a pod's service account.
    #[arg(long = "kubernetes.kubeconfig", env = "KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Which context of it.
    #[arg(long = "kubernetes.context", value_name = "NAME")]
    pub context: Option<String>,
    /// Only objects of these namespaces; repeatable.
    #[arg(long = "kubernetes.namespace", value_name = "NAME")]
    pub namespaces: Vec<String>,
    /// The Alertmanager whose settings count; without one, every AlertmanagerConfig is merged.
    #[arg(long, value_name = "[NAMESPACE/]NAME")]
    pub alertmanager: Option<String>,
    /// What the objects are merged into, instead of what the Alertmanager names.
    #[arg(long, value_name = "FILE")]
    pub base: Option<PathBuf>,
    /// Where objects are that do not say it.
    #[arg(long = "default-namespace", default_value = "default", value_name = "NAME")]
    pub default_namespace: String,
    /// Write for this version of Alertmanager: what it does not know yet is left out or refused.
    #[arg(long = "alertmanager-version", value_name = "VERSION")]
    pub version: Option<AlertmanagerVersion>,
    /// Where certificates are mounted; without it they are written into the configuration.
    #[arg(long = "tls-folder", value_name = "DIR")]
    pub tls_folder: Option<String>,
    /// Print secrets as they are.
    #[arg(long = "show-secrets")]
    pub show_secrets: bool,
}

/// `watchfire receiver`.
#[derive(Debug, Args)]
pub struct ReceiverCommand {
    /// Which notifier, and how to print.
    #[command(flatten)]
    pub client: ClientFlags,
    /// What to do.
    #[command(subcommand)]
    pub action: ReceiverAction,
}

/// What can be done with a receiver.
#[derive(Debug, Subcommand)]
pub enum ReceiverAction {
    /// Send a sample alert through each integration, or show what would be sent; exit 1 if any fails.
    Test(ReceiverTest),
}

/// `watchfire receiver test`.
#[derive(Debug, Args)]
pub struct ReceiverTest {
    /// Name of the receiver.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Send nothing, show what would be sent, without secrets.
    #[arg(long = "dry-run")]
    pub dry_run: bool,
    /// Take the receiver of this file and send from here, instead of asking the notifier to.
    #[arg(long = "config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// An annotation of the sample, repeatable.
    #[arg(long = "annotation", value_name = "NAME=VALUE")]
    pub annotations: Vec<String>,
    /// Labels of the sample; a first word alone is the alert's name.
    #[arg(value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
}

/// `watchfire route`.
#[derive(Debug, Args)]
pub struct RouteCommand {
    /// Which notifier, and how to print.
    #[command(flatten)]
    pub client: ClientFlags,
    /// Whose tree, and what about it.
    #[command(flatten)]
    pub target: RouteTarget,
}

/// `watchfire config routes`, `watchfire route`.
#[derive(Debug, Args)]
pub struct RouteTarget {
    /// Take the routing tree of this file instead of a notifier's.
    #[arg(long = "config.file", value_name = "FILE", global = true)]
    pub config_file: Option<PathBuf>,
    /// Without a word behind it, the tree is shown.
    #[command(subcommand)]
    pub action: Option<RouteAction>,
}

/// What can be asked about a routing tree.
#[derive(Debug, Subcommand)]
pub enum RouteAction {
    /// Draw the tree.
    Show,
    /// Show where an alert goes.
    Test(RouteTest),
}

/// `watchfire route test`.
#[derive(Debug, Args)]
pub struct RouteTest {
    /// The expected receivers, in order, with commas between; exit 1 if they are others.
    #[arg(long = "verify.receivers", value_name = "NAMES")]
    pub verify_receivers: Option<String>,
    /// Draw the routes that take the alert.
    #[arg(long)]
    pub tree: bool,
    /// Say for each route which matcher decided, and group, timings and time intervals of those that take the alert.
    #[arg(long)]
    pub explain: bool,
    /// The instant for time intervals, RFC 3339; includes --explain. [default: now]
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub time: Option<Timestamp>,
    /// The alert's labels.
    #[arg(value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
}

/// `watchfire template`.
#[derive(Debug, Args)]
pub struct TemplateCommand {
    /// Shared flags; only here so that settings and scripts carry over.
    #[command(flatten)]
    pub client: ClientFlags,
    /// What to do.
    #[command(subcommand)]
    pub action: TemplateAction,
}

/// What can be done with templates.
#[derive(Debug, Subcommand)]
pub enum TemplateAction {
    /// Render a template with sample alerts or given data.
    Render(TemplateRender),
}

/// `watchfire template render`.
#[derive(Debug, Args)]
pub struct TemplateRender {
    /// Template files, a glob, repeatable; those that end in .hbs are Handlebars.
    #[arg(long = "template.glob", value_name = "GLOB")]
    pub globs: Vec<String>,
    /// The text to render, a Go template.
    #[arg(
        long = "template.text",
        value_name = "TEXT",
        required_unless_present = "handlebars",
        conflicts_with = "handlebars"
    )]
    pub text: Option<String>,
    /// The text to render, in Handlebars.
    #[arg(long = "template.handlebars", value_name = "TEXT")]
    pub handlebars: Option<String>,
    /// Whether values are made safe for HTML.
    #[arg(long = "template.type", value_enum, default_value = "text")]
    pub kind: TemplateKind,
    /// The notification, in JSON; without it one with a firing and a resolved alert.
    #[arg(long = "template.data", value_name = "FILE")]
    pub data: Option<PathBuf>,
}

/// What a template makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TemplateKind {
    /// Plain text.
    Text,
    /// HTML.
    Html,
}

/// `watchfire cluster`.
#[derive(Debug, Args)]
pub struct ClusterCommand {
    /// Which notifier, and how to print.
    #[command(flatten)]
    pub client: ClientFlags,
    /// Without a word behind it, `cluster` is `cluster show`.
    #[command(subcommand)]
    pub action: Option<ClusterAction>,
}

/// What can be asked about a cluster.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ClusterAction {
    /// Show the cluster's state and peers.
    Show,
}
