//! Silences: lists by state, one of them, the form that makes and changes them, what it would do.
//!
//! - [`listing`]: `/silences`, also of recurring ones
//! - [`one`]: `/silences/ID`, with what can be done to it
//! - [`typed`]: the form as typed, and what it means
//! - [`effect`]: which alerts a silence would mute; [`breadth`]: which are worth a second look
//! - [`desk_form`]: `/silences/new`, where they are made and edited

mod breadth;
mod desk_form;
mod effect;
mod listing;
mod one;
mod typed;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use model::Matcher;
use model::matcher::parse::print_matchers;
use notifier::io::desk::Desk;
use serde::Serialize;

use crate::here::query_of;
use crate::house::{House, RuleDesk};
use crate::shown::{LONG, SHORT, shown};

/// A longer text of matchers is no link.
const LINK_BYTES_MAX: usize = 4000;

/// Everything below `/silences`.
pub(crate) fn routes<N: Desk, R: RuleDesk>() -> Router<Arc<House<N, R>>> {
    Router::new()
        .route("/silences", get(listing::list::<N, R>))
        .route("/silences/new", get(desk_form::fresh::<N, R>).post(desk_form::take::<N, R>))
        .route("/silences/preview", post(desk_form::preview::<N, R>))
        .route("/silences/{id}", get(one::show::<N, R>))
        .route("/silences/{id}/edit", get(desk_form::edit::<N, R>))
        .route("/silences/{id}/expire", get(one::ask_to_expire::<N, R>).post(one::expire::<N, R>))
        .route("/silences/{id}/extend", post(one::extend::<N, R>))
}

/// A matcher as pages show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ShownMatcher {
    name: String,
    op: &'static str,
    value: String,
}

impl ShownMatcher {
    fn all(matchers: &[Matcher]) -> Vec<Self> {
        let one = |matcher: &Matcher| Self {
            name: shown(matcher.name(), SHORT),
            op: matcher.op().as_str(),
            value: shown(matcher.value(), LONG),
        };
        matchers.iter().map(one).collect()
    }
}

/// The query of the alerts' page that shows what these match, whatever hides it.
fn alerts_query(matchers: &[Matcher]) -> Option<String> {
    let text = print_matchers(matchers);
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(&text);
    (text.len() <= LINK_BYTES_MAX).then(|| query_of([("q", text), ("show", "all")]))
}
