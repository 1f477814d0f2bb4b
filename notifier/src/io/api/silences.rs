//! `/api/v2/silences` and `/api/v2/silence/{id}`.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{LabelSet, MatchOp, Matcher, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Api;
use super::alerts::as_object;
use super::answer::{self, Refusal};
use super::filter::Parameters;
use super::maintenance::{self, PostableSchedule, ScheduleForm};
use super::moment::Moment;
use super::paging::Paging;
use crate::io::asking::Asking;
use crate::io::desk::Desk;
use crate::io::silencing::{self, SilencingError};
use crate::maintenance::MaintenanceDraft;
use crate::notifier::Notifier;
use crate::silence::{MATCHERS_MAX, Silence, SilenceDraft, SilenceError, SilenceState};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GettableSilence {
    id: Uuid,
    status: Status,
    updated_at: Moment,
    #[serde(serialize_with = "as_object")]
    annotations: LabelSet,
    comment: String,
    created_by: String,
    ends_at: Moment,
    matchers: Vec<MatcherForm>,
    starts_at: Moment,
    /// Not Alertmanager's, and only there where it holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    until_resolved: bool,
    /// Whose occurrence it is; not Alertmanager's either.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleForm>,
}

#[derive(Serialize)]
struct Status {
    state: &'static str,
}

/// A matcher in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MatcherForm {
    is_equal: bool,
    is_regex: bool,
    name: String,
    value: String,
}

/// A silence as clients post it; the fields without which go-openapi refuses it are checked by `required`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostableSilence {
    id: Option<String>,
    comment: Option<String>,
    created_by: Option<String>,
    ends_at: Option<Moment>,
    matchers: Option<Vec<Option<PostableMatcher>>>,
    starts_at: Option<Moment>,
    annotations: Option<std::collections::BTreeMap<String, String>>,
    until_resolved: Option<bool>,
    schedule: Option<PostableSchedule>,
}

/// `isEqual` came with 0.22; without it, it is true.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostableMatcher {
    is_equal: Option<bool>,
    is_regex: Option<bool>,
    name: Option<String>,
    value: Option<String>,
}

/// A matcher whose pattern is not compiled yet.
struct WrittenMatcher {
    name: String,
    op: MatchOp,
    value: String,
}

/// `GET /silences`.
pub(super) async fn list<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let parameters = Parameters::read(query.as_deref(), api.about.matcher_mode);
    let matchers = parameters.matchers("filter")?;
    let paging = Paging::read(&parameters)?;
    let states = [
        (SilenceState::Active, parameters.flag("active", true)),
        (SilenceState::Pending, parameters.flag("pending", true)),
        (SilenceState::Expired, parameters.flag("expired", true)),
    ];
    let page = api.desk.read(|notifier, now| {
        let wanted = |silence: &&Silence| {
            states.contains(&(silence.state(now), true))
                && matchers.iter().all(|matcher| silence.matchers.contains(matcher))
                && asking.covers(&silence.matchers)
        };
        let silences = notifier.silences().filter(wanted).map(|silence| (place(silence, now), silence));
        paging.page(silences.collect(), |silence| Some(form(notifier, silence, now)))
    });
    Ok(page.answer())
}

/// What silences are ordered by: active ones by end, pending ones by start, expired ones by end, latest first.
fn place(silence: &Silence, now: Timestamp) -> (u8, i64, Uuid) {
    let (rank, nanos) = match silence.state(now) {
        SilenceState::Active => (0, silence.ends_at.as_nanos()),
        SilenceState::Pending => (1, silence.starts_at.as_nanos()),
        SilenceState::Expired => (2, silence.ends_at.as_nanos().saturating_neg()),
    };
    (rank, nanos, silence.id)
}

/// `GET /silence/{id}`.
pub(super) async fn show<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id = read_id(&id)?;
    let found = api.desk.read(|notifier, now| {
        let silence = notifier.silence(id).filter(|silence| asking.covers(&silence.matchers));
        silence.map(|silence| form(notifier, silence, now))
    });
    Ok(found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |silence| answer::json(&silence)))
}

