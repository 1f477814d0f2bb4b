//! Instant queries over the Prometheus HTTP API: `POST <url>/api/v1/query`.
//!
//! Any server that answers like Prometheus will do. A closed connection is what tells it that nobody waits any more.

mod answer;

use std::fmt;
use std::time::Duration;

use model::{LabelSet, Timestamp};
use outbound::{HttpClient, Limits, Request, Response, SendError, SendErrorKind};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use url::form_urlencoded;

use self::answer::{Data, Elements, Envelope, Value};
use crate::config::{QueryTarget, shown_url};
use crate::sample::{QueryAnswer, QueryFailure, QueryValue};

/// The longest answer that is read: about half a million series.
const ANSWER_BYTES_MAX: usize = 128 << 20;

/// How much of an answer that is not JSON an error repeats, in characters.
const EXCERPT_CHARS: usize = 200;

/// Asks one server.
pub struct QueryApi {
    client: HttpClient,
    url: String,
    headers: HeaderMap,
}

impl QueryApi {
    /// For a server.
    ///
    /// # Errors
    /// A certificate or key of the configuration cannot be used.
    pub fn new(target: &QueryTarget) -> Result<QueryApi, SendError> {
        let limits = Limits { body_bytes: ANSWER_BYTES_MAX, ..Limits::default() };
        let mut headers = target.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(QueryApi { client: HttpClient::new(&target.http, limits)?, url: query_url(&target.url), headers })
    }

    /// The value of an expression at an instant, in whole milliseconds. Gives up after `deadline`; `now` serves the
    /// authentication only.
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
        let body = form_urlencoded::Serializer::new(String::with_capacity(expr.len() + 64))
            .append_pair("query", expr)
            .append_pair("time", &unix_seconds(at))
            .finish();
        let request =
            Request { method: Method::POST, url: self.url.clone(), headers: self.headers.clone(), body: body.into() };
        let response = self.client.send(request, deadline, now).await.map_err(|error| unsent(&error))?;
        read(&response).map_err(|text| QueryFailure { text, is_passing: is_busy(response.status) })
    }
}

impl fmt::Debug for QueryApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryApi").field("url", &shown_url(&self.url)).finish_non_exhaustive()
    }
}

/// `/api/v1/query` below a URL that may end in a slash and may have a query of its own.
fn query_url(url: &str) -> String {
    let (path, rest) = url.split_once('?').map_or((url, None), |(path, rest)| (path, Some(rest)));
    let path = path.trim_end_matches('/');
    match rest {
        Some(rest) => format!("{path}/api/v1/query?{rest}"),
        None => format!("{path}/api/v1/query"),
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

/// The answer in a response of any status: errors come with 400, 422, 503 and an envelope, or with anything from a proxy.
fn read(response: &Response) -> Result<QueryAnswer, String> {
    if response.truncated {
        return Err(format!("the answer is longer than {} MiB", ANSWER_BYTES_MAX >> 20));
    }
    match serde_json::from_slice::<Envelope<'_>>(&response.body) {
        Ok(envelope) => read_envelope(envelope, response.status.as_u16()),
        Err(_) if !response.status.is_success() => {
            Err(format!("the query API answered {}: {}", response.status, excerpt(&response.body)))
        }
        Err(error) => Err(format!("cannot read the answer: {error}: {}", excerpt(&response.body))),
    }
}

fn read_envelope(envelope: Envelope<'_>, status: u16) -> Result<QueryAnswer, String> {
    if envelope.status != "success" {
        // the text alone, as Prometheus shows it when it evaluates the rule itself
        let text = envelope.error.filter(|text| !text.is_empty()).or(envelope.error_type);
        return Err(text.unwrap_or_else(|| format!("the query API answered {status} without an error text")));
    }
    let data = envelope.data.ok_or("the answer has no data")?;
    let warnings = envelope.warnings.into_iter().flatten().chain(envelope.infos.into_iter().flatten()).collect();
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
