//! Functions of time: parts of dates, and the times of samples.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::ast::{Call, Expr};
use crate::eval::context::{Context, Evaluated};
use crate::eval::node::{VectorNode, no_labels};
use crate::eval::selection::InstantSelector;
use crate::eval::value::{Sample, Value, Vector};
use crate::eval::window::seconds;
use crate::eval::{Settings, plan};

/// A call of such a function.
#[derive(Debug, Clone)]
pub(in crate::eval) enum TimeFunction {
    /// `timestamp(up)`, `start_timestamp(up)` directly of a selector: of the samples it reads.
    OfSamples { selector: InstantSelector, start: bool },
    /// `timestamp(up + 1)`: of a result, which is of the evaluation time.
    OfResults(VectorNode),
    /// `start_timestamp(up + 1)`: nothing is known of results.
    Nothing,
    /// A part of a date; without a vector, that of the evaluation time.
    Part(fn(i64) -> f64, Option<VectorNode>),
}

impl TimeFunction {
    pub(in crate::eval) fn new(call: &Call, settings: &Settings) -> Evaluated<TimeFunction> {
        let part = match call.function.name {
            "minute" => minute,
            "hour" => hour,
            "day_of_week" => day_of_week,
            "day_of_month" => day_of_month,
            "day_of_year" => day_of_year,
            "days_in_month" => days_in_month,
            "month" => month,
            "year" => year,
            name => return Self::of_samples(name == "start_timestamp", plan::argument(call, 0)?, settings),
        };
        let vector = call.arguments.first().map(|argument| plan::vector(argument, settings)).transpose()?;
        Ok(TimeFunction::Part(part, vector))
    }

    fn of_samples(start: bool, argument: &Expr, settings: &Settings) -> Evaluated<TimeFunction> {
        Ok(match plan::inner(argument) {
            Expr::Vector(selector) => TimeFunction::OfSamples { selector: InstantSelector::new(selector), start },
            _ if start => TimeFunction::Nothing,
            argument => TimeFunction::OfResults(plan::vector(argument, settings)?),
        })
    }

    pub(in crate::eval) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let mut vector = match self {
            TimeFunction::OfSamples { selector, start } => {
                let start = *start;
                let mut vector = Vec::new();
                selector.visit(cx, t_ms, |labels, at_ms, start_ms, _| {
                    let value = Value::Float(seconds(if start { start_ms } else { at_ms }));
                    vector.push(Sample { labels, drop_name: false, value });
                })?;
                vector
            }
            TimeFunction::OfResults(node) => {
                let mut vector = node.eval(cx, t_ms)?;
                vector.iter_mut().for_each(|sample| sample.value = Value::Float(seconds(t_ms)));
                vector
            }
            TimeFunction::Nothing => Vec::new(),
            TimeFunction::Part(part, None) => {
                let value = Value::Float(part(t_ms.div_euclid(1000)));
                return Ok(vec![Sample { labels: no_labels(cx), drop_name: false, value }]);
            }
            TimeFunction::Part(part, Some(node)) => {
                let part = *part;
                let mut vector = node.eval(cx, t_ms)?;
                vector.retain_mut(|sample| {
                    let Value::Float(value) = &mut sample.value else { return false };
                    #[expect(clippy::cast_possible_truncation, reason = "whole seconds; saturates")]
                    let unix = *value as i64;
                    *value = part(unix);
                    true
                });
                vector
            }
        };
        for sample in &mut vector {
            cx.drop_name(sample);
        }
        cx.check_nameless(&vector)?;
        Ok(vector)
    }
}

fn minute(unix: i64) -> f64 {
    small(unix.div_euclid(60).rem_euclid(60))
}

fn hour(unix: i64) -> f64 {
    small(unix.div_euclid(3600).rem_euclid(24))
}

fn day_of_week(unix: i64) -> f64 {
    f64::from(date(unix).weekday().since(Weekday::Sunday))
}

fn day_of_month(unix: i64) -> f64 {
    f64::from(date(unix).day())
}

fn day_of_year(unix: i64) -> f64 {
    f64::from(date(unix).day_of_year())
}

fn days_in_month(unix: i64) -> f64 {
    f64::from(date(unix).days_in_month())
}

fn month(unix: i64) -> f64 {
    f64::from(date(unix).month())
}

fn year(unix: i64) -> f64 {
    f64::from(date(unix).year())
}

/// The day in UTC; the nearest one there is for times beyond the year 9999.
fn date(unix: i64) -> Date {
    let bounds = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    let time = jiff::Timestamp::from_second(unix.clamp(bounds.0, bounds.1)).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).date()
}

#[expect(clippy::cast_precision_loss, reason = "below 60")]
fn small(value: i64) -> f64 {
    value as f64
}
