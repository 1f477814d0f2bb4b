//! Cross-origin requests and caching, answered as Alertmanager does.
//!
//! Every origin may read; `GET`, `POST` and `HEAD` may be sent with plain headers: the defaults of the library that
//! Alertmanager uses (rs/cors).

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const ANY: HeaderValue = HeaderValue::from_static("*");

/// Answers preflight requests; lets others pass and marks their answers.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    let asked = request.headers();
    let is_preflight = request.method() == Method::OPTIONS && asked.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        return preflight(asked);
    }
    let is_simple = [Method::GET, Method::POST, Method::HEAD].contains(request.method());
    let from_elsewhere = asked.get(header::ORIGIN).is_some_and(|origin| !origin.is_empty());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if is_simple && from_elsewhere {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        if headers.contains_key("x-next-cursor") {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("X-Next-Cursor"));
        }
    }
    response
}

fn preflight(asked: &HeaderMap) -> Response {
    const VARY: HeaderValue =
        HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::VARY, VARY);
    let method = asked.get(header::ACCESS_CONTROL_REQUEST_METHOD).and_then(|value| value.to_str().ok());
    let method = method.unwrap_or_default().to_ascii_uppercase();
    let wanted = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let names = wanted.and_then(|value| value.to_str().ok()).unwrap_or_default().split(',').map(str::trim);
    let may = matches!(method.as_str(), "GET" | "POST" | "HEAD" | "OPTIONS")
        && names.filter(|name| !name.is_empty()).all(is_plain)
        && asked.get(header::ORIGIN).is_some_and(|origin| !origin.is_empty());
    if !may {
        return response;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    if let Ok(method) = HeaderValue::from_str(&method) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
    }
    if let Some(wanted) = wanted {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}

/// A request header that scripts may set.
fn is_plain(name: &str) -> bool {
    ["Origin", "Accept", "Content-Type", "X-Requested-With"].iter().any(|known| known.eq_ignore_ascii_case(name))
}
