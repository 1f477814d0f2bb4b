//! History from a server that answers like Prometheus: raw samples by instant queries for ranges, or range queries with a step.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use model::LabelSet;
use outbound::Response;
use promql::test_language::series_notation::parse_number;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde::Deserialize;

use super::history::BlockSeries;
use crate::live;
use crate::query::connection::{Connection, seconds};

/// Longest answer that is read; a longer one is asked for in parts.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How often a question is asked that gets no answer.
const ATTEMPTS: u32 = 5;

/// Between the first two attempts; twice as long each time.
const PATIENCE: Duration = Duration::from_millis(500);

/// No wait between attempts is longer, whatever the server asks for.
const PATIENCE_MAX: Duration = Duration::from_secs(30);

/// Spans are not cut into parts shorter than this.
const PART_MS_MIN: i64 = 60_000;

/// Steps of one range query; Prometheus allows 11,000.
const STEPS_MAX: i64 = 10_000;

/// A server and how it is asked.
pub struct Server {
    connection: Connection,
    timeout: Duration,
    /// `None`: samples as they are stored.
    step_ms: Option<i64>,
}

/// Why there is no answer.
enum Failure {
    /// Too much was asked for at once.
    TooMuch(String),
    /// Asking again may help, but not earlier.
    Passing(String, Option<Duration>),
    /// It is no use.
    Final(String),
}

/// The parts of an answer that play a role.
#[derive(Deserialize)]
struct Envelope<'a> {
    data: Option<Data<'a>>,
    #[serde(borrow)]
    error: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    result: Vec<Row<'a>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    metric: std::collections::BTreeMap<std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    values: Vec<(f64, std::borrow::Cow<'a, str>)>,
    #[serde(default)]
    histograms: Vec<serde::de::IgnoredAny>,
}

/// What a server has of a selector in a span of time.
#[derive(Debug, Default)]
pub struct Found {
    /// The series.
    pub series: Vec<BlockSeries>,
    /// Some of them are native histograms, which the API does not give in full.
    pub has_histograms: bool,
}

impl Server {
    /// For a server's base URL. `timeout` is for each question.
    ///
    /// # Errors
    /// The URL is none, or the file of HTTP options cannot be used.
    pub fn new(
        url: &str,
        timeout: Duration,
        step: Option<Duration>,
        http_config: Option<&Path>,
    ) -> anyhow::Result<Server> {
        let step_ms = step.map(|step| super::needs::millis(step).max(1));
        Ok(Server { connection: Connection::open(url, http_config, ANSWER_BYTES_MAX)?, timeout, step_ms })
    }

    /// Between the samples it is asked for; `None` where they are as they are stored.
    pub fn step_ms(&self) -> Option<i64> {
        self.step_ms
    }

    /// What tells its answers from others': no password of the URL is in it.
    pub fn identity(&self) -> String {
        format!("{} {:?}", self.connection.shown(), self.step_ms)
    }

    /// The samples of every series that a selector selects, from `start_ms` until just before `end_ms`. What is too much for
    /// one answer is asked for in parts; what fails for now is asked for again.
    ///
    /// # Errors
    /// The server says no, or nothing.
    pub async fn samples(&self, selector: &str, start_ms: i64, end_ms: i64) -> anyhow::Result<Found> {
        let mut found = Found::default();
        let mut parts = vec![(start_ms, end_ms)];
        while let Some((start_ms, end_ms)) = parts.pop() {
            let length = end_ms - start_ms;
            let middle = start_ms + length / 2;
            if self.step_ms.is_some_and(|step| length / step.max(1) > STEPS_MAX) {
                parts.extend([(middle, end_ms), (start_ms, middle)]);
                continue;
            }
            match self.patiently(selector, start_ms, end_ms).await {
                Ok(part) => found.add(part),
                Err(Failure::TooMuch(_)) if length >= 2 * PART_MS_MIN => {
                    parts.extend([(middle, end_ms), (start_ms, middle)]);
                }
                Err(Failure::TooMuch(text) | Failure::Passing(text, _) | Failure::Final(text)) => {
                    bail!("no history of {selector}: {text}");
                }
            }
        }
        Ok(found)
    }

    async fn patiently(&self, selector: &str, start_ms: i64, end_ms: i64) -> Result<Found, Failure> {
        let mut patience = PATIENCE;
        for _ in 1..ATTEMPTS {
            match self.ask(selector, start_ms, end_ms).await {
                Err(Failure::Passing(_, asked_for)) => {
                    live::wait(asked_for.unwrap_or(patience).max(patience).min(PATIENCE_MAX)).await;
                    patience *= 2;
                }
                answer => return answer,
            }
        }
        self.ask(selector, start_ms, end_ms).await
    }

