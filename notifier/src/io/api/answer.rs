//! Answers in the shapes of Alertmanager: JSON with a final newline, a bare string for what went wrong inside, an object
//! for what the schema refuses.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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
    /// Seconds after which it may be tried again.
    retry_after: Option<u16>,
}

/// No message is longer: what was posted is not sent back as a whole.
const MESSAGE_BYTES_MAX: usize = 8 << 10;

impl Refusal {
    /// Why.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Says when the request may come again.
    #[must_use]
    pub(super) fn retry_after(self, seconds: u16) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

fn shortened(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        message.push('…');
    }
    message
}

/// An error of the handler: its text as a JSON string.
pub(super) fn refusal(status: StatusCode, message: impl Into<String>) -> Refusal {
    Refusal { status, code: None, message: shortened(message.into()), retry_after: None }
}

/// An error of the router or the schema: `{"code": …, "message": …}`, without final newline.
pub(super) fn fault(status: StatusCode, code: u16, message: impl Into<String>) -> Refusal {
    Refusal { status, code: Some(code), message: shortened(message.into()), retry_after: None }
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
        let mut response = match self.code {
            None => with_status(self.status, &self.message),
            Some(code) => {
                // A number and a text can always be written.
                let body = outbound::go_json::to_vec(&Fault { code, message: &self.message }).unwrap_or_default();
                respond(self.status, body)
            }
        };
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
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

/// What lists are made of.
pub(super) trait Item {
    /// Writes it as JSON.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()>;
}

impl<T: Serialize> Item for T {
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        json.extend(outbound::go_json::to_vec(self)?);
        Ok(())
    }
}

/// Items are written in pieces of so many, so that a long list is never in memory as text.
pub(super) const ITEMS_IN_A_PIECE: usize = 256;

/// 200 with a list, written in pieces as the client reads.
pub(super) fn json_list<T: Item + Send + 'static>(items: Vec<T>) -> Response {
    let mut items = items.into_iter();
    json_pieces(move || {
        Some(items.by_ref().take(ITEMS_IN_A_PIECE).collect()).filter(|piece: &Vec<T>| !piece.is_empty())
    })
}

/// 200 with a list whose items are made while it is written: `next` gives some more of them, `None` after the last. What
/// fits one piece is sent with its length.
pub(super) fn json_pieces<T: Item + Send + 'static>(next: impl FnMut() -> Option<Vec<T>> + Send + 'static) -> Response {
    let mut pieces = Pieces::new(next);
    match pieces.write() {
        Ok(whole) if pieces.is_closed => respond(StatusCode::OK, whole),
        Ok(first) => {
            let rest = std::iter::from_fn(move || (!pieces.is_closed).then(|| pieces.write()));
            let all = std::iter::once(Ok(first)).chain(rest);
            respond(StatusCode::OK, Body::from_stream(futures_util::stream::iter(all)))
        }
        Err(error) => fault(StatusCode::INTERNAL_SERVER_ERROR, 500, error.to_string()).into_response(),
    }
}

/// A list on its way to the client.
struct Pieces<T, F> {
    next: F,
    upcoming: Option<Vec<T>>,
    is_opened: bool,
    is_empty: bool,
    is_closed: bool,
}

impl<T: Item, F: FnMut() -> Option<Vec<T>>> Pieces<T, F> {
    fn new(mut next: F) -> Self {
        let upcoming = next();
        Self { next, upcoming, is_opened: false, is_empty: true, is_closed: false }
    }

    /// The next bytes. Where an item fails the list is cut off, which a client notices.
    fn write(&mut self) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::new();
        if !std::mem::replace(&mut self.is_opened, true) {
            json.push(b'[');
        }
        while let Some(items) = self.upcoming.take() {
            for item in items {
                if !std::mem::replace(&mut self.is_empty, false) {
                    json.push(b',');
                }
                if let Err(error) = item.write(&mut json) {
                    self.is_closed = true;
                    return Err(error);
                }
            }
            self.upcoming = (self.next)();
            if json.len() > 1 && self.upcoming.is_some() {
                return Ok(json);
            }
        }
        json.extend_from_slice(b"]\n");
        self.is_closed = true;
        Ok(json)
    }
}

/// What a body holds, as Alertmanager's messages name it.
pub(super) struct Kind {
    name: &'static str,
    opens_with: u8,
    go_type: &'static str,
}

