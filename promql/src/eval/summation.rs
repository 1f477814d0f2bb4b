//! Sums with the rounding error kept apart, after Kahan and Neumaier.

/// `sum + value`, with what rounding lost added to `error`.
pub(crate) fn grown(value: f64, sum: f64, error: f64) -> (f64, f64) {
    let total = sum + value;
    if total.is_infinite() {
        return (total, 0.0);
    }
    let lost = if sum.abs() >= value.abs() { (sum - total) + value } else { (value - total) + sum };
    (total, error + lost)
}

/// A running sum.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    error: f64,
}

impl Sum {
    pub(crate) fn of(first: f64) -> Sum {
        Sum { sum: first, error: 0.0 }
    }

    pub(crate) fn add(&mut self, value: f64) {
        (self.sum, self.error) = grown(value, self.sum, self.error);
    }

    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.error }
    }
}

/// A running mean: of the sum, until that leaves the range of floats; from then on step by step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mean {
    count: f64,
    /// The sum, or the mean once `incremental`.
    value: f64,
    error: f64,
    incremental: bool,
}

impl Mean {
    pub(crate) fn of(first: f64) -> Mean {
        Mean { count: 1.0, value: first, error: 0.0, incremental: false }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let (sum, error) = grown(value, self.value, self.error);
            if !sum.is_infinite() {
                (self.value, self.error) = (sum, error);
                return;
            }
            self.incremental = true;
            self.value /= self.count - 1.0;
            self.error /= self.count - 1.0;
        }
        if self.value.is_infinite() {
            let same_infinity = value.is_infinite() && (value > 0.0) == (self.value > 0.0);
            if same_infinity || value.is_finite() {
                return;
            }
        }
        let kept = (self.count - 1.0) / self.count;
        (self.value, self.error) = grown(value / self.count, kept * self.value, kept * self.error);
    }

    pub(crate) fn mean(self) -> f64 {
        if self.incremental { self.value + self.error } else { self.value / self.count + self.error / self.count }
    }
}

/// A running variance, after Welford.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Variance {
    count: f64,
    mean: (f64, f64),
    squares: (f64, f64),
}

impl Variance {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - (self.mean.0 + self.mean.1);
        self.mean = grown(delta / self.count, self.mean.0, self.mean.1);
        let rest = value - (self.mean.0 + self.mean.1);
        self.squares = grown(delta * rest, self.squares.0, self.squares.1);
    }

    pub(crate) fn variance(self) -> f64 {
        (self.squares.0 + self.squares.1) / self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_survive_between_great_ones() {
        let mut sum = Sum::default();
        [1.0, 1e100, 1.0, -1e100].into_iter().for_each(|value| sum.add(value));
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn a_mean_may_be_greater_than_half_the_greatest_float() {
        let mut mean = Mean::of(1.7e308);
        mean.add(1.5e308);
        assert!((mean.mean() / 1.6e308 - 1.0).abs() < 1e-12);
        let mut infinite = Mean::of(f64::INFINITY);
        infinite.add(0.0);
        assert_eq!(infinite.mean(), f64::INFINITY);
    }

    #[test]
    fn variance_of_infinity_is_not_a_number() {
        let mut variance = Variance::default();
        [1.0, 3.0].into_iter().for_each(|value| variance.add(value));
        assert_eq!(variance.variance(), 1.0);
        variance.add(f64::INFINITY);
        assert!(variance.variance().is_nan());
    }
}
