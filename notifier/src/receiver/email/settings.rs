//! `email_configs` as meant.

use std::collections::BTreeSet;
use std::path::Path;

use outbound::Secret;
use outbound::http_config::{TlsConfig, TlsVersion};
use outbound::secret::decode_secret;
use yaml::{Decoder, Field, Fields, Node};

use super::Smarthost;
use crate::config::global::Global;
use crate::receiver::TemplateText;
use crate::receiver::reading::any_given;

/// Where a mail goes, and what it says. Everything left out has been taken from `global`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailSettings {
    /// Recipients, separated by commas.
    pub to: TemplateText,
    /// The one sender.
    pub from: TemplateText,
    /// Where mails are handed in.
    pub smarthost: Smarthost,
    /// The name we greet with. Default `localhost`.
    pub hello: String,
    /// How we log in; `None`: not at all.
    pub auth: Option<EmailAuth>,
    /// Never send over a connection without TLS. Default true.
    pub require_tls: bool,
    /// TLS from the first byte rather than by STARTTLS. Default: on port 465.
    pub implicit_tls: bool,
    /// How the connection is secured.
    pub tls: TlsConfig,
    /// Headers beside or instead of the usual ones, by canonical name (`Reply-To`), each name once.
    pub headers: Vec<(String, TemplateText)>,
    /// The HTML part. `None`: the shipped template; empty: no such part.
    pub html: Option<TemplateText>,
    /// The text part. `None`: the shipped default; empty: no such part.
    pub text: Option<TemplateText>,
    /// Whether mails of a group are tied together.
    pub threading: Threading,
}

/// How to log in at a mail server. Which of the secrets is used depends on what the server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAuth {
    /// The name.
    pub username: String,
    /// For PLAIN and LOGIN.
    pub password: Option<Secret>,
    /// For CRAM-MD5.
    pub secret: Option<Secret>,
    /// Authorization identity of PLAIN; usually empty.
    pub identity: String,
}

/// How mails of a group are tied together by `References` and `In-Reply-To`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threading {
    /// Each stands alone.
    Off,
    /// A thread a day.
    Daily,
    /// One thread for ever.
    Forever,
}

impl EmailSettings {
    /// Decodes an item of `email_configs`. Also gives `send_resolved`, which is off by default for mails.
    pub fn decode(node: &Node, decoder: &Decoder, global: &Global, base: &Path) -> Option<(bool, EmailSettings)> {
        let mut fields = decoder.mapping(node, "an email_configs item")?;
        let send_resolved = fields.optional("send_resolved").boolean().is_some_and(|flag| flag.value);
        let to = required_text(&mut fields, decoder, "to");
        let from = TemplateText::decode(fields.optional("from")).filter(|from| !from.as_str().is_empty());
        let from = from.or_else(|| global.smtp.from.clone());
        let smarthost = read_smarthost(fields.optional("smarthost")).or_else(|| global.smtp.smarthost.clone());
        for (key, missing) in [("from", from.is_none()), ("smarthost", smarthost.is_none())] {
            if missing && !any_given(node, &[key]) {
                let message = format!("{key:?} is missing here and as \"smtp_{key}\" in global");
                decoder.error(fields.span(), message).hint(format!("set smtp_{key} in global"));
            }
        }
        let hello = text(fields.optional("hello")).unwrap_or_else(|| global.smtp.hello.clone());
        let auth = decode_auth(&mut fields, decoder, global, base);
        let require_tls = fields.optional("require_tls").boolean().map(|flag| flag.value);
        let tls = fields.optional("tls_config").decode(|node, decoder| mail_tls(node, decoder, base));
        let implicit_tls = fields.optional("force_implicit_tls").boolean().map(|flag| flag.value);
        let headers = decode_headers(fields.optional("headers"));
        let html = TemplateText::decode(fields.optional("html"));
        let body = TemplateText::decode(fields.optional("text"));
        let threading = fields.optional("threading").decode(|node, decoder| decode_threading(node, decoder, &headers));
        fields.finish();
        let smarthost = smarthost?;
        let implicit_tls = implicit_tls.or(global.smtp.force_implicit_tls);
        let settings = EmailSettings {
            to: to?,
            from: from?,
            hello,
            auth,
            require_tls: require_tls.unwrap_or(global.smtp.require_tls),
            implicit_tls: implicit_tls.unwrap_or_else(|| smarthost.is_implicit_tls()),
            smarthost,
            tls: tls.unwrap_or_else(|| global.smtp.tls.clone()),
            headers,
            html,
            text: body,
            threading: threading.unwrap_or(Threading::Off),
        };
        Some((send_resolved, settings))
    }
}

