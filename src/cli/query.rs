//! `watchfire query`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use model::duration::parse_duration;

use super::check::PromqlFeature;
use crate::query::moment::Moment;

/// `watchfire query`.
#[derive(Debug, Args)]
pub struct QueryCommand {
    /// The expression, in PromQL.
    #[arg(value_name = "EXPR")]
    pub expr: String,
    /// Prometheus-compatible server to ask. [default: http://localhost:9090]
    #[arg(long = "query.url", value_name = "URL", conflicts_with = "series")]
    pub query_url: Option<String>,
    /// Series to ask instead, - for standard input: a metrics page with times, `load` blocks of PromQL tests, or a unit test of rules
    /// (docs/cli.md).
    #[arg(long, value_name = "FILE")]
    pub series: Option<PathBuf>,
    /// Which test of a file of unit tests. [default: the first]
    #[arg(long, value_name = "NAME", requires = "series")]
    pub test: Option<String>,
    /// The instant: RFC 3339, seconds since 1970, or -5m before now; with --series also 5m after its first sample. [default: now; of
    /// --series its last sample]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with_all = ["start", "end", "step", "last"])]
    pub time: Option<Moment>,
    /// Start of a range, written like --time. [default: an hour before its end; of --series its first sample]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub start: Option<Moment>,
    /// End of a range. [default: as of --time]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub end: Option<Moment>,
    /// Length of a range up to its end, instead of --start.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "start")]
    pub last: Option<Duration>,
    /// Time between the instants of a range. [default: whole seconds that make some 250 of it]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub step: Option<Duration>,
    /// How the answer is printed. [default: plot for a range on a terminal, otherwise table]
    #[arg(long, short, value_enum)]
    pub output: Option<QueryOutput>,
    /// What the values of a plot are. [default: what the metrics' names end with]
    #[arg(long, value_enum)]
    pub unit: Option<PlotUnit>,
    /// How long one question to a server may take.
    #[arg(long = "query.timeout", value_parser = parse_duration, default_value = "30s", value_name = "DURATION")]
    pub timeout: Duration,
    /// How to connect to it: a file in the format of `http_config`.
    #[arg(long = "query.http-config-file", value_name = "FILE")]
    pub http_config_file: Option<PathBuf>,
    /// promql-experimental-functions, promql-extended-range-selectors, promql-binop-fill-modifiers; comma separated. A server decides
    /// for itself.
    #[arg(long = "enable-feature", value_delimiter = ',', value_name = "FEATURE")]
    pub features: Vec<PromqlFeature>,
}

/// Forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum QueryOutput {
    /// A line for each sample.
    Table,
    /// As Prometheus' HTTP API answers.
    Json,
    /// A drawing.
    Plot,
}

/// What the values of a plot are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlotUnit {
    /// Numbers.
    None,
    /// Bytes, in KiB, MiB and so on.
    Bytes,
    /// Seconds, in ms, min and so on.
    Seconds,
    /// Parts of one, in percent.
    Ratio,
}
