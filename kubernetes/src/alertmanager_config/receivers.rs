//! The kinds of receivers an object can have: fields of v1alpha1 and what they become.

use std::collections::BTreeSet;

use yaml::Node;

use super::http_config::{HTTP, TLS};
use super::reader::Reader;
use super::shape::Kind::{
    AnyText, Duration, FilledSecret, FilledText, Flag, Integer, OneOf, Pairs, Part, Parts, Secret, SecretUrl, Text,
    TextMap, Texts, TrueFlag, Url,
};
use super::shape::{Field, Shape, field, shape};

/// A list of a receiver.
pub(crate) struct Section {
    /// Its name in the object.
    pub(crate) name: &'static str,
    /// Its name in `alertmanager.yml`.
    pub(crate) out: &'static str,
    /// What an item looks like.
    pub(crate) shape: &'static Shape,
    /// Alertmanager 0.N that has it first; any if 0.
    pub(crate) since: u64,
}

const fn section(name: &'static str, out: &'static str, shape: &'static Shape, since: u64) -> Section {
    Section { name, out, shape, since }
}

/// All there are.
pub(crate) static SECTIONS: [Section; 15] = [
    section("opsgenieConfigs", "opsgenie_configs", &OPSGENIE, 0),
    section("pagerdutyConfigs", "pagerduty_configs", &PAGERDUTY, 0),
    section("discordConfigs", "discord_configs", &DISCORD, 25),
    section("slackConfigs", "slack_configs", &SLACK, 0),
    section("webhookConfigs", "webhook_configs", &WEBHOOK, 0),
    section("wechatConfigs", "wechat_configs", &WECHAT, 0),
    section("emailConfigs", "email_configs", &EMAIL, 0),
    section("pushoverConfigs", "pushover_configs", &PUSHOVER, 0),
    section("victoropsConfigs", "victorops_configs", &VICTOROPS, 0),
    section("snsConfigs", "sns_configs", &SNS, 0),
    section("telegramConfigs", "telegram_configs", &TELEGRAM, 24),
    section("webexConfigs", "webex_configs", &WEBEX, 25),
    section("msteamsConfigs", "msteams_configs", &MSTEAMS, 26),
    section("msteamsv2Configs", "msteamsv2_configs", &MSTEAMS_V2, 28),
    section("rocketchatConfigs", "rocketchat_configs", &ROCKETCHAT, 28),
];

const SEND_RESOLVED: Field = field("sendResolved", "send_resolved", Flag);
const HTTP_CONFIG: Field = field("httpConfig", "http_config", Part(&HTTP));
const API_URL: Field = field("apiURL", "api_url", Url);
const TITLE: Field = field("title", "title", Text);
const TEXT: Field = field("text", "text", Text);
const MESSAGE: Field = field("message", "message", Text);
const DETAILS: Field = field("details", "details", Pairs);

static WEBHOOK: Shape = shape(
    "a webhook receiver",
    &[
        SEND_RESOLVED,
        field("url", "url", Url),
        // the Secret wins
        field("urlSecret", "url", SecretUrl),
        HTTP_CONFIG,
        field("maxAlerts", "max_alerts", Integer),
        field("timeout", "timeout", Duration).since(28),
        field("payload", "payload", Text).since(32),
    ],
)
.checked(|reader, node| reader.at_least_one(node, &["url", "urlSecret"]));

static EMAIL: Shape = shape(
    "an email receiver",
    &[
        SEND_RESOLVED,
        field("to", "to", FilledText).required(),
        field("from", "from", Text),
        field("hello", "hello", Text),
        field("smarthost", "smarthost", Text),
        field("authUsername", "auth_username", Text),
        field("authPassword", "auth_password", Secret),
        field("authSecret", "auth_secret", Secret),
        field("authIdentity", "auth_identity", Text),
        field("headers", "headers", Pairs),
        field("html", "html", AnyText),
        field("text", "text", AnyText),
        field("requireTLS", "require_tls", Flag),
        field("tlsConfig", "tls_config", Part(&TLS)),
        field("forceImplicitTLS", "force_implicit_tls", Flag).since(31),
        field("threading", "threading", Part(&THREADING)).since(30),
    ],
)
.checked(check_email);

static THREADING: Shape = shape(
    "a threading",
    &[field("threadByDate", "thread_by_date", OneOf(&[("Daily", "daily"), ("None", "none")])).required()],
)
.with(&[("enabled", "true")]);

