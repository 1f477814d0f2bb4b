//! Go's time layouts, written as its reference time: `Mon Jan 2 15:04:05 MST 2006`.

use jiff::Zoned;
use jiff::tz::TimeZone;

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    LongMonth,
    Month,
    NumericMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    Offset(OffsetStyle),
    /// `.000` or `.999`, with its separator.
    Fraction {
        digits: usize,
        trimmed: bool,
        comma: bool,
    },
}

/// How an offset from UTC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetStyle {
    /// UTC is written as `Z`.
    pub(crate) z_for_utc: bool,
    pub(crate) colons: bool,
    pub(crate) minutes: bool,
    pub(crate) seconds: bool,
}

const NAMES: [(&str, Chunk); 27] = [
    ("January", Chunk::LongMonth),
    ("Jan", Chunk::Month),
    ("Monday", Chunk::LongWeekday),
    ("Mon", Chunk::Weekday),
    ("MST", Chunk::ZoneName),
    ("002", Chunk::ZeroYearDay),
    ("01", Chunk::ZeroMonth),
    ("02", Chunk::ZeroDay),
    ("03", Chunk::ZeroHour12),
    ("04", Chunk::ZeroMinute),
    ("05", Chunk::ZeroSecond),
    ("06", Chunk::Year),
    ("15", Chunk::Hour),
    ("1", Chunk::NumericMonth),
    ("2006", Chunk::LongYear),
    ("2", Chunk::Day),
    ("__2", Chunk::UnderYearDay),
    ("_2", Chunk::UnderDay),
    ("3", Chunk::Hour12),
    ("4", Chunk::Minute),
    ("5", Chunk::Second),
    ("PM", Chunk::UpperPm),
    ("pm", Chunk::LowerPm),
    ("070000", Chunk::Offset(style(false, true, true))),
    ("07:00:00", Chunk::Offset(style(true, true, true))),
    ("0700", Chunk::Offset(style(false, true, false))),
    ("07:00", Chunk::Offset(style(true, true, false))),
];

const fn style(colons: bool, minutes: bool, seconds: bool) -> OffsetStyle {
    OffsetStyle { z_for_utc: false, colons, minutes, seconds }
}

/// Splits a layout at its next element: text before, element, rest.
pub(crate) fn next_chunk(layout: &str) -> (&str, Option<(Chunk, &str)>) {
    for (at, _) in layout.char_indices() {
        let (before, here) = layout.split_at(at);
        if let Some((chunk, length)) = chunk_at(here) {
            return (before, Some((chunk, here.get(length..).unwrap_or_default())));
        }
    }
    (layout, None)
}

/// The element a layout starts with, and its length.
fn chunk_at(layout: &str) -> Option<(Chunk, usize)> {
    let lower_case_follows = |length: usize| {
        layout.get(length..).is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_lowercase()))
    };
    if let Some(rest) = layout.strip_prefix(['-', 'Z']) {
        let z_for_utc = layout.starts_with('Z');
        let found = NAMES.iter().find_map(|(name, chunk)| match chunk {
            Chunk::Offset(style) if rest.starts_with(name) => Some((*style, name.len())),
            _ => None,
        });
        let hours = || rest.starts_with("07").then_some((style(false, false, false), 2));
        let (found, length) = found.or_else(hours)?;
        return Some((Chunk::Offset(OffsetStyle { z_for_utc, ..found }), length + 1));
    }
    if layout.starts_with(['.', ',']) {
        return fraction(layout);
    }
    // "_2006" is an underscore before a year
    if layout.starts_with("_2006") {
        return None;
    }
    let (name, chunk) = NAMES.iter().find(|(name, chunk)| {
        let cut_short = matches!(chunk, Chunk::Month | Chunk::Weekday) && lower_case_follows(name.len());
        !matches!(chunk, Chunk::Offset(_)) && layout.starts_with(name) && !cut_short
    })?;
    Some((*chunk, name.len()))
}

fn fraction(layout: &str) -> Option<(Chunk, usize)> {
    let digits = layout.get(1..)?;
    let digit = digits.chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let rest = digits.trim_start_matches(digit);
    if rest.starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    let count = digits.len() - rest.len();
    let chunk = Chunk::Fraction { digits: count, trimmed: digit == '9', comma: layout.starts_with(',') };
    Some((chunk, count + 1))
}

/// Writes a time in a layout.
pub(crate) fn format(time: &Zoned, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    loop {
        let (before, found) = next_chunk(rest);
        out.push_str(before);
        let Some((chunk, after)) = found else { return out };
        out.push_str(&written(time, chunk));
        rest = after;
    }
}

/// A time as Go prints it: `2006-01-02 15:04:05.999999999 -0700 MST`.
pub(crate) fn plain(time: &Zoned) -> String {
    format(time, "2006-01-02 15:04:05.999999999 -0700 MST")
}

