//! Histograms as texts: as label values show them, and as the test language writes them.

use std::fmt::{self, Write};

use super::{Counts, Histogram, ResetHint};
use crate::number::{format_general, format_number};

/// `{count:4, sum:5, (0.5,1]:1, (1,2]:3}`, as `count_values` and templates show it.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", general(self.count), general(self.sum))?;
        for bucket in self.buckets().iter().filter(|bucket| bucket.count != 0.0) {
            let open = if bucket.lower_inclusive { '[' } else { '(' };
            let close = if bucket.upper_inclusive { ']' } else { ')' };
            let (lower, upper) = (general(bucket.lower), general(bucket.upper));
            write!(f, ", {open}{lower},{upper}{close}:{}", general(bucket.count))?;
        }
        f.write_char('}')
    }
}

/// As Go's `%g`: with an exponent from 1e21 on.
fn general(value: f64) -> String {
    if value != 0.0 && value.is_finite() && !(1e-4..1e21).contains(&value.abs()) {
        return format_general(value);
    }
    format_number(value)
}

impl Histogram {
    /// As the test language writes it: `{{schema:0 count:4 sum:5 buckets:[1 2 1]}}`, fields that are zero left out.
    pub fn test_expression(&self) -> String {
        let mut fields = Vec::new();
        let number = |name: &str, value: f64| (value != 0.0).then(|| format!("{name}:{}", format_number(value)));
        if self.schema != 0 {
            fields.push(format!("schema:{}", self.schema));
        }
        fields.extend(number("count", self.count));
        fields.extend(number("sum", self.sum));
        fields.extend(number("z_bucket", self.zero_count));
        fields.extend(number("z_bucket_w", self.zero_threshold));
        if !self.custom_values.is_empty() {
            fields.push(format!("custom_values:{}", list(&self.custom_values)));
        }
        match self.reset_hint {
            ResetHint::Unknown => {}
            ResetHint::Reset => fields.push("counter_reset_hint:reset".to_owned()),
            ResetHint::NotReset => fields.push("counter_reset_hint:not_reset".to_owned()),
            ResetHint::Gauge => fields.push("counter_reset_hint:gauge".to_owned()),
        }
        push_counts(&mut fields, "", &self.positive);
        push_counts(&mut fields, "n_", &self.negative);
        format!("{{{{{}}}}}", fields.join(" "))
    }
}

fn push_counts(fields: &mut Vec<String>, sign: &str, counts: &Counts) {
    let counts = counts.compacted();
    if counts.offset != 0 && !counts.counts.is_empty() {
        fields.push(format!("{sign}offset:{}", counts.offset));
    }
    if !counts.counts.is_empty() {
        fields.push(format!("{sign}buckets:{}", list(&counts.counts)));
    }
}

fn list(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(|&value| format_number(value)).collect();
    format!("[{}]", values.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let histogram = Histogram {
            zero_threshold: 0.001,
            zero_count: 2.0,
            count: 8.0,
            sum: 10.0,
            positive: Counts { offset: 1, counts: vec![1.0, 0.0] },
            negative: Counts { offset: 0, counts: vec![1.0, 2.0] },
            ..Histogram::default()
        };
        assert_eq!(histogram.to_string(), "{count:8, sum:10, [-2,-1):2, [-1,-0.5):1, [-0.001,0.001]:2, (1,2]:1}");
        let text = "{{count:8 sum:10 z_bucket:2 z_bucket_w:0.001 offset:1 buckets:[1] n_buckets:[1 2]}}";
        assert_eq!(histogram.test_expression(), text);
    }
}
