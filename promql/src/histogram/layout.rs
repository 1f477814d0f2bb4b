//! Where buckets begin and end, and how one layout becomes another.

use super::{Counts, Histogram};

/// The upper border of exponential bucket `index`: 2^(index / 2^schema). The bucket that holds the greatest float ends
/// there rather than at infinity.
pub(super) fn exponential_border(index: i32, schema: i32) -> f64 {
    if schema < 0 {
        let exponent = i64::from(index) << -schema;
        return power_of_two(exponent, exponent >= 1024 && (i64::from(index - 1) << -schema) < 1024);
    }
    let per_power = 1i32 << schema;
    let exponent = index.div_euclid(per_power);
    let fraction = f64::from(index.rem_euclid(per_power)) / f64::from(per_power);
    if index == 1024 << schema {
        return f64::MAX;
    }
    fraction.exp2() * power_of_two(i64::from(exponent), false)
}

fn power_of_two(exponent: i64, holds_greatest: bool) -> f64 {
    if holds_greatest {
        return f64::MAX;
    }
    let exponent = i32::try_from(exponent.clamp(-1100, 1100)).unwrap_or(0);
    f64::from(exponent).exp2()
}

/// The index a bucket has once the schema is lowered by `steps`: each step joins two neighbours.
pub(super) fn lowered_index(index: i32, steps: u32) -> i32 {
    ((index - 1) >> steps.min(31)) + 1
}

impl Counts {
    /// The same counts at a schema lower by `steps`.
    pub(super) fn lowered(&self, steps: u32) -> Counts {
        if steps == 0 {
            return self.clone();
        }
        let mut lowered = Counts::default();
        for (index, count) in self.iter() {
            lowered.add(lowered_index(index, steps), count);
        }
        lowered
    }
}

impl Histogram {
    /// The same with fewer, wider exponential buckets.
    pub(crate) fn at_schema(&self, schema: i32) -> Histogram {
        let steps = u32::try_from(self.schema - schema).unwrap_or(0);
        if steps == 0 || self.has_custom_buckets() {
            return self.clone();
        }
        Histogram {
            schema,
            positive: self.positive.lowered(steps),
            negative: self.negative.lowered(steps),
            ..self.clone()
        }
    }

    /// The same with a zero bucket at least as wide as `threshold`: buckets within it join it. It becomes wider still
    /// where it would cut a bucket that is not empty.
    pub(super) fn with_zero_threshold(&self, threshold: f64) -> Histogram {
        if threshold <= self.zero_threshold {
            return self.clone();
        }
        let mut threshold = threshold;
        // Widening over one bucket may make the threshold cut one of the other sign, so ask again until it rests.
        loop {
            let before = threshold;
            for counts in [&self.positive, &self.negative] {
                for (index, _) in counts.iter().filter(|(_, count)| *count != 0.0) {
                    let lower = exponential_border(index - 1, self.schema);
                    let upper = exponential_border(index, self.schema);
                    if lower < threshold && threshold < upper {
                        threshold = upper;
                    }
                }
            }
            if threshold == before {
                break;
            }
        }
        let mut widened = Histogram { zero_threshold: threshold, ..self.clone() };
        for counts in [&mut widened.positive, &mut widened.negative] {
            for (index, count) in (counts.offset..).zip(&mut counts.counts) {
                if exponential_border(index - 1, self.schema) < threshold {
                    widened.zero_count += *count;
                    *count = 0.0;
                }
            }
            *counts = counts.compacted();
        }
        widened
    }

    /// The same with just these custom borders, each of which it has: counts move up to the next border left.
    pub(super) fn with_borders(&self, borders: &[f64]) -> Histogram {
        let mut positive = Counts::default();
        for (index, count) in self.positive.iter() {
            let upper = self.custom_upper(index);
            let target = borders.partition_point(|&border| border < upper);
            positive.add(i32::try_from(target).unwrap_or(i32::MAX), count);
        }
        Histogram { positive, custom_values: borders.to_vec(), ..self.clone() }
    }

    /// The upper border of custom bucket `index`.
    pub(super) fn custom_upper(&self, index: i32) -> f64 {
        usize::try_from(index).ok().and_then(|at| self.custom_values.get(at)).copied().unwrap_or(f64::INFINITY)
    }
}

/// The borders both have.
pub(super) fn common_borders(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().copied().filter(|border| b.binary_search_by(|other| other.total_cmp(border)).is_ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_of_exponential_buckets() {
        let table = [
            (0, 0, 1.0),
            (1, 0, 2.0),
            (-1, 0, 0.5),
            (1, -1, 4.0),
            (1, 1, 2f64.sqrt()),
            (-1, 1, 2f64.sqrt() / 2.0),
            (4, 2, 2.0),
            (1024, 0, f64::MAX),
        ];
        for (index, schema, border) in table {
            assert_eq!(exponential_border(index, schema), border, "bucket {index} of schema {schema}");
        }
    }

    #[test]
    fn a_wider_zero_bucket_swallows_buckets_whole() {
        let counts = Counts { offset: -1, counts: vec![1.0, 2.0, 4.0] };
        let histogram = Histogram { positive: counts, count: 7.0, ..Histogram::default() };
        let widened = histogram.with_zero_threshold(0.6);
        assert_eq!((widened.zero_threshold, widened.zero_count), (1.0, 3.0));
        assert_eq!(widened.positive, Counts { offset: 1, counts: vec![4.0] });
    }
}
