//! Every preset: read, checked, rendered for one notification, and what is made of answers.

use std::path::Path;

use bytes::Bytes;
use model::Timestamp;
use outbound::Response;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value as Json, json};

use super::verdict::Judged;
use super::*;
use crate::notification::{Notification, Reason};
use crate::receiver::sample::{config, mistakes, receiver};
use crate::receiver::{Outcome, Receiver, Settings};
use crate::rendering::sample::{alert, notification, two};
use crate::rendering::{RenderError, Rendered, Renderer};

/// Where `expected.json` lies: section, requests when it fires, requests when all is resolved.
fn folder(name: &str) -> std::path::PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/presets")).join(name)
}

fn settings(receiver: &Receiver) -> &PresetSettings {
    let Settings::Preset(settings) = &receiver.integrations[0].settings else { panic!() };
    settings
}

fn inputs(settings: &PresetSettings) -> Inputs {
    let secrets = settings.secrets().into_iter().map(|(name, secret)| match secret {
        Secret::Inline(text) => (name, text.clone()),
        Secret::File(path) => panic!("{}", path.display()),
    });
    Inputs { secrets: secrets.collect(), token: Some("t0ken".into()), memory: None }
}

fn rendered(
    section: &str,
    notification: &Notification,
    memory: Option<Json>,
) -> Result<Rendered<Vec<Step>>, RenderError> {
    let receiver = receiver(section);
    let settings = settings(&receiver);
    let inputs = Inputs { memory, ..inputs(settings) };
    settings.render(notification, &Renderer::shipped("http://wf:9093"), &inputs)
}

/// Requests as `expected.json` has them.
fn shown(steps: &[Step]) -> Json {
    let step = |step: &Step| {
        let headers: serde_json::Map<String, Json> = (step.request.headers.iter())
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
            .collect();
        let body = String::from_utf8(step.request.body.to_vec()).unwrap();
        let body: Json = serde_json::from_str(&body).unwrap_or_else(|_| {
            let pairs = url::form_urlencoded::parse(body.as_bytes());
            pairs
                .map(|(key, value)| (key.into_owned(), Json::from(value.into_owned())))
                .collect::<serde_json::Map<_, _>>()
                .into()
        });
        json!({"method": step.request.method.as_str(), "url": step.request.url, "headers": headers, "body": body})
    };
    steps.iter().map(step).collect()
}

fn body(section: &str, notification: &Notification) -> Json {
    let steps = rendered(section, notification, None).unwrap();
    shown(&steps.request)[0]["body"].clone()
}

fn resolved() -> Notification {
    let mut resolved = notification(vec![alert("alertname=Hot,instance=i2", "summary=CPU high", Some(300.0))]);
    resolved.reason = Reason::AllResolved;
    resolved
}

