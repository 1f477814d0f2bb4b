//! Series in Prometheus' expanding notation: `0+1x10`, `5x3 _x2 7`, one value a step.

/// Values one step apart; `None` where there is no sample.
pub type Values = Vec<Option<f64>>;

/// More values than this are refused.
const VALUES_MAX: usize = 10_000_000;

/// Reads the notation: words apart by blanks, each `v`, `vxN` (v, and N times again), `v+dxN`, `v-dxN`, `_` (a gap) or `_xN`
/// (N gaps).
///
/// # Errors
/// Names the first word that is none of these.
pub fn parse_values(text: &str) -> Result<Values, String> {
    let mut values = Vec::new();
    for word in text.split_whitespace() {
        let invalid = || format!("{word:?} is not a value such as 5, 5x3, 0+1x10, _ or _x3");
        let (start, times) = match word.rsplit_once('x') {
            Some((start, times)) if !word.starts_with("0x") => (start, times.parse::<usize>().map_err(|_| invalid())?),
            _ => (word, 0),
        };
        if values.len().saturating_add(times) > VALUES_MAX {
            return Err(format!("{word:?} makes more than {VALUES_MAX} values"));
        }
        if start == "_" {
            values.extend(std::iter::repeat_n(None, times.max(1)));
            continue;
        }
        let (first, slope) = split_slope(start).ok_or_else(invalid)?;
        values.extend((0..=times).map(|step| Some(first + slope * step as f64)));
    }
    Ok(values)
}

/// `v`, `v+d` or `v-d`.
fn split_slope(text: &str) -> Option<(f64, f64)> {
    if let Ok(value) = text.parse() {
        return Some((value, 0.0));
    }
    // A sign at the start or after an exponent is part of the number.
    let at =
        text.char_indices().skip(1).find(|&(at, c)| matches!(c, '+' | '-') && !text[..at].ends_with(['e', 'E']))?.0;
    let first = text[..at].parse().ok()?;
    let slope = text[at..].parse().ok()?;
    Some((first, slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands() {
        let numbers =
            |text| parse_values(text).map(|values| values.iter().map(|v| v.map_or(-1.0, |v| v)).collect::<Vec<_>>());
        assert_eq!(numbers("1 2x2 _ 0+5x2 _x2 10-1x1"), Ok(vec![1., 2., 2., 2., -1., 0., 5., 10., -1., -1., 10., 9.]));
        assert_eq!(numbers("1e+3 -2x1"), Ok(vec![1000., -2., -2.]));
        for bad in ["a", "1x", "1xb", "1+x2", "1x99999999999"] {
            assert!(parse_values(bad).is_err(), "{bad}");
        }
    }
}
