//! Instant queries over the HTTP APIs that answer like Prometheus: `POST <url>/api/v1/query`, or where else the kind of
//! source takes them.
//!
//! A source may have several servers: the one that answers is asked, the next ones in the same evaluation if it does not.
//! Bounds: a deadline for each query, of which each server that is tried gets its share; a length for each answer. A
//! closed connection is what tells a server that nobody waits any more.

mod answer;
mod known_series;
pub mod range;
mod vector;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use model::{LabelSet, Timestamp};
use outbound::{HttpClient, Limits, Request, Response, SendError, SendErrorKind};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use url::form_urlencoded;

use self::answer::{Data, Elements, Envelope, Value};
use self::known_series::KnownSeries;
use crate::config::{QueryTarget, SourceKind, shown_url};
use crate::failover::{Candidate, Failover, Server};
use crate::rule::Source;
use crate::sample::{QueryAnswer, QueryFailure, QueryValue};

/// What Prometheus puts before its message about an expression that came over HTTP.
const ABOUT_THE_PARAMETER: &str = "invalid parameter \"query\": ";

/// A longer answer is read on a thread of its own: the others' answers do not wait for it.
const LONG_ANSWER_BYTES: usize = 256 << 10;

/// The series of longer answers are not remembered: most likely they are more than a rule may have.
const RECOGNISED_BYTES_MAX: usize = 8 << 20;

/// How much of an answer that is not JSON an error repeats, in characters.
const EXCERPT_CHARS: usize = 200;

/// Asks one source.
pub struct QueryApi {
    name: String,
    kind: SourceKind,
    client: HttpClient,
    servers: Mutex<Failover>,
    known: Arc<Mutex<KnownSeries>>,
    headers: HeaderMap,
    params: Vec<(String, String)>,
    answer_bytes_max: usize,
}

/// What a source has been asked, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTally {
    /// Its name.
    pub name: String,
    /// Its servers, their URLs without what may be secret in them.
    pub servers: Vec<Server>,
    /// Series that are recognised by their bytes.
    pub known_series: usize,
}

/// A query, ready to be sent.
struct Asking {
    headers: HeaderMap,
    body: Bytes,
    now: Timestamp,
}

/// What became of a request to one server.
struct Reply {
    answer: Result<QueryAnswer, QueryFailure>,
    /// Whether the server answered as it should; the others need not be asked.
    is_well: bool,
}

impl QueryApi {
    /// For a source.
    ///
    /// # Errors
    /// A certificate or key of the configuration cannot be used.
    pub fn new(target: &QueryTarget) -> Result<QueryApi, SendError> {
        let limits = Limits { body_bytes: target.answer_bytes_max, ..Limits::default() };
        let mut headers = target.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(QueryApi {
            name: target.name.clone(),
            kind: target.kind,
            client: HttpClient::new(&target.http, limits)?,
            servers: Mutex::new(Failover::new(target.urls.iter().cloned())),
            known: Arc::default(),
            headers,
            params: target.params.clone(),
            answer_bytes_max: target.answer_bytes_max,
        })
    }

    /// The value of an expression at an instant, in whole milliseconds. Gives up after `deadline`; `now` serves the
    /// authentication and the choice of the server only.
    ///
    /// # Errors
    /// What went wrong, for the rule's `lastError`: the server's own words where it answered.
    pub async fn query(
        &self,
        expr: &str,
        at: Timestamp,
        deadline: Duration,
        now: Timestamp,
    ) -> Result<QueryAnswer, QueryFailure> {
        self.query_for(&Source::default(), expr, at, deadline, now).await
    }

    /// The same for a group, with the parameters and headers that it has of its own.
    ///
    /// # Errors
    /// As above.
    pub async fn query_for(
        &self,
        source: &Source,
        expr: &str,
        at: Timestamp,
        deadline: Duration,
        now: Timestamp,
    ) -> Result<QueryAnswer, QueryFailure> {
        let asking = Asking { headers: self.headers_for(source)?, body: self.body(source, expr, at).into(), now };
        let candidates = self.servers().candidates(now);
        if let [only] = candidates.as_slice() {
            let reply = self.ask(&asking, &only.url, deadline).await;
            return reply.answer;
        }
        let mut trying = None;
        match tokio::time::timeout(deadline, self.try_each(&asking, &candidates, deadline, &mut trying)).await {
            Ok(answer) => answer,
            Err(_) => {
                if let Some(url) = trying {
                    self.servers().outcome(now, &url, false);
                }
                Err(QueryFailure::passing(format!("no server of the source answered within {deadline:?}")))
            }
        }
    }

