//! A notification as Handlebars templates see it; `docs/templates.md` lists the names.

use model::{LabelSet, Timestamp};
use serde_json::{Map, Value, json};
use templates::handlebars::Data;

use super::{Page, links};
use crate::digest::Digest;
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
        "digest": notification.digest.as_deref().map(digest),
    }))
}

/// What a digest says beside its alerts.
fn digest(digest: &Digest) -> Value {
    let groups = digest.groups.iter().map(|group| {
        json!({
            "groupKey": group.key,
            "labels": object(&group.labels),
            "reason": group.reason.as_str(),
            "firing": group.firing,
            "resolved": group.resolved,
        })
    });
    let names = digest.names.iter();
    let names = names.map(|(name, firing, resolved)| json!({ "name": name, "firing": firing, "resolved": resolved }));
    json!({
        "title": digest.title(),
        "groups": groups.collect::<Value>(),
        "groupCount": digest.group_count,
        "moreGroups": digest.group_count.saturating_sub(digest.groups.len()),
        "firing": digest.firing,
        "resolved": digest.resolved,
        "names": names.collect::<Value>(),
        "moreNames": digest.name_count.saturating_sub(digest.names.len()),
    })
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
