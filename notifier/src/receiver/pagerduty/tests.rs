use std::sync::Arc;

use outbound::{HttpConfig, Secret};
use serde_json::{Value, json};

use super::*;
use crate::receiver::TemplateTree;
use crate::rendering::sample::{alert, notification, two};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn settings() -> PagerDutySettings {
    PagerDutySettings {
        key: PagerDutyKey::Routing(Secret::inline(KEY)),
        url: Secret::inline("http://pd/v2/enqueue"),
        client: None,
        client_url: None,
        description: None,
        severity: None,
        source: None,
        class: None,
        component: None,
        group: None,
        details: Vec::new(),
        images: Vec::new(),
        links: Vec::new(),
        timeout: None,
        http: Arc::new(HttpConfig::default()),
    }
}

fn go(text: &str) -> Option<TemplateText> {
    Some(TemplateText::Go(text.to_owned()))
}

fn event(settings: &PagerDutySettings, notification: &Notification) -> (Value, Option<String>) {
    let renderer = Renderer::shipped("http://wf:9093");
    let rendered = settings.render(notification, &renderer, "http://pd/v2/enqueue", KEY).unwrap();
    (serde_json::from_slice(&rendered.request.body).unwrap(), rendered.degraded)
}

#[test]
fn defaults() {
    let notification = notification(vec![alert("alertname=Hot,instance=i1", "summary=warm", None)]);
    let rendered = settings().render(&notification, &Renderer::shipped("http://wf:9093"), "http://pd/", KEY).unwrap();
    let wanted = r#"{"routing_key":"0123456789abcdef0123456789abcdef","dedup_key":"DEDUP","event_action":"trigger","payload":{"summary":"[FIRING:1] Hot (i1)","source":"Alertmanager","severity":"error","custom_details":{"firing":[{"annotations":{"summary":"warm"},"endsAt":"0001-01-01T00:00:00Z","fingerprint":"PRINT","generatorURL":"http://prom/graph?g0.expr=up\u0026g0.tab=1","labels":{"alertname":"Hot","instance":"i1"},"startsAt":"2026-11-21T03:00:00.25Z","status":"firing"}],"num_firing":"1","num_resolved":"0","resolved":[]}},"client":"Alertmanager","client_url":"http://wf:9093/#/alerts?receiver=team-a.b"}"#;
    let wanted = wanted
        .replace("DEDUP", &dedup_key(&notification))
        .replace("PRINT", &notification.alerts[0].fingerprint.to_string());
    assert_eq!(String::from_utf8(rendered.request.body.to_vec()).unwrap(), wanted + "\n");
}

#[test]
fn an_incident_closes_when_nothing_fires_any_more() {
    let resolved = notification(vec![alert("alertname=Hot,instance=i1", "", Some(5.0))]);
    assert_eq!(event(&settings(), &resolved).0["event_action"], "resolve");
    assert_eq!(event(&settings(), &two()).0["event_action"], "trigger");
    assert_eq!(event(&settings(), &resolved).0["dedup_key"], event(&settings(), &two()).0["dedup_key"]);
}

#[test]
fn summaries_are_cut_by_characters() {
    let description = go(&"ü".repeat(2_000));
    let (event, _) = event(&PagerDutySettings { description, ..settings() }, &two());
    let summary = event["payload"]["summary"].as_str().unwrap();
    assert_eq!((summary.chars().count(), summary.chars().last()), (1024, Some('…')));
}

#[test]
fn details_that_are_too_long_are_replaced() {
    let alerts =
        (0..3_000).map(|i| alert(&format!("alertname=Hot,instance={i}"), "summary=a long text about it", None));
    let notification = notification(alerts.collect());
    let rendered = settings().render(&notification, &Renderer::shipped(""), "http://pd/", KEY).unwrap();
    assert!(rendered.request.body.len() < 2_000);
    let (event, _) = event(&settings(), &notification);
    let note = "Custom details have been removed because the original event exceeds the maximum size of 512KB";
    assert_eq!(event["payload"]["custom_details"], json!({"error": note}));
    assert_eq!(event["payload"]["summary"], "[FIRING:3000] Hot ");
}

#[test]
fn one_failed_template_costs_one_field() {
    let details = vec![
        ("good".to_owned(), TemplateTree::Text("{{ .Status }}".to_owned())),
        ("bad".to_owned(), TemplateTree::Text("{{ index .Alerts 9 }}".to_owned())),
    ];
    let broken = PagerDutySettings {
        description: go("{{ .Nothing }}"),
        severity: go("critical"),
        class: go("{{ template \"missing\" }}"),
        details,
        ..settings()
    };
    let (event, degraded) = event(&broken, &two());
    let degraded = degraded.unwrap();
    for field in ["description: ", "class: ", "details.bad: "] {
        assert!(degraded.contains(field), "{field} is not in {degraded}");
    }
    let payload = &event["payload"];
    assert_eq!(payload["summary"], "[FIRING:1] alertname=Hot");
    assert_eq!(payload["severity"], "critical");
    assert_eq!(payload["custom_details"]["good"], "firing");
    assert_eq!(payload["custom_details"]["template_error"], degraded);
    assert_eq!(payload["custom_details"]["firing"][0]["labels"]["instance"], "i<1>");
}

#[test]
fn version_1() {
    let old = PagerDutySettings { key: PagerDutyKey::Service(Secret::inline(KEY)), ..settings() };
    let (trigger, _) = event(&old, &two());
    assert_eq!((&trigger["service_key"], &trigger["event_type"]), (&json!(KEY), &json!("trigger")));
    assert_eq!(trigger["incident_key"], dedup_key(&two()));
    assert_eq!(trigger["client"], "Alertmanager");
    let (resolve, _) = event(&old, &notification(vec![alert("alertname=Hot", "", Some(1.0))]));
    assert_eq!((&resolve["event_type"], resolve.get("client")), (&json!("resolve"), None));
}

#[test]
fn an_empty_key_finds_nobody() {
    let rendered = settings().render(&two(), &Renderer::shipped(""), "http://pd/", "{{ .CommonLabels.key }}");
    assert!(rendered.is_err());
}

#[test]
fn complaints_are_told_without_the_key() {
    let body = format!(
        r#"{{"status":"invalid event","message":"Event object is invalid","errors":["key {KEY} is unknown"]}}"#
    );
    let response =
        Response { status: StatusCode::BAD_REQUEST, headers: Default::default(), body: body.into(), truncated: false };
    let outcome = settings().classify(Ok(&response), &[KEY], Timestamp::EPOCH);
    let message = "HTTP 400 Bad Request: Event object is invalid: key <secret> is unknown".to_owned();
    assert_eq!(outcome, Outcome::Rejected { reason: "clientError", message });
    let old = PagerDutySettings { key: PagerDutyKey::Service(Secret::inline(KEY)), ..settings() };
    let forbidden = Response { status: StatusCode::FORBIDDEN, ..response };
    let outcome = old.classify(Ok(&forbidden), &[KEY], Timestamp::EPOCH);
    assert!(matches!(outcome, Outcome::Retry { reason: "rateLimited", .. }), "{outcome:?}");
}
