//! Nothing that is shown holds a secret.

use super::*;

/// Every secret of the supported parts; each contains `hunter2`.
const WITH_SECRETS: &str = r#"
global:
  smtp_smarthost: mail:25
  smtp_from: a@b   # was: hunter2-in-a-comment
  smtp_auth_username: ops
  smtp_auth_password: hunter2-password
  smtp_auth_secret: 'hunter2-secret'
  slack_api_url: http://slack/hunter2
  opsgenie_api_key: hunter2-key
  http_config:
    proxy_url: http://user:hunter2@proxy:3128
    oauth2: {client_id: id, client_secret: "hunter2", token_url: "http://u:hunter2@t/", endpoint_params: {a: hunter2}}
    tls_config:
      cert: hunter2-certificate-is-not-secret-but-near
      key: |
        hunter2-key
        hunter2-key-two
    http_headers:
      X-Token: {secrets: [hunter2, hunter2-b], values: [plain]}
# hunter2-in-a-comment
route:
  receiver: x
  # hunter2-in-a-comment
  routes:
    - matchers: [ 'a="b # no comment"' ]
      match: {key: shown, url: 'http://shown/'}
receivers:
  - name: x
    email_configs: [{to: a@b, auth_password: hunter2}]
    pagerduty_configs:
      - {routing_key: &key hunter2-routing, url: 'https://u:hunter2@pd/'}
      - {service_key: *key}
    webhook_configs:
      - url: https://hook/hunter2?q=1
        http_config: {basic_auth: {username: u, password: hunter2}}
      - url: https://hook/hunter2?q=1
        http_config: {authorization: {credentials: hunter2}, proxy_url: 'http://u:hunter2@p'}
"#;

#[test]
fn never_in_debug_output_or_what_the_api_shows() {
    let text = WITH_SECRETS.replace("      cert: hunter2-certificate-is-not-secret-but-near\n", "      cert: CERT\n");
    let (config, _) = parse(&text).unwrap();
    let debug = format!("{config:?}");
    let without_shown = debug.replace(&format!("{:?}", config.shown), "");
    assert!(!without_shown.contains("hunter2"), "{without_shown}");
    assert!(!config.shown.contains("hunter2"), "{}", config.shown);
    insta::assert_snapshot!(config.shown);
}

#[test]
fn never_in_diagnostics() {
    // Every line gets an unknown key beside it, and each value of a secret key the wrong type.
    let cases = [
        WITH_SECRETS.replace("hunter2-password", "[hunter2]"),
        WITH_SECRETS.replace("smtp_auth_password:", "smtp_auth_pasword:"),
        WITH_SECRETS.replace("to: a@b", "too: a@b, user: c"),
        WITH_SECRETS.replace("https://hook/hunter2", "hook/hunter2"),
        WITH_SECRETS.replace("https://hook/hunter2", "https://hook/hunter2{{ .Foo }"),
        WITH_SECRETS.replace("{secrets: [hunter2", "{secrets: [{hunter2: a}, \"\\u0001hunter2\""),
        WITH_SECRETS.replace("hunter2\", token_url", "hunter2\", tokn_url"),
        WITH_SECRETS.replace("password: hunter2}", "password: hunter2, password_file: b}"),
        WITH_SECRETS.replace("password: hunter2}", "password: \"hunter2}"),
        WITH_SECRETS.replace("http://user:hunter2@proxy:3128", "ftp://user:hunter2@proxy:3128"),
        WITH_SECRETS.replace("http://slack/hunter2", "slack/hunter2"),
        WITH_SECRETS.replace("service_key: *key", "service_key: *key, service_key_file: hé, x: 1"),
    ];
    for text in cases {
        let found = parse(&text).unwrap_err().to_string();
        assert!(!found.contains("hunter2"), "{found}");
        assert!(found.contains("error: "), "{found}");
    }
}

#[test]
fn what_was_not_read_is_not_shown() {
    let text = "route: {receiver: x} # hunter2\nreceivers: [{name: x}]\n---\nglobal: {smtp_auth_password: hunter2}\n";
    let (config, warnings) = parse(text).unwrap();
    let shown = "route: {receiver: x}\nreceivers: [{name: x}]\n---\nglobal: {smtp_auth_password: <secret>}\n";
    assert_eq!(config.shown, shown);
    assert!(!warnings.is_empty() && !warnings.to_string().contains("hunter2"), "{warnings}");
    let twice = "route: {receiver: x}\nglobal:\n  smtp_auth_password: a\n  smtp_auth_password: hunter2\n";
    let found = parse(twice).unwrap_err().to_string();
    assert!(found.contains("given twice") && !found.contains("hunter2"), "{found}");
}

/// A character lost anywhere: a key misspelt, a quote or bracket left open, a line moved.
#[test]
fn never_in_diagnostics_whatever_is_mistyped() {
    let whole = WITH_SECRETS.replace("hunter2-certificate-is-not-secret-but-near", "CERT").replace("# hunter2", "# it");
    let whole = whole.replace("was: hunter2", "was: it");
    let leaks: Vec<String> = (0..whole.len())
        .filter_map(|at| {
            let text = format!("{}{}", &whole[..at], &whole[at + 1..]);
            let found = parse(&text).map_or_else(|found| found.to_string(), |(_, warnings)| warnings.to_string());
            found.contains("hunter2").then_some(found)
        })
        .collect();
    assert!(leaks.is_empty(), "{} leaks, such as\n{}", leaks.len(), leaks.join("\n----\n"));
}
