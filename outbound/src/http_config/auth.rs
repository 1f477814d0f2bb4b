//! Authentication towards a server: basic, a fixed token, or OAuth 2 client credentials.

use std::path::Path;

use yaml::{Decoder, Fields, Node, Span};

use super::proxy::{self, ProxyConfig};
use super::tls::TlsConfig;
use crate::secret::{Secret, decode_secret, resolve_path};

/// Who we say we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Nobody.
    #[default]
    None,
    /// `Authorization: Basic …`.
    Basic {
        /// The name; from a file if `username_file` is used.
        username: Secret,
        /// The password; empty if left out.
        password: Secret,
    },
    /// `Authorization: <scheme> <credentials>`.
    Authorization {
        /// Usually `Bearer`.
        scheme: String,
        /// What stands behind it.
        credentials: Secret,
    },
    /// A token fetched with client credentials.
    OAuth2(Box<OAuth2>),
}

/// OAuth 2 client credentials (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// The client's id.
    pub client_id: String,
    /// The client's secret; empty if left out.
    pub client_secret: Secret,
    /// Where tokens are fetched; may carry credentials, so never shown.
    pub token_url: Secret,
    /// What the token is to be good for.
    pub scopes: Vec<String>,
    /// Further form fields of the token request.
    pub endpoint_params: Vec<(String, Secret)>,
    /// How the connection to the token server is secured; not inherited from the surrounding configuration.
    pub tls: TlsConfig,
    /// The way to the token server; not inherited either.
    pub proxy: ProxyConfig,
}

/// Reads `basic_auth`, `authorization`, `oauth2` and the old `bearer_token(_file)`, at most one of them.
pub(super) fn decode(fields: &mut Fields<'_>, decoder: &Decoder, base: &Path) -> Auth {
    let basic = fields.optional("basic_auth");
    let authorization = fields.optional("authorization");
    let oauth2 = fields.optional("oauth2");
    let given = |field: &yaml::Field<'_>| field.node().is_some();
    let kinds = [
        ("basic_auth", given(&basic)),
        ("authorization", given(&authorization)),
        ("oauth2", given(&oauth2)),
        ("bearer_token", fields.contains("bearer_token") || fields.contains("bearer_token_file")),
    ];
    let bearer = decode_secret(fields, decoder, base, ("bearer_token", "bearer_token_file"));
    let used: Vec<&str> = kinds.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if used.len() > 1 {
        let last = used.iter().filter_map(|name| fields.key_span(name)).max().unwrap_or(fields.span());
        decoder.error(last, format!("{} exclude each other", used.join(" and "))).hint("keep one of them");
    }
    let basic = basic.decode(|node, decoder| decode_basic(node, decoder, base));
    let authorization = authorization.decode(|node, decoder| decode_authorization(node, decoder, base));
    let oauth2 = oauth2.decode(|node, decoder| decode_oauth2(node, decoder, base));
    let bearer = bearer.map(|credentials| Auth::Authorization { scheme: "Bearer".to_owned(), credentials });
    basic.or(authorization).or(oauth2).or(bearer).unwrap_or_default()
}

fn decode_basic(node: &Node, decoder: &Decoder, base: &Path) -> Option<Auth> {
    let mut fields = decoder.mapping(node, "a basic_auth section")?;
    let name = fields.optional("username").string();
    let name_file = fields.optional("username_file").string();
    let password = decode_secret(&mut fields, decoder, base, ("password", "password_file"));
    if name.is_some() && name_file.is_some() {
        let span = fields.key_span("username_file").unwrap_or(fields.span());
        decoder.error(span, "both \"username\" and \"username_file\" are given").hint("keep one of them");
    }
    fields.finish();
    let username = match (name, name_file) {
        (Some(name), _) => Secret::inline(name.value),
        (None, Some(path)) => Secret::File(resolve_path(base, &path.value)),
        (None, None) => Secret::inline(""),
    };
    Some(Auth::Basic { username, password: password.unwrap_or_else(|| Secret::inline("")) })
}

fn decode_authorization(node: &Node, decoder: &Decoder, base: &Path) -> Option<Auth> {
    let mut fields = decoder.mapping(node, "an authorization section")?;
    let scheme = fields.optional("type").string();
    let credentials = decode_secret(&mut fields, decoder, base, ("credentials", "credentials_file"));
    fields.finish();
    if let Some(scheme) = &scheme
        && scheme.value.trim().eq_ignore_ascii_case("basic")
    {
        decoder.error(scheme.span, "the authorization type cannot be basic").hint("use basic_auth");
    }
    let scheme = scheme.map(|scheme| scheme.value.trim().to_owned()).filter(|scheme| !scheme.is_empty());
    let scheme = scheme.unwrap_or_else(|| "Bearer".to_owned());
    Some(Auth::Authorization { scheme, credentials: credentials.unwrap_or_else(|| Secret::inline("")) })
}

fn decode_oauth2(node: &Node, decoder: &Decoder, base: &Path) -> Option<Auth> {
    let mut fields = decoder.mapping(node, "an oauth2 section")?;
    let client_id = fields.required("client_id").string();
    let client_secret = decode_secret(&mut fields, decoder, base, ("client_secret", "client_secret_file"));
    let token_url = fields.required("token_url").string();
    let scopes = fields.optional("scopes").string_list().unwrap_or_default();
    let params = fields.optional("endpoint_params").secret().string_map().unwrap_or_default();
    let tls = fields.optional("tls_config").decode(|node, decoder| TlsConfig::decode(node, decoder, base));
    let proxy = proxy::decode(&mut fields, decoder);
    fields.finish();
    let token_url = token_url?;
    check_url(decoder, token_url.span, &token_url.value);
    Some(Auth::OAuth2(Box::new(OAuth2 {
        client_id: client_id?.value,
        client_secret: client_secret.unwrap_or_else(|| Secret::inline("")),
        token_url: Secret::inline(token_url.value),
        scopes: scopes.into_iter().map(|scope| scope.value).collect(),
        endpoint_params: params.into_iter().map(|(name, value)| (name.value, Secret::inline(value.value))).collect(),
        tls: tls.unwrap_or_default(),
        proxy,
    })))
}

/// Reports a text that is no `http` or `https` URL, without showing it: it may carry a secret.
fn check_url(decoder: &Decoder, span: Span, text: &str) {
    if let Err(reason) = super::check_http_url(text) {
        decoder.error(span, format!("not a usable URL: {reason}")).without_excerpt();
    }
}
