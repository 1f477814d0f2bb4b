//! The HTTP door: PagerDuty events and webhooks.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Arrival, Shelf, Tells};

pub(super) async fn serve(listener: TcpListener, shelf: Arc<Shelf>) {
    let router = Router::new().fallback(move |uri: Uri, body: Bytes| {
        let shelf = shelf.clone();
        async move { take(&shelf, uri.path(), &body) }
    });
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "inbox: the HTTP door fell shut");
    }
}

fn take(shelf: &Shelf, path: &str, body: &[u8]) -> Response {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return (StatusCode::BAD_REQUEST, "not JSON").into_response();
    };
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let shown = serde_json::to_string_pretty(&value).unwrap_or_default();
    if !path.ends_with("/v2/enqueue") {
        let alerts = value.get("alerts").and_then(Value::as_array).map_or(0, Vec::len);
        let tells = match text("/status").as_str() {
            "firing" => Tells::Firing,
            "resolved" => Tells::Resolved,
            _ => Tells::Other,
        };
        let summary = format!("{} ({alerts} alerts) {}", text("/status"), text("/groupKey"));
        shelf.put(Arrival { channel: "webhook", to: path.to_owned(), tells, summary, body: shown });
        return StatusCode::OK.into_response();
    }
    let key = text("/dedup_key");
    let tells = match text("/event_action").as_str() {
        "trigger" => Tells::Firing,
        "resolve" => Tells::Resolved,
        _ => Tells::Other,
    };
    let summary = format!("{} {}", text("/event_action"), text("/payload/summary"));
    shelf.put(Arrival { channel: "pagerduty", to: text("/routing_key"), tells, summary, body: shown });
    (StatusCode::ACCEPTED, axum::Json(json!({"status": "success", "message": "Event processed", "dedup_key": key})))
        .into_response()
}