/// A text that is there and not empty.
fn text(field: Field<'_>) -> Option<String> {
    field.string().map(|text| text.value).filter(|text| !text.is_empty())
}

fn required_text(fields: &mut Fields<'_>, decoder: &Decoder, key: &'static str) -> Option<TemplateText> {
    let text = TemplateText::decode(fields.required(key))?;
    if text.as_str().is_empty() {
        decoder.error(fields.key_span(key).unwrap_or(fields.span()), format!("{key:?} is empty"));
    }
    Some(text)
}

/// How the connection to a mail server is secured; one setting has no effect there, which is told.
pub(crate) fn mail_tls(node: &Node, decoder: &Decoder, base: &Path) -> Option<TlsConfig> {
    let tls = TlsConfig::decode(node, decoder, base)?;
    if tls.max_version.is_some_and(|version| version < TlsVersion::Tls13)
        && let Some(at) = node.get("max_version")
    {
        let report = decoder
            .warning(at.span, "\"max_version\" has no effect after STARTTLS: TLS 1.3 is spoken where it is offered");
        report.hint("let the server offer no more than it should speak");
    }
    Some(tls)
}

/// A mail server, if one is given.
pub(crate) fn read_smarthost(field: Field<'_>) -> Option<Smarthost> {
    let empty = field.node().and_then(Node::as_text).is_some_and(str::is_empty);
    if empty { None } else { field.parse().map(|smarthost| smarthost.value) }
}

fn decode_auth(fields: &mut Fields<'_>, decoder: &Decoder, global: &Global, base: &Path) -> Option<EmailAuth> {
    let username = text(fields.optional("auth_username")).or_else(|| global.smtp.auth_username.clone());
    let password = decode_secret(fields, decoder, base, ("auth_password", "auth_password_file"));
    let secret = decode_secret(fields, decoder, base, ("auth_secret", "auth_secret_file"));
    let identity = text(fields.optional("auth_identity")).or_else(|| global.smtp.auth_identity.clone());
    Some(EmailAuth {
        username: username?,
        password: password.or_else(|| global.smtp.auth_password.clone()),
        secret: secret.or_else(|| global.smtp.auth_secret.clone()),
        identity: identity.unwrap_or_default(),
    })
}

fn decode_headers(field: Field<'_>) -> Vec<(String, TemplateText)> {
    let mut seen = BTreeSet::new();
    let headers = field.entries(|key, node, decoder| {
        let name = canonical_header(&key.text);
        let is_token = |b: u8| b.is_ascii_graphic() && b != b':';
        if name.is_empty() || !name.bytes().all(is_token) {
            decoder.error(key.span, format!("{:?} is not the name of a mail header", key.text));
            return None;
        }
        if !seen.insert(name.clone()) {
            decoder.error(key.span, format!("header {name:?} is given twice, the case of letters apart"));
            return None;
        }
        let empty = || Some(TemplateText::Go(String::new()));
        let value = if node.is_null() { empty() } else { TemplateText::decode(decoder.value(node)) };
        Some((name, value?))
    });
    headers.unwrap_or_default()
}

/// `reply-TO` becomes `Reply-To`.
fn canonical_header(name: &str) -> String {
    let mut starts = true;
    let canonical = |c: char| {
        let cased = if starts { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        starts = !c.is_ascii_alphanumeric();
        cased
    };
    name.chars().map(canonical).collect()
}

fn decode_threading(node: &Node, decoder: &Decoder, headers: &[(String, TemplateText)]) -> Option<Threading> {
    let mut fields = decoder.mapping(node, "a threading section")?;
    let enabled = fields.optional("enabled").boolean().is_some_and(|flag| flag.value);
    let by_date = fields
        .optional("thread_by_date")
        .one_of(&[("daily", Threading::Daily), ("none", Threading::Forever)])
        .map(|by_date| by_date.value);
    if enabled && !fields.contains("thread_by_date") {
        let report = decoder.error(fields.span(), "threading needs \"thread_by_date\" when it is enabled");
        report.hint("thread_by_date: daily, or none for one thread for ever");
    }
    let own = headers.iter().find(|(name, _)| matches!(name.as_str(), "References" | "In-Reply-To"));
    if enabled && let Some((name, _)) = own {
        decoder.error(fields.span(), format!("threading sets the header {name:?}, which is also given in headers"));
    }
    fields.finish();
    if enabled { by_date } else { Some(Threading::Off) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_canonical() {
        for (written, canonical) in [("reply-TO", "Reply-To"), ("subject", "Subject"), ("x-a_b", "X-A_B")] {
            assert_eq!(canonical_header(written), canonical);
        }
    }
}
