//! What is read, what is refused, and that no secret shows.

use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;
use yaml::{Decoder, Diagnostics, SourceFile};

use super::*;
use crate::secret::Secret;

fn read(text: &str) -> Result<HttpConfig, Diagnostics> {
    let file = SourceFile::new("h.yml", text);
    let decoder = Decoder::new(&file);
    let root = decoder.first_document();
    let config = root.and_then(|root| HttpConfig::decode(&root, &decoder, Path::new("/etc/wf")));
    decoder.finish(config).map(|(config, _)| config)
}

#[test]
fn defaults() {
    let config = read("{}").unwrap();
    assert_eq!(config, HttpConfig::default());
    assert!(config.follow_redirects && config.enable_http2);
}

#[test]
fn everything() {
    let config = read(
        "
        basic_auth: {username_file: user, password: hunter2}
        proxy_url: proxy:3128
        no_proxy: 10.0.0.0/8, .internal
        proxy_connect_header: {X-P: [a, b]}
        follow_redirects: false
        enable_http2: no
        tls_config: {ca_file: ca.pem, cert: CERT, key_file: /abs/key, server_name: s, insecure_skip_verify: true,
          min_version: TLS12, max_version: TLS13}
        http_headers: {x-a: {values: [1, two], secrets: [hunter2], files: [header]}}
        ",
    )
    .unwrap();
    let basic = Auth::Basic { username: Secret::File("/etc/wf/user".into()), password: Secret::inline("hunter2") };
    assert_eq!(config.auth, basic);
    assert_eq!(config.proxy.server, ProxyServer::Url(Secret::inline("proxy:3128")));
    assert_eq!(config.proxy.no_proxy, "10.0.0.0/8, .internal");
    assert_eq!(config.proxy.connect_headers[0].1.len(), 2);
    assert!(!config.follow_redirects && !config.enable_http2);
    assert_eq!(config.tls.ca, Some(Pem::File(PathBuf::from("/etc/wf/ca.pem"))));
    let identity = (Pem::Inline(Secret::inline("CERT")), Pem::File(PathBuf::from("/abs/key")));
    assert_eq!(config.tls.identity, Some(identity));
    assert!(config.tls.has_files() && config.tls.insecure_skip_verify);
    assert_eq!((config.tls.min_version, config.tls.max_version), (Some(TlsVersion::Tls12), Some(TlsVersion::Tls13)));
    let values = [
        HeaderValueSource::Plain(HeaderValue::from_static("1")),
        HeaderValueSource::Plain(HeaderValue::from_static("two")),
        HeaderValueSource::Secret(Secret::inline("hunter2")),
        HeaderValueSource::Secret(Secret::File("/etc/wf/header".into())),
    ];
    assert_eq!(config.headers[0].values, values);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn oauth2_and_tokens() {
    let config = read(
        "oauth2: {client_id: id, client_secret_file: s, token_url: 'https://u:hunter2@t', scopes: [a, b], \
         endpoint_params: {audience: c}, proxy_from_environment: true, tls_config: {server_name: t}}",
    );
    let Auth::OAuth2(oauth2) = &config.as_ref().unwrap().auth else { panic!("{config:?}") };
    assert_eq!(oauth2.client_secret, Secret::File("/etc/wf/s".into()));
    assert_eq!(oauth2.scopes, ["a", "b"]);
    assert_eq!(oauth2.proxy.server, ProxyServer::Environment);
    assert!(!format!("{oauth2:?}").contains("hunter2"));
    let bearer = |text| read(text).unwrap().auth;
    let token = || Auth::Authorization { scheme: "Bearer".to_owned(), credentials: Secret::inline("t") };
    assert_eq!(bearer("bearer_token: t"), token());
    assert_eq!(bearer("authorization: {credentials: t}"), token());
    assert_eq!(bearer("authorization: {type: ' ', credentials: t}"), token());
}

#[test]
fn refused_with_the_reason() {
    let cases = [
        ("basic_auth: {username: a, username_file: b}", "both \"username\" and \"username_file\" are given"),
        ("basic_auth: {password: a, password_file: b}", "both \"password\" and \"password_file\" are given"),
        ("{basic_auth: {}, oauth2: {client_id: a, token_url: 'http://b'}}", "basic_auth and oauth2 exclude each other"),
        ("{authorization: {}, bearer_token_file: a}", "authorization and bearer_token exclude each other"),
        ("authorization: {type: basic}", "the authorization type cannot be basic"),
        ("oauth2: {token_url: 'http://b'}", "missing field \"client_id\" in an oauth2 section"),
        ("oauth2: {client_id: a, token_url: b}", "not a usable URL: it must begin with http:// or https://"),
        ("oauth2: {client_id: a, token_url: 'http://'}", "not a usable URL: empty host"),
        ("{proxy_url: a, proxy_from_environment: true}", "exclude each other"),
        ("{proxy_from_environment: true, no_proxy: a}", "set NO_PROXY in the environment"),
        ("no_proxy: a", "\"no_proxy\" needs a \"proxy_url\""),
        ("proxy_connect_header: {a: [b]}", "needs \"proxy_url\" or \"proxy_from_environment\""),
        ("proxy_url: ftp://a", "unsupported scheme \"ftp\", expected http, https or socks5"),
        ("tls_config: {ca: a, ca_file: b}", "both \"ca\" and \"ca_file\" are given"),
        ("tls_config: {cert_file: a}", "a client certificate is given without its key"),
        ("tls_config: {key: a}", "a client key is given without its certificate"),
        ("tls_config: {max_version: TLS11}", "TLS 1.1 and older are not spoken"),
        ("tls_config: {min_version: TLS13, max_version: TLS12}", "max_version is older than min_version"),
        ("tls_config: {min_version: TLS14}", "expected one of TLS10, TLS11, TLS12, TLS13"),
        ("http_headers: {Authorization: {values: [a]}}", "header \"Authorization\" cannot be set here"),
        ("http_headers: {'a b': {values: [a]}}", "\"a b\" is not the name of a header"),
        ("http_headers: {a: b}", "expected a header, with values, secrets or files, which is a mapping, found \"b\""),
        ("folow_redirects: true", "did you mean \"follow_redirects\"?"),
    ];
    for (text, message) in cases {
        let found = read(text).unwrap_err().to_string();
        assert!(found.contains(message), "{text}: {found}");
    }
}
