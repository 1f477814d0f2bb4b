//! Answers in the shapes of Alertmanager: JSON with a final newline, a bare string for what went wrong inside, an object
//! for what the schema refuses.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// 200 with a value.
pub(super) fn json(value: &impl Serialize) -> Response {
    with_status(StatusCode::OK, value)
}

/// What a request gets instead of its answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// go-openapi's code, for errors of the router and the schema.
    code: Option<u16>,
    message: String,
}

/// An error of the handler: its text as a JSON string.
pub(super) fn refusal(status: StatusCode, message: impl Into<String>) -> Refusal {
    Refusal { status, code: None, message: message.into() }
}

/// An error of the router or the schema: `{"code": …, "message": …}`, without final newline.
pub(super) fn fault(status: StatusCode, code: u16, message: impl Into<String>) -> Refusal {
    Refusal { status, code: Some(code), message: message.into() }
}

/// A value that does not satisfy the schema: 422 with go-openapi's codes (601 type, 602 required, 612 too few items).
pub(super) fn invalid(code: u16, message: impl Into<String>) -> Refusal {
    fault(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Fault<'a> {
            code: u16,
            message: &'a str,
        }
        match self.code {
            None => with_status(self.status, &self.message),
            Some(code) => {
                // A number and a text can always be written.
                let body = outbound::go_json::to_vec(&Fault { code, message: &self.message }).unwrap_or_default();
                respond(self.status, body)
            }
        }
    }
}

/// 200 without a body.
pub(super) fn empty() -> Response {
    StatusCode::OK.into_response()
}

fn with_status(status: StatusCode, value: &impl Serialize) -> Response {
    match outbound::go_json::to_vec(value) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            respond(status, bytes)
        }
        Err(error) => fault(StatusCode::INTERNAL_SERVER_ERROR, 500, error.to_string()).into_response(),
    }
}

fn respond(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = (status, body.into()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Items are written in pieces of so many, so that a long list is never in memory as text.
const ITEMS_IN_A_PIECE: usize = 256;

/// 200 with a list, written in pieces as the client reads.
pub(super) fn json_list<T: Serialize + Send + 'static>(items: Vec<T>) -> Response {
    if items.len() <= ITEMS_IN_A_PIECE {
        return json(&items);
    }
    let mut items = items.into_iter();
    let mut opened = false;
    let mut closed = false;
    let pieces = std::iter::from_fn(move || {
        if closed {
            return None;
        }
        let mut piece = Vec::new();
        for item in items.by_ref().take(ITEMS_IN_A_PIECE) {
            piece.push(if opened { b',' } else { b'[' });
            opened = true;
            match outbound::go_json::to_vec(&item) {
                Ok(bytes) => piece.extend(bytes),
                // The list is cut off, which a client notices.
                Err(error) => return Some(Err(error)),
            }
        }
        if items.len() == 0 {
            piece.extend_from_slice(b"]\n");
            closed = true;
        }
        Some(Ok(piece))
    });
    respond(StatusCode::OK, Body::from_stream(futures_util::stream::iter(pieces)))
}

/// Reads a JSON body; `what` names it as Alertmanager's messages do (`alerts`, `silence`).
pub(super) fn read<T: DeserializeOwned>(what: &str, headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    let given =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/octet-stream");
    let media_type = given.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let message = format!("unsupported media type {given:?}, only [application/json] are allowed");
        return Err(fault(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, message));
    }
    if body.is_empty() {
        return Err(invalid(602, format!("{what} in body is required")));
    }
    serde_json::from_slice(body).map_err(|error| {
        fault(StatusCode::BAD_REQUEST, 400, format!("parsing {what} body from \"\" failed, because {error}"))
    })
}
