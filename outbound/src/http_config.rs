//! `http_config` as meant: how to reach a server. Shared by receivers, queries, remote write and alert sending.
//!
//! Follows prometheus/common's `HTTPClientConfig`, with its defaults and its rules about what excludes what.

mod auth;
mod headers;
mod proxy;
mod tls;

use std::path::Path;

use yaml::{Decoder, Node};

pub use auth::{Auth, OAuth2};
pub use headers::{CustomHeader, HeaderValueSource};
pub(crate) use proxy::with_scheme as proxy_with_scheme;
pub use proxy::{ProxyConfig, ProxyServer};
pub use tls::{Pem, TlsConfig, TlsVersion};

/// How to reach a server over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Who we say we are.
    pub auth: Auth,
    /// Through which proxy.
    pub proxy: ProxyConfig,
    /// How the connection is secured.
    pub tls: TlsConfig,
    /// Whether to go where a 3xx answer points. Default true.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be negotiated. Default true.
    pub enable_http2: bool,
    /// Headers added to every request.
    pub headers: Vec<CustomHeader>,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            auth: Auth::None,
            proxy: ProxyConfig::default(),
            tls: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            headers: Vec::new(),
        }
    }
}

impl HttpConfig {
    /// Decodes an `http_config` mapping; relative file names start at `base`. `None` after a mistake, which the
    /// decoder has.
    pub fn decode(node: &Node, decoder: &Decoder, base: &Path) -> Option<HttpConfig> {
        let mut fields = decoder.mapping(node, "an HTTP configuration")?;
        let default = HttpConfig::default();
        let config = HttpConfig {
            auth: auth::decode(&mut fields, decoder, base),
            proxy: proxy::decode(&mut fields, decoder),
            tls: fields
                .optional("tls_config")
                .decode(|node, decoder| TlsConfig::decode(node, decoder, base))
                .unwrap_or_default(),
            follow_redirects: fields
                .optional("follow_redirects")
                .boolean()
                .map_or(default.follow_redirects, |flag| flag.value),
            enable_http2: fields.optional("enable_http2").boolean().map_or(default.enable_http2, |flag| flag.value),
            headers: headers::decode(fields.optional("http_headers"), base),
        };
        fields.finish();
        Some(config)
    }
}

/// Whether a text is an absolute `http` or `https` URL with a host. The reason never repeats the text, which may carry
/// a secret.
///
/// # Errors
/// Why it is not.
pub fn check_http_url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => "it must begin with http:// or https://".to_owned(),
        other => other.to_string(),
    })?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(()),
        "http" | "https" => Err("it has no host".to_owned()),
        other => Err(format!("unsupported scheme {other:?}, expected http or https")),
    }
}

#[cfg(test)]
mod tests;
