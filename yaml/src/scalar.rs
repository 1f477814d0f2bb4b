//! Plain scalars as Go's YAML libraries resolve them for a typed field.

/// Whether an unquoted text means nothing.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Truth values of YAML 1.1: `true`, `yes`, `on`, `y` and their opposites, in lower case, upper case
/// or with a capital.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

/// Whole numbers: decimal, `0x`, `0o`, `0b`, `017` as octal, underscores anywhere, and decimal
/// fractions without a fractional part (`1e3`). `None` as well if it does not fit.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let digits = text.replace('_', "");
    let (negative, magnitude) = match digits.strip_prefix(['+', '-']) {
        Some(magnitude) => (digits.starts_with('-'), magnitude),
        None => (false, digits.as_str()),
    };
    let exact = based(magnitude).map(|value| if negative { -value } else { value });
    exact.and_then(|value| i64::try_from(value).ok()).or_else(|| whole(decimal(&digits)?))
}

/// Digits with their base in front.
fn based(magnitude: &str) -> Option<i128> {
    let lower = magnitude.to_ascii_lowercase();
    let (digits, base) = match lower.as_bytes() {
        [b'0', b'x', ..] => (lower.get(2..)?, 16),
        [b'0', b'o', ..] => (lower.get(2..)?, 8),
        [b'0', b'b', ..] => (lower.get(2..)?, 2),
        [b'0', _, ..] => (lower.get(1..)?, 8),
        _ => (lower.as_str(), 10),
    };
    let unsigned = !digits.starts_with(['+', '-']);
    unsigned.then(|| i128::from_str_radix(digits, base).ok()).flatten()
}

/// A fraction that is a whole number, if doubles still count every whole number there.
fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, so the cast is exact")]
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

/// Numbers: whole ones as [`integer`] reads them, decimal fractions, `.inf` and `.nan`.
pub(crate) fn float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    #[expect(clippy::cast_precision_loss, reason = "a whole number in a fraction's place is rounded, as Go does")]
    integer(text).map(|value| value as f64).or_else(|| decimal(&text.replace('_', "")))
}

/// `-1.5e3`: digits with an optional fraction and exponent, and nothing else Rust would take.
fn decimal(text: &str) -> Option<f64> {
    let number = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let digits = text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    (number && digits).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_as_go_reads_them() {
        let cases = [
            ("0", Some(0)),
            ("-7", Some(-7)),
            ("+7", Some(7)),
            ("017", Some(15)),
            ("0o17", Some(15)),
            ("-017", Some(-15)),
            ("1_000", Some(1000)),
            ("0x1F", Some(31)),
            ("0b101", Some(5)),
            ("08", Some(8)),
            ("1e3", Some(1000)),
            ("10.0", Some(10)),
            ("1.5", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("--1", None),
            ("0x", None),
            ("0x-1", None),
            ("5m", None),
            ("inf", None),
            ("ten", None),
        ];
        for (text, expected) in cases {
            assert_eq!(integer(text), expected, "{text:?}");
        }
    }

    #[test]
    fn floats_as_go_reads_them() {
        let cases = [
            ("1.5", Some(1.5)),
            (".5", Some(0.5)),
            ("-1.5e3", Some(-1500.0)),
            ("1e400", Some(f64::INFINITY)),
            ("017", Some(15.0)),
            (".inf", Some(f64::INFINITY)),
            ("-.INF", Some(f64::NEG_INFINITY)),
            ("inf", None),
            ("nan", None),
            ("e5", None),
            ("1.2.3", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(float(text), expected, "{text:?}");
        }
        assert!(float(".nan").is_some_and(f64::is_nan));
    }

    #[test]
    fn truth_values() {
        for (text, expected) in [("yes", Some(true)), ("No", Some(false)), ("on", Some(true)), ("OFF", Some(false))] {
            assert_eq!(boolean(text), expected, "{text:?}");
        }
        assert_eq!([boolean("y"), boolean("yEs"), boolean("1"), boolean("")], [Some(true), None, None, None]);
    }
}
