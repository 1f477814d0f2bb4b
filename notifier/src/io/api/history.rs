//! `/api/v2/history`, which Alertmanager does not have: who was told what when.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::Timestamp;
use model::pattern::anchored;

use super::Api;
use super::answer::{self, Item, Refusal};
use super::explain::{asked, bad_request, limit};
use super::filter::Parameters;
use super::paging::NEXT_CURSOR;
use crate::explanation::told::Told;
use crate::io::archive::PAGES_AT_ONCE;
use crate::io::archive::question::{NoPlace, Place, Question, page};
use crate::io::asking::Asking;
use crate::io::desk::Desk;
use crate::notifier::Asked;

/// Events given where nothing is said about it, and at most.
const EVENTS: usize = 100;
const EVENTS_MAX: usize = 10_000;
/// One JSON object a line.
const LINES: &str = "application/jsonl";

/// `GET /history`: events, latest first.
pub(super) async fn list<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let parameters = Parameters::read(query.as_deref(), api.about.matcher_mode);
    let question = Question { caller: asking.0, ..question(&parameters)? };
    let as_lines = parameters.last("format") == Some("jsonl")
        || headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes() == LINES.as_bytes());
    let place = place(&parameters)?;
    api.settle_history().await;
    if as_lines && parameters.last("limit").is_none() {
        let keys = question.keys(&*api.desk, place);
        return Ok(everything(api, question, keys));
    }
    let most = limit(&parameters, EVENTS, EVENTS_MAX)?;
    let (events, next) = page(&*api.desk, &question, place, most).await?;
    let told: Vec<Told> = events.into_iter().map(Told::of).collect();
    let mut response = if as_lines { lines(lines_of(told)) } else { answer::json_list(told) };
    let cursor = next.map(|next| next.to_string());
    if let Some(cursor) = cursor.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(NEXT_CURSOR, cursor);
    }
    Ok(response)
}

/// Every event that is wanted, a line each, read while the client does.
fn everything<D: Desk>(api: Api<D>, question: Question, keys: Vec<String>) -> Response {
    let (question, keys) = (Arc::new(question), VecDeque::from(keys));
    let pieces = stream::unfold((api, question, keys), async |(api, question, mut keys)| {
        if keys.is_empty() {
            return None;
        }
        let next: Vec<String> = keys.drain(..keys.len().min(PAGES_AT_ONCE)).collect();
        let piece = match api.events(&next).await {
            Ok(events) => {
                let wanted = events.into_iter().rev().filter_map(|event| question.taken(event));
                Ok(lines_of(wanted.map(Told::of)))
            }
            // A list that is cut off is noticed.
            Err(refusal) => Err(std::io::Error::other(refusal.message().to_owned())),
        };
        Some((piece, (api, question, keys)))
    });
    lines(Body::from_stream(pieces))
}

fn lines_of(told: impl IntoIterator<Item = Told>) -> Vec<u8> {
    let mut lines = Vec::new();
    for one in told {
        one.write(&mut lines).expect("events have text keys and no failing serializer");
        lines.push(b'\n');
    }
    lines
}

fn lines(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(LINES))], body.into()).into_response()
}

fn place(parameters: &Parameters) -> Result<Option<Place>, Refusal> {
    let given = parameters.last("cursor").filter(|text| !text.is_empty()).map(str::parse).transpose();
    given.map_err(|_: NoPlace| bad_request("bad cursor: pass what X-Next-Cursor said"))
}

fn question(parameters: &Parameters) -> Result<Question, Refusal> {
    let instant = |name: &str, default| match parameters.last(name).filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => Timestamp::parse_rfc3339(text).map_err(|error| bad_request(format!("bad {name}: {error}"))),
    };
    let receiver = parameters.last("receiver").filter(|text| !text.is_empty()).map(anchored).transpose();
    let events: Vec<String> = parameters.all("event").flat_map(|text| text.split(',')).map(str::to_owned).collect();
    let fingerprint = match parameters.last("fingerprint").filter(|text| !text.is_empty()) {
        None => None,
        Some(_) => match asked(parameters)? {
            Asked::Fingerprint(fingerprint) => Some(fingerprint),
            Asked::Matching(_) => None,
        },
    };
    Ok(Question {
        matchers: parameters.matchers("filter")?,
        fingerprint,
        receiver: receiver.map_err(|error| bad_request(format!("failed to parse receiver param: {error}")))?,
        group: parameters.last("group").filter(|text| !text.is_empty()).map(str::to_owned),
        events,
        from: instant("from", Timestamp::MIN)?,
        to: instant("to", Timestamp::MAX)?,
        ..Question::default()
    })
}
