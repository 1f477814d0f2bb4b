//! Remote write 1.0: samples to a Prometheus-compatible store, acknowledged before the next rule is evaluated.
//!
//! `wire.rs` writes the message; here are sending, retries, and what becomes of a batch that is refused in part:
//! Prometheus answers 400 and takes nothing when one sample is out of order or a duplicate, so the batch is halved until
//! only those samples are left over.

mod wire;

use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::backoff::Backoff;
use model::{LabelSet, Timestamp};
use outbound::{HttpClient, Limits, Request, Response, SendError};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};

use crate::config::WriteTarget;
use crate::sample::Sample;

/// Samples in one request, as Prometheus sends them.
const REQUEST_SAMPLES_MAX: usize = 2_000;

/// Requests that halving one refused write may cost; what is left then is refused as a whole.
const SPLIT_REQUESTS_MAX: usize = 200;

/// Prometheus' schedule.
const RETRY: Backoff =
    Backoff { first: Duration::from_millis(30), most: Duration::from_secs(5), factor: 2.0, jitter: 0.1 };

/// How much of a refusal's text is kept, in characters.
const REASON_CHARS: usize = 300;

/// Writes to one target. Keep it: it keeps its connections. Concurrent writes must not share a series.
#[derive(Debug)]
pub struct SampleWriter {
    target: WriteTarget,
    client: HttpClient,
    tally: AtomicTally,
}

#[derive(Debug, Default)]
struct AtomicTally {
    written: AtomicU64,
    refused: AtomicU64,
    requests: AtomicU64,
    failures: AtomicU64,
}

/// What a writer has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteTally {
    /// Samples the target has taken.
    pub written: u64,
    /// Samples it refused for good.
    pub refused: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests without a 2xx answer.
    pub failures: u64,
}

/// Why samples were not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteFailure {
    /// The target could not be reached or was unwell until the deadline; none or some of the samples are written.
    Unreachable(String),
    /// The target refused these samples and has taken the others.
    Refused {
        /// How many samples, stale markers not counted.
        samples: usize,
        /// One of them.
        example: LabelSet,
        /// What the target said about that one.
        reason: String,
    },
}

impl fmt::Display for WriteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteFailure::Unreachable(why) => write!(f, "cannot write samples: {why}"),
            WriteFailure::Refused { samples, example, reason } => {
                write!(f, "{samples} samples were refused, among them one of {example}: {reason}")
            }
        }
    }
}

impl std::error::Error for WriteFailure {}

impl SampleWriter {
    /// A writer for a target.
    ///
    /// # Errors
    /// A certificate or key of the configuration cannot be used.
    pub fn new(target: WriteTarget) -> Result<SampleWriter, SendError> {
        let client = HttpClient::new(&target.http, Limits::default())?;
        Ok(SampleWriter { target, client, tally: AtomicTally::default() })
    }

    /// What messages and metrics call the target.
    pub fn name(&self) -> &str {
        &self.target.name
    }

