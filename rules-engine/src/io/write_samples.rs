//! Remote write, 1.0 and 2.0: samples to a Prometheus-compatible store.
//!
//! `wire.rs` writes the messages, `answer.rs` reads the answers; here are sending, retries, and what becomes of a batch
//! that is refused in part: Prometheus answers 400 and takes nothing when one sample is out of order or a duplicate, so
//! the batch is halved until only those samples are left over. A target that does not understand 2.0 is written to in 1.0.

mod answer;
pub(super) mod wire;

use std::fmt;
use std::future::pending;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use model::backoff::Backoff;
use model::{LabelSet, Timestamp};
use outbound::{HttpClient, Limits, Request, Response, SendError};
use reqwest::Method;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};

use self::answer::Verdict;
pub(super) use self::answer::{reason, retry_after};
use crate::backlog::Packing;
use crate::config::{WriteProtocol, WriteTarget};
use crate::sample::Sample;

/// Requests that halving one refused write may cost; what is left then is refused as a whole.
const SPLIT_REQUESTS_MAX: usize = 200;

/// The form in which samples wait: a request of 1.0.
pub const PACKING: Packing = Packing { pack: wire::encode, unpack: wire::decode };

/// Writes to one target. Keep it: it keeps its connections. Concurrent writes must not share a series.
#[derive(Debug)]
pub struct SampleWriter {
    target: WriteTarget,
    client: HttpClient,
    /// Whether the target is written to in 2.0.
    is_v2: AtomicBool,
    /// Whether it has understood 2.0.
    is_understood: AtomicBool,
    tally: Arc<AtomicTally>,
}

#[derive(Debug, Default)]
struct AtomicTally {
    written: AtomicU64,
    refused: AtomicU64,
    retried: AtomicU64,
    requests: AtomicU64,
    failures: AtomicU64,
    bytes: AtomicU64,
    newest_ms: AtomicI64,
}

/// What a writer has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteTally {
    /// Samples the target has taken.
    pub written: u64,
    /// Samples it refused for good.
    pub refused: u64,
    /// Samples in requests that have to be sent again; a sample counts each time.
    pub retried: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests without a 2xx answer.
    pub failures: u64,
    /// Bytes sent, compressed.
    pub bytes: u64,
    /// The newest sample that was written, in milliseconds since the epoch.
    pub newest_ms: i64,
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

/// How far writing came in one go.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// So many samples from the front are settled: written, or refused for good.
    pub(super) settled: usize,
    /// Those that were refused.
    pub(super) refused: Vec<Refusal>,
    /// Why it went no further.
    pub(super) stop: Option<Stop>,
}

/// Samples that were refused for good.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// Where they are.
    pub(super) places: Range<usize>,
    /// How many of those; less than all if the target wrote some.
    pub(super) samples: usize,
    /// What the target said.
    pub(super) reason: String,
}

/// Why writing stopped.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    /// What the target, or the way to it, said.
    pub(super) why: String,
    /// The target asked to be left alone for so long.
    pub(super) at_least: Duration,
    /// Another attempt will not do better before somebody mends something.
    pub(super) is_hopeless: bool,
}

impl SampleWriter {
    /// A writer for a target.
    ///
    /// # Errors
    /// A certificate or key of the configuration cannot be used.
    pub fn new(target: WriteTarget) -> Result<SampleWriter, SendError> {
        let client = HttpClient::new(&target.http, Limits::default())?;
        let is_v2 = AtomicBool::new(target.protocol == WriteProtocol::V2);
        Ok(SampleWriter { target, client, is_v2, is_understood: AtomicBool::new(false), tally: Arc::default() })
    }

    /// Whom it writes to.
    pub fn target(&self) -> &WriteTarget {
        &self.target
    }

    /// What messages and metrics call the target.
    pub fn name(&self) -> &str {
        &self.target.name
    }

    /// Takes the place of a writer to the same target.
    pub(super) fn go_on_counting(&mut self, before: &SampleWriter) {
        self.tally = Arc::clone(&before.tally);
    }

