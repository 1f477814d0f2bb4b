//! `/rules/rule`: one rule with its plot, its alerts, its last evaluations, and what it reads.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::Timestamp;
use model::duration::{format_duration, parse_duration};
use notifier::io::desk::Desk;
use rules_engine::engine::{GroupView, PastEvaluation, RuleView};
use rules_engine::rule::{Rule, RuleGroup, RuleKind};
use serde::Serialize;

use super::instance::{InstanceView, Pair};
use super::listing::took;
use super::relatives::Relatives;
use super::trial::TrialView;
use super::{Address, Standing, health};
use crate::here::{Here, query_of};
use crate::house::{House, RuleDesk, Section};
use crate::moment::Moment;
use crate::page::Frame;
use crate::plot::expression::Asked;
use crate::plot::{self, Drawing};
use crate::shown::{LONG, SHORT, shown};

/// Alerts that are shown.
const INSTANCES: usize = 100;
/// Nobody waits longer for a plot.
const PLOT_PATIENCE: Duration = Duration::from_secs(5);
/// How far back a plot may go.
const SPANS: [&str; 5] = ["30m", "1h", "6h", "1d", "1w"];
const SPAN: &str = "1h";

/// The page as its template sees it.
#[derive(Debug, Serialize)]
struct RulePage {
    #[serde(flatten)]
    rule: RuleFacts,
    instances: Vec<InstanceView>,
    more: usize,
    /// Newest first.
    history: Vec<PastView>,
    relatives: Relatives,
    plot: Option<Drawing>,
    /// Why there is none.
    plot_error: Option<String>,
    spans: Vec<SpanView>,
    trial: TrialView,
    /// Whether alerts have pages of their own here.
    has_alerts: bool,
}

#[derive(Debug, Serialize)]
struct RuleFacts {
    name: String,
    group: String,
    file: String,
    /// Of the page with its group.
    group_query: String,
    /// Of this page.
    query: String,
    is_alerting: bool,
    standing: &'static str,
    health: &'static str,
    error: Option<String>,
    warnings: Vec<String>,
    expr: String,
    hold: Option<String>,
    keep_firing_for: Option<String>,
    labels: Vec<Pair>,
    annotations: Vec<Pair>,
    interval: String,
    offset: Option<String>,
    limit: Option<usize>,
    source: String,
    last: Option<Moment>,
    took: String,
    series: usize,
    evaluations: u64,
    failures: u64,
    firing: usize,
    pending: usize,
    resolved: usize,
}

#[derive(Debug, Serialize)]
struct PastView {
    at: Moment,
    took: String,
    attempts: u32,
    series: usize,
    pending: u32,
    firing: u32,
    resolved: u32,
    withdrawn: u32,
    error: Option<String>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SpanView {
    span: &'static str,
    query: String,
    current: bool,
}

/// What is copied out of the engine in one look.
struct Copied {
    facts: RuleFacts,
    rule: Rule,
    group: RuleGroup,
    instances: Vec<InstanceView>,
    more: usize,
    history: Vec<PastView>,
    moments: Vec<plot::Moment>,
}

/// A page to be made.
#[derive(Debug, Default)]
pub(super) struct Page {
    address: Address,
    span: String,
    trial: Option<TrialView>,
}

/// `GET /rules/rule?file=…&group=…&place=…&name=…&span=1h`.
pub(super) async fn show<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    Page::of(&here).answer(&house, &here).await
}

/// The page of a rule that is not there.
pub(super) fn not_found<N, R>(house: &House<N, R>, here: &Here) -> Response {
    let message = "There is no such rule: its file may have been changed.";
    house.mistake(here, StatusCode::NOT_FOUND, message, None)
}

impl Page {
    pub(super) fn of(here: &Here) -> Self {
        let span = here.parameter("span").filter(|span| SPANS.contains(&span.as_str()));
        Self { address: Address::read(here), span: span.unwrap_or_else(|| SPAN.to_owned()), trial: None }
    }

    pub(super) fn with_trial(self, trial: TrialView) -> Self {
        Self { trial: Some(trial), ..self }
    }

    pub(super) async fn answer<N: Desk, R: RuleDesk>(self, house: &House<N, R>, here: &Here) -> Response {
        let Some(rules) = house.rules.as_deref() else { return not_found(house, here) };
        let now = house.now();
        let copied = rules
            .with_engine(|engine| self.address.look(engine, |group, place, rule| Copied::of(group, place, rule, now)));
        let Some(Copied { facts, rule, group, instances, more, history, moments }) = copied else {
            return not_found(house, here);
        };
        let asked = Asked {
            id: "expression",
            source: &group.source,
            expr: &rule.expr,
            of_alert: None,
            start: now.minus(parse_duration(&self.span).unwrap_or(group.interval)),
            end: now,
            interval: group.interval,
            moments,
        };
        let drawn = tokio::time::timeout(PLOT_PATIENCE, asked.drawing(rules)).await;
        let drawn = drawn.unwrap_or_else(|_| Err("the query source takes too long to answer".to_owned()));
        let (plot, plot_error) = match drawn {
            Ok(drawing) => (Some(drawing), None),
            Err(error) => (None, Some(shown(&error, LONG))),
        };
        let title = facts.name.clone();
        let view = RulePage {
            spans: spans(&facts.query, &self.span),
            trial: self.trial.unwrap_or_else(|| TrialView::untried(rule.expr.clone())),
            relatives: Relatives::find(rules, &rule),
            rule: facts,
            instances,
            more,
            history,
            plot,
            plot_error,
            has_alerts: house.has(Section::Alerts),
        };
        house.page(&Frame::new(here, Section::Rules, &title), "web.rule", &view)
    }
}

