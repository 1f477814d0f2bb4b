//! `/api/v2/maintenance`: silences that recur. They are made by `POST /api/v2/silences` with a `schedule`.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::duration::{format_duration, parse_duration};
use model::matcher::all_match;
use model::{Caller, LabelSet, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Api;
use super::alerts::as_object;
use super::answer::{self, Refusal};
use super::filter::Parameters;
use super::moment::Moment;
use super::silences::{Created, MatcherForm, PostableSilence, matcher_forms, not_set, read_id, refuse};
use crate::io::asking::Asking;
use crate::io::desk::Desk;
use crate::io::silencing;
use crate::maintenance::Maintenance;
use crate::schedule::{Occurrence, Schedule, ScheduleError, WrittenSchedule};
use crate::silence::{SilenceError, validate_matchers};

/// So many occurrences are shown where nobody says how many.
const OCCURRENCES: usize = 5;
/// And at most so many.
const OCCURRENCES_MAX: usize = 100;

/// `schedule` of a posted silence.
#[derive(Deserialize)]
pub(super) struct PostableSchedule {
    cron: Option<String>,
    duration: Option<String>,
    timezone: Option<String>,
    until: Option<Moment>,
}

/// A schedule in JSON.
#[derive(Serialize)]
pub(super) struct ScheduleForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    cron: String,
    duration: String,
    timezone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OccurrenceForm {
    starts_at: Moment,
    ends_at: Moment,
    local_starts_at: String,
    local_ends_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MaintenanceForm {
    id: Uuid,
    status: Status,
    schedule: ScheduleForm,
    matchers: Vec<MatcherForm>,
    comment: String,
    created_by: String,
    #[serde(serialize_with = "as_object")]
    annotations: LabelSet,
    starts_at: Moment,
    updated_at: Moment,
    until_resolved: bool,
    /// The silence that is active, or else the next.
    #[serde(rename = "silenceID", skip_serializing_if = "Option::is_none")]
    silence_id: Option<Uuid>,
    occurrences: Vec<OccurrenceForm>,
}

#[derive(Serialize)]
struct Status {
    state: &'static str,
}

/// What a schedule would come to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Preview {
    occurrences: Vec<OccurrenceForm>,
    /// Alerts that fire now and that it would cover.
    matching_alerts: usize,
}

/// `GET /maintenance`.
pub(super) async fn list<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let count = count(&Parameters::read(query.as_deref(), api.about.matcher_mode))?;
    let forms = api.desk.read(|notifier, now| -> Vec<MaintenanceForm> {
        let seen = notifier.maintenances().filter(|maintenance| asking.covers(&maintenance.matchers));
        seen.map(|maintenance| MaintenanceForm::new(maintenance, now, count)).collect()
    });
    Ok(answer::json_list(forms))
}

/// `GET /maintenance/{id}`.
pub(super) async fn show<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let id = read_id(&id)?;
    let count = count(&Parameters::read(query.as_deref(), api.about.matcher_mode))?;
    let found = api.desk.read(|notifier, now| {
        let maintenance = notifier.maintenance(id).filter(|maintenance| asking.covers(&maintenance.matchers));
        maintenance.map(|maintenance| MaintenanceForm::new(maintenance, now, count))
    });
    Ok(found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |form| answer::json(&form)))
}

/// `POST /maintenance/preview`: takes what `POST /silences` takes, and stores nothing.
pub(super) async fn preview<D: Desk>(
    State(api): State<Api<D>>,
    asking: Asking,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let count = count(&Parameters::read(query.as_deref(), api.about.matcher_mode))?;
    let posted: PostableSilence = answer::read(&answer::SILENCE, &headers, &body)?;
    let draft = posted.into_maintenance()?;
    let (now, matching_alerts) = api.desk.read(|notifier, now| {
        let covered = notifier.alerts(now).filter(|alert| {
            let labels = alert.labels();
            all_match(&draft.matchers, &labels) && asking.sees(&labels)
        });
        (now, covered.count())
    });
    let from = draft.starts_at.map_or(now, |at| at.max(now));
    let checked = validate_matchers(&draft.matchers).and_then(|()| Ok(draft.schedule.check(from)?));
    checked.map_err(|error: SilenceError| refuse(&error))?;
    Ok(answer::json(&Preview { occurrences: occurrences(&draft.schedule, from, count), matching_alerts }))
}

