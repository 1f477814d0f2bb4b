//! A receiver that records every page it is sent, whether or not its answer is still heard.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::Uri;
use serde_json::Value;
use tokio::sync::Notify;

use crate::conditions::{nothing_for, unix_now};

/// Its two integrations: the second takes its time to answer.
pub(super) const PATHS: [&str; 2] = ["/quick", "/slow"];
const SLOW: Duration = Duration::from_millis(40);

/// One page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) path: String,
    pub(super) at: f64,
    /// The label `incident` of its group.
    pub(super) incident: String,
    /// Each alert's number in its incident, and its status.
    pub(super) alerts: BTreeSet<(String, String)>,
}

/// The receiver at work.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    pages: Arc<Mutex<Vec<Page>>>,
    /// A page has just come.
    pub(super) came: Arc<Notify>,
}

impl Page {
    /// Whether it says of so many alerts that they fire, and of no other.
    pub(super) fn tells(&self, count: usize, status: &str) -> bool {
        self.alerts.len() == count && self.alerts.iter().all(|(_, told)| told == status)
    }
}

impl Receiver {
    pub(super) async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { url, pages: Arc::default(), came: Arc::default() };
        let taker = receiver.clone();
        let take = move |uri: Uri, body: axum::body::Bytes| {
            let taker = taker.clone();
            async move {
                taker.take(uri.path(), &body);
                if uri.path() == PATHS[1] {
                    nothing_for(SLOW).await;
                }
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
        receiver
    }

    fn take(&self, path: &str, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alert = |alert: &Value| (text(&alert["labels"]["number"]), text(&alert["status"]));
        self.pages.lock().unwrap().push(Page {
            path: path.to_owned(),
            at: unix_now(),
            incident: text(&body["groupLabels"]["incident"]),
            alerts: body["alerts"].as_array().unwrap().iter().map(alert).collect(),
        });
        self.came.notify_waiters();
    }

    /// Everything told so far, in order.
    pub(super) fn pages(&self) -> Vec<Page> {
        self.pages.lock().unwrap().clone()
    }

    /// When each path was told so much of an incident first; none until all were.
    pub(super) fn told(&self, incident: &str, is_it: impl Fn(&Page) -> bool) -> Option<[f64; 2]> {
        let pages = self.pages.lock().unwrap();
        let first = |path: &str| {
            let of_it = pages.iter().find(|page| page.incident == incident && page.path == path && is_it(page));
            of_it.map(|page| page.at)
        };
        Some([first(PATHS[0])?, first(PATHS[1])?])
    }
}
