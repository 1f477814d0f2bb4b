//! OAuth 2 tokens by client credentials: fetched when needed, kept until shortly before they expire.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::error::{SendError, SendErrorKind};
use super::{HttpClient, Limits, Request, Response};
use crate::guard::Guard;
use crate::http_config::{Auth, HttpConfig, OAuth2};
use crate::secret::{Secret, SecretText};

/// A token counts as expired this long before it is, so that it does not expire on its way.
const EARLY: Duration = Duration::from_secs(10);

/// For one token request; the deadline of the request that needs the token holds as well.
const FETCH: Duration = Duration::from_secs(30);

/// Gives the `Authorization` value that is good now.
pub(super) struct TokenSource {
    settings: OAuth2,
    /// Credentials in the header, as RFC 6749 asks servers to understand.
    by_header: Box<HttpClient>,
    /// Credentials in the form, for servers that understand only that.
    by_form: Box<HttpClient>,
    /// Locked while fetching, so that one token is fetched once.
    cached: Mutex<Option<Token>>,
}

struct Token {
    header: SecretText,
    /// `None`: never.
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Option<ExpiresIn>,
}

/// Seconds; some servers write them as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum ExpiresIn {
    Number(f64),
    Text(String),
}

impl TokenSource {
    pub(super) fn new(settings: &OAuth2, limits: Limits, guard: &Arc<Guard>) -> Result<TokenSource, SendError> {
        let plain = HttpConfig { tls: settings.tls.clone(), proxy: settings.proxy.clone(), ..HttpConfig::default() };
        let basic = Auth::Basic {
            username: Secret::inline(form_encode(&settings.client_id)),
            password: match &settings.client_secret {
                Secret::Inline(text) => Secret::inline(form_encode(text)),
                file => file.clone(),
            },
        };
        let by_header = HttpConfig { auth: basic, ..plain.clone() };
        Ok(TokenSource {
            settings: settings.clone(),
            by_header: Box::new(HttpClient::guarded(&by_header, limits, guard)?),
            by_form: Box::new(HttpClient::guarded(&plain, limits, guard)?),
            cached: Mutex::new(None),
        })
    }

    /// `Bearer …`, from the cache or fetched now.
    pub(super) async fn header(&self, now: Timestamp) -> Result<SecretText, SendError> {
        let mut cached = self.cached.lock().await;
        if let Some(token) = cached.as_ref().filter(|token| token.is_good(now)) {
            return Ok(token.header.clone());
        }
        let token = self.fetch(now).await?;
        let header = token.header.clone();
        *cached = Some(token);
        Ok(header)
    }

    /// Drops the token: the server it was for refused it.
    pub(super) async fn forget(&self) {
        *self.cached.lock().await = None;
    }

    async fn fetch(&self, now: Timestamp) -> Result<Token, SendError> {
        let mut answer = Box::pin(self.by_header.send(self.request(false).await?, FETCH, now)).await?;
        if matches!(answer.status.as_u16(), 400 | 401) {
            answer = Box::pin(self.by_form.send(self.request(true).await?, FETCH, now)).await?;
        }
        Token::read(&answer, now)
    }

    async fn request(&self, credentials_in_form: bool) -> Result<Request, SendError> {
        let OAuth2 { client_id, client_secret, token_url, scopes, endpoint_params, .. } = &self.settings;
        let mut pairs = vec![("grant_type".to_owned(), SecretText::from("client_credentials"))];
        if !scopes.is_empty() {
            pairs.push(("scope".to_owned(), scopes.join(" ").into()));
        }
        for (name, value) in endpoint_params {
            pairs.push((name.clone(), value.read().await?));
        }
        if credentials_in_form {
            pairs.push(("client_id".to_owned(), client_id.as_str().into()));
            pairs.push(("client_secret".to_owned(), client_secret.read().await?));
        }
        let url = token_url.read().await?.to_string();
        // Made after the last wait: a serializer may not be held over one by a task that moves between threads.
        let pairs = pairs.iter().map(|(name, value)| (name, &**value));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        Ok(Request {
            method: Method::POST,
            url,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, content_type)]),
            body: body.into(),
        })
    }
}

impl Token {
    fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now.plus(EARLY) < expires_at)
    }

    fn read(answer: &Response, now: Timestamp) -> Result<Token, SendError> {
        let refused = |reason: String| SendError::new(SendErrorKind::Token, format!("no OAuth 2 token: {reason}"));
        if !answer.status.is_success() {
            return Err(refused(format!("the token server answered {}", answer.status)));
        }
        // The answer holds a token: its text is in no message.
        let token: TokenAnswer = serde_json::from_slice(&answer.body)
            .map_err(|_| refused("the token server's answer is not the JSON it should be".to_owned()))?;
        let seconds = match token.expires_in {
            Some(ExpiresIn::Number(seconds)) => Some(seconds),
            Some(ExpiresIn::Text(text)) => text.parse().ok(),
            None => None,
        };
        let lifetime = seconds.filter(|seconds| *seconds > 0.0).and_then(|s| Duration::try_from_secs_f64(s).ok());
        let scheme = match token.token_type.to_ascii_lowercase().as_str() {
            "" | "bearer" => "Bearer",
            _ => &token.token_type,
        };
        let header = SecretText::from([scheme, " ", &Zeroizing::new(token.access_token)].concat());
        Ok(Token { header, expires_at: lifetime.map(|lifetime| now.plus(lifetime)) })
    }
}

/// RFC 6749 wants id and secret form-encoded before they are put into the header.
fn form_encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
