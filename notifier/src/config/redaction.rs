//! The configuration as `GET /api/v2/status` shows it.

use std::collections::BTreeSet;
use std::ops::Range;

use outbound::secret::SHOWN;
use yaml::{Kind, Node, SourceFile};

/// Keys whose texts are secret, wherever they stand. Lists and mappings below them are secret as a whole.
const SECRET_KEYS: [&str; 34] = [
    "alert_source_token",
    "access_key",
    "api_key",
    "api_secret",
    "api_url",
    "app_token",
    "auth_password",
    "auth_secret",
    "bearer_token",
    "bot_token",
    "client_secret",
    "credentials",
    "endpoint_params",
    "key",
    "mattermost_webhook_url",
    "opsgenie_api_key",
    "password",
    "proxy_connect_header",
    "rocketchat_token",
    "rocketchat_token_id",
    "routing_key",
    "secret_key",
    "secrets",
    "service_key",
    "slack_api_url",
    "slack_app_token",
    "smtp_auth_password",
    "smtp_auth_secret",
    "telegram_bot_token",
    "token",
    "token_id",
    "user_key",
    "webhook_url",
    "wechat_api_secret",
];

/// The file's own text with every secret replaced by `<secret>` and every comment left out: a comment may hold what
/// was a secret once. Not written anew, so order, quotes and anchors stay as they are.
///
/// Secret are passwords, tokens and keys, addresses of webhooks and chat services, and user and password in any other
/// address.
pub(super) fn shown(file: &SourceFile, root: &Node) -> String {
    let mut scalars = Scalars::default();
    scalars.visit(root, Sight::Shown);
    let text = file.text();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end, sight) in scalars.spans {
        if start < at {
            continue; // the same scalar through an alias
        }
        let Some((between, scalar)) = text.get(at..start).zip(text.get(start..end)) else { continue };
        push_without_comments(&mut out, between);
        match sight {
            Sight::Shown => out.push_str(scalar),
            Sight::Address => out.push_str(&without_userinfo(scalar)),
            Sight::Secret => push_secret(&mut out, scalar),
        }
        at = end;
    }
    push_without_comments(&mut out, text.get(at..).unwrap_or_default());
    out
}

/// How much of a scalar may be seen. In order: the strictest view of a scalar that is reached twice holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    /// Nothing.
    Secret,
    /// All but user and password.
    Address,
    /// Everything.
    Shown,
}

/// The places of all scalars and keys, in the order of the file.
#[derive(Default)]
struct Scalars {
    spans: BTreeSet<(usize, usize, Sight)>,
}

impl Scalars {
    fn visit(&mut self, node: &Node, sight: Sight) {
        match &node.kind {
            Kind::Null => {}
            Kind::Scalar(scalar) => {
                let empty = scalar.text.is_empty();
                let sight = match sight {
                    Sight::Shown if scalar.text.contains("://") => Sight::Address,
                    _ if empty => Sight::Shown,
                    sight => sight,
                };
                self.add(node.span.range(), sight);
            }
            Kind::Sequence(items) => items.iter().for_each(|item| self.visit(item, sight)),
            Kind::Mapping(entries) => {
                for (key, value) in entries.iter() {
                    self.add(key.span.range(), Sight::Shown);
                    self.visit(value, sight.min(below(&key.text)));
                }
            }
        }
    }

    fn add(&mut self, span: Range<usize>, sight: Sight) {
        if !span.is_empty() {
            self.spans.insert((span.start, span.end, sight));
        }
    }
}

/// What may be seen below a key.
fn below(key: &str) -> Sight {
    match key {
        // Of a webhook. Of PagerDuty and of a picture or link as well: none of them is missed.
        "url" => Sight::Secret,
        _ if SECRET_KEYS.contains(&key) => Sight::Secret,
        _ => Sight::Shown,
    }
}

/// A secret in place of a scalar; a block scalar's last line break stays.
fn push_secret(out: &mut String, scalar: &str) {
    out.push_str(SHOWN);
    let kept = scalar.trim_end_matches(['\n', ' ', '\r']);
    out.push_str(scalar.get(kept.len()..).unwrap_or_default());
}

/// `http://user:password@host` becomes `http://<secret>@host`.
fn without_userinfo(scalar: &str) -> String {
    let mut out = String::with_capacity(scalar.len());
    let mut rest = scalar;
    while let Some((scheme, tail)) = rest.split_once("://") {
        out.push_str(scheme);
        out.push_str("://");
        let authority = tail.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(tail.len());
        let userinfo = tail.get(..authority).and_then(|authority| authority.rfind('@'));
        if userinfo.is_some() {
            out.push_str(SHOWN);
        }
        rest = tail.get(userinfo.unwrap_or(0)..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// What stands between scalars: punctuation, blanks and comments.
fn push_without_comments(out: &mut String, between: &str) {
    for line in between.split_inclusive('\n') {
        let comment = line.char_indices().find(|(at, c)| {
            *c == '#' && line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']))
        });
        match comment {
            Some((at, _)) => {
                out.push_str(line.get(..at).unwrap_or_default().trim_end_matches([' ', '\t']));
                out.push_str(if line.ends_with('\n') { "\n" } else { "" });
            }
            None => out.push_str(line),
        }
    }
}
