//! What an expression must give, against what it gives.

use model::LabelSet;
use model::duration::format_duration;
use promql::eval::{Data, Value};

use super::file::ExprTest;
use super::plot;
use super::stage::Stage;

/// What differs, in promtool's form.
pub fn difference(stage: &mut Stage<'_>, fuzzy: bool, expected: &ExprTest) -> Option<String> {
    let head = format!("    expr: {:?}, time: {},", expected.expr, format_duration(expected.eval_time));
    let answer = match (stage.query(&expected.expr, expected.eval_time), &expected.error) {
        (Ok(answer), None) => answer,
        (Err(error), None) => return Some(format!("{head} err: {error}\n")),
        (Err(error), Some(wanted)) if error.contains(wanted.as_str()) => return None,
        (Err(error), Some(wanted)) => {
            return Some(format!("{head}\n        exp: err: {wanted}\n        got: err: {error}\n"));
        }
        (Ok(_), Some(wanted)) => return Some(format!("{head}\n        exp: err: {wanted}\n        got: no error\n")),
    };
    let mut got: Vec<(LabelSet, Value)> = match answer.data {
        Data::Vector(samples) => samples.into_iter().map(|sample| (sample.labels, sample.value)).collect(),
        Data::Scalar(value) => vec![(LabelSet::empty(), Value::Float(value))],
        Data::Text(_) | Data::Matrix(_) => {
            return Some(format!("{head} err: rule result is not a vector or scalar\n"));
        }
    };
    let mut wanted: Vec<(LabelSet, Value)> =
        expected.samples.iter().map(|sample| (sample.labels.clone(), sample.value.clone())).collect();
    got.sort_by(|a, b| a.0.cmp(&b.0));
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    let same = got.len() == wanted.len()
        && got.iter().zip(&wanted).all(|(got, wanted)| got.0 == wanted.0 && same_value(&wanted.1, &got.1, fuzzy));
    if same {
        return None;
    }
    let plot = plot::of_expr(stage, &expected.expr, expected.eval_time);
    Some(format!("{head}\n        exp: {}\n        got: {}{plot}\n", listed(&wanted), listed(&got)))
}

/// Equal to the last bit but for the NaN in question; with `fuzzy`, neighbours among the floats are equal too.
fn same_value(wanted: &Value, got: &Value, fuzzy: bool) -> bool {
    match (wanted, got) {
        (Value::Float(a), Value::Float(b)) => {
            a == b || (a.is_nan() && b.is_nan()) || (fuzzy && (a.next_up() == *b || a.next_down() == *b))
        }
        (Value::Histogram(a), Value::Histogram(b)) => a.test_expression() == b.test_expression(),
        _ => false,
    }
}

fn listed(samples: &[(LabelSet, Value)]) -> String {
    if samples.is_empty() {
        return "nil".to_owned();
    }
    let shown = samples.iter().map(|(labels, value)| match value {
        Value::Float(value) => format!("{labels} {}", scientific(*value)),
        Value::Histogram(histogram) => format!("{labels} {}", histogram.test_expression()),
    });
    shown.collect::<Vec<String>>().join(", ")
}

/// As Go's `%E`: `1E+00`, `2.5E-03`.
fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return promql::format_number(value);
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}E{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_promtool_shows_them() {
        for (value, shown) in
            [(0.0, "0E+00"), (1.0, "1E+00"), (0.0025, "2.5E-03"), (-1e120, "-1E+120"), (f64::NAN, "NaN")]
        {
            assert_eq!(scientific(value), shown);
        }
    }

    #[test]
    fn neighbours_are_equal_where_that_is_asked_for() {
        let value = |value: f64| Value::Float(value);
        assert!(same_value(&value(3.0), &value(2.999_999_999_999_999_6), true));
        assert!(!same_value(&value(3.0), &value(2.999_999_999_999_999_6), false));
        assert!(!same_value(&value(3.0), &value(2.999_999_999_999_998_7), true));
    }
}
