//! Sums, differences and multiples of histograms.

use std::borrow::Cow;

use super::layout::common_borders;
use super::{Counts, Histogram, ResetHint};

/// Two histograms of which one has custom buckets and the other has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncompatibleSchemas;

/// What had to be done to bring two histograms together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Their custom borders differed; the common ones are left.
    pub custom_borders: bool,
    /// One follows a counter reset and the other does not.
    pub reset_conflict: bool,
}

/// A running sum of histograms with the rounding errors kept apart (Neumaier), per bucket.
#[derive(Debug, Clone)]
pub struct Addition {
    sum: Histogram,
    errors: Histogram,
}

impl Histogram {
    /// Sum of both.
    ///
    /// # Errors
    /// One of them has custom buckets.
    pub fn plus(&self, other: &Histogram) -> Result<(Histogram, Reconciled), IncompatibleSchemas> {
        let mut result = self.combined(other, 1.0)?;
        let (hint, conflict) = joined_hint(self.reset_hint, other.reset_hint);
        result.0.reset_hint = hint;
        result.1.reset_conflict = conflict;
        Ok(result)
    }

    /// Difference of both, which is a gauge.
    ///
    /// # Errors
    /// One of them has custom buckets.
    pub fn minus(&self, other: &Histogram) -> Result<(Histogram, Reconciled), IncompatibleSchemas> {
        let mut result = self.combined(other, -1.0)?;
        result.0.reset_hint = ResetHint::Gauge;
        Ok(result)
    }

    /// Every count and the sum times `factor`; a gauge if that turns the sign.
    #[must_use]
    pub fn times(&self, factor: f64) -> Histogram {
        let hint = if factor < 0.0 { ResetHint::Gauge } else { self.reset_hint };
        self.mapped(|count| count * factor).with_hint(hint)
    }

    /// Every count and the sum divided by `divisor`. Buckets of a division by zero are gone.
    #[must_use]
    pub fn divided_by(&self, divisor: f64) -> Histogram {
        let hint = if divisor < 0.0 { ResetHint::Gauge } else { self.reset_hint };
        let mut result = self.mapped(|count| count / divisor).with_hint(hint);
        if divisor == 0.0 {
            result.positive = Counts::default();
            result.negative = Counts::default();
        }
        result
    }

    fn mapped(&self, f: impl Fn(f64) -> f64) -> Histogram {
        let counts = |counts: &Counts| Counts {
            offset: counts.offset,
            counts: counts.counts.iter().map(|&count| f(count)).collect(),
        };
        Histogram {
            zero_count: f(self.zero_count),
            count: f(self.count),
            sum: f(self.sum),
            positive: counts(&self.positive),
            negative: counts(&self.negative),
            ..self.clone()
        }
    }

    fn combined(&self, other: &Histogram, sign: f64) -> Result<(Histogram, Reconciled), IncompatibleSchemas> {
        let (a, b, custom_borders) = aligned(self, other)?;
        let mut sum = a.into_owned();
        sum.count += sign * b.count;
        sum.sum += sign * b.sum;
        sum.zero_count += sign * b.zero_count;
        for (index, count) in b.positive.iter() {
            sum.positive.add(index, sign * count);
        }
        for (index, count) in b.negative.iter() {
            sum.negative.add(index, sign * count);
        }
        Ok((sum, Reconciled { custom_borders, reset_conflict: false }))
    }
}

/// Both in a layout they share, and whether custom borders had to go.
pub(super) fn aligned<'h>(
    a: &'h Histogram,
    b: &'h Histogram,
) -> Result<(Cow<'h, Histogram>, Cow<'h, Histogram>, bool), IncompatibleSchemas> {
    if a.has_custom_buckets() != b.has_custom_buckets() {
        return Err(IncompatibleSchemas);
    }
    if a.has_custom_buckets() {
        if a.custom_values == b.custom_values {
            return Ok((Cow::Borrowed(a), Cow::Borrowed(b), false));
        }
        let borders = common_borders(&a.custom_values, &b.custom_values);
        return Ok((Cow::Owned(a.with_borders(&borders)), Cow::Owned(b.with_borders(&borders)), true));
    }
    if a.schema == b.schema && a.zero_threshold == b.zero_threshold {
        return Ok((Cow::Borrowed(a), Cow::Borrowed(b), false));
    }
    let (mut a, mut b) = (Cow::Borrowed(a), Cow::Borrowed(b));
    while a.zero_threshold != b.zero_threshold {
        let threshold = a.zero_threshold.max(b.zero_threshold);
        a = Cow::Owned(a.with_zero_threshold(threshold));
        b = Cow::Owned(b.with_zero_threshold(threshold));
    }
    let schema = a.schema.min(b.schema);
    Ok((Cow::Owned(a.at_schema(schema)), Cow::Owned(b.at_schema(schema)), false))
}

