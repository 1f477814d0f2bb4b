//! The pages people see and quiet alerts on: HTML made on the server from `templates/web/`.
//!
//! Pages look at the machines through the handles the HTTP APIs have ([`notifier::io::desk::Desk`],
//! [`rules_engine::io::state::RulesState`]), copy what they show, and format it outside; what people change goes the way of
//! the API. Everything can be read, and every form sent, without JavaScript; the modules in `ui/assets/` make it quicker.
//!
//! - [`house`]: what pages are made of: the two halves, where they run, the clock
//! - [`here`]: where in the site a request is; links are relative, so that any prefix and proxy will do
//! - [`page`]: a template and its data as an answer
//! - [`asset`]: style, scripts and the icon, under addresses that change with them
//! - `shield`: headers of every answer; [`form`]: forms that only our own pages send
//! - [`matchers`]: matchers that people type
//! - [`moment`], [`shown`]: times, and texts from outside, as they are shown
//! - [`alerts`]: the list of alerts; `alert`: one of them
//! - `rules`: groups and how they fare, one rule with its plot and its alerts
//! - `silences`: lists, the form with its preview, ends
//! - [`plot`]: series drawn as SVG
//! - `routing`: the tree, the way of an alert through it, what another configuration would change
//! - `history`: who was told what when; `status`: figures, receivers and their test, configurations
//! - `home`: the way in, and where links of the family lead
//!
//! A page is a file here and one in `templates/web/`; `routes` of each are put together in [`router`].

mod alert;
pub mod alerts;
pub mod asset;
pub mod form;
pub mod here;
mod history;
mod home;
pub mod house;
pub mod matchers;
pub mod moment;
pub mod page;
pub mod plot;
mod routing;
mod rules;
mod shield;
pub mod shown;
mod silences;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use notifier::io::desk::Desk;
use tower_http::compression::CompressionLayer;

pub use house::{House, RuleDesk};

/// Every page, below the prefix of the service.
pub fn router<N: Desk, R: RuleDesk>(house: House<N, R>) -> Router {
    let house = Arc::new(house);
    Router::new()
        .merge(home::routes())
        .merge(routing::routes())
        .merge(history::routes())
        .merge(status::routes())
        .merge(alerts::routes())
        .merge(alert::routes())
        .merge(silences::routes())
        .merge(rules::routes())
        .with_state(house)
        .merge(asset::routes())
        .layer(CompressionLayer::new().gzip(true))
        .layer(from_fn(shield::headers))
}

#[cfg(test)]
mod tests;
