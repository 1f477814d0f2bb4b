//! HTTP client options that stand beside other keys of a section, as in `alertmanagers` and `remote_write`.

use std::path::Path;

use model::source::Spanned;
use outbound::HttpConfig;
use outbound::http_config::check_http_url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use yaml::{Decoder, Field, Fields, Kind, Node};

/// The keys that make up an [`HttpConfig`].
pub(super) const KEYS: [&str; 13] = [
    "basic_auth",
    "authorization",
    "oauth2",
    "bearer_token",
    "bearer_token_file",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
    "tls_config",
    "follow_redirects",
    "enable_http2",
    "http_headers",
];

/// Ways to authenticate that Prometheus knows and Watchfire does not.
const CLOUD_AUTH: [&str; 3] = ["sigv4", "azuread", "google_iam"];

/// Reads the HTTP client options among the fields of `node`.
pub(super) fn decode(node: &Node, fields: &mut Fields<'_>, decoder: &Decoder, base: &Path) -> HttpConfig {
    fields.ignore(&KEYS);
    for key in CLOUD_AUTH {
        if let Some(span) = fields.key_span(key) {
            decoder
                .error(span, format!("{key:?} is not supported yet"))
                .hint("put a proxy that signs requests in between, or use oauth2 or authorization");
            fields.ignore(&[key]);
        }
    }
    let of_client = node.as_mapping().unwrap_or_default().iter().filter(|(key, _)| KEYS.contains(&key.text.as_str()));
    let client = Node { span: node.span, kind: Kind::Mapping(of_client.cloned().collect()) };
    HttpConfig::decode(&client, decoder, base).unwrap_or_default()
}

/// Reads an absolute `http` or `https` URL. Messages never show it: it may hold a password.
pub(super) fn decode_url(field: Field<'_>, decoder: &Decoder) -> Option<Spanned<String>> {
    let url = field.secret().string()?;
    if let Err(reason) = check_http_url(&url.value) {
        decoder.error(url.span, format!("not a usable URL: {reason}")).without_excerpt();
        return None;
    }
    Some(url)
}

/// Reads plain `headers`. Those that belong to the protocol or to authentication cannot be set.
pub(super) fn decode_headers(field: Field<'_>, reserved: &[&str]) -> HeaderMap {
    let headers = field.secret().entries(|key, value, decoder| {
        let Ok(name) = HeaderName::from_bytes(key.text.as_bytes()) else {
            decoder.error(key.span, format!("{:?} is not the name of a header", key.text));
            return None;
        };
        if name == "authorization" || reserved.contains(&name.as_str()) {
            let report = decoder.error(key.span, format!("header {:?} cannot be set here", key.text));
            if name == "authorization" {
                report.hint("use basic_auth, authorization or oauth2");
            }
            return None;
        }
        let text = decoder.value(value).secret().string()?;
        let Ok(mut value) = HeaderValue::from_str(&text.value) else {
            decoder.error(text.span, "not usable as the value of a header").without_excerpt();
            return None;
        };
        value.set_sensitive(true);
        Some((name, value))
    });
    headers.unwrap_or_default().into_iter().collect()
}
