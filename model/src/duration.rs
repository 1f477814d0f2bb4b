//! Prometheus durations: `1h30m`, `5m`, `0`.

use std::time::Duration;

use crate::quote::Quoted;

/// Units, largest first, in milliseconds. A year is 365 days, a week seven.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Parses a Prometheus duration: units `y w d h m s ms`, each at most once and in that order, or a plain `0`.
///
/// # Errors
/// Says what is wrong, in the words Prometheus' loaders use.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    match text {
        "" => return Err(InvalidDuration::Empty),
        "0" => return Ok(Duration::ZERO),
        _ => {}
    }
    let invalid = || InvalidDuration::NotADuration(text.chars().take(64).collect());
    let mut rest = text;
    let mut next_unit = 0;
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(invalid());
        }
        let count: u64 = number.parse().map_err(|_| InvalidDuration::OutOfRange)?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let position = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(invalid)?;
        if position < next_unit {
            return Err(invalid());
        }
        next_unit = position + 1;
        total_ms = count
            .checked_mul(UNITS[position].1)
            .and_then(|ms| total_ms.checked_add(ms))
            .ok_or(InvalidDuration::OutOfRange)?;
        rest = tail;
    }
    // Go holds durations in 63-bit nanoseconds; a longer one is refused there too.
    if total_ms > i64::MAX.unsigned_abs() / 1_000_000 {
        return Err(InvalidDuration::OutOfRange);
    }
    Ok(Duration::from_millis(total_ms))
}

/// Prints a duration as Prometheus does (`90m` is `1h30m`, 8 days are `8d`): weeks and years only where they divide
/// the whole, milliseconds are the smallest unit.
pub fn format_duration(duration: Duration) -> String {
    let mut ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, unit_ms) in UNITS {
        let exact_only = matches!(unit, "y" | "w");
        if ms < unit_ms || (exact_only && !ms.is_multiple_of(unit_ms)) {
            continue;
        }
        out.push_str(&(ms / unit_ms).to_string());
        out.push_str(unit);
        ms %= unit_ms;
    }
    out
}

/// Why a text is not a Prometheus duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// Nothing there.
    #[error("empty duration string")]
    Empty,
    /// Unknown unit, wrong order, missing number.
    #[error("not a valid duration string: {}", Quoted(.0))]
    NotADuration(String),
    /// More than about 292 years.
    #[error("duration out of range")]
    OutOfRange,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_prometheus_parses() {
        for (text, ms) in [
            ("0", 0),
            ("0s", 0),
            ("324ms", 324),
            ("3s", 3000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("4d", 345_600_000),
            ("1y2w", 32_745_600_000),
            ("1d12h", 129_600_000),
        ] {
            assert_eq!(parse_duration(text).map(|d| d.as_millis()), Ok(ms), "{text}");
        }
    }

    #[test]
    fn refuses_what_prometheus_refuses() {
        for text in ["", "1", "-1w", "1.5d", "d", "s", "1m1h", "5m5m", "1 m", "10000000000y", "01", "٣s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for text in ["5", "m", "1.5h", "5m1h", "1m1m", "5x", "-5m", "1h 5m", "5M"] {
            let message = format!("not a valid duration string: \"{text}\"");
            assert_eq!(parse_duration(text).map_err(|e| e.to_string()), Err(message));
        }
        for text in ["300y", "99999999999999999999s", "9223372036854775807y"] {
            assert_eq!(parse_duration(text), Err(InvalidDuration::OutOfRange));
        }
    }

    #[test]
    fn prints_as_prometheus() {
        for (ms, text) in [
            (0, "0s"),
            (300_000, "5m"),
            (5_400_000, "1h30m"),
            (8 * 86_400_000, "8d"),
            (7 * 86_400_000, "1w"),
            (365 * 86_400_000, "1y"),
            (1_500, "1s500ms"),
            (366 * 86_400_000, "366d"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(ms)), text);
        }
    }
}
