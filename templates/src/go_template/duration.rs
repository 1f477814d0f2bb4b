//! Go's text form of a `time.Duration`.

/// `1h2m3.5s`, `1.5ms`, `0s`.
pub(crate) fn text(nanoseconds: i64) -> String {
    let magnitude = nanoseconds.unsigned_abs();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let body = match magnitude {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{magnitude}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(magnitude, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(magnitude, 1_000_000)),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            let seconds = fraction(magnitude % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{body}")
}

/// A number of units with its decimals, trailing zeros dropped.
fn fraction(nanoseconds: u64, unit: u64) -> String {
    let rest = nanoseconds % unit;
    if rest == 0 {
        return (nanoseconds / unit).to_string();
    }
    let decimals = format!("{:0width$}", rest, width = unit.ilog10() as usize);
    format!("{}.{}", nanoseconds / unit, decimals.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_prints_them() {
        for (nanoseconds, want) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (-245_000_000_000, "-4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(text(nanoseconds), want);
        }
    }
}
