//! Where an axis has its marks, and what stands beside them.

use model::Timestamp;

/// A second in milliseconds.
const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Distances between marks of time, shortest first.
const TIME_STEPS: [i64; 24] = [
    1,
    10,
    100,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
];

/// Times before this are lengths of time: series of tests begin at zero.
const FIRST_DATE_MS: i64 = 365 * DAY;

/// Values beyond this lie on the edge.
const EXTREME: f64 = 1e300;

/// Most marks of an axis.
const MARKS_MAX: u32 = 50;

/// Values between two bounds, both widened to marks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueAxis {
    /// The lowest mark.
    pub low: f64,
    /// The highest mark.
    pub high: f64,
    /// Between marks: 1, 2 or 5 times a power of ten.
    pub step: f64,
}

impl ValueAxis {
    /// An axis for these values, with about so many marks. Zero is on it if it is near.
    pub fn of(low: f64, high: f64, marks: usize) -> ValueAxis {
        let (mut low, mut high) =
            if low.is_finite() && high.is_finite() && low <= high { (low, high) } else { (0.0, 1.0) };
        // Their distance is a number too.
        (low, high) = (low.clamp(-EXTREME, EXTREME), high.clamp(-EXTREME, EXTREME));
        if low > 0.0 && low < high / 2.0 {
            low = 0.0;
        }
        if high < 0.0 && high > low / 2.0 {
            high = 0.0;
        }
        if high - low <= high.abs().max(low.abs()) * 1e-9 {
            let around = if high == 0.0 { 1.0 } else { high.abs() / 2.0 };
            (low, high) = (low - around, high + around);
        }
        #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
        let rough = (high - low) / marks.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        ValueAxis { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    /// The same with marks at multiples of a grain, such as 1024 bytes.
    pub fn of_grain(low: f64, high: f64, marks: usize, grain: f64) -> ValueAxis {
        let within = |bound: f64| if bound.is_finite() { bound.clamp(-EXTREME, EXTREME) } else { bound };
        let axis = ValueAxis::of(within(low) / grain, within(high) / grain, marks);
        ValueAxis { low: axis.low * grain, high: axis.high * grain, step: axis.step * grain }
    }

    /// The marks, lowest first.
    pub fn marks(&self) -> impl Iterator<Item = f64> + use<> {
        let ValueAxis { low, high, step } = *self;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few dozen")]
        let count = ((high - low) / step).round().clamp(0.0, f64::from(MARKS_MAX)) as u32;
        (0..=count).map(move |index| low + step * f64::from(index))
    }
}

/// Marks of time between two bounds, at most so many, each with its text.
pub fn time_marks(start_ms: i64, end_ms: i64, marks_max: usize) -> Vec<(i64, String)> {
    let length = end_ms.saturating_sub(start_ms).max(1);
    let marks_max = i64::try_from(marks_max.max(1)).unwrap_or(1);
    let longest = TIME_STEPS.last().copied().unwrap_or(DAY);
    let fitting = TIME_STEPS.into_iter().find(|step| length / step < marks_max);
    let step = fitting.unwrap_or_else(|| (length / marks_max / longest + 1) * longest);
    let first = start_ms.div_euclid(step).saturating_mul(step);
    let times = (0..=marks_max + 1).map(|index| first.saturating_add(step.saturating_mul(index)));
    times.filter(|at| (start_ms..=end_ms).contains(at)).map(|at| (at, time_text(at, step, length))).collect()
}

fn time_text(at_ms: i64, step_ms: i64, length_ms: i64) -> String {
    if at_ms < FIRST_DATE_MS {
        let duration = std::time::Duration::from_millis(at_ms.unsigned_abs());
        let sign = if at_ms < 0 { "-" } else { "" };
        return format!("{sign}{}", model::duration::format_duration(duration));
    }
    // 2026-11-22T03:04:05.678Z
    let text = Timestamp::from_millis(at_ms).to_rfc3339_millis();
    let part = match (step_ms, length_ms) {
        (DAY.., _) => 5..10,
        (_, DAY..) => 5..16,
        (MINUTE.., _) => 11..16,
        (SECOND.., _) => 11..19,
        _ => 11..23,
    };
    text.get(part).unwrap_or_default().replace('T', " ")
}

/// What is not on the marks: the day, where they only have hours, and that it is UTC.
pub fn time_title(start_ms: i64) -> Option<String> {
    if start_ms < FIRST_DATE_MS {
        return None;
    }
    let text = Timestamp::from_millis(start_ms).to_rfc3339_millis();
    Some(format!("{} UTC", text.get(..10).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_values_are_round() {
        let marks = |low, high| ValueAxis::of(low, high, 4).marks().collect::<Vec<f64>>();
        assert_eq!(marks(0.0, 9.0), [0.0, 5.0, 10.0]);
        assert_eq!(marks(3.0, 11.0), [0.0, 5.0, 10.0, 15.0]);
        assert_eq!(marks(98.0, 101.0), [98.0, 99.0, 100.0, 101.0]);
        assert_eq!(marks(-4.0, 4.0), [-4.0, -2.0, 0.0, 2.0, 4.0]);
        assert_eq!(marks(5.0, 5.0), [2.0, 4.0, 6.0, 8.0]);
        assert_eq!(marks(f64::INFINITY, f64::NEG_INFINITY), marks(0.0, 1.0));
        for (low, high) in [(0.0, f64::MAX), (f64::MIN, f64::MAX), (-1e-300, 1e-300), (1e15, 1e15 + 1.0)] {
            assert!(marks(low, high).len() < 20, "{low} {high}");
        }
    }

    #[test]
    fn marks_of_time_are_round_and_few() {
        let texts =
            |start: i64, end: i64| time_marks(start, end, 5).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(0, 4 * MINUTE), ["0s", "1m", "2m", "3m", "4m"]);
        let noon = 1_795_348_800_000;
        assert_eq!(texts(noon, noon + 60 * SECOND), ["12:00:00", "12:00:15", "12:00:30", "12:00:45", "12:01:00"]);
        assert_eq!(texts(noon + 1, noon + 3 * HOUR), ["13:00", "14:00", "15:00"]);
        assert_eq!(texts(noon, noon + 3 * DAY), ["11-23", "11-24", "11-25"]);
        assert!(texts(noon, noon + 4000 * DAY).len() <= 6);
        assert_eq!(time_title(noon).as_deref(), Some("2026-11-22 UTC"));
    }
}