fn written(time: &Zoned, chunk: Chunk) -> String {
    let hour12 = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    match chunk {
        Chunk::LongMonth => month_name(time).to_owned(),
        Chunk::Month => month_name(time).chars().take(3).collect(),
        Chunk::NumericMonth => time.month().to_string(),
        Chunk::ZeroMonth => format!("{:02}", time.month()),
        Chunk::LongWeekday => weekday_name(time).to_owned(),
        Chunk::Weekday => weekday_name(time).chars().take(3).collect(),
        Chunk::Day => time.day().to_string(),
        Chunk::UnderDay => format!("{:2}", time.day()),
        Chunk::ZeroDay => format!("{:02}", time.day()),
        Chunk::UnderYearDay => format!("{:3}", time.day_of_year()),
        Chunk::ZeroYearDay => format!("{:03}", time.day_of_year()),
        Chunk::Hour => format!("{:02}", time.hour()),
        Chunk::Hour12 => hour12.to_string(),
        Chunk::ZeroHour12 => format!("{hour12:02}"),
        Chunk::Minute => time.minute().to_string(),
        Chunk::ZeroMinute => format!("{:02}", time.minute()),
        Chunk::Second => time.second().to_string(),
        Chunk::ZeroSecond => format!("{:02}", time.second()),
        Chunk::LongYear => format!("{:04}", time.year()),
        Chunk::Year => format!("{:02}", time.year().rem_euclid(100)),
        Chunk::UpperPm => if time.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
        Chunk::LowerPm => if time.hour() >= 12 { "pm" } else { "am" }.to_owned(),
        Chunk::ZoneName => zone_name(time),
        Chunk::Offset(style) => offset(time.offset().seconds(), style),
        Chunk::Fraction { digits, trimmed, comma } => decimals(time.subsec_nanosecond(), digits, trimmed, comma),
    }
}

fn decimals(nanoseconds: i32, digits: usize, trimmed: bool, comma: bool) -> String {
    let mut text = format!("{nanoseconds:09}");
    text.extend(std::iter::repeat_n('0', digits.saturating_sub(9)));
    text.truncate(digits);
    if trimmed {
        text.truncate(text.trim_end_matches('0').len());
        if text.is_empty() {
            return text;
        }
    }
    text.insert(0, if comma { ',' } else { '.' });
    text
}

fn offset(seconds: i32, style: OffsetStyle) -> String {
    if style.z_for_utc && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let magnitude = seconds.abs();
    let separator = if style.colons { ":" } else { "" };
    let mut text = format!("{sign}{:02}", magnitude / 3600);
    if style.minutes {
        text.push_str(&format!("{separator}{:02}", magnitude / 60 % 60));
    }
    if style.seconds {
        text.push_str(&format!("{separator}{:02}", magnitude % 60));
    }
    text
}

/// The abbreviation of the zone; a zone that only has an offset shows that.
pub(crate) fn zone_name(time: &Zoned) -> String {
    let zone = time.time_zone();
    if zone.to_fixed_offset().is_ok() && *zone != TimeZone::UTC {
        return offset(time.offset().seconds(), style(false, true, false));
    }
    zone.to_offset_info(time.timestamp()).abbreviation().to_owned()
}

/// The English name of a time's month.
pub(crate) fn month_name(time: &Zoned) -> &'static str {
    let index = usize::from(time.month().unsigned_abs()).saturating_sub(1);
    MONTHS.get(index).copied().unwrap_or_default()
}

/// The English name of a time's day of the week.
pub(crate) fn weekday_name(time: &Zoned) -> &'static str {
    let index = usize::from(time.weekday().to_sunday_zero_offset().unsigned_abs());
    WEEKDAYS.get(index).copied().unwrap_or_default()
}

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(crate) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        let time: Zoned = "2023-03-04T15:06:07.0891+02:00[+02:00]".parse().expect("a time");
        for (layout, want) in [
            ("2006-01-02T15:04:05Z07:00", "2023-03-04T15:06:07+02:00"),
            ("Mon Jan _2 3:04:05PM MST 06", "Sat Mar  4 3:06:07PM +0200 23"),
            ("Monday, January 2 2006 03pm", "Saturday, March 4 2023 03pm"),
            ("15:04:05.000", "15:06:07.089"),
            ("15:04:05.999999", "15:06:07.0891"),
            ("15:04:05,00", "15:06:07,08"),
            ("002 __2 -07 -070000 Z0700", "063  63 +02 +020000 +0200"),
            ("Month Janet 1/2 _2006", "Month Janet 3/4 _2023"),
            ("", ""),
        ] {
            assert_eq!(format(&time, layout), want, "{layout}");
        }
    }
}