    async fn ask(&self, selector: &str, start_ms: i64, end_ms: i64) -> Result<Found, Failure> {
        let last_ms = end_ms - 1;
        let answered = match self.step_ms {
            None => {
                let range = format!("{selector}[{}ms]", end_ms - start_ms);
                let parameters = [("query", range.as_str()), ("time", &seconds(last_ms))];
                self.connection.post("query", &parameters, self.timeout).await
            }
            Some(step) => {
                // The same grid for every span.
                let first_ms = start_ms.div_euclid(step) * step;
                let first_ms = if first_ms < start_ms { first_ms + step } else { first_ms };
                if first_ms > last_ms {
                    return Ok(Found::default());
                }
                let (start, end, step) = (seconds(first_ms), seconds(last_ms), seconds(step));
                let parameters = [("query", selector), ("start", &start), ("end", &end), ("step", &step)];
                self.connection.post("query_range", &parameters, self.timeout).await
            }
        };
        match answered {
            Ok(response) if response.truncated => {
                Err(Failure::TooMuch(format!("the answer is longer than {} MiB", ANSWER_BYTES_MAX >> 20)))
            }
            Ok(response) => read(&response, start_ms),
            Err(error) => {
                use outbound::SendErrorKind::{Redirect, Secret, Url};
                let is_final = matches!(error.kind, Url | Secret | Redirect);
                Err(if is_final {
                    Failure::Final(error.to_string())
                } else {
                    Failure::Passing(error.to_string(), None)
                })
            }
        }
    }
}

impl Found {
    /// A part that follows those there are.
    fn add(&mut self, part: Found) {
        self.has_histograms |= part.has_histograms;
        if self.series.is_empty() {
            self.series = part.series;
            return;
        }
        let mut places: std::collections::HashMap<LabelSet, usize> =
            self.series.iter().enumerate().map(|(at, series)| (series.labels.clone(), at)).collect();
        for series in part.series {
            match places.get(&series.labels).and_then(|at| self.series.get_mut(*at)) {
                Some(known) => {
                    known.times_ms.extend(series.times_ms);
                    known.values.extend(series.values);
                }
                None => {
                    places.insert(series.labels.clone(), self.series.len());
                    self.series.push(series);
                }
            }
        }
    }
}

fn read(response: &Response, start_ms: i64) -> Result<Found, Failure> {
    let status = response.status;
    let retry_after = || {
        let text = response.headers.get(RETRY_AFTER)?.to_str().ok()?;
        text.parse().ok().map(Duration::from_secs)
    };
    let refused = |text: String| match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Failure::Passing(text, retry_after()),
        _ if is_about_size(&text) => Failure::TooMuch(text),
        _ if status.is_server_error() => Failure::Passing(text, retry_after()),
        _ => Failure::Final(text),
    };
    match serde_json::from_slice::<Envelope<'_>>(&response.body) {
        Ok(Envelope { error: Some(error), .. }) => Err(refused(format!("the server says: {error}"))),
        Ok(Envelope { data: Some(data), .. }) if status.is_success() => found(data, start_ms),
        Ok(_) => Err(refused(format!("the server answered {status} without data"))),
        Err(error) if status.is_success() => {
            Err(Failure::Final(format!("the server's answer cannot be read: {error}")))
        }
        Err(_) => Err(refused(format!("the server answered {status} with something that is not Prometheus' API"))),
    }
}

/// Limits of Prometheus, Thanos and Mimir; a query that took too long reads less in half the time.
fn is_about_size(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["too many", "limit", "max number", "maximum", "timed out", "too large"].iter().any(|word| text.contains(word))
}

fn found(data: Data<'_>, start_ms: i64) -> Result<Found, Failure> {
    let mut found = Found::default();
    for row in data.result {
        found.has_histograms |= !row.histograms.is_empty();
        let mut series = BlockSeries { labels: LabelSet::from_pairs(row.metric), ..BlockSeries::default() };
        for (at, text) in row.values {
            let value = parse_number(&text)
                .ok_or_else(|| Failure::Final(format!("the server's answer has {text:?} for a number")))?;
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            let at_ms = (at * 1000.0).round() as i64;
            // Ranges are closed on the left before Prometheus 3.
            if at_ms >= start_ms {
                series.times_ms.push(at_ms);
                series.values.push(value);
            }
        }
        if !series.values.is_empty() {
            found.series.push(series);
        }
    }
    Ok(found)
}
