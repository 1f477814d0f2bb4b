//! Many notifications told as one: how many, and which.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use model::{LabelSet, Timestamp};

use crate::notification::{Notification, NotifiedAlert, Reason};

/// Alerts that a digest carries.
pub const ALERTS_MAX: usize = 1000;
/// Groups that it lists.
pub const GROUPS_MAX: usize = 100;
/// Names of alerts that it lists.
pub const NAMES_MAX: usize = 20;
/// Names in its title, and the longest of one.
const TITLE_NAMES_MAX: usize = 4;
const TITLE_NAME_CHARS_MAX: usize = 60;
/// Lines about groups where there is room for a text only.
const TEXT_GROUPS_MAX: usize = 15;

/// What a digest says beside its alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct Digest {
    /// The groups it tells of, the most severe and oldest first, at most [`GROUPS_MAX`].
    pub groups: Vec<DigestGroup>,
    /// How many there are.
    pub group_count: usize,
    /// In how many of them something fires.
    pub firing_groups: usize,
    /// Alerts that fire.
    pub firing: usize,
    /// Alerts that are resolved.
    pub resolved: usize,
    /// Names of alerts with how many fire and are resolved, the most frequent first, at most [`NAMES_MAX`].
    pub names: Vec<(String, usize, usize)>,
    /// How many names there are.
    pub name_count: usize,
}

/// A group in a digest.
#[derive(Clone, Debug, PartialEq)]
pub struct DigestGroup {
    /// Its key.
    pub key: String,
    /// Its labels.
    pub labels: LabelSet,
    /// Why it would have been told by itself.
    pub reason: Reason,
    /// Alerts that fire in it.
    pub firing: usize,
    /// Alerts that are resolved in it.
    pub resolved: usize,
}

/// Makes one notification of many, which are for the same receiver.
pub fn digest(notifications: &[Arc<Notification>], at: Timestamp) -> Notification {
    let receiver = notifications.first().map(|one| one.receiver.clone()).unwrap_or_default();
    let mut order: Vec<&Arc<Notification>> = notifications.iter().collect();
    order.sort_by_cached_key(|one| one.alerts.iter().map(urgency).min());
    let mut alerts: Vec<&NotifiedAlert> = order.iter().flat_map(|one| &one.alerts).collect();
    let is_resolved = |alert: &NotifiedAlert| alert.resolved_at.is_some();
    let resolved = alerts.iter().filter(|alert| is_resolved(alert)).count();
    let names = names(&alerts);
    let groups = order.iter().take(GROUPS_MAX).map(|one| DigestGroup {
        key: one.group_key.clone(),
        labels: one.group_labels.clone(),
        reason: one.reason,
        firing: one.alerts.iter().filter(|alert| !is_resolved(alert)).count(),
        resolved: one.alerts.iter().filter(|alert| is_resolved(alert)).count(),
    });
    let digest = Digest {
        groups: groups.collect(),
        group_count: order.len(),
        firing_groups: order.iter().filter(|one| one.is_firing()).count(),
        firing: alerts.len() - resolved,
        resolved,
        name_count: names.len(),
        names: names.into_iter().take(NAMES_MAX).collect(),
    };
    let still_firing = digest.firing_groups > 0;
    alerts.sort_by_cached_key(|alert| urgency(alert));
    alerts.truncate(ALERTS_MAX);
    Notification {
        group_key: format!("digest:{{receiver={}}}", model::quote::quote(&receiver)),
        receiver,
        group_labels: LabelSet::empty(),
        route_labels: LabelSet::empty(),
        alerts: alerts.into_iter().cloned().collect(),
        still_firing,
        reason: Reason::Digest,
        at,
        digest: Some(Arc::new(digest)),
    }
}

/// What is told first: what fires, the most severe, the oldest.
fn urgency(alert: &NotifiedAlert) -> (bool, u8, Timestamp) {
    let severity = match alert.labels.get_or_empty("severity").to_ascii_lowercase().as_str() {
        "critical" | "page" | "emergency" | "fatal" => 0,
        "error" | "high" | "major" => 1,
        "warning" | "warn" | "medium" | "minor" => 2,
        "info" | "low" | "none" => 4,
        _ => 3,
    };
    (alert.resolved_at.is_some(), severity, alert.starts_at)
}

fn names(alerts: &[&NotifiedAlert]) -> Vec<(String, usize, usize)> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for alert in alerts {
        let (firing, resolved) = counts.entry(alert.labels.alert_name()).or_default();
        *(if alert.resolved_at.is_none() { firing } else { resolved }) += 1;
    }
    let mut names: Vec<_> = counts.into_iter().map(|(name, (f, r))| (name.to_owned(), f, r)).collect();
    names.sort_by_key(|(_, firing, resolved)| Reverse((*firing, *resolved)));
    names
}

impl Digest {
    /// `243 groups, 512 alerts fire, 3 are resolved: DiskFull 120, NodeDown 80 and 12 more names`.
    pub fn title(&self) -> String {
        let cut = |name: &str| name.chars().take(TITLE_NAME_CHARS_MAX).collect::<String>();
        let named = self.names.iter().take(TITLE_NAMES_MAX);
        let named: Vec<String> =
            named.map(|(name, firing, resolved)| format!("{} {}", cut(name), firing + resolved)).collect();
        let more = self.name_count.saturating_sub(named.len());
        let more = if more > 0 { format!(" and {more} more names") } else { String::new() };
        let Self { group_count, firing, resolved, .. } = self;
        format!("{group_count} groups, {firing} alerts fire, {resolved} are resolved: {}{more}", named.join(", "))
    }

