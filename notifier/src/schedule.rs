//! When a maintenance window recurs: a cron expression on a zone's wall clock, how long each occurrence lasts, until when.
//!
//! Days on which the clock changes: a time that the clock skips begins when the skipped hour is over; one that comes twice
//! counts the first time. Where the hours are written with `*` they are those that pass: what is skipped does not come, what
//! comes twice counts twice. Lengths are elapsed time.

use std::fmt;
use std::time::Duration;

use cron::Cron;
use cron::parser::{CronParser, Seconds, Year};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Zoned};
use model::Timestamp;
use model::duration::format_duration;

/// When something recurs.
#[derive(Clone, Debug)]
pub struct Schedule {
    written: WrittenSchedule,
    cron: Cron,
    zone: TimeZone,
}

/// A schedule as asked for and as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenSchedule {
    /// Five fields (minute, hour, day of the month, month, day of the week), or `@daily` and its like.
    pub cron: String,
    /// How long an occurrence lasts.
    pub duration: Duration,
    /// Whose wall clock: an IANA name or `UTC`.
    pub timezone: String,
    /// No occurrence begins from here on; none: it recurs for good.
    pub until: Option<Timestamp>,
}

/// One of the times something recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Inclusive.
    pub starts_at: Timestamp,
    /// Exclusive.
    pub ends_at: Timestamp,
    /// What the clock did to its begin.
    pub clock_change: Option<ClockChange>,
}

/// What a day on which the clock changes does to an occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChange {
    /// Its time does not exist on that day: it begins when the clock has been put forward.
    Skipped,
    /// Its time comes twice on that day: this is the first.
    First,
    /// Its time comes twice on that day: this is the second.
    Second,
}

/// Why something cannot recur like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The expression cannot be read.
    #[error(
        "schedule.cron {cron:?} cannot be read: {why}; expected minute, hour, day of the month, month and day of the week, such as \"30 2 * * SAT\""
    )]
    Cron {
        /// As written.
        cron: String,
        /// What is odd.
        why: String,
    },
    /// The zone is unknown.
    #[error("schedule.timezone {0:?} is unknown, expected one such as Europe/Berlin or UTC")]
    Zone(String),
    /// The duration cannot be read.
    #[error("schedule.duration {0:?} cannot be read, expected one such as 2h30m")]
    Duration(String),
    /// An occurrence would be too short.
    #[error("schedule.duration {given} is too short, {least} is the least", given = format_duration(*.0), least = format_duration(LENGTH_LEAST))]
    TooShort(Duration),
    /// There is no next occurrence.
    #[error("schedule.cron {0:?} never comes: there is no such day")]
    Never(String),
    /// There is none before its end.
    #[error("schedule.cron {cron:?} does not come again before schedule.until {until}; it would next at {next}")]
    NotBefore {
        /// As written.
        cron: String,
        /// As asked for.
        until: Timestamp,
        /// When it would come.
        next: Timestamp,
    },
    /// Occurrences are too close.
    #[error("schedule.cron {cron:?} comes again after {after} ({at}), {least} is the least; a mute_time_interval of a route may recur as often as you like", after = format_duration(*after), least = format_duration(PERIOD_LEAST))]
    TooOften {
        /// As written.
        cron: String,
        /// The shorter of its periods.
        after: Duration,
        /// Where.
        at: Timestamp,
    },
    /// One begins before the one before it is over.
    #[error("schedule.duration {duration} reaches beyond the next occurrence, which begins {after} later ({at}); shorten it, or make one silence of them", duration = format_duration(*duration), after = format_duration(*after))]
    Overlap {
        /// How long an occurrence lasts.
        duration: Duration,
        /// From its begin to the next one's.
        after: Duration,
        /// When the next one begins.
        at: Timestamp,
    },
}