/// `DELETE /silence/{id}`.
pub(super) async fn expire<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id = read_id(&id)?;
    match silencing::end_silence(&*api.desk, &asking, id).await {
        Ok(()) => Ok(answer::empty()),
        Err(SilencingError::Refused(SilenceError::NotFound(_))) => Ok(StatusCode::NOT_FOUND.into_response()),
        Err(error) => Err(not_set(error)),
    }
}

/// `POST /silences`: acknowledged only once it is stored.
pub(super) async fn post<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let posted: PostableSilence = answer::read(&answer::SILENCE, &headers, &body)?;
    if posted.schedule.is_some() {
        return maintenance::set(&api, &asking, posted).await;
    }
    let draft = posted.into_draft(api.desk.read(|_, now| now))?;
    let id = silencing::set_silence(&*api.desk, &asking, draft).await.map_err(not_set)?;
    Ok(answer::json(&Created { silence_id: id, schedule_id: None }))
}

/// The answer to `POST /silences`.
#[derive(Serialize)]
pub(super) struct Created {
    #[serde(rename = "silenceID")]
    pub(super) silence_id: Uuid,
    #[serde(rename = "scheduleID", skip_serializing_if = "Option::is_none")]
    pub(super) schedule_id: Option<Uuid>,
}

/// What a client is told that did not get its silence.
pub(super) fn not_set(error: SilencingError) -> Refusal {
    match error {
        SilencingError::Refused(error) => refuse(&error),
        SilencingError::OutOfScope(error) => answer::refusal(StatusCode::FORBIDDEN, error.to_string()),
        SilencingError::NotStored(message) => answer::refusal(StatusCode::INTERNAL_SERVER_ERROR, message),
    }
}

pub(super) fn refuse(error: &SilenceError) -> Refusal {
    match error {
        SilenceError::NotFound(_) => answer::refusal(StatusCode::NOT_FOUND, "silence not found"),
        other => answer::refusal(StatusCode::BAD_REQUEST, other.to_string()),
    }
}

pub(super) fn read_id(text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| answer::invalid(601, format!("silenceID in path must be of type uuid: {text:?}")))
}

impl PostableSilence {
    fn into_draft(self, now: Timestamp) -> Result<SilenceDraft, Refusal> {
        let comment = self.comment.ok_or_else(|| missing("comment"))?;
        let created_by = self.created_by.ok_or_else(|| missing("createdBy"))?;
        let ends_at = self.ends_at.ok_or_else(|| missing("endsAt"))?.0;
        let matchers = read_matchers(self.matchers)?;
        let starts_at = self.starts_at.ok_or_else(|| missing("startsAt"))?.0;
        let impossible = |text| answer::refusal(StatusCode::BAD_REQUEST, format!("Failed to create silence: {text}"));
        if starts_at >= ends_at {
            return Err(impossible("start time must be before end time"));
        }
        if ends_at < now {
            return Err(impossible("end time can't be in the past"));
        }
        let id = match self.id.as_deref() {
            None | Some("") => None,
            // An id that is no UUID cannot exist.
            Some(text) => Some(text.parse().map_err(|_| answer::refusal(StatusCode::NOT_FOUND, "silence not found"))?),
        };
        let matchers = compile(matchers)?;
        let annotations = LabelSet::from_pairs(self.annotations.unwrap_or_default());
        let until_resolved = self.until_resolved;
        Ok(SilenceDraft { id, matchers, starts_at, ends_at, created_by, comment, annotations, until_resolved })
    }

