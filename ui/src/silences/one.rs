//! `/silences/ID`: a silence, or a recurring one, with what it mutes and what can be done to it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::duration::parse_duration;
use model::{Caller, Matcher, Timestamp};
use notifier::io::desk::Desk;
use notifier::io::silencing::{self, SilencingError};
use notifier::maintenance::Maintenance;
use notifier::silence::{Silence, SilenceDraft, SilenceError, SilenceState};
use serde::Serialize;
use uuid::Uuid;

use super::alerts_query;
use super::desk_form::OccurrenceView;
use super::effect::ShownAlert;
use super::listing::Card;
use crate::form::Sent;
use crate::here::Here;
use crate::house::{House, RuleDesk, Section};
use crate::page::{Frame, see_other};
use crate::shown::{LONG, SHORT, shown};

/// Alerts that are listed.
const ALERTS: usize = 50;
/// As far as a silence is extended at once.
const EXTENSION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// The page as its template sees it.
#[derive(Debug, Serialize)]
struct OneView {
    silence: Card,
    annotations: Vec<Annotation>,
    /// Of a recurring one.
    occurrences: Vec<OccurrenceView>,
    /// What it matches now.
    matching: usize,
    alerts: Vec<ShownAlert>,
    more: usize,
    /// What the list of them all is asked with.
    query: Option<String>,
    /// Set on the page that asks whether it is to end.
    asks: bool,
}

#[derive(Debug, Serialize)]
struct Annotation {
    name: String,
    value: String,
}

/// A silence of either kind, copied out of the machine.
enum Found {
    Once(Box<Silence>),
    Recurring(Box<Maintenance>),
}

impl Found {
    fn look<D: Desk>(desk: &D, caller: &Caller, id: Uuid) -> Option<Found> {
        desk.read(|notifier, _| {
            silencing::matchers_of(notifier, id).filter(|matchers| caller.covers(matchers))?;
            let recurring = notifier.maintenance(id).map(|one| Found::Recurring(Box::new(one.clone())));
            recurring.or_else(|| notifier.silence(id).map(|silence| Found::Once(Box::new(silence.clone()))))
        })
    }

    fn matchers(&self) -> &[Matcher] {
        match self {
            Found::Once(silence) => &silence.matchers,
            Found::Recurring(one) => &one.matchers,
        }
    }
}

/// `GET /silences/ID`.
pub(super) async fn show<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    Path(id): Path<String>,
    here: Here,
) -> Response {
    house.one(&here, &id, false).await
}

/// `GET /silences/ID/expire`: asks.
pub(super) async fn ask_to_expire<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    Path(id): Path<String>,
    here: Here,
) -> Response {
    house.one(&here, &id, true).await
}

/// `POST /silences/ID/expire`.
pub(super) async fn expire<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    Path(id): Path<String>,
    here: Here,
    sent: Sent,
) -> Response {
    if let Err(error) = sent.fields(&house.form_key, &house.external_url, house.now()) {
        return house.mistake(&here, error.status(), &error.to_string(), None);
    }
    let (Ok(id), Some(desk)) = (id.parse::<Uuid>(), house.notifier.as_deref()) else {
        return not_found(&house, &here);
    };
    match silencing::end_silence(desk, here.caller(), id).await {
        Ok(()) => see_other(&here, &format!("silences/{id}?done=expired")),
        Err(error) => house.refused(&here, error),
    }
}

/// `POST /silences/ID/extend`, by `by`: its end moves.
pub(super) async fn extend<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    Path(id): Path<String>,
    here: Here,
    sent: Sent,
) -> Response {
    let fields = match sent.fields(&house.form_key, &house.external_url, house.now()) {
        Ok(fields) => fields,
        Err(error) => return house.mistake(&here, error.status(), &error.to_string(), None),
    };
    let (Ok(id), Some(desk)) = (id.parse::<Uuid>(), house.notifier.as_deref()) else {
        return not_found(&house, &here);
    };
    let text = fields.text("by");
    let by = parse_duration(text).ok().filter(|by| !by.is_zero() && *by <= EXTENSION_MAX);
    let Some(by) = by else {
        let message = format!("By how long? {text:?} is no duration such as 1h, of a year at most.");
        return house.mistake(&here, StatusCode::BAD_REQUEST, &message, None);
    };
    let draft = desk.read(|notifier, now| notifier.silence(id).map(|silence| extended(silence, by, now)));
    match draft {
        None => not_found(&house, &here),
        Some(None) => see_other(&here, &format!("silences/{id}/edit")),
        Some(Some(draft)) => match silencing::set_silence(desk, here.caller(), draft).await {
            Ok(id) => see_other(&here, &format!("silences/{id}?done=extended")),
            Err(error) => house.refused(&here, error),
        },
    }
}

