//! A small picture of the series a failed test is about: one character for each step up to the time of the test.

use std::time::Duration;

use promql::eval::Value;
use promql::selector::selectors;

use super::stage::Stage;
use crate::plot::sparkline;

/// Most steps shown, the last ones of the test.
const STEPS_MAX: usize = 60;

/// Most series shown.
const SERIES_MAX: usize = 8;

/// The series an alerting rule's expression reads.
pub(super) fn of_alert(stage: &Stage<'_>, name: &str, until: Duration) -> String {
    let exprs = stage.alerting_rules(name).map(|rule| rule.rule().expr.clone());
    let lines: String = exprs.map(|expr| of_expr(stage, &expr, until)).collect();
    lines
}

/// The series an expression reads.
pub(super) fn of_expr(stage: &Stage<'_>, expr: &str, until: Duration) -> String {
    let Ok(expr) = promql::parse_with(expr, promql::Options::all()) else { return String::new() };
    let read = selectors(&expr);
    let until_ms = stage.at_ms(until);
    let is_read = |series: &&promql::eval::Series| {
        read.iter().any(|read| read.selector.matchers.iter().all(|matcher| matcher.matches(series.labels())))
    };
    let mut lines = String::new();
    for series in stage.storage().series().iter().filter(is_read).take(SERIES_MAX) {
        let samples: Vec<f64> = series
            .samples()
            .into_iter()
            .filter(|(at_ms, _)| *at_ms <= until_ms)
            .map(|(_, value)| match value {
                Value::Float(value) => value,
                Value::Histogram(histogram) => histogram.count,
            })
            .collect();
        if samples.is_empty() {
            continue;
        }
        let shown = samples.get(samples.len().saturating_sub(STEPS_MAX)..).unwrap_or_default();
        lines.push_str(&format!("\n        {} {}", sparkline::drawn(shown), series.labels()));
    }
    lines
}
