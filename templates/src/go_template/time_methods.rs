//! Methods of `time.Time` and `time.Duration` that templates use.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::error::FunctionFailure;
use super::function::{Param, Signature};
use super::value::{Object, Value};
use super::{duration, time_format};

/// The first instant of year 1, Go's zero time: what an alert without an end has as its end.
pub(crate) const ZERO_SECONDS: i64 = -62_135_596_800;

/// Go's zero time.
pub fn zero_time() -> Value {
    at(Timestamp::from_second(ZERO_SECONDS).unwrap_or(Timestamp::MIN))
}

/// An instant in UTC.
pub fn at(timestamp: Timestamp) -> Value {
    Value::from(timestamp.to_zoned(TimeZone::UTC))
}

/// A time or duration as something with methods.
#[derive(Debug)]
pub(crate) struct TimeMethods<'v>(&'v Value);

impl<'v> TimeMethods<'v> {
    pub(crate) fn of(value: &'v Value) -> Option<Self> {
        matches!(value, Value::Time(_) | Value::Duration(_)).then_some(Self(value))
    }
}

impl Object for TimeMethods<'_> {
    fn type_name(&self) -> &str {
        if matches!(self.0, Value::Time(_)) { "time.Time" } else { "time.Duration" }
    }

    fn method(&self, name: &str) -> Option<Signature> {
        let fixed: &[Param] = match (self.0, name) {
            (Value::Time(_), "Format") => &[Param::String],
            (Value::Time(_), "Add" | "Round" | "Truncate") => &[Param::Duration],
            (Value::Time(_), "Sub" | "After" | "Before" | "Equal" | "Compare") => &[Param::Time],
            (Value::Time(_), "AddDate") => &[Param::Int, Param::Int, Param::Int],
            (
                Value::Time(_),
                "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano" | "Year" | "Month" | "Day" | "Hour" | "Minute"
                | "Second" | "Nanosecond" | "Weekday" | "YearDay" | "IsZero" | "UTC" | "Local" | "String" | "Location",
            ) => &[],
            (Value::Duration(_), "Round" | "Truncate") => &[Param::Duration],
            (
                Value::Duration(_),
                "Hours" | "Minutes" | "Seconds" | "Milliseconds" | "Microseconds" | "Nanoseconds" | "Abs" | "String",
            ) => &[],
            _ => return None,
        };
        Some(Signature::of(fixed))
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, FunctionFailure> {
        match self.0 {
            Value::Time(time) => match args {
                [] => time_fact(time, name),
                _ => time_with(time, name, args),
            },
            Value::Duration(nanoseconds) => Ok(duration_method(*nanoseconds, name, args)),
            _ => Err(format!("no method {name}").into()),
        }
    }
}

fn time_fact(time: &Zoned, name: &str) -> Result<Value, FunctionFailure> {
    let timestamp = time.timestamp();
    let nanoseconds = timestamp.as_nanosecond();
    Ok(match name {
        "Unix" => Value::Int(nanoseconds.div_euclid(1_000_000_000) as i64),
        "UnixMilli" => Value::Int(nanoseconds.div_euclid(1_000_000) as i64),
        "UnixMicro" => Value::Int(nanoseconds.div_euclid(1_000) as i64),
        // wraps outside the years 1678 to 2262, as in Go
        "UnixNano" => Value::Int(nanoseconds as i64),
        "Year" => Value::Int(i64::from(time.year())),
        "Month" => Named::value("time.Month", i64::from(time.month()), time_format::month_name(time)),
        "Day" => Value::Int(i64::from(time.day())),
        "Hour" => Value::Int(i64::from(time.hour())),
        "Minute" => Value::Int(i64::from(time.minute())),
        "Second" => Value::Int(i64::from(time.second())),
        "Nanosecond" => Value::Int(i64::from(time.subsec_nanosecond())),
        "Weekday" => {
            let number = i64::from(time.weekday().to_sunday_zero_offset());
            Named::value("time.Weekday", number, time_format::weekday_name(time))
        }
        "YearDay" => Value::Int(i64::from(time.day_of_year())),
        "IsZero" => Value::Bool(nanoseconds == i128::from(ZERO_SECONDS) * 1_000_000_000),
        // no zone of the machine reaches a rendering: local time is UTC
        "UTC" | "Local" => at(timestamp),
        "Location" if *time.time_zone() == TimeZone::UTC => Value::from("UTC"),
        "Location" => Value::from(time.time_zone().iana_name().unwrap_or_default()),
        "String" => Value::from(time_format::plain(time)),
        _ => return Err(format!("no method {name}").into()),
    })
}

