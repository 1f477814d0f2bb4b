//! For programs.

use std::collections::BTreeMap;

use model::{LabelSet, Timestamp};
use notifier::notification::NotifiedAlert;
use serde::Serialize;

use super::{Report, Side};
use crate::backtest::episode::Episode;
use crate::backtest::summary::Summary;
use crate::simulate::timeline::Delivered;

/// The whole report. Times are RFC 3339.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'r> {
    from: String,
    to: String,
    a: ShownSide<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<ShownSide<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<ShownComparison<'r>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownSide<'r> {
    files: &'r str,
    rules: usize,
    evaluations: u64,
    summary: &'r Summary,
    pages: Vec<Page<'r>>,
    episodes: Vec<ShownEpisode<'r>>,
    failures: Vec<Failing<'r>>,
    notes: &'r [String],
}

#[derive(Debug, Serialize)]
struct ShownComparison<'r> {
    same: usize,
    added: Vec<Page<'r>>,
    removed: Vec<Page<'r>>,
    moved: Vec<Moved<'r>>,
}

#[derive(Debug, Serialize)]
struct Moved<'r> {
    a: Page<'r>,
    b: Page<'r>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'r> {
    at: String,
    receiver: &'r str,
    integration: &'r str,
    index: usize,
    reason: &'r str,
    group_key: &'r str,
    alerts: Vec<Alert<'r>>,
}

type Labels<'r> = BTreeMap<&'r str, &'r str>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'r> {
    status: &'r str,
    labels: Labels<'r>,
    annotations: Labels<'r>,
    starts_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownEpisode<'r> {
    labels: Labels<'r>,
    active_at: String,
    fired_at: Option<String>,
    ended_at: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failing<'r> {
    rule: &'r str,
    count: u64,
    first_at: String,
    reason: &'r str,
}

/// As JSON.
///
/// # Errors
/// It cannot be written as JSON.
pub fn json(report: &Report<'_>) -> serde_json::Result<String> {
    let comparison = report.comparison();
    let shown = Shown {
        from: time(report.period.from),
        to: time(report.period.to),
        a: side(&report.first),
        b: report.second.as_ref().map(side),
        comparison: comparison.as_ref().map(|comparison| ShownComparison {
            same: comparison.same,
            added: comparison.added.iter().map(|page| shown_page(page)).collect(),
            removed: comparison.removed.iter().map(|page| shown_page(page)).collect(),
            moved: comparison.moved.iter().map(|(a, b)| Moved { a: shown_page(a), b: shown_page(b) }).collect(),
        }),
    };
    serde_json::to_string_pretty(&shown)
}

fn side<'r>(side: &'r Side<'r>) -> ShownSide<'r> {
    let failing = |(rule, failing): (&'r String, &'r crate::backtest::replay::Failing)| Failing {
        rule,
        count: failing.count,
        first_at: time(failing.first_at),
        reason: &failing.reason,
    };
    ShownSide {
        files: &side.files,
        rules: side.rules,
        evaluations: side.outcome.evaluations,
        summary: &side.summary,
        pages: side.outcome.pages.iter().map(shown_page).collect(),
        episodes: side.outcome.episodes.iter().map(episode).collect(),
        failures: side.outcome.failures.iter().map(failing).collect(),
        notes: &side.outcome.notes,
    }
}

fn shown_page(page: &Delivered) -> Page<'_> {
    Page {
        at: time(page.at),
        receiver: &page.notification.receiver,
        integration: page.integration,
        index: page.index,
        reason: page.notification.reason.as_str(),
        group_key: &page.notification.group_key,
        alerts: page.notification.alerts.iter().map(alert).collect(),
    }
}

fn alert(alert: &NotifiedAlert) -> Alert<'_> {
    Alert {
        status: alert.status(),
        labels: pairs(&alert.labels),
        annotations: pairs(&alert.annotations),
        starts_at: time(alert.starts_at),
        ends_at: alert.resolved_at.map(time),
    }
}

fn episode(episode: &Episode) -> ShownEpisode<'_> {
    ShownEpisode {
        labels: pairs(&episode.labels),
        active_at: time(episode.active_at),
        fired_at: episode.fired_at.map(time),
        ended_at: episode.ended_at.map(time),
    }
}

fn pairs(labels: &LabelSet) -> Labels<'_> {
    labels.iter().collect()
}

fn time(at: Timestamp) -> String {
    at.to_rfc3339_millis()
}
