//! `/api/v2/history`, which Alertmanager does not have: who was told what when.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::matcher::all_match;
use model::pattern::anchored;
use model::{Matcher, Timestamp};

use super::Api;
use super::answer::{self, Item, Refusal};
use super::archive::PAGES_AT_ONCE;
use super::explain::{asked, bad_request, limit};
use super::filter::Parameters;
use super::paging::NEXT_CURSOR;
use crate::explanation::told::{Told, name};
use crate::history::event::Event;
use crate::history::{Name, Wanted};
use crate::io::desk::Desk;
use crate::notifier::{Asked, group_labels_of};

/// Events given where nothing is said about it, and at most.
const EVENTS: usize = 100;
const EVENTS_MAX: usize = 10_000;
/// Most pages that one request reads: then it says where to go on.
const PAGES_MAX: usize = 1024;
/// One JSON object a line.
const LINES: &str = "application/jsonl";

/// Which events are wanted.
struct Filter {
    matchers: Vec<Matcher>,
    fingerprint: Option<model::labels::Fingerprint>,
    receiver: Option<regex::Regex>,
    group: Option<String>,
    events: Vec<String>,
    from: Timestamp,
    to: Timestamp,
}

/// A place in the history: so many events of this instant have been given.
#[derive(Clone, Copy)]
struct Place {
    at_ms: i64,
    given: usize,
}

/// `GET /history`: events, latest first.
pub(super) async fn list<D: Desk>(
    State(api): State<Api<D>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let parameters = Parameters::read(query.as_deref(), api.about.matcher_mode);
    let filter = Filter::read(&parameters)?;
    let as_lines = parameters.last("format") == Some("jsonl")
        || headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes() == LINES.as_bytes());
    let place = place(&parameters)?;
    api.settle_history().await;
    let wanted = filter.wanted(place);
    let keys = api.desk.read(|notifier, _| notifier.history().pages(&wanted));
    if as_lines && parameters.last("limit").is_none() {
        return Ok(everything(api, filter, keys));
    }
    let most = limit(&parameters, EVENTS, EVENTS_MAX)?;
    let (events, next) = page(&api, &filter, &keys, place, most).await?;
    let told: Vec<Told> = events.into_iter().map(Told::of).collect();
    let mut response = if as_lines { lines(lines_of(told)) } else { answer::json_list(told) };
    let cursor = next.map(|next| format!("{}-{}", next.at_ms, next.given));
    if let Some(cursor) = cursor.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(NEXT_CURSOR, cursor);
    }
    Ok(response)
}

/// The next events from a place on, and where to go on if there may be more.
async fn page<D: Desk>(
    api: &Api<D>,
    filter: &Filter,
    keys: &[String],
    place: Option<Place>,
    most: usize,
) -> Result<(Vec<Event>, Option<Place>), Refusal> {
    let mut found: Vec<Event> = Vec::new();
    let mut skip = place.map_or(0, |place| place.given);
    let mut last: Option<Place> = None;
    for keys_read in keys.get(..keys.len().min(PAGES_MAX)).unwrap_or_default().chunks(PAGES_AT_ONCE) {
        for event in api.events(keys_read).await?.into_iter().rev() {
            if place.is_some_and(|place| event.at.as_millis() > place.at_ms) {
                continue;
            }
            if skip > 0 && place.is_some_and(|place| event.at.as_millis() == place.at_ms) {
                skip -= 1;
                continue;
            }
            if found.len() == most {
                return Ok((found, last));
            }
            last = Some(Place::behind(last.or(place), &event));
            if filter.wants(&event) {
                found.push(event);
            }
        }
    }
    Ok((found, last.filter(|_| keys.len() > PAGES_MAX)))
}

impl Place {
    fn behind(before: Option<Self>, event: &Event) -> Self {
        let at_ms = event.at.as_millis();
        let given = before.filter(|before| before.at_ms == at_ms).map_or(0, |before| before.given);
        Self { at_ms, given: given + 1 }
    }
}

/// Every event that is wanted, a line each, read while the client does.
fn everything<D: Desk>(api: Api<D>, filter: Filter, keys: Vec<String>) -> Response {
    let (filter, keys) = (Arc::new(filter), VecDeque::from(keys));
    let pieces = stream::unfold((api, filter, keys), async |(api, filter, mut keys)| {
        if keys.is_empty() {
            return None;
        }
        let next: Vec<String> = keys.drain(..keys.len().min(PAGES_AT_ONCE)).collect();
        let piece = match api.events(&next).await {
            Ok(events) => {
                let wanted = events.into_iter().rev().filter(|event| filter.wants(event));
                Ok(lines_of(wanted.map(Told::of)))
            }
            // A list that is cut off is noticed.
            Err(refusal) => Err(std::io::Error::other(refusal.message().to_owned())),
        };
        Some((piece, (api, filter, keys)))
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
    let Some(text) = parameters.last("cursor").filter(|text| !text.is_empty()) else { return Ok(None) };
    let parts = text.rsplit_once('-').and_then(|(at, given)| Some((at.parse().ok()?, given.parse().ok()?)));
    let (at_ms, given) = parts.ok_or_else(|| bad_request("bad cursor: pass what X-Next-Cursor said"))?;
    Ok(Some(Place { at_ms, given }))
}

impl Filter {
    fn read(parameters: &Parameters) -> Result<Self, Refusal> {
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
        Ok(Self {
            matchers: parameters.matchers("filter")?,
            fingerprint,
            receiver: receiver.map_err(|error| bad_request(format!("failed to parse receiver param: {error}")))?,
            group: parameters.last("group").filter(|text| !text.is_empty()).map(str::to_owned),
            events,
            from: instant("from", Timestamp::MIN)?,
            to: instant("to", Timestamp::MAX)?,
        })
    }

    /// The pages that may have what is wanted.
    fn wanted(&self, place: Option<Place>) -> Wanted {
        let names = match (&self.fingerprint, &self.group) {
            (Some(fingerprint), _) => vec![Name::of_alert(*fingerprint)],
            (None, Some(group)) => vec![Name::of_group(group)],
            (None, None) => Vec::new(),
        };
        let to = place.map_or(self.to, |place| self.to.min(Timestamp::from_millis(place.at_ms)));
        Wanted { names, from: self.from, to }
    }

    fn wants(&self, event: &Event) -> bool {
        (self.from <= event.at && event.at <= self.to)
            && self.receiver.as_ref().is_none_or(|pattern| pattern.is_match(&event.receiver))
            && self.group.as_ref().is_none_or(|key| *key == event.group_key)
            && (self.events.is_empty() || self.events.iter().any(|wanted| wanted == name(&event.what)))
            && self.fingerprint.is_none_or(|fingerprint| event.names(fingerprint))
            && self.wants_labels(event)
    }

    /// Whether an alert of the event satisfies the matchers; of an event about a whole group, whether its labels may.
    fn wants_labels(&self, event: &Event) -> bool {
        if self.matchers.is_empty() || event.alerts.iter().any(|alert| all_match(&self.matchers, &alert.labels)) {
            return true;
        }
        let Some(shared) = group_labels_of(&event.group_key).filter(|_| event.alerts.is_empty()) else { return false };
        let mut decided = self.matchers.iter().filter(|matcher| shared.get(matcher.name()).is_some()).peekable();
        decided.peek().is_some() && decided.all(|matcher| matcher.matches(&shared))
    }
}
