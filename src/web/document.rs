//! The OpenAPI document of every endpoint that answers programs: `docs/openapi.yaml`.

use axum::Router;
use axum::http::header;
use axum::routing::get;

const DOCUMENT: &str = include_str!("../../docs/openapi.yaml");

/// `/api/openapi.yaml`.
pub fn router() -> Router {
    let answer = || async { ([(header::CONTENT_TYPE, "application/yaml")], DOCUMENT) };
    Router::new().route("/api/openapi.yaml", get(answer))
}
