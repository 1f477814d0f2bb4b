//! An HTTP receiver that records what it is told and can be made to fail: webhook and PagerDuty's events endpoint.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::conditions::{eventually, unix_now};

/// One request.
#[derive(Clone, Debug)]
pub struct Told {
    pub path: String,
    /// What is no JSON is a string.
    pub body: Value,
    pub at: f64,
    pub status: u16,
}

/// A running receiver.
#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    told: Vec<Told>,
    answers: VecDeque<(u16, Vec<(&'static str, String)>)>,
}

impl Sink {
    pub async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let taker = sink.clone();
        let router = Router::new().fallback(move |uri: Uri, _: HeaderMap, body: Bytes| {
            let taker = taker.clone();
            async move { taker.take(uri.path(), &body) }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        sink
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next requests get these answers instead of success.
    pub fn answer_next(&self, status: u16, headers: &[(&'static str, &str)], times: usize) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.state.lock().unwrap().answers.extend(std::iter::repeat_n((status, headers), times));
    }

    /// Everything told so far on paths that end so.
    pub fn told(&self, path_end: &str) -> Vec<Told> {
        self.state.lock().unwrap().told.iter().filter(|told| told.path.ends_with(path_end)).cloned().collect()
    }

    /// Waits until at least `count` requests with success came in on such a path.
    pub async fn wait_told(&self, path_end: &str, count: usize, deadline: Duration) -> Vec<Told> {
        eventually(&format!("{count} requests on {path_end}"), deadline, || async {
            let told: Vec<_> = self.told(path_end).into_iter().filter(|told| told.status < 300).collect();
            (told.len() >= count).then_some(told)
        })
        .await
    }

    fn take(&self, path: &str, body: &[u8]) -> Response {
        let as_text = |_| Value::String(String::from_utf8_lossy(body).into_owned());
        let body: Value = serde_json::from_slice(body).unwrap_or_else(as_text);
        let mut state = self.state.lock().unwrap();
        let good = if path.ends_with("/v2/enqueue") { 202 } else { 200 };
        let (status, headers) = state.answers.pop_front().unwrap_or((good, Vec::new()));
        let key = body.get("dedup_key").cloned().unwrap_or(Value::Null);
        state.told.push(Told { path: path.to_owned(), body, at: unix_now(), status });
        let mut response =
            (StatusCode::from_u16(status).unwrap(), axum::Json(json!({"status": "success", "dedup_key": key})))
                .into_response();
        for (name, value) in headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }
}
