//! What an answer over HTTP, or none, means for a delivery.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use model::Timestamp;
use outbound::{Response, SendError, SendErrorKind};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use url::Url;

use super::Outcome;

/// Longest wait a far side may ask for; beyond it the newest state is tried anyway.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Most characters of an answer that are told.
const EXCERPT_MAX: usize = 200;

/// Shortest part of an address that may be a secret.
const SECRET_LEN_MIN: usize = 6;

/// Sorts an answer. `told` is what may be said of its body; `now` is what a date in `Retry-After` counts from.
///
/// After Alertmanager, but nothing is dropped for a while's overload: 429, and every answer with `Retry-After`, only
/// delays.
pub(crate) fn classify(reply: Result<&Response, &SendError>, told: &str, now: Timestamp) -> Outcome {
    let response = match reply {
        Ok(response) => response,
        Err(error) => return no_answer(error),
    };
    let status = response.status;
    if status.is_success() {
        return Outcome::Delivered;
    }
    let message = if told.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {told}") };
    let retry_after = retry_after(response, now);
    let reason = reason(status);
    let comes_back = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
        || (status.is_client_error() && retry_after.is_some());
    if comes_back { Outcome::Retry { reason, message, retry_after } } else { Outcome::Rejected { reason, message } }
}

/// Alertmanager's names of failures.
pub(crate) fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "authError",
        429 => "rateLimited",
        400..=499 => "clientError",
        500..=599 => "serverError",
        _ => "other",
    }
}

fn no_answer(error: &SendError) -> Outcome {
    let message = error.to_string();
    match error.kind {
        SendErrorKind::Url | SendErrorKind::NotAllowed => Outcome::Rejected { reason: "other", message },
        SendErrorKind::Timeout => Outcome::Retry { reason: "contextDeadlineExceeded", message, retry_after: None },
        _ => Outcome::Retry { reason: "other", message, retry_after: None },
    }
}

/// Seconds, or a date.
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let text = response.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTimeParser::new().parse_timestamp(text).ok()?;
            Timestamp::from_jiff(date).since(now)
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// The beginning of an answer's body on one line, with the secrets in it hidden.
pub(crate) fn excerpt(response: &Response, secrets: &[&str]) -> String {
    let mut text = String::from_utf8_lossy(&response.body).into_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, outbound::secret::SHOWN);
    }
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    if line.chars().count() > EXCERPT_MAX { line.chars().take(EXCERPT_MAX).chain(['…']).collect() } else { line }
}

/// What of an address an answer may echo and nobody else is to see: credentials, parts of the path, values of the query.
pub(crate) fn secrets_of(address: &str) -> Vec<String> {
    let mut secrets = vec![address.to_owned()];
    if let Ok(url) = Url::parse(address) {
        secrets.push(url.username().to_owned());
        secrets.extend(url.password().map(str::to_owned));
        secrets.extend(url.path_segments().into_iter().flatten().map(str::to_owned));
        secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    }
    // shorter ones are words such as `hook`, and no secrets
    secrets.retain(|secret| secret.len() >= SECRET_LEN_MIN);
    secrets
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, retry_after: Option<&'static str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        let status = StatusCode::from_u16(status).unwrap();
        let response = Response { status, headers, body: bytes::Bytes::new(), truncated: false };
        let now = Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap();
        classify(Ok(&response), "", now)
    }

    #[test]
    fn what_each_status_means() {
        for status in [200, 202, 204] {
            assert_eq!(answer(status, None), Outcome::Delivered);
        }
        for (status, wanted) in
            [(400, "clientError"), (401, "authError"), (403, "authError"), (404, "clientError"), (302, "other")]
        {
            assert!(matches!(answer(status, None), Outcome::Rejected { reason, .. } if reason == wanted), "{status}");
        }
        for (status, wanted) in [(408, "clientError"), (429, "rateLimited"), (500, "serverError"), (503, "serverError")]
        {
            assert!(
                matches!(answer(status, None), Outcome::Retry { reason, retry_after: None, .. } if reason == wanted),
                "{status}"
            );
        }
    }

    #[test]
    fn a_wait_that_is_asked_for_delays() {
        for (status, header, seconds) in [
            (429, "30", 30),
            (503, "Sat, 21 Nov 2026 12:02:00 GMT", 120),
            (503, "Sat, 21 Nov 2026 11:00:00 GMT", 0),
            (403, "7", 7),
            (429, "31536000", 3600),
        ] {
            let Outcome::Retry { retry_after, .. } = answer(status, Some(header)) else { panic!("{status} {header}") };
            assert_eq!(retry_after, Some(Duration::from_secs(seconds)), "{status} {header}");
        }
        assert!(matches!(answer(429, Some("soon")), Outcome::Retry { retry_after: None, .. }));
    }

    #[test]
    fn excerpts_are_short_and_hide_secrets() {
        let body = format!("bad\n  key k3y {}", "x".repeat(300));
        let response = Response {
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body: body.into(),
            truncated: false,
        };
        let shown = excerpt(&response, &["k3y", ""]);
        assert!(shown.starts_with("bad key <secret> xxx") && shown.chars().count() == EXCERPT_MAX + 1, "{shown}");
    }
}
