//! The way in: `/` leads to the first page, also for links of Alertmanager's UI (`/#/silences/new?filter=…`), which only a script can
//! read; `/graph` is where links of Prometheus lead.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use notifier::io::desk::Desk;

use crate::here::{Here, query_of};
use crate::house::{House, RuleDesk, Section};
use crate::page::{Frame, see_other};

pub(crate) fn routes<N: Desk, R: RuleDesk>() -> Router<Arc<House<N, R>>> {
    Router::new().route("/", get(home::<N, R>)).route("/graph", get(graph::<N, R>))
}

async fn home<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let forward = format!("{}/{}", here.root(), house.first().path());
    let frame =
        Frame { here: &here, section: None, title: "Watchfire", scripts: &["home.js"], forward: Some(&forward) };
    house.page(&frame, "web.home", &serde_json::json!({}))
}

/// The rules with the expression, where rules run; else the first page.
async fn graph<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let expr = here.parameter("g0.expr").unwrap_or_default();
    match house.has(Section::Rules) {
        true => see_other(&here, &format!("rules?{}", query_of([("expr", expr.as_str())]))),
        false => see_other(&here, house.first().path()),
    }
}
