//! Why there was no answer, in words that hold no secret.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use model::duration::format_duration;

use crate::guard::NotAllowed;
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
    /// Too many redirects, one that leads nowhere, or one that would carry credentials from https to http.
    Redirect,
    /// The URL cannot be used. Trying again is no help.
    Url,
    /// A secret, certificate or key cannot be read or used.
    Secret,
    /// The OAuth 2 server gave no token.
    Token,
    /// The host is not among those that are allowed. Trying again is no help.
    NotAllowed,
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
        if let Some(refused) = not_allowed(error) {
            return refused.into();
        }
        // The error itself prints its URL; its causes do not.
        SendError::caused(classify(error), error.source(), place)
    }

    /// The same on the short way, where no error prints its URL.
    pub(super) fn from_plain(error: &(dyn Error + 'static), is_connect: bool, place: &str) -> SendError {
        if let Some(refused) = not_allowed(error) {
            return refused.into();
        }
        let kind = match is_connect {
            _ if is_timeout(error) => SendErrorKind::Timeout,
            true => SendErrorKind::Connect,
            false => SendErrorKind::Io,
        };
        SendError::caused(kind, Some(error), place)
    }

    fn caused(kind: SendErrorKind, mut cause: Option<&(dyn Error + 'static)>, place: &str) -> SendError {
        let mut causes = Vec::new();
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

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let own = error.downcast_ref::<std::io::Error>();
    own.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) || error.source().is_some_and(is_timeout)
}

/// The guard's refusal, if that is what kept a connection from being made.
fn not_allowed(error: &(dyn Error + 'static)) -> Option<NotAllowed> {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let own = error.downcast_ref::<NotAllowed>().cloned();
    own.or_else(|| not_allowed(wrapped?)).or_else(|| not_allowed(error.source()?))
}

/// Looks for a TLS error in all causes, also those that an I/O error wraps without calling them its source.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|wrapped| is_tls(wrapped)) || error.source().is_some_and(is_tls)
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
