//! Commands that ask a notifier why, and who was told what when.

use std::time::Duration;

use clap::{Args, ValueEnum};
use model::Timestamp;

use super::client::ClientFlags;
use super::rules::ExplainRuleCommand;
use crate::client::duration::parse_duration;

/// `watchfire explain`.
#[derive(Debug, Args)]
pub struct ExplainCommand {
    /// Which notifier, and how to print.
    #[command(flatten)]
    pub client: ClientFlags,
    /// Without a word like `rule` behind it, `explain` is about alerts.
    #[command(flatten)]
    pub alert: ExplainAlert,
    /// Something else to explain.
    #[command(subcommand)]
    pub action: Option<ExplainRuleCommand>,
}

/// Which alerts are explained.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ExplainAlert {
    /// Say what would become of an alert with these labels if it fired now.
    #[arg(long)]
    pub suppose: bool,
    /// The alert with this fingerprint, as `alert query -o json` shows it.
    #[arg(long, value_name = "HEX", conflicts_with_all = ["suppose", "matchers"])]
    pub fingerprint: Option<String>,
    /// Most alerts explained. [default: 10]
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<u32>,
    /// What the labels must be: name=value, and the like with !=, =~ and !~; a first word alone is the alert's name.
    #[arg(value_name = "ALERT")]
    pub matchers: Vec<String>,
}

/// `watchfire history`.
#[derive(Debug, Args)]
pub struct HistoryCommand {
    /// Which notifier, and how to print; `json` is one object a line.
    #[command(flatten)]
    pub client: ClientFlags,
    /// Events of these receivers, a regular expression.
    #[arg(long, short, value_name = "REGEX")]
    pub receiver: Option<String>,
    /// Events of the group with this key.
    #[arg(long, value_name = "KEY")]
    pub group: Option<String>,
    /// Events of the alert with this fingerprint.
    #[arg(long, value_name = "HEX")]
    pub fingerprint: Option<String>,
    /// Only events of this kind, repeatable.
    #[arg(long = "event", value_enum, value_name = "EVENT")]
    pub events: Vec<EventKind>,
    /// Events since then, RFC 3339.
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Events until then, RFC 3339.
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// Events of the last so long; instead of --from.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION", conflicts_with = "from")]
    pub last: Option<Duration>,
    /// Most events, the latest; 0 is all.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub limit: u32,
    /// What the labels of an alert must be; a first word alone is the alert's name.
    #[arg(value_name = "MATCHER")]
    pub matchers: Vec<String>,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum EventKind {
    /// A notification arrived.
    Delivered,
    /// An attempt failed.
    Failed,
    /// The receiver will never take it.
    Refused,
    /// Nothing was left to tell.
    GivenUp,
    /// Alerts were silenced, inhibited or muted.
    Hidden,
    /// They were so no longer.
    Shown,
    /// The receiver knows all there is to know.
    Unchanged,
    /// The integration does not want to hear of resolves.
    ResolvesUnwanted,
    /// The receiver has no integrations.
    NoIntegrations,
    /// Alerts ended before they were to be told.
    EndedUntold,
    /// Alerts ended while they were hidden.
    EndedHidden,
    /// Another configuration routes alerts elsewhere.
    Moved,
}
