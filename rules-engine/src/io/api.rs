//! The read side of Prometheus' HTTP API that concerns rules: `/api/v1/rules`, `/alerts`, `/alertmanagers`,
//! `/status/buildinfo`, with its envelope, its key order and its way of writing numbers, times and texts.
//!
//! Beside it Watchfire's own `/api/v1/explain/rule` and `/api/v1/preview`.
//!
//! - `api/answer.rs`: the JSON forms
//! - `api/explain.rs`: what a rule did in its last evaluations
//! - `api/namespaces.rs`: rules edited by namespace and group
//! - `api/preview.rs`: what would come of a rule
//! - `api/selection.rs`: the parameters of `/api/v1/rules`
//! - `api/shown_config.rs`: the configuration without its secrets

mod answer;
mod explain;
pub mod namespaces;
pub mod preview;
mod selection;
pub mod shown_config;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use outbound::go_json;
use serde::Serialize;

use self::answer::{AlertAnswer, GroupAnswer};
use self::explain::Question;
use self::selection::Selection;
use super::state::RulesState;

/// Where Mimir and Loki have Prometheus' API: Grafana asks there if the URL of a data source says so.
const MIMIR_PREFIX: &str = "/prometheus";

/// The routes, below the root of the service.
pub fn router<S: RulesState>(state: Arc<S>) -> Router {
    let read = read_router(state);
    read.clone().nest(MIMIR_PREFIX, read)
}

fn read_router<S: RulesState>(state: Arc<S>) -> Router {
    Router::new()
        .route("/api/v1/rules", get(rules::<S>))
        .route("/api/v1/alerts", get(alerts::<S>))
        .route("/api/v1/alertmanagers", get(alertmanagers::<S>))
        .route("/api/v1/explain/rule", get(explain_rule::<S>))
        .route("/api/v1/status/buildinfo", get(buildinfo::<S>))
        .route("/api/v1/status/config", get(config::<S>))
        .with_state(state)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    groups: Vec<GroupAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_next_token: Option<String>,
}

#[derive(Serialize)]
struct Alerts {
    alerts: Vec<AlertAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alertmanagers {
    active_alertmanagers: Vec<Alertmanager>,
    dropped_alertmanagers: Vec<Alertmanager>,
}

#[derive(Serialize)]
struct Alertmanager {
    url: String,
}

async fn rules<S: RulesState>(State(state): State<Arc<S>>, RawQuery(query): RawQuery) -> Response {
    let selection = match Selection::parse(query.as_deref().unwrap_or_default()) {
        Ok(selection) => selection,
        Err(mistake) => return bad_data(&mistake),
    };
    // copied out, so that the engine does not wait while the answer is written
    match state.with_engine(|engine| selection.of(engine)) {
        Ok((groups, group_next_token)) => success(&Groups { groups, group_next_token }),
        Err(mistake) => bad_data(&mistake),
    }
}

async fn alerts<S: RulesState>(State(state): State<Arc<S>>) -> Response {
    success(&Alerts { alerts: state.with_engine(answer::alerts_of) })
}

async fn explain_rule<S: RulesState>(State(state): State<Arc<S>>, RawQuery(query): RawQuery) -> Response {
    let question = match Question::parse(query.as_deref().unwrap_or_default()) {
        Ok(question) => question,
        Err(mistake) => return bad_data(&mistake),
    };
    match state.with_engine(|engine| question.of(engine)) {
        Some(rules) => success(&rules),
        None => {
            let failure = Failure { status: "error", error_type: "not_found", error: "there is no such rule" };
            json(StatusCode::NOT_FOUND, &failure)
        }
    }
}

async fn alertmanagers<S: RulesState>(State(state): State<Arc<S>>) -> Response {
    let active = state.notifiers().into_iter().map(|target| Alertmanager { url: target.url }).collect();
    success(&Alertmanagers { active_alertmanagers: active, dropped_alertmanagers: Vec::new() })
}

async fn buildinfo<S: RulesState>(State(state): State<Arc<S>>) -> Response {
    success(&state.build())
}

#[derive(Serialize)]
struct ShownConfig {
    yaml: String,
}

async fn config<S: RulesState>(State(state): State<Arc<S>>) -> Response {
    success(&ShownConfig { yaml: state.shown_config() })
}

#[derive(Serialize)]
struct Success<'a, T> {
    status: &'static str,
    data: &'a T,
}

#[derive(Serialize)]
struct Failure<'a> {
    status: &'static str,
    #[serde(rename = "errorType")]
    error_type: &'static str,
    error: &'a str,
}

fn success<T: Serialize>(data: &T) -> Response {
    json(StatusCode::OK, &Success { status: "success", data })
}

fn bad_data(error: &str) -> Response {
    json(StatusCode::BAD_REQUEST, &Failure { status: "error", error_type: "bad_data", error })
}

fn json<T: Serialize>(status: StatusCode, answer: &T) -> Response {
    let (status, body) = match go_json::to_vec(answer) {
        Ok(body) => (status, body),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests;