/// Writes what it finds where `WATCHFIRE_EXPECT` is set, for a look at it in the diff.
#[test]
fn every_preset_makes_the_expected_requests() {
    for preset in templates::presets::ALL.map(Preset::of_section) {
        let path = folder(preset.name).join("expected.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let expected: Json = serde_json::from_str(&text).unwrap();
        let section = expected["section"].to_string();
        let section = format!("{}_configs: [{section}]", preset.name);
        let found = |notification: Notification| shown(&rendered(&section, &notification, None).unwrap().request);
        let found = json!({"section": expected["section"], "firing": found(two()), "resolved": found(resolved())});
        if std::env::var_os("WATCHFIRE_EXPECT").is_some() {
            std::fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        } else {
            assert_eq!(found, expected, "{}", preset.name);
        }
    }
}

#[test]
fn every_preset_names_a_global_and_templates_that_exist() {
    let known = crate::config::global::Global::default();
    let go = templates::go_template::notifier_functions::template_set();
    for preset in templates::presets::ALL.map(Preset::of_section) {
        for setting in &preset.shape.settings {
            if let definition::Kind::Url(source, true) = &setting.kind {
                assert!(
                    source.global.is_some_and(|key| known.others.contains_key(key)),
                    "{} {}",
                    preset.name,
                    setting.name
                );
            }
            if let Some(name) =
                setting.default.as_deref().and_then(|text| text.split('"').nth(1)).filter(|name| name.contains('.'))
            {
                assert!(go.contains(name), "{name}");
            }
        }
    }
}

const SLACK: &str = "slack_configs: [{api_url: 'https://hooks.example/services/s3cret', channel: '#ops'";

#[test]
fn limits_are_characters_and_bytes() {
    let long = "🔥".repeat(5_000);
    for (section, path, characters) in [
        (format!("{SLACK}, title: {long}}}]"), "/attachments/0/title", 1024),
        (format!("discord_configs: [{{webhook_url: 'http://d/', title: {long}}}]"), "/embeds/0/title", 256),
        (format!("discord_configs: [{{webhook_url: 'http://d/', message: {long}}}]"), "/embeds/0/description", 4096),
        (format!("discord_configs: [{{webhook_url: 'http://d/', content: {long}}}]"), "/content", 2000),
        (format!("opsgenie_configs: [{{api_key: k, message: {long}}}]"), "/message", 130),
        (format!("telegram_configs: [{{bot_token: k, chat_id: 1, parse_mode: '', message: {long}}}]"), "/text", 4096),
        (format!("pushover_configs: [{{token: k, user_key: u, title: {long}}}]"), "/title", 250),
        (format!("pushover_configs: [{{token: k, user_key: u, message: {long}}}]"), "/message", 1024),
        (format!("pushover_configs: [{{token: k, user_key: u, url: {long}}}]"), "/url", 512),
        (format!("rocketchat_configs: [{{token: k, token_id: u, title: {long}}}]"), "/attachments/0/title", 1024),
    ] {
        let body = body(&section, &two());
        let text = body.pointer(path).and_then(Json::as_str).unwrap_or_else(|| panic!("{path} in {body}"));
        let short = section.get(..20).unwrap();
        assert_eq!((text.chars().count(), text.chars().last()), (characters, Some('…')), "{short} {path}");
    }
    let longer = "ü".repeat(25_000);
    let text = format!("mattermost_configs: [{{webhook_url: 'http://m/', text: {longer}}}]");
    assert_eq!(body(&text, &two())["text"].as_str().unwrap().chars().count(), 16_383);
    let state = format!("victorops_configs: [{{api_key: a, routing_key: b, state_message: {longer}}}]");
    assert_eq!(body(&state, &two())["state_message"].as_str().unwrap().chars().count(), 20_480);
    let webex = "webex_configs: [{room_id: r, http_config: {authorization: {credentials: k}}, message: ";
    let body = body(&format!("{webex}{long}}}]"), &two());
    let text = body["markdown"].as_str().unwrap();
    assert!(text.len() <= 7439 && text.len() > 7430 && text.ends_with("🔥…"), "{}", text.len());
}

#[test]
fn an_event_that_is_too_long_tells_of_its_first_alert() {
    let incidentio = "incidentio_configs: [{url: 'http://i/', alert_source_token: t}]";
    let alerts = |count: usize| {
        let text = format!("summary={}", "x".repeat(1_000));
        notification((0..count).map(|n| alert(&format!("alertname=Hot,n={n}"), &text, None)).collect())
    };
    let told = |count| body(incidentio, &alerts(count))["alerts"].as_array().unwrap().len();
    assert_eq!((told(300), told(600)), (300, 1));
}

#[test]
fn markup_that_is_too_long_becomes_plain_text() {
    let telegram = "telegram_configs: [{bot_token: k, chat_id: 1, message: '<b>{{ .CommonLabels.zone }}</b>";
    // as many characters as are taken, and tags that do not count
    let fits = body(&format!("{telegram}{}'}}]", "x".repeat(4_095)), &two());
    assert!(fits["text"].as_str().unwrap().starts_with("<b>ü</b>xxx"));
    let cut = body(&format!("{telegram}{}'}}]", "x".repeat(4_096)), &two());
    let text = cut["text"].as_str().unwrap();
    assert!(text.starts_with("[FIRING:1] alertname=Hot\n\nFIRING Hot"), "{text}");
    assert!(text.contains("CPU &amp; &lt;mem&gt; high"), "{text}");
}

#[test]
fn values_are_escaped_where_the_text_is_html() {
    let message = "message: '<b>{{ .CommonAnnotations.summary }}</b>'";
    let html = body(&format!("telegram_configs: [{{bot_token: k, chat_id: -1001, {message}}}]"), &two());
    assert_eq!(html["text"], "<b>CPU &amp; &lt;mem&gt; high é</b>");
    assert_eq!((&html["chat_id"], &html["parse_mode"]), (&"-1001".into(), &"HTML".into()));
    let plain =
        body(&format!("telegram_configs: [{{bot_token: k, chat_id: 1, parse_mode: Markdown, {message}}}]"), &two());
    assert_eq!(plain["text"], "<b>CPU & <mem> high é</b>");
    let html = body(&format!("pushover_configs: [{{token: k, user_key: u, html: true, {message}}}]"), &two());
    assert_eq!((&html["message"], &html["html"]), (&"<b>CPU &amp; &lt;mem&gt; high é</b>".into(), &"1".into()));
}

#[test]
fn failed_templates_cost_one_field() {
    let broken = format!("{SLACK}, title: '{{{{ .Nothing }}}}', text: '{{{{ index .Alerts 9 }}}}', footer: f}}]");
    let rendered = rendered(&broken, &two(), None).unwrap();
    let degraded = rendered.degraded.unwrap();
    assert!(degraded.contains("title: ") && degraded.contains("text: "), "{degraded}");
    let attachment = &shown(&rendered.request)[0]["body"]["attachments"][0];
    assert_eq!((&attachment["title"], &attachment["footer"]), (&"[FIRING:1] alertname=Hot".into(), &"f".into()));
    assert!(attachment["text"].as_str().unwrap().contains("summary: CPU & <mem> high é"), "{attachment}");
}

#[test]
fn nobody_to_send_to_is_an_error() {
    let webex =
        "webex_configs: [{http_config: {authorization: {credentials: k}}, room_id: '{{ .CommonLabels.room }}'}]";
    let error = rendered(webex, &two(), None).map(drop).unwrap_err();
    assert_eq!(error.0, "room_id is empty");
}

#[test]
fn slack_changes_its_first_message() {
    let slack = "slack_configs: [{api_url: 'https://slack.com/api/chat.postMessage', channel: '#ops', update_message: true, \
                 http_config: {authorization: {credentials: xoxb}}}]";
    let first = rendered(slack, &two(), None).unwrap().request;
    assert_eq!((first.len(), first[0].request.url.as_str()), (1, "https://slack.com/api/chat.postMessage"));
    assert_eq!(first[0].remember, ["channel", "ts"]);
    assert_eq!(shown(&first)[0]["body"].get("ts"), None);
    let second = rendered(slack, &resolved(), Some(json!({"channel": "C1", "ts": "12.3"}))).unwrap().request;
    assert_eq!((second.len(), second[0].request.url.as_str()), (1, "https://slack.com/api/chat.update"));
    let body = &shown(&second)[0]["body"];
    assert_eq!((&body["channel"], &body["ts"]), (&"C1".into(), &"12.3".into()));
    assert_eq!(body["attachments"][0]["color"], "good");
}

#[test]
fn mistakes_in_sections() {
    for (section, wanted) in [
        ("slack_configs: [{channel: a}]", "neither \"api_url\" nor \"app_token\" is given"),
        ("slack_configs: [{api_url: 'http://a/', app_token: b}]", "both \"api_url\" and \"app_token\" are given"),
        ("slack_configs: [{api_url: 'http://a/', api_url_file: b}]", "both \"api_url\" and \"api_url_file\" are given"),
        ("slack_configs: [{api_url: 'http://a/', update_message: true}]", "\"update_message\" needs the address"),
        ("slack_configs: [{api_url: 'http://a/', titel: b}]", "unknown field \"titel\" in a slack_configs item"),
        ("slack_configs: [{api_url: 'http://a/', title: '{{ .A'}]", "the template does not parse"),
        ("slack_configs: [{api_url: 'http://a/', fields: [{title: b}]}]", "\"value\" is missing or empty"),
        (
            "slack_configs: [{api_url: 'http://a/', actions: [{type: b, text: c}]}]",
            "one of \"url\", \"name\" must be given",
        ),
        ("slack_configs: [{api_url: 'nowhere'}]", "not a usable URL"),
        ("discord_configs: [{}]", "neither \"webhook_url\" nor \"webhook_url_file\" is given"),
        ("telegram_configs: [{bot_token: a}]", "neither \"chat_id\" nor \"chat_id_file\" is given"),
        ("telegram_configs: [{bot_token: a, chat_id: 1, parse_mode: html}]", "HTML"),
        ("opsgenie_configs: [{api_key: a, responders: [{type: team}]}]", "one of \"id\", \"name\", \"username\""),
        ("opsgenie_configs: [{api_key: a, responders: [{type: crew, name: b}]}]", "crew"),
        ("victorops_configs: [{api_key: a}]", "\"routing_key\" is missing or empty"),
        ("victorops_configs: [{api_key: a, routing_key: b, custom_fields: {entity_id: c}}]", "\"entity_id\" is set by"),
        (
            "pushover_configs: [{token: a, user_key: b, html: true, monospace: true}]",
            "only one of \"html\", \"monospace\"",
        ),
        ("webex_configs: [{room_id: a}]", "\"authorization\" in \"http_config\" must be given"),
        ("incidentio_configs: [{url: 'http://a/'}]", "\"alert_source_token\" or \"authorization\""),
        ("wechat_configs: [{api_secret: a, corp_id: b, message_type: html}]", "one of text, markdown"),
        (
            "incidentio_configs: [{url: 'http://a/', alert_source_token: b, http_config: {authorization: {credentials: c}}}]",
            "both \"alert_source_token\" and \"authorization\" in \"http_config\" are given",
        ),
        (
            "slack_configs: [{app_token: a, http_config: {authorization: {credentials: c}}}]",
            "both \"app_token\" and \"authorization\" in \"http_config\" are given",
        ),
    ] {
        let found = mistakes(section);
        assert!(found.contains(wanted), "{section}\n{found}");
    }
}

#[test]
fn no_secret_is_shown() {
    for section in [
        format!("{SLACK}, http_config: {{authorization: {{credentials: s3cret}}}}}}]"),
        "telegram_configs: [{bot_token: s3cret, chat_id: 1}]".to_owned(),
        "opsgenie_configs: [{api_key: s3cret}]".to_owned(),
        "pushover_configs: [{token: s3cret, user_key: s3cret}]".to_owned(),
        "wechat_configs: [{api_secret: s3cret, corp_id: b}]".to_owned(),
        "victorops_configs: [{api_key: s3cret, routing_key: r}]".to_owned(),
        "sns_configs: [{topic_arn: a, sigv4: {region: a, access_key: s3cret, secret_key: s3cret}}]".to_owned(),
        "jira_configs: [{api_url: 'http://u:s3cret@a/', project: a, issue_type: b}]".to_owned(),
        "incidentio_configs: [{url: 'http://s3cret/', alert_source_token: s3cret}]".to_owned(),
    ] {
        let (config, _) = config(&section).unwrap();
        let shown = format!("{config:?} {:?}", config.shown);
        assert!(!shown.contains("s3cret"), "{section}\n{shown}");
        let mistaken = section.replacen("_configs: [{", "_configs: [{nonsense: 1, ", 1);
        let found = self::config(&mistaken).map(drop).unwrap_err().to_string();
        assert!(!found.contains("s3cret"), "{found}");
    }
}

fn answer(status: u16, content_type: &str, body: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_str(content_type).unwrap());
    Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: Bytes::from(body.to_owned()),
        truncated: false,
    }
}