static PAGERDUTY: Shape = shape(
    "a PagerDuty receiver",
    &[
        SEND_RESOLVED,
        field("routingKey", "routing_key", Secret),
        field("serviceKey", "service_key", Secret),
        field("url", "url", Url),
        field("client", "client", Text),
        field("clientURL", "client_url", Url),
        field("description", "description", Text),
        field("severity", "severity", Text),
        field("class", "class", Text),
        field("group", "group", Text),
        field("component", "component", Text),
        DETAILS,
        field("pagerDutyImageConfigs", "images", Parts(&PAGERDUTY_IMAGE)),
        field("pagerDutyLinkConfigs", "links", Parts(&PAGERDUTY_LINK)),
        HTTP_CONFIG,
        field("source", "source", Text).since(25),
        field("timeout", "timeout", Duration).since(30),
    ],
)
.checked(|reader, node| reader.at_least_one(node, &["routingKey", "serviceKey"]));

static PAGERDUTY_IMAGE: Shape =
    shape("an image", &[field("src", "src", Url), field("href", "href", Url), field("alt", "alt", Text)]);

/// The text of a link is called `alt`.
static PAGERDUTY_LINK: Shape = shape("a link", &[field("href", "href", Url), field("alt", "text", Text)]);

static OPSGENIE: Shape = shape(
    "an OpsGenie receiver",
    &[
        SEND_RESOLVED,
        field("apiKey", "api_key", Secret),
        API_URL,
        MESSAGE,
        field("description", "description", Text),
        field("source", "source", Text),
        field("tags", "tags", Text),
        field("note", "note", Text),
        field("priority", "priority", Text),
        field("updateAlerts", "update_alerts", Flag).since(24).only_v1alpha1(),
        DETAILS,
        field("responders", "responders", Parts(&RESPONDER)),
        HTTP_CONFIG,
        field("entity", "entity", Text).since(24),
        field("actions", "actions", Text).since(24),
    ],
);

static RESPONDER: Shape = shape(
    "a responder",
    &[
        field("id", "id", Text),
        field("name", "name", Text),
        field("username", "username", Text),
        field(
            "type",
            "type",
            OneOf(&[
                ("team", "team"),
                ("teams", "teams"),
                ("user", "user"),
                ("escalation", "escalation"),
                ("schedule", "schedule"),
            ]),
        )
        .required(),
    ],
)
.checked(|reader, node| {
    reader.at_least_one(node, &["id", "name", "username"]);
    if node.get("type").and_then(Node::as_text) == Some("teams") && !reader.target_knows(24) {
        reader.report(node, "type", "responders of the type \"teams\" need Alertmanager 0.24");
    }
});

static SLACK: Shape = shape(
    "a Slack receiver",
    &[
        SEND_RESOLVED,
        field("apiURL", "api_url", SecretUrl),
        field("channel", "channel", Text),
        field("username", "username", Text),
        field("color", "color", Text),
        TITLE,
        field("titleLink", "title_link", Url),
        field("pretext", "pretext", Text),
        TEXT,
        field("fields", "fields", Parts(&SLACK_FIELD)),
        field("shortFields", "short_fields", TrueFlag),
        field("footer", "footer", Text),
        field("fallback", "fallback", Text),
        field("callbackId", "callback_id", Text),
        field("iconEmoji", "icon_emoji", Text),
        field("iconURL", "icon_url", Url),
        field("imageURL", "image_url", Url),
        field("thumbURL", "thumb_url", Url),
        field("linkNames", "link_names", TrueFlag),
        field("mrkdwnIn", "mrkdwn_in", Texts),
        field("actions", "actions", Parts(&SLACK_ACTION)),
        HTTP_CONFIG,
        field("timeout", "timeout", Duration).since(30),
        field("messageText", "message_text", Text).since(31),
        field("updateMessage", "update_message", Flag).since(32),
    ],
);

static SLACK_FIELD: Shape = shape(
    "a field",
    &[
        field("title", "title", FilledText).required(),
        field("value", "value", FilledText).required(),
        field("short", "short", TrueFlag),
    ],
);

static SLACK_ACTION: Shape = shape(
    "an action",
    &[
        field("type", "type", FilledText).required(),
        field("text", "text", FilledText).required(),
        field("url", "url", Url),
        field("style", "style", Text),
        field("name", "name", Text),
        field("value", "value", Text),
        field("confirm", "confirm", Part(&SLACK_CONFIRMATION)),
    ],
);