/// A list of alerts.
pub(super) const ALERTS: Kind = Kind { name: "alerts", opens_with: b'[', go_type: "models.PostableAlerts" };
/// A silence.
pub(super) const SILENCE: Kind =
    Kind { name: "silence", opens_with: b'{', go_type: r#"struct { ID string "json:\"id,omitempty\"" }"# };

/// Reads a JSON body; `null` is the empty value, and what follows the value is not looked at, as in Alertmanager.
pub(super) fn read<T: DeserializeOwned + Default>(kind: &Kind, headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    let required = || Err(invalid(602, format!("{} in body is required", kind.name)));
    if body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
        return required();
    }
    let given =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/octet-stream");
    let media_type = given.split(';').next().unwrap_or_default().trim();
    if media_type.is_empty() && !given.is_empty() {
        let message = format!("parsing Content-Type header from {given:?} failed, because mime: no media type");
        return Err(fault(StatusCode::BAD_REQUEST, 400, message));
    }
    if !media_type.eq_ignore_ascii_case("application/json") {
        let message = format!("unsupported media type {given:?}, only [application/json] are allowed");
        return Err(fault(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, message));
    }
    if body.trim_ascii().is_empty() {
        return required();
    }
    parse(body).map_err(|error| {
        let why = why_unreadable(kind, body, &error);
        fault(StatusCode::BAD_REQUEST, 400, format!("parsing {} body from \"\" failed, because {why}", kind.name))
    })
}

/// As Go reads JSON, bytes that are no text become `�`: one odd label must not cost a whole batch.
fn parse<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, serde_json::Error> {
    // Looked through as a whole, which is quicker than text by text, and word by word where all is well. What follows the value
    // is not read.
    let text = std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    let read = |text: &str| Option::<T>::deserialize(&mut serde_json::Deserializer::from_str(text));
    let value = read(&text).or_else(|error| match without_lone_surrogates(&text) {
        Some(mended) => read(&mended),
        None => Err(error),
    });
    value.map(Option::unwrap_or_default)
}

/// The same with `\ufffd` in place of escapes that are half a character, such as of a text that was cut within an emoji: Go reads them so.
/// None if there are none.
fn without_lone_surrogates(json: &str) -> Option<String> {
    const ESCAPE_BYTES: usize = 6;
    // the unit that an escape at the beginning stands for
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = json.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        let rest = json.get(at..).unwrap_or_default();
        let Some(first) = unit(rest) else {
            // whatever is escaped, it begins no escape of its own
            at += 1 + rest.chars().nth(1).map_or(1, char::len_utf8);
            continue;
        };
        let second = rest.get(ESCAPE_BYTES..).and_then(unit);
        match (first, second) {
            (0xd800..=0xdbff, Some(0xdc00..=0xdfff)) => at += 2 * ESCAPE_BYTES,
            (0xd800..=0xdfff, _) => {
                mended.push_str(json.get(copied..at).unwrap_or_default());
                mended.push_str("\\ufffd");
                at += ESCAPE_BYTES;
                copied = at;
            }
            _ => at += ESCAPE_BYTES,
        }
    }
    mended.push_str(json.get(copied..).unwrap_or_default());
    (copied > 0).then_some(mended)
}

/// Go's words where they are easy to find, ours with the position elsewhere.
fn why_unreadable(kind: &Kind, body: &[u8], error: &serde_json::Error) -> String {
    let opening = body.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    let found = match opening {
        None => return error.to_string(),
        Some(_) if error.is_eof() => return "unexpected EOF".to_owned(),
        Some(byte) if byte == kind.opens_with || error.is_syntax() => return error.to_string(),
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        Some(_) => "number",
    };
    format!("json: cannot unmarshal {found} into Go value of type {}", kind.go_type)
}

/// Whether a client that says what it takes takes JSON.
pub(super) fn takes_json(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    let takes = |range: &str| {
        let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
        let refused = parameters.split(';').any(|one| one.trim().strip_prefix("q=").is_some_and(is_zero));
        !refused && ["*/*", "application/*", "application/json"].contains(&media_type.trim())
    };
    given.peek().is_none() || given.any(|value| value.is_empty() || value.split(',').any(takes))
}

fn is_zero(quality: &str) -> bool {
    quality.parse() == Ok(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_in_an_escape_costs_no_batch() {
        for (json, texts) in [
            (r#"["a\ud83d"]"#, "a\u{fffd}"),
            (r#"["\ud83d\ud83d\ude00x"]"#, "\u{fffd}😀x"),
            (r#"["\ude00\n\\ud800\uD83D\uDE00"]"#, "\u{fffd}\n\\ud800😀"),
            (r#"["\ud800\u0041"]"#, "\u{fffd}A"),
            (r#"["é\u00e9"]"#, "éé"),
        ] {
            assert_eq!(parse::<Vec<String>>(json.as_bytes()).unwrap(), [texts], "{json}");
        }
        for json in [r#"["\ud80"]"#, r#"["\"#, r#"["\ud800"#, r#"["\u+123\ud800"]"#] {
            assert!(parse::<Vec<String>>(json.as_bytes()).is_err(), "{json}");
        }
    }
}
