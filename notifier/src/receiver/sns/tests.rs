//! Publish calls, keys of roles, and mistakes in sections.

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::role::keys_in;
use super::*;
use crate::notification::Notification;
use crate::receiver::sample::{mistakes, receiver};
use crate::receiver::{Receiver, Settings};
use crate::rendering::Renderer;
use crate::rendering::sample::{t, two};

const SIGV4: &str = "sigv4: {region: eu-1, access_key: AKIDEXAMPLE, secret_key: wJalrXUtnFEMI}";

fn section(more: &str) -> String {
    format!("sns_configs: [{{{SIGV4}, {more}}}]")
}

fn settings(receiver: &Receiver) -> &SnsSettings {
    let Settings::Sns(settings) = &receiver.integrations[0].settings else { panic!() };
    settings
}

fn keys(session_token: Option<&str>) -> Keys {
    Keys {
        access_key: "AKIDEXAMPLE".into(),
        secret_key: "wJalrXUtnFEMI".into(),
        session_token: session_token.map(Into::into),
        region: "eu-1".into(),
    }
}

fn parameters(request: &Request) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

fn published(more: &str, notification: &Notification) -> Vec<(String, String)> {
    let receiver = receiver(&section(more));
    let renderer = Renderer::shipped("http://wf:9093");
    let rendered = settings(&receiver).render(notification, &renderer, (None, &keys(None)), t(600.0)).unwrap();
    assert_eq!(rendered.request.url, "https://sns.eu-1.amazonaws.com/");
    parameters(&rendered.request)
}

