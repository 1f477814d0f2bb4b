//! Where functions over ranges get their windows from: selectors and subqueries.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::context::{Context, Evaluated};
use super::extended;
use super::label_table::LabelId;
use super::node::VectorNode;
use super::selection::Selection;
use super::series::{Floats, Histograms};
use super::value::{Sample, Value};
use super::window::{Cursor, Window};
use crate::ast::{self, At, Boundary, Duration};
use crate::histogram::ResetHint;
use crate::span::Span;

/// A range vector.
#[derive(Debug, Clone)]
pub(super) enum RangeSource {
    Selector(RangeSelector),
    Subquery(Box<Subquery>),
}

/// `up[5m]`
#[derive(Debug, Clone)]
pub(super) struct RangeSelector {
    selection: Selection,
    range: Duration,
    offset: Option<Duration>,
    at: Option<At>,
    pub(super) boundary: Option<Boundary>,
    span: Span,
}

/// `rate(x[5m])[1h:1m]`: what the inner expression gave at the steps of the window, kept while windows move forward.
#[derive(Debug, Clone)]
pub(super) struct Subquery {
    inner: VectorNode,
    range: Duration,
    step: Option<Duration>,
    offset: Option<Duration>,
    at: Option<At>,
    span: Span,
    rows: Vec<Row>,
    ids: HashMap<(LabelId, bool), usize, FixedState>,
    /// First and last step evaluated so far.
    evaluated: Option<(i64, i64)>,
    run: u64,
}

#[derive(Debug, Clone)]
struct Row {
    labels: LabelId,
    drop_name: bool,
    floats: Floats,
    histograms: Histograms,
    cursor: Cursor,
}

/// A series and its window, as functions over ranges see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visited<'w> {
    pub(super) labels: LabelId,
    pub(super) drop_name: bool,
    pub(super) window: Window<'w>,
    /// How the range treats its borders; its window then reaches beyond them.
    pub(super) boundary: Option<Boundary>,
}

