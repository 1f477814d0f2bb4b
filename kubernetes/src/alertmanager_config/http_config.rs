//! `httpConfig` and `tlsConfig` of an object.

use yaml::Node;

use super::reader::Reader;
use super::shape::Kind::{
    Either, Flag, OneOf, Part, Pem, Secret, SecretLists, SecretPem, Text, TextMap, Texts, TrueFlag, Url,
};
use super::shape::{Field, Shape, field, shape};

const TLS_VERSIONS: &[(&str, &str)] = &[("TLS10", "TLS10"), ("TLS11", "TLS11"), ("TLS12", "TLS12"), ("TLS13", "TLS13")];

/// `tlsConfig`
pub(crate) static TLS: Shape = shape(
    "a tlsConfig",
    &[
        field("ca", "ca", Pem("ca_file")),
        field("cert", "cert", Pem("cert_file")),
        field("keySecret", "key", SecretPem("key_file")),
        field("serverName", "server_name", Text),
        field("insecureSkipVerify", "insecure_skip_verify", TrueFlag),
        field("minVersion", "min_version", OneOf(TLS_VERSIONS)).since(25),
        field("maxVersion", "max_version", OneOf(TLS_VERSIONS)).since(25),
    ],
)
.checked(check_tls);

static AUTHORIZATION: Shape = shape(
    "an authorization",
    &[field("type", "type", Text).or("Bearer"), field("credentials", "credentials", Secret).required()],
);

static BASIC_AUTH: Shape =
    shape("a basicAuth", &[field("username", "username", Secret), field("password", "password", Secret)]);

const NO_PROXY: Field = field("noProxy", "no_proxy", Text).since(26);
const PROXY_FROM_ENVIRONMENT: Field = field("proxyFromEnvironment", "proxy_from_environment", TrueFlag).since(26);
const PROXY_CONNECT_HEADER: Field = field("proxyConnectHeader", "proxy_connect_header", SecretLists).since(26);

static OAUTH2: Shape = shape(
    "an oauth2",
    &[
        field("clientId", "client_id", Either).required(),
        field("clientSecret", "client_secret", Secret).required(),
        field("scopes", "scopes", Texts),
        field("tokenUrl", "token_url", Url).required(),
        field("endpointParams", "endpoint_params", TextMap),
        field("tlsConfig", "tls_config", Part(&TLS)),
        field("proxyUrl", "proxy_url", Text).since(25),
        NO_PROXY,
        PROXY_FROM_ENVIRONMENT,
        PROXY_CONNECT_HEADER,
    ],
)
.checked(check_proxy);

/// `httpConfig`
pub(crate) static HTTP: Shape = shape(
    "an httpConfig",
    &[
        field("authorization", "authorization", Part(&AUTHORIZATION)).refused_before(22),
        field("basicAuth", "basic_auth", Part(&BASIC_AUTH)),
        field("oauth2", "oauth2", Part(&OAUTH2)).refused_before(22),
        field("bearerTokenSecret", "bearer_token", Secret),
        field("tlsConfig", "tls_config", Part(&TLS)),
        field("proxyUrl", "proxy_url", Text),
        // the older name wins
        field("proxyURL", "proxy_url", Text),
        NO_PROXY,
        PROXY_FROM_ENVIRONMENT,
        PROXY_CONNECT_HEADER,
        field("followRedirects", "follow_redirects", Flag).since(22),
        field("enableHttp2", "enable_http2", Flag).since(25),
    ],
)
.checked(check_http);

fn check_http(reader: &Reader<'_>, node: &Node) {
    reader.at_most_one(node, &["authorization", "basicAuth", "oauth2", "bearerTokenSecret"]);
    check_proxy(reader, node);
}

/// Alertmanager 0.26 and newer refuse these.
fn check_proxy(reader: &Reader<'_>, node: &Node) {
    if !reader.target_knows(26) {
        return;
    }
    let url = ["proxyUrl", "proxyURL"].into_iter().find(|name| reader.is_filled(node, name));
    let environment = node.get("proxyFromEnvironment").and_then(Node::as_text) == Some("true");
    let (no_proxy, header) = (reader.is_filled(node, "noProxy"), reader.is_filled(node, "proxyConnectHeader"));
    if environment && let Some(url) = url {
        reader.report(node, url, format!("{url:?} and \"proxyFromEnvironment\" exclude each other"));
    }
    if environment && no_proxy {
        reader.report(node, "noProxy", "\"noProxy\" and \"proxyFromEnvironment\" exclude each other");
    }
    if url.is_none() && no_proxy {
        reader.report(node, "noProxy", "\"noProxy\" needs \"proxyUrl\"");
    }
    if url.is_none() && !environment && header {
        reader.report(
            node,
            "proxyConnectHeader",
            "\"proxyConnectHeader\" needs \"proxyUrl\" or \"proxyFromEnvironment\"",
        );
    }
}

fn check_tls(reader: &Reader<'_>, node: &Node) {
    for (given, other) in [("cert", "keySecret"), ("keySecret", "cert")] {
        if reader.is_filled(node, given) && !reader.is_filled(node, other) {
            reader.report(node, given, format!("{given:?} needs {other:?} beside it"));
        }
    }
    let version = |name| node.get(name).and_then(Node::as_text);
    if let (Some(least), Some(most)) = (version("minVersion"), version("maxVersion"))
        && least > most
    {
        reader.report(node, "maxVersion", "\"maxVersion\" is lower than \"minVersion\"");
    }
}
