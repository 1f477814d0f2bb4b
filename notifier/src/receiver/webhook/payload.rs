//! The body of a webhook: Alertmanager's version 4, key for key.

use model::LabelSet;
use model::pattern::quote_meta;
use model::timestamp::ZERO_TIME;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::digest::{Digest, DigestGroup};
use crate::notification::NotifiedAlert;
use crate::rendering::Page;

#[derive(serde::Serialize)]
struct Payload<'a> {
    receiver: String,
    status: &'static str,
    alerts: Vec<AlertBody<'a>>,
    #[serde(rename = "notification_reason")]
    reason: &'static str,
    #[serde(rename = "groupLabels")]
    group_labels: Labels<'a>,
    #[serde(rename = "commonLabels")]
    common_labels: Labels<'a>,
    #[serde(rename = "commonAnnotations")]
    common_annotations: Labels<'a>,
    #[serde(rename = "routeLabels")]
    route_labels: Labels<'a>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'static str,
    #[serde(rename = "groupKey")]
    group_key: &'a str,
    #[serde(rename = "truncatedAlerts")]
    truncated_alerts: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<DigestBody<'a>>,
    #[serde(rename = "templateError", skip_serializing_if = "Option::is_none")]
    template_error: Option<String>,
}

/// What a digest says beside its alerts.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct DigestBody<'a> {
    title: String,
    groups: Vec<GroupBody<'a>>,
    group_count: usize,
    firing_groups: usize,
    firing_alerts: usize,
    resolved_alerts: usize,
    names: Vec<NameBody<'a>>,
    name_count: usize,
}

/// A group of a digest.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupBody<'a> {
    group_key: &'a str,
    group_labels: Labels<'a>,
    #[serde(rename = "notification_reason")]
    reason: &'static str,
    firing: usize,
    resolved: usize,
}

/// Alerts of one name.
#[derive(serde::Serialize)]
struct NameBody<'a> {
    alertname: &'a str,
    firing: usize,
    resolved: usize,
}

impl<'a> From<&'a Digest> for DigestBody<'a> {
    fn from(digest: &'a Digest) -> DigestBody<'a> {
        let group = |group: &'a DigestGroup| GroupBody {
            group_key: &group.key,
            group_labels: Labels(&group.labels),
            reason: group.reason.as_str(),
            firing: group.firing,
            resolved: group.resolved,
        };
        let name = |(name, firing, resolved): &'a (String, usize, usize)| NameBody {
            alertname: name,
            firing: *firing,
            resolved: *resolved,
        };
        DigestBody {
            title: digest.title(),
            groups: digest.groups.iter().map(group).collect(),
            group_count: digest.group_count,
            firing_groups: digest.firing_groups,
            firing_alerts: digest.firing,
            resolved_alerts: digest.resolved,
            names: digest.names.iter().map(name).collect(),
            name_count: digest.name_count,
        }
    }
}

/// An alert in bodies of webhooks and in details of incidents.
#[derive(serde::Serialize)]
pub(crate) struct AlertBody<'a> {
    status: &'static str,
    labels: Labels<'a>,
    annotations: Labels<'a>,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(rename = "endsAt")]
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

/// A label set as an object, by name.
struct Labels<'a>(&'a LabelSet);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| object.serialize_entry(name, value))?;
        object.end()
    }
}

impl<'a> From<&'a NotifiedAlert> for AlertBody<'a> {
    fn from(alert: &'a NotifiedAlert) -> AlertBody<'a> {
        AlertBody {
            status: alert.status(),
            labels: Labels(&alert.labels),
            annotations: Labels(&alert.annotations),
            starts_at: alert.starts_at.to_rfc3339(),
            ends_at: alert.resolved_at.map_or_else(|| ZERO_TIME.to_owned(), |at| at.to_rfc3339()),
            generator_url: &alert.generator_url,
            fingerprint: alert.fingerprint.to_string(),
        }
    }
}

/// The body for the alerts of a page. A failed template of the user is told in `templateError`, which is not there
/// otherwise.
pub(crate) fn body(page: &Page<'_>) -> Vec<u8> {
    body_of(page, "4", page.alerts)
}

/// The same by another version, with some of the alerts.
pub(crate) fn body_of(page: &Page<'_>, version: &'static str, alerts: &[NotifiedAlert]) -> Vec<u8> {
    let notification = page.notification;
    let payload = Payload {
        // As Alertmanager does, and users compare with that.
        receiver: quote_meta(&notification.receiver),
        status: page.status(),
        alerts: alerts.iter().map(AlertBody::from).collect(),
        reason: notification.reason.as_str(),
        group_labels: Labels(&notification.group_labels),
        common_labels: Labels(&page.common_labels()),
        common_annotations: Labels(&page.common_annotations()),
        route_labels: Labels(&notification.route_labels),
        external_url: page.external_url(),
        version,
        group_key: &notification.group_key,
        truncated_alerts: notification.alert_count() - alerts.len(),
        digest: notification.digest.as_deref().map(DigestBody::from),
        template_error: page.degraded(),
    };
    crate::receiver::go_lines(&payload)
}
