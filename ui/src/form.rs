//! Forms that only our own pages send.
//!
//! Browsers say where a request comes from, in `Sec-Fetch-Site` or else in `Origin`: what another site sends is refused. Beside that
//! each form carries a token that only our pages hold, good for a day; it needs neither login nor cookie.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use ring::hmac;
use url::form_urlencoded;

/// A token is good for so long.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Clocks of a process that was started anew may be behind.
const AHEAD_MAX: Duration = Duration::from_secs(3600);

/// Signs the tokens of forms.
pub struct FormKey(hmac::Key);

impl FormKey {
    /// Of at least 16 bytes that nobody else knows.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// A token made now: `MILLISECONDS.SIGNATURE`.
    pub fn token(&self, now: Timestamp) -> String {
        let at = now.as_millis().to_string();
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, at.as_bytes()));
        format!("{at}.{signature}")
    }

    fn is_good(&self, token: &str, now: Timestamp) -> bool {
        let Some((at, signature)) = token.split_once('.') else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let Ok(made) = at.parse().map(Timestamp::from_millis) else { return false };
        hmac::verify(&self.0, at.as_bytes(), &signature).is_ok()
            && now < made.plus(LIFETIME)
            && made < now.plus(AHEAD_MAX)
    }
}

/// The key is a secret.
impl fmt::Debug for FormKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormKey")
    }
}

/// What a form sent, not looked at yet: [`Sent::fields`] checks where it comes from.
#[derive(Debug)]
pub struct Sent {
    headers: HeaderMap,
    body: Bytes,
}

/// The fields of a form of ours.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

/// Why a form is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Another site sent it.
    #[error("this form was sent from another site")]
    Foreign,
    /// No token, or one of another process.
    #[error("this form is too old: go back, load the page again and send it once more")]
    Stale,
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self { headers, body })
    }
}

impl Sent {
    /// The fields, once it is sure that a page of ours sent them. `external_url` is what we are called from outside.
    ///
    /// # Errors
    /// Another site sent them, or they carry no token of `key`.
    pub fn fields(&self, key: &FormKey, external_url: &str, now: Timestamp) -> Result<Fields, FormError> {
        if !is_ours(&self.headers, external_url) {
            return Err(FormError::Foreign);
        }
        let fields = Fields::read(&self.body);
        if key.is_good(fields.get("token").unwrap_or_default(), now) { Ok(fields) } else { Err(FormError::Stale) }
    }
}

fn own((name, value): (Cow<'_, str>, Cow<'_, str>)) -> (String, String) {
    (name.into_owned(), value.into_owned())
}

/// Whether the browser says that a page of ours sent it. Programs that say nothing need the token all the same.
fn is_ours(headers: &HeaderMap, external_url: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else { return true };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let of_url = |url: &str| url::Url::parse(url).ok().map(|url| url.origin().ascii_serialization());
    let called = authority.is_some() && authority == text(header::HOST);
    called || of_url(external_url).is_some_and(|ours| ours == origin)
}

impl Fields {
    /// Of a form as browsers send it.
    pub fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).map(own).collect())
    }

    /// The last value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The last value of a field, trimmed; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default().trim()
    }

    /// Every value of a field, in their order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

impl FormError {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        StatusCode::FORBIDDEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &[(&'static str, &str)], body: &str) -> Sent {
        let pairs = headers.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()));
        Sent { headers: pairs.collect(), body: Bytes::from(body.to_owned()) }
    }

    #[test]
    fn only_our_own_pages_send_forms() {
        let key = FormKey::new(b"0123456789abcdef");
        let now = Timestamp::from_secs(1_800_000_000);
        let body = format!("a=1&a=2&token={}", key.token(now));
        let take = |headers: &[(&'static str, &str)]| {
            sent(headers, &body).fields(&key, "https://w.example/am", now).map(|fields| fields.text("a").to_owned())
        };
        let taken = Ok("2".to_owned());
        assert_eq!(take(&[]), taken);
        assert_eq!(take(&[("sec-fetch-site", "same-origin"), ("origin", "https://proxy.example")]), taken);
        assert_eq!(take(&[("origin", "http://h:9093"), ("host", "h:9093")]), taken);
        assert_eq!(take(&[("origin", "https://w.example"), ("host", "internal")]), taken);
        for foreign in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site"), ("origin", "http://h"), ("host", "h")],
            &[("origin", "null"), ("host", "h")],
            &[("origin", "https://evil.example"), ("host", "h")],
        ] {
            assert_eq!(take(foreign), Err(FormError::Foreign), "{foreign:?}");
        }
    }

    #[test]
    fn tokens_are_ours_and_of_today() {
        let key = FormKey::new(b"0123456789abcdef");
        let made = Timestamp::from_secs(1_800_000_000);
        let token = key.token(made);
        assert!(key.is_good(&token, made) && key.is_good(&token, made.plus(LIFETIME - Duration::from_secs(1))));
        assert!(!key.is_good(&token, made.plus(LIFETIME)));
        assert!(!FormKey::new(b"another key of 16").is_good(&token, made));
        for bad in ["", ".", "x.y", "1800000000001.AAAA", &token.replacen('1', "2", 1)] {
            assert!(!key.is_good(bad, made), "{bad}");
        }
        let none = sent(&[], "a=1").fields(&key, "", made).map(drop);
        assert_eq!(none, Err(FormError::Stale));
    }
}
