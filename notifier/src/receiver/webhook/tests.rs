use super::*;
use crate::receiver::TemplateTree;
use crate::rendering::sample::{alert, labels, notification, two};

const URL: &str = "https://hooks.example/s3cret";

fn body(settings: &WebhookSettings, notification: &Notification) -> (String, Option<String>) {
    let rendered = settings.render(notification, &Renderer::shipped("http://wf:9093/"), URL).unwrap();
    (String::from_utf8(rendered.request.body.to_vec()).unwrap(), rendered.degraded)
}

#[test]
fn version_4_key_for_key() {
    let mut notification = two();
    notification.route_labels = labels("team=db");
    let (body, degraded) = body(&WebhookSettings::to(URL), &notification);
    assert_eq!(degraded, None);
    let first = r#"{"status":"firing","labels":{"alertname":"Hot","instance":"i\u003c1\u003e","zone":"ü"},"annotations":{"runbook":"https://r.example/hot","summary":"CPU \u0026 \u003cmem\u003e high é"},"startsAt":"2026-11-21T03:00:00.25Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom/graph?g0.expr=up\u0026g0.tab=1","fingerprint":"FIRST"}"#;
    let second = r#"{"status":"resolved","labels":{"alertname":"Hot","instance":"i2","zone":"ü"},"annotations":{"summary":"CPU \u0026 \u003cmem\u003e high é"},"startsAt":"2026-11-21T03:00:00.25Z","endsAt":"2026-11-21T03:05:00Z","generatorURL":"http://prom/graph?g0.expr=up\u0026g0.tab=1","fingerprint":"SECOND"}"#;
    let rest = r#""notification_reason":"first notification","groupLabels":{"alertname":"Hot"},"commonLabels":{"alertname":"Hot","zone":"ü"},"commonAnnotations":{"summary":"CPU \u0026 \u003cmem\u003e high é"},"routeLabels":{"team":"db"},"externalURL":"http://wf:9093","version":"4","groupKey":"{}:{alertname=\"Hot\"}","truncatedAlerts":0}"#;
    let wanted =
        format!("{{\"receiver\":\"team-a\\\\.b\",\"status\":\"firing\",\"alerts\":[{first},{second}],{rest}\n");
    let wanted = wanted
        .replace("FIRST", &notification.alerts[0].fingerprint.to_string())
        .replace("SECOND", &notification.alerts[1].fingerprint.to_string());
    assert_eq!(body, wanted);
}

#[test]
fn alerts_beyond_the_limit_are_counted_and_keep_the_page_open() {
    let alerts = vec![
        alert("alertname=A,instance=0,parity=even", "", Some(10.0)),
        alert("alertname=A,instance=1,parity=odd", "", Some(10.0)),
        alert("alertname=A,instance=2,parity=odd", "", None),
    ];
    let settings = WebhookSettings { max_alerts: 2, ..WebhookSettings::to(URL) };
    let (body, _) = body(&settings, &notification(alerts));
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["alerts"].as_array().unwrap().len(), 2);
    assert_eq!((&body["truncatedAlerts"], &body["status"]), (&1.into(), &"firing".into()));
}

#[test]
fn users_write_their_own_payload() {
    let text = |text: &str| TemplateTree::Text(text.to_owned());
    let payload = TemplateTree::Map(vec![
        ("title".to_owned(), text("{{ .Status | toUpper }} <{{ .CommonLabels.alertname }}>")),
        ("priority".to_owned(), text("{{ if eq .Status \"firing\" }}5{{ else }}0{{ end }}")),
        ("labels".to_owned(), text("{{ .CommonLabels | toJson }}")),
    ]);
    let settings = WebhookSettings { payload: Some(payload), ..WebhookSettings::to(URL) };
    let (body, _) = body(&settings, &two());
    assert_eq!(
        body,
        "{\"labels\":{\"alertname\":\"Hot\",\"zone\":\"ü\"},\"priority\":5,\"title\":\"FIRING \\u003cHot\\u003e\"}\n"
    );
}

#[test]
fn a_failed_payload_is_replaced_and_told() {
    let payload = Some(TemplateTree::Text("{{ .Nothing }}".to_owned()));
    let (body, degraded) = body(&WebhookSettings { payload, ..WebhookSettings::to(URL) }, &two());
    let degraded = degraded.unwrap();
    assert!(degraded.starts_with("payload: template: :1:3: executing"), "{degraded}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["version"], &body["templateError"]), (&"4".into(), &degraded.into()));
}

#[test]
fn addresses_are_templates() {
    let settings = WebhookSettings::to(URL);
    let renderer = Renderer::shipped("");
    let rendered = settings.render(&two(), &renderer, "http://h/{{ .GroupLabels.alertname }}").unwrap();
    assert_eq!(rendered.request.url, "http://h/Hot");
    assert!(settings.render(&two(), &renderer, "http://h/{{ .Nothing }}").is_err());
}
