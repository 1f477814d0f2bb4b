//! Times as pages show them.

use std::time::Duration;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use model::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// An instant in a view: `<time datetime="{{at.iso}}">{{at.text}}</time>`. Scripts turn it into the viewer's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Moment {
    /// `2026-01-31 12:00:00 UTC`.
    pub fn text(self) -> String {
        let zoned = self.0.to_jiff().to_zoned(TimeZone::UTC);
        strtime::format("%Y-%m-%d %H:%M:%S UTC", &zoned).unwrap_or_else(|_| self.0.to_rfc3339())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Moment", 2)?;
        fields.serialize_field("iso", &self.0.to_rfc3339())?;
        fields.serialize_field("text", &self.text())?;
        fields.end()
    }
}

/// How long something took or lasts: the two largest units, as `3d 4h` or `12s`.
pub fn lasting(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("d", seconds / 86_400), ("h", seconds / 3_600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60)];
    let first = units.iter().position(|(_, count)| *count > 0).unwrap_or(units.len() - 1);
    let shown = units.iter().skip(first).take(2).filter(|(_, count)| *count > 0);
    let shown: Vec<String> = shown.map(|(unit, count)| format!("{count}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_durations() {
        let at = Timestamp::from_secs(1_767_323_040);
        assert_eq!(Moment(at).text(), "2026-01-02 03:04:00 UTC");
        for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m"), (3_661, "1h 1m"), (90_000, "1d 1h"), (86_401, "1d")]
        {
            assert_eq!(lasting(Duration::from_secs(seconds)), text);
        }
    }
}