impl RangeSource {
    /// Calls `visit` with every series that has samples in the window that ends at an instant.
    pub(super) fn visit<'s>(
        &mut self,
        cx: &mut Context<'s>,
        t_ms: i64,
        mut visit: impl FnMut(&mut Context<'s>, Visited<'_>) -> Evaluated<()>,
    ) -> Evaluated<()> {
        match self {
            RangeSource::Selector(selector) => selector.visit(cx, t_ms, visit),
            RangeSource::Subquery(subquery) => {
                let span_ms = subquery.evaluate(cx, t_ms)?;
                for row in &mut subquery.rows {
                    let window = Window::of(&row.floats, &row.histograms, span_ms, &mut row.cursor);
                    if !window.is_empty() {
                        visit(cx, Visited { labels: row.labels, drop_name: row.drop_name, window, boundary: None })?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl RangeSelector {
    pub(super) fn new(node: &ast::RangeSelector) -> RangeSelector {
        RangeSelector {
            selection: Selection::new(node.selector.matchers.clone()),
            range: node.range.clone(),
            offset: node.selector.offset.clone(),
            at: node.selector.at,
            boundary: node.selector.boundary,
            span: node.span,
        }
    }

    fn visit<'s>(
        &mut self,
        cx: &mut Context<'s>,
        t_ms: i64,
        mut visit: impl FnMut(&mut Context<'s>, Visited<'_>) -> Evaluated<()>,
    ) -> Evaluated<()> {
        let end_ms = cx.at(self.at, t_ms).saturating_sub(cx.offset(self.offset.as_ref())?);
        let start_ms = end_ms.saturating_sub(cx.positive(&self.range, self.span)?);
        let storage = cx.storage;
        let boundary = self.boundary;
        for selected in self.selection.refresh(cx) {
            let Some(series) = storage.get(selected.id) else { continue };
            let (labels, drop_name) = (selected.labels, false);
            if let Some(boundary) = boundary {
                let Some((floats, histograms)) = extended::around(cx, series, boundary, (start_ms, end_ms)) else {
                    continue;
                };
                // Wide enough for the samples on either side that the function interpolates with.
                let all = (i64::MIN, i64::MAX);
                let mut window = Window::of(&floats, &histograms, all, &mut Cursor::default());
                (window.start_ms, window.end_ms) = (start_ms, end_ms);
                visit(cx, Visited { labels, drop_name, window, boundary: Some(boundary) })?;
                continue;
            }
            let span_ms = (start_ms, end_ms);
            let window = Window::of(&series.floats, &series.histograms, span_ms, &mut selected.cursor);
            if !window.is_empty() {
                cx.read(window.len())?;
                visit(cx, Visited { labels, drop_name, window, boundary })?;
            }
        }
        Ok(())
    }
}

impl Subquery {
    pub(super) fn new(node: &ast::Subquery, inner: VectorNode) -> Subquery {
        Subquery {
            inner,
            range: node.range.clone(),
            step: node.step.clone(),
            offset: node.offset.clone(),
            at: node.at,
            span: node.span,
            rows: Vec::new(),
            ids: HashMap::with_hasher(FixedState::default()),
            evaluated: None,
            run: 0,
        }
    }

    /// Makes sure that the rows hold the window that ends at an instant; the window's borders.
    fn evaluate(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<(i64, i64)> {
        let end_ms = cx.at(self.at, t_ms).saturating_sub(cx.offset(self.offset.as_ref())?);
        let start_ms = end_ms.saturating_sub(cx.positive(&self.range, self.span)?);
        let step_ms = match &self.step {
            Some(step) => cx.positive(step, self.span)?,
            None => cx.settings.subquery_step_ms.max(1),
        };
        let first_ms = (start_ms.div_euclid(step_ms) + 1).saturating_mul(step_ms);
        let last_ms = end_ms.div_euclid(step_ms).saturating_mul(step_ms);
        cx.check_steps(first_ms, last_ms, step_ms)?;
        let mut next_ms = match self.evaluated {
            Some((from_ms, to_ms)) if self.run == cx.run && from_ms <= first_ms && first_ms <= to_ms => {
                to_ms.saturating_add(step_ms)
            }
            _ => {
                self.rows.clear();
                self.ids.clear();
                first_ms
            }
        };
        self.run = cx.run;
        self.forget_before(first_ms);
        while next_ms <= last_ms {
            for sample in self.inner.eval(cx, next_ms)? {
                self.push(next_ms, sample);
            }
            next_ms = next_ms.saturating_add(step_ms);
        }
        self.evaluated = Some((first_ms, next_ms.saturating_sub(step_ms)));
        Ok((start_ms, end_ms))
    }

    fn push(&mut self, at_ms: i64, sample: Sample) {
        let key = (sample.labels, sample.drop_name);
        let rows = &mut self.rows;
        let at = *self.ids.entry(key).or_insert_with(|| {
            rows.push(Row {
                labels: sample.labels,
                drop_name: sample.drop_name,
                floats: Floats::default(),
                histograms: Histograms::default(),
                cursor: Cursor::default(),
            });
            rows.len() - 1
        });
        let Some(row) = rows.get_mut(at) else { return };
        match sample.value {
            Value::Float(value) => row.floats.push(at_ms, 0, value),
            Value::Histogram(mut histogram) => {
                // What is known of resets holds for the samples stored, not for the steps taken here.
                if matches!(histogram.reset_hint, ResetHint::Reset | ResetHint::NotReset) {
                    histogram = histogram.as_ref().clone().with_hint(ResetHint::Unknown).into();
                }
                row.histograms.push(at_ms, 0, histogram, false);
            }
        }
    }

    /// Forgets what no later window reaches, once that is much.
    fn forget_before(&mut self, first_ms: i64) {
        for row in &mut self.rows {
            let old = row.floats.times_ms.partition_point(|&at| at < first_ms);
            if old > 64 && old * 2 > row.floats.times_ms.len() {
                row.floats.forget(old);
                row.cursor = Cursor::default();
            }
            let old = row.histograms.times_ms.partition_point(|&at| at < first_ms);
            if old > 64 && old * 2 > row.histograms.times_ms.len() {
                row.histograms.forget(old);
                row.cursor = Cursor::default();
            }
        }
    }
}
