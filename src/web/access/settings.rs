//! `access:` as it is written.

use std::collections::HashMap;
use std::path::Path;

use axum::http::HeaderName;
use model::caller::Role;
use model::matcher::parse::{ParseMode, parse_matcher};
use model::source::Spanned;
use model::{Matcher, Timestamp};
use yaml::{Decoder, Fields, Key, Node};

use super::proxy::{Network, Proxy};
use super::token::{self, Token};
use super::{Access, Grant};

/// What `anonymous` may be.
const ANONYMOUS: [(&str, Option<Role>); 5] = [
    ("none", None),
    ("viewer", Some(Role::Viewer)),
    ("operator", Some(Role::Operator)),
    ("admin", Some(Role::Admin)),
    ("sender", Some(Role::Sender)),
];
/// More tokens than anybody names.
const TOKENS_MAX: usize = 1000;
const NAME_BYTES_MAX: usize = 256;
const USER_HEADER: &str = "x-forwarded-user";
const GROUPS_HEADER: &str = "x-forwarded-groups";

/// Reads `access:`; `passwords` are the users of `basic_auth_users`, and `has_verified_clients` says whether certificates of clients
/// are checked.
pub(crate) fn read(
    node: &Node,
    decoder: &Decoder,
    base: &Path,
    passwords: &HashMap<String, String>,
    has_verified_clients: bool,
) -> Option<Access> {
    let mut fields = decoder.mapping(node, "access")?;
    let span = fields.span();
    let mut access = Access::default();
    let anonymous = fields.optional("anonymous").one_of(&ANONYMOUS);
    access.anonymous = anonymous.and_then(|role| role.value).map(Grant::of);
    for (user, grant) in grants(&mut fields, "users") {
        if !passwords.contains_key(&user.value) {
            decoder
                .error(user.span, format!("user {:?} has no password", user.value))
                .hint("name users of basic_auth_users here, and users whom a proxy names under proxy.users");
        }
        access.users.insert(user.value, grant);
    }
    let mut without: Vec<&String> = passwords.keys().filter(|user| !access.users.contains_key(*user)).collect();
    without.sort();
    for user in without {
        decoder
            .error(span, format!("user {user:?} of basic_auth_users has no role"))
            .hint(format!("write access.users: {{{user}: viewer}}, or operator, or admin"));
    }
    read_tokens(&mut fields, decoder, base, &mut access);
    let certificates = fields.optional("certificates");
    if certificates.is_present() && !has_verified_clients {
        decoder
            .error(span, "certificates name nobody: the certificates of clients are not checked")
            .hint("set client_ca_file and client_auth_type: RequireAndVerifyClientCert or VerifyClientCertIfGiven");
    }
    let certificates = certificates.entries(grant_of).unwrap_or_default();
    access.certificates = certificates.into_iter().map(|(name, grant)| (name.value, grant)).collect();
    access.proxy = fields.optional("proxy").node().and_then(|node| read_proxy(node, decoder));
    fields.finish();
    Some(access)
}

fn grants(fields: &mut Fields<'_>, name: &'static str) -> Vec<(Spanned<String>, Grant)> {
    fields.optional(name).entries(grant_of).unwrap_or_default()
}

/// `ann: admin`, or `bob: {role: operator, matchers: ['team="db"']}`.
fn grant_of(key: &Key, node: &Node, decoder: &Decoder) -> Option<(Spanned<String>, Grant)> {
    let name = Spanned::new(key.text.to_string(), key.span);
    if node.as_mapping().is_none() {
        let role = decoder.value(node).one_of(&Role::ALL)?;
        return Some((name, Grant::of(role.value)));
    }
    let mut fields = decoder.mapping(node, "a role")?;
    let grant = read_grant(&mut fields, decoder);
    fields.finish();
    Some((name, grant?))
}

/// `role` and `matchers`.
fn read_grant(fields: &mut Fields<'_>, decoder: &Decoder) -> Option<Grant> {
    let span = fields.span();
    let role = fields.required("role").one_of(&Role::ALL);
    let matchers = fields.optional("matchers");
    let (is_scoped, before) = (matchers.is_present(), decoder.has_errors());
    let read = |node: &Node, decoder: &Decoder| -> Option<Matcher> {
        let parsed = decoder.value(node).parse_with(|text| parse_matcher(text, ParseMode::default()));
        parsed.map(|parsed| parsed.value.value)
    };
    let scope = matchers.sequence(read).unwrap_or_default();
    let role = role?.value;
    if is_scoped && scope.is_empty() && (before || !decoder.has_errors()) {
        decoder.error(span, "matchers: without any, all alerts are meant").hint("leave matchers out if that is so");
    }
    if is_scoped && role == Role::Admin {
        decoder
            .error(span, "an admin is not bound to some alerts: reloading and rules concern all of them")
            .hint("give the role operator, or leave matchers out");
    }
    Some(Grant { role, scope: scope.into() })
}

