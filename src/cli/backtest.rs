//! `watchfire backtest`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use model::Timestamp;
use model::duration::parse_duration;
use rules_engine::rule_file::Dialect;

use super::check::{PromqlFeature, parse_dialect};

/// `watchfire backtest`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("history").args(["query_url", "series"]).required(true))]
pub struct BacktestCommand {
    /// Rule files or PrometheusRule manifests: globs.
    #[arg(long = "rules", value_name = "GLOB", num_args = 1.., required = true)]
    pub rules: Vec<String>,
    /// The notifier's configuration.
    #[arg(long = "config", value_name = "FILE")]
    pub config: PathBuf,
    /// Other rules, to compare with. [default: the same]
    #[arg(long = "rules-b", value_name = "GLOB", num_args = 1..)]
    pub rules_b: Vec<String>,
    /// Another configuration, to compare with. [default: the same]
    #[arg(long = "config-b", value_name = "FILE")]
    pub config_b: Option<PathBuf>,
    /// Take the history from a Prometheus-compatible query API.
    #[arg(long = "query.url", value_name = "URL")]
    pub query_url: Option<String>,
    /// Take the history from a file of series: `load` blocks of the test language, or samples with times in a text format of metrics.
    #[arg(long = "series", value_name = "FILE")]
    pub series: Option<PathBuf>,
    /// From when: RFC 3339, seconds since the epoch, or a time before now such as 14d. [default: the first sample of the file]
    #[arg(long = "from", value_parser = parse_instant, value_name = "TIME", required_unless_present = "series")]
    pub from: Option<Instant>,
    /// To when, likewise. [default: now, or the last sample of the file]
    #[arg(long = "to", value_parser = parse_instant, value_name = "TIME")]
    pub to: Option<Instant>,
    /// Let rules and notifier run so long before, without telling what happens then.
    #[arg(long = "warm-up", value_parser = parse_duration, default_value = "0s", value_name = "DURATION")]
    pub warm_up: Duration,
    /// Ask for one value each such step instead of the samples as they are stored: less exact, less to fetch.
    #[arg(long = "step", value_parser = parse_duration, value_name = "DURATION")]
    pub step: Option<Duration>,
    /// How much time is fetched and held at once.
    #[arg(long = "block", value_parser = parse_duration, default_value = "1d", value_name = "DURATION")]
    pub block: Duration,
    /// Most samples of a block, or of the file.
    #[arg(long = "samples.max", default_value_t = 50_000_000, value_name = "COUNT")]
    pub samples_max: usize,
    /// How long one question to the query API may take.
    #[arg(long = "query.timeout", value_parser = parse_duration, default_value = "2m", value_name = "DURATION")]
    pub query_timeout: Duration,
    /// How to connect to it: a file in the format of `http_config`.
    #[arg(long = "query.http-config-file", value_name = "FILE")]
    pub query_http_config: Option<PathBuf>,
    /// Where fetched history is kept; empty keeps none. [default: watchfire/backtest in the user's cache folder]
    #[arg(long = "cache.dir", value_name = "DIR")]
    pub cache_dir: Option<String>,
    /// Most that is kept there, the oldest goes first.
    #[arg(long = "cache.max-mib", default_value_t = 4096, value_name = "MIB")]
    pub cache_mib_max: u64,
    /// How often rules are evaluated where a group does not say.
    #[arg(long = "evaluation.interval", value_parser = parse_duration, default_value = "1m", value_name = "DURATION")]
    pub evaluation_interval: Duration,
    /// How long a sample counts as a series' value.
    #[arg(long = "query.lookback-delta", value_parser = parse_duration, default_value = "5m", value_name = "DURATION")]
    pub lookback: Duration,
    /// Whose fields rule files may have: prometheus, any (also those of vmalert, Thanos and Mimir), or vmalert.
    #[arg(long = "rule.dialect", value_parser = parse_dialect, default_value = "any", value_name = "DIALECT")]
    pub dialect: Dialect,
    /// A label that alerts get where they have none of the name, repeatable.
    #[arg(long = "external-label", value_parser = parse_label, value_name = "NAME=VALUE")]
    pub external_labels: Vec<(String, String)>,
    /// URL of the service, in links and templates.
    #[arg(long = "web.external-url", default_value = "http://localhost:9093", value_name = "URL")]
    pub external_url: String,
    /// promql-experimental-functions, promql-extended-range-selectors, promql-binop-fill-modifiers; comma separated.
    #[arg(long = "enable-feature", value_delimiter = ',', value_name = "FEATURE")]
    pub features: Vec<PromqlFeature>,
    /// How the report is printed.
    #[arg(long, short, value_enum, default_value = "text")]
    pub output: ReportFormat,
    /// Also write the report as a page with a drawing, one file that needs no other.
    #[arg(long = "html", value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Tables.
    Text,
    /// Everything, for programs.
    Json,
}

/// An instant, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// An instant.
    At(Timestamp),
    /// So long before now.
    Before(Duration),
}

impl Instant {
    /// What is meant at an instant.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Before(length) => now.minus(length),
        }
    }
}

fn parse_instant(text: &str) -> Result<Instant, String> {
    if text == "now" {
        return Ok(Instant::Before(Duration::ZERO));
    }
    if let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()) {
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        return Ok(Instant::At(Timestamp::from_millis((seconds * 1000.0).round() as i64)));
    }
    if let Ok(length) = parse_duration(text) {
        return Ok(Instant::Before(length));
    }
    let expected =
        "expected RFC 3339 such as 2026-11-01T00:00:00Z, seconds since the epoch, now, or a time before it such as 14d";
    Timestamp::parse_rfc3339(text).map(Instant::At).map_err(|_| expected.to_owned())
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_every_form() {
        let now = Timestamp::from_secs(1_000_000);
        let at = |text: &str| parse_instant(text).map(|instant| instant.at(now).as_millis());
        assert_eq!(at("1.5"), Ok(1500));
        assert_eq!(at("1970-01-01T00:01:00Z"), Ok(60_000));
        assert_eq!((at("now"), at("1h")), (Ok(1_000_000_000), Ok(996_400_000)));
        assert!(at("yesterday").unwrap_err().contains("14d"));
    }
}