    /// What it has done so far.
    pub fn tally(&self) -> WriteTally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let AtomicTally { written, refused, requests, failures } = &self.tally;
        WriteTally {
            written: read(written),
            refused: read(refused),
            requests: read(requests),
            failures: read(failures),
        }
    }

    /// Writes samples, in order, and returns when the target has taken them. Retries until `deadline`. A refused stale
    /// marker is not a failure: the series has newer samples or is gone already. `now` serves the authentication only.
    ///
    /// # Errors
    /// What was not written, and why.
    pub async fn write(&self, samples: &[Sample], deadline: Duration, now: Timestamp) -> Result<(), WriteFailure> {
        let relabelled: Vec<Sample>;
        let samples = match self.target.relabeling.is_empty() {
            true => samples,
            false => {
                relabelled = samples.iter().filter_map(|sample| self.relabel(sample)).collect();
                &relabelled
            }
        };
        let mut attempt = Attempt { last_error: None, refusals: Refusals::default(), splits: SPLIT_REQUESTS_MAX };
        let written = tokio::time::timeout(deadline, self.write_all(samples, now, &mut attempt)).await;
        let Attempt { last_error, refusals, .. } = attempt;
        match (written, last_error) {
            (Ok(Ok(())), _) => refusals.into_result(),
            (Ok(Err(why)), _) => Err(WriteFailure::Unreachable(why)),
            (Err(_), Some(why)) => Err(WriteFailure::Unreachable(why)),
            (Err(_), None) => Err(WriteFailure::Unreachable(format!("no answer within {deadline:?}"))),
        }
    }

    fn relabel(&self, sample: &Sample) -> Option<Sample> {
        let labels = self.target.relabeling.apply(&sample.labels).filter(|labels| !labels.is_empty())?;
        Some(Sample { labels, ..*sample })
    }

    async fn write_all(&self, samples: &[Sample], now: Timestamp, attempt: &mut Attempt) -> Result<(), String> {
        // A stack of parts still to write, the next one on top.
        let mut parts: Vec<&[Sample]> = samples.chunks(REQUEST_SAMPLES_MAX).rev().collect();
        while let Some(part) = parts.pop() {
            let Err(reason) = self.write_part(part, now, attempt).await? else {
                self.tally.written.fetch_add(part.len() as u64, Ordering::Relaxed);
                continue;
            };
            if part.len() > 1 && attempt.splits > 0 {
                attempt.splits -= 1;
                let (first, rest) = part.split_at(part.len() / 2);
                parts.extend([rest, first]);
            } else {
                self.tally.refused.fetch_add(part.len() as u64, Ordering::Relaxed);
                attempt.refusals.add(part, reason);
            }
        }
        Ok(())
    }

    /// Sends one request until it is answered for good: the inner result is the target's refusal.
    async fn write_part(
        &self,
        part: &[Sample],
        now: Timestamp,
        attempt: &mut Attempt,
    ) -> Result<Result<(), String>, String> {
        let request = self.request(part)?;
        let mut failed_attempts = 0;
        loop {
            self.tally.requests.fetch_add(1, Ordering::Relaxed);
            let (why, at_least) = match self.client.send(request.clone(), self.target.timeout, now).await {
                Ok(response) if response.status.is_success() => return Ok(Ok(())),
                Ok(response) => match Verdict::of(&response) {
                    Verdict::Refused => {
                        self.tally.failures.fetch_add(1, Ordering::Relaxed);
                        return Ok(Err(reason(&response)));
                    }
                    Verdict::Hopeless => {
                        self.tally.failures.fetch_add(1, Ordering::Relaxed);
                        return Err(reason(&response));
                    }
                    Verdict::Later(at_least) => (reason(&response), at_least),
                },
                Err(error) => (error.to_string(), Duration::ZERO),
            };
            self.tally.failures.fetch_add(1, Ordering::Relaxed);
            attempt.last_error = Some(why);
            failed_attempts += 1;
            let delay = RETRY.delay(failed_attempts, part.len() as u64).max(at_least);
            // the timeout around the whole write ends this
            let _elapsed = tokio::time::timeout(delay, pending::<()>()).await;
        }
    }

    fn request(&self, part: &[Sample]) -> Result<Request, String> {
        let mut headers = self.target.headers.clone();
        headers.extend([
            (CONTENT_ENCODING, HeaderValue::from_static("snappy")),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf")),
            (HeaderName::from_static("x-prometheus-remote-write-version"), HeaderValue::from_static("0.1.0")),
        ]);
        Ok(Request { method: Method::POST, url: self.target.url.clone(), headers, body: wire::encode(part)?.into() })
    }
}

/// What is known about a write while it goes on.
struct Attempt {
    last_error: Option<String>,
    refusals: Refusals,
    /// How often a refused part may still be halved.
    splits: usize,
}

/// Samples that were refused for good.
#[derive(Default)]
struct Refusals {
    samples: usize,
    first: Option<(LabelSet, String)>,
}

impl Refusals {
    fn add(&mut self, part: &[Sample], reason: String) {
        let values = part.iter().filter(|sample| !sample.is_stale_marker());
        self.samples += values.clone().count();
        if let (None, Some(sample)) = (&self.first, values.clone().next()) {
            self.first = Some((sample.labels.clone(), reason));
        }
    }

    fn into_result(self) -> Result<(), WriteFailure> {
        match self.first {
            Some((example, reason)) => Err(WriteFailure::Refused { samples: self.samples, example, reason }),
            None => Ok(()),
        }
    }
}

/// What an answer other than 2xx means.
enum Verdict {
    /// Something in the request is wrong, the rest of it may be right.
    Refused,
    /// No part of it will be taken, now or later: wrong address, wrong credentials.
    Hopeless,
    /// Try again, not before this has passed.
    Later(Duration),
}

impl Verdict {
    fn of(response: &Response) -> Verdict {
        match response.status {
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Verdict::Refused
            }
            StatusCode::TOO_MANY_REQUESTS => Verdict::Later(retry_after(response)),
            status if status.is_server_error() => Verdict::Later(retry_after(response)),
            _ => Verdict::Hopeless,
        }
    }
}

/// The seconds of a `Retry-After`; zero without one.
pub(super) fn retry_after(response: &Response) -> Duration {
    let seconds = response.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// Status and text of an answer, on one line.
pub(super) fn reason(response: &Response) -> String {
    let text = String::from_utf8_lossy(&response.body);
    let line: Vec<&str> = text.split_whitespace().collect();
    let line: String = line.join(" ").chars().take(REASON_CHARS).collect();
    if line.is_empty() { response.status.to_string() } else { format!("{}: {line}", response.status) }
}

#[cfg(test)]
mod tests;