    /// What it has done so far.
    pub fn tally(&self) -> WriteTally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let AtomicTally { written, refused, retried, requests, failures, bytes, newest_ms } = &*self.tally;
        WriteTally {
            written: read(written),
            refused: read(refused),
            retried: read(retried),
            requests: read(requests),
            failures: read(failures),
            bytes: read(bytes),
            newest_ms: newest_ms.load(Ordering::Relaxed),
        }
    }

    /// Writes samples, in order, and returns when the target has taken them. Retries until `deadline`. A refused stale
    /// marker is not a failure: the series has newer samples or is gone already. `now` serves the authentication only.
    ///
    /// # Errors
    /// What was not written, and why.
    pub async fn write(&self, samples: &[Sample], deadline: Duration, now: Timestamp) -> Result<(), WriteFailure> {
        let samples = self.relabelled(samples);
        let mut progress = Progress::default();
        let written = tokio::time::timeout(deadline, self.persist(&samples, now, &mut progress)).await;
        match (written, progress.stopped) {
            (Ok(true), _) => refusal(&samples, &progress.refused).map_or(Ok(()), Err),
            (_, Some(why)) => Err(WriteFailure::Unreachable(why)),
            (_, None) => Err(WriteFailure::Unreachable(format!("no answer within {deadline:?}"))),
        }
    }

    /// The samples as the target wants them.
    pub(super) fn relabelled(&self, samples: &[Sample]) -> Vec<Sample> {
        let relabel = |sample: &Sample| {
            let labels = self.target.relabeling.apply(&sample.labels).filter(|labels| !labels.is_empty())?;
            Some(Sample { labels, ..*sample })
        };
        match self.target.relabeling.is_empty() {
            true => samples.to_vec(),
            false => samples.iter().filter_map(relabel).collect(),
        }
    }

    /// Tries until all is settled or there is no hope; the timeout around it ends it too. False without hope.
    async fn persist(&self, samples: &[Sample], now: Timestamp, progress: &mut Progress) -> bool {
        let mut done = 0;
        let mut failed_attempts = 0;
        loop {
            let rest = samples.get(done..).unwrap_or_default();
            let Attempt { settled, refused, stop } = self.attempt(rest, now).await;
            progress.refused.extend(refused.into_iter().map(|refusal| refusal.moved(done)));
            done += settled;
            let Some(stop) = stop else { return true };
            progress.stopped = Some(stop.why);
            if stop.is_hopeless {
                return false;
            }
            failed_attempts = if settled > 0 { 1 } else { failed_attempts + 1 };
            let delay = self.backoff().delay(failed_attempts, rest.len() as u64).max(stop.at_least);
            let _elapsed = tokio::time::timeout(delay, pending::<()>()).await;
        }
    }

    /// When to try again after failures in a row.
    pub(super) fn backoff(&self) -> Backoff {
        Backoff { first: self.target.backoff_min, most: self.target.backoff_max, factor: 2.0, jitter: 0.1 }
    }

    /// Writes samples, in order, each request once, halving those that are refused.
    pub(super) async fn attempt(&self, samples: &[Sample], now: Timestamp) -> Attempt {
        let mut attempt = Attempt::default();
        let mut splits = SPLIT_REQUESTS_MAX;
        // A stack of parts still to write, the next one on top.
        let step = self.target.samples_per_send.max(1);
        let starts = (0..samples.len()).step_by(step).rev();
        let mut parts: Vec<Range<usize>> = starts.map(|start| start..samples.len().min(start + step)).collect();
        while let Some(places) = parts.pop() {
            let part = samples.get(places.clone()).unwrap_or_default();
            match self.send(part, now).await {
                Sent::Written => {}
                Sent::WrittenInPart(written, reason) => {
                    let refused = part.len().saturating_sub(written);
                    self.count_written(part, part.len() - refused);
                    self.tally.refused.fetch_add(refused as u64, Ordering::Relaxed);
                    attempt.refused.push(Refusal { places: places.clone(), samples: refused, reason });
                }
                Sent::Refused(_) if part.len() > 1 && splits > 0 => {
                    splits -= 1;
                    let middle = places.start + part.len() / 2;
                    parts.extend([middle..places.end, places.start..middle]);
                    continue;
                }
                Sent::Refused(reason) => {
                    self.tally.refused.fetch_add(part.len() as u64, Ordering::Relaxed);
                    attempt.refused.push(Refusal { places: places.clone(), samples: part.len(), reason });
                }
                Sent::Not(stop) => {
                    self.tally.retried.fetch_add(part.len() as u64, Ordering::Relaxed);
                    attempt.stop = Some(stop);
                    return attempt;
                }
            }
            attempt.settled = places.end;
        }
        attempt
    }

    fn count_written(&self, part: &[Sample], written: usize) {
        self.tally.written.fetch_add(written as u64, Ordering::Relaxed);
        let newest = part.iter().map(|sample| sample.timestamp_ms).max();
        self.tally.newest_ms.fetch_max(newest.unwrap_or_default(), Ordering::Relaxed);
    }

    /// Sends one request; a second one if the target turns out not to understand the first.
    async fn send(&self, part: &[Sample], now: Timestamp) -> Sent {
        loop {
            let is_v2 = self.is_v2.load(Ordering::Relaxed);
            let request = match self.request(part, is_v2) {
                Ok(request) => request,
                Err(why) => return Sent::Refused(why),
            };
            self.tally.requests.fetch_add(1, Ordering::Relaxed);
            self.tally.bytes.fetch_add(request.body.len() as u64, Ordering::Relaxed);
            let response = match self.client.send(request, self.target.timeout, now).await {
                Ok(response) => response,
                Err(error) => {
                    self.tally.failures.fetch_add(1, Ordering::Relaxed);
                    return Sent::Not(Stop::passing(error.to_string(), Duration::ZERO));
                }
            };
            match self.judge(&response, is_v2) {
                Verdict::NotUnderstood => self.fall_back(&response),
                verdict => return self.concluded(part, verdict, &response, is_v2),
            }
        }
    }

    fn judge(&self, response: &Response, is_v2: bool) -> Verdict {
        match is_v2 {
            true => Verdict::of_v2(response, self.is_understood.load(Ordering::Relaxed)),
            false => Verdict::of(response),
        }
    }

    fn concluded(&self, part: &[Sample], verdict: Verdict, response: &Response, is_v2: bool) -> Sent {
        if matches!(verdict, Verdict::Written | Verdict::WrittenInPart(_)) && is_v2 {
            self.is_understood.store(true, Ordering::Relaxed);
        }
        if verdict != Verdict::Written {
            self.tally.failures.fetch_add(1, Ordering::Relaxed);
        }
        match verdict {
            Verdict::Written => {
                self.count_written(part, part.len());
                Sent::Written
            }
            Verdict::WrittenInPart(written) => Sent::WrittenInPart(written, reason(response)),
            Verdict::Refused => Sent::Refused(reason(response)),
            Verdict::Later(at_least) => Sent::Not(Stop::passing(reason(response), at_least)),
            Verdict::Hopeless | Verdict::NotUnderstood => {
                Sent::Not(Stop { is_hopeless: true, ..Stop::passing(reason(response), Duration::ZERO) })
            }
        }
    }

    fn fall_back(&self, response: &Response) {
        self.tally.failures.fetch_add(1, Ordering::Relaxed);
        self.is_v2.store(false, Ordering::Relaxed);
        let answer = reason(response);
        tracing::info!(target = self.name(), %answer, "remote write 2.0 is not understood, 1.0 is used from now on");
    }

    fn request(&self, part: &[Sample], is_v2: bool) -> Result<Request, String> {
        let (body, content_type, version) = match is_v2 {
            true => (wire::v2::encode(part)?, "application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"),
            false => (wire::encode(part)?, "application/x-protobuf", "0.1.0"),
        };
        let mut headers = self.target.headers.clone();
        headers.extend([
            (CONTENT_ENCODING, HeaderValue::from_static("snappy")),
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (HeaderName::from_static("x-prometheus-remote-write-version"), HeaderValue::from_static(version)),
        ]);
        Ok(Request { method: Method::POST, url: self.target.url.clone(), headers, body: body.into() })
    }
}

