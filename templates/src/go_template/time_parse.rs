//! Reads times by Go's layouts.

use jiff::Zoned;
use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};

use super::quote::quote;
use super::time_format::{Chunk, MONTHS, OffsetStyle, WEEKDAYS, next_chunk};

/// What a text has said about a time so far.
#[derive(Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    afternoon: Option<bool>,
    offset_seconds: Option<i32>,
}

/// The time a text gives in a layout; in UTC unless the text has an offset.
pub(crate) fn parse(layout: &str, text: &str) -> Result<Zoned, String> {
    let mut parts = Parts::default();
    let (mut layout_rest, mut rest) = (layout, text);
    let wrong = |value: &str, element: &str| {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quote(text),
            quote(layout),
            quote(value),
            quote(element)
        )
    };
    loop {
        let (literal, found) = next_chunk(layout_rest);
        rest = after_literal(literal, rest).ok_or_else(|| wrong(rest, literal))?;
        let Some((chunk, layout_after)) = found else {
            if rest.is_empty() {
                break;
            }
            return Err(format!("parsing time {}: extra text: {}", quote(text), quote(rest)));
        };
        let element = layout_rest.get(literal.len()..layout_rest.len() - layout_after.len()).unwrap_or_default();
        rest = read(chunk, rest, layout_after, &mut parts).ok_or_else(|| wrong(rest, element))?;
        layout_rest = layout_after;
    }
    parts.time().map_err(|out_of_range| format!("parsing time {}: {out_of_range} out of range", quote(text)))
}

/// A space of the layout stands for any number of spaces.
fn after_literal<'t>(literal: &str, text: &'t str) -> Option<&'t str> {
    let mut text = text;
    for character in literal.chars() {
        if character == ' ' {
            text = text.trim_start_matches(' ');
        } else {
            text = text.strip_prefix(character)?;
        }
    }
    Some(text)
}

/// Reads one element; gives what follows it.
fn read<'t>(chunk: Chunk, text: &'t str, layout_after: &str, parts: &mut Parts) -> Option<&'t str> {
    let (number, rest);
    match chunk {
        Chunk::LongYear => {
            (number, rest) = digits(text, 4, 4)?;
            parts.year = i16::try_from(number).ok();
        }
        Chunk::Year => {
            (number, rest) = digits(text, 2, 2)?;
            parts.year = i16::try_from(if number >= 69 { number + 1900 } else { number + 2000 }).ok();
        }
        Chunk::LongMonth => return named(&MONTHS, usize::MAX, text).and_then(|(i, rest)| parts.set_month(i + 1, rest)),
        Chunk::Month => return named(&MONTHS, 3, text).and_then(|(index, rest)| parts.set_month(index + 1, rest)),
        Chunk::NumericMonth | Chunk::ZeroMonth => {
            (number, rest) = digits(text, least(chunk == Chunk::ZeroMonth), 2)?;
            return parts.set_month(usize::try_from(number).ok()?, rest);
        }
        Chunk::LongWeekday => return named(&WEEKDAYS, usize::MAX, text).map(|(_, rest)| rest),
        Chunk::Weekday => return named(&WEEKDAYS, 3, text).map(|(_, rest)| rest),
        Chunk::Day | Chunk::UnderDay | Chunk::ZeroDay => {
            let text = if chunk == Chunk::UnderDay { text.strip_prefix(' ').unwrap_or(text) } else { text };
            (number, rest) = digits(text, least(chunk == Chunk::ZeroDay), 2)?;
            parts.day = i8::try_from(number).ok();
        }
        Chunk::UnderYearDay | Chunk::ZeroYearDay => {
            (number, rest) = digits(text.trim_start_matches(' '), 1, 3)?;
            parts.year_day = i16::try_from(number).ok();
        }
        Chunk::Hour | Chunk::Hour12 | Chunk::ZeroHour12 => {
            (number, rest) = digits(text, least(chunk == Chunk::ZeroHour12), 2)?;
            parts.hour = i8::try_from(number).ok()?;
        }
        Chunk::Minute | Chunk::ZeroMinute => {
            (number, rest) = digits(text, least(chunk == Chunk::ZeroMinute), 2)?;
            parts.minute = i8::try_from(number).ok()?;
        }
        Chunk::Second | Chunk::ZeroSecond => return second(chunk, text, layout_after, parts),
        Chunk::UpperPm | Chunk::LowerPm => {
            let half = text.get(..2)?;
            let (am, pm) = if chunk == Chunk::UpperPm { ("AM", "PM") } else { ("am", "pm") };
            parts.afternoon = Some(half == pm);
            return (half == am || half == pm).then(|| text.get(2..).unwrap_or_default());
        }
        Chunk::ZoneName => {
            let length = text.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(text.len());
            // a name other than UTC has no known offset, as in Go without that zone
            return (3..=5).contains(&length).then(|| text.get(length..).unwrap_or_default());
        }
        Chunk::Offset(style) => return offset(style, text, parts),
        Chunk::Fraction { trimmed: true, .. } => return fraction(text, parts).or(Some(text)),
        Chunk::Fraction { digits: count, .. } => {
            let (before, after) = text.split_at_checked(count + 1)?;
            return fraction(before, parts).filter(|rest| rest.is_empty()).map(|_| after);
        }
    }
    Some(rest)
}

