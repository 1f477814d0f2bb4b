//! Numbers, durations and times for people.

use jiff::Timestamp;
use model::duration::InvalidDuration;

use super::super::error::FunctionFailure;
use super::super::format;
use super::super::function::{Functions, TEXT, text};
use super::super::quote::quote;
use super::super::time_methods;
use super::super::value::Value;
use super::{NOTHING, NUMBER, number};

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

pub(super) fn install(functions: &mut Functions) {
    functions.add("humanize", NUMBER, |_, args| Ok(humanize(number(args)?).into()));
    functions.add("humanize1024", NUMBER, |_, args| Ok(humanize_1024(number(args)?).into()));
    functions.add("humanizeDuration", NUMBER, |_, args| Ok(humanize_duration(number(args)?).into()));
    functions.add("humanizePercentage", NUMBER, |_, args| Ok(format!("{}%", four(number(args)? * 100.0)).into()));
    functions.add("humanizeTimestamp", NUMBER, |_, args| {
        let seconds = number(args)?;
        if !seconds.is_finite() {
            return Ok(four(seconds).into());
        }
        Ok(format::plain(&time(seconds)?).into())
    });
    functions.add("toTime", NUMBER, |_, args| time(number(args)?));
    functions.add("toDuration", NUMBER, |_, args| duration(number(args)?));
    functions.add("now", NOTHING, |call, _| Ok(Value::Float(call.context.now_seconds())));
    functions.add("parseDuration", TEXT, |_, args| Ok(Value::Float(parse_duration(text(args, 0))?)));
}

fn four(number: f64) -> String {
    format::significant(number, 4)
}

/// A prefix for every factor of a thousand.
fn humanize(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return four(number);
    }
    if number.abs() < 1.0 {
        return raised(number, "");
    }
    lowered(number, 1000.0, &LARGE)
}

fn humanize_1024(number: f64) -> String {
    if number.abs() <= 1.0 || !number.is_finite() {
        return four(number);
    }
    lowered(number, 1024.0, &BINARY)
}

fn lowered(mut number: f64, factor: f64, prefixes: &[&str]) -> String {
    let mut prefix = "";
    for next in prefixes {
        if number.abs() < factor {
            break;
        }
        prefix = next;
        number /= factor;
    }
    format!("{}{prefix}", four(number))
}

fn raised(mut number: f64, unit: &str) -> String {
    let mut prefix = "";
    for next in SMALL {
        if number.abs() >= 1.0 {
            break;
        }
        prefix = next;
        number *= 1000.0;
    }
    format!("{}{prefix}{unit}", four(number))
}

/// `1d 2h 3m 4s`; four digits of seconds below a minute.
pub(crate) fn humanize_duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return four(seconds);
    }
    if seconds == 0.0 {
        return format!("{}s", four(seconds));
    }
    if seconds.abs() < 1.0 {
        return raised(seconds, "s");
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = seconds.abs() as i64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four(seconds.abs())),
        (0, 0, _) => format!("{sign}{minutes}m {rest}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {rest}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {rest}s"),
    }
}

/// Seconds as nanoseconds, where they fit Go's 64 bits.
fn nanoseconds(seconds: f64, what: &str) -> Result<i64, FunctionFailure> {
    if !seconds.is_finite() {
        return Err("value is NaN or Inf".into());
    }
    let nanoseconds = seconds * 1e9;
    if nanoseconds.abs() > i64::MAX as f64 {
        let shown = format::plain(&Value::Float(seconds));
        return Err(format!("{shown} cannot be represented as a {what} since it overflows int64").into());
    }
    Ok(nanoseconds as i64)
}

/// The UTC time of seconds since 1970, to the millisecond as Prometheus keeps time.
fn time(seconds: f64) -> Result<Value, FunctionFailure> {
    let milliseconds = nanoseconds(seconds, "nanoseconds timestamp")? / 1_000_000;
    let timestamp = Timestamp::from_millisecond(milliseconds).map_err(|error| error.to_string())?;
    Ok(time_methods::at(timestamp))
}

fn duration(seconds: f64) -> Result<Value, FunctionFailure> {
    Ok(Value::Duration(nanoseconds(seconds, "nanoseconds duration")?))
}

/// Seconds of a duration as rule files write them: `1h30m`, `-5m`.
fn parse_duration(text: &str) -> Result<f64, FunctionFailure> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let duration = model::duration::parse_duration(unsigned).map_err(|error| match error {
        InvalidDuration::NotADuration(_) => format!("not a valid duration string: {}", quote(text)),
        InvalidDuration::Empty | InvalidDuration::OutOfRange => error.to_string(),
    })?;
    let seconds = duration.as_millis() as f64 / 1000.0;
    Ok(if unsigned.len() == text.len() { seconds } else { 0.0 - seconds })
}
