//! The notification that `template render` shows: given as JSON in the names templates use, or a sample of our own.

use model::labels::ALERT_NAME;
use model::{LabelSet, Timestamp};
use notifier::notification::{Notification, NotifiedAlert, Reason};
use serde::Deserialize;
use templates::go_template::notifier_data;

use super::moment::Moment;
use super::wire::Pairs;

/// A notification as Alertmanager's template data in JSON: what is left out is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sample {
    receiver: String,
    status: String,
    alerts: Vec<SampleAlert>,
    notification_reason: String,
    group_labels: Pairs,
    common_labels: Pairs,
    common_annotations: Pairs,
    route_labels: Pairs,
    #[serde(rename = "externalURL")]
    external_url: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SampleAlert {
    status: String,
    labels: Pairs,
    annotations: Pairs,
    starts_at: Option<Moment>,
    ends_at: Option<Moment>,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

impl Sample {
    /// One alert that fires and one that was resolved, of one group.
    pub fn built_in(now: Timestamp) -> Sample {
        let minutes_ago = |minutes: u64| Some(now.minus(std::time::Duration::from_secs(minutes * 60)).into());
        let alert = |pod: &str, status: &str, starts_at, ends_at| SampleAlert {
            status: status.to_owned(),
            labels: pairs(&[
                (ALERT_NAME, "TooFewClients"),
                ("namespace", "video"),
                ("pod", pod),
                ("severity", "critical"),
            ]),
            annotations: pairs(&[
                ("runbook_url", "https://runbooks.example.com/clients"),
                ("summary", &format!("{pod} has lost its clients")),
            ]),
            starts_at,
            ends_at,
            generator_url: "https://prometheus.example.com/graph?g0.expr=clients+%3C+1".to_owned(),
            fingerprint: String::new(),
        };
        let mut alerts = vec![
            alert("live-0", "firing", minutes_ago(5), None),
            alert("live-1", "resolved", minutes_ago(10), minutes_ago(1)),
        ];
        for alert in &mut alerts {
            alert.fingerprint = LabelSet::from_pairs(alert.labels.clone()).fingerprint().to_string();
        }
        Sample {
            receiver: "team-video".to_owned(),
            status: "firing".to_owned(),
            alerts,
            notification_reason: Reason::FirstNotification.as_str().to_owned(),
            group_labels: pairs(&[(ALERT_NAME, "TooFewClients"), ("namespace", "video")]),
            common_labels: pairs(&[(ALERT_NAME, "TooFewClients"), ("namespace", "video"), ("severity", "critical")]),
            common_annotations: pairs(&[("runbook_url", "https://runbooks.example.com/clients")]),
            route_labels: Pairs::new(),
            external_url: "https://watchfire.example.com".to_owned(),
        }
    }

    /// Where users reach the notifier.
    pub fn external_url(&self) -> &str {
        &self.external_url
    }

    /// A label of the route.
    pub fn route_label(&self, name: &str) -> Option<&str> {
        self.route_labels.get(name).map(String::as_str)
    }

    /// As Go templates see it.
    pub fn for_go(&self) -> notifier_data::Notification {
        let list = |pairs: &Pairs| pairs.clone().into_iter().collect();
        let jiff = |moment: &Option<Moment>| moment.as_ref().map(|moment| moment.at().to_jiff());
        let alerts = self.alerts.iter().map(|alert| notifier_data::Alert {
            status: alert.status.clone(),
            labels: list(&alert.labels),
            annotations: list(&alert.annotations),
            starts_at: jiff(&alert.starts_at),
            ends_at: jiff(&alert.ends_at),
            generator_url: alert.generator_url.clone(),
            fingerprint: alert.fingerprint.clone(),
            ack_url: String::new(),
        });
        notifier_data::Notification {
            receiver: self.receiver.clone(),
            status: self.status.clone(),
            alerts: alerts.collect(),
            notification_reason: self.notification_reason.clone(),
            group_labels: list(&self.group_labels),
            common_labels: list(&self.common_labels),
            common_annotations: list(&self.common_annotations),
            route_labels: list(&self.route_labels),
            external_url: self.external_url.clone(),
            ack_url: String::new(),
        }
    }

    /// As the notifier has it, for our own template language; what all alerts share is found out anew.
    pub fn notification(&self, now: Timestamp) -> Notification {
        let set = |pairs: &Pairs| LabelSet::from_pairs(pairs.clone());
        let alerts = self.alerts.iter().map(|alert| NotifiedAlert {
            labels: set(&alert.labels),
            annotations: set(&alert.annotations),
            starts_at: alert.starts_at.as_ref().map_or(now, Moment::at),
            resolved_at: (alert.status == "resolved").then(|| alert.ends_at.as_ref().map_or(now, Moment::at)),
            generator_url: alert.generator_url.as_str().into(),
            fingerprint: set(&alert.labels).fingerprint(),
        });
        let group_labels = set(&self.group_labels);
        Notification {
            receiver: self.receiver.clone(),
            group_key: format!("{{}}:{group_labels}"),
            group_labels,
            route_labels: set(&self.route_labels),
            alerts: alerts.collect(),
            still_firing: false,
            reason: REASONS
                .into_iter()
                .find(|reason| reason.as_str() == self.notification_reason)
                .unwrap_or(REASONS[0]),
            at: now,
            digest: None,
        }
    }
}

const REASONS: [Reason; 8] = [
    Reason::FirstNotification,
    Reason::NewAlerts,
    Reason::SomeResolved,
    Reason::AllResolved,
    Reason::RepeatInterval,
    Reason::FiresAgain,
    Reason::Unmuted,
    Reason::Escalated,
];

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_sample_is_one_the_notifier_could_send() {
        let now = Timestamp::from_secs(1_000_000);
        let notification = Sample::built_in(now).notification(now);
        let statuses: Vec<_> = notification.alerts.iter().map(NotifiedAlert::status).collect();
        assert_eq!(statuses, ["firing", "resolved"]);
        let shown = Sample::built_in(now).for_go();
        assert_eq!(LabelSet::from_pairs(shown.common_labels), notification.common_labels());
        assert_eq!(LabelSet::from_pairs(shown.common_annotations), notification.common_annotations());
        assert_eq!(shown.alerts[0].fingerprint, notification.alerts[0].fingerprint.to_string());
    }
}
