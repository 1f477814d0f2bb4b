//! Numbers, durations and times for people.

use jiff::Timestamp;

use super::super::error::FunctionFailure;
use super::super::format;
use super::super::function::Functions;
use super::super::time_methods;
use super::super::value::Value;
use super::{NOTHING, NUMBER, TEXT, number, text};

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
    const UNITS: [(&str, u64); 7] = [
        ("y", 31_536_000_000),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let invalid =
        || FunctionFailure::from(format!("not a valid duration string: {}", super::super::quote::quoted(text)));
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned {
        "" => return Err("empty duration string".into()),
        "0" => return Ok(0.0),
        _ => {}
    }
    let mut milliseconds: u64 = 0;
    let mut units = UNITS.iter();
    let mut rest = unsigned;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, after) =
            rest.split_at_checked(digits).filter(|(count, _)| !count.is_empty()).ok_or_else(invalid)?;
        let unit_length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_length).ok_or_else(invalid)?;
        // units come once each, largest first
        let (_, factor) = units.by_ref().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let count: u64 = count.parse().map_err(|_| "duration out of range")?;
        let part = count.checked_mul(*factor).ok_or("duration out of range")?;
        milliseconds = milliseconds.checked_add(part).filter(|sum| *sum <= MOST_MS).ok_or("duration out of range")?;
        rest = after;
    }
    let seconds = milliseconds as f64 / 1000.0;
    Ok(if unsigned.len() == text.len() { seconds } else { -seconds })
}

/// The longest duration Go can hold, in milliseconds.
const MOST_MS: u64 = i64::MAX as u64 / 1_000_000;