static SLACK_CONFIRMATION: Shape = shape(
    "a confirm",
    &[
        field("text", "text", FilledText).required(),
        TITLE,
        field("okText", "ok_text", Text),
        field("dismissText", "dismiss_text", Text),
    ],
);

static VICTOROPS: Shape = shape(
    "a VictorOps receiver",
    &[
        SEND_RESOLVED,
        field("apiKey", "api_key", Secret),
        field("apiUrl", "api_url", Url),
        field("routingKey", "routing_key", FilledText).required(),
        field("messageType", "message_type", Text),
        field("entityDisplayName", "entity_display_name", Text),
        field("stateMessage", "state_message", Text),
        field("monitoringTool", "monitoring_tool", Text),
        field("customFields", "custom_fields", Pairs),
        HTTP_CONFIG,
    ],
)
.checked(check_victorops);

static PUSHOVER: Shape = shape(
    "a Pushover receiver",
    &[
        SEND_RESOLVED,
        field("userKey", "user_key", FilledSecret),
        field("userKeyFile", "user_key_file", Text).since(26),
        field("token", "token", FilledSecret),
        field("tokenFile", "token_file", Text).since(26),
        TITLE,
        MESSAGE,
        field("url", "url", Url),
        field("urlTitle", "url_title", Text),
        field("ttl", "ttl", Text).since(27),
        field("device", "device", Text).since(26),
        field("sound", "sound", Text),
        field("priority", "priority", Text),
        field("retry", "retry", Duration),
        field("expire", "expire", Duration),
        field("html", "html", Flag),
        field("monospace", "monospace", Flag).since(29),
        HTTP_CONFIG,
    ],
)
.checked(|reader, node| {
    reader.at_least_one(node, &["userKey", "userKeyFile"]);
    reader.at_least_one(node, &["token", "tokenFile"]);
    let is_true = |name| node.get(name).and_then(Node::as_text) == Some("true");
    if is_true("html") && is_true("monospace") {
        reader.report(node, "monospace", "\"html\" and \"monospace\" exclude each other");
    }
});

static WECHAT: Shape = shape(
    "a WeChat receiver",
    &[
        SEND_RESOLVED,
        field("apiSecret", "api_secret", Secret),
        API_URL,
        field("corpID", "corp_id", Text),
        field("agentID", "agent_id", Text),
        field("toUser", "to_user", Text),
        field("toParty", "to_party", Text),
        field("toTag", "to_tag", Text),
        MESSAGE,
        field("messageType", "message_type", Text),
        HTTP_CONFIG,
    ],
);

static SNS: Shape = shape(
    "an SNS receiver",
    &[
        SEND_RESOLVED,
        API_URL,
        field("sigv4", "sigv4", Part(&SIGV4)),
        field("topicARN", "topic_arn", Text),
        field("subject", "subject", Text),
        field("phoneNumber", "phone_number", Text),
        field("targetARN", "target_arn", Text),
        MESSAGE,
        field("attributes", "attributes", TextMap),
        HTTP_CONFIG,
        field("useAWSHTTPClient", "use_aws_http_client", TrueFlag).since(33),
    ],
)
.checked(|reader, node| reader.exactly_one(node, &["topicARN", "phoneNumber", "targetARN"]));

static SIGV4: Shape = shape(
    "a sigv4",
    &[
        field("region", "region", Text),
        field("accessKey", "access_key", Secret),
        field("secretKey", "secret_key", Secret),
        field("profile", "profile", Text),
        field("roleArn", "role_arn", Text),
        field("externalId", "external_id", Text).since(33),
        field("useFIPSSTSEndpoint", "use_fips_sts_endpoint", TrueFlag).since(33),
    ],
)
.only_filled()
.checked(|reader, node| {
    if reader.is_filled(node, "externalId") && !reader.is_filled(node, "roleArn") {
        reader.report(node, "externalId", "\"externalId\" needs \"roleArn\"");
    }
    for (given, other) in [("accessKey", "secretKey"), ("secretKey", "accessKey")] {
        if reader.is_filled(node, given) && !reader.is_filled(node, other) {
            reader.report(node, given, format!("{given:?} needs {other:?} beside it"));
        }
    }
});

