//! What every step of an evaluation may use.

use model::LabelSet;

use super::annotation::Annotations;
use super::label_table::{LabelId, LabelTable, Slots};
use super::storage::Storage;
use super::value::{Sample, Vector};
use super::{EvalError, Settings};
use crate::ast::{At, Duration, DurationExpr, DurationKind};
use crate::operator::BinaryOp;
use crate::quote::quote;
use crate::span::Span;

/// One run of a query: the series it is asked of, its times, and what it finds out.
pub(super) struct Context<'s> {
    pub(super) storage: &'s Storage,
    pub(super) settings: &'s Settings,
    pub(super) table: &'s mut LabelTable,
    pub(super) annotations: Annotations,
    /// First and last instant of the whole query.
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// Zero of an instant query.
    pub(super) step_ms: i64,
    /// Tells this run from others of the same query.
    pub(super) run: u64,
    /// Samples read for the instant at hand, and kept for the result.
    pub(super) samples: usize,
    pub(super) unique: &'s mut Slots,
}

pub(super) type Evaluated<T> = Result<T, EvalError>;

/// Longer than any time there are samples of; as Prometheus, which counts durations in 64 bits of nanoseconds.
const DURATION_MS_MAX: f64 = 9_223_372_036_854.0;

impl Context<'_> {
    /// Counts samples read; too many end the query.
    pub(super) fn read(&mut self, samples: usize) -> Evaluated<()> {
        self.samples += samples;
        if self.samples > self.settings.samples_max {
            let max = self.settings.samples_max;
            return Err(EvalError::new(format!(
                "query processing would load too many samples into memory in query execution: more than {max}"
            )));
        }
        Ok(())
    }

    /// Fails if there are more steps from one instant to another than a query may read samples: each may read none, but
    /// takes its time.
    pub(super) fn check_steps(&self, first_ms: i64, last_ms: i64, step_ms: i64) -> Evaluated<()> {
        let steps = last_ms.saturating_sub(first_ms) / step_ms.max(1);
        match usize::try_from(steps) {
            Ok(steps) if steps > self.settings.samples_max => {
                let max = self.settings.samples_max;
                Err(EvalError::new(format!(
                    "the query has {steps} steps, at most {max} are allowed: take a longer step"
                )))
            }
            _ => Ok(()),
        }
    }

    /// The metric name goes: now, or once the whole query is evaluated.
    pub(super) fn drop_name(&mut self, sample: &mut Sample) {
        if self.settings.delayed_name_removal {
            sample.drop_name = true;
        } else {
            sample.labels = self.table.nameless(sample.labels);
        }
    }

    /// Fails if two series of a vector have the same labels.
    pub(super) fn check_unique(&mut self, vector: &Vector) -> Evaluated<()> {
        if vector.len() < 2 {
            return Ok(());
        }
        self.unique.clear();
        for sample in vector {
            if self.unique.put(sample.labels, 0).is_some() {
                return Err(EvalError::new("vector cannot contain metrics with the same labelset"));
            }
        }
        Ok(())
    }

    /// As [`Context::check_unique`] where names go at once; names that go later are checked at the end.
    pub(super) fn check_nameless(&mut self, vector: &Vector) -> Evaluated<()> {
        if self.settings.delayed_name_removal { Ok(()) } else { self.check_unique(vector) }
    }

    pub(super) fn labels(&self, id: LabelId) -> &LabelSet {
        self.table.set(id)
    }

    /// ` for metric name "up"`, where a message names the metric and it has a name.
    pub(super) fn of_metric(&self, id: LabelId) -> String {
        match self.metric_name(id) {
            "" => String::new(),
            name => format!(" for metric name {}", quote(name)),
        }
    }

    pub(super) fn metric_name(&self, id: LabelId) -> &str {
        self.labels(id).get_or_empty(model::labels::METRIC_NAME)
    }

    pub(super) fn at(&self, at: Option<At>, t_ms: i64) -> i64 {
        match at {
            None => t_ms,
            Some(At::Timestamp(at_ms)) => at_ms,
            Some(At::Start) => self.start_ms,
            Some(At::End) => self.end_ms,
        }
    }

    /// Milliseconds of an offset.
    pub(super) fn offset(&self, offset: Option<&Duration>) -> Evaluated<i64> {
        offset.map_or(Ok(0), |offset| self.duration(offset))
    }

    /// Milliseconds of a range or step, which must be longer than nothing.
    pub(super) fn positive(&self, duration: &Duration, span: Span) -> Evaluated<i64> {
        match self.duration(duration)? {
            ms @ 1.. => Ok(ms),
            _ => Err(EvalError::at(span, "duration must be greater than 0")),
        }
    }

    fn duration(&self, duration: &Duration) -> Evaluated<i64> {
        match duration {
            Duration::Fixed(ms) => Ok(*ms),
            Duration::Computed(expr) => {
                let seconds = self.duration_seconds(expr)?;
                let ms = seconds * 1000.0;
                if ms.is_nan() || ms.abs() >= DURATION_MS_MAX {
                    return Err(EvalError::at(expr.span, "duration is out of range"));
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "checked above; below the millisecond nothing is kept"
                )]
                Ok(ms.round() as i64)
            }
        }
    }

    fn duration_seconds(&self, expr: &DurationExpr) -> Evaluated<f64> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a duration are below 2^53")]
        let seconds = |ms: i64| ms as f64 / 1000.0;
        Ok(match &expr.kind {
            DurationKind::Literal(literal) => literal.value,
            DurationKind::Step => seconds(self.step_ms),
            DurationKind::Range => seconds(self.end_ms.saturating_sub(self.start_ms)),
            DurationKind::MinOf(a, b) => self.duration_seconds(a)?.min(self.duration_seconds(b)?),
            DurationKind::MaxOf(a, b) => self.duration_seconds(a)?.max(self.duration_seconds(b)?),
            DurationKind::Negated(a) => -self.duration_seconds(a)?,
            DurationKind::Binary(op, a, b) => {
                let (a, b) = (self.duration_seconds(a)?, self.duration_seconds(b)?);
                match op {
                    BinaryOp::Div if b == 0.0 => return Err(EvalError::at(expr.span, "division by zero")),
                    BinaryOp::Mod if b == 0.0 => return Err(EvalError::at(expr.span, "modulo by zero")),
                    op => super::binary::arithmetic(*op, a, b),
                }
            }
        })
    }
}