fn verdict(section: &str, status: u16, content_type: &str, body: &str) -> String {
    let receiver = receiver(section);
    let response = answer(status, content_type, body);
    let judged = settings(&receiver).classify(Ok(&response), &["s3cret"], Timestamp::EPOCH);
    let outcome = |outcome: Outcome| match outcome {
        Outcome::Delivered | Outcome::DeliveredAs(_) => "delivered".to_owned(),
        Outcome::Retry { reason, retry_after, .. } => {
            format!("retry {reason} {}", retry_after.map_or(0, |wait| wait.as_secs())).trim_end_matches(" 0").to_owned()
        }
        Outcome::Rejected { reason, message } => {
            assert!(!message.contains("s3cret"), "{message}");
            format!("rejected {reason}")
        }
    };
    match judged {
        Judged::Outcome(judged) => outcome(judged),
        Judged::TokenExpired(judged) => format!("token expired, {}", outcome(judged)),
        Judged::Gone(judged) => format!("gone, {}", outcome(judged)),
    }
}

#[test]
fn what_answers_mean() {
    const JSON: &str = "application/json; charset=utf-8";
    let slack = format!("{SLACK}}}]");
    let (telegram, wechat) =
        ("telegram_configs: [{bot_token: a, chat_id: 1}]", "wechat_configs: [{api_secret: a, corp_id: b}]");
    let (discord, rocketchat) =
        ("discord_configs: [{webhook_url: 'http://d/'}]", "rocketchat_configs: [{token: a, token_id: b}]");
    for (section, status, kind, body, wanted) in [
        (slack.as_str(), 200, "text/plain", "ok", "delivered"),
        (&slack, 200, "text/html", "no s3cret team", "rejected clientError"),
        (&slack, 200, JSON, r#"{"ok":true,"ts":"1"}"#, "delivered"),
        (&slack, 200, JSON, r#"{"ok":false,"error":"channel_is_archived"}"#, "rejected clientError"),
        (&slack, 200, JSON, r#"{"ok":false,"error":"ratelimited"}"#, "retry clientError"),
        (&slack, 200, JSON, r#"{"ok":false,"error":"message_not_found"}"#, "gone, rejected clientError"),
        (&slack, 200, JSON, "<html>", "retry clientError"),
        (&slack, 403, "text/plain", "invalid_token", "rejected authError"),
        (&slack, 429, "text/plain", "", "retry rateLimited"),
        (&slack, 503, "text/plain", "", "retry serverError"),
        (telegram, 400, JSON, r#"{"ok":false}"#, "retry clientError"),
        (telegram, 429, JSON, r#"{"ok":false,"parameters":{"retry_after":7}}"#, "retry rateLimited 7"),
        (discord, 204, JSON, "", "delivered"),
        (discord, 429, JSON, r#"{"retry_after":2.5}"#, "retry rateLimited 2"),
        (discord, 404, JSON, "{}", "rejected clientError"),
        (rocketchat, 200, JSON, r#"{"success":true}"#, "delivered"),
        (rocketchat, 200, JSON, r#"{"success":false,"error":"s3cret"}"#, "rejected clientError"),
        (wechat, 200, JSON, r#"{"errcode":0,"errmsg":"ok"}"#, "delivered"),
        (wechat, 200, JSON, r#"{"errcode":42001,"errmsg":"expired"}"#, "token expired, retry clientError"),
        (wechat, 200, JSON, r#"{"errcode":40003,"errmsg":"no user"}"#, "rejected clientError"),
        (wechat, 404, JSON, "", "retry clientError"),
    ] {
        assert_eq!(verdict(section, status, kind, body), wanted, "{section} {status} {body}");
    }
}

#[test]
fn responders_of_opsgenie() {
    let responders = "responders: [{type: teams, name: 'a,b, c'}, {type: user, username: '{{ .CommonLabels.nobody }}'}, \
                      {type: team, id: '{{ .CommonLabels.alertname }}'}]";
    let body = body(&format!("opsgenie_configs: [{{api_key: k, tags: 'x,,y', {responders}}}]"), &two());
    let team = |name: &str| json!({"name": name, "type": "team"});
    assert_eq!(body["responders"], json!([team("a"), team("b"), team("c"), {"id": "Hot", "type": "team"}]));
    assert_eq!(body["tags"], json!(["x", "y"]));
}
