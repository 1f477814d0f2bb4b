//! `sort` and its like: the order of an instant vector.

use super::natural_order;
use crate::ast::Call;
use crate::eval::aggregation::by_value;
use crate::eval::context::{Context, Evaluated};
use crate::eval::node::VectorNode;
use crate::eval::value::Vector;
use crate::eval::{Settings, plan};
use crate::span::Span;

/// A call of such a function.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Sort {
    vector: VectorNode,
    descending: bool,
    /// `None` sorts by value.
    by_labels: Option<Vec<String>>,
    span: Span,
}

impl Sort {
    pub(in crate::eval) fn new(call: &Call, settings: &Settings) -> Evaluated<Sort> {
        let name = call.function.name;
        let labels = || call.arguments.iter().skip(1).map(plan::text).collect::<Evaluated<Vec<String>>>();
        Ok(Sort {
            vector: plan::vector(plan::argument(call, 0)?, settings)?,
            descending: name.ends_with("_desc"),
            by_labels: if name.starts_with("sort_by_label") { Some(labels()?) } else { None },
            span: call.span,
        })
    }

    pub(in crate::eval) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let mut vector = self.vector.eval(cx, t_ms)?;
        if cx.step_ms != 0 {
            let message = "sort is ineffective for range queries since results are always ordered by labels";
            cx.annotations.warn(self.span, message);
            return Ok(vector);
        }
        let Some(names) = &self.by_labels else {
            vector.retain(|sample| sample.value.float().is_some());
            let value = |value: Option<f64>| value.unwrap_or(f64::NAN);
            vector.sort_by(|a, b| by_value(value(a.value.float()), value(b.value.float()), self.descending));
            return Ok(vector);
        };
        vector.sort_by(|a, b| {
            let (a, b) = (cx.labels(a.labels), cx.labels(b.labels));
            let by_names = names.iter().map(|name| natural_order::compare(a.get_or_empty(name), b.get_or_empty(name)));
            let order = by_names.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then).then_with(|| a.cmp(b));
            if self.descending { order.reverse() } else { order }
        });
        Ok(vector)
    }
}