/// The hint of a sum, and whether the hints of its parts contradict each other.
fn joined_hint(a: ResetHint, b: ResetHint) -> (ResetHint, bool) {
    use ResetHint::{Gauge, Unknown};
    match (a, b) {
        _ if a == b => (a, false),
        (Gauge, _) | (_, Gauge) => (Gauge, false),
        (Unknown, _) | (_, Unknown) => (Unknown, false),
        _ => (Unknown, true),
    }
}

impl Addition {
    /// A sum of one.
    pub fn of(first: &Histogram) -> Addition {
        let errors = Histogram {
            schema: first.schema,
            zero_threshold: first.zero_threshold,
            custom_values: first.custom_values.clone(),
            ..Histogram::default()
        };
        Addition { sum: first.clone(), errors }
    }

    /// Adds one more.
    ///
    /// # Errors
    /// One of them has custom buckets.
    pub fn add(&mut self, other: &Histogram) -> Result<Reconciled, IncompatibleSchemas> {
        let (sum, other, custom_borders) = aligned(&self.sum, other)?;
        let mut sum = sum.into_owned();
        let mut errors = aligned(&self.errors, &sum)?.0.into_owned();
        let other = other.as_ref();
        grow_exactly(&mut sum.count, &mut errors.count, other.count);
        grow_exactly(&mut sum.sum, &mut errors.sum, other.sum);
        grow_exactly(&mut sum.zero_count, &mut errors.zero_count, other.zero_count);
        grow_counts(&mut sum.positive, &mut errors.positive, &other.positive);
        grow_counts(&mut sum.negative, &mut errors.negative, &other.negative);
        let (hint, reset_conflict) = joined_hint(sum.reset_hint, other.reset_hint);
        sum.reset_hint = hint;
        (self.sum, self.errors) = (sum, errors);
        Ok(Reconciled { custom_borders, reset_conflict })
    }

    /// Whether some field has left the range of floats, so that a mean must be found step by step.
    pub fn overflows(&self) -> bool {
        let counts = self.sum.positive.counts.iter().chain(&self.sum.negative.counts);
        counts.chain([&self.sum.count, &self.sum.sum, &self.sum.zero_count]).any(|value| value.is_infinite())
    }

    /// Sum and errors each times `factor`: a step towards a mean.
    pub fn scale(&mut self, factor: f64) {
        self.sum = self.sum.mapped(|count| count * factor);
        self.errors = self.errors.mapped(|count| count * factor);
    }

    /// The sum.
    pub fn total(&self) -> Histogram {
        self.total_divided_by(1.0)
    }

    /// The sum divided, errors apart so that nothing is lost.
    pub fn total_divided_by(&self, divisor: f64) -> Histogram {
        let errors = self.errors.mapped(|count| if count.is_finite() { count / divisor } else { 0.0 });
        let sum = self.sum.mapped(|count| count / divisor);
        match sum.combined(&errors, 1.0) {
            Ok((total, _)) => total.with_hint(self.sum.reset_hint),
            Err(IncompatibleSchemas) => sum,
        }
    }
}

fn grow_counts(sums: &mut Counts, errors: &mut Counts, others: &Counts) {
    for (index, count) in others.iter() {
        let (mut sum, mut error) = (sums.get(index), errors.get(index));
        let (old_sum, old_error) = (sum, error);
        grow_exactly(&mut sum, &mut error, count);
        if sum.is_infinite() || old_sum.is_infinite() {
            set(sums, index, sum);
        } else {
            set(sums, index, sum);
            errors.add(index, error - old_error);
        }
    }
}

fn set(counts: &mut Counts, index: i32, value: f64) {
    counts.add(index, 0.0);
    let at = usize::try_from(index - counts.offset).unwrap_or(0);
    if let Some(slot) = counts.counts.get_mut(at) {
        *slot = value;
    }
}

fn grow_exactly(sum: &mut f64, error: &mut f64, value: f64) {
    (*sum, *error) = crate::eval::summation::grown(value, *sum, *error);
}
