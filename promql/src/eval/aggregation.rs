//! Aggregations: many series of a vector to one per group.

mod accumulator;
mod count_values;
mod limit;
mod rank;

use model::labels::METRIC_NAME;

use accumulator::Accumulator;
pub(super) use accumulator::Histograms;
pub(super) use rank::by_value;

use super::context::{Context, Evaluated};
use super::label_table::{LabelId, Memo, Slots};
use super::node::{ScalarNode, VectorNode};
use super::value::{Sample, Vector};
use super::{Settings, plan};
use crate::ast::{self, Grouping};
use crate::operator::AggregateOp;
use crate::span::Span;

/// An aggregation of a vector.
#[derive(Debug, Clone)]
pub(super) struct Aggregation {
    op: AggregateOp,
    parameter: Option<ScalarNode>,
    /// The label `count_values` writes the value to.
    value_label: String,
    vector: VectorNode,
    groups: Groups,
    /// Where remarks about what is aggregated, and about the parameter, belong.
    vector_span: Span,
    parameter_span: Span,
}

/// The group of each label set met so far.
#[derive(Debug, Clone)]
struct Groups {
    grouping: Grouping,
    known: Memo,
    slots: Slots,
}

/// The members of a group at one instant.
#[derive(Debug)]
struct Group<T> {
    labels: LabelId,
    drop_name: bool,
    members: T,
}

impl Aggregation {
    pub(super) fn new(node: &ast::Aggregate, settings: &Settings) -> Evaluated<Aggregation> {
        let mut parameter = None;
        let mut value_label = String::new();
        let mut parameter_span = node.span;
        if let Some(expr) = &node.parameter {
            parameter_span = expr.span();
            match (node.op, plan::inner(expr)) {
                (AggregateOp::CountValues, ast::Expr::String(literal)) => value_label = count_values::label(literal)?,
                _ => parameter = Some(plan::scalar(expr, settings)?),
            }
        }
        Ok(Aggregation {
            op: node.op,
            parameter,
            value_label,
            vector: plan::vector(&node.expr, settings)?,
            groups: Groups { grouping: node.grouping.clone(), known: Memo::default(), slots: Slots::default() },
            vector_span: node.expr.span(),
            parameter_span,
        })
    }

    pub(super) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let parameter = match &mut self.parameter {
            Some(parameter) => parameter.eval(cx, t_ms)?,
            None => 0.0,
        };
        let vector = self.vector.eval(cx, t_ms)?;
        match self.op {
            AggregateOp::Topk | AggregateOp::Bottomk => self.rank(cx, parameter, vector),
            AggregateOp::Limitk => self.limit_count(cx, parameter, vector),
            AggregateOp::LimitRatio => self.limit_ratio(cx, parameter, vector),
            AggregateOp::CountValues => Ok(self.count_values(cx, &vector)),
            _ => Ok(self.accumulate(cx, parameter, vector)),
        }
    }

    fn accumulate(&mut self, cx: &mut Context<'_>, parameter: f64, vector: Vector) -> Vector {
        if self.op == AggregateOp::Quantile && !(0.0..=1.0).contains(&parameter) {
            cx.annotations.warn(self.parameter_span, invalid_quantile(parameter));
        }
        let op = self.op;
        let mut groups: Vec<Group<Accumulator>> = Vec::new();
        for sample in vector {
            let group = self.groups.of(cx, &sample, &mut groups, || Accumulator::new(op));
            group.members.add(&sample.value);
        }
        let mut result = Vec::with_capacity(groups.len());
        for group in groups {
            if let Some(value) = group.members.finish(cx, op, parameter, self.vector_span) {
                result.push(Sample { labels: group.labels, drop_name: group.drop_name, value });
            }
        }
        result
    }
}

impl Groups {
    /// The group a sample belongs to, made if it is the first.
    fn of<'g, T>(
        &mut self,
        cx: &mut Context<'_>,
        sample: &Sample,
        groups: &'g mut Vec<Group<T>>,
        new: impl FnOnce() -> T,
    ) -> &'g mut Group<T> {
        if groups.is_empty() {
            self.slots.clear();
        }
        let labels = self.labels(cx, sample.labels);
        let at = match self.slots.get(labels) {
            Some(at) => at as usize,
            None => {
                self.slots.put(labels, u32::try_from(groups.len()).unwrap_or(u32::MAX));
                groups.push(Group { labels, drop_name: false, members: new() });
                groups.len() - 1
            }
        };
        let group = groups.get_mut(at).expect("slots hold indexes of groups made in this round");
        group.drop_name |= sample.drop_name;
        group
    }

    fn labels(&mut self, cx: &mut Context<'_>, id: LabelId) -> LabelId {
        let grouping = &self.grouping;
        self.known.get_or(id, || {
            let labels = cx.labels(id);
            let listed = |names: &[String], name: &str| names.iter().any(|listed| listed == name);
            let group = match grouping {
                Grouping::By(names) => labels.filter(|name, _| listed(names, name)),
                Grouping::Without(names) => labels.filter(|name, _| !listed(names, name) && name != METRIC_NAME),
            };
            cx.table.id(&group)
        })
    }
}

/// The warning about a quantile that is none.
pub(super) fn invalid_quantile(quantile: f64) -> String {
    format!("quantile value should be between 0 and 1, got {}", crate::number::format_general(quantile))
}
