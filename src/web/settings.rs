//! The web configuration file: TLS, users, headers and a rate limit, in the format of Prometheus' exporter toolkit.

mod tls;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::http::{HeaderName, HeaderValue};
use model::source::{Diagnostics, SourceFile};
use tracing::warn;
use yaml::{Decoder, Node};

use super::access::{self, Access};
use super::auth::Doorkeeper;
use super::tls::{Current, TlsFiles};
use crate::reload::Reloadable;
use crate::reload::files::FilePattern;

pub use self::tls::{ClientAuth, Pem, TlsSettings};

/// The headers that may be set, each with the values that it may have; no values: any.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// What the web configuration file says.
#[derive(Clone, Debug, Default)]
pub struct WebSettings {
    /// TLS, if the service speaks it.
    pub tls: Option<TlsSettings>,
    /// User to bcrypt hash; empty means everybody may come in.
    pub users: HashMap<String, String>,
    /// `http_server_config.http2: false`.
    pub http1_only: bool,
    /// `http_server_config.headers`: set on answers that do not say otherwise.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `rate_limit`, if there is one.
    pub rate_limit: Option<RateLimit>,
    /// `access`, which the exporter toolkit does not have: who may do what. Without it everybody who comes in may do everything.
    pub access: Option<Access>,
}

/// `rate_limit`: one request each `interval`, and `burst` of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Time in which one more request is allowed; never zero.
    pub interval: Duration,
    /// Most requests at the same time.
    pub burst: u32,
}

/// The web configuration in force. A reload changes who may come in and by which certificate.
pub struct WebFile {
    path: Option<PathBuf>,
    doorkeeper: Doorkeeper,
    tls: Option<Arc<TlsFiles>>,
}

impl WebFile {
    /// What was read from `path` and is in force.
    pub fn new(path: Option<PathBuf>, doorkeeper: Doorkeeper, tls: Option<Arc<TlsFiles>>) -> Self {
        Self { path, doorkeeper, tls }
    }
}

impl Reloadable for WebFile {
    fn prepare(&self) -> anyhow::Result<Box<dyn FnOnce() + Send>> {
        let settings = WebSettings::load(self.path.as_deref())?;
        let tls = settings.tls.clone();
        if tls.is_some() != self.tls.is_some() {
            warn!("the web configuration turns TLS on or off: that takes a restart");
        }
        let changed = match (self.tls.clone(), tls) {
            (Some(files), Some(tls)) => Some((files, Current::read(tls, settings.http1_only)?)),
            _ => None,
        };
        let doorkeeper = self.doorkeeper.clone();
        Ok(Box::new(move || {
            doorkeeper.adopt(settings);
            if let Some((files, current)) = changed {
                files.adopt(current);
            }
        }))
    }

    fn files(&self) -> Vec<FilePattern> {
        self.path.iter().cloned().chain(self.doorkeeper.files()).map(FilePattern::Path).collect()
    }
}

impl WebSettings {
    /// Reads the file; no file means no TLS and no users.
    ///
    /// # Errors
    /// The file cannot be read, or every mistake found in it.
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = SourceFile::new(path.display().to_string(), text);
        let base = path.parent().unwrap_or(Path::new(""));
        let (settings, warnings) = Self::parse(&file, base).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
        for warning in warnings.iter() {
            warn!(file = %path.display(), "{}", warning.message);
        }
        Ok(settings)
    }

    fn parse(file: &SourceFile, base: &Path) -> Result<(Self, Diagnostics), Diagnostics> {
        let decoder = Decoder::new(file);
        let settings = decoder.first_document().map(|root| read(&root, &decoder, base));
        // An empty file asks for nothing.
        let settings = settings.or_else(|| (!decoder.has_errors()).then(Self::default));
        decoder.finish(settings).map_err(|mistakes| without_excerpts(&mistakes))
    }
}