    /// Asks one server after the other until one answers. Those that are well share the time; those that failed a
    /// moment ago get what is left.
    async fn try_each(
        &self,
        asking: &Asking,
        candidates: &[Candidate],
        deadline: Duration,
        trying: &mut Option<String>,
    ) -> Result<QueryAnswer, QueryFailure> {
        let well = candidates.iter().filter(|candidate| !candidate.is_resting).count();
        let share = deadline.checked_div(u32::try_from(well).unwrap_or(u32::MAX)).unwrap_or(deadline);
        let mut failed = Vec::new();
        for (place, Candidate { url, .. }) in candidates.iter().enumerate() {
            *trying = Some(url.clone());
            let reply = self.ask(asking, url, if place + 1 < well { share } else { deadline }).await;
            match reply.answer {
                Err(failure) if !reply.is_well => failed.push(failure),
                answer => return answer,
            }
        }
        Err(all_failed(failed))
    }

    /// Asks one server, and remembers how that went.
    async fn ask(&self, asking: &Asking, url: &str, patience: Duration) -> Reply {
        let Asking { headers, body, now } = asking;
        let request = Request {
            method: Method::POST,
            url: query_url(url, self.kind.path()),
            headers: headers.clone(),
            body: body.clone(),
        };
        let reply = match self.client.send(request, patience, *now).await {
            Ok(response) if response.body.len() > LONG_ANSWER_BYTES && !response.truncated => {
                read_aside(response, Arc::clone(&self.known)).await
            }
            response => self.reply(response),
        };
        self.servers().outcome(*now, url, reply.is_well);
        reply
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes the place of `before`: goes on with what is known of the servers, and with all of them if some are `found`.
    pub fn go_on_from(&self, before: &QueryApi, are_found: bool) {
        let mut servers = before.servers().clone();
        let own: Vec<String> = self.servers().servers().iter().map(|server| server.url.clone()).collect();
        let known = servers.servers().iter().filter(|_| are_found).map(|server| server.url.clone());
        let all: Vec<String> = own.into_iter().chain(known).collect();
        servers.adopt(all);
        *self.servers() = servers;
        *lock(&self.known) = std::mem::take(&mut *lock(&before.known));
    }

    /// These are its servers from now on; what is known of those that stay is kept.
    pub fn adopt(&self, urls: impl IntoIterator<Item = String>) {
        self.servers().adopt(urls);
    }

    /// What it has been asked.
    pub fn tally(&self) -> SourceTally {
        let servers = self.servers();
        let servers = servers.servers().iter().map(|server| server.shown_as(shown_url(&server.url)));
        let known_series = lock(&self.known).len();
        SourceTally { name: self.name.clone(), servers: servers.collect(), known_series }
    }

    fn servers(&self) -> MutexGuard<'_, Failover> {
        lock(&self.servers)
    }

    fn headers_for(&self, source: &Source) -> Result<HeaderMap, QueryFailure> {
        let mut headers = self.headers.clone();
        for (name, value) in &source.headers {
            let unusable = |_| QueryFailure::from(format!("the group's header {name:?} cannot be sent"));
            let value = HeaderValue::from_str(value).map_err(|_| unusable(()))?;
            headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable(()))?, value);
        }
        Ok(headers)
    }

    fn body(&self, source: &Source, expr: &str, at: Timestamp) -> String {
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(expr.len() + 64));
        form.append_pair("query", expr).append_pair("time", &unix_seconds(at));
        self.append_params(&mut form, source);
        form.finish()
    }

    /// The source's own parameters, and those of the group in their place.
    fn append_params(&self, form: &mut form_urlencoded::Serializer<'_, String>, source: &Source) {
        let replaced = |name: &str| source.params.iter().any(|(own, _)| own == name);
        form.extend_pairs(self.params.iter().filter(|(name, _)| !replaced(name)));
        form.extend_pairs(&source.params);
    }

    fn reply(&self, response: Result<Response, SendError>) -> Reply {
        let response = match response {
            Ok(response) => response,
            Err(error) => return Reply { answer: Err(unsent(&error)), is_well: false },
        };
        if response.truncated {
            // another server's answer would be no shorter
            let text = format!("the answer is longer than {} bytes, see answer_bytes_max", self.answer_bytes_max);
            return Reply { answer: Err(text.into()), is_well: true };
        }
        read(&response, &self.known)
    }
}

/// The data behind these locks is whole at any time, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// No server has answered: the last one's words, as those before may be outdated.
fn all_failed(mut failed: Vec<QueryFailure>) -> QueryFailure {
    let others = failed.len().saturating_sub(1);
    let is_passing = failed.iter().any(|failure| failure.is_passing);
    match failed.pop() {
        None => QueryFailure::passing("the query source has no servers: none was found"),
        Some(last) if others == 0 => last,
        Some(last) => QueryFailure {
            text: format!("{} (and {others} other servers of the source failed)", last.text),
            is_passing,
        },
    }
}

