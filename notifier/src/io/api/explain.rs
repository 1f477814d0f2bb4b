//! `/api/v2/explain`, which Alertmanager does not have: why an alert was told or not.

use std::collections::BTreeSet;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::labels::Fingerprint;
use model::{LabelSet, MatchOp, Matcher};
use serde::Serialize;

use super::Api;
use super::answer::{self, Refusal};
use super::filter::Parameters;
use crate::explanation::{Explanation, NotFound};
use crate::history::{Name, Wanted};
use crate::io::archive::PAGES_AT_ONCE;
use crate::io::desk::Desk;
use crate::notifier::Asked;

/// Alerts explained where nothing is said about it, and at most.
const ALERTS: usize = 10;
const ALERTS_MAX: usize = 100;
/// Pages of the history that are searched for alerts that are gone, latest first.
const PAGES_SEARCHED: usize = 1024;
/// Labels of alerts that are gone, among which the nearest is looked for.
const PAST_MAX: usize = 1000;

/// What is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    alerts: Vec<Explanation>,
    /// How many more alerts are meant.
    more: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_found: Option<NotFound>,
}

/// `GET /explain`: of the alerts that `filter` or `fingerprint` means; with `suppose=true` of one that is not there.
pub(super) async fn show<D: Desk>(State(api): State<Api<D>>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let parameters = Parameters::read(query.as_deref(), api.about.matcher_mode);
    let most = limit(&parameters, ALERTS, ALERTS_MAX)?;
    let asked = asked(&parameters)?;
    if parameters.flag("suppose", false) {
        let labels = supposed(&asked)?;
        let alert = api.desk.read(|notifier, now| notifier.explain(now, &labels, true, &[]));
        return Ok(answer::json(&Explained { alerts: vec![alert], more: 0, not_found: None }));
    }
    api.settle_history().await;
    let (mut meant, mut more) = api.desk.read(|notifier, now| notifier.meant_alerts(now, &asked, most));
    let mut not_found = None;
    if meant.is_empty() {
        let past = api.past(&asked, most).await?;
        (meant, more) = (past.meant, past.more);
        if meant.is_empty() {
            not_found = Some(api.desk.read(|notifier, _| notifier.explain_absence(&asked, &past.others)));
        }
    }
    let mut alerts = Vec::with_capacity(meant.len());
    for labels in meant {
        let events = api.events_about(&labels).await?;
        alerts.push(api.desk.read(|notifier, now| notifier.explain(now, &labels, false, &events)));
    }
    Ok(answer::json(&Explained { alerts, more, not_found }))
}

/// What is asked about.
pub(super) fn asked(parameters: &Parameters) -> Result<Asked, Refusal> {
    match parameters.last("fingerprint").filter(|text| !text.is_empty()) {
        Some(text) => match u64::from_str_radix(text, 16) {
            Ok(hash) if text.len() == 16 => Ok(Asked::Fingerprint(Fingerprint(hash))),
            _ => Err(bad_request(format!(
                "bad fingerprint {text:?}: 16 hexadecimal digits, as the list of alerts has them"
            ))),
        },
        None => {
            let matchers = parameters.matchers("filter")?;
            match matchers.is_empty() {
                true => Err(bad_request("say which alert is meant: filter=alertname=\"…\" or fingerprint=…")),
                false => Ok(Asked::Matching(matchers)),
            }
        }
    }
}

/// A number, with its default and bound.
pub(super) fn limit(parameters: &Parameters, default: usize, most: usize) -> Result<usize, Refusal> {
    match parameters.last("limit").filter(|text| !text.is_empty()).map(str::parse) {
        None => Ok(default),
        Some(Ok(limit)) if (1..=most).contains(&limit) => Ok(limit),
        Some(_) => Err(bad_request(format!("bad limit: a number from 1 to {most}"))),
    }
}

fn supposed(asked: &Asked) -> Result<LabelSet, Refusal> {
    let say_how = || bad_request("what is supposed needs labels: filter=name=\"value\", with = and nothing else");
    let Asked::Matching(matchers) = asked else { return Err(say_how()) };
    let pair = |matcher: &Matcher| {
        let is_pair = matcher.op() == MatchOp::Equal;
        is_pair.then(|| (matcher.name().to_owned(), matcher.value().to_owned())).ok_or_else(say_how)
    };
    Ok(LabelSet::from_pairs(matchers.iter().map(pair).collect::<Result<Vec<_>, _>>()?))
}

pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
    answer::refusal(StatusCode::BAD_REQUEST, message)
}

/// Alerts that only the history knows.
struct Past {
    meant: Vec<LabelSet>,
    more: usize,
    others: Vec<LabelSet>,
}

impl<D: Desk> Api<D> {
    /// Looks for alerts that are gone, those that were last heard of first.
    async fn past(&self, asked: &Asked, most: usize) -> Result<Past, Refusal> {
        let wanted = match asked {
            Asked::Fingerprint(fingerprint) => Wanted::of(vec![Name::of_alert(*fingerprint)]),
            Asked::Matching(_) => Wanted::all(),
        };
        let mut keys = self.desk.read(|notifier, _| notifier.history().pages(&wanted));
        keys.truncate(PAGES_SEARCHED);
        let (mut seen, mut past) = (BTreeSet::new(), Past { meant: Vec::new(), more: 0, others: Vec::new() });
        for keys in keys.chunks(PAGES_AT_ONCE) {
            let events = self.events(keys).await?;
            for labels in events.into_iter().rev().flat_map(|event| event.alerts).map(|alert| alert.labels) {
                if !seen.insert(labels.fingerprint()) {
                    continue;
                }
                match asked.means(&labels) {
                    true if past.meant.len() < most => past.meant.push(labels),
                    true => past.more += 1,
                    false if past.others.len() < PAST_MAX => past.others.push(labels),
                    false => {}
                }
            }
        }
        Ok(past)
    }
}