fn value<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_message_to_a_topic() {
    let more = "topic_arn: 'arn:{{ .GroupLabels.alertname }}', subject: 'a{{ \"\\n\" }}b', message: m, \
                attributes: {z: '{{ .Status }}', a: '1', empty: ''}";
    let wanted = [
        ("Action", "Publish"),
        ("Message", "m"),
        ("MessageAttributes.entry.1.Name", "a"),
        ("MessageAttributes.entry.1.Value.DataType", "String"),
        ("MessageAttributes.entry.1.Value.StringValue", "1"),
        ("MessageAttributes.entry.2.Name", "z"),
        ("MessageAttributes.entry.2.Value.DataType", "String"),
        ("MessageAttributes.entry.2.Value.StringValue", "firing"),
        ("Subject", "a b"),
        ("TopicArn", "arn:Hot"),
        ("Version", "2010-03-31"),
    ];
    assert_eq!(published(more, &two()), wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let default = published("target_arn: arn", &two());
    assert_eq!(value(&default, "Subject"), Some("[FIRING:1] Hot (ü)"));
    assert!(value(&default, "Message").unwrap().starts_with("CPU & <mem> high é\n\nAlerts Firing:\n"), "{default:?}");
    assert_eq!(value(&default, "TargetArn"), Some("arn"));
}

#[test]
fn what_is_cut_says_so() {
    let long = "🔥".repeat(100_000);
    for (target, characters, bytes) in [("phone_number: '+1'", Some(1600), None), ("topic_arn: a", None, Some(262_144))]
    {
        let cut = published(&format!("{target}, message: {long}, attributes: {{truncated: no}}"), &two());
        let message = value(&cut, "Message").unwrap();
        assert!(message.ends_with("🔥…"));
        assert!(characters.is_none_or(|characters| message.chars().count() == characters));
        assert!(bytes.is_none_or(|bytes| message.len() <= bytes && message.len() > bytes - 8), "{}", message.len());
        assert_eq!(value(&cut, "MessageAttributes.entry.1.Name"), Some("truncated"));
        assert_eq!(value(&cut, "MessageAttributes.entry.1.Value.StringValue"), Some("true"));
    }
    let subject = published(&format!("topic_arn: a, subject: {long}"), &two());
    assert_eq!(value(&subject, "Subject").unwrap().chars().count(), 99);
}

#[test]
fn topics_that_keep_an_order_get_each_notification() {
    let first = published("topic_arn: a.fifo", &two());
    let again = published("topic_arn: a.fifo", &two());
    assert_eq!(first, again, "another attempt is the same message");
    let later = published("topic_arn: a.fifo", &Notification { at: t(660.0), ..two() });
    let id = "MessageDeduplicationId";
    assert_ne!(value(&first, id), value(&later, id), "the next notification is not");
    assert_eq!(value(&first, "MessageGroupId"), value(&later, "MessageGroupId"));
    assert_eq!(value(&published("topic_arn: a", &two()), id), None);
}

#[test]
fn failed_templates_cost_one_field() {
    let more = "topic_arn: a, subject: '{{ index .Alerts 9 }}', message: '{{ index .Alerts 9 }}'";
    let receiver = receiver(&section(more));
    let renderer = Renderer::shipped("");
    let rendered = settings(&receiver).render(&two(), &renderer, (None, &keys(None)), t(600.0)).unwrap();
    let degraded = rendered.degraded.unwrap();
    assert!(degraded.contains("subject: ") && degraded.contains("message: "), "{degraded}");
    let parameters = parameters(&rendered.request);
    assert_eq!(value(&parameters, "Subject"), Some("[FIRING:1] alertname=Hot"));
    assert!(value(&parameters, "Message").unwrap().contains("summary: CPU & <mem> high é"), "{parameters:?}");
    let nobody = crate::receiver::sample::receiver(&section("topic_arn: '{{ .CommonLabels.topic }}'"));
    let error = settings(&nobody).render(&two(), &renderer, (None, &keys(None)), t(600.0)).unwrap_err();
    assert_eq!(error.0, "topic_arn is empty");
}

#[test]
fn keys_of_a_role() {
    let sigv4 =
        "sigv4: {region: eu-1, access_key: AKIDEXAMPLE, secret_key: wJalrXUtnFEMI, role_arn: 'arn:r', external_id: e}";
    let receiver = receiver(&format!("sns_configs: [{{{sigv4}, topic_arn: a}}]"));
    let request = settings(&receiver).assume_role(host("sts", "eu-1"), &keys(None), t(600.0)).unwrap();
    assert_eq!(request.url, "https://sts.eu-1.amazonaws.com/");
    assert_eq!(host("sts", "cn-1"), "https://sts.cn-1.amazonaws.com.cn/");
    let wanted = [
        ("Action", "AssumeRole"),
        ("DurationSeconds", "900"),
        ("ExternalId", "e"),
        ("RoleArn", "arn:r"),
        ("RoleSessionName", "watchfire"),
        ("Version", "2011-06-15"),
    ];
    assert_eq!(parameters(&request), wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let authorization = request.headers.get("authorization").unwrap().to_str().unwrap();
    assert!(
        authorization.contains("/eu-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date, "),
        "{authorization}"
    );
    let answer = "<AssumeRoleResponse xmlns=\"x\"><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>\
                  <SecretAccessKey>s/+=</SecretAccessKey><SessionToken>t==</SessionToken>\
                  <Expiration>2026-11-21T03:25:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
    let (keys, until) = keys_in(answer, "eu-1").unwrap();
    assert_eq!((keys.secrets(), until), (vec!["ASIA", "s/+=", "t=="], t(24.0 * 60.0)));
    assert!(keys_in("<SessionToken></SessionToken>", "eu-1").is_none());
    let renderer = Renderer::shipped("");
    let request = settings(&receiver).render(&two(), &renderer, (None, &keys), t(600.0)).unwrap().request;
    assert_eq!(request.headers.get("x-amz-security-token").unwrap(), "t==");
    let authorization = request.headers.get("authorization").unwrap().to_str().unwrap();
    assert!(authorization.contains("x-amz-date;x-amz-security-token, "), "{authorization}");
}

#[test]
fn what_answers_mean() {
    let receiver = receiver(&section("topic_arn: a"));
    let role = crate::receiver::sample::receiver(
        "sns_configs: [{topic_arn: a, sigv4: {region: r, access_key: AKIDEXAMPLE, secret_key: wJalrXUtnFEMI, role_arn: r}}]",
    );
    for (of, status, body, wanted, is_expired) in [
        (&receiver, 200, "", "Delivered", false),
        (&receiver, 400, "<Code>Throttling</Code>", "Retry", false),
        (&receiver, 400, "<Code>InvalidParameter</Code> AKIDEXAMPLE", "Rejected", false),
        (&receiver, 403, "<Code>ExpiredToken</Code>", "Rejected", false),
        (&role, 403, "<Code>ExpiredToken</Code>", "Retry", true),
        (&role, 503, "", "Retry", false),
    ] {
        let response = Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body),
            truncated: false,
        };
        let (outcome, expired) = settings(of).classify(Ok(&response), &keys(None).secrets(), t(600.0));
        let shown = format!("{outcome:?}");
        assert!(
            shown.starts_with(wanted) && !shown.contains("AKID") && expired == is_expired,
            "{status} {body}: {shown}"
        );
    }
}

#[test]
fn mistakes_are_found() {
    for (section, wanted) in [
        (section("subject: a"), "one of \"topic_arn\", \"phone_number\", \"target_arn\" must be given"),
        (section("topic_arn: a, phone_number: b"), "only one of \"topic_arn\""),
        (section("topic_arn: a, api_url: b"), "not a usable URL"),
        ("sns_configs: [{topic_arn: a, sigv4: {access_key: b}}]".to_owned(), "belong together"),
        (
            "sns_configs: [{topic_arn: a, sigv4: {region: b, access_key: c, secret_key: d, profile: e}}]".to_owned(),
            "profile: not supported",
        ),
        (
            "sns_configs: [{topic_arn: a, sigv4: {region: b, access_key: c, secret_key: d, external_id: e}}]"
                .to_owned(),
            "\"external_id\" is only for a role",
        ),
    ] {
        let found = mistakes(&section);
        assert!(found.contains(wanted), "{section}\n{found}");
        assert!(!found.contains("wJalrXUtnFEMI"), "{found}");
    }
}
