//! Instants as people write them on the command line, and what they mean for those who are asked.

use std::str::FromStr;

use model::duration::parse_duration;

use super::question::{When, parse_time};

/// An instant as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A time, in milliseconds since the epoch.
    At(i64),
    /// So many milliseconds before now, or before the last sample of a file: `-5m`.
    Before(i64),
    /// So many milliseconds after the first sample of a file: `5m`.
    After(i64),
}

/// From when to when there is something to ask, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first sample; `None` of a server, which may go back for years.
    pub first_ms: Option<i64>,
    /// The last sample, or now.
    pub last_ms: i64,
}

/// The times a question was asked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// One instant.
    pub time: Option<Moment>,
    /// Start of a range.
    pub start: Option<Moment>,
    /// End of a range.
    pub end: Option<Moment>,
    /// Length of a range.
    pub last_ms: Option<i64>,
    /// Step of a range.
    pub step_ms: Option<i64>,
}

/// How far back a range goes where nobody says and there is no first sample.
const RANGE_MS: i64 = 3_600_000;

/// Into so many steps a range is cut where nobody says.
const STEPS: i64 = 250;

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        let ms = |text: &str| {
            let duration = parse_duration(text).ok()?;
            i64::try_from(duration.as_millis()).ok()
        };
        if let Some(before) = text.strip_prefix('-').and_then(ms) {
            return Ok(Moment::Before(before));
        }
        // "0" is a time and a duration.
        if let Ok(at_ms) = parse_time(text) {
            return Ok(Moment::At(at_ms));
        }
        let after = ms(text).map(Moment::After);
        after.ok_or_else(|| "expected RFC 3339, seconds since 1970, or a duration such as -5m".to_owned())
    }
}

impl Moment {
    fn in_ms(self, extent: Extent) -> Result<i64, String> {
        match self {
            Moment::At(at_ms) => Ok(at_ms),
            Moment::Before(ms) => Ok(extent.last_ms.saturating_sub(ms)),
            Moment::After(ms) => {
                let first_ms = extent
                    .first_ms
                    .ok_or("a time after the first sample is for --series: write -5m for five minutes ago")?;
                Ok(first_ms.saturating_add(ms))
            }
        }
    }
}

impl Window {
    /// Whether a range is meant.
    pub fn is_range(&self) -> bool {
        self.start.is_some() || self.end.is_some() || self.last_ms.is_some() || self.step_ms.is_some()
    }

    /// What is meant.
    ///
    /// # Errors
    /// The range cannot be asked, or a time means nothing to a server.
    pub fn resolve(&self, extent: Extent) -> Result<When, String> {
        let or = |moment: Option<Moment>, default_ms: i64| moment.map_or(Ok(default_ms), |moment| moment.in_ms(extent));
        if !self.is_range() {
            return or(self.time, extent.last_ms).map(When::At);
        }
        let end_ms = or(self.end, extent.last_ms)?;
        let default_ms = match self.last_ms {
            Some(last_ms) => end_ms.saturating_sub(last_ms),
            None => extent.first_ms.unwrap_or(end_ms.saturating_sub(RANGE_MS)),
        };
        let start_ms = or(self.start, default_ms)?;
        let whole_second = |ms: i64| ms.saturating_add(999) / 1000 * 1000;
        let default_ms = whole_second(end_ms.saturating_sub(start_ms) / STEPS).max(1000);
        When::range(start_ms, end_ms, self.step_ms.unwrap_or(default_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_every_form() {
        for (text, moment) in [
            ("1.5", Moment::At(1500)),
            ("0", Moment::At(0)),
            ("1970-01-01T00:00:02Z", Moment::At(2000)),
            ("-5m", Moment::Before(300_000)),
            ("-10", Moment::At(-10_000)),
            ("1h30m", Moment::After(5_400_000)),
        ] {
            assert_eq!(text.parse(), Ok(moment), "{text}");
        }
        assert!("soon".parse::<Moment>().is_err() && "--5m".parse::<Moment>().is_err());
    }

    #[test]
    fn what_is_not_said_follows_from_what_there_is() {
        let server = Extent { first_ms: None, last_ms: 10_000_000 };
        let file = Extent { first_ms: Some(60_000), last_ms: 120_000 };
        let window = Window::default();
        assert_eq!(window.resolve(server), Ok(When::At(10_000_000)));
        assert_eq!(window.resolve(file), Ok(When::At(120_000)));
        let range = |start_ms, end_ms, step_ms| Ok(When::Range { start_ms, end_ms, step_ms });
        let of_step = Window { step_ms: Some(500), ..window };
        assert_eq!(of_step.resolve(file), range(60_000, 120_000, 500));
        let last = Window { last_ms: Some(600_000), ..window };
        assert_eq!(last.resolve(server), range(9_400_000, 10_000_000, 3000));
        let end = Window { end: Some(Moment::Before(1000)), ..window };
        assert_eq!(end.resolve(server), range(9_999_000 - RANGE_MS, 9_999_000, 15_000));
        let after = Window { start: Some(Moment::After(10_000)), ..window };
        assert_eq!(after.resolve(file), range(70_000, 120_000, 1000));
        assert!(after.resolve(server).unwrap_err().contains("--series"));
        let backwards = Window { start: Some(Moment::At(2)), end: Some(Moment::At(1)), ..window };
        assert!(backwards.resolve(file).is_err());
    }
}
