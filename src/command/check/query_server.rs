//! Asks a query API what lints want to know of it: `query`, `metadata` and `targets` of Prometheus' HTTP API.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use model::duration::parse_duration;
use rules_engine::rule_file::check::server::{Answers, Question, scrape_interval};
use serde::Deserialize;

use crate::query::connection::Connection;

/// Longest answer that is read: lists of targets are long.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Questions asked at the same time.
const AT_ONCE: usize = 8;

/// A server and how it is asked.
pub(super) struct QueryServer {
    connection: Connection,
    timeout: Duration,
}

/// What came back, and what did not.
pub(super) struct Inquiry {
    pub(super) answers: Answers,
    pub(super) failures: Vec<String>,
}

enum Answer {
    Count(String, f64),
    Type(String, Option<String>),
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    value: (f64, String),
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Targets {
    #[serde(rename = "activeTargets", default)]
    active: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(rename = "scrapeInterval")]
    scrape_interval: Option<String>,
}

impl QueryServer {
    /// For a server's base URL.
    pub(super) fn new(url: &str, timeout: Duration, http_config: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self { connection: Connection::open(url, http_config, ANSWER_BYTES_MAX)?, timeout })
    }

    /// How often the server's targets are scraped: the longest interval of all. `None` if it has no targets, as a store
    /// behind several Prometheus has none.
    pub(super) async fn scrape_interval(&self) -> anyhow::Result<Option<Duration>> {
        let targets: Targets = self.get("targets", &[("state", "active")]).await?;
        let intervals = targets.active.iter().filter_map(|target| target.scrape_interval.as_deref());
        Ok(scrape_interval(intervals.filter_map(|interval| parse_duration(interval).ok())))
    }

    /// Asks everything; a question without an answer is named with its reason.
    pub(super) async fn ask(&self, questions: BTreeSet<Question>) -> Inquiry {
        let asked = futures_util::stream::iter(questions).map(|question| self.ask_one(question));
        let outcomes: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
        let mut inquiry = Inquiry { answers: Answers::default(), failures: Vec::new() };
        for outcome in outcomes {
            match outcome {
                Ok(Answer::Count(expr, count)) => drop(inquiry.answers.counts.insert(expr, count)),
                Ok(Answer::Type(metric, Some(kind))) => drop(inquiry.answers.types.insert(metric, kind)),
                Ok(Answer::Type(_, None)) => {}
                Err(error) => inquiry.failures.push(format!("{error:#}")),
            }
        }
        inquiry.failures.sort();
        inquiry
    }

    async fn ask_one(&self, question: Question) -> anyhow::Result<Answer> {
        match question {
            Question::Count(expr) => {
                let query = format!("count({expr})");
                let counted: anyhow::Result<Counted> = self.get("query", &[("query", &query)]).await;
                let counted = counted.with_context(|| format!("no answer to {query}"))?;
                let count = counted.result.first().and_then(|row| row.value.1.parse().ok()).unwrap_or(0.0);
                Ok(Answer::Count(expr, count))
            }
            Question::Type(metric) => {
                let found: anyhow::Result<BTreeMap<String, Vec<Metadata>>> =
                    self.get("metadata", &[("metric", &metric)]).await;
                let found = found.with_context(|| format!("no answer about the type of {metric}"))?;
                let kinds: BTreeSet<&str> =
                    found.get(&metric).into_iter().flatten().map(|metadata| metadata.kind.as_str()).collect();
                let kind = match kinds.first() {
                    Some(kind) if kinds.len() == 1 => Some((*kind).to_owned()),
                    _ => None,
                };
                Ok(Answer::Type(metric, kind))
            }
        }
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, what: &str, parameters: &[(&str, &str)]) -> anyhow::Result<T> {
        let response = self.connection.get(what, parameters, self.timeout).await?;
        if response.truncated {
            bail!("the answer is longer than {} MiB", ANSWER_BYTES_MAX >> 20);
        }
        let envelope: Result<Envelope<T>, _> = serde_json::from_slice(&response.body);
        match envelope {
            Ok(Envelope { data: Some(data), .. }) if response.status.is_success() => Ok(data),
            Ok(Envelope { error: Some(error), .. }) => bail!("the server says: {error}"),
            _ => bail!("the server answered {} with something that is not Prometheus' API", response.status),
        }
    }
}
