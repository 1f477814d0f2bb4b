//! What is written about reading the configuration again.

use std::time::Duration;

use clap::{ArgAction, Args};
use model::duration::parse_duration;

use crate::config_file::Expansion;

/// How the configuration is read, and when it is read again.
#[derive(Clone, Copy, Debug, Args)]
pub struct ReloadFlags {
    /// Read the configuration again when one of its files has changed and been quiet for a moment. SIGHUP and
    /// POST /-/reload do so too.
    #[arg(long = "config.auto-reload", action = ArgAction::Set, default_value_t = true, value_name = "BOOL")]
    pub auto_reload: bool,
    /// How often the files are looked at where the system does not tell of a change, as on network file systems.
    #[arg(long = "config.auto-reload-interval", value_parser = parse_duration, default_value = "30s", value_name = "DURATION")]
    pub auto_reload_interval: Duration,
    /// Whether $(NAME) in the configuration files of the rule service and of the notifier stands for a variable of the
    /// environment: not at all, where it is set, or always.
    #[arg(long = "config.expand-env", value_enum, default_value = "off", value_name = "WHEN")]
    pub expand_env: Expansion,
}

impl ReloadFlags {
    /// How often files are looked at, if they are.
    pub fn follow(self) -> Option<Duration> {
        self.auto_reload.then_some(self.auto_reload_interval)
    }
}
