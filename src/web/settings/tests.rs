use super::*;

fn read_text(text: &str) -> Result<(WebSettings, String), String> {
    let read = WebSettings::parse(&SourceFile::new("web.yml", text), Path::new("/etc/w"));
    read.map_err(|mistakes| mistakes.to_string()).map(|(settings, warnings)| {
        (settings, warnings.iter().map(|warning| warning.message.clone()).collect::<Vec<_>>().join("; "))
    })
}

#[test]
fn reads_tls_and_users() {
    let text = "tls_server_config: {cert_file: a.pem, key_file: /b.pem, min_version: TLS13}
basic_auth_users: {ali: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}\n";
    let (settings, warnings) = read_text(text).unwrap();
    let tls = settings.tls.unwrap();
    assert_eq!((tls.certificate, tls.key), (Pem::File("/etc/w/a.pem".into()), Pem::File("/b.pem".into())));
    assert!(tls.tls13_only && !tls.tls12_only && !tls.client_order);
    assert!(settings.users["ali"].starts_with("$2y$10$X0h"));
    assert_eq!(warnings, "");
}

#[test]
fn reads_everything_the_toolkit_knows() {
    let text = "tls_server_config:
  cert: |
    -----BEGIN CERTIFICATE-----
  key: sesame
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.example.org, 'spiffe://cluster/watch']
  min_version: TLS10
  max_version: TLS12
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP384, X25519]
http_server_config:
  http2: false
  headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=60, X-XSS-Protection: ''}
rate_limit: {interval: 100ms, burst: 20}
";
    let (settings, warnings) = read_text(text).unwrap();
    let tls = settings.tls.unwrap();
    assert_eq!(format!("{:?} {:?}", tls.key, tls.client_authorities), r#"(given inline) Some("/etc/w/ca.pem")"#);
    assert_eq!((tls.client_auth, tls.client_allowed_sans.len()), (ClientAuth::Verified, 2));
    assert!(tls.tls12_only && !tls.tls13_only && tls.client_order);
    assert_eq!((tls.cipher_suites.len(), tls.curves.len()), (1, 2));
    assert!(settings.http1_only);
    let headers: Vec<&str> = settings.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(headers, ["strict-transport-security", "x-frame-options"]);
    assert_eq!(settings.rate_limit, Some(RateLimit { interval: Duration::from_millis(100), burst: 20 }));
    for expected in ["oldest version spoken", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA has no effect"] {
        assert!(warnings.contains(expected), "{expected} in {warnings}");
    }
}

#[test]
fn an_empty_file_asks_for_nothing() {
    for text in ["", "---\n", "rate_limit: {interval: 0s}\n"] {
        let (settings, _) = read_text(text).unwrap();
        assert!(settings.tls.is_none() && settings.users.is_empty() && settings.rate_limit.is_none(), "{text}");
    }
}

#[test]
fn all_mistakes_at_once_and_no_password_shown() {
    let text = "tls_server_config: {cert: a}\nbasic_auth_users:\n  ali: sesame\n  baba: $2y$xx\n";
    let shown = read_text(text).unwrap_err();
    for expected in ["key_file", "web.yml:3:8", "web.yml:4:9", "htpasswd"] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
    assert!(!shown.contains("sesame"), "{shown}");
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let tls = "tls_server_config: {cert_file: a, key_file: b";
    let cases = [
        (format!("{tls}, cert: x}}"), "cert_file and cert exclude each other"),
        (format!("{tls}, client_auth_type: RequireAndVerifyClientCert}}"), "client_ca_file is missing"),
        (format!("{tls}, client_ca_file: c}}"), "asks for no certificates"),
        (format!("{tls}, client_auth_type: RequestClientCert, client_allowed_sans: [a]}}"), "lets clients in without"),
        (format!("{tls}, client_auth_type: Sometimes}}"), "RequireAnyClientCert"),
        (format!("{tls}, max_version: TLS11}}"), "leaves no version"),
        (format!("{tls}, min_version: TLS13, max_version: TLS12}}"), "leaves no version"),
        (format!("{tls}, cipher_suites: [TLS_NULL]}}"), "\"TLS_NULL\" is not known"),
        (format!("{tls}, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]}}"), "leaves nothing"),
        (format!("{tls}, curve_preferences: [P256]}}"), "known are X25519, CurveP256, CurveP384"),
        ("http_server_config: {headers: {Server: x}}".to_owned(), "Server"),
        ("http_server_config: {headers: {X-Frame-Options: allow}}".to_owned(), "deny or sameorigin"),
        ("http_server_config: {headers: {Content-Security-Policy: \"a\\nb\"}}".to_owned(), "cannot have this value"),
        ("rate_limit: {interval: 1s}".to_owned(), "without burst"),
        ("rate_limit: {interval: 1s, burst: 0}".to_owned(), "lets nobody in"),
    ];
    for (text, expected) in cases {
        let shown = read_text(&text).expect_err(&text);
        assert!(shown.contains(expected), "{text}: {expected} in {shown}");
    }
}

