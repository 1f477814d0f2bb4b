//! The series a selector selects, found once and added to as new series come.

use std::sync::Arc;

use model::Matcher;

use super::context::{Context, Evaluated};
use super::label_table::LabelId;
use super::storage::SeriesId;
use super::value::{Sample, Value, Vector};
use super::window::{Cursor, latest};
use crate::ast::{At, Boundary, Duration, VectorSelector};
use crate::span::Span;

/// The series that pass some matchers.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    matchers: Vec<Matcher>,
    series: Vec<Selected>,
    known: usize,
    of: Option<Arc<()>>,
}

/// A selected series, and where its samples were found last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selected {
    pub(super) id: SeriesId,
    pub(super) labels: LabelId,
    pub(super) cursor: Cursor,
}

/// Selects series, each with its sample at one instant.
#[derive(Debug, Clone)]
pub(super) struct InstantSelector {
    pub(super) selection: Selection,
    offset: Option<Duration>,
    at: Option<At>,
    smoothed: bool,
    span: Span,
}

impl Selection {
    pub(super) fn new(matchers: Vec<Matcher>) -> Selection {
        Selection { matchers, series: Vec::new(), known: 0, of: None }
    }

    /// The selected series, by their labels.
    pub(super) fn refresh(&mut self, cx: &mut Context<'_>) -> &mut [Selected] {
        let identity = cx.storage.identity();
        if !self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, identity)) {
            self.of = Some(identity.clone());
            self.series.clear();
            self.known = 0;
        }
        let count = cx.storage.series().len();
        if count > self.known {
            let new = cx.storage.select_since(self.known, &self.matchers);
            self.known = count;
            self.add(cx, &new);
        }
        &mut self.series
    }

    fn add(&mut self, cx: &mut Context<'_>, new: &[SeriesId]) {
        for &id in new {
            let Some(series) = cx.storage.get(id) else { continue };
            self.series.push(Selected { id, labels: cx.table.id(series.labels()), cursor: Cursor::default() });
        }
        if !new.is_empty() {
            self.series.sort_by(|a, b| cx.table.set(a.labels).cmp(cx.table.set(b.labels)));
        }
    }
}

impl InstantSelector {
    pub(super) fn new(selector: &VectorSelector) -> InstantSelector {
        InstantSelector {
            selection: Selection::new(selector.matchers.clone()),
            offset: selector.offset.clone(),
            at: selector.at,
            smoothed: selector.boundary == Some(Boundary::Smoothed),
            span: selector.span,
        }
    }

    pub(super) fn eval(&mut self, cx: &mut Context<'_>, t_ms: i64) -> Evaluated<Vector> {
        let mut vector = Vec::new();
        self.visit(cx, t_ms, |labels, _, _, value| vector.push(Sample { labels, drop_name: false, value }))?;
        Ok(vector)
    }

    /// Labels, time, start timestamp and value of each sample.
    pub(super) fn visit(
        &mut self,
        cx: &mut Context<'_>,
        t_ms: i64,
        mut visit: impl FnMut(LabelId, i64, i64, Value),
    ) -> Evaluated<()> {
        let at_ms = self.time(cx, t_ms)?;
        if self.smoothed {
            return super::extended::smoothed_instant(&mut self.selection, self.span, cx, at_ms, visit);
        }
        let lookback_ms = cx.settings.lookback_ms;
        let storage = cx.storage;
        let mut samples = 0;
        for selected in self.selection.refresh(cx) {
            let Some(series) = storage.get(selected.id) else { continue };
            if let Some((at, start, value)) = latest(series, at_ms, lookback_ms, &mut selected.cursor) {
                visit(selected.labels, at, start, value);
                samples += 1;
            }
        }
        cx.read(samples)
    }

    /// The instant it reads at.
    pub(super) fn time(&self, cx: &Context<'_>, t_ms: i64) -> Evaluated<i64> {
        Ok(cx.at(self.at, t_ms).saturating_sub(cx.offset(self.offset.as_ref())?))
    }
}
