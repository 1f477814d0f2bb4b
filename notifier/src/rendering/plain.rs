//! What goes out when a template fails: everything known, without any template.

use std::fmt::Write;

use crate::notification::{Notification, NotifiedAlert};

/// `[FIRING:2] a=b, c=d`: status and labels of the group.
pub(crate) fn subject(notification: &Notification) -> String {
    let firing = notification.alerts.iter().filter(|alert| alert.resolved_at.is_none()).count();
    let status = if firing > 0 { format!("[FIRING:{firing}]") } else { "[RESOLVED]".to_owned() };
    let labels: Vec<String> = notification.group_labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let labels = if labels.is_empty() { notification.receiver.clone() } else { labels.join(", ") };
    format!("{status} {labels}")
}

/// Every alert with its annotations and labels, and what went wrong.
pub(crate) fn body(notification: &Notification, failure: &str) -> String {
    let mut text = format!(
        "{}\n\nThe template of this message failed, so this is its plain form.\n{failure}\n",
        subject(notification)
    );
    for alert in &notification.alerts {
        text.push('\n');
        text.push_str(&one_alert(alert));
    }
    text
}

/// Some alerts, one after the other.
pub(crate) fn alerts<'a>(alerts: impl Iterator<Item = &'a NotifiedAlert>) -> String {
    alerts.map(one_alert).collect::<Vec<_>>().join("\n")
}

fn one_alert(alert: &NotifiedAlert) -> String {
    let mut text = alert.status().to_uppercase();
    // writing to a String cannot fail
    let _ = write!(text, " {}\n  since {}\n", alert.labels.alert_name(), alert.starts_at);
    if let Some(at) = alert.resolved_at {
        let _ = writeln!(text, "  until {at}");
    }
    for (name, value) in alert.annotations.iter() {
        let _ = writeln!(text, "  {name}: {value}");
    }
    for (name, value) in alert.labels.iter() {
        let _ = writeln!(text, "  {name} = {value}");
    }
    if !alert.generator_url.is_empty() {
        let _ = writeln!(text, "  {}", alert.generator_url);
    }
    text
}
