//! Commands that ask a running rule service.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::client::OutputFormat;
use crate::client::duration::parse_duration;

/// Which rule service is asked, and how answers are printed.
#[derive(Clone, Debug, Args)]
pub struct RulesClientFlags {
    /// Where the rule service is.
    #[arg(long = "rules.url", value_name = "URL", default_value = "http://localhost:8880")]
    pub url: String,
    /// How results are printed.
    #[arg(long, short, value_enum, default_value = "simple")]
    pub output: OutputFormat,
    /// How long the command may take.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION", default_value = "30s")]
    pub timeout: Duration,
    /// How to connect: a file in the format of `http_config`.
    #[arg(long = "http.config.file", value_name = "FILE")]
    pub http_config_file: Option<PathBuf>,
}

/// What `watchfire explain` explains beside alerts.
#[derive(Debug, Subcommand)]
pub enum ExplainRuleCommand {
    /// Show what a rule did in its last evaluations.
    Rule(ExplainRule),
}

/// `watchfire explain rule`.
#[derive(Debug, Args)]
pub struct ExplainRule {
    /// Name of the alert or recorded series; all rules of a group if it is left out.
    #[arg(value_name = "NAME", required_unless_present = "group")]
    pub name: Option<String>,
    /// Only rules of groups of that name.
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Only rules of that file or namespace.
    #[arg(long, value_name = "FILE")]
    pub file: Option<String>,
    /// Most evaluations shown of each rule; 0 is all.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub last: usize,
    /// Whom to ask.
    #[command(flatten)]
    pub client: RulesClientFlags,
}

/// `watchfire preview`.
#[derive(Debug, Args)]
pub struct PreviewCommand {
    /// A rule file, a rule group or a rule; standard input if it is left out.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Whom to ask.
    #[command(flatten)]
    pub client: RulesClientFlags,
}
