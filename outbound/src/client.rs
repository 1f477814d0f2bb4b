//! A client made from an [`HttpConfig`]: one request, one deadline, one answer.

mod connector;
mod error;
mod redirect;
mod token;

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use model::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};

use crate::http_config::{Auth, HeaderValueSource, HttpConfig};
use crate::secret::Secret;
use connector::TlsMaterial;
pub use error::{SendError, SendErrorKind};
use token::TokenSource;

/// What bounds a client beside the deadline of each request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For name resolution, TCP, proxy and TLS together.
    pub connect: Duration,
    /// Longest answer that is kept, after decompression; the rest is cut off.
    pub body_bytes: usize,
}

impl Default for Limits {
    /// 10 s to connect, 64 KiB of answer: fit for receivers.
    fn default() -> Limits {
        Limits { connect: Duration::from_secs(10), body_bytes: 64 << 10 }
    }
}

/// A request. Its URL may carry a secret, so neither it nor an error about it prints the URL.
#[derive(Clone)]
pub struct Request {
    /// GET, POST, …
    pub method: Method,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Added to those of the configuration, which win.
    pub headers: HeaderMap,
    /// Possibly empty.
    pub body: Bytes,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} <secret>, {} bytes", self.method, self.body.len())
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed, up to [`Limits::body_bytes`].
    pub body: Bytes,
    /// Whether the body was longer than that.
    pub truncated: bool,
}

/// How many idle connections to one host are kept.
const IDLE_CONNECTIONS_MAX: usize = 32;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);

/// Sends requests as an [`HttpConfig`] says. Keeps its connections, so make one per configuration and keep it.
///
/// Files of secrets, certificates and keys are read again at each request, so they can be rotated at any time.
pub struct HttpClient {
    config: HttpConfig,
    limits: Limits,
    /// Built at first use, again when a certificate file changed.
    built: Mutex<Option<Built>>,
    tokens: Option<TokenSource>,
}

#[derive(Clone)]
struct Built {
    client: reqwest::Client,
    material: TlsMaterial,
}

impl HttpClient {
    /// A client for a configuration. Needs no runtime yet.
    ///
    /// # Errors
    /// A certificate, key or authority cannot be read or used.
    pub fn new(config: &HttpConfig, limits: Limits) -> Result<HttpClient, SendError> {
        let tokens = match &config.auth {
            Auth::OAuth2(oauth2) => Some(TokenSource::new(oauth2, limits)?),
            _ => None,
        };
        let client = HttpClient { config: config.clone(), limits, built: Mutex::new(None), tokens };
        if !TlsMaterial::is_none(&config.tls) {
            let material = TlsMaterial::read_blocking(&config.tls)?;
            client.build(material)?;
        }
        Ok(client)
    }

    /// The configuration it was made for.
    pub fn config(&self) -> &HttpConfig {
        &self.config
    }

    /// Sends one request and waits for the whole answer; redirects are followed if the configuration says so. `now` is
    /// only used to tell whether an OAuth 2 token is still good.
    ///
    /// # Errors
    /// There was no answer: see [`SendErrorKind`]. A status such as 500 is an answer, not an error.
    pub async fn send(&self, request: Request, deadline: Duration, now: Timestamp) -> Result<Response, SendError> {
        match tokio::time::timeout(deadline, self.attempt(request, now)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(SendError::timeout(deadline)),
        }
    }

    async fn attempt(&self, request: Request, now: Timestamp) -> Result<Response, SendError> {
        let url = error::parse_url(&request.url)?;
        let client = self.current_client().await?;
        let mut headers = request.headers;
        self.add_custom_headers(&mut headers).await?;
        let place = error::place(&url);
        // who says who it is by itself is believed, as in Prometheus' client: two headers would confuse the far side
        let is_authorized = headers.contains_key(AUTHORIZATION);
        let builder = client.request(request.method, url).headers(headers).body(request.body);
        let builder = if is_authorized { builder } else { self.authenticate(builder, now).await? };
        let request = builder.build().map_err(|error| SendError::from_reqwest(&error, &place))?;
        let secrets = secrets_in(request.headers());
        let response = client.execute(request).await.map_err(|error| SendError::from_reqwest(&error, &place))?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(tokens) = &self.tokens
        {
            tokens.forget().await;
        }
        let mut response = self.receive(response, &place).await?;
        if !response.status.is_success() {
            response.body = without(&response.body, &secrets);
        }
        Ok(response)
    }

