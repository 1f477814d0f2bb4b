//! `/api/v1/status/config`: the configuration file as it is in force, its secrets left out.

use std::sync::Arc;

use model::source::SourceFile;
use yaml::{Key, Kind, Node, Scalar};

/// What stands in place of a secret, as in Prometheus.
const HIDDEN: &str = "<secret>";
/// What stands in place of a password in a URL, as in Prometheus.
const HIDDEN_PASSWORD: &str = "xxxxx";

/// Keys of values that are secret, whole or in part of their name.
const SECRET_WORDS: [&str; 6] = ["password", "secret", "token", "credential", "api_key", "private_key"];
/// Keys of mappings whose values may all be.
const SECRET_MAPPINGS: [&str; 4] = ["headers", "http_headers", "proxy_connect_header", "notifier_headers"];
/// The key of a client certificate, which may stand in the file itself.
const TLS_KEY: &str = "key";

/// A configuration file without comments and secrets; nothing, if it cannot be read.
pub fn without_secrets(file: &SourceFile) -> String {
    match yaml::parse_first(file) {
        Ok((root, _)) if !root.is_null() => yaml::emit(&shown(&root)),
        _ => String::new(),
    }
}

fn shown(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Null => Kind::Null,
        Kind::Scalar(scalar) => Kind::Scalar(Scalar { text: without_password(&scalar.text).into(), ..scalar.clone() }),
        Kind::Sequence(items) => Kind::Sequence(items.iter().map(shown).collect()),
        Kind::Mapping(entries) => {
            let entry = |(key, value): &(Key, Node)| {
                (key.clone(), if is_secret(&key.text) { hidden(value) } else { shown(value) })
            };
            Kind::Mapping(entries.iter().map(entry).collect::<Arc<[_]>>())
        }
    };
    Node { span: node.span, kind }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let in_name =
        SECRET_WORDS.iter().any(|word| key.contains(word)) && !key.ends_with("_file") && !key.ends_with("_url");
    in_name || key == TLS_KEY || SECRET_MAPPINGS.contains(&&*key)
}

/// Every text within is secret; what it is about may be seen.
fn hidden(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Null => Kind::Null,
        Kind::Scalar(_) => Kind::Scalar(Scalar { text: HIDDEN.into(), plain: false }),
        Kind::Sequence(items) => Kind::Sequence(items.iter().map(hidden).collect()),
        Kind::Mapping(entries) => {
            Kind::Mapping(entries.iter().map(|(key, value)| (key.clone(), hidden(value))).collect::<Arc<[_]>>())
        }
    };
    Node { span: node.span, kind }
}

/// A URL keeps its user and loses the password.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
        Some((user, host)) => {
            let after = rest.get(authority.len()..).unwrap_or_default();
            format!("{scheme}://{user}:{HIDDEN_PASSWORD}@{host}{after}")
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_and_the_rest_is_shown() {
        let text = "\
global: {evaluation_interval: 15s, external_labels: {token_bucket: b}} # note
query:
  url: http://me:pw-1@host:9090/p?x=a@b
  basic_auth: {username: me, password: pw-2, password_file: /pw}
  headers: {X-Scope-OrgID: pw-3}
  oauth2: {client_id: id, client_secret: pw-4, token_url: https://u:pw-5@h/t}
  tls_config: {cert: c, key: pw-6, key_file: k}
remote_write:
- {url: 'http://h/w', authorization: {credentials: 'pw-7'}, bearer_token: pw-8, http_headers: {A: {secrets: [pw-9]}}}
";
        let shown = without_secrets(&SourceFile::new("p.yml", text));
        assert!(!shown.contains("pw-") && !shown.contains("note"), "{shown}");
        for part in [
            "evaluation_interval: 15s",
            "url: http://me:xxxxx@host:9090/p?x=a@b",
            "password: <secret>",
            "password_file: /pw",
            "client_id: id",
            "token_url: https://u:xxxxx@h/t",
            "key_file: k",
            "cert: c",
            "- <secret>",
        ] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
        assert_eq!(without_secrets(&SourceFile::new("p.yml", "")), "");
    }
}
