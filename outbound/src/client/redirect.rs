//! When to go where a 3xx answer points, and with what.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, LOCATION,
    PROXY_AUTHORIZATION,
};
use reqwest::{Method, StatusCode, Url};

use super::Response;
use super::destination::Destination;
use super::error::{SendError, SendErrorKind};
use crate::http_config::HttpConfig;

/// As Go's client.
pub(super) const REDIRECTS_MAX: usize = 10;

/// Headers that prove who we are; so does each that is marked as sensitive.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// A request on its way, which may lead on to another place.
pub(super) struct Hop {
    pub(super) destination: Arc<Destination>,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Where an answer leads.
pub(super) enum Lead {
    /// Nowhere: it is the answer.
    End,
    /// There.
    On(Hop),
    /// There, which would carry credentials or a body from https to http.
    Downgrade(SendError),
}

impl Hop {
    /// Follows an answer as Go's client does: 307 and 308 keep method and body, 301, 302 and 303 turn all but HEAD into GET.
    /// Another host, port or scheme never gets what proves who we are, and http after https nothing that does so or has
    /// a body.
    ///
    /// # Errors
    /// It points nowhere.
    pub(super) fn led_by(&self, response: &Response, config: &HttpConfig) -> Result<Lead, SendError> {
        let Some(location) = location(response) else { return Ok(Lead::End) };
        let from = &self.destination;
        let nowhere = || {
            let reason = format!("its answer {} has no usable Location", response.status);
            let message = format!("redirected too often or nowhere: {}: {reason}", from.place);
            SendError::new(SendErrorKind::Redirect, message)
        };
        let url = location.to_str().ok().and_then(|text| from.url.join(text).ok()).ok_or_else(nowhere)?;
        let to = Destination::read(url.as_str()).map_err(|_| nowhere())?;
        if from.url.scheme() == "https" && to.url.scheme() == "http" && self.says_something(config) {
            let message = format!(
                "a redirect from https to http was refused, as the request carries credentials or a body: from {} to {}; \
                 the far side has to point to https, or the address here to where it leads",
                from.place, to.place
            );
            return Ok(Lead::Downgrade(SendError::new(SendErrorKind::Redirect, message)));
        }
        let mut next = Hop {
            method: self.method.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            destination: Arc::new(to),
        };
        if !keeps_body(response.status) && self.method != Method::HEAD {
            (next.method, next.body) = (Method::GET, Bytes::new());
            [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING].iter().for_each(|name| drop(next.headers.remove(name)));
        }
        if next.destination.url.origin() != from.url.origin() {
            remove_credentials(&mut next.headers);
        }
        Ok(Lead::On(next))
    }

    /// Whether there is anything in it that is meant for the host it was addressed to.
    fn says_something(&self, config: &HttpConfig) -> bool {
        let is_own = |name: &HeaderName| config.headers.iter().any(|own| own.name == *name);
        let url = &self.destination.url;
        !self.body.is_empty()
            || has_userinfo(url)
            || self
                .headers
                .iter()
                .any(|(name, value)| CREDENTIALS.contains(name) || value.is_sensitive() || is_own(name))
    }
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn location(response: &Response) -> Option<&reqwest::header::HeaderValue> {
    let leads_on = matches!(
        response.status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    response.headers.get(LOCATION).filter(|_| leads_on)
}

fn keeps_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
}

/// Gone for the rest of the way, also where it leads back.
fn remove_credentials(headers: &mut HeaderMap) {
    let secret: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| CREDENTIALS.contains(name) || value.is_sensitive())
        .map(|(name, _)| name.clone())
        .collect();
    secret.iter().for_each(|name| drop(headers.remove(name)));
}