/// A shorter silence is over before a group is looked at.
const LENGTH_LEAST: Duration = Duration::from_secs(60);
/// Each occurrence is kept for the retention time: this bounds how many there are.
const PERIOD_LEAST: Duration = Duration::from_secs(15 * 60);
/// So many occurrences are looked at before a schedule is taken: a year of weeks.
const LOOKED_AT: usize = 53;

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// The expression, the zone or the duration cannot be used.
    pub fn new(written: WrittenSchedule) -> Result<Self, ScheduleError> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser
            .parse(&written.cron)
            .map_err(|error| ScheduleError::Cron { cron: written.cron.clone(), why: error.to_string() })?;
        let zone = match written.timezone.as_str() {
            "" | "UTC" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| ScheduleError::Zone(name.to_owned()))?,
        };
        if written.duration < LENGTH_LEAST {
            return Err(ScheduleError::TooShort(written.duration));
        }
        Ok(Self { written, cron, zone })
    }

    /// Looks at what comes from an instant on.
    ///
    /// # Errors
    /// Nothing comes, or too often, or one occurrence reaches into the next.
    pub fn check(&self, from: Timestamp) -> Result<(), ScheduleError> {
        let cron = || self.written.cron.clone();
        let Some(first) = self.from(from) else {
            return Err(match (self.begin(from), self.written.until) {
                (Some((next, _)), Some(until)) => ScheduleError::NotBefore { cron: cron(), until, next },
                _ => ScheduleError::Never(cron()),
            });
        };
        let mut before = first;
        for next in self.occurrences(from).skip(1).take(LOOKED_AT) {
            let (after, at) = (self.apart(before.starts_at, next.starts_at), next.starts_at);
            // A skipped time comes closer to its neighbours.
            let is_regular = before.clock_change.or(next.clock_change).is_none();
            if is_regular && after < PERIOD_LEAST {
                return Err(ScheduleError::TooOften { cron: cron(), after, at });
            }
            if is_regular && self.written.duration > after {
                return Err(ScheduleError::Overlap { duration: self.written.duration, after, at });
            }
            before = next;
        }
        Ok(())
    }

    /// The first occurrence that begins at an instant or later.
    pub fn from(&self, from: Timestamp) -> Option<Occurrence> {
        let (starts_at, clock_change) = self.begin(from)?;
        let is_over = self.written.until.is_some_and(|until| starts_at >= until);
        let ends_at = starts_at.plus(self.written.duration);
        (!is_over).then_some(Occurrence { starts_at, ends_at, clock_change })
    }

    /// The occurrences that begin at an instant or later, in order.
    pub fn occurrences(&self, from: Timestamp) -> impl Iterator<Item = Occurrence> {
        let first = self.from(from);
        std::iter::successors(first, |last| self.from(last.starts_at.plus(Duration::from_secs(1))))
    }

    /// As asked for.
    pub fn written(&self) -> &WrittenSchedule {
        &self.written
    }

    /// An instant on the wall clock of the zone: `2026-03-29T03:00:00+02:00`.
    pub fn local(&self, at: Timestamp) -> String {
        at.to_jiff().to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// How far apart two instants are, on the wall clock if that is further: a short day makes no overlap.
    fn apart(&self, before: Timestamp, after: Timestamp) -> Duration {
        let wall = |at: Timestamp| at.to_jiff().to_zoned(self.zone.clone()).datetime();
        let on_the_wall = wall(after).duration_since(wall(before));
        after.since(before).max(Duration::try_from(on_the_wall).unwrap_or_default())
    }

    /// Whether its hours are written with `*`: then it goes by the hours that pass, not by the wall clock's names for them.
    fn counts_hours(&self) -> bool {
        let text = self.written.cron.trim();
        text.eq_ignore_ascii_case("@hourly") || text.split_whitespace().nth(1).is_some_and(|hours| hours.contains('*'))
    }

    fn begin(&self, from: Timestamp) -> Option<(Timestamp, Option<ClockChange>)> {
        let whole =
            from.as_nanos().div_euclid(1_000_000_000) + i64::from(from.as_nanos().rem_euclid(1_000_000_000) > 0);
        let mut local = Timestamp::from_secs(whole).to_jiff().to_zoned(self.zone.clone());
        let skipped = if self.counts_hours() { None } else { self.skipped(&local) };
        let met = loop {
            let Ok(met) = self.cron.find_next_occurrence(&local, true) else { break None };
            let change = met_twice(&met);
            if change != Some(ClockChange::Second) || self.counts_hours() {
                break Some((met, change));
            }
            local = met.checked_add(SignedDuration::from_secs(1)).ok()?;
        };
        let met = met.map(|(met, change)| (Timestamp::from_jiff(met.timestamp()), change));
        let skipped = skipped.map(|end| (end, Some(ClockChange::Skipped)));
        let earliest = skipped.into_iter().chain(met).min_by_key(|(at, _)| *at);
        // What lies beyond the range of our timestamps never comes.
        earliest.filter(|(at, _)| *at < Timestamp::MAX)
    }

    /// When the clock has been put forward, if it thereby skips the next time of the expression.
    fn skipped(&self, local: &Zoned) -> Option<Timestamp> {
        let wanted = self.cron.find_next_occurrence(&local.datetime(), true).ok()?;
        let met = self.zone.to_ambiguous_zoned(wanted);
        if !matches!(met.offset(), AmbiguousOffset::Gap { .. }) {
            return None;
        }
        // As far before the gap as the time lies in it.
        let before = met.earlier().ok()?;
        let change = self.zone.following(before.timestamp()).next()?;
        Some(Timestamp::from_jiff(change.timestamp()))
    }
}

impl fmt::Display for Schedule {
    /// `30 2 * * SAT, Europe/Berlin, for 2h, until 2027-01-01T00:00:00Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WrittenSchedule { cron, duration, timezone, until } = &self.written;
        write!(f, "{cron}, {timezone}, for {}", format_duration(*duration))?;
        until.map_or(Ok(()), |until| write!(f, ", until {until}"))
    }
}

/// Which of the two it is, if its wall clock time comes twice.
fn met_twice(met: &Zoned) -> Option<ClockChange> {
    let ambiguous = met.time_zone().to_ambiguous_zoned(met.datetime());
    if !matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. }) {
        return None;
    }
    let first = ambiguous.earlier().ok()?;
    Some(if first.timestamp() == met.timestamp() { ClockChange::First } else { ClockChange::Second })
}

impl ClockChange {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "the clock is put forward: begins when the skipped time is over",
            Self::First => "the clock is put back: the first of two such times",
            Self::Second => "the clock is put back: the second of two such times",
        }
    }
}

#[cfg(test)]
mod tests;
