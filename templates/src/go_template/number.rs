//! Number constants, in every notation of Go but complex numbers.

use smol_str::SmolStr;

use super::node::Number;
use super::quote;

/// Reads a number constant as the lexer found it, or a character constant.
pub(crate) fn parse(text: &str) -> Result<Number, String> {
    if text.starts_with('\'') {
        let code = quote::character(text).ok_or_else(|| format!("malformed character constant: {text}"))?;
        return Ok(Number { text: text.into(), int: Some(code), float: Some(code as f64), prefers_float: false });
    }
    if text.ends_with('i') && !has_prefix(text) {
        return Err(format!("complex number {text} is not supported"));
    }
    let name: SmolStr = text.into();
    if let Some(wide) = integer(text) {
        let Ok(int) = i64::try_from(wide) else { return Err(format!("integer overflow: {}", quote::quote(text))) };
        return Ok(Number { text: name, int: Some(int), float: Some(int as f64), prefers_float: false });
    }
    let float = float(text).ok_or_else(|| format!("illegal number syntax: {}", quote::quote(text)))?;
    if !text.contains(['.', 'e', 'E', 'p', 'P']) {
        return Err(format!("integer overflow: {}", quote::quote(text)));
    }
    let whole = float.fract() == 0.0 && float.abs() < 9.2e18;
    Ok(Number { text: name, int: whole.then_some(float as i64), float: Some(float), prefers_float: true })
}

/// An integer in base 2, 8, 10 or 16, by its prefix.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = sign(text);
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some("0o" | "0O") => (8, digits.get(2..)?),
        Some("0b" | "0B") => (2, digits.get(2..)?),
        Some(two) if two.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    let plain = without_underscores(digits, radix != 10)?;
    if plain.starts_with(['+', '-']) {
        return None;
    }
    let number = i128::from_str_radix(&plain, radix).ok()?;
    Some(if negative { -number } else { number })
}

/// A decimal or hexadecimal floating-point number.
pub(crate) fn float(text: &str) -> Option<f64> {
    let (negative, digits) = sign(text);
    let number = if has_prefix(digits) {
        hexadecimal(&without_underscores(digits.get(2..)?, true)?)?
    } else {
        let plain = without_underscores(digits, false)?;
        // Rust also reads "inf" and "nan" here; the lexer never makes a number of those
        plain.starts_with(|first: char| first.is_ascii_digit() || first == '.').then_some(())?;
        plain.parse::<f64>().ok().filter(|number| number.is_finite())?
    };
    Some(if negative { -number } else { number })
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn has_prefix(text: &str) -> bool {
    let digits = sign(text).1;
    digits.starts_with("0x") || digits.starts_with("0X")
}

/// Underscores may stand between digits, and after a base prefix.
fn without_underscores(digits: &str, after_prefix: bool) -> Option<String> {
    let wrong = digits.ends_with('_') || digits.contains("__") || (digits.starts_with('_') && !after_prefix);
    (!wrong).then(|| digits.replace('_', ""))
}

/// `1.8p3`: a mantissa in base 16 and a binary exponent, which Go requires.
fn hexadecimal(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let joined = format!("{whole}{fraction}");
    if joined.is_empty() || joined.len() > 16 {
        return None;
    }
    let number = u64::from_str_radix(&joined, 16).ok()? as f64;
    let exponent = exponent.parse::<i32>().ok()?.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    Some(number * 2f64.powi(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations() {
        let ideal = |text: &str| match parse(text) {
            Ok(number) if number.prefers_float => format!("{}", number.float.expect("a float")),
            Ok(number) => number.int.expect("an int").to_string(),
            Err(error) => error,
        };
        for (text, want) in [
            ("0", "0"),
            ("-7", "-7"),
            ("+7", "7"),
            ("0x1F", "31"),
            ("017", "15"),
            ("0o17", "15"),
            ("0b101", "5"),
            ("1_000", "1000"),
            ("1__0", "illegal number syntax: \"1__0\""),
            ("1e3", "1000"),
            ("1.5", "1.5"),
            (".5", "0.5"),
            ("0x1.8p1", "3"),
            ("'a'", "97"),
            ("'\\n'", "10"),
            ("'\\u00e9'", "233"),
            ("9223372036854775808", "integer overflow: \"9223372036854775808\""),
            ("1i", "complex number 1i is not supported"),
            ("08", "integer overflow: \"08\""),
        ] {
            assert_eq!(ideal(text), want, "{text}");
        }
    }
}
