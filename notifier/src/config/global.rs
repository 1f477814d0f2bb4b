//! `global`: what receivers take where they say nothing themselves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::duration::parse_duration;
use outbound::http_config::TlsConfig;
use outbound::secret::decode_secret;
use outbound::{HttpConfig, Secret};
use yaml::{Decoder, Field, Fields, Node};

use crate::receiver::TemplateText;
use crate::receiver::email::{Smarthost, mail_tls, read_smarthost};
use crate::receiver::reading::{any_given, http_url};

const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// Defaults for receivers, and for alerts that come without an end.
#[derive(Clone, Debug)]
pub struct Global {
    /// For alerts that come without an end. Default 5 minutes.
    pub resolve_timeout: Duration,
    /// For receivers without an `http_config` of their own.
    pub http: Arc<HttpConfig>,
    /// For mails.
    pub smtp: GlobalSmtp,
    /// Address of PagerDuty's API.
    pub pagerduty_url: Secret,
    /// Addresses and secrets of integrations that are data, by their keys here.
    pub(crate) others: BTreeMap<&'static str, Secret>,
}

/// Defaults for mails.
#[derive(Clone, Debug)]
pub struct GlobalSmtp {
    /// The sender.
    pub from: Option<TemplateText>,
    /// Where mails are handed in.
    pub smarthost: Option<Smarthost>,
    /// The name we greet with. Default `localhost`.
    pub hello: String,
    /// The name we log in with.
    pub auth_username: Option<String>,
    /// For PLAIN and LOGIN.
    pub auth_password: Option<Secret>,
    /// For CRAM-MD5.
    pub auth_secret: Option<Secret>,
    /// Authorization identity of PLAIN.
    pub auth_identity: Option<String>,
    /// Never send over a connection without TLS. Default true.
    pub require_tls: bool,
    /// How the connection is secured.
    pub tls: TlsConfig,
    /// TLS from the first byte, or not; left out: on port 465.
    pub force_implicit_tls: Option<bool>,
}

impl Default for Global {
    fn default() -> Global {
        Global {
            resolve_timeout: Duration::from_secs(300),
            http: Arc::default(),
            smtp: GlobalSmtp::default(),
            pagerduty_url: Secret::inline(PAGERDUTY_URL),
            others: OTHER_URLS.into_iter().map(|(key, url)| (key, Secret::inline(url))).collect(),
        }
    }
}

impl Default for GlobalSmtp {
    fn default() -> GlobalSmtp {
        GlobalSmtp {
            from: None,
            smarthost: None,
            hello: "localhost".to_owned(),
            auth_username: None,
            auth_password: None,
            auth_secret: None,
            auth_identity: None,
            require_tls: true,
            tls: TlsConfig::default(),
            force_implicit_tls: None,
        }
    }
}

/// Secrets of integrations that are data, each given by one of two keys.
const OTHER_SECRETS: [(&str, &str); 9] = [
    ("slack_api_url", "slack_api_url_file"),
    ("slack_app_token", "slack_app_token_file"),
    ("opsgenie_api_key", "opsgenie_api_key_file"),
    ("victorops_api_key", "victorops_api_key_file"),
    ("wechat_api_secret", "wechat_api_secret_file"),
    ("telegram_bot_token", "telegram_bot_token_file"),
    ("rocketchat_token", "rocketchat_token_file"),
    ("rocketchat_token_id", "rocketchat_token_id_file"),
    ("mattermost_webhook_url", "mattermost_webhook_url_file"),
];

/// Addresses among them, each of which must be usable.
const SECRET_URLS: [&str; 2] = ["slack_api_url", "mattermost_webhook_url"];

