//! `watchfire demo`.

use std::time::Duration;

use clap::Args;
use model::duration::parse_duration;

/// `watchfire demo`.
#[derive(Debug, Args)]
pub struct DemoCommand {
    /// Port of 127.0.0.1 to listen on, 0 for any. [default: 9093, any other if that is taken]
    #[arg(long, conflicts_with = "listen_address", value_name = "PORT")]
    pub port: Option<u16>,
    /// Address to listen on. The inbox shows what anybody sends it: mind who can reach it.
    #[arg(long = "web.listen-address", value_name = "HOST:PORT")]
    pub listen_address: Option<String>,
    /// End when the story is told: exit code 0, or 1 with what is missing if it takes longer than --deadline.
    #[arg(long)]
    pub once: bool,
    /// How long the story may take. It has a second chance after a minute.
    #[arg(long, value_parser = parse_duration, default_value = "90s", value_name = "DURATION")]
    pub deadline: Duration,
    /// Where state is kept; empty keeps it in memory only. [default: a temporary folder, removed at the end]
    #[arg(long = "storage.path", value_name = "DIR")]
    pub storage_path: Option<String>,
}
