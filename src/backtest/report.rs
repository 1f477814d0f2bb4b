//! A back-test told: what it came to, every page, and what another configuration changes.

pub mod html;
pub mod json;
pub mod text;
mod timeline;

use std::time::Duration;

use model::Timestamp;
use model::duration::format_duration;

use super::Period;
use super::comparison::Comparison;
use super::replay::Outcome;
use super::summary::{AlertSummary, Summary};
use crate::simulate::timeline::Delivered;

/// Everything there is to tell.
pub struct Report<'r> {
    /// From when to when.
    pub period: Period,
    /// The back-test.
    pub first: Side<'r>,
    /// Another one of the same time.
    pub second: Option<Side<'r>>,
}

/// One back-test.
pub struct Side<'r> {
    /// The files: rules, then the notifier's configuration.
    pub files: String,
    /// Number of rules.
    pub rules: usize,
    /// What came of it.
    pub outcome: &'r Outcome,
    /// What that comes to.
    pub summary: Summary,
}

impl Report<'_> {
    /// What the second changes.
    pub fn comparison(&self) -> Option<Comparison<'_>> {
        let second = self.second.as_ref()?;
        Some(Comparison::of(&self.first.outcome.pages, &second.outcome.pages))
    }

    /// The back-tests, each with its name where there are two.
    fn sides(&self) -> impl Iterator<Item = (&'static str, &Side<'_>)> {
        let name = if self.second.is_some() { "A" } else { "" };
        std::iter::once((name, &self.first)).chain(self.second.as_ref().map(|side| ("B", side)))
    }
}

/// What is told of each alert beside its name.
const ALERT_HEADS: [&str; 9] =
    ["Pages", "Fired", "Series", "Firing for", "Flaps", "Pending only", "Untold", "Told after: median", "most"];

/// The same of one alert; `unknown` where nothing is known.
fn alert_row(alert: &AlertSummary, unknown: &str) -> [String; ALERT_HEADS.len()] {
    let seconds = |seconds: Option<f64>| seconds.map_or_else(|| unknown.to_owned(), shown_seconds);
    [
        alert.pages.to_string(),
        alert.fired.to_string(),
        alert.series.to_string(),
        shown_seconds(alert.firing_seconds),
        alert.flaps.to_string(),
        alert.pending_only.to_string(),
        alert.untold.to_string(),
        seconds(alert.detected_seconds_median),
        seconds(alert.detected_seconds_max),
    ]
}

/// To the second: `2026-11-01T03:04:05Z`.
fn shown_time(at: Timestamp) -> String {
    Timestamp::from_secs(at.as_millis().div_euclid(1000)).to_rfc3339()
}

/// To the second, or finer below one.
fn shown_seconds(seconds: f64) -> String {
    let whole = if seconds < 1.0 { (seconds * 1000.0).round() / 1000.0 } else { seconds.round() };
    format_duration(Duration::try_from_secs_f64(whole).unwrap_or_default())
}

/// `pager via webhook`, or `pager via webhook/1` for the second of its kind.
fn addressee(page: &Delivered) -> String {
    let number = if page.index > 0 { format!("/{}", page.index) } else { String::new() };
    format!("{} via {}{number}", page.notification.receiver, page.integration)
}

/// The names of its alerts, each once, with how many label sets of it fire and are resolved.
fn gist(page: &Delivered) -> String {
    let mut names: std::collections::BTreeMap<&str, (usize, usize)> = std::collections::BTreeMap::new();
    for alert in &page.notification.alerts {
        let counts = names.entry(alert.labels.alert_name()).or_default();
        if alert.resolved_at.is_none() { counts.0 += 1 } else { counts.1 += 1 }
    }
    let shown = names.into_iter().map(|(name, counts)| match counts {
        (1, 0) => name.to_owned(),
        (firing, 0) => format!("{name} ×{firing}"),
        (0, 1) => format!("{name} resolved"),
        (0, resolved) => format!("{name} resolved ×{resolved}"),
        (firing, resolved) => format!("{name} ×{firing}, resolved ×{resolved}"),
    });
    shown.collect::<Vec<String>>().join("; ")
}

#[cfg(test)]
mod tests;
