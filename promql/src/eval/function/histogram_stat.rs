//! Numbers that describe a native histogram as a whole. Floats are left out.

use crate::ast::Call;
use crate::eval::context::{Context, Evaluated};
use crate::eval::node::VectorNode;
use crate::eval::value::{Value, Vector};
use crate::eval::{Settings, plan};
use crate::histogram::Histogram;

/// A call of such a function.
#[derive(Debug, Clone)]
pub(in crate::eval) struct HistogramStat {
    vector: VectorNode,
    of: fn(&Histogram) -> f64,
}

impl HistogramStat {
    pub(in crate::eval) fn new(call: &Call, settings: &Settings) -> Evaluated<HistogramStat> {
        let vector = plan::vector(plan::argument(call, 0)?, settings)?;
        let of: fn(&Histogram) -> f64 = match call.function.name {
            "histogram_count" => |histogram| histogram.count,
            "histogram_sum" => |histogram| histogram.sum,
            "histogram_avg" => Histogram::mean,
            "histogram_stddev" => |histogram| histogram.variance().sqrt(),
            _ => Histogram::variance,
        };
        Ok(HistogramStat { vector, of })
    }

    pub(in crate::eval) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let mut vector = self.vector.eval(cx, t_ms)?;
        vector.retain_mut(|sample| {
            let Value::Histogram(histogram) = &sample.value else { return false };
            sample.value = Value::Float((self.of)(histogram));
            cx.drop_name(sample);
            true
        });
        cx.check_nameless(&vector)?;
        Ok(vector)
    }
}
