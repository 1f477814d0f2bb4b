//! Histograms as tests write them: `schema:0 sum:5 count:4 buckets:[1 2 1]`, between double braces.

use crate::histogram::{CUSTOM_SCHEMA, Histogram, ResetHint, SCHEMA_MAX, SCHEMA_MIN};

/// Reads what stands between the braces. Fields that are missing are zero.
///
/// # Errors
/// What is wrong.
pub(super) fn parse(text: &str) -> Result<Histogram, String> {
    let mut histogram = Histogram::default();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once(':').ok_or_else(|| format!("expected a field with a value: {rest:?}"))?;
        let behind = behind.trim_start();
        let end = match behind.strip_prefix('[') {
            Some(list) => list.find(']').map(|end| end + 2).ok_or_else(|| format!("{name} lacks ]"))?,
            None => behind.find(char::is_whitespace).unwrap_or(behind.len()),
        };
        let (value, behind) = behind.split_at(end);
        field(&mut histogram, name.trim(), value)?;
        rest = behind.trim_start();
    }
    Ok(histogram)
}

fn field(histogram: &mut Histogram, name: &str, value: &str) -> Result<(), String> {
    match name {
        "schema" => {
            let schema: i32 = value.parse().map_err(|_| format!("schema {value:?} is not a whole number"))?;
            if schema != CUSTOM_SCHEMA && !(SCHEMA_MIN..=SCHEMA_MAX).contains(&schema) {
                return Err(format!(
                    "schema {schema} is unknown; expected {SCHEMA_MIN} to {SCHEMA_MAX} or {CUSTOM_SCHEMA}"
                ));
            }
            histogram.schema = schema;
        }
        "sum" => histogram.sum = number(value)?,
        "count" => histogram.count = number(value)?,
        "z_bucket" => histogram.zero_count = number(value)?,
        "z_bucket_w" => {
            histogram.zero_threshold = number(value)?;
            if histogram.zero_threshold.is_nan() {
                return Err("z_bucket_w is not a number".to_owned());
            }
        }
        "custom_values" => {
            histogram.custom_values = numbers(value)?;
            if !histogram.custom_values.is_sorted_by(|a, b| a < b) {
                return Err("custom_values must rise".to_owned());
            }
        }
        "offset" => histogram.positive.offset = offset(value)?,
        "buckets" => histogram.positive.counts = numbers(value)?,
        "n_offset" => histogram.negative.offset = offset(value)?,
        "n_buckets" => histogram.negative.counts = numbers(value)?,
        "counter_reset_hint" => {
            histogram.reset_hint = match value {
                "unknown" => ResetHint::Unknown,
                "reset" => ResetHint::Reset,
                "not_reset" => ResetHint::NotReset,
                "gauge" => ResetHint::Gauge,
                _ => return Err(format!("counter_reset_hint {value:?} is none of unknown, reset, not_reset, gauge")),
            };
        }
        _ => return Err(format!("a histogram has no field {name:?}")),
    }
    Ok(())
}

fn number(text: &str) -> Result<f64, String> {
    super::series_notation::parse_number(text).ok_or_else(|| format!("{text:?} is not a number"))
}

/// A bucket index far beyond any float would only cost memory.
fn offset(text: &str) -> Result<i32, String> {
    const FARTHEST: u32 = 1 << 20;
    match text.parse::<i32>() {
        Ok(offset) if offset.unsigned_abs() <= FARTHEST => Ok(offset),
        _ => Err(format!("offset {text:?} is not a whole number in range")),
    }
}

fn numbers(list: &str) -> Result<Vec<f64>, String> {
    let inner = list.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
    let inner = inner.ok_or_else(|| format!("expected a list in brackets, got {list:?}"))?;
    inner.split_whitespace().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_back() {
        let text = "schema:2 count:4 sum:-5 z_bucket:1 z_bucket_w:0.01 counter_reset_hint:gauge offset:-3 buckets:[1 2] \
            n_buckets:[3]";
        let histogram = parse(text).unwrap();
        assert_eq!(histogram.test_expression(), format!("{{{{{text}}}}}").replace("        ", ""));
        assert_eq!(parse(""), Ok(Histogram::default()));
        for wrong in ["schema:9", "sum", "buckets:[1", "z_bucket_w:NaN", "custom_values:[2 1]", "color:red"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
