//! Reading an element of a time interval.

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use yaml::{Decoder, Field, Node};

use super::{DayTime, MonthDays, TimeInterval};

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The shortest month: what holds in it for two negative days holds in all.
const SHORTEST_MONTH: i32 = 28;

impl TimeInterval {
    /// Decodes one element. `None` after a mistake, which the decoder has.
    pub fn decode(node: &Node, decoder: &Decoder) -> Option<TimeInterval> {
        let mut fields = decoder.mapping(node, "a time interval")?;
        let times = fields.optional("times").sequence(decode_time);
        let weekdays = ranges(fields.optional("weekdays"), parse_weekdays);
        let days_of_month = ranges(fields.optional("days_of_month"), parse_month_days);
        let months = fields.optional("months").sequence(decode_months);
        let years = ranges(fields.optional("years"), parse_years);
        let location = fields.optional("location").parse_with(parse_location);
        fields.finish();
        let location = location.map_or(TimeZone::UTC, |location| location.value);
        Some(TimeInterval { times, weekdays, days_of_month, months, years, location })
    }
}

fn ranges<T>(field: Field<'_>, parse: fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
    field.sequence(|node, decoder| decoder.value(node).parse_with(parse).map(|range| range.value))
}

fn decode_time(node: &Node, decoder: &Decoder) -> Option<DayTime> {
    let mut fields = decoder.mapping(node, "a range of times")?;
    let start = fields.required("start_time").parse_with(parse_minute);
    let end = fields.required("end_time").parse_with(parse_minute);
    fields.finish();
    let (start, end) = (start?, end?);
    if start.value >= end.value {
        let report = decoder.error(end.span, "end_time is not after start_time");
        if end.value < start.value {
            report.hint("for a window over midnight write two: until 24:00 and from 00:00");
        }
        return None;
    }
    Some(DayTime { start_minute: start.value, end_minute: end.value })
}

/// `HH:MM` from 00:00 to 24:00.
fn parse_minute(text: &str) -> Result<u16, String> {
    let two_digits = |text: &str| match text.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9'] => text.parse::<u16>().ok(),
        _ => None,
    };
    let parsed = text.split_once(':').and_then(|(hour, minute)| Some((two_digits(hour)?, two_digits(minute)?)));
    match parsed {
        Some((hour @ 0..=23, minute @ 0..=59)) => Ok(hour * 60 + minute),
        Some((24, 0)) => Ok(24 * 60),
        _ => Err(format!("{text:?} is not a time of day from 00:00 to 24:00")),
    }
}

/// `a` or `a:b`.
fn split_range(text: &str) -> Result<(&str, &str), String> {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        [only] => Ok((only, only)),
        [begin, end] => Ok((begin, end)),
        _ => Err(format!("{text:?} is not a range such as a:b")),
    }
}

fn parse_weekdays(text: &str) -> Result<RangeInclusive<i8>, String> {
    let day = |text: &str| {
        let day = (0..).zip(WEEKDAYS).find(|(_, name)| name.eq_ignore_ascii_case(text));
        day.map(|(number, _)| number).ok_or_else(|| format!("{text:?} is not a day of the week such as monday"))
    };
    let (begin, end) = split_range(text)?;
    let (begin, end) = (day(begin)?, day(end)?);
    if begin > end {
        return Err("the week begins on sunday and a range does not wrap: write two ranges".to_owned());
    }
    Ok(begin..=end)
}

fn parse_month_days(text: &str) -> Result<MonthDays, String> {
    let day = |text: &str| {
        let day = text.parse::<i8>().ok().filter(|day| (1..=31).contains(&day.unsigned_abs()));
        day.ok_or_else(|| format!("{text:?} is not a day of the month, 1 to 31 or -1 to -31"))
    };
    let (begin, end) = split_range(text)?;
    let (begin, end) = (day(begin)?, day(end)?);
    if begin < 0 && end > 0 {
        return Err("a range that begins with a negative day must end with one".to_owned());
    }
    let in_shortest = |day: i8| if day < 0 { SHORTEST_MONTH + i32::from(day) } else { i32::from(day) };
    if in_shortest(begin) > in_shortest(end) {
        return Err(format!("day {end} is always before day {begin}"));
    }
    Ok(MonthDays { begin, end })
}

fn decode_months(node: &Node, decoder: &Decoder) -> Option<RangeInclusive<i32>> {
    let months = decoder.value(node).parse_with(parse_months)?;
    if *months.value.end() > 12 {
        decoder.warning(months.span, format!("there is no month {}", months.value.end()));
    }
    Some(months.value)
}

fn parse_months(text: &str) -> Result<RangeInclusive<i32>, String> {
    let month = |text: &str| {
        let named = (1..).zip(MONTHS).find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(number, _)| number);
        let number = named.or_else(|| text.parse().ok().filter(|number| *number >= 1));
        number.ok_or_else(|| format!("{text:?} is not a month, by name or number"))
    };
    let (begin, end) = split_range(text)?;
    let (begin, end) = (month(begin)?, month(end)?);
    if begin > end {
        return Err("the year begins in january and a range does not wrap: write two ranges".to_owned());
    }
    Ok(begin..=end)
}

fn parse_years(text: &str) -> Result<RangeInclusive<i32>, String> {
    let year = |text: &str| text.parse::<i32>().map_err(|_| format!("{text:?} is not a year"));
    let (begin, end) = split_range(text)?;
    let (begin, end) = (year(begin)?, year(end)?);
    if begin > end { Err("the range ends before it begins".to_owned()) } else { Ok(begin..=end) }
}

/// An IANA name, `UTC` or `Local`, the zone of this machine.
fn parse_location(text: &str) -> Result<TimeZone, String> {
    match text {
        "" | "UTC" => Ok(TimeZone::UTC),
        "Local" => Ok(TimeZone::system()),
        name => {
            TimeZone::get(name).map_err(|_| format!("unknown time zone {name:?}, expected one such as Europe/Berlin"))
        }
    }
}
