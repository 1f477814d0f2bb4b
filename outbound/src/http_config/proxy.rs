//! The way out: no proxy, a fixed one, or the one the environment names.

use yaml::{Decoder, Fields};

use crate::secret::Secret;

/// Through which proxy requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Which server.
    pub server: ProxyServer,
    /// Hosts, domains, addresses and networks reached without it, separated by commas.
    pub no_proxy: String,
    /// Headers of the CONNECT request; values may be secrets.
    pub connect_headers: Vec<(String, Vec<Secret>)>,
}

/// The proxy server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyServer {
    /// None.
    #[default]
    Direct,
    /// This URL, which may carry a password; `http` is assumed if it has no scheme.
    Url(Secret),
    /// `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the environment.
    Environment,
}

/// Reads the proxy keys, which stand beside others in `http_config` and `oauth2`.
pub(super) fn decode(fields: &mut Fields<'_>, decoder: &Decoder) -> ProxyConfig {
    let url = fields.optional("proxy_url").secret().string().filter(|url| !url.value.is_empty());
    let environment = fields.optional("proxy_from_environment").boolean().is_some_and(|flag| flag.value);
    let no_proxy = fields.optional("no_proxy").string().filter(|list| !list.value.is_empty());
    let headers = fields.optional("proxy_connect_header").secret().entries(|key, value, decoder| {
        let values = decoder.value(value).secret().string_list()?;
        Some((key.text.to_string(), values.into_iter().map(|value| Secret::inline(value.value)).collect()))
    });
    let clash = |key: &str, message: &str| {
        decoder.error(fields.key_span(key).unwrap_or(fields.span()), message);
    };
    if environment && url.is_some() {
        clash("proxy_url", "\"proxy_url\" and \"proxy_from_environment\" exclude each other");
    }
    if environment && no_proxy.is_some() {
        clash("no_proxy", "with \"proxy_from_environment\", set NO_PROXY in the environment instead of \"no_proxy\"");
    }
    if !environment && url.is_none() && no_proxy.is_some() {
        clash("no_proxy", "\"no_proxy\" needs a \"proxy_url\"");
    }
    if !environment && url.is_none() && headers.is_some() {
        clash("proxy_connect_header", "\"proxy_connect_header\" needs \"proxy_url\" or \"proxy_from_environment\"");
    }
    if let Some(url) = &url
        && let Err(reason) = check(&url.value)
    {
        decoder.error(url.span, format!("not a usable proxy URL: {reason}")).without_excerpt();
    }
    ProxyConfig {
        server: match url {
            Some(url) => ProxyServer::Url(Secret::inline(url.value)),
            None if environment => ProxyServer::Environment,
            None => ProxyServer::Direct,
        },
        no_proxy: no_proxy.map(|list| list.value).unwrap_or_default(),
        connect_headers: headers.unwrap_or_default(),
    }
}

/// The URL of a proxy with its scheme, which may be left out.
pub(crate) fn with_scheme(text: &str) -> String {
    if text.contains("://") { text.to_owned() } else { format!("http://{text}") }
}

fn check(text: &str) -> Result<(), String> {
    let url = url::Url::parse(&with_scheme(text)).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" | "socks5" | "socks5h" => Ok(()),
        other => Err(format!("unsupported scheme {other:?}, expected http, https or socks5")),
    }
}
