//! HTTP requests as metrics: how long, how large, how many at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use exposition::{Histogram, Page};
use futures_util::StreamExt;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::get_limit::Exceeded;
use crate::live;

/// Bounds in seconds and bytes, Alertmanager's.
const DURATIONS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 20.0, 60.0];
const SIZES: &[f64] = &[100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
/// Paths that no handler answers are counted together.
const NOWHERE: &str = "other";

/// What is counted; shared by the layer that counts and the collector that shows.
#[derive(Clone)]
pub struct Traffic(Arc<Counts>);

struct Counts {
    /// What the families' names begin with.
    family: &'static str,
    figures: Mutex<Figures>,
}

/// Handler and method.
type Place = (String, &'static str);

#[derive(Default)]
struct Figures {
    durations: BTreeMap<(Place, u16), Histogram>,
    sizes: BTreeMap<Place, Histogram>,
    /// GET requests under way, their answers' bodies included.
    gets: u64,
    /// GET requests refused because too many were under way.
    refused: u64,
}

impl Traffic {
    /// Nothing has been counted. `family` is whose names the metrics have: `alertmanager` or `prometheus`.
    pub fn new(family: &'static str) -> Self {
        Self(Arc::new(Counts { family, figures: Mutex::default() }))
    }

    /// Counts what the router answers. `prefix` is left out of the handlers' names.
    pub fn counted(&self, router: Router, prefix: &str) -> Router {
        let (traffic, prefix): (_, Arc<str>) = (self.clone(), prefix.into());
        router.layer(from_fn(move |request, next| count(traffic.clone(), prefix.clone(), request, next)))
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.0.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, place: &Place, code: u16, took: Duration) {
        let mut figures = self.figures();
        let durations = figures.durations.entry((place.clone(), code)).or_insert_with(|| Histogram::new(DURATIONS));
        durations.observe(took.as_secs_f64());
    }
}

/// A request under way; counted once when it is dropped, with what of the answer has been written by then.
struct Passage {
    traffic: Traffic,
    place: Place,
    bytes: u64,
}

impl Passage {
    fn begin(traffic: Traffic, place: Place) -> Self {
        if place.1 == "get" {
            traffic.figures().gets += 1;
        }
        Self { traffic, place, bytes: 0 }
    }

    fn wrote(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let mut figures = self.traffic.figures();
        if self.place.1 == "get" {
            figures.gets -= 1;
        }
        figures.sizes.entry(self.place.clone()).or_insert_with(|| Histogram::new(SIZES)).observe(self.bytes as f64);
    }
}

async fn count(traffic: Traffic, prefix: Arc<str>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let place = (handler(path, &prefix), method(request.method()));
    let mut passage = Passage::begin(traffic.clone(), place.clone());
    let started = live::now();
    let response = next.run(request).await;
    traffic.answered(&place, response.status().as_u16(), live::now().since(started));
    if response.extensions().get::<Exceeded>().is_some() {
        traffic.figures().refused += 1;
    }
    let (head, body) = response.into_parts();
    if let Some(bytes) = body.size_hint().exact() {
        passage.wrote(bytes);
        return Response::from_parts(head, body);
    }
    let pieces = body.into_data_stream().map(move |piece| {
        passage.wrote(piece.as_ref().map_or(0, |bytes| bytes.len() as u64));
        piece
    });
    Response::from_parts(head, Body::from_stream(pieces))
}

/// A handler's name as Alertmanager shows it.
fn handler(path: Option<&str>, prefix: &str) -> String {
    let Some(path) = path else { return NOWHERE.to_owned() };
    let path = path.strip_prefix(prefix).unwrap_or(path);
    match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.replace("/silence/{id}", "/silence/{silenceID}").replace("{*", "*").replace("rest}", "rest"),
    }
}

/// Methods are few, whatever clients invent.
fn method(method: &Method) -> &'static str {
    let known = [
        (Method::GET, "get"),
        (Method::POST, "post"),
        (Method::DELETE, "delete"),
        (Method::HEAD, "head"),
        (Method::OPTIONS, "options"),
        (Method::PUT, "put"),
    ];
    known.iter().find(|(one, _)| one == method).map_or("unknown", |(_, name)| name)
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traffic")
    }
}

impl Collector for Traffic {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        let family = self.0.family;
        let (durations, sizes, gets, refused) = {
            let figures = self.figures();
            (figures.durations.clone(), figures.sizes.clone(), figures.gets, figures.refused)
        };
        let durations = durations.iter().map(|(((handler, method), code), histogram)| {
            let code = code.to_string();
            (vec![("handler", handler.clone()), ("method", (*method).to_owned()), ("code", code)], histogram)
        });
        page.histograms(
            &format!("{family}_http_request_duration_seconds"),
            "Time until requests were answered",
            durations,
        )?;
        let sizes = sizes
            .iter()
            .map(|((handler, method), histogram)| ([("handler", handler.as_str()), ("method", method)], histogram));
        page.histograms(&format!("{family}_http_response_size_bytes"), "Sizes of answers", sizes)?;
        page.gauges(
            &format!("{family}_http_requests_in_flight"),
            "GET requests under way",
            [([("method", "get")], gets as f64)],
        )?;
        page.counters(
            &format!("{family}_http_concurrency_limit_exceeded"),
            "GET requests refused because too many were under way",
            [([("method", "get")], refused)],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_have_alertmanagers_names() {
        let cases = [
            (Some("/am/api/v2/silence/{id}"), "/api/v2/silence/{silenceID}"),
            (Some("/am/api/v2/alerts/"), "/api/v2/alerts"),
            (Some("/am/"), "/"),
            (Some("/am/api/v1/{*rest}"), "/api/v1/*rest"),
            (None, "other"),
        ];
        for (path, name) in cases {
            assert_eq!(handler(path, "/am"), name);
        }
        assert_eq!(method(&Method::from_bytes(b"BREW").unwrap()), "unknown");
    }
}
