//! What a back-test comes to: pages by receiver, and for each alert how often it fired, how fast it was told, how much it flapped.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use model::{LabelSet, Timestamp};
use serde::Serialize;

use super::Period;
use super::replay::Outcome;

/// An alert that fires again so soon after it was over has flapped.
pub const FLAP_WINDOW: Duration = Duration::from_secs(15 * 60);

/// What it comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Pages in all: requests to receivers.
    pub pages: usize,
    /// By receiver.
    pub receivers: Vec<ReceiverSummary>,
    /// By `alertname`, the most pages first.
    pub alerts: Vec<AlertSummary>,
}

/// One receiver.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiverSummary {
    /// Its name.
    pub receiver: String,
    /// Pages in all.
    pub pages: usize,
    /// Those in which something fires.
    pub firing: usize,
    /// Those that say that all is over.
    pub resolved: usize,
    /// Those that only repeat what was told.
    pub repeats: usize,
}

/// All alerts of one name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertSummary {
    /// The name.
    pub alert: String,
    /// Label sets of it that fired.
    pub series: usize,
    /// How often one of them began to fire.
    pub fired: usize,
    /// How often one was pending and over before it fired.
    pub pending_only: usize,
    /// How often one fired again within a quarter of an hour.
    pub flaps: usize,
    /// Seconds they fired, added up.
    pub firing_seconds: f64,
    /// Pages in which one of them fires.
    pub pages: usize,
    /// How often one fired without any page.
    pub untold: usize,
    /// Seconds from when the expression came true to the first page, in the middle: half of the times it was faster.
    pub detected_seconds_median: Option<f64>,
    /// The slowest.
    pub detected_seconds_max: Option<f64>,
}

impl Summary {
    /// Of a back-test.
    pub fn of(outcome: &Outcome, period: Period) -> Summary {
        let mut receivers: BTreeMap<&str, ReceiverSummary> = BTreeMap::new();
        for page in &outcome.pages {
            let name = page.notification.receiver.as_str();
            let summary = receivers.entry(name).or_default();
            name.clone_into(&mut summary.receiver);
            summary.pages += 1;
            let is_firing = page.notification.is_firing();
            summary.firing += usize::from(is_firing);
            summary.resolved += usize::from(!is_firing);
            summary.repeats += usize::from(page.notification.reason == notifier::notification::Reason::RepeatInterval);
        }
        let receivers = receivers.into_values().collect();
        Summary { pages: outcome.pages.len(), receivers, alerts: alerts(outcome, period) }
    }
}

fn alerts(outcome: &Outcome, period: Period) -> Vec<AlertSummary> {
    let mut summaries: BTreeMap<&str, (AlertSummary, Vec<f64>)> = BTreeMap::new();
    let told = told(outcome);
    let mut last_ended: HashMap<&LabelSet, Timestamp> = HashMap::new();
    let mut series: HashMap<&str, std::collections::HashSet<&LabelSet>> = HashMap::new();
    for episode in &outcome.episodes {
        let name = episode.labels.alert_name();
        let (summary, detected) = summaries.entry(name).or_default();
        let Some(fired_at) = episode.fired_at else {
            summary.pending_only += usize::from(episode.ended_at.is_some());
            continue;
        };
        let ended_at = episode.ended_at.unwrap_or(period.to).min(period.to);
        summary.fired += 1;
        summary.firing_seconds += ended_at.since(fired_at.max(period.from)).as_secs_f64();
        series.entry(name).or_default().insert(&episode.labels);
        if last_ended.get(&episode.labels).is_some_and(|ended| fired_at.since(*ended) <= FLAP_WINDOW) {
            summary.flaps += 1;
        }
        last_ended.insert(&episode.labels, ended_at);
        let pages = told.get(&episode.labels).map(Vec::as_slice).unwrap_or_default();
        let first = pages.get(pages.partition_point(|at| *at < fired_at)..).and_then(<[Timestamp]>::first);
        match first.filter(|at| episode.ended_at.is_none_or(|ended| **at <= ended)) {
            // One that fired before the period may have been told before it.
            Some(_) if fired_at < period.from => {}
            Some(at) => detected.push(at.since(episode.active_at).as_secs_f64()),
            None if fired_at < period.from => {}
            None => summary.untold += 1,
        }
    }
    for page in &outcome.pages {
        let names: std::collections::BTreeSet<&str> = page.firing().map(|alert| alert.labels.alert_name()).collect();
        names.into_iter().for_each(|name| summaries.entry(name).or_default().0.pages += 1);
    }
    let mut all: Vec<AlertSummary> = summaries
        .into_iter()
        .map(|(name, (mut summary, mut detected))| {
            detected.sort_by(f64::total_cmp);
            name.clone_into(&mut summary.alert);
            summary.series = series.get(name).map_or(0, std::collections::HashSet::len);
            summary.detected_seconds_median = detected.get(detected.len() / 2).copied();
            summary.detected_seconds_max = detected.last().copied();
            summary
        })
        .collect();
    all.sort_by(|a, b| (b.pages, b.fired, &a.alert).cmp(&(a.pages, a.fired, &b.alert)));
    all
}

/// When each alert was told as firing, in order.
fn told(outcome: &Outcome) -> HashMap<&LabelSet, Vec<Timestamp>> {
    let mut told: HashMap<&LabelSet, Vec<Timestamp>> = HashMap::new();
    for page in &outcome.pages {
        for alert in page.firing() {
            told.entry(&alert.labels).or_default().push(page.at);
        }
    }
    told
}
