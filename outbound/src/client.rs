//! A client made from an [`HttpConfig`]: one request, one deadline, one answer.

mod body;
mod connector;
mod destination;
mod error;
mod plain;
mod redirect;
mod token;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use bytes::Bytes;
use model::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use zeroize::Zeroizing;

use crate::guard::{Guard, GuardedResolver};
use crate::http_config::{Auth, HeaderValueSource, HttpConfig};
use crate::secret::Secret;
use body::Gathered;
use connector::TlsMaterial;
pub use connector::secured;
use destination::Destination;
pub use error::{SendError, SendErrorKind};
use plain::Plain;
use redirect::{Hop, Lead, REDIRECTS_MAX};
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

/// What we call ourselves.
const NAME: &str = concat!("Watchfire/", env!("CARGO_PKG_VERSION"));

/// How many idle connections to one host are kept: as many as there are queries to a source under way at most.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);

/// Sends requests as an [`HttpConfig`] says. Keeps its connections, so make one per configuration and keep it.
///
/// Files of secrets, certificates and keys are read again at each request, so they can be rotated at any time.
pub struct HttpClient {
    config: HttpConfig,
    limits: Limits,
    guard: Arc<Guard>,
    /// Whether requests may go through a proxy, which resolves names by itself.
    is_proxied: bool,
    /// Built at first use, again when a certificate file changed.
    built: Mutex<Option<Built>>,
    /// The short way, where the configuration leaves it open.
    plain: Option<Plain>,
    /// Where the last request went: the next one often goes there too.
    last: Mutex<Option<Arc<Destination>>>,
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
        HttpClient::guarded(config, limits, &Arc::default())
    }

    /// The same, and it reaches only what a guard allows.
    ///
    /// # Errors
    /// As above; or the proxy is not allowed.
    pub fn guarded(config: &HttpConfig, limits: Limits, guard: &Arc<Guard>) -> Result<HttpClient, SendError> {
        let tokens = match &config.auth {
            Auth::OAuth2(oauth2) => Some(TokenSource::new(oauth2, limits, guard)?),
            _ => None,
        };
        let plain = plain::is_open(config).then(|| Plain::new(limits, guard));
        let (built, last) = (Mutex::new(None), Mutex::new(None));
        let is_proxied = connector::is_proxied(&config.proxy);
        let (config, guard) = (config.clone(), guard.clone());
        let client = HttpClient { config, limits, guard, is_proxied, built, plain, last, tokens };
        if !TlsMaterial::is_none(&client.config.tls) {
            let material = TlsMaterial::read_blocking(&client.config.tls)?;
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
        let destination = self.destination(&request.url)?;
        let Request { method, mut headers, body, .. } = request;
        self.add_custom_headers(&mut headers).await?;
        // who says who it is by itself is believed, as in Prometheus' client: two headers would confuse the far side
        if !headers.contains_key(AUTHORIZATION)
            && let Some(authorization) = self.authorization(now).await?
        {
            headers.insert(AUTHORIZATION, authorization);
        }
        // ours like any other, so that it is hidden and dropped like any other
        if !headers.contains_key(AUTHORIZATION)
            && let Some(authorization) = destination.authorization()?
        {
            headers.insert(AUTHORIZATION, authorization);
        }
        let mut hop = Hop { destination, method, headers, body };
        let mut response = self.answer(&hop).await?;
        for _ in 0..REDIRECTS_MAX {
            let Some(next) = self.lead(&hop, &response)? else { break };
            hop = next;
            response = self.answer(&hop).await?;
        }
        if self.lead(&hop, &response)?.is_some() {
            let message = format!(
                "redirected too often or nowhere: {}: more than {REDIRECTS_MAX} redirects",
                hop.destination.place
            );
            return Err(SendError::new(SendErrorKind::Redirect, message));
        }
        if response.status == StatusCode::UNAUTHORIZED
            && let Some(tokens) = &self.tokens
        {
            tokens.forget().await;
        }
        if !response.status.is_success() {
            response.body = without(&response.body, &secrets_in(&hop.headers));
        }
        Ok(response)
    }

    /// The next request, if an answer points elsewhere and the configuration says to go there.
    fn lead(&self, hop: &Hop, response: &Response) -> Result<Option<Hop>, SendError> {
        if !self.config.follow_redirects {
            return Ok(None);
        }
        match hop.led_by(response, &self.config)? {
            Lead::End => Ok(None),
            Lead::On(next) => Ok(Some(next)),
            Lead::Downgrade(error) => {
                self.guard.refused_redirect();
                Err(error)
            }
        }
    }

    /// One request's own answer, on the short way where that leads there.
    async fn answer(&self, hop: &Hop) -> Result<Response, SendError> {
        let Hop { destination, method, headers, body } = hop;
        self.guard.check(destination.host(), destination.port(), self.is_proxied)?;
        if let (Some(plain), Some(uri)) = (&self.plain, &destination.plain) {
            let answered = plain.send(method.clone(), uri.clone(), headers.clone(), body.clone(), &destination.place);
            return answered.await;
        }
        let client = self.current_client().await?;
        let failed = |error| SendError::from_reqwest(&error, &destination.place);
        let request = client.request(method.clone(), destination.url.clone());
        let request = request.headers(headers.clone()).body(body.clone()).build().map_err(failed)?;
        let response = client.execute(request).await.map_err(failed)?;
        self.receive(response, &destination.place).await
    }

    fn destination(&self, url: &str) -> Result<Arc<Destination>, SendError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.text == url) {
            return Ok(Arc::clone(last));
        }
        let destination = Arc::new(Destination::read(url)?);
        *last = Some(Arc::clone(&destination));
        Ok(destination)
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
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build(&self, material: TlsMaterial) -> Result<reqwest::Client, SendError> {
        let HttpConfig { tls, proxy, enable_http2, .. } = &self.config;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(connector::client_config(tls, &material, *enable_http2)?)
            .user_agent(NAME)
            .connect_timeout(self.limits.connect)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .referer(false)
            .redirect(Policy::none())
            .no_proxy();
        if !self.guard.allows_all() {
            connector::check_proxies(proxy, &self.guard)?;
            builder = builder.dns_resolver(Arc::new(GuardedResolver(self.guard.clone())));
        }
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

    async fn authorization(&self, now: Timestamp) -> Result<Option<HeaderValue>, SendError> {
        match (&self.config.auth, &self.tokens) {
            (Auth::Basic { username, password }, _) => {
                basic(&username.read().await?, &password.read().await?).map(Some)
            }
            (Auth::Authorization { scheme, credentials }, _) => bearer(scheme, credentials).await,
            (Auth::OAuth2(_), Some(tokens)) => secret_header(&tokens.header(now).await?).map(Some),
            (Auth::None | Auth::OAuth2(_), _) => Ok(None),
        }
    }

    async fn receive(&self, mut response: reqwest::Response, place: &str) -> Result<Response, SendError> {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut gathered = Gathered::new(self.limits.body_bytes);
        while let Some(chunk) = response.chunk().await.map_err(|error| SendError::from_reqwest(&error, place))? {
            if gathered.is_full_with(chunk) {
                break;
            }
        }
        let (body, truncated) = gathered.finish();
        Ok(Response { status, headers, body, truncated })
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

async fn bearer(scheme: &str, credentials: &Secret) -> Result<Option<HeaderValue>, SendError> {
    let credentials = credentials.read().await?;
    if credentials.is_empty() {
        return Ok(None);
    }
    secret_header(&Zeroizing::new([scheme, " ", &*credentials].concat())).map(Some)
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, SendError> {
    let credentials = Zeroizing::new([username, ":", password].concat());
    let encoded = Zeroizing::new(STANDARD.encode(credentials.as_bytes()));
    secret_header(&Zeroizing::new(["Basic ", &*encoded].concat()))
}

fn secret_header(text: &str) -> Result<HeaderValue, SendError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| SendError::new(SendErrorKind::Secret, "a secret has characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
