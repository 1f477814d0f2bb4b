//! A small picture of the series a failed test is about: one character for each step up to the time of the test.

use std::time::Duration;

use promql::eval::Value;
use promql::selector::selectors;

use super::stage::Stage;

/// Most steps shown, the last ones of the test.
const STEPS_MAX: usize = 60;

/// Most series shown.
const SERIES_MAX: usize = 8;

/// Levels from the least value to the greatest.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

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
        lines.push_str(&format!("\n        {} {}", drawn(shown), series.labels()));
    }
    lines
}

fn drawn(samples: &[f64]) -> String {
    let finite = || samples.iter().copied().filter(|value| value.is_finite());
    let (least, greatest) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let level = |value: &f64| match value {
        value if value.is_nan() => '?',
        value if *value == f64::INFINITY => '^',
        value if *value == f64::NEG_INFINITY => 'v',
        value => {
            let part = if greatest > least { (value - least) / (greatest - least) } else { 0.0 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 7")]
            let index = (part * 7.0).round() as usize;
            LEVELS.get(index).copied().unwrap_or('█')
        }
    };
    let picture: String = samples.iter().map(level).collect();
    match (samples.first(), samples.last()) {
        (Some(_), Some(last)) => {
            let (least, greatest) = (promql::format_number(least), promql::format_number(greatest));
            format!("{picture} {least}..{greatest}, last {}", promql::format_number(*last))
        }
        _ => "no samples".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::drawn;

    #[test]
    fn a_picture_of_values() {
        assert_eq!(drawn(&[0.0, 7.0, f64::NAN, 3.0]), "▁█?▄ 0..7, last 3");
        assert_eq!(drawn(&[]), "no samples");
        assert_eq!(drawn(&[2.0, 2.0]), "▁▁ 2..2, last 2");
    }
}
