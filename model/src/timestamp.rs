//! An instant in nanoseconds since the Unix epoch.

use std::fmt;
use std::time::Duration;

/// An instant: nanoseconds since 1970-01-01T00:00:00Z, from the year 1678 to 2262.
///
/// There is no `now()`: cores are told the time. Arithmetic saturates, so a silence of a thousand years is merely long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// By how much a clock was moved, as opposed to how much time passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockStep {
    /// It was set back.
    Back(Duration),
    /// It was put forward.
    Forward(Duration),
}

impl ClockStep {
    /// What an instant is called on the moved clock that is as far from now as it was.
    #[must_use]
    pub fn of(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Back(by) => at.minus(by),
            Self::Forward(by) => at.plus(by),
        }
    }
}

/// What Go prints for the zero `time.Time`; the field's wire formats use it for "not set".
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

const NANOS_PER_MILLI: i64 = 1_000_000;

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// The earliest instant; used for "before everything".
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant; used for "never".
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the epoch, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// From seconds since the epoch, saturating.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(NANOS_PER_MILLI)
    }

    /// Seconds since the epoch with fraction, as PromQL and the Prometheus HTTP API count time.
    pub fn as_secs_f64(self) -> f64 {
        // Split so that the fraction keeps its digits.
        let secs = self.0.div_euclid(1_000_000_000);
        let nanos = self.0.rem_euclid(1_000_000_000);
        secs as f64 + nanos as f64 / 1e9
    }

    /// This instant cut down to whole milliseconds, the precision of Prometheus' samples and wire alerts.
    pub const fn truncate_to_millis(self) -> Self {
        Self(self.0 - self.0.rem_euclid(NANOS_PER_MILLI))
    }

    /// `self + duration`, saturating at [`Timestamp::MAX`].
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// `self - duration`, saturating at [`Timestamp::MIN`].
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// Parses RFC 3339 with any number of fraction digits. Instants outside the range saturate, so that Go's
    /// zero time (year 1) comes out as [`Timestamp::MIN`]; callers that give it a meaning test for it.
    ///
    /// # Errors
    /// The text is not an RFC 3339 date-time with offset.
    pub fn parse_rfc3339(text: &str) -> Result<Self, InvalidTimestamp> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp(text.chars().take(64).collect()))?;
        Ok(Self::from_jiff(parsed))
    }

    /// From a jiff timestamp, saturating at the range of this type.
    pub fn from_jiff(timestamp: jiff::Timestamp) -> Self {
        let nanos = timestamp.as_nanosecond();
        Self(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }

    /// As a jiff timestamp, for calendars and time zones. Always in jiff's range.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).expect("1678..2262 lies within jiff's range")
    }

    /// RFC 3339 in UTC with exactly three fraction digits, as Alertmanager's API v2 and Prometheus' alert sender write it.
    pub fn to_rfc3339_millis(self) -> String {
        format!("{:.3}", self.to_jiff())
    }

    /// RFC 3339 in UTC with as many fraction digits as needed, as Go's `RFC3339Nano`: webhook payloads, rules API.
    pub fn to_rfc3339(self) -> String {
        self.to_jiff().to_string()
    }
}

/// Saturating nanoseconds of a duration.
fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_jiff(), f)
    }
}

/// A text that is not an RFC 3339 instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an RFC 3339 time such as 2026-01-02T03:04:05Z")]
pub struct InvalidTimestamp(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_wire_forms() {
        let t = Timestamp::from_nanos(1_767_323_045_678_000_000);
        assert_eq!(t.to_rfc3339_millis(), "2026-01-02T03:04:05.678Z");
        assert_eq!(t.to_rfc3339(), "2026-01-02T03:04:05.678Z");
        assert_eq!(Timestamp::from_secs(1_767_323_045).to_rfc3339(), "2026-01-02T03:04:05Z");
        assert_eq!(Timestamp::from_secs(1_767_323_045).to_rfc3339_millis(), "2026-01-02T03:04:05.000Z");
        assert_eq!(t.as_secs_f64(), 1_767_323_045.678);
    }

    #[test]
    fn parses_offsets_and_saturates_the_zero_time() {
        let t = Timestamp::parse_rfc3339("2026-01-02T04:04:05.678901234+01:00").unwrap();
        assert_eq!(t.to_rfc3339(), "2026-01-02T03:04:05.678901234Z");
        assert_eq!(Timestamp::parse_rfc3339(ZERO_TIME).unwrap(), Timestamp::MIN);
        assert!(Timestamp::parse_rfc3339("yesterday").is_err());
    }

    #[test]
    fn arithmetic_saturates() {
        let thousand_years = Duration::from_secs(1000 * 365 * 86_400);
        assert_eq!(Timestamp::EPOCH.plus(thousand_years), Timestamp::MAX);
        assert_eq!(Timestamp::EPOCH.since(Timestamp::from_secs(5)), Duration::ZERO);
        assert_eq!(Timestamp::MAX.since(Timestamp::EPOCH).as_nanos(), i64::MAX as u128);
    }
}
