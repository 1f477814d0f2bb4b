//! Who is told: receivers that are fast, slow, fail at times, or never answer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;

use crate::ledger::{AlertId, Ledger, Status};

/// All of them, on one port and a thread of their own.
#[derive(Clone)]
pub(crate) struct Receivers {
    pub(crate) port: u16,
    taken: Arc<Taken>,
}

struct Taken {
    ledger: Ledger,
    notifications: AtomicU64,
    bytes: AtomicU64,
    /// Requests that were answered with an error, or not at all.
    refused: AtomicU64,
    unreadable: AtomicU64,
    /// Said twice in a row to the same receiver about the same group.
    repeated: AtomicU64,
    /// Alerts that no filter cut out of a page.
    cut: AtomicU64,
    number: AtomicUsize,
    /// What was last told of a group, as a hash, by receiver and group.
    last: Mutex<HashMap<u64, u64>>,
}

/// What came so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) notifications: u64,
    pub(crate) bytes: u64,
    pub(crate) refused: u64,
    pub(crate) unreadable: u64,
    pub(crate) repeated: u64,
    pub(crate) cut: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    #[serde(borrow)]
    group_key: Cow<'a, str>,
    truncated_alerts: u64,
    #[serde(borrow)]
    alerts: Vec<Told<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    starts_at: Cow<'a, str>,
    #[serde(borrow)]
    labels: Labels<'a>,
}

#[derive(Deserialize)]
struct Labels<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl Receivers {
    /// Begins to listen: each receiver has a path of its own.
    pub(crate) fn open(ledger: &Ledger) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let taken = Arc::new(Taken {
            ledger: ledger.clone(),
            notifications: AtomicU64::default(),
            bytes: AtomicU64::default(),
            refused: AtomicU64::default(),
            unreadable: AtomicU64::default(),
            repeated: AtomicU64::default(),
            cut: AtomicU64::default(),
            number: AtomicUsize::default(),
            last: Mutex::default(),
        });
        let router = Router::new()
            .route("/{receiver}", post(take))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(taken.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, router).await
            })
        });
        Ok(Self { port, taken })
    }

    pub(crate) fn counted(&self) -> Counted {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Taken { notifications, bytes, refused, unreadable, repeated, cut, .. } = &*self.taken;
        Counted {
            notifications: read(notifications),
            bytes: read(bytes),
            refused: read(refused),
            unreadable: read(unreadable),
            repeated: read(repeated),
            cut: read(cut),
        }
    }
}

async fn take(State(taken): State<Arc<Taken>>, Path(receiver): Path<String>, body: Bytes) -> StatusCode {
    let arrived = Instant::now();
    let number = taken.number.fetch_add(1, Ordering::Relaxed);
    let refuse = |status| {
        taken.refused.fetch_add(1, Ordering::Relaxed);
        status
    };
    match receiver.as_str() {
        "dead" => {
            refuse(StatusCode::OK);
            std::future::pending::<()>().await;
        }
        "flaky" => match number % 10 {
            3 => return refuse(StatusCode::INTERNAL_SERVER_ERROR),
            6 => return refuse(StatusCode::SERVICE_UNAVAILABLE),
            8 => tokio::time::sleep(Duration::from_secs(2)).await,
            _ => {}
        },
        _ => {}
    }
    taken.notifications.fetch_add(1, Ordering::Relaxed);
    taken.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
    if taken.read(&receiver, &body, arrived).is_none() {
        taken.unreadable.fetch_add(1, Ordering::Relaxed);
    }
    if receiver.starts_with("slow") {
        tokio::time::sleep(Duration::from_millis(100 + 50 * (number as u64 % 11))).await;
    }
    StatusCode::OK
}

impl Taken {
    fn read(&self, receiver: &str, body: &[u8], arrived: Instant) -> Option<()> {
        let notification: Notification<'_> = serde_json::from_slice(body).ok()?;
        self.cut.fetch_add(notification.truncated_alerts, Ordering::Relaxed);
        let mut content = Vec::with_capacity(notification.alerts.len());
        for alert in &notification.alerts {
            let id = read_id(&alert.labels.id)?;
            let status = if alert.status == "firing" { Status::Firing } else { Status::Resolved };
            let starts_at = alert.starts_at.parse::<jiff::Timestamp>().ok()?.as_second();
            self.ledger.told(id, status, starts_at, arrived);
            content.push((&*alert.labels.id, &*alert.status, starts_at));
        }
        content.sort_unstable();
        // What fails at times is told again, as it should be.
        if !receiver.starts_with("flaky") {
            let (key, content) = (hash((receiver, &*notification.group_key)), hash(content));
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.insert(key, content) == Some(content) {
                self.repeated.fetch_add(1, Ordering::Relaxed);
            }
        }
        Some(())
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// `c-GROUP-GENERATION-INDEX` of a client, `r-…` of a rule.
fn read_id(text: &str) -> Option<AlertId> {
    let mut parts = text.split('-');
    let is_rules = parts.next()? == "r";
    let mut number = || parts.next()?.parse().ok();
    Some(AlertId { is_rules, group: number()?, generation: number()?, index: number()? })
}