/// Addresses of their services, and what they are unless given.
const OTHER_URLS: [(&str, &str); 7] = [
    ("slack_app_url", "https://slack.com/api/chat.postMessage"),
    ("opsgenie_api_url", "https://api.opsgenie.com/"),
    ("victorops_api_url", "https://alert.victorops.com/integrations/generic/20131114/alert/"),
    ("wechat_api_url", "https://qyapi.weixin.qq.com/cgi-bin/"),
    ("telegram_api_url", "https://api.telegram.org/"),
    ("webex_api_url", "https://webexapis.com/v1/messages"),
    ("rocketchat_api_url", "https://open.rocket.chat/"),
];

impl Global {
    /// Decodes the `global` section; relative file names start at `base`.
    pub(crate) fn decode(node: &Node, decoder: &Decoder, base: &Path) -> Option<Global> {
        let mut fields = decoder.mapping(node, "the global section")?;
        let default = Global::default();
        let resolve_timeout = fields.optional("resolve_timeout").parse_with(parse_duration);
        let http = fields.optional("http_config").decode(|node, decoder| HttpConfig::decode(node, decoder, base));
        let smtp = GlobalSmtp::decode(node, &mut fields, decoder, base);
        let pagerduty_url = http_url(fields.optional("pagerduty_url"));
        let others = decode_others(&mut fields, decoder, base);
        fields.finish();
        Some(Global {
            resolve_timeout: resolve_timeout.map_or(default.resolve_timeout, |timeout| timeout.value),
            http: http.map_or(default.http, Arc::new),
            smtp,
            pagerduty_url: pagerduty_url.unwrap_or(default.pagerduty_url),
            others,
        })
    }
}

fn decode_others(fields: &mut Fields<'_>, decoder: &Decoder, base: &Path) -> BTreeMap<&'static str, Secret> {
    let mut others = Global::default().others;
    for (key, _) in OTHER_URLS {
        others.extend(http_url(fields.optional(key)).map(|url| (key, url)));
    }
    for key in SECRET_URLS {
        let _checked = http_url(fields.optional(key));
    }
    for (key, file) in OTHER_SECRETS {
        others.extend(decode_secret(fields, decoder, base, (key, file)).map(|secret| (key, secret)));
    }
    others.extend(http_url(fields.optional("jira_api_url")).map(|url| ("jira_api_url", url)));
    let corp_id = fields.optional("wechat_api_corp_id").string();
    others.extend(corp_id.map(|text| ("wechat_api_corp_id", Secret::inline(text.value))));
    others
}

impl GlobalSmtp {
    fn decode(node: &Node, fields: &mut Fields<'_>, decoder: &Decoder, base: &Path) -> GlobalSmtp {
        let default = GlobalSmtp::default();
        GlobalSmtp {
            from: TemplateText::decode(fields.optional("smtp_from")).filter(|from| !from.as_str().is_empty()),
            // A wrong one is reported here; receivers must not miss it as well.
            smarthost: read_smarthost(fields.optional("smtp_smarthost")).or_else(|| {
                any_given(node, &["smtp_smarthost"]).then(|| Smarthost { host: "localhost".to_owned(), port: 25 })
            }),
            hello: text(fields.optional("smtp_hello")).unwrap_or(default.hello),
            auth_username: text(fields.optional("smtp_auth_username")),
            auth_password: decode_secret(fields, decoder, base, ("smtp_auth_password", "smtp_auth_password_file")),
            auth_secret: decode_secret(fields, decoder, base, ("smtp_auth_secret", "smtp_auth_secret_file")),
            auth_identity: text(fields.optional("smtp_auth_identity")),
            require_tls: fields.optional("smtp_require_tls").boolean().map_or(default.require_tls, |flag| flag.value),
            tls: fields
                .optional("smtp_tls_config")
                .decode(|node, decoder| mail_tls(node, decoder, base))
                .unwrap_or_default(),
            force_implicit_tls: fields.optional("smtp_force_implicit_tls").boolean().map(|flag| flag.value),
        }
    }
}

/// A text that is there and not empty.
fn text(field: Field<'_>) -> Option<String> {
    field.string().map(|text| text.value).filter(|text| !text.is_empty())
}
