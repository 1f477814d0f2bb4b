//! Commands that test rules, and the engine they are tested with.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::check::PromqlFeature;

/// `watchfire test`.
#[derive(Debug, Subcommand)]
pub enum TestCommand {
    /// Run unit tests of rules, in promtool's format; exit 1 if one fails.
    Rules(TestRulesCommand),
}

/// `watchfire test rules`.
#[derive(Debug, Args)]
pub struct TestRulesCommand {
    /// The files of tests.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Run only tests whose name matches, repeatable.
    #[arg(long, value_name = "REGEX")]
    pub run: Vec<String>,
    /// Show every series at the end of each test.
    #[arg(long)]
    pub debug: bool,
    /// Of alerts, list only those that are missing (-) and those that are too many (+).
    #[arg(long)]
    pub diff: bool,
    /// Write the outcome to a file, as JUnit's XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Accept keys that nobody knows.
    #[arg(long = "ignore-unknown-fields")]
    pub ignore_unknown_fields: bool,
    /// promql-experimental-functions, promql-extended-range-selectors, promql-binop-fill-modifiers; comma separated.
    #[arg(long = "enable-feature", value_delimiter = ',', value_name = "FEATURE")]
    pub features: Vec<PromqlFeature>,
}

/// `watchfire promql`.
#[derive(Debug, Subcommand)]
pub enum PromqlCommand {
    /// Run scripts in the language of Prometheus' own PromQL tests; exit 1 if an evaluation gives something else.
    Test {
        /// The scripts.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}
