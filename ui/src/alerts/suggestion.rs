//! What could be typed next in the filter: names and values of labels of the alerts that fire.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::quote::quote;
use model::{Caller, LabelSet};
use notifier::alert_book::AlertId;
use notifier::io::desk::Desk;
use serde::Serialize;

use super::filter::About;
use crate::here::Here;
use crate::house::{House, RuleDesk};
use crate::shown::{SHORT, shown};

/// Suggestions in an answer.
const MOST: usize = 20;
/// Alerts looked at in one piece.
const PIECE: usize = 1000;
/// Different values that are counted; more alerts do not make the answer better.
const VALUES_MAX: usize = 50_000;
/// Longer texts are not suggested.
const TEXT_BYTES_MAX: usize = 200;

/// Something to put in place of the term that is being typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Suggestion {
    /// The term.
    term: String,
    /// How many alerts have it; not of what is no label.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    /// Whether something must follow.
    open: bool,
}

/// `GET /alerts/suggest?text=…`: for the term that is being typed.
pub(super) async fn suggest<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let Some(desk) = house.notifier.clone() else { return StatusCode::NOT_FOUND.into_response() };
    let text = here.parameter("text").unwrap_or_default();
    // One at a time: whoever types asks often, and only the last answer counts.
    let Ok(_turn) = house.viewers.suggesting().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let caller = here.caller().clone();
    let found = tokio::task::spawn_blocking(move || suggestions(&*desk, &caller, text.trim_start())).await;
    found.map_or_else(|_| house.failed(), |found| Json(found).into_response())
}

fn suggestions<D: Desk>(desk: &D, caller: &Caller, text: &str) -> Vec<Suggestion> {
    if let Some(rest) = text.strip_prefix('@') {
        return about(desk, caller, rest);
    }
    let op = ["=~", "!~", "!=", "="]
        .into_iter()
        .filter_map(|op| Some((text.find(op)?, op)))
        .min_by_key(|(at, op)| (*at, 2 - op.len()));
    match op {
        None => names(desk, caller, text.trim_matches('"')),
        Some((at, op)) => {
            let name = text.get(..at).unwrap_or_default().trim().trim_matches('"');
            let begun = text.get(at + op.len()..).unwrap_or_default().trim().trim_matches('"');
            values(desk, caller, name, op, begun)
        }
    }
}

fn names<D: Desk>(desk: &D, caller: &Caller, begun: &str) -> Vec<Suggestion> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    each(desk, caller, |labels| {
        for (name, _) in labels.iter() {
            count(&mut counts, name);
        }
    });
    let about = About::ALL
        .iter()
        .map(|(_, name)| *name)
        .chain(["age"])
        .filter(|name| begun.is_empty() || name.starts_with(begun));
    let labels = best(counts, begun).into_iter().map(|(name, count)| Suggestion {
        term: if is_plain(&name) { name } else { quote(&name) },
        count: Some(count),
        open: true,
    });
    let about = about.map(|name| Suggestion { term: format!("@{name}"), count: None, open: true });
    labels.chain(about).take(MOST).collect()
}

fn values<D: Desk>(desk: &D, caller: &Caller, name: &str, op: &str, begun: &str) -> Vec<Suggestion> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    each(desk, caller, |labels| {
        if let Some(value) = labels.get(name) {
            count(&mut counts, value);
        }
    });
    let shown_name = if is_plain(name) { name.to_owned() } else { quote(name) };
    let term = |value: &str| {
        let value = if op.ends_with('~') { regex::escape(value) } else { value.to_owned() };
        format!("{shown_name}{op}{}", quote(&value))
    };
    best(counts, begun)
        .into_iter()
        .map(|(value, count)| Suggestion { term: term(&value), count: Some(count), open: false })
        .collect()
}

/// Of what is no label.
fn about<D: Desk>(desk: &D, caller: &Caller, text: &str) -> Vec<Suggestion> {
    let open = |term: String| Suggestion { term, count: None, open: true };
    let closed = |term: String| Suggestion { term, count: None, open: false };
    let (name, begun) = text.split_once(['=', '!', '>', '<', '~']).unwrap_or((text, ""));
    let begun = begun.trim_matches(['=', '~', '"']);
    let fits = |value: &&str| value.contains(begun);
    match name.trim() {
        _ if name.len() == text.len() => {
            let names = About::ALL.iter().map(|(_, name)| *name).chain(["age"]);
            names.filter(|name| name.starts_with(text)).map(|name| open(format!("@{name}"))).collect()
        }
        "state" => {
            let states = ["active", "suppressed", "silenced", "inhibited", "muted", "acknowledged"];
            states.into_iter().filter(fits).map(|state| closed(format!("@state=\"{state}\""))).collect()
        }
        "age" => ["@age>10m", "@age>1h", "@age>1d", "@age<10m"].map(|term| closed(term.to_owned())).into(),
        "receiver" => {
            let config = desk.read(|notifier, _| notifier.config().cloned()).filter(|_| !caller.is_scoped());
            let receivers = config.iter().flat_map(|config| config.receivers.keys());
            let receivers = receivers.filter(|name| name.contains(begun)).take(MOST);
            receivers.map(|name| closed(format!("@receiver={}", quote(&shown(name, SHORT))))).collect()
        }
        other => vec![closed(format!("@{other}!=\"\"")), closed(format!("@{other}=\"\""))],
    }
}

/// Looks at the labels of every alert that fires and is the caller's business, in short pieces.
fn each<D: Desk>(desk: &D, caller: &Caller, mut look: impl FnMut(&LabelSet)) {
    let ids: Vec<AlertId> = desk.read(|notifier, now| notifier.alerts(now).map(|alert| alert.id()).collect());
    for ids in ids.chunks(PIECE) {
        desk.read(|notifier, now| {
            let labels = ids.iter().filter_map(|id| notifier.alert(now, *id)).map(|alert| alert.labels());
            labels.filter(|labels| caller.sees(labels)).for_each(|labels| look(&labels));
        });
    }
}

fn count(counts: &mut HashMap<String, usize>, text: &str) {
    if let Some(count) = counts.get_mut(text) {
        *count += 1;
    } else if counts.len() < VALUES_MAX && text.len() <= TEXT_BYTES_MAX {
        counts.insert(text.to_owned(), 1);
    }
}

/// Those that contain what was typed: those that begin with it first, then the most frequent.
fn best(counts: HashMap<String, usize>, begun: &str) -> Vec<(String, usize)> {
    let begun = begun.to_lowercase();
    let place = |text: &str| {
        let text = text.to_lowercase();
        if text.starts_with(&begun) { Some(0) } else { text.contains(&begun).then_some(1) }
    };
    let mut fitting: Vec<_> =
        counts.into_iter().filter_map(|(text, count)| Some((place(&text)?, text, count))).collect();
    fitting.sort_by(|a, b| (a.0, b.2, &a.1).cmp(&(b.0, a.2, &b.1)));
    fitting.into_iter().take(MOST).map(|(_, text, count)| (text, count)).collect()
}

fn is_plain(name: &str) -> bool {
    model::matcher::is_classic_name(name)
}