fn spans(query: &str, current: &str) -> Vec<SpanView> {
    let view = |span: &'static str| SpanView {
        span,
        query: format!("{query}&{}", query_of([("span", span)])),
        current: span == current,
    };
    SPANS.into_iter().map(view).collect()
}

impl Copied {
    fn of(group: &GroupView<'_>, place: usize, view: &RuleView<'_>, now: Timestamp) -> Self {
        let hold = match &view.rule().kind {
            RuleKind::Alerting(alerting) => alerting.hold,
            RuleKind::Recording => Duration::ZERO,
        };
        let mut alerts: Vec<_> = view.instances().iter().collect();
        // The most severe first, of them those that began last.
        alerts.sort_by_key(|alert| std::cmp::Reverse((alert.course.state, alert.course.active_at)));
        Self {
            facts: RuleFacts::of(group, place, view),
            rule: view.rule().clone(),
            group: RuleGroup { rules: Vec::new(), ..group.spec().clone() },
            instances: alerts.iter().take(INSTANCES).map(|alert| InstanceView::of(alert, hold, now)).collect(),
            more: alerts.len().saturating_sub(INSTANCES),
            history: view.history().rev().map(PastView::of).collect(),
            moments: view.history().filter_map(moment).collect(),
        }
    }
}

/// What an evaluation changed about the alerts, the most severe of it.
fn moment(past: &PastEvaluation) -> Option<plot::Moment> {
    let moved = past.transitions;
    let (kind, count) = [("firing", moved.firing), ("resolved", moved.resolved), ("pending", moved.pending)]
        .into_iter()
        .find(|(_, count)| *count > 0)?;
    Some(plot::Moment { at_ms: past.at.as_millis(), kind, text: format!("{count} {kind}") })
}

impl RuleFacts {
    fn of(group: &GroupView<'_>, place: usize, view: &RuleView<'_>) -> Self {
        use rules_engine::alerting::AlertState;
        let (rule, status, spec) = (view.rule(), view.status(), group.spec());
        let (hold, keep, annotations) = match &rule.kind {
            RuleKind::Alerting(alerting) => {
                (alerting.hold, alerting.keep_firing_for, Pair::all(&alerting.annotations, LONG))
            }
            RuleKind::Recording => (Duration::ZERO, Duration::ZERO, Vec::new()),
        };
        let count = |state| view.instances().iter().filter(|alert| alert.course.state == state).count();
        let given = |duration: Duration| (!duration.is_zero()).then(|| format_duration(duration));
        Self {
            name: shown(&rule.name, SHORT),
            group: shown(&spec.name, SHORT),
            file: shown(&spec.file, SHORT),
            group_query: query_of([("file", spec.file.as_str()), ("group", &spec.name)]),
            query: Address::of(group, place, view).query(),
            is_alerting: rule.kind != RuleKind::Recording,
            standing: Standing::of(view).name(),
            health: health(status.health),
            error: (!status.last_error.is_empty()).then(|| shown(&status.last_error, LONG)),
            warnings: status.warnings.iter().map(|warning| shown(warning, LONG)).collect(),
            expr: shown(&rule.expr, LONG),
            hold: given(hold),
            keep_firing_for: given(keep),
            labels: Pair::all(&rule.labels, LONG),
            annotations,
            interval: format_duration(spec.interval),
            offset: given(spec.query_offset),
            limit: (spec.limit > 0).then_some(spec.limit),
            source: if spec.source.name.is_empty() {
                "the default one".to_owned()
            } else {
                shown(&spec.source.name, SHORT)
            },
            last: status.last_evaluation.map(Moment),
            took: took(status.evaluation_time),
            series: status.series,
            evaluations: view.tally().evaluations,
            failures: view.tally().failures,
            firing: count(AlertState::Firing),
            pending: count(AlertState::Pending),
            resolved: count(AlertState::Inactive),
        }
    }
}

impl PastView {
    fn of(past: &PastEvaluation) -> Self {
        let moved = past.transitions;
        Self {
            at: Moment(past.at),
            took: took(past.duration),
            attempts: past.attempts,
            series: past.series,
            pending: moved.pending,
            firing: moved.firing,
            resolved: moved.resolved,
            withdrawn: moved.withdrawn,
            error: past.error.as_deref().map(|error| shown(error, LONG)),
            warnings: past.warnings.iter().map(|warning| shown(warning, LONG)).collect(),
        }
    }
}
