//! Flags of `check rules`: promtool's, and what our own lints need to know.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use model::duration::parse_duration;
use rules_engine::rule_file::{Dialect, NameScheme};

/// `watchfire check rules`.
#[derive(Debug, Args)]
pub struct RulesCheck {
    /// The files, or globs; standard input if none.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Lints whose findings make a file fail: all, none, or names with commas between them (docs/lints.md has them).
    /// Without this flag duplicate-rules does, and the others are only told.
    #[arg(long, value_name = "LINTS")]
    pub lint: Option<String>,
    /// Treat lint findings as errors (exit 3).
    #[arg(long = "lint-fatal")]
    pub lint_fatal: bool,
    /// Whose fields the files may have: prometheus, any (also those of vmalert, Thanos and Mimir), or vmalert, which reads
    /// every file as vmalert does.
    #[arg(long = "rule.dialect", value_parser = parse_dialect, default_value = "prometheus", value_name = "DIALECT")]
    pub dialect: Dialect,
    /// Accept keys that nobody knows.
    #[arg(long = "ignore-unknown-fields")]
    pub ignore_unknown_fields: bool,
    /// promql-experimental-functions, promql-extended-range-selectors, promql-binop-fill-modifiers; comma separated.
    #[arg(long = "enable-feature", value_delimiter = ',', value_name = "FEATURE")]
    pub features: Vec<PromqlFeature>,
    /// Which names metrics and labels may have: utf8, or legacy as before Prometheus 3.
    #[arg(long = "name-validation-scheme", value_parser = parse_scheme, default_value = "utf8", value_name = "SCHEME")]
    pub names: NameScheme,
    /// How often targets are scraped, for the lint of windows; with --query.url the server says so.
    #[arg(long = "scrape.interval", alias = "scrape-interval", value_parser = parse_duration, value_name = "DURATION")]
    pub scrape_interval: Option<Duration>,
    /// How often groups are evaluated that do not say, for the lints of windows and of `for`.
    #[arg(long = "evaluation.interval", value_parser = parse_duration, value_name = "DURATION")]
    pub evaluation_interval: Option<Duration>,
    /// A Prometheus-compatible query API for the lints that look at what is there now.
    #[arg(long = "query.url", value_name = "URL")]
    pub query_url: Option<String>,
    /// How long one question to it may take.
    #[arg(long = "query.timeout", value_parser = parse_duration, default_value = "30s", value_name = "DURATION")]
    pub query_timeout: Duration,
    /// How to connect to it: a file in the format of `http_config`.
    #[arg(long = "query.http-config-file", value_name = "FILE")]
    pub query_http_config: Option<PathBuf>,
}

/// `watchfire check healthy` and `watchfire check ready`.
#[derive(Debug, Args)]
pub struct HealthCheck {
    /// The service, with the prefix of its paths if it has one.
    #[arg(long, value_name = "URL", default_value = "http://localhost:9093", env = "WATCHFIRE_URL")]
    pub url: String,
    /// How to connect to it: a file in the format of `http_config`.
    #[arg(long = "http.config.file", value_name = "FILE")]
    pub http_config: Option<PathBuf>,
    /// How long the answer may take.
    #[arg(long, value_parser = parse_duration, default_value = "5s", value_name = "DURATION")]
    pub timeout: Duration,
}

/// A part of PromQL that must be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromqlFeature {
    /// Functions and aggregations marked experimental.
    ExperimentalFunctions,
    /// `anchored` and `smoothed`.
    ExtendedRangeSelectors,
    /// `fill`, `fill_left`, `fill_right`.
    FillModifiers,
    /// Known by name, on in any case or without effect here.
    WithoutEffect,
}

impl FromStr for PromqlFeature {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "promql-experimental-functions" => Ok(Self::ExperimentalFunctions),
            "promql-extended-range-selectors" => Ok(Self::ExtendedRangeSelectors),
            "promql-binop-fill-modifiers" => Ok(Self::FillModifiers),
            "promql-duration-expr" | "promql-at-modifier" | "promql-negative-offset" | "no-default-scrape-port" => {
                Ok(Self::WithoutEffect)
            }
            _ => Err("unknown feature; known are promql-experimental-functions, promql-extended-range-selectors, \
                      promql-binop-fill-modifiers, promql-duration-expr"
                .to_owned()),
        }
    }
}

fn parse_scheme(text: &str) -> Result<NameScheme, String> {
    match text {
        "utf8" => Ok(NameScheme::Utf8),
        "legacy" => Ok(NameScheme::Legacy),
        _ => Err("expected utf8 or legacy".to_owned()),
    }
}

pub(super) fn parse_dialect(text: &str) -> Result<Dialect, String> {
    match text {
        "prometheus" => Ok(Dialect::Prometheus),
        "any" => Ok(Dialect::Any),
        "vmalert" => Ok(Dialect::Vmalert),
        _ => Err("expected prometheus, any or vmalert".to_owned()),
    }
}
