//! Where a request goes, read from its URL.

use reqwest::Url;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use super::error::{SendError, SendErrorKind};

/// A URL that can be used.
pub(super) struct Destination {
    /// As it was given.
    pub(super) text: String,
    pub(super) url: Url,
    /// What may be told about it: host and port.
    pub(super) place: String,
    /// The same where the short way leads there: without TLS and without credentials in it.
    pub(super) plain: Option<http::Uri>,
}

impl Destination {
    /// Reads a URL; the error does not repeat it.
    pub(super) fn read(text: &str) -> Result<Destination, SendError> {
        let unusable = |reason: String| SendError::new(SendErrorKind::Url, format!("not a usable URL: {reason}"));
        crate::http_config::check_http_url(text).map_err(unusable)?;
        let url = Url::parse(text).map_err(|error| unusable(error.to_string()))?;
        let is_plain = url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
        let plain = if is_plain { url.as_str().parse().ok() } else { None };
        Ok(Destination { text: text.to_owned(), place: place(&url), url, plain })
    }

    /// Of the user and password in it.
    ///
    /// # Errors
    /// No header can carry them.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>, SendError> {
        let (username, password) = (self.url.username(), self.url.password());
        if username.is_empty() && password.is_none() {
            return Ok(None);
        }
        super::basic(&decoded(username), &decoded(password.unwrap_or_default())).map(Some)
    }

    /// Name or address as it stands there.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Its own, or the scheme's.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }
}

/// What percent signs stand for; the parser of forms does it, for whom a plus and an ampersand mean more.
fn decoded(text: &str) -> Zeroizing<String> {
    let form = Zeroizing::new(format!("={}", text.replace('+', "%2B").replace('&', "%26")));
    let value = url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned());
    Zeroizing::new(value.unwrap_or_default())
}

fn place(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}"));
    format!("{}{}", url.host_str().unwrap_or_default(), port.unwrap_or_default())
}
