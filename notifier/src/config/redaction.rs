//! Keeping secrets out of what is shown of a configuration: by `GET /api/v2/status`, and in excerpts of diagnostics.

use std::collections::BTreeSet;
use std::ops::Range;

use outbound::secret::SHOWN;
use yaml::{Diagnostic, Diagnostics, Key, Kind, Node, SourceFile, Span};

/// Keys whose texts are secret, wherever they stand. Lists and mappings below them are secret as a whole.
const SECRET_KEYS: [&str; 36] = [
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
    "secret",
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
    "victorops_api_key",
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
/// Secret are passwords, tokens and keys, addresses of webhooks and chat services, user and password in any other
/// address, and every text that the reader did not take in.
pub(super) fn shown(file: &SourceFile, root: &Node) -> String {
    let mut out = String::with_capacity(file.text().len());
    for Piece { text, sight } in Scalars::of(root, below).pieces(file.text()) {
        match sight {
            Sight::Shown => out.push_str(text),
            Sight::Address => out.push_str(&without_userinfo(text, |_| SHOWN.to_owned())),
            Sight::Secret => push_secret(&mut out, text),
            Sight::Comment => out.truncate(out.trim_end_matches([' ', '\t']).len()),
        }
    }
    out
}

/// Diagnostics whose excerpts show no secret, also where it stands on the same line as the mistake or behind a
/// misspelt key. `root` is missing if the file could not be parsed; then lines that look as if they held a secret are
/// not shown at all.
pub(super) fn hide_secrets(diagnostics: &Diagnostics, file: &SourceFile, root: Option<&Node>) -> Diagnostics {
    let mut hidden = Diagnostics::new();
    if diagnostics.is_empty() {
        return hidden;
    }
    let unknown = diagnostics.iter().filter(|found| found.message.starts_with(UNKNOWN_FIELD));
    let unknown: BTreeSet<Span> = unknown.filter_map(|found| found.span).collect();
    let masked = root.map(|root| SourceFile::new(file.name(), masked(file, root, &unknown)));
    for diagnostic in diagnostics {
        let mut diagnostic = diagnostic.clone();
        cut_field_name(&mut diagnostic);
        if diagnostic.file == *file {
            match &masked {
                Some(masked) => diagnostic.file = masked.clone(),
                None => diagnostic = diagnostic.without_excerpt(),
            }
        }
        hidden.push(diagnostic);
    }
    hidden
}

/// What a message begins with that names a key.
const UNKNOWN_FIELD: &str = "unknown field \"";

/// With the blank or colon behind it lost, a key goes on into its value: only what can be a key is told.
fn cut_field_name(diagnostic: &mut Diagnostic) {
    let Some(name) = diagnostic.message.strip_prefix(UNKNOWN_FIELD) else { return };
    let key_len = name.find(|c| !is_key_character(c)).unwrap_or(name.len());
    let (key, rest) = name.split_at(key_len);
    if let Some((_, place)) = rest.rsplit_once("\" in ").filter(|(lost, _)| !lost.is_empty()) {
        diagnostic.message = format!("{UNKNOWN_FIELD}{key}…\" in {place}");
        diagnostic.hint = Some("a key is followed by a colon and a blank".to_owned());
    }
}

fn is_key_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The text with each character of a secret replaced by one of the same length, so that places stay what they are.
fn masked(file: &SourceFile, root: &Node, unknown: &BTreeSet<Span>) -> String {
    let under_suspicion = |key: &Key| {
        let suspicious = looks_secret(&key.text) && !key.text.contains("file");
        if suspicious || unknown.contains(&key.span) { Sight::Secret } else { below(key) }
    };
    let mut out = String::with_capacity(file.text().len());
    for Piece { text, sight } in Scalars::of(root, under_suspicion).pieces(file.text()) {
        match sight {
            Sight::Shown => out.push_str(text),
            Sight::Address => out.push_str(&without_userinfo(text, |user| user.chars().map(mask).collect())),
            Sight::Secret => out.extend(text.chars().map(mask)),
            Sight::Comment => out.extend(text.chars().map(blank)),
        }
    }
    out
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

fn blank(c: char) -> char {
    match c.len_utf8() {
        1 => ' ',
        2 => '\u{a0}',
        3 => '\u{3000}',
        _ => '🔒',
    }
}

/// Whether a key may hold a secret under a name we do not know.
fn looks_secret(text: &str) -> bool {
    const WORDS: [&str; 7] = ["pass", "secret", "token", "credential", "key", "auth", "url"];
    let text = text.to_ascii_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

/// How much of a piece of text may be seen. In order: the strictest view of a scalar that is reached twice holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    /// Nothing.
    Secret,
    /// Nothing, not even that it is there.
    Comment,
    /// All but user and password.
    Address,
    /// Everything.
    Shown,
}

/// A part of the file. All parts together are the file.
struct Piece<'a> {
    text: &'a str,
    sight: Sight,
}

/// The places of all scalars and keys, in the order of the file.
struct Scalars<F> {
    spans: BTreeSet<(usize, usize, Sight)>,
    below: F,
}

impl<F: Fn(&Key) -> Sight> Scalars<F> {
    /// `below` tells what may be seen below a key.
    fn of(root: &Node, below: F) -> Scalars<F> {
        let mut scalars = Scalars { spans: BTreeSet::new(), below };
        scalars.visit(root, Sight::Shown, false);
        scalars
    }

    /// `free`: the keys are chosen by the writer and say nothing.
    fn visit(&mut self, node: &Node, sight: Sight, free: bool) {
        match &node.kind {
            Kind::Null => self.add(node.span.range(), Sight::Shown),
            Kind::Scalar(scalar) => {
                let sight = match sight {
                    Sight::Shown if scalar.text.contains("://") => Sight::Address,
                    _ if scalar.text.is_empty() => Sight::Shown,
                    sight => sight,
                };
                self.add(node.span.range(), sight);
            }
            Kind::Sequence(items) => items.iter().for_each(|item| self.visit(item, sight, free)),
            Kind::Mapping(entries) => {
                for (key, value) in entries.iter() {
                    let is_key = free || key.text.chars().all(is_key_character);
                    self.add(key.span.range(), if is_key { Sight::Shown } else { Sight::Secret });
                    let below = if free { Sight::Shown } else { (self.below)(key) };
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

    /// Cuts the text at the scalars; what lies between them is cut further.
    fn pieces<'a>(&self, text: &'a str) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        let mut at = 0;
        for (start, end, sight) in &self.spans {
            if *start < at {
                continue; // the same scalar through an alias
            }
            let Some((between, scalar)) = text.get(at..*start).zip(text.get(*start..*end)) else { continue };
            cut_between(between, &mut pieces);
            pieces.push(Piece { text: scalar, sight: *sight });
            at = *end;
        }
        cut_between(text.get(at..).unwrap_or_default(), &mut pieces);
        pieces
    }
}

/// What may be seen below a key.
fn below(key: &Key) -> Sight {
    match key.text.as_str() {
        // Of a webhook. Of PagerDuty and of a picture or link as well: none of them is missed.
        "url" => Sight::Secret,
        text if SECRET_KEYS.contains(&text) => Sight::Secret,
        _ => Sight::Shown,
    }
}

/// Between scalars stand punctuation, anchors, aliases, tags and comments. Any other word was not taken in by the
/// reader (the second of two equal keys, a further document), so nobody knows what it is; only names of keys are shown.
fn cut_between<'a>(between: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let mut rest = between;
    while let Some(c) = rest.chars().next() {
        let is_punctuation = |c: char| c.is_whitespace() || matches!(c, '[' | ']' | '{' | '}' | ',' | ':');
        let (len, sight) = if is_punctuation(c) {
            (rest.find(|c| !is_punctuation(c)).unwrap_or(rest.len()), Sight::Shown)
        } else if c == '#' {
            (rest.find(['\n', '\r']).unwrap_or(rest.len()), Sight::Comment)
        } else {
            let len = rest.find(is_punctuation).unwrap_or(rest.len());
            let is_key = rest.get(len..).is_some_and(|tail| tail.starts_with(':'));
            let has_text = rest.get(..len).is_some_and(|word| word.contains(|c: char| c.is_alphanumeric()));
            let plain = is_key || !has_text || matches!(c, '&' | '*' | '!' | '%');
            (len, if plain { Sight::Shown } else { Sight::Secret })
        };
        let (text, tail) = rest.split_at(len);
        pieces.push(Piece { text, sight });
        rest = tail;
    }
}

/// A secret in place of a scalar; a block scalar's last line break stays.
fn push_secret(out: &mut String, scalar: &str) {
    out.push_str(SHOWN);
    let kept = scalar.trim_end_matches(['\n', ' ', '\r']);
    out.push_str(scalar.get(kept.len()..).unwrap_or_default());
}

/// `http://user:password@host` with something else in place of user and password.
fn without_userinfo(scalar: &str, instead: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(scalar.len());
    let mut rest = scalar;
    while let Some((scheme, tail)) = rest.split_once("://") {
        out.push_str(scheme);
        out.push_str("://");
        let authority = tail.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(tail.len());
        let (authority, after) = tail.split_at(authority);
        match authority.rsplit_once('@') {
            Some((user, host)) => out.extend([instead(user).as_str(), "@", host]),
            None => out.push_str(authority),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
