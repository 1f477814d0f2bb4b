//! Durations such as `1h30m`, in milliseconds.

use std::fmt;

use crate::quote::quote;

/// Units in the order they must be written in, with their length.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Longest duration: Prometheus keeps nanoseconds in 64 bits.
const MAX_MS: i64 = i64::MAX / 1_000_000;

/// A text that is not a duration, or too long a one. Displays Prometheus' message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDuration(String);

impl fmt::Display for InvalidDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidDuration {}

/// Milliseconds of a duration like `1h30m`: whole numbers, each unit once, longest first. `0` needs no unit.
///
/// # Errors
/// Anything else, and durations beyond 292 years.
pub fn parse_duration(text: &str) -> Result<i64, InvalidDuration> {
    match text {
        "" => return Err(InvalidDuration("empty duration string".to_owned())),
        "0" => return Ok(0),
        _ => {}
    }
    let invalid = || InvalidDuration(format!("not a valid duration string: {}", quote(text)));
    let too_long = || InvalidDuration("duration out of range".to_owned());
    let mut total: i64 = 0;
    let mut units = UNITS.iter();
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, behind) = split_while(rest, |c| c.is_ascii_digit());
        let (name, next) = split_while(behind, |c| c.is_ascii_alphabetic());
        let (_, length_ms) = units.find(|(unit, _)| *unit == name).ok_or_else(invalid)?;
        if digits.is_empty() {
            return Err(invalid());
        }
        let count: i64 = digits.parse().map_err(|_| too_long())?;
        total = count.checked_mul(*length_ms).and_then(|ms| ms.checked_add(total)).ok_or_else(too_long)?;
        rest = next;
    }
    if total > MAX_MS { Err(too_long()) } else { Ok(total) }
}

fn split_while(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !wanted(c)).unwrap_or(text.len()))
}

/// The shortest notation Prometheus has for it; years and weeks only where nothing is left over: `1d12h`, `2w`, `8d`.
pub fn format_duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut rest = ms.unsigned_abs();
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    for (unit, length_ms) in UNITS {
        let length = length_ms.unsigned_abs();
        let count = rest / length;
        if count == 0 || (matches!(unit, "y" | "w") && !rest.is_multiple_of(length)) {
            continue;
        }
        out.push_str(&count.to_string());
        out.push_str(unit);
        rest -= count * length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_their_milliseconds() {
        let table = [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("5m", 300_000, "5m"),
            ("300s", 300_000, "5m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("1500ms", 1500, "1s500ms"),
            ("7d", 604_800_000, "1w"),
            ("8d", 691_200_000, "8d"),
            ("365d", 31_536_000_000, "1y"),
            ("1y1d", 31_622_400_000, "366d"),
            ("1y2w3d4h5m6s7ms", 33_019_506_007, "382d4h5m6s7ms"),
        ];
        for (text, ms, printed) in table {
            assert_eq!(parse_duration(text), Ok(ms), "{text}");
            assert_eq!(format_duration(ms), printed);
            assert_eq!(parse_duration(printed), Ok(ms), "{printed}");
        }
        assert_eq!(format_duration(-90_000), "-1m30s");
    }

    #[test]
    fn what_is_no_duration() {
        for text in ["5", "m", "1.5h", "5m1h", "1m1m", "5x", "-5m", "1h 5m", "5M"] {
            let message = format!("not a valid duration string: \"{text}\"");
            assert_eq!(parse_duration(text).map_err(|e| e.to_string()), Err(message));
        }
        for text in ["300y", "99999999999999999999s", "9223372036854775807y"] {
            assert_eq!(parse_duration(text).map_err(|e| e.to_string()), Err("duration out of range".to_owned()));
        }
    }
}
