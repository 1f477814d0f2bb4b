//! `histogram_quantile`, `histogram_quantiles`, `histogram_fraction`: of classic and native histograms alike.

use std::sync::Arc;

use super::classic_buckets::{ClassicBucket, ClassicBuckets};
use crate::ast::Call;
use crate::eval::aggregation::invalid_quantile;
use crate::eval::context::{Context, Evaluated};
use crate::eval::label_table::{LabelId, Memo, Slots};
use crate::eval::node::{ScalarNode, VectorNode};
use crate::eval::value::{Sample, Value, Vector};
use crate::eval::{Settings, plan};
use crate::histogram::Histogram;
use crate::number::format_general;
use crate::quote::quote;
use crate::span::Span;

/// The label that holds the upper border of a classic bucket.
const BORDER: &str = "le";

/// A call of such a function.
#[derive(Debug, Clone)]
pub(in crate::eval) struct BucketFunction {
    vector: VectorNode,
    vector_span: Span,
    of: Of,
    /// The histogram each classic bucket belongs to.
    owners: Memo,
    slots: Slots,
}

#[derive(Debug, Clone)]
enum Of {
    Quantile(ScalarNode, Span),
    Quantiles(String, Vec<(ScalarNode, Span)>),
    Fraction(ScalarNode, ScalarNode),
}

/// What is asked of every histogram at one instant.
enum Question {
    Quantile(f64),
    Quantiles(String, Vec<f64>),
    Fraction(f64, f64),
}

/// A histogram found in a vector.
struct Found {
    labels: LabelId,
    drop_name: bool,
    classic: Vec<ClassicBucket>,
    native: Option<Arc<Histogram>>,
}

impl BucketFunction {
    pub(in crate::eval) fn new(call: &Call, settings: &Settings) -> Evaluated<BucketFunction> {
        let scalar = |index: usize| plan::scalar(plan::argument(call, index)?, settings);
        let (of, vector) = match call.function.name {
            "histogram_quantile" => (Of::Quantile(scalar(0)?, plan::argument(call, 0)?.span()), 1),
            "histogram_fraction" => (Of::Fraction(scalar(0)?, scalar(1)?), 2),
            _ => {
                let quantile = |index| Ok((scalar(index)?, plan::argument(call, index)?.span()));
                let quantiles = (2..call.arguments.len()).map(quantile).collect::<Evaluated<_>>()?;
                (Of::Quantiles(plan::text(plan::argument(call, 1)?)?, quantiles), 0)
            }
        };
        let argument = plan::argument(call, vector)?;
        Ok(BucketFunction {
            vector: plan::vector(argument, settings)?,
            vector_span: argument.span(),
            of,
            owners: Memo::default(),
            slots: Slots::default(),
        })
    }