    /// A few lines: names by count, then groups.
    pub fn text(&self) -> String {
        let mut text = self.title();
        // Writing to a text cannot fail.
        for (name, firing, resolved) in &self.names {
            let _written = write!(text, "\n{name}: {firing} firing, {resolved} resolved");
        }
        for group in self.groups.iter().take(TEXT_GROUPS_MAX) {
            let _written = write!(text, "\n{}: {} firing, {} resolved", group.labels, group.firing, group.resolved);
        }
        let more = self.group_count.saturating_sub(TEXT_GROUPS_MAX.min(self.groups.len()));
        if more > 0 {
            let _written = write!(text, "\n… and {more} more groups");
        }
        text
    }
}

impl Notification {
    /// A digest for integrations whose texts are made for the alerts of one group: as one alert that says it all.
    pub fn in_words(&self) -> Notification {
        let Some(digest) = &self.digest else { return self.clone() };
        let severity = self.alerts.first().map(|alert| alert.labels.get_or_empty("severity")).unwrap_or_default();
        let title = digest.title();
        let labels = LabelSet::from_pairs([("alertname", title.as_str()), ("severity", severity)]).without_empty();
        let annotations = LabelSet::from_pairs([("summary", title.clone()), ("description", digest.text())]);
        let starts_at = self.alerts.iter().map(|alert| alert.starts_at).min().unwrap_or(self.at);
        let alert = NotifiedAlert {
            fingerprint: labels.fingerprint(),
            labels,
            annotations,
            starts_at,
            resolved_at: (!self.is_firing()).then_some(self.at),
            generator_url: "".into(),
        };
        Notification {
            group_labels: LabelSet::from_pairs([("alertname", title)]),
            alerts: vec![alert],
            still_firing: false,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rendering::sample::{alert, notification, t};
    use crate::rendering::{Renderer, Shipped};

    fn storm(groups: usize) -> Vec<Arc<Notification>> {
        let one = |at: usize| {
            let severity = if at == 7 { "critical" } else { "warning" };
            let name = ["DiskFull", "NodeDown", "Slow"][at % 3];
            let labels = format!("alertname={name},instance=i{at},severity={severity}");
            Arc::new(notification(vec![alert(&labels, "summary=s", (at % 4 == 3 && at != 7).then_some(60.0))]))
        };
        (0..groups).map(one).collect()
    }

    #[test]
    fn it_says_how_many_and_which_the_most_severe_first() {
        let made = digest(&storm(12), t(600.0));
        let told = made.digest.as_ref().unwrap();
        assert_eq!((told.group_count, told.firing_groups, told.firing, told.resolved), (12, 10, 10, 2));
        assert_eq!(told.groups[0].labels.to_string(), r#"{alertname="NodeDown"}"#);
        assert_eq!(made.alerts[0].labels.get_or_empty("instance"), "i7");
        assert_eq!(told.title(), "12 groups, 10 alerts fire, 2 are resolved: NodeDown 4, DiskFull 4, Slow 4");
        assert!(made.is_firing() && made.alerts.last().unwrap().resolved_at.is_some());
    }

    #[test]
    fn however_large_the_storm_the_text_is_not() {
        let made = digest(&storm(5000), t(600.0));
        let told = made.digest.as_ref().unwrap();
        assert_eq!((made.alerts.len(), told.groups.len(), told.group_count), (ALERTS_MAX, GROUPS_MAX, 5000));
        let words = made.in_words();
        assert_eq!(words.alerts.len(), 1);
        let text = words.alerts[0].annotations.get_or_empty("description");
        assert!(text.len() < 4000 && text.ends_with("and 4985 more groups"), "{text}");
    }

    #[test]
    fn a_mail_of_it_says_how_many_and_which() {
        let made = digest(&storm(150), t(600.0));
        let renderer = Renderer::shipped("https://w.example");
        let page = renderer.page(&made);
        let texts = [Shipped::DigestSubject, Shipped::DigestText, Shipped::DigestHtml];
        let [subject, text, html] = texts.map(|text| page.shipped(text).unwrap());
        let title = made.digest.as_ref().unwrap().title();
        assert_eq!(subject, format!("[DIGEST] {title}"));
        for expected in
            [&*title, "… and 50 more groups", "DiskFull: ", "(first notification)", "https://w.example/#/alerts"]
        {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(html.contains("150 groups") && html.contains("… and 50 more groups"), "{html}");
        let hook = String::from_utf8(crate::receiver::webhook::payload::body(&page)).unwrap();
        assert!(hook.contains(r#""groupKey":"digest:{receiver=\"team-a.b\"}""#), "{hook}");
        assert!(hook.contains(r#""groupCount":150"#) && hook.contains(r#""truncatedAlerts":0"#), "{hook}");
    }

    #[test]
    fn a_digest_of_closes_is_closed() {
        let closes: Vec<Arc<Notification>> = (0..3)
            .map(|at| Arc::new(notification(vec![alert(&format!("alertname=K,i={at}"), "", Some(60.0))])))
            .collect();
        let made = digest(&closes, t(600.0));
        assert!(!made.is_firing());
        assert_eq!(made.in_words().alerts[0].status(), "resolved");
    }
}
