//! `watchfire ack`: alerts that somebody works on.

use std::time::Duration;

use clap::{Args, Subcommand};
use model::Timestamp;

use super::client::ClientFlags;
use crate::client::duration::parse_duration;

/// `watchfire ack`.
#[derive(Debug, Args)]
pub struct AckCommand {
    /// Which notifier, and how to print.
    #[command(flatten)]
    pub client: ClientFlags,
    /// Without a word behind it, `ack` acknowledges.
    #[command(flatten)]
    pub add: AckAdd,
    /// What else to do.
    #[command(subcommand)]
    pub action: Option<AckAction>,
}

/// What else can be done with acknowledgements.
#[derive(Debug, Subcommand)]
pub enum AckAction {
    /// Show what is acknowledged.
    List {
        /// Of which alerts; a first word alone is the alert's name.
        #[arg(value_name = "MATCHER")]
        matchers: Vec<String>,
    },
    /// Take acknowledgements back: what repeats and escalates does so again.
    Remove(AckTarget),
}

/// `watchfire ack ALERT…`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct AckAdd {
    /// Which alerts.
    #[command(flatten)]
    pub target: AckTarget,
    /// Who works on it. [default: author of the settings file, or the user's name]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// What there is to say.
    #[arg(long, short, value_name = "TEXT")]
    pub comment: Option<String>,
    /// It counts no longer after this. [default: until the alerts are over]
    #[arg(long = "for", value_parser = parse_duration, value_name = "DURATION", conflicts_with = "until")]
    pub length: Option<Duration>,
    /// The same as an instant, RFC 3339.
    #[arg(long, value_parser = Timestamp::parse_rfc3339, value_name = "TIME")]
    pub until: Option<Timestamp>,
}

/// Alerts, named in one of three ways.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct AckTarget {
    /// The alert with this fingerprint, repeatable.
    #[arg(long = "fingerprint", value_name = "HEX")]
    pub fingerprints: Vec<String>,
    /// The members of the group with this key.
    #[arg(long = "group", value_name = "KEY")]
    pub group_key: Option<String>,
    /// What the labels must be: name=value, and the like with !=, =~ and !~; a first word alone is the alert's name.
    #[arg(value_name = "ALERT")]
    pub matchers: Vec<String>,
}
