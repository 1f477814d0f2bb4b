//! Notifications for tests.

use std::sync::Arc;

use model::{LabelSet, Timestamp};

use crate::notification::{Notification, NotifiedAlert, Reason};

/// 2026-11-21 03:00 UTC: when it all happens.
pub(crate) fn t(seconds: f64) -> Timestamp {
    let t0 = Timestamp::parse_rfc3339("2026-11-21T03:00:00Z").unwrap();
    Timestamp::from_millis(t0.as_millis() + (seconds * 1000.0).round() as i64)
}

/// `a=b,c=d`
pub(crate) fn labels(text: &str) -> LabelSet {
    LabelSet::from_pairs(text.split(',').filter_map(|pair| pair.split_once('=')))
}

/// An alert that began at 3:00.
pub(crate) fn alert(label_text: &str, annotations: &str, resolved_at: Option<f64>) -> NotifiedAlert {
    let labels = labels(label_text);
    NotifiedAlert {
        fingerprint: labels.fingerprint(),
        labels,
        annotations: self::labels(annotations),
        starts_at: t(0.25),
        resolved_at: resolved_at.map(t),
        generator_url: Arc::from("http://prom/graph?g0.expr=up&g0.tab=1"),
    }
}

/// A group by alertname, decided at 3:10.
pub(crate) fn notification(alerts: Vec<NotifiedAlert>) -> Notification {
    let name = alerts.first().map(|alert| alert.labels.alert_name().to_owned()).unwrap_or_default();
    Notification {
        receiver: "team-a.b".to_owned(),
        group_key: format!("{{}}:{{alertname={name:?}}}"),
        group_labels: LabelSet::from_pairs([("alertname", name)]),
        route_labels: LabelSet::empty(),
        alerts,
        still_firing: false,
        reason: Reason::FirstNotification,
        at: t(600.0),
        digest: None,
    }
}

/// One alert that fires and one that is resolved.
pub(crate) fn two() -> Notification {
    notification(vec![
        alert("alertname=Hot,instance=i<1>,zone=ü", "summary=CPU & <mem> high é,runbook=https://r.example/hot", None),
        alert("alertname=Hot,instance=i2,zone=ü", "summary=CPU & <mem> high é", Some(300.0)),
    ])
}