fn time_with(time: &Zoned, name: &str, args: &[Value]) -> Result<Value, FunctionFailure> {
    let moved = |by: i128| {
        let by = SignedDuration::from_nanos(i64::try_from(by).unwrap_or(i64::MAX));
        time.checked_add(by).map(Value::from).map_err(|error| error.to_string().into())
    };
    let this = time.timestamp();
    match (name, args) {
        ("Format", [Value::String(layout)]) => Ok(Value::from(time_format::format(time, layout))),
        ("Add", [Value::Duration(by)]) => moved(i128::from(*by)),
        ("Round" | "Truncate", [Value::Duration(unit)]) if *unit > 0 => {
            let unit = i128::from(*unit);
            let past = (this.as_nanosecond() - i128::from(ZERO_SECONDS) * 1_000_000_000).rem_euclid(unit);
            moved(if name == "Round" && past * 2 >= unit { unit - past } else { -past })
        }
        ("Round" | "Truncate", _) => Ok(Value::from(time.clone())),
        ("AddDate", [Value::Int(years), Value::Int(months), Value::Int(days)]) => {
            add_date(time, *years, *months, *days)
        }
        (_, [Value::Time(other)]) => {
            let that = other.timestamp();
            Ok(match name {
                "Sub" => {
                    let apart = (this.as_nanosecond() - that.as_nanosecond()).clamp(i64::MIN.into(), i64::MAX.into());
                    Value::Duration(i64::try_from(apart).unwrap_or(i64::MAX))
                }
                "After" => Value::Bool(this > that),
                "Before" => Value::Bool(this < that),
                "Compare" => Value::Int(this.cmp(&that) as i64),
                _ => Value::Bool(this == that),
            })
        }
        _ => Err(format!("no method {name} with these arguments").into()),
    }
}

/// Adds to the calendar date and lets it run over, as Go does: 31 October and a month is 1 December.
fn add_date(time: &Zoned, years: i64, months: i64, days: i64) -> Result<Value, FunctionFailure> {
    let range = || FunctionFailure::from("time out of range");
    let months = i64::from(time.month()) - 1 + months;
    let year = i64::from(time.year()).checked_add(years).and_then(|year| year.checked_add(months.div_euclid(12)));
    let year = i16::try_from(year.ok_or_else(range)?).map_err(|_| range())?;
    let month = i8::try_from(months.rem_euclid(12) + 1).map_err(|_| range())?;
    let first = jiff::civil::Date::new(year, month, 1).map_err(|_| range())?;
    let days = jiff::Span::new().try_days(days.checked_add(i64::from(time.day()) - 1).ok_or_else(range)?);
    let date = first.checked_add(days.map_err(|_| range())?).map_err(|_| range())?;
    let moved = date.to_datetime(time.time()).to_zoned(time.time_zone().clone()).map_err(|_| range())?;
    Ok(Value::from(moved))
}

fn duration_method(nanoseconds: i64, name: &str, args: &[Value]) -> Value {
    let unit = match args {
        [Value::Duration(unit)] => *unit,
        _ => 0,
    };
    match name {
        "Hours" => Value::Float(nanoseconds as f64 / 3.6e12),
        "Minutes" => Value::Float(nanoseconds as f64 / 6e10),
        "Seconds" => Value::Float((nanoseconds / 1_000_000_000) as f64 + (nanoseconds % 1_000_000_000) as f64 / 1e9),
        "Milliseconds" => Value::Int(nanoseconds / 1_000_000),
        "Microseconds" => Value::Int(nanoseconds / 1_000),
        "Nanoseconds" => Value::Int(nanoseconds),
        "Abs" => Value::Duration(nanoseconds.saturating_abs()),
        "Truncate" if unit > 0 => Value::Duration(nanoseconds - nanoseconds % unit),
        "Round" if unit > 0 => {
            let rest = nanoseconds % unit;
            let down = nanoseconds - rest;
            let away = rest.unsigned_abs() * 2 >= unit.unsigned_abs();
            Value::Duration(if away { down.saturating_add(unit * rest.signum()) } else { down })
        }
        "String" => Value::from(duration::text(nanoseconds)),
        _ => Value::Duration(nanoseconds),
    }
}

/// A number that prints as a word, such as a month.
#[derive(Debug)]
struct Named {
    type_name: &'static str,
    number: i64,
    word: &'static str,
}

impl Named {
    fn value(type_name: &'static str, number: i64, word: &'static str) -> Value {
        Value::object(Self { type_name, number, word })
    }
}

impl Object for Named {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn base(&self) -> Option<Value> {
        Some(Value::Int(self.number))
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "String").then(|| Signature::of(&[]))
    }

    fn call(&self, _name: &str, _args: &[Value]) -> Result<Value, FunctionFailure> {
        Ok(Value::from(self.word))
    }

    fn text(&self) -> Option<String> {
        Some(self.word.to_owned())
    }
}
