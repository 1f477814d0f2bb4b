//! `limitk` and `limit_ratio`: some series of each group, chosen by their labels.

use twox_hash::XxHash64;

use super::rank::whole;
use super::{Aggregation, Group};
use crate::eval::EvalError;
use crate::eval::context::{Context, Evaluated};
use crate::eval::value::Vector;

impl Aggregation {
    /// The first `count` series of each group.
    pub(super) fn limit_count(&mut self, cx: &mut Context<'_>, count: f64, vector: Vector) -> Evaluated<Vector> {
        let Some(count) = whole(count)? else { return Ok(Vec::new()) };
        let mut groups: Vec<Group<Vector>> = Vec::new();
        for sample in vector {
            let group = self.groups.of(cx, &sample, &mut groups, Vec::new);
            if group.members.len() < count {
                group.members.push(sample);
            }
        }
        Ok(groups.into_iter().flat_map(|group| group.members).collect())
    }

    /// About `ratio` of the series; with a negative ratio just those that one more would leave out.
    pub(super) fn limit_ratio(&mut self, cx: &mut Context<'_>, ratio: f64, mut vector: Vector) -> Evaluated<Vector> {
        if ratio.is_nan() {
            return Err(EvalError::new("Ratio value is NaN"));
        }
        let capped = ratio.clamp(-1.0, 1.0);
        if capped != ratio {
            let (got, capped) = (crate::number::format_general(ratio), crate::number::format_general(capped));
            let message = format!("ratio value should be between -1 and 1, got {got}, capping to {capped}");
            cx.annotations.warn(self.parameter_span, message);
        }
        if capped == 0.0 {
            return Ok(Vec::new());
        }
        vector.retain(|sample| {
            let share = share(cx.labels(sample.labels).iter());
            if capped > 0.0 { share < capped } else { share >= 1.0 + capped }
        });
        Ok(vector)
    }
}

/// A number from 0 to 1 that depends on the labels only, the one Prometheus computes: the hash of the labels with each
/// text led by its length.
fn share<'l>(labels: impl Iterator<Item = (&'l str, &'l str)>) -> f64 {
    let mut bytes = Vec::new();
    for (name, value) in labels {
        for text in [name, value] {
            match u8::try_from(text.len()) {
                Ok(length) if length < u8::MAX => bytes.push(length),
                _ => {
                    bytes.push(255);
                    bytes.extend(text.len().to_le_bytes().iter().take(3));
                }
            }
            bytes.extend(text.as_bytes());
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "only the leading digits matter")]
    let share = XxHash64::oneshot(0, &bytes) as f64 / u64::MAX as f64;
    share
}