    /// The client with the certificates as they are now.
    async fn current_client(&self) -> Result<reqwest::Client, SendError> {
        let built = self.built().clone();
        match built {
            Some(built) if !self.config.tls.has_files() => Ok(built.client),
            built => {
                let material = TlsMaterial::read(&self.config.tls).await?;
                match built {
                    Some(built) if built.material == material => Ok(built.client),
                    _ => self.build(material),
                }
            }
        }
    }

    fn built(&self) -> std::sync::MutexGuard<'_, Option<Built>> {
        self.built.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn build(&self, material: TlsMaterial) -> Result<reqwest::Client, SendError> {
        let HttpConfig { tls, proxy, enable_http2, .. } = &self.config;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(connector::client_config(tls, &material, *enable_http2)?)
            .user_agent(concat!("Watchfire/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.limits.connect)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .referer(false)
            .redirect(redirect::policy(&self.config))
            .no_proxy();
        for proxy in connector::proxies(proxy)? {
            builder = builder.proxy(proxy);
        }
        if !enable_http2 {
            builder = builder.http1_only();
        }
        let client = builder.build().map_err(|error| SendError::from_reqwest(&error, "the HTTP client"))?;
        *self.built() = Some(Built { client: client.clone(), material });
        Ok(client)
    }

    async fn add_custom_headers(&self, headers: &mut HeaderMap) -> Result<(), SendError> {
        for header in &self.config.headers {
            headers.remove(&header.name);
            for source in &header.values {
                let value = match source {
                    HeaderValueSource::Plain(value) => value.clone(),
                    HeaderValueSource::Secret(secret) => secret_header(&secret.read().await?)?,
                };
                headers.append(header.name.clone(), value);
            }
        }
        Ok(())
    }

    async fn authenticate(&self, builder: RequestBuilder, now: Timestamp) -> Result<RequestBuilder, SendError> {
        match (&self.config.auth, &self.tokens) {
            (Auth::Basic { username, password }, _) => {
                Ok(builder.basic_auth(username.read().await?, Some(password.read().await?)))
            }
            (Auth::Authorization { scheme, credentials }, _) => bearer(builder, scheme, credentials).await,
            (Auth::OAuth2(_), Some(tokens)) => {
                Ok(builder.header(AUTHORIZATION, secret_header(&tokens.header(now).await?)?))
            }
            (Auth::None | Auth::OAuth2(_), _) => Ok(builder),
        }
    }

    async fn receive(&self, mut response: reqwest::Response, place: &str) -> Result<Response, SendError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        let mut truncated = false;
        while let Some(chunk) = response.chunk().await.map_err(|error| SendError::from_reqwest(&error, place))? {
            let room = self.limits.body_bytes - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                truncated = true;
                break;
            }
        }
        Ok(Response { status, headers, body: body.into(), truncated })
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").field("config", &self.config).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Shortest text that is taken for a secret: shorter ones are words of the answer too.
const SECRET_LEN_MIN: usize = 6;

/// What we sent and nobody is to read in a refusal that repeats it: sensitive headers, with and without their scheme.
fn secrets_in(headers: &HeaderMap) -> Vec<String> {
    let values = headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok());
    let both = values.flat_map(|value| [Some(value), value.split_once(' ').map(|(_, rest)| rest)]).flatten();
    both.filter(|text| text.len() >= SECRET_LEN_MIN).map(str::to_owned).collect()
}

fn without(body: &Bytes, secrets: &[String]) -> Bytes {
    match std::str::from_utf8(body) {
        Ok(text) if secrets.iter().any(|secret| text.contains(secret)) => {
            secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, crate::secret::SHOWN)).into()
        }
        _ => body.clone(),
    }
}

async fn bearer(builder: RequestBuilder, scheme: &str, credentials: &Secret) -> Result<RequestBuilder, SendError> {
    let credentials = credentials.read().await?;
    if credentials.is_empty() {
        return Ok(builder);
    }
    Ok(builder.header(AUTHORIZATION, secret_header(&format!("{scheme} {credentials}"))?))
}

fn secret_header(text: &str) -> Result<HeaderValue, SendError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| SendError::new(SendErrorKind::Secret, "a secret has characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
