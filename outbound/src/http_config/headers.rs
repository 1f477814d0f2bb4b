//! `http_headers`: headers added to every request.

use std::path::Path;

use reqwest::header::{HeaderName, HeaderValue};
use yaml::{Decoder, Field, Node};

use crate::secret::{Secret, resolve_path};

/// A header and where its values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its values; each makes a header line of its own.
    pub values: Vec<HeaderValueSource>,
}

/// A header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValueSource {
    /// Not secret.
    Plain(HeaderValue),
    /// Secret, inline or in a file. Not carried to another host by a redirect.
    Secret(Secret),
}

/// Headers that belong to authentication, to the connection or to the message, which have keys of their own or are
/// set by us.
const RESERVED: [&str; 18] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

pub(super) fn decode(field: Field<'_>, base: &Path) -> Vec<CustomHeader> {
    let headers = field.entries(|key, node, decoder| {
        let Ok(name) = HeaderName::from_bytes(key.text.as_bytes()) else {
            decoder.error(key.span, format!("{:?} is not the name of a header", key.text));
            return None;
        };
        if RESERVED.contains(&name.as_str()) {
            let report = decoder.error(key.span, format!("header {:?} cannot be set here", key.text));
            if name.as_str() == "authorization" {
                report.hint("use basic_auth, authorization or oauth2");
            }
            return None;
        }
        Some(CustomHeader { name, values: decode_values(node, decoder, base)? })
    });
    headers.unwrap_or_default()
}

fn decode_values(node: &Node, decoder: &Decoder, base: &Path) -> Option<Vec<HeaderValueSource>> {
    let mut fields = decoder.mapping(node, "a header, with values, secrets or files")?;
    let plain = fields.optional("values").sequence(|node, decoder| {
        let value = decoder.value(node).parse_with(HeaderValue::from_str)?;
        Some(HeaderValueSource::Plain(value.value))
    });
    let secrets = fields.optional("secrets").secret().sequence(|node, decoder| {
        let value = decoder.value(node).secret().string()?;
        if HeaderValue::from_str(&value.value).is_err() {
            decoder.error(value.span, "not usable as the value of a header").without_excerpt();
        }
        Some(HeaderValueSource::Secret(Secret::inline(value.value)))
    });
    let files = fields.optional("files").string_list().unwrap_or_default();
    let files = files.into_iter().map(|path| HeaderValueSource::Secret(Secret::File(resolve_path(base, &path.value))));
    fields.finish();
    Some(plain.into_iter().flatten().chain(secrets.into_iter().flatten()).chain(files).collect())
}