impl fmt::Debug for QueryApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryApi").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The path of queries below a URL that may end in a slash, may have the path already and may have a query of its own.
fn query_url(url: &str, path_of_queries: &str) -> String {
    let (path, rest) = url.split_once('?').map_or((url, None), |(path, rest)| (path, Some(rest)));
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(path_of_queries).unwrap_or(path);
    // Mimir's prefix may be part of the URL, as it is in a data source of Grafana
    let prefix = path_of_queries.strip_suffix("/api/v1/query").unwrap_or_default();
    let path = path.strip_suffix(prefix).unwrap_or(path);
    match rest {
        Some(rest) => format!("{path}{path_of_queries}?{rest}"),
        None => format!("{path}{path_of_queries}"),
    }
}

/// Seconds with three decimals, exact for every millisecond.
fn unix_seconds(at: Timestamp) -> String {
    let ms = at.as_millis();
    let sign = if ms < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000)
}

/// No answer: worth another attempt unless the configuration is at fault.
fn unsent(error: &SendError) -> QueryFailure {
    let is_final = matches!(error.kind, SendErrorKind::Url | SendErrorKind::Secret | SendErrorKind::Redirect);
    QueryFailure { text: error.to_string(), is_passing: !is_final }
}

/// Whether another attempt may have more success: the server or a proxy is overloaded, starting or out of order.
fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT
}

async fn read_aside(response: Response, known: Arc<Mutex<KnownSeries>>) -> Reply {
    let reading = tokio::task::spawn_blocking(move || read(&response, &known));
    reading.await.unwrap_or_else(|error| Reply {
        answer: Err(QueryFailure::passing(format!("the answer could not be read: {error}"))),
        is_well: true,
    })
}

/// The answer in a response of any status: errors come with 400, 422, 503 and an envelope, or with anything from a proxy.
fn read(response: &Response, known: &Mutex<KnownSeries>) -> Reply {
    let status = response.status;
    if status.is_success()
        && response.body.len() <= RECOGNISED_BYTES_MAX
        && let Some(answer) = vector::read(&response.body, known)
    {
        return Reply { answer: Ok(answer), is_well: true };
    }
    let failure = |text| QueryFailure { text, is_passing: is_busy(status) };
    match serde_json::from_slice::<Envelope<'_>>(&response.body) {
        Ok(envelope) => {
            // a query that takes too long says nothing about the server
            let is_slow = matches!(envelope.error_type.as_deref(), Some("timeout" | "canceled"));
            let answer = read_envelope(envelope, status.as_u16()).map_err(failure);
            Reply { answer, is_well: is_slow || !is_busy(status) }
        }
        Err(_) if !status.is_success() => {
            let text = format!("the query API answered {status}: {}", excerpt(&response.body));
            Reply { answer: Err(failure(text)), is_well: false }
        }
        Err(error) => {
            // cut short or not from a query API: what a proxy says while the server behind it is away
            let text = format!("cannot read the answer: {error}: {}", excerpt(&response.body));
            Reply { answer: Err(QueryFailure { text, is_passing: error.is_eof() }), is_well: false }
        }
    }
}

fn read_envelope(mut envelope: Envelope<'_>, status: u16) -> Result<QueryAnswer, String> {
    if envelope.status != "success" {
        // the text alone, as Prometheus shows it when it evaluates the rule itself
        let text = envelope.error.filter(|text| !text.is_empty()).or(envelope.error_type);
        let text = text.map(|text| text.strip_prefix(ABOUT_THE_PARAMETER).map(str::to_owned).unwrap_or(text));
        return Err(text.unwrap_or_else(|| format!("the query API answered {status} without an error text")));
    }
    let data = envelope.data.take().ok_or("the answer has no data")?;
    let warnings = envelope.into_warnings();
    Ok(QueryAnswer { value: read_data(data)?, warnings })
}

fn read_data(data: Data) -> Result<QueryValue, String> {
    match data.kind.as_str() {
        "vector" => read_vector(data.result).map(QueryValue::Vector),
        "scalar" => {
            let text = data.result.text.unwrap_or_default();
            let value = answer::number(&text).ok_or_else(|| format!("{text:?} is not a number"))?;
            Ok(QueryValue::Scalar(value))
        }
        other => Err(format!("rule result is not a vector or scalar but a {other}")),
    }
}

fn read_vector(elements: Elements) -> Result<Vec<(LabelSet, f64)>, String> {
    let mut rows = Vec::with_capacity(elements.series.len());
    for series in elements.series {
        match series.value {
            Value::Float(value) => rows.push((series.labels, value)),
            Value::Histogram => {
                return Err(format!(
                    "series {} is a native histogram, which the HTTP query API gives without its schema; take a float \
                     of it in the expression, with histogram_quantile or histogram_count for example",
                    series.labels
                ));
            }
            Value::Other => return Err(format!("series {} has no value", series.labels)),
        }
    }
    Ok(rows)
}

/// The beginning of a body that is not what was expected, on one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..body.len().min(4 * EXCERPT_CHARS)).unwrap_or_default());
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None if line.is_empty() => "nothing".to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests;
