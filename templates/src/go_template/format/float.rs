//! Floating-point verbs: `%e %f %g %b %x`, with Go's choice of notation.

use super::Printer;

/// A finite or special number under a verb, sign only where negative.
pub(super) fn digits(number: f64, verb: char, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    match verb {
        'f' => fixed(number, precision),
        'e' | 'E' => exponential(number, precision, verb),
        'g' | 'G' => shortest_notation(number, precision, verb, false),
        'b' => binary(number),
        _ => hexadecimal(number, precision, verb),
    }
}

fn fixed(number: f64, precision: Option<usize>) -> String {
    match precision {
        Some(precision) => format!("{number:.precision$}"),
        None => format!("{number}"),
    }
}

fn exponential(number: f64, precision: Option<usize>, verb: char) -> String {
    let text = match precision {
        Some(precision) => format!("{number:.precision$e}"),
        None => format!("{number:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    with_exponent(mantissa, exponent.parse().unwrap_or(0), verb)
}

/// At least two digits and always a sign in the exponent.
fn with_exponent(mantissa: &str, exponent: i32, letter: char) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{letter}{sign}{:02}", exponent.unsigned_abs())
}

/// `%g`: the exponent decides between `%e` and `%f`; no trailing zeros unless kept by `#`.
pub(super) fn shortest_notation(number: f64, precision: Option<usize>, verb: char, keep_zeros: bool) -> String {
    if !number.is_finite() {
        return digits(number, 'f', None);
    }
    let significant = precision.map(|digits| digits.max(1));
    let scientific = match significant {
        Some(digits) => format!("{number:.*e}", digits - 1),
        None => format!("{number:e}"),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = if keep_zeros { mantissa } else { without_trailing_zeros(mantissa) };
    let threshold = significant.map_or(SHORTEST_THRESHOLD, |digits| i32::try_from(digits).unwrap_or(i32::MAX));
    if exponent < -4 || exponent >= threshold {
        return with_exponent(mantissa, exponent, if verb == 'G' { 'E' } else { 'e' });
    }
    positional(mantissa, exponent)
}

/// Where the digits are as few as possible, Go decides as if they were six: a million is `1e+06`.
const SHORTEST_THRESHOLD: i32 = 6;

fn without_trailing_zeros(mantissa: &str) -> &str {
    if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa }
}

/// Moves the point of `d.ddd` by the exponent.
fn positional(mantissa: &str, exponent: i32) -> String {
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let places = usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(places.saturating_sub(1)));
    }
    match digits.split_at_checked(places + 1) {
        Some((whole, "")) => format!("{sign}{whole}"),
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{digits}{}", "0".repeat(places + 1 - digits.len())),
    }
}

/// `%b`: an integer mantissa and a power of two.
fn binary(number: f64) -> String {
    let (mantissa, exponent) = mantissa_and_exponent(number);
    let sign = if number.is_sign_negative() { "-" } else { "" };
    format!("{sign}{mantissa}p{exponent:+}")
}

/// The number as `mantissa * 2^exponent`.
fn mantissa_and_exponent(number: f64) -> (u64, i64) {
    let bits = number.to_bits();
    let raw = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    let fraction = bits & ((1 << 52) - 1);
    if raw == 0 { (fraction, -1074) } else { (fraction | (1 << 52), raw - 1075) }
}

