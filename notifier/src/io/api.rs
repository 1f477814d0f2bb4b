//! Alertmanager's HTTP API v2, byte for byte where clients can see it.
//!
//! Verified against Alertmanager 0.25's answers; fields that came later (`mutedBy`, `routeLabels`, silence annotations)
//! are added as 0.34 has them.

mod alerts;
mod answer;
mod filter;
mod groups;
mod silences;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};

use super::desk::Desk;

/// A larger body is refused; 100,000 alerts of half a kilobyte fit.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What the API tells about the process.
#[derive(Clone, Debug)]
pub struct About {
    /// The Alertmanager version whose API this is, as clients check it: `0.34.0+watchfire.0.1.0`.
    pub version: &'static str,
    /// Our own version.
    pub revision: &'static str,
    /// When the process started.
    pub started_at: model::Timestamp,
}

struct Api<D> {
    desk: Arc<D>,
    about: About,
}

impl<D> Clone for Api<D> {
    fn clone(&self) -> Self {
        Self { desk: self.desk.clone(), about: self.about.clone() }
    }
}

/// `/api/v2/*`, and 410 for the `/api/v1/*` that Alertmanager once had where `v1_is_gone` (the rule service's own API lies there).
pub fn router<D: Desk>(desk: Arc<D>, about: About, v1_is_gone: bool) -> Router {
    let v2 = Router::new()
        .route("/alerts", only("GET,POST", get(alerts::list::<D>).post(alerts::post::<D>)))
        .route("/alerts/groups", only("GET", get(groups::list::<D>)))
        .route("/silences", only("GET,POST", get(silences::list::<D>).post(silences::post::<D>)))
        .route("/silence/{id}", only("DELETE,GET", get(silences::show::<D>).delete(silences::expire::<D>)))
        .route("/receivers", only("GET", get(status::receivers::<D>)))
        .route("/status", only("GET", get(status::status::<D>)))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::map_response(never_store))
        .with_state(Api { desk, about });
    let router = Router::new().nest("/api/v2", v2);
    if v1_is_gone { router.route("/api/v1/{*rest}", any(gone)) } else { router }
}

fn only<S: Clone + Send + Sync + 'static>(allowed: &'static str, methods: MethodRouter<S>) -> MethodRouter<S> {
    methods.fallback(async move |method: Method| {
        let message = format!("method {method} is not allowed, but [{allowed}] are");
        let mut response = answer::fault(StatusCode::METHOD_NOT_ALLOWED, 405, message).into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        response
    })
}

async fn not_found(uri: Uri) -> Response {
    answer::fault(StatusCode::NOT_FOUND, 404, format!("path /api/v2{} was not found", uri.path())).into_response()
}

async fn gone() -> Response {
    const TEXT: &str = "The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 - please use the equivalent route in the v2 API";
    let body = serde_json::json!({"status": "deprecated", "error": TEXT});
    let mut response = answer::json(&body);
    *response.status_mut() = StatusCode::GONE;
    response
}

async fn never_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
