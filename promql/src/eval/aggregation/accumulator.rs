//! What an aggregation keeps of a group while it sees its members.

use crate::eval::binary::note_reconciled;
use crate::eval::context::Context;
use crate::eval::quantile::quantile;
use crate::eval::summation::{Mean, Sum, Variance};
use crate::eval::value::Value;
use crate::histogram::{Addition, Histogram, Reconciled, ResetHint};
use crate::operator::AggregateOp;
use crate::span::Span;

/// The members of a group so far.
#[derive(Debug)]
pub(super) struct Accumulator {
    kept: Kept,
    /// Members that are histograms and were left out.
    ignored: bool,
}

#[derive(Debug)]
enum Kept {
    Group,
    Count(f64),
    Least(Option<f64>),
    Greatest(Option<f64>),
    Variance(Option<Variance>),
    Values(Vec<f64>),
    Sum(Option<Sum>, Histograms),
    Mean(Option<Mean>, Histograms),
}

/// Histograms that are summed or averaged.
#[derive(Debug, Default)]
pub(in crate::eval) struct Histograms {
    sum: Option<Addition>,
    count: f64,
    averaging: bool,
    incremental: bool,
    reconciled: Reconciled,
    reset_seen: bool,
    not_reset_seen: bool,
    incompatible: bool,
}

impl Accumulator {
    pub(super) fn new(op: AggregateOp) -> Accumulator {
        let kept = match op {
            AggregateOp::Count => Kept::Count(0.0),
            AggregateOp::Min => Kept::Least(None),
            AggregateOp::Max => Kept::Greatest(None),
            AggregateOp::Stddev | AggregateOp::Stdvar => Kept::Variance(None),
            AggregateOp::Quantile => Kept::Values(Vec::new()),
            AggregateOp::Sum => Kept::Sum(None, Histograms::default()),
            AggregateOp::Avg => Kept::Mean(None, Histograms::averaging()),
            _ => Kept::Group,
        };
        Accumulator { kept, ignored: false }
    }

    pub(super) fn add(&mut self, value: &Value) {
        match (&mut self.kept, value) {
            (Kept::Group, _) => {}
            (Kept::Count(count), _) => *count += 1.0,
            (Kept::Least(least), Value::Float(value)) => {
                *least =
                    Some(least.map_or(*value, |least| if least > *value || least.is_nan() { *value } else { least }));
            }
            (Kept::Greatest(most), Value::Float(value)) => {
                *most = Some(most.map_or(*value, |most| if most < *value || most.is_nan() { *value } else { most }));
            }
            (Kept::Variance(variance), Value::Float(value)) => variance.get_or_insert_default().add(*value),
            (Kept::Values(values), Value::Float(value)) => values.push(*value),
            (Kept::Sum(sum, _), Value::Float(value)) => match sum {
                Some(sum) => sum.add(*value),
                None => *sum = Some(Sum::of(*value)),
            },
            (Kept::Mean(mean, _), Value::Float(value)) => match mean {
                Some(mean) => mean.add(*value),
                None => *mean = Some(Mean::of(*value)),
            },
            (Kept::Sum(_, histograms) | Kept::Mean(_, histograms), Value::Histogram(histogram)) => {
                histograms.add(histogram);
            }
            (_, Value::Histogram(_)) => self.ignored = true,
        }
    }

    /// The value of the group; nothing if no member could be used.
    pub(super) fn finish(self, cx: &mut Context<'_>, op: AggregateOp, parameter: f64, span: Span) -> Option<Value> {
        if self.ignored {
            cx.annotations.info(span, format!("ignored histogram in {op} aggregation"));
        }
        let float = match self.kept {
            Kept::Group => 1.0,
            Kept::Count(count) => count,
            Kept::Least(value) | Kept::Greatest(value) => value?,
            Kept::Variance(variance) => {
                let variance = variance?.variance();
                if op == AggregateOp::Stddev { variance.sqrt() } else { variance }
            }
            Kept::Values(values) if values.is_empty() => return None,
            Kept::Values(mut values) => quantile(parameter, &mut values),
            Kept::Sum(floats, histograms) => {
                return both(cx, floats.map(Sum::total), histograms, span);
            }
            Kept::Mean(floats, histograms) => {
                return both(cx, floats.map(Mean::mean), histograms, span);
            }
        };
        Some(Value::Float(float))
    }
}

fn both(cx: &mut Context<'_>, floats: Option<f64>, histograms: Histograms, span: Span) -> Option<Value> {
    if floats.is_some() && histograms.count > 0.0 {
        cx.annotations.warn(span, "encountered a mix of histograms and floats for aggregation");
        return None;
    }
    if let Some(value) = floats {
        return Some(Value::Float(value));
    }
    match histograms.finish(cx, span) {
        Ok(histogram) => histogram.map(Value::histogram),
        Err(MixedSchemas) => {
            let message = "vector contains a mix of histograms with exponential and custom buckets schemas";
            cx.annotations.warn(span, format!("{message} for metric name \"\""));
            None
        }
    }
}

/// Exponential and custom buckets cannot be added.
#[derive(Debug)]
pub(in crate::eval) struct MixedSchemas;

impl Histograms {
    pub(in crate::eval) fn averaging() -> Histograms {
        Histograms { averaging: true, ..Histograms::default() }
    }

    pub(in crate::eval) fn add(&mut self, histogram: &Histogram) {
        self.count += 1.0;
        match histogram.reset_hint {
            ResetHint::Reset => self.reset_seen = true,
            ResetHint::NotReset => self.not_reset_seen = true,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        let Some(sum) = &mut self.sum else {
            self.sum = Some(Addition::of(histogram));
            return;
        };
        let before = (self.averaging && !self.incremental).then(|| sum.clone());
        let added = if self.incremental {
            sum.scale((self.count - 1.0) / self.count);
            sum.add(&histogram.divided_by(self.count))
        } else {
            sum.add(histogram)
        };
        match added {
            Ok(reconciled) => self.reconciled.custom_borders |= reconciled.custom_borders,
            Err(_) => self.incompatible = true,
        }
        if let Some(before) = before
            && sum.overflows()
            && !before.overflows()
        {
            self.incremental = true;
            *sum = before;
            sum.scale(1.0 / self.count);
            self.incompatible |= sum.add(&histogram.divided_by(self.count)).is_err();
        }
    }

    /// The sum or mean, and remarks about it.
    pub(in crate::eval) fn finish(self, cx: &mut Context<'_>, span: Span) -> Result<Option<Histogram>, MixedSchemas> {
        if self.incompatible {
            return Err(MixedSchemas);
        }
        let reset_conflict = self.reset_seen && self.not_reset_seen;
        note_reconciled(cx, Reconciled { reset_conflict, ..self.reconciled }, "aggregation", span);
        let Some(sum) = self.sum else { return Ok(None) };
        let divided = self.averaging && !self.incremental && self.count > 1.0;
        Ok(Some(if divided { sum.total_divided_by(self.count) } else { sum.total() }))
    }
}