/// A line of this file may hold the hash of a password, or a password by mistake.
fn without_excerpts(mistakes: &Diagnostics) -> Diagnostics {
    let mut shown = Diagnostics::new();
    mistakes.iter().for_each(|mistake| shown.push(mistake.clone().without_excerpt()));
    shown
}

fn read(root: &Node, decoder: &Decoder, base: &Path) -> WebSettings {
    let mut settings = WebSettings::default();
    if root.is_null() {
        return settings;
    }
    let Some(mut fields) = decoder.mapping(root, "a web configuration") else { return settings };
    settings.tls = fields.optional("tls_server_config").node().and_then(|node| tls::read(node, decoder, base));
    if let Some(mut http) =
        fields.optional("http_server_config").node().and_then(|node| decoder.mapping(node, "http_server_config"))
    {
        settings.http1_only = http.optional("http2").boolean().is_some_and(|http2| !http2.value);
        let headers = http.optional("headers").node().filter(|node| !node.is_null());
        settings.headers = headers.map(|node| read_headers(node, decoder)).unwrap_or_default();
        http.finish();
    }
    for (user, hash) in fields.optional("basic_auth_users").secret().string_map().unwrap_or_default() {
        if hash.value.parse::<bcrypt::HashParts>().is_err() {
            decoder
                .error(hash.span, format!("the password of user {:?} is not a bcrypt hash", user.value))
                .without_excerpt()
                .hint("make one with: htpasswd -nBC 10 \"\"");
        }
        settings.users.insert(user.value, hash.value);
    }
    settings.rate_limit = fields.optional("rate_limit").node().and_then(|node| read_rate_limit(node, decoder));
    let verifies = settings.tls.as_ref().is_some_and(|tls| tls.client_auth.is_verified());
    let access = fields.optional("access").node();
    settings.access = access.and_then(|node| access::read(node, decoder, base, &settings.users, verifies));
    fields.finish();
    settings
}

fn read_headers(node: &Node, decoder: &Decoder) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    let Some(mut fields) = decoder.mapping(node, "headers") else { return headers };
    for (name, allowed) in HEADERS {
        let Some(value) = fields.optional(name).string().filter(|value| !value.value.is_empty()) else { continue };
        if !allowed.is_empty() && !allowed.contains(&value.value.as_str()) {
            decoder.error(value.span, format!("{name} may only be {}", allowed.join(" or ")));
            continue;
        }
        match HeaderValue::from_str(&value.value) {
            Ok(content) => headers.push((HeaderName::from_bytes(name.as_bytes()).expect("a known name"), content)),
            Err(error) => drop(decoder.error(value.span, format!("{name} cannot have this value: {error}"))),
        }
    }
    fields.finish();
    headers
}

fn read_rate_limit(node: &Node, decoder: &Decoder) -> Option<RateLimit> {
    let mut fields = decoder.mapping(node, "rate_limit")?;
    let interval = fields.optional("interval").parse_with(model::duration::parse_duration);
    let burst = fields.optional("burst").integer_in(0..=i64::from(u32::MAX));
    if let (Some(interval), None) = (&interval, &burst)
        && !interval.value.is_zero()
    {
        decoder
            .error(interval.span, "a rate limit without burst lets nobody in")
            .hint("burst is how many requests may come at once");
    }
    if let Some(burst) = burst.as_ref().filter(|burst| burst.value == 0) {
        decoder.error(burst.span, "a burst of 0 lets nobody in");
    }
    fields.finish();
    let interval = interval.map(|interval| interval.value).filter(|interval| !interval.is_zero())?;
    Some(RateLimit { interval, burst: u32::try_from(burst?.value).unwrap_or(u32::MAX) })
}

/// The files that settings were made of, so that it can be seen when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(std::time::SystemTime, u64)>>);

impl Stamp {
    /// How the files are now.
    pub(super) fn of<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let seen = |path: &Path| {
            let meta = std::fs::metadata(path).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        };
        Self(paths.into_iter().map(seen).collect())
    }
}

#[cfg(test)]
mod tests;
