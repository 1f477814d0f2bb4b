//! The alerts that fire, in cards: `/alerts`.
//!
//! - [`filter`], [`request`]: which alerts, from the address
//! - [`state`]: what hides an alert, who works on it
//! - [`gathering`]: alerts in bunches; [`card`]: a bunch as it is shown
//! - `live`: cards that change, while somebody looks
//! - `suggestion`: what could be typed next
//! - `quieting`: to acknowledge and to silence

pub mod card;
pub mod filter;
pub mod gathering;
mod live;
mod quieting;
pub mod request;
pub mod state;
mod suggestion;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use notifier::io::desk::Desk;
use serde::Serialize;

use crate::here::Here;
use crate::house::{House, RuleDesk, Section};
use crate::page::{Frame, see_other};
use crate::shown::{LONG, shown};
use card::Card;
use filter::FilterError;
use gathering::{Counts, gather};
use request::{Request, Show, Sort};

pub use live::Viewers;

/// Cards of a page.
const CARDS: usize = 40;

pub(crate) fn routes<N: Desk, R: RuleDesk>() -> Router<Arc<House<N, R>>> {
    Router::new()
        .route("/alerts", get(list::<N, R>))
        .route("/alerts/live", get(live::stream::<N, R>))
        .route("/alerts/suggest", get(suggestion::suggest::<N, R>))
        .route("/alerts/acknowledge", post(quieting::acknowledge::<N, R>))
        .route("/alerts/unacknowledge", post(quieting::unacknowledge::<N, R>))
        .route("/alerts/silence", post(quieting::silence::<N, R>))
}

/// The page as its template sees it.
#[derive(Debug, Serialize)]
struct Listing {
    /// The filter as it was read.
    q: String,
    terms: Vec<ShownTerm>,
    wrong: Option<String>,
    counts: Counts,
    tabs: Vec<Tab>,
    sort: String,
    /// The label that is sorted by.
    #[serde(rename = "sortLabel")]
    sort_label: Option<String>,
    by: String,
    show: &'static str,
    /// How many cards there are in all.
    bunches: usize,
    pages: Option<Pages>,
    alone: bool,
    /// The query of the list that a card alone was opened from.
    all_cards: String,
    query: String,
    cards: Vec<Card>,
}

#[derive(Debug, Serialize)]
struct ShownTerm {
    text: String,
    /// The query without it.
    without: String,
}

#[derive(Debug, Serialize)]
struct Tab {
    title: &'static str,
    count: usize,
    query: String,
    current: bool,
}

#[derive(Debug, Serialize)]
struct Pages {
    page: usize,
    last: usize,
    before: Option<String>,
    after: Option<String>,
}

/// What is shown now.
struct Found {
    counts: Counts,
    bunches: usize,
    last_page: usize,
    cards: Vec<Card>,
}

impl Found {
    fn of<D: Desk>(desk: &D, request: &Request) -> Self {
        let gathering = gather(desk, request);
        let total = gathering.bunches.len();
        let (chosen, last_page) = match &request.card {
            Some(key) => {
                let chosen: Vec<_> = gathering.bunches.into_iter().filter(|bunch| bunch.key == *key).collect();
                let members = chosen.first().map_or(0, |bunch| bunch.members.len());
                (chosen, members.div_ceil(card::ROWS_ALONE))
            }
            None => {
                let skipped = (request.page - 1).saturating_mul(CARDS);
                (gathering.bunches.into_iter().skip(skipped).take(CARDS).collect(), total.div_ceil(CARDS))
            }
        };
        let cards = card::cards(desk, request, &chosen);
        Self { counts: gathering.counts, bunches: total, last_page: last_page.max(1), cards }
    }
}

async fn list<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let Some(desk) = house.notifier.clone() else { return see_other(&here, "rules?state=firing") };
    let (request, wrong) = match Request::read(&here, house.matcher_mode) {
        Ok(request) => (request, None),
        Err(error) => (Request::default(), Some(error)),
    };
    let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let title = if request.filter.is_empty() { "Alerts".to_owned() } else { format!("Alerts {}", request.filter) };
    // The semaphore is never closed; without a turn it would only be sooner.
    let _turn = house.viewers.listing().await;
    let answered = house.clone();
    let view = tokio::task::spawn_blocking(move || {
        let found = Found::of(&*desk, &request);
        let listing = Listing::of(&request, wrong.as_ref(), &here, found);
        let title = shown(&title, 200);
        let frame = Frame::new(&here, Section::Alerts, &title).with_scripts(&["alerts.js"]);
        answered.page_with(status, &frame, "web.alerts", &listing)
    });
    view.await.unwrap_or_else(|_| house.failed())
}

impl Listing {
    fn of(request: &Request, wrong: Option<&FilterError>, here: &Here, found: Found) -> Self {
        let q = match wrong {
            Some(_) => shown(&here.all("q").join(", "), LONG),
            None => request.filter.to_string(),
        };
        let terms = request.filter.terms().iter().enumerate().map(|(place, term)| ShownTerm {
            text: shown(&term.to_string(), 200),
            without: request.without(place).query(),
        });
        Self {
            q,
            terms: terms.collect(),
            wrong: wrong.map(ToString::to_string),
            counts: found.counts,
            tabs: tabs(request, &found.counts),
            sort: request.sort_text(),
            sort_label: match &request.sort {
                Sort::Label(label) => Some(label.clone()),
                _ => None,
            },
            by: request.by.join(","),
            show: Show::ALL.into_iter().find(|(show, _)| *show == request.show).map_or("", |(_, name)| name),
            bunches: found.bunches,
            pages: pages(request, found.last_page),
            alone: request.card.is_some(),
            all_cards: Request { card: None, page: 1, ..request.clone() }.query(),
            query: request.query(),
            cards: found.cards,
        }
    }
}

fn tabs(request: &Request, counts: &Counts) -> Vec<Tab> {
    let tab =
        |title, show, count| Tab { title, count, query: request.showing(show).query(), current: request.show == show };
    vec![
        tab("Active", Show::Active, counts.active),
        tab("Suppressed", Show::Suppressed, counts.suppressed),
        tab("All", Show::All, counts.all),
    ]
}

fn pages(request: &Request, last: usize) -> Option<Pages> {
    let page = request.page.min(last);
    (last > 1).then(|| Pages {
        page,
        last,
        before: (page > 1).then(|| request.at_page(page - 1).query()),
        after: (page < last).then(|| request.at_page(page + 1).query()),
    })
}
