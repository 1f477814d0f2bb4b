//! `/api/v2/explain`, which Alertmanager does not have: why an alert was told or not.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::labels::Fingerprint;
use model::{LabelSet, MatchOp, Matcher};

use super::Api;
use super::answer::{self, Refusal};
use super::filter::Parameters;
use crate::io::asking::Asking;
use crate::io::desk::Desk;
use crate::io::explaining::{Explained, explain, explained};
use crate::notifier::Asked;

/// Alerts explained where nothing is said about it, and at most.
const ALERTS: usize = 10;
const ALERTS_MAX: usize = 100;

/// `GET /explain`: of the alerts that `filter` or `fingerprint` means; with `suppose=true` of one that is not there.
pub(super) async fn show<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let parameters = Parameters::read(query.as_deref(), api.about.matcher_mode);
    let most = limit(&parameters, ALERTS, ALERTS_MAX)?;
    let asked = asked(&parameters)?;
    if parameters.flag("suppose", false) {
        let labels = supposed(&asked)?;
        if !asking.sees(&labels) {
            let message = asking.out_of_scope("the labels").to_string();
            return Err(answer::refusal(StatusCode::FORBIDDEN, message));
        }
        let alert = api.desk.read(|notifier, now| explained(notifier, now, &asking, &labels, true, &[]));
        return Ok(answer::json(&Explained { alerts: vec![alert], more: 0, not_found: None }));
    }
    Ok(answer::json(&explain(&*api.desk, &asking, &asked, most).await?))
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