/// What is known about a write while it goes on.
#[derive(Default)]
struct Progress {
    stopped: Option<String>,
    refused: Vec<Refusal>,
}

/// How one request went.
enum Sent {
    Written,
    /// So many of its samples, and what was said about the others.
    WrittenInPart(usize, String),
    Refused(String),
    Not(Stop),
}

impl Stop {
    fn passing(why: String, at_least: Duration) -> Stop {
        Stop { why, at_least, is_hopeless: false }
    }
}

impl Refusal {
    /// What of it lies between two places.
    pub(super) fn within(&self, start: usize, end: usize) -> Refusal {
        let places = self.places.start.max(start)..self.places.end.min(end);
        Refusal { places, samples: self.samples, reason: self.reason.clone() }
    }

    /// The same among samples that are preceded by others.
    fn moved(self, by: usize) -> Refusal {
        Refusal { places: self.places.start + by..self.places.end + by, ..self }
    }
}

/// What was refused for good, as the rule's error; stale markers don't count.
pub(super) fn refusal(samples: &[Sample], refused: &[Refusal]) -> Option<WriteFailure> {
    let mut count = 0;
    let mut first: Option<(LabelSet, &str)> = None;
    for refusal in refused {
        let values = samples.get(refusal.places.clone()).unwrap_or_default();
        let mut values = values.iter().filter(|sample| !sample.is_stale_marker());
        let example = values.clone().next();
        count += values.by_ref().count().min(refusal.samples);
        if let (None, Some(sample)) = (&first, example) {
            first = Some((sample.labels.clone(), &refusal.reason));
        }
    }
    let (example, reason) = first?;
    Some(WriteFailure::Refused { samples: count, example, reason: reason.to_owned() })
}

#[cfg(test)]
mod tests;