/// `POST /silences` with a schedule: acknowledged only once it is stored.
pub(super) async fn set<D: Desk>(api: &Api<D>, caller: &Caller, posted: PostableSilence) -> Result<Response, Refusal> {
    let draft = posted.into_maintenance()?;
    let (id, silence_id) = silencing::set_maintenance(&*api.desk, caller, draft).await.map_err(not_set)?;
    Ok(answer::json(&Created { silence_id, schedule_id: Some(id) }))
}

fn count(parameters: &Parameters) -> Result<usize, Refusal> {
    let Some(text) = parameters.last("occurrences") else { return Ok(OCCURRENCES) };
    let count = text.parse().ok().filter(|count| *count <= OCCURRENCES_MAX);
    let invalid = || format!("occurrences in query must be a number up to {OCCURRENCES_MAX}: {text:?}");
    count.ok_or_else(|| answer::invalid(601, invalid()))
}

fn occurrences(schedule: &Schedule, from: Timestamp, count: usize) -> Vec<OccurrenceForm> {
    let form = |occurrence: Occurrence| OccurrenceForm {
        starts_at: Moment(occurrence.starts_at),
        ends_at: Moment(occurrence.ends_at),
        local_starts_at: schedule.local(occurrence.starts_at),
        local_ends_at: schedule.local(occurrence.ends_at),
        note: occurrence.clock_change.map(|change| change.as_str()),
    };
    schedule.occurrences(from).take(count).map(form).collect()
}

impl MaintenanceForm {
    fn new(maintenance: &Maintenance, now: Timestamp, count: usize) -> Self {
        let schedule = &maintenance.schedule;
        let is_over = maintenance.ended_at.is_some();
        // The one that is under way, if there is one, is the first of those shown.
        let begin = now.minus(schedule.written().duration).plus(Duration::from_nanos(1));
        let begin = maintenance.starts_at.max(begin);
        let first = schedule.from(begin).filter(|_| !is_over);
        Self {
            id: maintenance.id,
            status: Status { state: maintenance.state(now).as_str() },
            schedule: ScheduleForm::new(None, schedule),
            matchers: matcher_forms(&maintenance.matchers),
            comment: maintenance.comment.clone(),
            created_by: maintenance.created_by.clone(),
            annotations: maintenance.annotations.clone(),
            starts_at: Moment(maintenance.starts_at),
            updated_at: Moment(maintenance.updated_at),
            until_resolved: maintenance.until_resolved,
            silence_id: first.map(|occurrence| maintenance.occurrence_id(occurrence.starts_at)),
            occurrences: occurrences(schedule, begin, if is_over { 0 } else { count }),
        }
    }
}

impl ScheduleForm {
    /// `id` where it is not said elsewhere.
    pub(super) fn new(id: Option<Uuid>, schedule: &Schedule) -> Self {
        let WrittenSchedule { cron, duration, timezone, until } = schedule.written().clone();
        Self { id, cron, duration: format_duration(duration), timezone, until: until.map(Moment) }
    }
}

impl PostableSchedule {
    pub(super) fn read(self) -> Result<Schedule, Refusal> {
        let missing = |name: &str| answer::invalid(602, format!("schedule.{name} in body is required"));
        let text = self.duration.ok_or_else(|| missing("duration"))?;
        let duration = parse_duration(&text).map_err(|_| refuse(&ScheduleError::Duration(text).into()))?;
        let written = WrittenSchedule {
            cron: self.cron.ok_or_else(|| missing("cron"))?,
            duration,
            timezone: self.timezone.filter(|zone| !zone.is_empty()).unwrap_or_else(|| "UTC".to_owned()),
            until: self.until.and_then(Moment::given),
        };
        Schedule::new(written).map_err(|error| refuse(&error.into()))
    }
}
