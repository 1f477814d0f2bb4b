//! A local inbox: takes e-mail, PagerDuty events and webhooks for real and shows each page.
//!
//! For trying things out; nothing is authenticated and nothing kept beyond `PAGES_MAX` pages.

mod http;
mod smtp;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;
use serde::{Serialize, Serializer};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use crate::live;

/// Pages kept; older ones go.
const PAGES_MAX: usize = 1000;

/// Connections of each door that are served at the same time; others wait.
const CONNECTIONS_MAX: usize = 64;

/// Something a receiver was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    /// It is the so manieth, from 1.
    pub number: u64,
    /// When it came in.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// `email`, `pagerduty` or `webhook`.
    pub channel: &'static str,
    /// To whom: mail addresses, routing key, path.
    pub to: String,
    /// What it says of its alerts.
    pub tells: Tells,
    /// One line: subject, summary or status.
    pub summary: String,
    /// The text part, or the JSON body.
    pub body: String,
}

/// What a page says of its alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tells {
    /// Some fire.
    Firing,
    /// All are resolved.
    Resolved,
    /// Something else, such as an acknowledgement.
    Other,
}

/// Where the inbox listens, and what came in.
#[derive(Clone)]
pub struct Inbox {
    /// SMTP, without TLS or authentication.
    pub smtp: SocketAddr,
    /// HTTP: paths ending in `/v2/enqueue` are PagerDuty events, all others webhooks.
    pub http: SocketAddr,
    shelf: Arc<Shelf>,
}

pub(crate) struct Shelf {
    pages: Mutex<VecDeque<Page>>,
    /// How many came in; counted while `pages` is held.
    count: AtomicU64,
    arrivals: broadcast::Sender<Page>,
}

impl Inbox {
    /// Opens both doors; port 0 takes any free port.
    ///
    /// # Errors
    /// An address cannot be bound.
    pub async fn open(smtp: SocketAddr, http: SocketAddr) -> std::io::Result<Self> {
        let shelf = Arc::new(Shelf {
            pages: Mutex::default(),
            count: AtomicU64::new(0),
            arrivals: broadcast::channel(PAGES_MAX).0,
        });
        let smtp = TcpListener::bind(smtp).await?;
        let http = TcpListener::bind(http).await?;
        let inbox = Self { smtp: smtp.local_addr()?, http: http.local_addr()?, shelf: shelf.clone() };
        tokio::spawn(smtp::serve(smtp, shelf.clone()));
        tokio::spawn(http::serve(http, shelf));
        Ok(inbox)
    }

    /// Everything that came in, oldest first.
    pub fn pages(&self) -> Vec<Page> {
        self.shelf.pages().iter().cloned().collect()
    }

    /// One of them, if it is there still.
    pub fn page(&self, number: u64) -> Option<Page> {
        self.shelf.pages().iter().find(|page| page.number == number).cloned()
    }

    /// Every page from now on.
    pub fn arrivals(&self) -> broadcast::Receiver<Page> {
        self.shelf.arrivals.subscribe()
    }
}

/// A page before it lies on the shelf.
pub(crate) struct Arrival {
    pub(crate) channel: &'static str,
    pub(crate) to: String,
    pub(crate) tells: Tells,
    pub(crate) summary: String,
    pub(crate) body: String,
}

fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_millis())
}

impl Shelf {
    pub(crate) fn put(&self, arrival: Arrival) {
        let Arrival { channel, to, tells, summary, body } = arrival;
        let mut pages = self.pages();
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let page = Page { number, at: live::now(), channel, to, tells, summary, body };
        if pages.len() == PAGES_MAX {
            pages.pop_front();
        }
        pages.push_back(page.clone());
        // Nobody may be watching.
        drop(self.arrivals.send(page));
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, VecDeque<Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
