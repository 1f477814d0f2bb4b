//! The routing tree: drawn, the way of an alert through it, and what another configuration would change.

mod change;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use model::labels::ALERT_NAME;
use model::matcher::parse::ParseMode;
use model::{LabelSet, MatchOp, Timestamp};
use notifier::config::Config;
use notifier::io::desk::Desk;
use notifier::route::RouteTree;
use notifier::route::way::{Destination, Way, way};
use serde::Serialize;
use tree::Row;

use crate::here::Here;
use crate::house::{House, RuleDesk, Section};
use crate::matchers::read_all;
use crate::moment::Moment;
use crate::page::Frame;
use crate::shown::{LONG, SHORT, shown};

/// Alerts that are offered to pick one, each of another name.
const SAMPLES_MAX: usize = 60;
/// Alerts that are looked at for that.
const SAMPLES_SEARCHED: usize = 5000;
/// A longer text is not offered.
const SAMPLE_BYTES_MAX: usize = 400;

/// Where the tree is, and what changes it.
pub(crate) fn routes<N: Desk, R: RuleDesk>() -> Router<Arc<House<N, R>>> {
    Router::new()
        .route("/routing", get(show::<N, R>))
        .route("/routing/change", get(change::show::<N, R>).post(change::post::<N, R>))
}

/// What the page shows.
#[derive(Serialize)]
struct View {
    /// As they were written.
    labels: String,
    at: String,
    only: bool,
    wrong: Option<String>,
    /// Labels of alerts that fire, to pick one.
    samples: Vec<String>,
    way: Option<WayView>,
    rows: Vec<Row>,
    routes: usize,
    /// Routes that are left out, as the alert does not take them.
    hidden: usize,
}

#[derive(Serialize)]
struct WayView {
    labels: Vec<(String, String)>,
    at: Moment,
    destinations: Vec<Destination>,
}

/// What is asked of the tree.
struct Asked {
    labels: Option<LabelSet>,
    at: Timestamp,
}

async fn show<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let Some(desk) = &house.notifier else { return no_notifier(&house, &here) };
    let now = house.now();
    let asked = asked(&here, house.matcher_mode, now);
    let (config, members, samples) =
        desk.read(|notifier, now| (notifier.config().cloned(), notifier.members_by_route(), samples(notifier, now)));
    let Some(config) = config else {
        let message = "The notifier has no configuration yet.";
        return house.mistake(&here, StatusCode::SERVICE_UNAVAILABLE, message, None);
    };
    let (asked, wrong) = match asked {
        Ok(asked) => (asked, None),
        Err(wrong) => (Asked { labels: None, at: now }, Some(wrong)),
    };
    let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let found = asked.labels.map(|labels| taken(&config, &labels, asked.at));
    let only = here.parameter("only").is_some() && found.is_some();
    let rows = tree::rows(&config, found.as_ref().map(|way| &way.route), &members, asked.at, only);
    let routes = tree::count(&config.route);
    let view = View {
        labels: here.parameter("labels").unwrap_or_default(),
        at: here.parameter("at").unwrap_or_default(),
        only,
        wrong: wrong.map(|wrong| shown(&wrong, LONG)),
        samples,
        way: found.map(|way| WayView::of(way, asked.at)),
        hidden: routes - rows.len().min(routes),
        rows,
        routes,
    };
    house.page_with(status, &Frame::new(&here, Section::Routing, "Routing"), "web.routing", &view)
}

fn no_notifier<N: Desk, R: RuleDesk>(house: &House<N, R>, here: &Here) -> Response {
    house.mistake(here, StatusCode::NOT_FOUND, "No notifier runs in this process: there are no routes.", None)
}

fn taken(config: &Arc<Config>, labels: &LabelSet, at: Timestamp) -> Way {
    way(&RouteTree::new(config.clone()), labels, at)
}

fn asked(here: &Here, mode: ParseMode, now: Timestamp) -> Result<Asked, String> {
    let at = match here.parameter("at") {
        None => now,
        Some(text) => Timestamp::parse_rfc3339(text.trim())
            .map_err(|error| format!("The time cannot be read: {error}. Write it as 2026-11-22T08:00:00Z."))?,
    };
    let labels = here.parameter("labels").map(|text| labels_of(&text, mode)).transpose()?;
    Ok(Asked { labels, at })
}

/// Labels as people write them: `alertname=Down, team="a"`, with or without braces; one word alone is the alert's name.
fn labels_of(text: &str, mode: ParseMode) -> Result<LabelSet, String> {
    let text = text.trim();
    if !text.is_empty() && !text.contains(['=', '{', '}', '~', ',']) {
        return Ok(LabelSet::from_pairs([(ALERT_NAME, text)]));
    }
    let matchers = read_all(text, mode)
        .map_err(|error| format!("The labels cannot be read: {error}. Write them as alertname=Down, team=\"a\"."))?;
    let pairs = matchers.iter().map(|matcher| match matcher.op() {
        MatchOp::Equal => Ok((matcher.name(), matcher.value())),
        _ => Err(format!("{matcher} is no label: an alert has name=\"value\".")),
    });
    Ok(LabelSet::from_pairs(pairs.collect::<Result<Vec<_>, _>>()?))
}

/// Labels of one alert of each name, as [`labels_of`] reads them.
fn samples(notifier: &notifier::notifier::Notifier, now: Timestamp) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut texts = BTreeSet::new();
    for alert in notifier.alerts(now).take(SAMPLES_SEARCHED) {
        let labels = alert.labels();
        if names.len() >= SAMPLES_MAX {
            break;
        }
        if labels.bytes() <= SAMPLE_BYTES_MAX && names.insert(labels.alert_name().to_owned()) {
            texts.insert(labels.to_string());
        }
    }
    texts.into_iter().collect()
}

impl WayView {
    fn of(way: Way, at: Timestamp) -> Self {
        let labels = way.labels.iter().map(|(name, value)| (shown(name, SHORT), shown(value, SHORT)));
        let bounded = |destination: Destination| Destination {
            receiver: shown(&destination.receiver, SHORT),
            group_key: shown(&destination.group_key, LONG),
            ..destination
        };
        Self {
            labels: labels.collect(),
            at: at.into(),
            destinations: way.destinations.into_iter().map(bounded).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_people_write_them() {
        let read = |text| labels_of(text, ParseMode::default()).map(|labels| labels.to_string());
        assert_eq!(read("Down"), Ok(r#"{alertname="Down"}"#.to_owned()));
        assert_eq!(read(" High load "), Ok(r#"{alertname="High load"}"#.to_owned()));
        assert_eq!(read("alertname=Down, team=\"a b\""), Ok(r#"{alertname="Down", team="a b"}"#.to_owned()));
        assert_eq!(read(r#"{alertname="Down",team="a"}"#), Ok(r#"{alertname="Down", team="a"}"#.to_owned()));
        assert!(read("team=~a").unwrap_err().contains("no label"));
        assert!(read("{team=\"x").unwrap_err().contains("cannot be read"));
        let hostile = LabelSet::from_pairs([("alertname", "</script>\"'\\ \n\u{1}"), ("b", "x, y=\"z\"")]);
        assert_eq!(labels_of(&hostile.to_string(), ParseMode::default()), Ok(hostile));
    }
}