    pub(in crate::eval) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let question = self.question(cx, t_ms)?;
        let vector = self.vector.eval(cx, t_ms)?;
        let mut result = Vec::new();
        for found in self.find(cx, vector) {
            self.answer(cx, &question, &found, &mut result);
        }
        cx.check_nameless(&result)?;
        Ok(result)
    }

    fn question(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Question> {
        let mut quantile = |node: &mut ScalarNode, span: Span| -> Evaluated<f64> {
            let quantile = node.eval(cx, t_ms)?;
            if !(0.0..=1.0).contains(&quantile) {
                cx.annotations.warn(span, invalid_quantile(quantile));
            }
            Ok(quantile)
        };
        Ok(match &mut self.of {
            Of::Quantile(node, span) => Question::Quantile(quantile(node, *span)?),
            Of::Quantiles(label, nodes) => {
                let values = nodes.iter_mut().map(|(node, span)| quantile(node, *span)).collect::<Evaluated<_>>()?;
                Question::Quantiles(label.clone(), values)
            }
            Of::Fraction(lower, upper) => Question::Fraction(lower.eval(cx, t_ms)?, upper.eval(cx, t_ms)?),
        })
    }

    /// The histograms of a vector. One that is there in both forms is neither.
    fn find(&mut self, cx: &mut Context<'_>, vector: Vector) -> Vec<Found> {
        self.slots.clear();
        let mut all: Vec<Found> = Vec::new();
        for sample in vector {
            let (owner, bucket, native) = match sample.value {
                Value::Histogram(histogram) => (sample.labels, None, Some(histogram)),
                Value::Float(count) => {
                    let border = cx.labels(sample.labels).get_or_empty(BORDER);
                    let Ok(upper) = border.parse() else {
                        self.note_border(cx, sample.labels);
                        continue;
                    };
                    let owner = self.owners.get_or(sample.labels, || {
                        let labels = cx.labels(sample.labels).without(BORDER);
                        cx.table.id(&labels)
                    });
                    (owner, Some(ClassicBucket { upper, count }), None)
                }
            };
            let at = self.slots.get(owner).map_or(all.len(), |at| at as usize);
            if at == all.len() {
                self.slots.put(owner, u32::try_from(at).unwrap_or(u32::MAX));
                all.push(Found { labels: owner, drop_name: false, classic: Vec::new(), native: None });
            }
            let Some(found) = all.get_mut(at) else { continue };
            found.drop_name |= sample.drop_name;
            found.classic.extend(bucket);
            found.native = native.or(found.native.take());
        }
        all.retain(|found| {
            let both = found.native.is_some() && !found.classic.is_empty();
            if both {
                let of_metric = cx.of_metric(found.labels);
                let message = format!("vector contains a mix of classic and native histograms{of_metric}");
                cx.annotations.warn(self.vector_span, message);
            }
            !both
        });
        all
    }

    fn note_border(&self, cx: &mut Context<'_>, labels: LabelId) {
        let border = quote(cx.labels(labels).get_or_empty(BORDER));
        let of_metric = cx.of_metric(labels);
        let message = format!("bucket label \"le\" is missing or has a malformed value of {border}{of_metric}");
        cx.annotations.warn(self.vector_span, message);
    }

    fn answer(&self, cx: &mut Context<'_>, question: &Question, found: &Found, result: &mut Vector) {
        let buckets = if found.native.is_none() { ClassicBuckets::new(found.classic.clone()) } else { None };
        let mut give = |cx: &mut Context<'_>, labels: LabelId, value: f64| {
            let mut sample = Sample { labels, drop_name: found.drop_name, value: Value::Float(value) };
            cx.drop_name(&mut sample);
            result.push(sample);
        };
        match question {
            Question::Quantile(q) => {
                let value = self.quantile(cx, *q, found, buckets.as_ref());
                give(cx, found.labels, value);
            }
            Question::Quantiles(label, quantiles) => {
                for &q in quantiles {
                    let value = self.quantile(cx, q, found, buckets.as_ref());
                    let labels = cx.labels(found.labels).with(label, &quantile_label(q));
                    let labels = cx.table.id(&labels);
                    give(cx, labels, value);
                }
            }
            Question::Fraction(lower, upper) => {
                let value = self.fraction(cx, (*lower, *upper), found, buckets.as_ref());
                give(cx, found.labels, value);
            }
        }
    }

    fn quantile(&self, cx: &mut Context<'_>, q: f64, found: &Found, classic: Option<&ClassicBuckets>) -> f64 {
        if q < 0.0 {
            return f64::NEG_INFINITY;
        }
        if q > 1.0 {
            return f64::INFINITY;
        }
        let of_metric = cx.of_metric(found.labels);
        let Some(native) = &found.native else {
            let Some(buckets) = classic else { return f64::NAN };
            if buckets.forced {
                let message = "input to histogram_quantile needed to be fixed for monotonicity (see \
                    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
                cx.annotations.info(self.vector_span, format!("{message}{of_metric}"));
            }
            return buckets.quantile(q);
        };
        let value = native.quantile(q);
        if native.has_nan() && native.count != 0.0 && !q.is_nan() {
            let what = if value.is_nan() { "is NaN" } else { "is skewed higher" };
            let message = format!("input to histogram_quantile has NaN observations, result {what}{of_metric}");
            cx.annotations.info(self.vector_span, message);
        }
        value
    }

    fn fraction(
        &self,
        cx: &mut Context<'_>,
        (lower, upper): (f64, f64),
        found: &Found,
        classic: Option<&ClassicBuckets>,
    ) -> f64 {
        let Some(native) = &found.native else {
            return classic.map_or(f64::NAN, |buckets| buckets.fraction(lower, upper));
        };
        if native.has_nan() && native.count != 0.0 {
            let of_metric = cx.of_metric(found.labels);
            let message = "input to histogram_fraction has NaN observations, which are excluded from all fractions";
            cx.annotations.info(self.vector_span, format!("{message}{of_metric}"));
        }
        native.fraction(lower, upper)
    }
}

/// A quantile as a label value: whole numbers with a decimal point.
fn quantile_label(q: f64) -> String {
    let text = if q.is_finite() { format_general(q) } else { crate::format_number(q) };
    if q.is_finite() && !text.contains(['.', 'e']) { text + ".0" } else { text }
}
