//! Durations on the command line: amtool reads some in Prometheus' form (`1d`), some in Go's (`1.5h`); here all in both.

use std::time::Duration;

/// Reads `90s`, `1h30m`, `1d`, `1.5h`, `250ms`.
///
/// # Errors
/// It is a duration in neither form.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(duration) = model::duration::parse_duration(text) {
        return Ok(duration);
    }
    // Go's units are jiff's; jiff reads words, blanks and more units too, which Go does not.
    let is_gos = text.chars().all(|c| c.is_ascii_digit() || ".hmsuµn".contains(c));
    let parsed = is_gos.then(|| text.parse::<jiff::SignedDuration>().ok()).flatten();
    parsed
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| format!("not a valid duration: {text:?}, expected one such as 90s, 1h30m or 1d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        for (text, millis) in [
            ("1d", 86_400_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            ("0s", 0),
            ("1w", 604_800_000),
            ("1m0.5s", 60_500),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse_duration("1ns"), Ok(Duration::from_nanos(1)));
        for text in ["", "5", "5x", "bad", "-5m", "1 hour", "PT1H"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
