//! What a rule's expression gave over time, asked and drawn.

use std::time::Duration;

use model::labels::METRIC_NAME;
use model::{LabelSet, Timestamp};
use rules_engine::io::query_api::range::{RangeSeries, Window};
use rules_engine::rule::Source;

use super::threshold::compared;
use super::unit::Unit;
use super::{Drawing, Line, Moment, Plot};
use crate::house::RuleDesk;

/// Points of a line, at most: about one for each two units of the drawing.
const POINTS_MAX: u32 = 240;

/// What is to be drawn.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Names the plot in the page; letters, digits and `-`.
    pub id: &'static str,
    /// Who is asked.
    pub source: &'a Source,
    /// The rule's expression; the number it is compared with is drawn as the threshold.
    pub expr: &'a str,
    /// Only series that may be those of this alert, if there are any.
    pub of_alert: Option<&'a LabelSet>,
    /// The first instant.
    pub start: Timestamp,
    /// The last.
    pub end: Timestamp,
    /// Between the rule's evaluations: no finer is asked.
    pub interval: Duration,
    /// Instants to mark.
    pub moments: Vec<Moment>,
}

impl Asked<'_> {
    /// Asks, and works out the drawing.
    ///
    /// # Errors
    /// Why there is nothing to draw: the query source's own words where it answered.
    pub async fn drawing<R: RuleDesk>(self, rules: &R) -> Result<Drawing, String> {
        let compared = compared(self.expr);
        let step = step(self.end.since(self.start), self.interval);
        let window = Window { start: self.start, end: self.end, step };
        let answer = rules.ask_range(self.source, &compared.query, window).await;
        let series = self.wanted(answer.map_err(|failure| failure.text)?);
        let name = |labels: &LabelSet| if labels.is_empty() { compared.query.clone() } else { labels.to_string() };
        let plot = Plot {
            id: self.id,
            unit: Unit::of_names(series.iter().map(|one| &one.labels)),
            lines: series.iter().map(|one| Line { name: name(&one.labels), points: one.points.clone() }).collect(),
            title: compared.query.clone(),
            start_ms: self.start.as_millis(),
            end_ms: self.end.as_millis(),
            step_ms: i64::try_from(step.as_millis()).unwrap_or(i64::MAX),
            threshold: compared.threshold,
            moments: self.moments,
        };
        Ok(plot.drawing())
    }

    fn wanted(&self, series: Vec<RangeSeries>) -> Vec<RangeSeries> {
        let Some(alert) = self.of_alert else { return series };
        let agrees = |one: &&RangeSeries| {
            let mut labels = one.labels.iter().filter(|(name, _)| *name != METRIC_NAME);
            labels.all(|(name, value)| alert.get(name).is_none_or(|own| own == value))
        };
        let own: Vec<RangeSeries> = series.iter().filter(agrees).cloned().collect();
        if own.is_empty() { series } else { own }
    }
}

/// Whole seconds from about a second on.
fn step(length: Duration, interval: Duration) -> Duration {
    let finest = (length / POINTS_MAX).max(interval).max(Duration::from_millis(1));
    if finest < Duration::from_secs(1) { finest } else { Duration::from_secs(finest.as_secs_f64().ceil() as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_no_finer_than_evaluations_and_no_more_than_can_be_seen() {
        for (length, interval, expected) in [(60, 15, 15), (3600, 15, 15), (24 * 3600, 15, 360), (10, 1, 1)] {
            let (length, interval) = (Duration::from_secs(length), Duration::from_secs(interval));
            assert_eq!(step(length, interval), Duration::from_secs(expected), "{length:?}");
        }
        assert_eq!(step(Duration::from_secs(1), Duration::from_millis(100)), Duration::from_millis(100));
    }

    #[test]
    fn of_an_alert_only_its_own_series() {
        let (source, alert) =
            (Source::default(), LabelSet::from_pairs([("alertname", "A"), ("job", "a"), ("team", "x")]));
        let asked = |alert| Asked {
            id: "x",
            source: &source,
            expr: "up",
            of_alert: alert,
            start: Timestamp::EPOCH,
            end: Timestamp::EPOCH,
            interval: Duration::ZERO,
            moments: Vec::new(),
        };
        let series = |job: &str| RangeSeries {
            labels: LabelSet::from_pairs([("__name__", "up"), ("job", job), ("pod", "p")]),
            points: Vec::new(),
        };
        let both = vec![series("a"), series("b")];
        assert_eq!(asked(Some(&alert)).wanted(both.clone()), [series("a")]);
        assert_eq!(asked(None).wanted(both.clone()), both);
        assert_eq!(asked(Some(&alert)).wanted(vec![series("b")]), [series("b")], "better than nothing");
    }
}
