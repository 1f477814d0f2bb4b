//! Durations such as `1h30m`, in milliseconds.

use std::time::Duration;

use model::duration::InvalidDuration;

/// Milliseconds of a duration like `1h30m`: whole numbers, each unit once, longest first. `0` needs no unit.
///
/// # Errors
/// Anything else, and durations beyond 292 years.
pub(crate) fn parse_duration(text: &str) -> Result<i64, InvalidDuration> {
    let duration = model::duration::parse_duration(text)?;
    i64::try_from(duration.as_millis()).map_err(|_| InvalidDuration::OutOfRange)
}

/// The shortest notation Prometheus has for it; years and weeks only where nothing is left over: `1d12h`, `2w`, `8d`.
pub(crate) fn format_duration(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    sign.to_owned() + &model::duration::format_duration(Duration::from_millis(ms.unsigned_abs()))
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
