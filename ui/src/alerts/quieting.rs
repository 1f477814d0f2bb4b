//! Alerts acknowledged and silenced from a card or from an alert's page.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::duration::parse_duration;
use model::labels::Fingerprint;
use model::matcher::parse::ParseMode;
use model::{LabelSet, Timestamp};
use notifier::acknowledgement::{AckDraft, AckTarget};
use notifier::io::acknowledging;
use notifier::io::desk::Desk;
use notifier::io::silencing::{SilencingError, set_silence};
use notifier::silence::SilenceDraft;

use super::gathering::gather;
use super::request::Request;
use crate::form::{Fields, Sent};
use crate::here::Here;
use crate::house::{House, RuleDesk};
use crate::matchers::read_all;
use crate::page::see_other;

/// Longer silences are made on the page for that, where their end is seen.
const SILENCE_MAX: Duration = Duration::from_secs(31 * 24 * 3600);

/// Why nothing was done: a status and a text.
type Refusal = (StatusCode, String);

fn refuse(text: impl Into<String>) -> Refusal {
    (StatusCode::BAD_REQUEST, text.into())
}

/// `POST`: `by`, `comment`; `fingerprint` of alerts, or `card` of a list with `query`.
pub(super) async fn acknowledge<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    here: Here,
    sent: Sent,
) -> Response {
    let fields = match house.fields(&here, &sent) {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    let outcome = match &house.notifier {
        Some(desk) => acknowledged(desk, &here, house.matcher_mode, &fields).await,
        None => Err(nothing_here()),
    };
    answer(&house, &here, &fields, "acknowledged", outcome)
}

async fn acknowledged<D: Desk>(desk: &Arc<D>, here: &Here, mode: ParseMode, fields: &Fields) -> Result<(), Refusal> {
    let by = here.caller().author(fields.text("by").to_owned());
    if by.is_empty() {
        return Err(refuse("Say who you are: whoever looks next wants to know who works on it."));
    }
    let target = target(desk, here, mode, fields).await?;
    let draft = AckDraft { target, by, comment: fields.text("comment").to_owned(), until: None };
    acknowledging::acknowledge(&**desk, here.caller(), draft).await.map(drop)
}

/// `POST`: takes acknowledgements back, of the same.
pub(super) async fn unacknowledge<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    here: Here,
    sent: Sent,
) -> Response {
    let fields = match house.fields(&here, &sent) {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    let outcome = match &house.notifier {
        Some(desk) => taken_back(desk, &here, house.matcher_mode, &fields).await,
        None => Err(nothing_here()),
    };
    answer(&house, &here, &fields, "unacknowledged", outcome)
}

async fn taken_back<D: Desk>(desk: &Arc<D>, here: &Here, mode: ParseMode, fields: &Fields) -> Result<(), Refusal> {
    let target = target(desk, here, mode, fields).await?;
    acknowledging::take_back(&**desk, here.caller(), &target).await.map(drop)
}

/// Which alerts a form means.
async fn target<D: Desk>(desk: &Arc<D>, here: &Here, mode: ParseMode, fields: &Fields) -> Result<AckTarget, Refusal> {
    let named: Vec<&str> = fields.all("fingerprint").filter(|text| !text.is_empty()).collect();
    if !named.is_empty() {
        let read = |text: &&str| u64::from_str_radix(text, 16).map(Fingerprint);
        let hashes = named.iter().map(read).collect::<Result<_, _>>();
        return hashes.map(AckTarget::Alerts).map_err(|_| refuse("This is no alert's fingerprint."));
    }
    let card = fields.text("card").to_owned();
    if card.is_empty() {
        return Err(refuse("Say which alerts are meant."));
    }
    let list = here.at("/alerts", fields.text("query"));
    let request = Request::read(&list, mode).map_err(|error| refuse(error.to_string()))?;
    let desk = desk.clone();
    let gathering = tokio::task::spawn_blocking(move || gather(&*desk, &request)).await;
    let gathering = gathering.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let members = gathering.bunches.into_iter().filter(|bunch| bunch.key == card).flat_map(|bunch| bunch.members);
    let meant: Vec<Fingerprint> = members.map(|member| Fingerprint(member.hash)).collect();
    match meant.is_empty() {
        true => Err((StatusCode::NOT_FOUND, "These alerts are over.".to_owned())),
        false => Ok(AckTarget::Alerts(meant)),
    }
}

/// `POST`: `matchers`, `duration`, `by`, `comment`.
pub(super) async fn silence<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    here: Here,
    sent: Sent,
) -> Response {
    let fields = match house.fields(&here, &sent) {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    let outcome = match (&house.notifier, draft(&here, house.now(), house.matcher_mode, &fields)) {
        (None, _) => Err(nothing_here()),
        (_, Err(refusal)) => Err(refusal),
        (Some(desk), Ok(draft)) => {
            set_silence(&**desk, here.caller(), draft).await.map(drop).map_err(|error| match error {
                SilencingError::Refused(refused) => refuse(refused.to_string()),
                SilencingError::OutOfScope(refused) => (StatusCode::FORBIDDEN, refused.to_string()),
                SilencingError::NotStored(text) => (StatusCode::INTERNAL_SERVER_ERROR, text),
            })
        }
    };
    answer(&house, &here, &fields, "silenced", outcome)
}

fn draft(here: &Here, now: Timestamp, mode: ParseMode, fields: &Fields) -> Result<SilenceDraft, Refusal> {
    let created_by = here.caller().author(fields.text("by").to_owned());
    if created_by.is_empty() {
        return Err(refuse("Say who you are: a silence names who made it."));
    }
    let matchers = read_all(fields.text("matchers"), mode).map_err(|error| refuse(error.to_string()))?;
    let duration = parse_duration(fields.text("duration")).map_err(|error| refuse(error.to_string()))?;
    if duration.is_zero() || duration > SILENCE_MAX {
        return Err(refuse("From here a silence lasts for 31 days at most."));
    }
    let comment = match fields.text("comment") {
        "" => "Set from the list of alerts".to_owned(),
        comment => comment.to_owned(),
    };
    Ok(SilenceDraft {
        id: None,
        matchers,
        starts_at: now,
        ends_at: now.plus(duration),
        created_by,
        comment,
        annotations: LabelSet::empty(),
        until_resolved: None,
    })
}

fn nothing_here() -> Refusal {
    (StatusCode::NOT_FOUND, "No notifier runs here.".to_owned())
}

/// Back to where the form was, with a word about what was done.
fn answer<N, R>(
    house: &House<N, R>,
    here: &Here,
    fields: &Fields,
    done: &str,
    outcome: Result<(), Refusal>,
) -> Response {
    match outcome {
        Err((status, text)) => house.mistake(here, status, &text, None),
        Ok(()) => {
            let page = match fields.text("alert") {
                alert if !alert.is_empty() && alert.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    format!("alerts/{alert}?")
                }
                _ => match fields.text("query") {
                    "" => "alerts?".to_owned(),
                    query => format!("alerts?{}&", again(query)),
                },
            };
            see_other(here, &format!("{page}done={done}"))
        }
    }
}

/// A query as it came, written anew: nothing but a query comes of it.
fn again(query: &str) -> String {
    let list = Here::new("/alerts", query);
    let pairs: Vec<(String, String)> = list
        .parameters()
        .filter(|(name, _)| name != "done")
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    crate::here::query_of(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
