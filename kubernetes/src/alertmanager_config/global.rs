//! `alertmanagerConfiguration.global` of an Alertmanager object: what becomes the `global` section.

use yaml::Node;

use super::http_config::{HTTP, TLS};
use super::reader::Reader;
use super::shape::Kind::{Duration, Flag, HostPort, LooseUrl, Part, Secret, SecretUrl, Text, Url};
use super::shape::{Shape, field, shape};
use super::value::{Entries, Value};

/// Its fields beside the sections.
static GLOBAL: Shape = shape(
    "the global settings",
    &[
        field("resolveTimeout", "resolve_timeout", Duration),
        field("httpConfig", "http_config", Part(&HTTP)),
        field("slackApiUrl", "slack_api_url", SecretUrl),
        field("opsGenieApiUrl", "opsgenie_api_url", SecretUrl),
        field("opsGenieApiKey", "opsgenie_api_key", Secret),
        field("pagerdutyUrl", "pagerduty_url", LooseUrl),
        // each becomes fields of the global section itself
        field("smtp", "", Part(&SMTP)),
        field("telegram", "", Part(&TELEGRAM)).refused_before(24),
        field("jira", "", Part(&JIRA)).refused_before(28),
        field("victorops", "", Part(&VICTOROPS)),
        field("rocketChat", "", Part(&ROCKETCHAT)).refused_before(28),
        field("webex", "", Part(&WEBEX)).refused_before(25),
        field("wechat", "", Part(&WECHAT)),
        field("mattermost", "", Part(&MATTERMOST)).refused_before(32),
    ],
);

static SMTP: Shape = shape(
    "the smtp settings",
    &[
        field("from", "smtp_from", Text),
        field("smartHost", "smtp_smarthost", HostPort),
        field("hello", "smtp_hello", Text),
        field("authUsername", "smtp_auth_username", Text),
        field("authPassword", "smtp_auth_password", Secret),
        field("authIdentity", "smtp_auth_identity", Text),
        field("authSecret", "smtp_auth_secret", Secret),
        field("requireTLS", "smtp_require_tls", Flag),
        field("tlsConfig", "smtp_tls_config", Part(&TLS)).since(28),
        field("forceImplicitTLS", "smtp_force_implicit_tls", Flag).refused_before(31),
    ],
);

static TELEGRAM: Shape = shape(
    "the telegram settings",
    &[
        field("apiURL", "telegram_api_url", Url),
        field("botToken", "telegram_bot_token", Secret).refused_before(31),
        field("botTokenFile", "telegram_bot_token_file", Text).refused_before(31),
    ],
)
.checked(|reader, node| reader.at_most_one(node, &["botToken", "botTokenFile"]));

static JIRA: Shape = shape("the jira settings", &[field("apiURL", "jira_api_url", Url)]);

static VICTOROPS: Shape = shape(
    "the victorops settings",
    &[field("apiURL", "victorops_api_url", Url), field("apiKey", "victorops_api_key", Secret)],
);

static ROCKETCHAT: Shape = shape(
    "the rocketChat settings",
    &[
        field("apiURL", "rocketchat_api_url", Url),
        field("token", "rocketchat_token", Secret),
        field("tokenID", "rocketchat_token_id", Secret),
    ],
);

static WEBEX: Shape = shape("the webex settings", &[field("apiURL", "webex_api_url", Url)]);

static WECHAT: Shape = shape(
    "the wechat settings",
    &[
        field("apiURL", "wechat_api_url", Url),
        field("apiSecret", "wechat_api_secret", Secret),
        field("apiCorpID", "wechat_api_corp_id", Text),
    ],
);

static MATTERMOST: Shape =
    shape("the mattermost settings", &[field("webhookURL", "mattermost_webhook_url", SecretUrl)]);

/// The `global` section.
pub(crate) fn read(reader: &Reader<'_>, node: &Node) -> Option<Value> {
    let mut out = Entries::new();
    for (key, value) in reader.parts(node, &GLOBAL)? {
        match value {
            Value::Map(entries) if key.is_empty() => out.extend(entries),
            value => out.push((key, value)),
        }
    }
    Some(Value::Map(out))
}
