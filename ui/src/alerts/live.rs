//! Cards that change while somebody looks: server-sent events, only what is new to the viewer.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use notifier::io::desk::Desk;
use serde::Serialize;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};

use super::request::Request;
use super::{Found, Listing};
use crate::here::Here;
use crate::house::{House, RuleDesk};

/// Viewers at the same time; more see the page as it was when they loaded it.
const VIEWERS_MAX: usize = 64;
/// Lists that are made at the same time; others wait for their turn.
const LISTS_MAX: usize = 2;
/// Between two looks for one viewer.
const PAUSE: Duration = Duration::from_secs(2);
/// A look that takes long is followed by a pause so many times as long.
const REST: u32 = 20;

/// Who looks, and whose turn it is: looks of many viewers do not pile up.
#[derive(Debug)]
pub struct Viewers {
    places: Arc<Semaphore>,
    looking: Semaphore,
    listing: Semaphore,
    suggesting: Semaphore,
    refused: AtomicU64,
}

impl Default for Viewers {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(VIEWERS_MAX)),
            looking: Semaphore::new(1),
            listing: Semaphore::new(LISTS_MAX),
            suggesting: Semaphore::new(1),
            refused: AtomicU64::new(0),
        }
    }
}

impl Viewers {
    /// How many there are.
    pub fn count(&self) -> usize {
        VIEWERS_MAX.saturating_sub(self.places.available_permits())
    }

    /// How many found no place.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// A turn to make a list.
    pub(super) async fn listing(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.listing.acquire().await
    }

    /// A turn to look for suggestions.
    pub(super) async fn suggesting(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.suggesting.acquire().await
    }
}

/// What changed.
#[derive(Serialize)]
struct Change {
    /// The keys of all cards in their order.
    order: Vec<String>,
    /// Those that are new to the viewer.
    cards: BTreeMap<String, String>,
    /// What is above the cards, if that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
}

/// A viewer and what they have.
struct Viewing<N, R> {
    house: Arc<House<N, R>>,
    here: Here,
    request: Request,
    ended: watch::Receiver<bool>,
    pause: Duration,
    /// Hashes of the cards they have.
    has: HashSet<String>,
    order: Option<Vec<String>>,
    head: String,
    _place: OwnedSemaphorePermit,
}

/// `GET /alerts/live`: with the query of the page, and `have`: the hashes of the cards that are there.
pub(super) async fn stream<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let Ok(request) = Request::read(&here, house.matcher_mode) else { return StatusCode::BAD_REQUEST.into_response() };
    let Ok(place) = house.viewers.places.clone().try_acquire_owned() else {
        house.viewers.refused.fetch_add(1, Ordering::Relaxed);
        return (StatusCode::SERVICE_UNAVAILABLE, "too many look at alerts as they change\n").into_response();
    };
    let has = here.parameter("have").unwrap_or_default().split('.').map(str::to_owned).collect();
    let viewing = Viewing {
        ended: house.ended.clone(),
        house,
        here,
        request,
        pause: PAUSE,
        has,
        order: None,
        head: String::new(),
        _place: place,
    };
    let events = stream::unfold(viewing, |mut viewing| async move {
        let event = viewing.next().await?;
        Some((Ok::<_, Infallible>(event), viewing))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    // Proxies that gather answers would keep the events back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl<N: Desk, R: RuleDesk> Viewing<N, R> {
    /// The next change; `None` when the process ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let has_ended = tokio::time::timeout(self.pause, self.ended.wait_for(|ended| *ended)).await.is_ok();
            if has_ended {
                return None;
            }
            if let Some(change) = self.look().await? {
                return Event::default().json_data(change).ok();
            }
        }
    }

    /// `None` if there is nothing to look at any more; nothing inside if nothing changed.
    async fn look(&mut self) -> Option<Option<Change>> {
        let house = self.house.clone();
        let desk = house.notifier.clone()?;
        let _turn = house.viewers.looking.acquire().await.ok()?;
        let request = self.request.clone();
        let began = house.now();
        let found = tokio::task::spawn_blocking(move || Found::of(&*desk, &request)).await.ok()?;
        self.pause = PAUSE.max(house.now().since(began) * REST);
        Some(self.change(found))
    }

    fn change(&mut self, found: Found) -> Option<Change> {
        let order: Vec<String> = found.cards.iter().map(|card| card.key.clone()).collect();
        let new = found.cards.iter().filter(|card| !self.has.contains(&card.hash));
        let rendered = new.map(|card| Some((card.key.clone(), self.render("web.alert_card", card)?)));
        let cards: BTreeMap<String, String> = rendered.collect::<Option<_>>()?;
        self.has = found.cards.iter().map(|card| card.hash.clone()).collect();
        let listing = Listing::of(&self.request, None, &self.here, found);
        let head = self.render("web.alerts_head", &listing)?;
        let is_new_head = head != self.head;
        if cards.is_empty() && self.order.as_ref() == Some(&order) && !is_new_head {
            return None;
        }
        self.order = Some(order.clone());
        self.head.clone_from(&head);
        Some(Change { order, cards, head: is_new_head.then_some(head) })
    }

    fn render(&self, name: &str, view: &impl Serialize) -> Option<String> {
        // The page they are put into is one level up.
        let here = self.here.at("/alerts", &self.request.query());
        let rendered = self.house.fragment(&here, name, view);
        rendered.inspect_err(|error| tracing::error!(%error, page = name, "a part of a page failed")).ok()
    }
}
