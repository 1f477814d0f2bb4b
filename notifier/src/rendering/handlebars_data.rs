//! A notification as Handlebars templates see it; `docs/templates.md` lists the names.

use model::{LabelSet, Timestamp};
use serde_json::{Map, Value, json};
use templates::handlebars::Data;

use super::{Page, links};
use crate::notification::NotifiedAlert;

/// Everything a template can show.
pub(super) fn data(page: &Page<'_>) -> Data {
    let notification = page.notification;
    let url = page.external_url();
    let shown = |alerts: &mut dyn Iterator<Item = &NotifiedAlert>| -> Value {
        alerts.map(|alert| alert_data(page, alert)).collect()
    };
    Data::new(json!({
        "receiver": notification.receiver,
        "status": page.status(),
        "reason": notification.reason.as_str(),
        "groupKey": notification.group_key,
        "groupLabels": object(&notification.group_labels),
        "commonLabels": object(&page.common_labels()),
        "commonAnnotations": object(&page.common_annotations()),
        "routeLabels": object(&notification.route_labels),
        "alerts": shown(&mut page.alerts.iter()),
        "firing": shown(&mut page.alerts.iter().filter(|alert| alert.resolved_at.is_none())),
        "resolved": shown(&mut page.alerts.iter().filter(|alert| alert.resolved_at.is_some())),
        "truncatedAlerts": notification.alerts.len() - page.alerts.len(),
        "externalURL": url,
        "groupURL": links::group(url, notification),
        "ackURL": page.ack_url(),
        "now": time(notification.at),
    }))
}

fn alert_data(page: &Page<'_>, alert: &NotifiedAlert) -> Value {
    let external_url = page.external_url();
    json!({
        "status": alert.status(),
        "labels": object(&alert.labels),
        "annotations": object(&alert.annotations),
        "startsAt": time(alert.starts_at),
        "endsAt": alert.resolved_at.map(time),
        "generatorURL": &*alert.generator_url,
        "silenceURL": alert.resolved_at.is_none().then(|| links::silence(external_url, &alert.labels)).flatten(),
        "ackURL": page.alert_ack_url(alert),
        "fingerprint": alert.fingerprint.to_string(),
    })
}

fn time(at: Timestamp) -> String {
    at.to_rfc3339()
}

fn object(labels: &LabelSet) -> Value {
    Value::Object(labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>())
}