fn read_tokens(fields: &mut Fields<'_>, decoder: &Decoder, base: &Path, access: &mut Access) {
    let mut count = 0;
    let read = |node: &Node, decoder: &Decoder| {
        count += 1;
        if count == TOKENS_MAX + 1 {
            decoder.error(node.span, format!("more than {TOKENS_MAX} tokens"));
        }
        read_token(node, decoder, base)
    };
    for (hash, file, token, span) in fields.optional("tokens").sequence(read).unwrap_or_default() {
        access.files.extend(file);
        if let Some(other) = access.tokens.get(&hash) {
            decoder.error(span, format!("{:?} and {:?} have the same token", other.name, token.name));
        } else if access.tokens.values().any(|other| other.name == token.name && other.grant != token.grant) {
            decoder
                .error(span, format!("two tokens are called {:?} and may not do the same", token.name))
                .hint("a name is what the log says of who did something");
        }
        access.tokens.insert(hash, token);
    }
}

type ReadToken = ([u8; 32], Option<std::path::PathBuf>, Token, model::source::Span);

fn read_token(node: &Node, decoder: &Decoder, base: &Path) -> Option<ReadToken> {
    let mut fields = decoder.mapping(node, "a token")?;
    let span = fields.span();
    let name = fields.required("name").string().filter(|name| {
        let is_good = !name.value.trim().is_empty() && name.value.len() <= NAME_BYTES_MAX;
        if !is_good {
            decoder.error(name.span, format!("a name has 1 to {NAME_BYTES_MAX} bytes"));
        }
        is_good
    });
    let grant = read_grant(&mut fields, decoder);
    let given = fields.optional("sha256").secret().string();
    let file = fields.optional("token_file").string().filter(|file| !file.value.is_empty());
    let expires = fields.optional("expires").parse_with(|text| {
        let hint = "write it as 2027-01-01T00:00:00Z";
        Timestamp::parse_rfc3339(text).map_err(|error| format!("{error}: {hint}"))
    });
    fields.finish();
    let (hash, path) = match (given, file) {
        (Some(text), None) => {
            let hash = token::read_hash(&text.value);
            if hash.is_none() {
                decoder
                    .error(text.span, "sha256 is not a hash of 64 hexadecimal digits")
                    .without_excerpt()
                    .hint("make one with: printf %s \"$TOKEN\" | sha256sum");
            }
            (hash?, None)
        }
        (None, Some(file)) => {
            let path = base.join(&file.value);
            let read =
                std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()));
            let checked = read.and_then(|text| match text.trim() {
                text if text.len() < token::BYTES_MIN => Err(format!(
                    "{} holds {} bytes: a token has at least {}, such as those of `openssl rand -hex 32`",
                    path.display(),
                    text.len(),
                    token::BYTES_MIN
                )),
                text => Ok(token::hash(text)),
            });
            let hash = checked.map_err(|error| drop(decoder.error(file.span, error))).ok()?;
            (hash, Some(path))
        }
        (Some(_), Some(_)) => {
            decoder.error(span, "sha256 and token_file exclude each other");
            return None;
        }
        (None, None) => {
            decoder.error(span, "a token needs sha256 or token_file");
            return None;
        }
    };
    Some((hash, path, Token { name: name?.value, grant: grant?, expires: expires.map(|at| at.value) }, span))
}

fn read_proxy(node: &Node, decoder: &Decoder) -> Option<Proxy> {
    let mut fields = decoder.mapping(node, "proxy")?;
    let span = fields.span();
    let trusted = fields.required("trusted").sequence(|node, decoder| {
        let network = decoder.value(node).parse::<Network>()?;
        if network.value.is_everything() {
            decoder.warning(network.span, "proxy.trusted: whoever reaches this service may say that they are anybody");
        }
        Some(network.value)
    });
    let header = |fields: &mut Fields<'_>, name, default| {
        let given = fields.optional(name).parse_with(|text| {
            HeaderName::from_bytes(text.as_bytes()).map_err(|_| format!("{text:?} is no name of a header"))
        });
        given.map_or(HeaderName::from_static(default), |given| given.value)
    };
    let user_header = header(&mut fields, "user_header", USER_HEADER);
    let groups_header = header(&mut fields, "groups_header", GROUPS_HEADER);
    let plain = |all: Vec<(Spanned<String>, Grant)>| all.into_iter().map(|(name, grant)| (name.value, grant)).collect();
    let users: Vec<(String, Grant)> = plain(grants(&mut fields, "users"));
    let groups: Vec<(String, Grant)> = plain(grants(&mut fields, "groups"));
    let others = fields.optional("others").one_of(&ANONYMOUS).and_then(|role| role.value).map(Grant::of);
    fields.finish();
    if users.is_empty() && groups.is_empty() && others.is_none() && !decoder.has_errors() {
        decoder
            .error(span, "the proxy lets nobody in: there are no users, no groups and no others")
            .hint("write others: viewer for everybody whom it lets through");
    }
    Some(Proxy { trusted: trusted?, user_header, groups_header, users, groups, others })
}
