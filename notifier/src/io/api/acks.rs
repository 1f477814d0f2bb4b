//! `/api/v2/ack`, which Alertmanager does not have: who has taken which alerts on.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::labels::Fingerprint;
use model::matcher::all_match;
use model::matcher::parse::{ParseMode, parse_matcher};
use model::{LabelSet, Matcher, Timestamp};
use serde::{Deserialize, Serialize};

use super::Api;
use super::alerts::as_object;
use super::answer::{self, Refusal};
use super::filter::Parameters;
use super::moment::Moment;
use crate::acknowledgement::{AckDraft, AckTarget, Acknowledgement};
use crate::io::acknowledging::{acknowledge, take_back};
use crate::io::asking::Asking;
use crate::io::desk::Desk;

/// What clients post. Exactly one of the first three says what is meant.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PostedAck {
    fingerprints: Option<Vec<String>>,
    matchers: Option<Vec<String>>,
    group_key: Option<String>,
    /// Of those who are known their own name counts.
    #[serde(default)]
    by: String,
    #[serde(default)]
    comment: String,
    until: Option<Moment>,
}

/// An acknowledgement as clients see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownAck {
    fingerprint: String,
    #[serde(serialize_with = "as_object")]
    labels: LabelSet,
    starts_at: Moment,
    by: String,
    comment: String,
    at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
}

/// `GET /ack`: what is acknowledged now, of what `filter` matches.
pub(super) async fn list<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let matchers = Parameters::read(query.as_deref(), api.about.matcher_mode).matchers("filter")?;
    let shown = api.desk.read(|notifier, now| {
        let acks = notifier.acknowledgements(now).into_iter();
        let wanted = acks.filter(|(_, alert)| all_match(&matchers, &alert.labels()) && asking.sees(&alert.labels()));
        wanted.map(|(ack, alert)| ShownAck::new(ack, &alert.labels())).collect::<Vec<_>>()
    });
    Ok(answer::json_list(shown))
}

/// `POST /ack`: answered once it is stored, with what is acknowledged now.
pub(super) async fn post<D: Desk>(State(api): State<Api<D>>, asking: Asking, body: Bytes) -> Result<Response, Refusal> {
    let posted: PostedAck =
        serde_json::from_slice(&body).map_err(|error| bad(format!("the body is no acknowledgement: {error}")))?;
    let target = target(posted.fingerprints, posted.matchers, posted.group_key, api.about.matcher_mode)?;
    let until = posted.until.and_then(Moment::given);
    let draft = AckDraft { target, by: posted.by, comment: posted.comment, until };
    let made = acknowledge(&*api.desk, &asking, draft).await;
    let made = made.map_err(|(status, message)| answer::refusal(status, message))?;
    let shown = api.desk.read(|notifier, now| {
        let known = notifier.acknowledgements(now).into_iter();
        let wanted = known.filter(|(ack, _)| made.iter().any(|one| one.fingerprint == ack.fingerprint));
        wanted.map(|(ack, alert)| ShownAck::new(ack, &alert.labels())).collect::<Vec<_>>()
    });
    Ok(answer::json_list(shown))
}

/// `DELETE /ack`: takes back what `fingerprint`, `filter` or `groupKey` name; says of which alerts.
pub(super) async fn remove<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let parameters = Parameters::read(query.as_deref(), api.about.matcher_mode);
    let texts = |name| Some(parameters.all(name).map(str::to_owned).collect()).filter(|all: &Vec<_>| !all.is_empty());
    let group_key = parameters.last("groupKey").map(str::to_owned);
    let target = target(texts("fingerprint"), texts("filter"), group_key, api.about.matcher_mode)?;
    let taken = take_back(&*api.desk, &asking, &target).await;
    let taken = taken.map_err(|(status, message)| answer::refusal(status, message))?;
    Ok(answer::json_list(taken.iter().map(ToString::to_string).collect::<Vec<_>>()))
}

fn target(
    fingerprints: Option<Vec<String>>,
    matchers: Option<Vec<String>>,
    group_key: Option<String>,
    mode: ParseMode,
) -> Result<AckTarget, Refusal> {
    match (fingerprints, matchers, group_key) {
        (Some(texts), None, None) => {
            let read = |text: String| {
                let hash = u64::from_str_radix(&text, 16);
                hash.map(Fingerprint).map_err(|_| bad(format!("{text:?} is no fingerprint: 16 hexadecimal digits")))
            };
            Ok(AckTarget::Alerts(texts.into_iter().map(read).collect::<Result<_, _>>()?))
        }
        (None, Some(texts), None) => {
            let read = |text: String| -> Result<Matcher, Refusal> {
                parse_matcher(&text, mode).map(|parsed| parsed.value).map_err(|error| bad(format!("{text:?}: {error}")))
            };
            let matchers = texts.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
            if matchers.iter().all(|matcher| matcher.matches_value("")) {
                return Err(bad("at least one matcher must not match the empty string"));
            }
            Ok(AckTarget::Matching(matchers))
        }
        (None, None, Some(key)) => Ok(AckTarget::Group(key)),
        _ => Err(bad("exactly one of fingerprints, matchers and groupKey says what is meant")),
    }
}

fn bad(message: impl Into<String>) -> Refusal {
    answer::refusal(StatusCode::BAD_REQUEST, message)
}

impl ShownAck {
    fn new(ack: &Acknowledgement, labels: &LabelSet) -> Self {
        let Acknowledgement { fingerprint, starts_at, by, comment, at, until } = ack;
        Self {
            fingerprint: fingerprint.to_string(),
            labels: labels.clone(),
            starts_at: Moment(*starts_at),
            by: by.clone(),
            comment: comment.clone(),
            at: Moment(*at),
            until: until.map(Moment),
        }
    }
}

/// What a list of alerts says about one that is acknowledged.
pub(super) fn push_note(json: &mut Vec<u8>, ack: &Acknowledgement) {
    let texts = [("at", ack.at.to_rfc3339_millis()), ("by", ack.by.clone()), ("comment", ack.comment.clone())];
    let until = ack.until.map(|until: Timestamp| ("until", until.to_rfc3339_millis()));
    for (at, (name, text)) in texts.into_iter().chain(until).enumerate() {
        json.push(if at == 0 { b'{' } else { b',' });
        outbound::go_json::push_string(json, name);
        json.push(b':');
        outbound::go_json::push_string(json, &text);
    }
    json.push(b'}');
}
