//! What is asked.

use model::Timestamp;
use model::duration::parse_duration;
use promql::eval::{Query, Settings, Storage};

use super::answer::{Answer, Data, Failure};

/// An expression, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// In PromQL.
    pub expr: String,
    /// At an instant, or over time.
    pub when: When,
}

/// The time of a question, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// One instant.
    At(i64),
    /// From the first time to the second, both included, a step apart.
    Range {
        /// First instant.
        start_ms: i64,
        /// Last instant that may be asked for.
        end_ms: i64,
        /// Time between instants, positive.
        step_ms: i64,
    },
}

/// Most instants of a range, as in Prometheus.
pub const STEPS_MAX: i64 = 11_000;

impl When {
    /// A range that can be asked.
    ///
    /// # Errors
    /// It ends before it starts, has no step, or too many, in Prometheus' words.
    pub fn range(start_ms: i64, end_ms: i64, step_ms: i64) -> Result<When, String> {
        if end_ms < start_ms {
            return Err("end timestamp must not be before start time".to_owned());
        }
        if step_ms <= 0 {
            return Err(
                "zero or negative query resolution step widths are not accepted. Try a positive integer".to_owned()
            );
        }
        if end_ms.saturating_sub(start_ms) / step_ms > STEPS_MAX {
            let why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
            return Err(why.to_owned());
        }
        Ok(When::Range { start_ms, end_ms, step_ms })
    }
}

impl Question {
    /// The answer that series in memory give.
    ///
    /// # Errors
    /// The expression is wrong, or the series do not fit it.
    pub fn ask(&self, storage: &Storage, settings: &Settings) -> Result<Answer, Failure> {
        let mut query =
            Query::prepare(&self.expr, settings).map_err(|error| Failure::BadExpression(error.located(&self.expr)))?;
        let answer = match self.when {
            When::At(at_ms) => query.instant(storage, at_ms),
            When::Range { start_ms, end_ms, step_ms } => query.range(storage, start_ms, end_ms, step_ms),
        };
        let answer = answer.map_err(|error| Failure::Unanswerable(error.located(&self.expr)))?;
        let at_ms = match self.when {
            When::At(at_ms) => at_ms,
            When::Range { start_ms, .. } => start_ms,
        };
        Ok(Answer {
            data: Data::of(answer.data, at_ms),
            warnings: located(&answer.annotations, promql::eval::Severity::Warning, &self.expr),
            infos: located(&answer.annotations, promql::eval::Severity::Info, &self.expr),
        })
    }
}

fn located(remarks: &promql::eval::Annotations, severity: promql::eval::Severity, expr: &str) -> Vec<String> {
    remarks.of(severity).map(|remark| remark.located(expr)).collect()
}

/// A time as Prometheus' API takes it: seconds since the epoch or RFC 3339. In milliseconds.
///
/// # Errors
/// It is neither.
pub fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        return Ok(to_ms(seconds));
    }
    let at = Timestamp::parse_rfc3339(text);
    at.map(Timestamp::as_millis).map_err(|_| format!("cannot parse {text:?} to a valid timestamp"))
}

/// A length of time as Prometheus' API takes it: seconds, or `1m30s`. In milliseconds.
///
/// # Errors
/// It is neither.
pub fn parse_step(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        return Ok(to_ms(seconds));
    }
    let duration = parse_duration(text).map_err(|_| format!("cannot parse {text:?} to a valid duration"))?;
    Ok(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
pub(super) fn to_ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_steps_in_every_form() {
        assert_eq!(parse_time("1.5"), Ok(1500));
        assert_eq!(parse_time("1970-01-01T00:01:00Z"), Ok(60_000));
        assert_eq!((parse_step("0.25"), parse_step("1m30s")), (Ok(250), Ok(90_000)));
        for text in ["", "soon", "NaN", "inf"] {
            assert!(parse_time(text).is_err() && parse_step(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_are_bounded() {
        assert!(When::range(0, 10, 1).is_ok());
        assert!(When::range(0, -1, 1).unwrap_err().contains("before"));
        assert!(When::range(0, 1, 0).unwrap_err().contains("step"));
        assert!(When::range(0, 11_001, 1).unwrap_err().contains("11,000"));
    }

    #[test]
    fn a_failure_says_where() {
        let ask = |expr: &str| {
            let question = Question { expr: expr.to_owned(), when: When::At(60_000) };
            let storage = promql::series_file::read("load 1m\n a{x=\"1\"} 1 1\n a{x=\"2\"} 1 1\n b 1 1", 0).unwrap();
            question.ask(&storage, &Settings::default())
        };
        let Err(Failure::BadExpression(why)) = ask("sum(a") else { panic!() };
        assert!(why.starts_with("1:6: parse error: "), "{why}");
        assert!(matches!(ask("b * on() a"), Err(Failure::Unanswerable(_))));
        let answer = ask("rate(a[1m])").unwrap();
        assert!(answer.infos[0].starts_with("PromQL info: metric might not be a counter"), "{answer:?}");
    }
}