    /// Of a silence with a schedule.
    pub(super) fn into_maintenance(self) -> Result<MaintenanceDraft, Refusal> {
        let comment = self.comment.ok_or_else(|| missing("comment"))?;
        let created_by = self.created_by.ok_or_else(|| missing("createdBy"))?;
        let matchers = read_matchers(self.matchers)?;
        let schedule = self.schedule.ok_or_else(|| missing("schedule"))?.read()?;
        if self.ends_at.is_some_and(|end| end.given().is_some()) {
            let message = "invalid silence: endsAt and schedule exclude each other; say schedule.duration, and schedule.until for the last one";
            return Err(answer::refusal(StatusCode::BAD_REQUEST, message));
        }
        let id = match self.id.as_deref() {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| answer::refusal(StatusCode::NOT_FOUND, "silence not found"))?),
        };
        Ok(MaintenanceDraft {
            id,
            schedule,
            starts_at: self.starts_at.and_then(Moment::given),
            matchers: compile(matchers)?,
            until_resolved: self.until_resolved.unwrap_or_default(),
            created_by,
            comment,
            annotations: LabelSet::from_pairs(self.annotations.unwrap_or_default()),
        })
    }
}

fn missing(name: &str) -> Refusal {
    answer::invalid(602, format!("{name} in body is required"))
}

fn read_matchers(posted: Option<Vec<Option<PostableMatcher>>>) -> Result<Vec<WrittenMatcher>, Refusal> {
    let matchers = posted.ok_or_else(|| missing("matchers"))?;
    if matchers.is_empty() {
        return Err(answer::invalid(612, "matchers in body should have at least 1 items"));
    }
    if matchers.len() > MATCHERS_MAX {
        return Err(refuse(&SilenceError::TooManyMatchers(matchers.len())));
    }
    matchers.into_iter().enumerate().map(|(at, form)| form.unwrap_or_default().read(at)).collect()
}

fn compile(matchers: Vec<WrittenMatcher>) -> Result<Vec<Matcher>, Refusal> {
    matchers.into_iter().enumerate().map(|(at, written)| written.compile(at)).collect()
}

impl PostableMatcher {
    /// What the schema asks for.
    fn read(self, at: usize) -> Result<WrittenMatcher, Refusal> {
        let missing = |name: &str| answer::invalid(602, format!("matchers.{at}.{name} in body is required"));
        let is_regex = self.is_regex.ok_or_else(|| missing("isRegex"))?;
        let name = self.name.ok_or_else(|| missing("name"))?;
        let value = self.value.ok_or_else(|| missing("value"))?;
        let op = match (self.is_equal.unwrap_or(true), is_regex) {
            (true, false) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (false, true) => MatchOp::NotRegex,
        };
        Ok(WrittenMatcher { name, op, value })
    }
}

impl WrittenMatcher {
    fn compile(self, at: usize) -> Result<Matcher, Refusal> {
        let invalid = |why: String| {
            let message = format!("invalid silence: invalid label matcher {at}: {why}");
            answer::refusal(StatusCode::BAD_REQUEST, message)
        };
        if self.name.is_empty() {
            return Err(invalid(format!("invalid label name {:?}", self.name)));
        }
        Matcher::new(self.name, self.op, self.value).map_err(|error| invalid(error.to_string()))
    }
}

pub(super) fn matcher_forms(matchers: &[Matcher]) -> Vec<MatcherForm> {
    let form = |matcher: &Matcher| MatcherForm {
        is_equal: matcher.op().is_positive(),
        is_regex: matcher.op().is_regex(),
        name: matcher.name().to_owned(),
        value: matcher.value().to_owned(),
    };
    matchers.iter().map(form).collect()
}

fn form(notifier: &Notifier, silence: &Silence, now: Timestamp) -> GettableSilence {
    let maintenance = silence.schedule.and_then(|id| notifier.maintenance(id));
    GettableSilence {
        id: silence.id,
        status: Status { state: silence.state(now).as_str() },
        updated_at: Moment(silence.updated_at),
        annotations: silence.annotations.clone(),
        comment: silence.comment.clone(),
        created_by: silence.created_by.clone(),
        ends_at: Moment(silence.ends_at),
        matchers: matcher_forms(&silence.matchers),
        starts_at: Moment(silence.starts_at),
        until_resolved: silence.until_resolved,
        schedule: maintenance.map(|maintenance| ScheduleForm::new(Some(maintenance.id), &maintenance.schedule)),
    }
}