static TELEGRAM: Shape = shape(
    "a Telegram receiver",
    &[
        SEND_RESOLVED,
        API_URL,
        field("botTokenFile", "bot_token_file", Text).since(26),
        field("botToken", "bot_token", Secret),
        field("chatID", "chat_id", Integer).required(),
        field("messageThreadID", "message_thread_id", Integer).since(26),
        MESSAGE,
        field("disableNotifications", "disable_notifications", TrueFlag),
        field(
            "parseMode",
            "parse_mode",
            OneOf(&[("MarkdownV2", "MarkdownV2"), ("Markdown", "Markdown"), ("HTML", "HTML"), ("", "")]),
        ),
        HTTP_CONFIG,
    ],
)
.checked(|reader, node| {
    reader.at_most_one(node, &["botToken", "botTokenFile"]);
    if node.get("chatID").and_then(Node::as_text) == Some("0") {
        reader.report(node, "chatID", "\"chatID\" must not be 0");
    }
});

static WEBEX: Shape = shape(
    "a Webex receiver",
    &[SEND_RESOLVED, API_URL, field("roomID", "room_id", FilledText).required(), MESSAGE, HTTP_CONFIG],
);

static DISCORD: Shape = shape(
    "a Discord receiver",
    &[
        SEND_RESOLVED,
        field("apiURL", "webhook_url", SecretUrl).required(),
        TITLE,
        MESSAGE,
        field("content", "content", Text).since(28),
        field("username", "username", Text).since(28),
        field("avatarURL", "avatar_url", Url).since(28),
        HTTP_CONFIG,
    ],
);

static MSTEAMS: Shape = shape(
    "an MS Teams receiver",
    &[
        SEND_RESOLVED,
        field("webhookUrl", "webhook_url", SecretUrl).required(),
        TITLE,
        field("summary", "summary", Text).since(27),
        TEXT,
        HTTP_CONFIG,
    ],
);

static MSTEAMS_V2: Shape = shape(
    "an MS Teams v2 receiver",
    &[SEND_RESOLVED, field("webhookURL", "webhook_url", SecretUrl).required(), TITLE, TEXT, HTTP_CONFIG],
);

static ROCKETCHAT: Shape = shape(
    "a Rocket.Chat receiver",
    &[
        SEND_RESOLVED,
        API_URL,
        field("channel", "channel", Text),
        field("token", "token", Secret).required(),
        field("tokenID", "token_id", Secret).required(),
        field("color", "color", Text),
        field("emoji", "emoji", Text),
        field("iconURL", "icon_url", Url),
        TEXT,
        TITLE,
        field("titleLink", "title_link", Url),
        field("fields", "fields", Parts(&ROCKETCHAT_FIELD)),
        field("shortFields", "short_fields", TrueFlag),
        field("imageURL", "image_url", Url),
        field("thumbURL", "thumb_url", Url),
        field("linkNames", "link_names", TrueFlag),
        field("actions", "actions", Parts(&ROCKETCHAT_ACTION)),
        HTTP_CONFIG,
    ],
);

static ROCKETCHAT_FIELD: Shape =
    shape("a field", &[TITLE, field("value", "value", Text), field("short", "short", Flag)]);

static ROCKETCHAT_ACTION: Shape = shape("an action", &[TEXT, field("url", "url", Url), field("msg", "msg", Text)]);

fn check_email(reader: &Reader<'_>, node: &Node) {
    if let Some(smarthost) = node.get("smarthost").and_then(Node::as_text)
        && !smarthost.is_empty()
        && !is_host_port(smarthost)
    {
        reader.report(node, "smarthost", format!("{smarthost:?} is not host:port"));
    }
    let headers = node.get("headers").and_then(Node::as_sequence).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for header in headers {
        let name = header.get("key").and_then(Node::as_text).unwrap_or_default();
        if !seen.insert(name.to_ascii_lowercase()) {
            reader.report(header, "key", format!("there are two headers {name:?}; case makes no difference"));
        }
    }
}

/// `host:port`, where a host with colons stands in brackets.
fn is_host_port(text: &str) -> bool {
    match text.rsplit_once(':') {
        Some((host, port)) => {
            !port.contains(']') && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')))
        }
        None => false,
    }
}

/// Fields that VictorOps has itself.
const VICTOROPS_OWN: [&str; 7] = [
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
];

fn check_victorops(reader: &Reader<'_>, node: &Node) {
    for custom in node.get("customFields").and_then(Node::as_sequence).unwrap_or_default() {
        let name = custom.get("key").and_then(Node::as_text).unwrap_or_default();
        if VICTOROPS_OWN.contains(&name) {
            reader.report(custom, "key", format!("{name:?} is VictorOps' own and cannot be a custom field"));
        }
    }
}
