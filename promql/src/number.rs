//! Numbers: a token's value, and the forms values are printed in.

use crate::quote::quote;

/// The value of a number token: decimal, hexadecimal (`0x1f`), octal (`017`), with `_` between digits, `Inf`, `NaN`.
///
/// # Errors
/// The text Prometheus shows for it.
pub(crate) fn parse_number(token: &str) -> Result<f64, String> {
    if let Some(value) = parse_integer(token) {
        return Ok(value);
    }
    let failed = |why: &str| format!("error parsing number: strconv.ParseFloat: parsing {}: {why}", quote(token));
    let Some(digits) = without_underscores(token) else { return Err(failed("invalid syntax")) };
    let value: f64 = digits.parse().map_err(|_| failed("invalid syntax"))?;
    if value.is_infinite() && !digits.eq_ignore_ascii_case("inf") {
        return Err(failed("value out of range"));
    }
    Ok(value)
}

/// Integers in Go's notation that fit 64 bits, sign included.
fn parse_integer(token: &str) -> Option<f64> {
    let digits = without_underscores(token)?;
    let value = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        i64::from_str_radix(hex, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(&digits, 8)
    } else {
        digits.parse()
    };
    #[expect(clippy::cast_precision_loss, reason = "the language has only floating-point numbers")]
    value.ok().map(|value| value as f64)
}

/// Drops the underscores if each stands between digits or behind the base prefix.
fn without_underscores(token: &str) -> Option<String> {
    let hex = token.starts_with("0x") || token.starts_with("0X");
    let is_digit = |c: char| if hex { c.is_ascii_hexdigit() || c == 'x' || c == 'X' } else { c.is_ascii_digit() };
    let parts: Vec<&str> = token.split('_').collect();
    let separated = parts.windows(2).all(|pair| match pair {
        [before, after] => before.ends_with(is_digit) && after.starts_with(is_digit),
        _ => false,
    });
    separated.then(|| parts.concat())
}

/// A number as an expression shows it: all digits, no exponent, `+Inf`, `-Inf`, `NaN`.
pub fn format_number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

/// A number as Go's `%v` shows it: with an exponent from 1e6 on and below 1e-4.
pub(crate) fn format_general(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return format_number(value) };
    match exponent.parse::<i32>() {
        Ok(exponent @ (..-4 | 6..)) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        _ => format_number(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_their_values() {
        let table = [
            ("0", 0.0),
            ("1_000", 1000.0),
            ("0x1F", 31.0),
            ("0X_ff", 255.0),
            ("017", 15.0),
            ("08", 8.0),
            ("1e6", 1e6),
            ("1_0.5_0e1_0", 10.5e10),
            (".2", 0.2),
            ("2.", 2.0),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("inF", f64::INFINITY),
        ];
        for (token, value) in table {
            assert_eq!(parse_number(token), Ok(value), "{token}");
        }
        assert!(parse_number("nAn").is_ok_and(f64::is_nan));
    }

    #[test]
    fn numbers_that_are_none() {
        for (token, why) in [("0x", "invalid syntax"), (".5.5", "invalid syntax"), ("1e999", "value out of range")] {
            let message = format!("error parsing number: strconv.ParseFloat: parsing \"{token}\": {why}");
            assert_eq!(parse_number(token), Err(message));
        }
    }

    #[test]
    fn printed_forms() {
        let table = [
            (1e6, "1000000", "1e+06"),
            (123_456.0, "123456", "123456"),
            (0.000_01, "0.00001", "1e-05"),
            (-0.5, "-0.5", "-0.5"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
            (f64::NAN, "NaN", "NaN"),
        ];
        for (value, plain, general) in table {
            assert_eq!(format_number(value), plain);
            assert_eq!(format_general(value), general);
        }
    }
}