/// Seconds; a fraction of them is read even where the layout has none.
fn second<'t>(chunk: Chunk, text: &'t str, layout_after: &str, parts: &mut Parts) -> Option<&'t str> {
    let (number, rest) = digits(text, least(chunk == Chunk::ZeroSecond), 2)?;
    parts.second = i8::try_from(number).ok()?;
    let next_is_fraction = matches!(next_chunk(layout_after), ("", Some((Chunk::Fraction { .. }, _))));
    if next_is_fraction { Some(rest) } else { fraction(rest, parts).or(Some(rest)) }
}

fn least(padded: bool) -> usize {
    if padded { 2 } else { 1 }
}

fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let count = text.chars().take(most).take_while(char::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(count)?;
    (count >= least).then_some((number.parse().ok()?, rest))
}

fn named<'t>(names: &[&str], length: usize, text: &'t str) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let (start, rest) = text.split_at_checked(length.min(name.len()))?;
        name.get(..start.len())?.eq_ignore_ascii_case(start).then_some((index, rest))
    })
}

fn fraction<'t>(text: &'t str, parts: &mut Parts) -> Option<&'t str> {
    let decimals = text.strip_prefix(['.', ','])?;
    let rest = decimals.trim_start_matches(|c: char| c.is_ascii_digit());
    let decimals = decimals.get(..decimals.len() - rest.len()).filter(|decimals| !decimals.is_empty())?;
    let nanoseconds: String = decimals.chars().chain("000000000".chars()).take(9).collect();
    parts.nanosecond = nanoseconds.parse().ok()?;
    Some(rest)
}

fn offset<'t>(style: OffsetStyle, text: &'t str, parts: &mut Parts) -> Option<&'t str> {
    if style.z_for_utc
        && let Some(rest) = text.strip_prefix('Z')
    {
        parts.offset_seconds = Some(0);
        return Some(rest);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let mut rest = text.get(1..)?;
    let mut seconds = 0;
    for (index, (wanted, factor)) in [(true, 3600), (style.minutes, 60), (style.seconds, 1)].into_iter().enumerate() {
        if wanted {
            let text = if style.colons && index > 0 { rest.strip_prefix(':')? } else { rest };
            let (number, after) = digits(text, 2, 2)?;
            seconds += i32::try_from(number).ok()? * factor;
            rest = after;
        }
    }
    parts.offset_seconds = Some(sign * seconds);
    Some(rest)
}

impl Parts {
    fn set_month<'t>(&mut self, month: usize, rest: &'t str) -> Option<&'t str> {
        self.month = i8::try_from(month).ok();
        Some(rest)
    }

    fn time(&self) -> Result<Zoned, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        // parts that are not there are as in Go's zero date
        let year = self.year.unwrap_or(0);
        let date = match self.year_day {
            Some(day) => Date::new(year, 1, 1).and_then(|date| date.with().day_of_year(day).build()),
            None => {
                let month = self.month.unwrap_or(1);
                Date::new(year, month, 1).map_err(|_| "month")?;
                Date::new(year, month, self.day.unwrap_or(1))
            }
        };
        let date = date.map_err(|_| "day")?;
        let time = Time::new(hour, 0, 0, 0).map_err(|_| "hour").and(
            Time::new(hour, self.minute, 0, 0)
                .map_err(|_| "minute")
                .and(Time::new(hour, self.minute, self.second, self.nanosecond).map_err(|_| "second")),
        )?;
        let zone = match self.offset_seconds {
            None | Some(0) => TimeZone::UTC,
            Some(seconds) => TimeZone::fixed(Offset::from_seconds(seconds).map_err(|_| "time zone offset")?),
        };
        date.to_datetime(time).to_zoned(zone).map_err(|_| "time")
    }
}

#[cfg(test)]
mod tests {
    use super::super::time_format;
    use super::*;

    #[test]
    fn layouts() {
        for (layout, text, want) in [
            ("2006-01-02", "2023-03-04", "2023-03-04 00:00:00 +0000 UTC"),
            ("2006-01-02T15:04:05Z07:00", "2023-03-04T05:06:07.25+02:00", "2023-03-04 05:06:07.25 +0200 +0200"),
            ("Jan _2 2006 3:04PM", "Mar  4 2023 3:06PM", "2023-03-04 15:06:00 +0000 UTC"),
            ("Monday, 2 January 06", "Saturday, 4 March 23", "2023-03-04 00:00:00 +0000 UTC"),
            ("15:04:05.000", "05:06:07.089", "0000-01-01 05:06:07.089 +0000 UTC"),
            ("2006 002", "2023 063", "2023-03-04 00:00:00 +0000 UTC"),
        ] {
            assert_eq!(parse(layout, text).map(|time| time_format::plain(&time)).as_deref(), Ok(want), "{layout}");
        }
        for (layout, text, want) in [
            ("2006-01-02", "x", "parsing time \"x\" as \"2006-01-02\": cannot parse \"x\" as \"2006\""),
            ("2006-01-02", "2023-13-04", "parsing time \"2023-13-04\": month out of range"),
            ("2006-01-02", "2023-02-30", "parsing time \"2023-02-30\": day out of range"),
            ("2006", "2023x", "parsing time \"2023x\": extra text: \"x\""),
        ] {
            assert_eq!(parse(layout, text).map(|time| time.to_string()), Err(want.to_owned()));
        }
    }
}
