//! `topk` and `bottomk`.

use std::cmp::Ordering;

use super::{Aggregation, Group};
use crate::eval::EvalError;
use crate::eval::context::{Context, Evaluated};
use crate::eval::value::{Sample, Vector};
use crate::operator::AggregateOp;

impl Aggregation {
    /// The `count` greatest or least of each group, in that order; NaN is behind everything.
    pub(super) fn rank(&mut self, cx: &mut Context<'_>, count: f64, vector: Vector) -> Evaluated<Vector> {
        let Some(count) = whole(count)? else { return Ok(Vec::new()) };
        let descending = self.op == AggregateOp::Topk;
        let mut groups: Vec<Group<Vec<(f64, Sample)>>> = Vec::new();
        let mut ignored = false;
        for sample in vector {
            match sample.value.float() {
                Some(value) => self.groups.of(cx, &sample, &mut groups, Vec::new).members.push((value, sample)),
                None => ignored = true,
            }
        }
        if ignored {
            cx.annotations.info(self.vector_span, format!("ignored histogram in {} aggregation", self.op));
        }
        let mut result = Vec::new();
        for mut group in groups {
            group.members.sort_by(|(a, _), (b, _)| by_value(*a, *b, descending));
            result.extend(group.members.into_iter().take(count).map(|(_, sample)| sample));
        }
        Ok(result)
    }
}

/// The order of sorted vectors: NaN last.
pub(in crate::eval) fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
    }
}

/// A count of series as a whole number; `None` below one.
pub(super) fn whole(count: f64) -> Evaluated<Option<usize>> {
    const BOUND: f64 = 9_223_372_036_854_775_807.0;
    if count.is_nan() {
        return Err(EvalError::new("Parameter value is NaN"));
    }
    if !(-BOUND..BOUND).contains(&count) {
        let way = if count < 0.0 { "underflows" } else { "overflows" };
        return Err(EvalError::new(format!("Scalar value {} {way} int64", crate::format_number(count))));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least one, and saturates")]
    Ok((count >= 1.0).then_some(count as usize))
}
