//! An expression tried in place of a rule's: evaluated now, and nothing is sent, written, remembered or counted.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use notifier::io::desk::Desk;
use rules_engine::alerting::AlertState;
use rules_engine::io::api::preview::evaluate;
use rules_engine::preview::Previewed;
use rules_engine::rule::{Language, Rule, RuleGroup};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::Address;
use super::instance::Pair;
use super::one::Page;
use crate::form::Sent;
use crate::here::Here;
use crate::house::{House, RuleDesk};
use crate::shown::{LONG, SHORT, shown};

/// Alerts or samples that are shown.
const SHOWN: usize = 50;
/// Longer expressions are not tried.
const EXPR_BYTES_MAX: usize = 256 << 10;

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct TrialView {
    expr: String,
    /// What is wrong with the expression, or went wrong.
    error: Option<String>,
    warnings: Vec<String>,
    series: usize,
    rows: Vec<TrialRow>,
    more: usize,
    is_done: bool,
}

#[derive(Debug, Serialize)]
struct TrialRow {
    /// Of an alert.
    state: Option<&'static str>,
    labels: Vec<Pair>,
    annotations: Vec<Pair>,
    value: String,
}

/// `POST /rules/rule`.
pub(super) async fn take<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    here: Here,
    sent: Sent,
    places: Arc<Semaphore>,
) -> Response {
    let fields = match sent.fields(&house.form_key, &house.external_url, house.now()) {
        Ok(fields) => fields,
        Err(error) => return house.mistake(&here, error.status(), &error.to_string(), None),
    };
    let expr = fields.text("expr").to_owned();
    let address = Address::read(&here);
    let known = house.rules.clone().and_then(|rules| {
        let copied = rules.with_engine(|engine| {
            address.look(engine, |group, _, rule| (group.spec().clone(), Arc::new(rule.rule().clone())))
        });
        Some((rules, copied?))
    });
    let Some((rules, (group, rule))) = known else { return super::one::not_found(&house, &here) };
    if places.available_permits() == 0 {
        let message = "Other expressions are being tried: try again in a moment.";
        return house.mistake(&here, StatusCode::SERVICE_UNAVAILABLE, message, None);
    }
    let trial = match mistake(&*rules, &group, &expr) {
        Some(error) => TrialView { expr, error: Some(error), ..TrialView::default() },
        None => {
            let (_, settings) = rules.circumstances();
            let tried = Rule { expr: expr.clone(), shown_expr: expr.clone(), ..Rule::clone(&rule) };
            let alone = [RuleGroup { rules: vec![Arc::new(tried)], ..group }];
            let previewed = evaluate(&rules, &alone, &settings, house.now(), &places).await;
            previewed.into_iter().next().map_or_else(TrialView::default, |previewed| TrialView::of(expr, previewed))
        }
    };
    Page::of(&here).with_trial(trial).answer(&house, &here).await
}

/// What is wrong with an expression before anybody is asked.
fn mistake<R: RuleDesk>(rules: &R, group: &RuleGroup, expr: &str) -> Option<String> {
    if expr.is_empty() {
        return Some("There is no expression.".to_owned());
    }
    if expr.len() > EXPR_BYTES_MAX {
        return Some(format!("An expression of {} bytes is too long, {EXPR_BYTES_MAX} are allowed.", expr.len()));
    }
    if group.source.language != Language::PromQl {
        return None;
    }
    let errors = promql::parse_with(expr, rules.circumstances().0.promql).err()?;
    let lines: Vec<String> = errors.iter().map(|error| error.located(expr)).collect();
    Some(shown(&lines.join("\n"), LONG))
}

impl TrialView {
    /// An expression that nobody has tried yet.
    pub(super) fn untried(expr: String) -> Self {
        Self { expr, ..Self::default() }
    }

    fn of(expr: String, previewed: Previewed) -> Self {
        let of_alerts = previewed.alerts.iter().map(|alert| TrialRow {
            state: Some(if alert.state == AlertState::Firing { "firing" } else { "pending" }),
            labels: Pair::all(&alert.labels, SHORT),
            annotations: Pair::all(&alert.annotations, LONG),
            value: promql::format_number(alert.value),
        });
        let of_samples = previewed.samples.iter().map(|sample| TrialRow {
            state: None,
            labels: Pair::all(&sample.labels, SHORT),
            annotations: Vec::new(),
            value: promql::format_number(sample.value),
        });
        let rows: Vec<TrialRow> = of_alerts.chain(of_samples).take(SHOWN).collect();
        Self {
            expr,
            error: previewed.error.map(|error| shown(&error, LONG)),
            warnings: previewed.warnings.iter().map(|warning| shown(warning, LONG)).collect(),
            series: previewed.series,
            more: (previewed.alerts.len() + previewed.samples.len()).saturating_sub(rows.len()),
            rows,
            is_done: true,
        }
    }
}
