//! Figures sorted into buckets.

/// Counts of figures up to each bound, with their sum. A plain value: no clock, no lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One more than bounds: the last counts what is above all of them.
    counts: Box<[u64]>,
    sum: f64,
}

impl Histogram {
    /// Empty; `bounds` are upper ones, inclusive and ascending.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1].into(), sum: 0.0 }
    }

    /// Counts one figure.
    pub fn observe(&mut self, figure: f64) {
        let at = self.bounds.partition_point(|bound| *bound < figure);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
            self.sum += figure;
        }
    }

    /// How many figures were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Each bound, infinity last, with how many figures are in its bucket alone.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.bounds.iter().copied().chain([f64::INFINITY]).zip(self.counts.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_nothing_is_lost_above_the_last() {
        let mut histogram = Histogram::new(&[1.0, 5.0]);
        for figure in [0.0, 1.0, 1.5, 5.0, 7.0] {
            histogram.observe(figure);
        }
        assert_eq!(histogram.buckets().collect::<Vec<_>>(), [(1.0, 2), (5.0, 2), (f64::INFINITY, 1)]);
        assert_eq!((histogram.count(), histogram.sum()), (5, 14.5));
    }
}
