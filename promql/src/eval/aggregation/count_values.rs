//! `count_values`: how many series of a group have each value.

use super::{Aggregation, Group};
use crate::ast::StringLiteral;
use crate::eval::EvalError;
use crate::eval::context::{Context, Evaluated};
use crate::eval::label_table::LabelId;
use crate::eval::value::{Sample, Value, Vector};
use crate::format_number;
use crate::quote::quote_bytes;

/// The label the values are written to.
pub(super) fn label(literal: &StringLiteral) -> Evaluated<String> {
    match literal.text() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(EvalError::at(literal.span, format!("invalid label name {}", quote_bytes(&literal.bytes)))),
    }
}

impl Aggregation {
    pub(super) fn count_values(&mut self, cx: &mut Context<'_>, vector: &Vector) -> Vector {
        let mut groups: Vec<Group<Vec<(LabelId, f64)>>> = Vec::new();
        for sample in vector {
            let value = match &sample.value {
                Value::Float(value) => format_number(*value),
                Value::Histogram(histogram) => histogram.to_string(),
            };
            let group = self.groups.of(cx, sample, &mut groups, Vec::new);
            let labels = cx.labels(group.labels).with(&self.value_label, &value);
            let labels = cx.table.id(&labels);
            match group.members.iter_mut().find(|(known, _)| *known == labels) {
                Some((_, count)) => *count += 1.0,
                None => group.members.push((labels, 1.0)),
            }
        }
        // Without its own label, a group may give what another gives too.
        let mut counts: Vec<(LabelId, f64)> = Vec::new();
        for (labels, count) in groups.into_iter().flat_map(|group| group.members) {
            match counts.iter_mut().find(|(known, _)| *known == labels) {
                Some((_, sum)) => *sum += count,
                None => counts.push((labels, count)),
            }
        }
        let sample = |(labels, count)| Sample { labels, drop_name: false, value: Value::Float(count) };
        counts.into_iter().map(sample).collect()
    }
}
