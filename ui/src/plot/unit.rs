//! What values are, and how they are written short.

use model::LabelSet;
use model::labels::METRIC_NAME;

/// What values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Numbers.
    None,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Parts of one.
    Ratio,
}

/// What larger amounts are called, the largest first.
const NUMBERS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
const BYTES: [(f64, &str); 4] =
    [(1_099_511_627_776.0, "TiB"), (1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB")];
const SECONDS: [(f64, &str); 6] =
    [(86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];

impl Unit {
    /// What the names of all metrics say; numbers if they say nothing, or not the same.
    pub fn of_names<'a>(series: impl Iterator<Item = &'a LabelSet>) -> Unit {
        let mut units = series.map(|labels| Unit::of_name(labels.get_or_empty(METRIC_NAME)));
        let first = units.next().unwrap_or(Unit::None);
        if units.all(|unit| unit == first) { first } else { Unit::None }
    }

    fn of_name(name: &str) -> Unit {
        let is_time = name.ends_with("_timestamp_seconds") || name.ends_with("_time_seconds");
        match name {
            _ if is_time => Unit::None,
            _ if name.ends_with("_bytes") => Unit::Bytes,
            _ if name.ends_with("_seconds") => Unit::Seconds,
            _ if name.ends_with("_ratio") || name.ends_with(":ratio") => Unit::Ratio,
            _ => Unit::None,
        }
    }

    /// What the marks of an axis up to this value are multiples of.
    pub fn grain(self, value: f64) -> f64 {
        self.size(value.abs()).map_or(1.0, |(size, _)| size)
    }

    /// The largest size that fits into an amount, and its name.
    fn size(self, amount: f64) -> Option<(f64, &'static str)> {
        let sizes: &[(f64, &str)] = match self {
            Unit::Bytes => &BYTES,
            Unit::Seconds => &SECONDS,
            Unit::None => &NUMBERS,
            Unit::Ratio => &[],
        };
        sizes.iter().find(|(size, _)| amount >= *size).copied()
    }

    /// A value with its unit. Values that differ by `step` are told apart.
    pub fn shown(self, value: f64, step: f64) -> String {
        if !value.is_finite() {
            return promql::format_number(value);
        }
        if self == Unit::Ratio {
            return format!("{}%", decimal(value * 100.0, step * 100.0));
        }
        if value == 0.0 {
            return "0".to_owned();
        }
        let (size, name) = match (self.size(value.abs().max(step.abs())), self) {
            (Some(size), _) => size,
            (None, Unit::Bytes) => (1.0, "B"),
            (None, Unit::Seconds) => (1e-9, "ns"),
            (None, _) => (1.0, ""),
        };
        format!("{}{name}", decimal(value / size, step / size))
    }
}

/// As many digits as tell values apart that differ by `step`; three significant ones if it is zero.
fn decimal(value: f64, step: f64) -> String {
    let grain = if step == 0.0 { value.abs() / 100.0 } else { step.abs() };
    if grain == 0.0 || !grain.is_finite() {
        return promql::format_number(value);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let digits = (-grain.log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    if text == "-0" { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short_and_differ_where_they_must() {
        for (unit, value, step, shown) in [
            (Unit::None, 0.0, 0.5, "0"),
            (Unit::None, 1.5, 0.5, "1.5"),
            (Unit::None, 12_345.0, 0.0, "12.3k"),
            (Unit::None, 12_340.0, 5.0, "12.34k"),
            (Unit::None, 0.001_234, 0.0, "0.00123"),
            (Unit::None, -2e9, 1e9, "-2G"),
            (Unit::Bytes, 1536.0, 0.0, "1.5KiB"),
            (Unit::Bytes, 12.0, 1.0, "12B"),
            (Unit::Seconds, 0.25, 0.05, "250ms"),
            (Unit::Seconds, 90.0, 0.0, "1.5min"),
            (Unit::Seconds, 0.0, 0.1, "0"),
            (Unit::Ratio, 0.4, 0.1, "40%"),
            (Unit::None, f64::INFINITY, 1.0, "+Inf"),
        ] {
            assert_eq!(unit.shown(value, step), shown, "{value} {step}");
        }
    }

    #[test]
    fn units_of_names() {
        let unit = |names: &[&str]| {
            let sets: Vec<LabelSet> = names.iter().map(|name| LabelSet::from_pairs([(METRIC_NAME, *name)])).collect();
            Unit::of_names(sets.iter())
        };
        assert_eq!(unit(&["a_bytes", "b_bytes"]), Unit::Bytes);
        assert_eq!(unit(&["a_bytes", "b_seconds"]), Unit::None);
        assert_eq!(unit(&["shop:failures:ratio"]), Unit::Ratio);
        assert_eq!(unit(&["process_start_time_seconds"]), Unit::None);
        assert_eq!(unit(&[]), Unit::None);
    }
}
