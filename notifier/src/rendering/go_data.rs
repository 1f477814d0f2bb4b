//! A notification as Go templates see it.

use model::LabelSet;
use templates::go_template::notifier_data::{Alert, Notification, Pairs};
use templates::go_template::{Context, Value};

use super::Page;

/// The dot.
pub(super) fn dot(page: &Page<'_>) -> Value {
    let notification = page.notification;
    let alerts = page.alerts.iter().map(|alert| Alert {
        status: alert.status().to_owned(),
        labels: pairs(&alert.labels),
        annotations: pairs(&alert.annotations),
        starts_at: Some(alert.starts_at.to_jiff()),
        ends_at: alert.resolved_at.map(|at| at.to_jiff()),
        generator_url: alert.generator_url.to_string(),
        fingerprint: alert.fingerprint.to_string(),
        ack_url: page.alert_ack_url(alert).unwrap_or_default(),
    });
    Notification {
        receiver: notification.receiver.clone(),
        status: page.status().to_owned(),
        alerts: alerts.collect(),
        notification_reason: notification.reason.as_str().to_owned(),
        group_labels: pairs(&notification.group_labels),
        common_labels: pairs(&page.common_labels()),
        common_annotations: pairs(&page.common_annotations()),
        route_labels: pairs(&notification.route_labels),
        external_url: page.external_url().to_owned(),
        ack_url: page.ack_url().unwrap_or_default(),
    }
    .dot()
}

fn pairs(labels: &LabelSet) -> Pairs {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What functions of Go templates ask for.
pub(super) struct GoContext<'p, 'a>(pub(super) &'p Page<'a>);

impl Context for GoContext<'_, '_> {
    fn now_seconds(&self) -> f64 {
        self.0.notification.at.as_secs_f64()
    }

    fn now(&self) -> jiff::Timestamp {
        self.0.notification.at.to_jiff()
    }

    fn external_url(&self) -> &str {
        self.0.external_url()
    }

    fn route_label(&self, name: &str) -> Option<&str> {
        self.0.notification.route_labels.get(name)
    }
}
