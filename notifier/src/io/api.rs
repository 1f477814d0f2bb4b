//! Alertmanager's HTTP API v2, byte for byte where clients can see it.
//!
//! Verified against Alertmanager 0.25's answers; fields that came later (`mutedBy`, `routeLabels`, silence annotations)
//! are added as 0.34 has them.

mod acks;
mod alerts;
mod answer;
mod archive;
mod cors;
mod explain;
mod filter;
mod groups;
mod history;
mod maintenance;
mod moment;
mod paging;
mod posted_alert;
mod request_uri;
mod silences;
mod status;
mod trials;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};
use model::matcher::parse::ParseMode;
use serde::Serialize;

use super::desk::Desk;

pub use super::silencing::SILENCES_LOG;

/// A larger body of alerts is refused with 413; 100,000 alerts of half a kilobyte fit.
const ALERTS_BYTES_MAX: usize = 64 << 20;

/// A larger body of anything else is; no silence that is longer could be stored.
const BODY_BYTES_MAX: usize = crate::silence::SILENCE_BYTES_MAX;

/// What the API tells about the process.
#[derive(Clone, Debug)]
pub struct About {
    /// The Alertmanager version whose API this is, as clients check it: `0.34.0+watchfire.0.1.0`.
    pub version: &'static str,
    /// Our own version.
    pub revision: &'static str,
    /// How matchers in requests are read.
    pub matcher_mode: ParseMode,
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
    let paths = [
        (
            "/alerts",
            only("GET,POST", get(alerts::list::<D>).post(alerts::post::<D>))
                .layer(DefaultBodyLimit::max(ALERTS_BYTES_MAX)),
        ),
        ("/alerts/groups", only("GET", get(groups::list::<D>))),
        ("/ack", only("DELETE,GET,POST", get(acks::list::<D>).post(acks::post::<D>).delete(acks::remove::<D>))),
        ("/explain", only("GET", get(explain::show::<D>))),
        ("/history", only("GET", get(history::list::<D>))),
        ("/silences", only("GET,POST", get(silences::list::<D>).post(silences::post::<D>))),
        ("/maintenance", only("GET", get(maintenance::list::<D>))),
        ("/maintenance/preview", only("POST", axum::routing::post(maintenance::preview::<D>))),
        ("/maintenance/{id}", only("DELETE,GET", get(maintenance::show::<D>).delete(silences::expire::<D>))),
        ("/silence/{id}", only("DELETE,GET", get(silences::show::<D>).delete(silences::expire::<D>))),
        ("/receivers", only("GET", get(status::receivers::<D>))),
        ("/receivers/test", only("POST", axum::routing::post(trials::post::<D>))),
        ("/status", only("GET", get(status::status::<D>))),
    ];
    // A slash at the end changes nothing.
    let add = |router: Router<_>, (path, methods): (&str, MethodRouter<_>)| {
        router.route(path, methods.clone()).route(&format!("{path}/"), methods)
    };
    let v2 = paths
        .into_iter()
        .fold(Router::new(), add)
        .route_layer(axum::middleware::from_fn(acceptable))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn(cors::layer))
        .with_state(Api { desk, about });
    // Nesting does not take the path that ends with the slash.
    let root = any(async || not_found(Uri::from_static("/")).await);
    let router = Router::new().nest("/api/v2", v2).route("/api/v2/", root);
    if v1_is_gone { router.route("/api/v1/{*rest}", any(gone)) } else { router }
}

fn only<S: Clone + Send + Sync + 'static>(allowed: &'static str, methods: MethodRouter<S>) -> MethodRouter<S> {
    let refuse = async move |method: Method| {
        let message = format!("method {method} is not allowed, but [{allowed}] are");
        let mut response = answer::fault(StatusCode::METHOD_NOT_ALLOWED, 405, message).into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        response
    };
    // `get` would answer HEAD too; Alertmanager does not.
    methods.head(refuse).fallback(refuse)
}

/// 406 for clients that do not take JSON. What is posted is taken from everybody.
async fn acceptable(request: Request, next: Next) -> Response {
    let may_be_lines = request.uri().path().trim_end_matches('/').ends_with("/history");
    if request.method() == Method::POST || may_be_lines || answer::takes_json(request.headers()) {
        return next.run(request).await;
    }
    let message = "unsupported media type requested, only [application/json] are available";
    answer::fault(StatusCode::NOT_ACCEPTABLE, 406, message).into_response()
}

async fn not_found(uri: Uri) -> Response {
    answer::fault(StatusCode::NOT_FOUND, 404, format!("path /api/v2{} was not found", uri.path())).into_response()
}

async fn gone() -> Response {
    const TEXT: &str = "The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 - please use the equivalent route in the v2 API";
    #[derive(Serialize)]
    struct Gone {
        status: &'static str,
        error: &'static str,
    }
    let mut response = answer::json(&Gone { status: "deprecated", error: TEXT });
    *response.status_mut() = StatusCode::GONE;
    response
}
