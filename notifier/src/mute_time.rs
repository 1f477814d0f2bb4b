//! Weekly and monthly windows in which a route is mute or active (`time_intervals`).
//!
//! Follows Alertmanager's grammar and meaning, except that negative days of the month are also right near a clock
//! change. All comparison is by the wall clock of the interval's location.

mod decode;

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use model::Timestamp;

/// One element of a named time interval: active when every field that is present is. In a field any range suffices; a
/// field that is left out (`None`) matches always, an empty list never.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeInterval {
    /// Times of day in minutes since midnight, the end excluded.
    pub times: Option<Vec<DayTime>>,
    /// Days of the week; Sunday is 0.
    pub weekdays: Option<Vec<RangeInclusive<i8>>>,
    /// Days of the month.
    pub days_of_month: Option<Vec<MonthDays>>,
    /// Months; January is 1.
    pub months: Option<Vec<RangeInclusive<i32>>>,
    /// Years.
    pub years: Option<Vec<RangeInclusive<i32>>>,
    /// Whose wall clock. Default UTC.
    pub location: TimeZone,
}

/// A time of day: from a minute to before another, within one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayTime {
    /// First minute of the day, 0 to 1439.
    pub start_minute: u16,
    /// Minute it ends before, at most 1440.
    pub end_minute: u16,
}

/// Days of a month, both ends included; negative ones count from the end, -1 being the last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthDays {
    /// 1 to 31 or -1 to -31.
    pub begin: i8,
    /// Likewise; negative if `begin` is.
    pub end: i8,
}

impl TimeInterval {
    /// Whether an instant lies in the interval.
    pub fn contains(&self, at: Timestamp) -> bool {
        let local = at.to_jiff().to_zoned(self.location.clone());
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        any(&self.times, |time| time.contains(minute))
            && any(&self.days_of_month, |days| days.contains(local.day(), local.days_in_month()))
            && any(&self.months, |months| months.contains(&i32::from(local.month())))
            && any(&self.weekdays, |days| days.contains(&local.weekday().to_sunday_zero_offset()))
            && any(&self.years, |years| years.contains(&i32::from(local.year())))
    }
}

/// A named interval is active when any of its elements is.
pub fn any_contains(intervals: &[TimeInterval], at: Timestamp) -> bool {
    intervals.iter().any(|interval| interval.contains(at))
}

fn any<T>(ranges: &Option<Vec<T>>, contains: impl Fn(&T) -> bool) -> bool {
    ranges.as_ref().is_none_or(|ranges| ranges.iter().any(contains))
}

impl DayTime {
    fn contains(self, minute: i32) -> bool {
        (i32::from(self.start_minute)..i32::from(self.end_minute)).contains(&minute)
    }
}

impl MonthDays {
    /// A range that begins behind the month's end never matches; one that ends behind it is cut.
    fn contains(self, day: i8, days_in_month: i8) -> bool {
        let from_start = |day: i8| if day < 0 { days_in_month + day + 1 } else { day };
        (from_start(self.begin)..=from_start(self.end)).contains(&day)
    }
}

#[cfg(test)]
mod tests;
