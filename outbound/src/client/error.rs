//! Why there was no answer, in words that hold no secret.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use model::duration::format_duration;
use reqwest::Url;

use crate::secret::UnreadableSecret;

/// What kept an answer from coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendErrorKind {
    /// The deadline passed; the far side may have got the request.
    Timeout,
    /// No connection: name not found, refused, unreachable, proxy. The far side has not got the request.
    Connect,
    /// No secure connection: unknown authority, wrong name, expired. The far side has not got the request.
    Tls,
    /// The connection broke; the far side may have got the request.
    Io,
    /// Too many redirects, or one that leads nowhere.
    Redirect,
    /// The URL cannot be used. Trying again is no help.
    Url,
    /// A secret, certificate or key cannot be read or used.
    Secret,
    /// The OAuth 2 server gave no token.
    Token,
    /// Anything else.
    Other,
}

/// No answer. The message names host and port at most, never path, query or credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// What kind of failure.
    pub kind: SendErrorKind,
    message: String,
}

impl SendError {
    pub(crate) fn new(kind: SendErrorKind, message: impl Into<String>) -> SendError {
        SendError { kind, message: message.into() }
    }

    pub(crate) fn timeout(deadline: Duration) -> SendError {
        SendError::new(SendErrorKind::Timeout, format!("no answer within {}", format_duration(deadline)))
    }

    /// `place` is what may be told about the URL.
    pub(crate) fn from_reqwest(error: &reqwest::Error, place: &str) -> SendError {
        let kind = classify(error);
        // The error itself prints its URL; its causes do not.
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !causes.last().is_some_and(|last: &String| last.contains(&text)) {
                causes.push(text);
            }
            cause = error.source();
        }
        let verb = match kind {
            SendErrorKind::Connect | SendErrorKind::Tls => "cannot connect to",
            SendErrorKind::Timeout => "timed out:",
            SendErrorKind::Redirect => "redirected too often or nowhere:",
            _ => "request failed:",
        };
        SendError::new(kind, [format!("{verb} {place}")].into_iter().chain(causes).collect::<Vec<_>>().join(": "))
    }
}

fn classify(error: &reqwest::Error) -> SendErrorKind {
    if is_tls(error) {
        SendErrorKind::Tls
    } else if error.is_timeout() {
        SendErrorKind::Timeout
    } else if error.is_connect() {
        SendErrorKind::Connect
    } else if error.is_redirect() {
        SendErrorKind::Redirect
    } else if error.is_builder() {
        SendErrorKind::Url
    } else if error.is_request() || error.is_body() || error.is_decode() {
        SendErrorKind::Io
    } else {
        SendErrorKind::Other
    }
}

/// Looks for a TLS error in all causes, also those that an I/O error wraps without calling them its source.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|wrapped| is_tls(wrapped)) || error.source().is_some_and(is_tls)
}

/// Reads a URL; the error does not repeat it.
pub(super) fn parse_url(text: &str) -> Result<Url, SendError> {
    let unusable = |reason: String| SendError::new(SendErrorKind::Url, format!("not a usable URL: {reason}"));
    crate::http_config::check_http_url(text).map_err(unusable)?;
    Url::parse(text).map_err(|error| unusable(error.to_string()))
}

/// Host and port.
pub(super) fn place(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}"));
    format!("{}{}", url.host_str().unwrap_or_default(), port.unwrap_or_default())
}

impl From<UnreadableSecret> for SendError {
    fn from(error: UnreadableSecret) -> SendError {
        SendError::new(SendErrorKind::Secret, error.to_string())
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SendError {}