#[test]
fn who_may_do_what() {
    let text = "basic_auth_users: {ali: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}
access:
  anonymous: viewer
  users: {ali: admin}
  tokens:
    - {name: prom, role: sender, sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824}
    - name: ci
      role: operator
      matchers: ['team=\"db\"', 'env!=\"prod\"']
      sha256: 3cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
      expires: 2030-01-01T00:00:00Z
  proxy:
    trusted: [10.0.0.0/8, '::1']
    user_header: X-WEBAUTH-USER
    groups: {sre: admin, db: {role: operator, matchers: [team=db]}}
    others: viewer
";
    let (settings, _) = read_text(text).unwrap();
    let access = settings.access.unwrap();
    assert_eq!(access.anonymous.unwrap().role.as_str(), "viewer");
    let mut tokens: Vec<_> =
        access.tokens.values().map(|token| (token.name.as_str(), token.grant.scope.len())).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, [("ci", 2), ("prom", 0)]);
    let proxy = access.proxy.unwrap();
    assert_eq!((proxy.trusted.len(), proxy.user_header.as_str(), proxy.groups.len()), (2, "x-webauth-user", 2));
}

#[test]
fn mistakes_about_who_may_do_what() {
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let user = "basic_auth_users: {ali: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}\n";
    let token = |more: &str| format!("access: {{tokens: [{{name: a, {more}}}]}}");
    let cases = [
        (format!("{user}access: {{anonymous: viewer}}"), "\"ali\" of basic_auth_users has no role"),
        ("access: {users: {bob: admin}}".to_owned(), "\"bob\" has no password"),
        ("access: {anonymous: root}".to_owned(), "none, viewer, operator, admin, sender"),
        ("access: {token: []}".to_owned(), "unknown field \"token\""),
        (token(&format!("sha256: {hash}")), "missing field \"role\""),
        (token(&format!("role: boss, sha256: {hash}")), "one of viewer, operator, admin, sender"),
        (token("role: viewer"), "needs sha256 or token_file"),
        (token("role: viewer, sha256: abc"), "64 hexadecimal digits"),
        (token("role: viewer, token_file: nowhere"), "cannot read"),
        (token(&format!("role: viewer, token_file: x, sha256: {hash}")), "exclude each other"),
        (token(&format!("role: admin, matchers: [a=b], sha256: {hash}")), "an admin is not bound"),
        (token(&format!("role: viewer, matchers: [], sha256: {hash}")), "all alerts are meant"),
        (token(&format!("role: viewer, matchers: ['a=~\"(\"'], sha256: {hash}")), "regular expression"),
        (token(&format!("role: viewer, sha256: {hash}, expires: tomorrow")), "2027-01-01T00:00:00Z"),
        (
            format!(
                "access: {{tokens: [{{name: a, role: viewer, sha256: {hash}}}, {{name: b, role: viewer, sha256: {hash}}}]}}"
            ),
            "have the same token",
        ),
        ("access: {certificates: {a.example: viewer}}".to_owned(), "certificates of clients are not checked"),
        ("access: {proxy: {others: viewer}}".to_owned(), "missing field \"trusted\""),
        ("access: {proxy: {trusted: [localhost], others: viewer}}".to_owned(), "is no address"),
        ("access: {proxy: {trusted: [127.0.0.1]}}".to_owned(), "lets nobody in"),
        (
            "access: {proxy: {trusted: [127.0.0.1], others: viewer, user_header: 'a b'}}".to_owned(),
            "no name of a header",
        ),
    ];
    for (text, expected) in cases {
        let shown = read_text(&text).expect_err(&text);
        assert!(shown.contains(expected) && shown.contains("web.yml:"), "{text}: {expected} in {shown}");
    }
}
