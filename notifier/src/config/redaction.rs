//! Keeping secrets out of what is shown of a configuration: by `GET /api/v2/status`, and in excerpts of diagnostics.

use std::collections::BTreeSet;
use std::ops::Range;

use outbound::secret::SHOWN;
use yaml::{Diagnostics, Kind, Node, SourceFile};

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

/// Keys whose mappings have keys of the writer's choice, such as names of labels.
const FREE_KEYS: [&str; 10] = [
    "details",
    "headers",
    "labels",
    "match",
    "match_re",
    "payload",
    "source_match",
    "source_match_re",
    "target_match",
    "target_match_re",
];

/// The file's own text with every secret replaced by `<secret>` and every comment left out: a comment may hold what
/// was a secret once. Not written anew, so order, quotes and anchors stay as they are.
///
/// Secret are passwords, tokens and keys, addresses of webhooks and chat services, and user and password in any other
/// address.
pub(super) fn shown(file: &SourceFile, root: &Node) -> String {
    let text = file.text();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end, sight) in Scalars::of(root, below).spans {
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

/// Diagnostics whose excerpts show no secret, also where it stands on the same line as the mistake or behind a
/// misspelt key. `root` is missing if the file could not be parsed; then lines that look as if they held a secret are
/// not shown at all.
pub(super) fn hide_secrets(diagnostics: &Diagnostics, file: &SourceFile, root: Option<&Node>) -> Diagnostics {
    let masked = root.map(|root| SourceFile::new(file.name(), masked(file, root)));
    let mut hidden = Diagnostics::new();
    for diagnostic in diagnostics {
        let mut diagnostic = diagnostic.clone();
        if diagnostic.file == *file {
            match &masked {
                Some(masked) => diagnostic.file = masked.clone(),
                None if diagnostic.line().is_some_and(|line| looks_secret(file.line(line))) => {
                    diagnostic = diagnostic.without_excerpt();
                }
                None => {}
            }
        }
        hidden.push(diagnostic);
    }
    hidden
}

/// The text with each character of a secret replaced by one of the same length, so that places stay what they are.
fn masked(file: &SourceFile, root: &Node) -> String {
    let mut text = file.text().to_owned();
    let under_suspicion = |key: &str| match looks_secret(key) && !key.contains("file") {
        true => Sight::Secret,
        false => below(key),
    };
    for (start, end, sight) in Scalars::of(root, under_suspicion).spans {
        let Some(scalar) = text.get(start..end) else { continue };
        let range = match sight {
            Sight::Shown => continue,
            Sight::Secret => start..end,
            Sight::Address => match (scalar.find("://"), scalar.rfind('@')) {
                (Some(from), Some(to)) if from < to => start + from + 3..start + to,
                _ => continue,
            },
        };
        let mask: String = text.get(range.clone()).unwrap_or_default().chars().map(mask).collect();
        text.replace_range(range, &mask);
    }
    text
}

fn mask(c: char) -> char {
    match c.len_utf8() {
        _ if c.is_whitespace() || matches!(c, '"' | '\'') => c,
        1 => '*',
        2 => '·',
        3 => '•',
        _ => '🔒',
    }
}

/// Whether a key, or a line that cannot be parsed, may hold a secret.
fn looks_secret(text: &str) -> bool {
    const WORDS: [&str; 7] = ["pass", "secret", "token", "credential", "key", "auth", "url"];
    let text = text.to_ascii_lowercase();
    WORDS.iter().any(|word| text.contains(word))
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
struct Scalars<F> {
    spans: BTreeSet<(usize, usize, Sight)>,
    below: F,
}

impl<F: Fn(&str) -> Sight> Scalars<F> {
    /// `below` tells what may be seen below a key.
    fn of(root: &Node, below: F) -> Scalars<F> {
        let mut scalars = Scalars { spans: BTreeSet::new(), below };
        scalars.visit(root, Sight::Shown, false);
        scalars
    }

    /// `free`: the keys are chosen by the writer and say nothing.
    fn visit(&mut self, node: &Node, sight: Sight, free: bool) {
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
            Kind::Sequence(items) => items.iter().for_each(|item| self.visit(item, sight, free)),
            Kind::Mapping(entries) => {
                for (key, value) in entries.iter() {
                    self.add(key.span.range(), Sight::Shown);
                    let below = if free { Sight::Shown } else { (self.below)(&key.text) };
                    self.visit(value, sight.min(below), free || FREE_KEYS.contains(&key.text.as_str()));
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