/// The silence with a later end; none of one that is over.
fn extended(silence: &Silence, by: Duration, now: Timestamp) -> Option<SilenceDraft> {
    (silence.state(now) != SilenceState::Expired).then(|| SilenceDraft {
        id: Some(silence.id),
        matchers: silence.matchers.clone(),
        starts_at: silence.starts_at,
        ends_at: silence.ends_at.plus(by),
        created_by: silence.created_by.clone(),
        comment: silence.comment.clone(),
        annotations: silence.annotations.clone(),
        until_resolved: None,
    })
}

/// The page of an id that nothing has.
pub(super) fn not_found<N, R>(house: &House<N, R>, here: &Here) -> Response {
    let message = "There is no silence with this id: it may have been over for longer than silences are kept.";
    house.mistake(here, StatusCode::NOT_FOUND, message, None)
}

impl<N: Desk, R: RuleDesk> House<N, R> {
    fn refused(&self, here: &Here, error: SilencingError) -> Response {
        match error {
            SilencingError::Refused(SilenceError::NotFound(_)) => not_found(self, here),
            SilencingError::Refused(error) => self.mistake(here, StatusCode::BAD_REQUEST, &error.to_string(), None),
            SilencingError::OutOfScope(error) => self.mistake(here, StatusCode::FORBIDDEN, &error.to_string(), None),
            SilencingError::NotStored(text) => self.mistake(here, StatusCode::INTERNAL_SERVER_ERROR, &text, None),
        }
    }

    async fn one(&self, here: &Here, id: &str, asks: bool) -> Response {
        let Some(desk) = self.notifier.clone() else { return not_found(self, here) };
        let Some(found) = id.parse().ok().and_then(|id| Found::look(&*desk, here.caller(), id)) else {
            return not_found(self, here);
        };
        let now = self.now();
        let viewing = tokio::task::spawn_blocking(move || view(&*desk, &found, now, asks));
        match viewing.await {
            Ok(view) => {
                let title = if asks { "Expire silence" } else { "Silence" };
                self.page(&Frame::new(here, Section::Silences, title), "web.silence", &view)
            }
            Err(error) => self.mistake(here, StatusCode::INTERNAL_SERVER_ERROR, &error.to_string(), None),
        }
    }
}

fn view<D: Desk>(desk: &D, found: &Found, now: Timestamp, asks: bool) -> OneView {
    let (matching, alerts) = desk.read(|notifier, now| {
        let mut alerts = Vec::new();
        let mut matching = 0;
        for alert in notifier.alerts_matching(now, found.matchers()) {
            matching += 1;
            if alerts.len() < ALERTS {
                alerts.push(ShownAlert::of(&alert, &alert.labels()));
            }
        }
        (matching, alerts)
    });
    let (silence, annotations, occurrences) = match found {
        Found::Once(silence) => {
            let schedule = silence
                .schedule
                .and_then(|id| desk.read(|notifier, _| notifier.maintenance(id).map(|one| one.schedule.to_string())));
            (Card::of_silence(silence, schedule, None, now), &silence.annotations, Vec::new())
        }
        Found::Recurring(one) => {
            let from = one.starts_at.max(now.minus(one.schedule.written().duration).plus(Duration::from_nanos(1)));
            let is_over = one.ended_at.is_some();
            let next = if is_over { Vec::new() } else { OccurrenceView::next(&one.schedule, from) };
            (Card::of_maintenance(one, now), &one.annotations, next)
        }
    };
    let annotation = |(name, value)| Annotation { name: shown(name, SHORT), value: shown(value, LONG) };
    OneView {
        silence,
        annotations: annotations.iter().map(annotation).collect(),
        occurrences,
        matching,
        more: matching.saturating_sub(alerts.len()),
        alerts,
        query: alerts_query(found.matchers()),
        asks,
    }
}