/// `%x`: `0x1.8p+01`.
fn hexadecimal(number: f64, precision: Option<usize>, verb: char) -> String {
    let (mut mantissa, exponent) = mantissa_and_exponent(number);
    let mut exponent = exponent + 52;
    if mantissa == 0 {
        exponent = 0;
    }
    while mantissa != 0 && mantissa & (1 << 52) == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 13) {
        let dropped = 4 * (13 - precision);
        let half = 1u64 << (dropped - 1);
        let rest = mantissa & ((1 << dropped) - 1);
        mantissa >>= dropped;
        mantissa += u64::from(rest > half || (rest == half && mantissa & 1 == 1));
        mantissa <<= dropped;
        if mantissa & (1 << 53) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut fraction = format!("{:013x}", mantissa & ((1 << 52) - 1));
    match precision {
        Some(precision) => {
            let missing = precision.saturating_sub(13).min(1_000_000);
            fraction.extend(std::iter::repeat_n('0', missing));
            fraction.truncate(precision);
        }
        None => fraction.truncate(fraction.trim_end_matches('0').len()),
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    let text = format!("{sign}0x{}{point}{fraction}", mantissa >> 52);
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    let text = format!("{text}p{exponent_sign}{:02}", exponent.unsigned_abs());
    if verb == 'X' { text.to_uppercase() } else { text }
}

impl Printer {
    /// Writes a number under a floating-point verb with its flags.
    pub(super) fn float(&mut self, number: f64, verb: char, precision: Option<usize>) {
        let precision = self.spec.precision.or(precision);
        let mut text = match verb {
            'v' if self.spec.sharp => sharp_general(number, self.spec.precision, 'g'),
            'v' => shortest_notation(number, self.spec.precision, 'g', false),
            'F' => digits(number, 'f', precision),
            'g' | 'G' if self.spec.sharp => sharp_general(number, precision, verb),
            'x' | 'X' if self.spec.sharp => sharp_hexadecimal(number, precision, verb),
            _ => digits(number, verb, precision),
        };
        if self.spec.sharp && number.is_finite() && matches!(verb, 'e' | 'E' | 'f' | 'F') && !text.contains('.') {
            let at = text.find(['e', 'E']).unwrap_or(text.len());
            text.insert(at, '.');
        }
        let (sign, body) = match text.strip_prefix(['-', '+']) {
            Some(body) => (text.chars().next().unwrap_or('+'), body),
            None => ('+', text.as_str()),
        };
        let sign = if self.spec.space && sign == '+' && !self.spec.plus { ' ' } else { sign };
        if !number.is_finite() {
            self.special(sign, body);
        } else if self.spec.plus || sign != '+' {
            self.signed(sign, body);
        } else {
            self.pad(body);
        }
    }

    /// Infinities keep their sign; nothing is padded with zeros.
    fn special(&mut self, sign: char, body: &str) {
        let zero = std::mem::take(&mut self.spec.zero);
        if body == "NaN" && !self.spec.space && !self.spec.plus {
            self.pad(body);
        } else {
            self.pad(&format!("{sign}{body}"));
        }
        self.spec.zero = zero;
    }

    /// The sign stands before zeros of the padding.
    fn signed(&mut self, sign: char, body: &str) {
        let length = body.len() + 1;
        match self.spec.width {
            Some(width) if self.spec.zero && width > length => {
                self.push(sign);
                self.fill('0', width - length);
                self.push_str(body);
            }
            _ => self.pad(&format!("{sign}{body}")),
        }
    }
}

/// `%#x` fills up to six digits or the precision; Go counts the `x` and the digit before the point as two of them.
fn sharp_hexadecimal(number: f64, precision: Option<usize>, verb: char) -> String {
    let text = digits(number, verb, precision);
    let Some((mantissa, exponent)) = text.split_once(['p', 'P']) else { return text };
    let significant = mantissa.trim_start_matches(['-', '0']).chars().filter(|c| *c != '.').count();
    let missing = precision.unwrap_or(6).saturating_sub(significant).min(MOST_ZEROS);
    let point = if mantissa.contains('.') { "" } else { "." };
    let letter = if verb == 'X' { 'P' } else { 'p' };
    format!("{mantissa}{point}{}{letter}{exponent}", "0".repeat(missing))
}

/// Beyond the widest precision there is nothing to fill.
const MOST_ZEROS: usize = 10_000_010;

/// `%#g` keeps the point and trailing zeros of six digits or the precision.
fn sharp_general(number: f64, precision: Option<usize>, verb: char) -> String {
    if !number.is_finite() {
        return digits(number, 'f', None);
    }
    let mut text = shortest_notation(number, Some(precision.unwrap_or(6)), verb, true);
    if !text.contains('.') {
        let at = text.find(['e', 'E']).unwrap_or(text.len());
        text.insert(at, '.');
    }
    text
}
