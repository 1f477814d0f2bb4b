//! `/silences/new` and `/silences/ID/edit`: the form that makes and changes silences, with what they would do.
//!
//! Without JavaScript every button of the form sends it and shows it again; with it the preview is asked for while somebody types.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use model::{LabelSet, Matcher, Timestamp};
use notifier::io::desk::Desk;
use notifier::io::silencing::{self, SilencingError};
use notifier::maintenance::MaintenanceDraft;
use notifier::schedule::Schedule;
use notifier::silence::SilenceDraft;
use serde::Serialize;
use uuid::Uuid;

use super::alerts_query;
use super::breadth::Caution;
use super::effect::{self, Before, Effect};
use super::typed::{Meant, Mistake, Row, Typed};
use crate::form::Sent;
use crate::here::Here;
use crate::house::{House, RuleDesk, Section};
use crate::moment::Moment;
use crate::page::{Frame, see_other};
use crate::shown::{LONG, shown};

/// Occurrences of a schedule that are shown.
const OCCURRENCES: usize = 5;
const OPS: [&str; 4] = ["=", "!=", "=~", "!~"];

/// The form as its template sees it.
#[derive(Debug, Serialize)]
struct FormView<'a> {
    heading: &'static str,
    /// The silence that is edited.
    id: Option<Uuid>,
    rows: Vec<RowView>,
    paste: &'a str,
    starts: &'a str,
    ends: &'a str,
    duration: &'a str,
    shown_ends: &'a str,
    shown_duration: &'a str,
    zone: &'a str,
    by: &'a str,
    comment: &'a str,
    until_resolved: bool,
    recurs: bool,
    cron: &'a str,
    timezone: &'a str,
    until: &'a str,
    sure: bool,
    outcome: Option<Outcome>,
}

#[derive(Debug, Serialize)]
struct RowView {
    number: usize,
    name: String,
    value: String,
    ops: Vec<OpView>,
}

#[derive(Debug, Serialize)]
struct OpView {
    op: &'static str,
    chosen: bool,
}

/// What the form would do, or why it cannot: the part that changes while somebody types.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    mistakes: Vec<MistakeView>,
    effect: Option<Effect>,
    /// What a list of them all is asked with.
    alerts: Option<String>,
    /// Whether it is an edit: then it tells what changes.
    is_edit: bool,
    /// It begins later.
    later: Option<Moment>,
    ends: Option<Moment>,
    occurrences: Vec<OccurrenceView>,
    cautions: Vec<String>,
    /// Whether it is only made when `sure` is checked.
    needs_word: bool,
}

#[derive(Debug, Serialize)]
struct MistakeView {
    field: String,
    /// What the form calls it.
    title: String,
    text: String,
}

#[derive(Debug, Serialize)]
pub(super) struct OccurrenceView {
    starts: Moment,
    ends: Moment,
    local_starts: String,
    note: Option<&'static str>,
}

impl OccurrenceView {
    /// What comes from an instant on.
    pub(super) fn next(schedule: &Schedule, from: Timestamp) -> Vec<Self> {
        let view = |occurrence: notifier::schedule::Occurrence| Self {
            starts: Moment(occurrence.starts_at),
            ends: Moment(occurrence.ends_at),
            local_starts: schedule.local(occurrence.starts_at),
            note: occurrence.clock_change.map(|change| change.as_str()),
        };
        schedule.occurrences(from).take(OCCURRENCES).map(view).collect()
    }
}

/// What a form came to.
struct Judged {
    /// What is to be done, if nothing is wrong.
    meant: Option<Meant>,
    outcome: Outcome,
}

/// `GET /silences/new`: an empty form, or one filled in by a link.
pub(super) async fn fresh<N: Desk, R: RuleDesk>(State(house): State<Arc<House<N, R>>>, here: Here) -> Response {
    let mut typed = Typed::of_link(&here);
    let asked = !typed.paste.is_empty();
    if let Some(id) = here.parameter("silenceID").and_then(|id| id.parse::<Uuid>().ok()) {
        return see_other(&here, &format!("silences/{id}/edit"));
    }
    let unread = typed.take_paste(house.matcher_mode).err();
    let outcome = match unread {
        Some(mistake) => Some(Outcome { mistakes: views(vec![mistake]), ..Outcome::default() }),
        None if asked => house.matchers_only(&here, &typed).await,
        None => None,
    };
    house.form(&here, StatusCode::OK, &typed, outcome)
}

/// `GET /silences/ID/edit`: filled in with a silence; with one that is over, to make it again.
pub(super) async fn edit<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    Path(id): Path<String>,
    here: Here,
) -> Response {
    let found = id.parse().ok().zip(house.notifier.as_deref()).and_then(|(id, desk)| {
        desk.read(|notifier, now| {
            silencing::matchers_of(notifier, id).filter(|matchers| here.caller().covers(matchers))?;
            let recurring = notifier.maintenance(id).map(|one| Typed::of_maintenance(one, now));
            recurring.or_else(|| notifier.silence(id).map(|silence| Typed::of_silence(silence, now)))
        })
    });
    let Some(typed) = found else { return super::one::not_found(&house, &here) };
    let Judged { outcome, .. } = house.judge(&here, &typed).await;
    // Who edits is not who made it, but may be.
    house.form(&here, StatusCode::OK, &typed, Some(outcome))
}

/// `POST /silences/preview`: what it would do, as a part of the page.
pub(super) async fn preview<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    here: Here,
    sent: Sent,
) -> Response {
    let fields = match sent.fields(&house.form_key, &house.external_url, house.now()) {
        Ok(fields) => fields,
        Err(error) => return (error.status(), error.to_string()).into_response(),
    };
    let mut typed = Typed::of_fields(&fields);
    typed.by = here.caller().author(typed.by);
    let outcome = match typed.take_paste(house.matcher_mode) {
        Ok(()) => house.judge(&here, &typed).await.outcome,
        Err(mistake) => Outcome { mistakes: views(vec![mistake]), ..Outcome::default() },
    };
    match house.fragment(&here, "web.silence_outcome", &serde_json::json!({ "outcome": outcome, "sure": typed.sure })) {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the preview of a silence failed");
            (StatusCode::INTERNAL_SERVER_ERROR, "the preview failed; the log says why").into_response()
        }
    }
}

/// `POST /silences/new`: adds or removes a row, shows what it would do, or does it.
pub(super) async fn take<N: Desk, R: RuleDesk>(
    State(house): State<Arc<House<N, R>>>,
    here: Here,
    sent: Sent,
) -> Response {
    let fields = match sent.fields(&house.form_key, &house.external_url, house.now()) {
        Ok(fields) => fields,
        Err(error) => return house.mistake(&here, error.status(), &error.to_string(), None),
    };
    let mut typed = Typed::of_fields(&fields);
    typed.by = here.caller().author(typed.by);
    if let Err(mistake) = typed.take_paste(house.matcher_mode) {
        let outcome = Outcome { mistakes: views(vec![mistake]), ..Outcome::default() };
        return house.form(&here, StatusCode::UNPROCESSABLE_ENTITY, &typed, Some(outcome));
    }
    let action = fields.text("action");
    if let Some(place) = action.strip_prefix("remove-").and_then(|number| number.parse::<usize>().ok()) {
        if (1..=typed.rows.len()).contains(&place) {
            typed.rows.remove(place - 1);
        }
        return house.form(&here, StatusCode::OK, &typed, None);
    }
    if action == "add" {
        typed.rows.push(Row::default());
        return house.form(&here, StatusCode::OK, &typed, None);
    }
    let Judged { meant, outcome } = house.judge(&here, &typed).await;
    if let Some(meant) = &meant {
        typed.settle(meant);
    }
    match meant {
        Some(meant) if action == "create" && (typed.sure || !outcome.needs_word) => {
            house.make(&here, &typed, meant, outcome).await
        }
        None if action == "create" => house.form(&here, StatusCode::UNPROCESSABLE_ENTITY, &typed, Some(outcome)),
        _ => house.form(&here, StatusCode::OK, &typed, Some(outcome)),
    }
}

impl<N: Desk, R: RuleDesk> House<N, R> {
    async fn make(&self, here: &Here, typed: &Typed, meant: Meant, outcome: Outcome) -> Response {
        let Some(desk) = self.notifier.as_deref() else { return super::one::not_found(self, here) };
        // The form does not show them, so it must not take them away.
        let annotations = desk.read(|notifier, _| {
            let of_silence = |id| notifier.silence(id).map(|silence| silence.annotations.clone());
            let of_maintenance = |id| notifier.maintenance(id).map(|one| one.annotations.clone());
            typed.id.and_then(|id| of_maintenance(id).or_else(|| of_silence(id))).unwrap_or_else(LabelSet::empty)
        });
        let made = match meant {
            Meant::Once(draft) => {
                silencing::set_silence(desk, here.caller(), SilenceDraft { annotations, ..draft }).await
            }
            Meant::Recurring(draft) => {
                silencing::set_maintenance(desk, here.caller(), MaintenanceDraft { annotations, ..draft })
                    .await
                    .map(|(id, _)| id)
            }
        };
        match made {
            Ok(id) => see_other(here, &format!("silences/{id}?done=silenced")),
            Err(SilencingError::Refused(error)) => {
                let mistake = Mistake { field: "form".to_owned(), text: error.to_string() };
                let outcome = Outcome { mistakes: views(vec![mistake]), ..outcome };
                self.form(here, StatusCode::UNPROCESSABLE_ENTITY, typed, Some(outcome))
            }
            Err(SilencingError::OutOfScope(error)) => {
                let mistake = Mistake { field: "matchers".to_owned(), text: error.to_string() };
                let outcome = Outcome { mistakes: views(vec![mistake]), ..outcome };
                self.form(here, StatusCode::FORBIDDEN, typed, Some(outcome))
            }
            Err(SilencingError::NotStored(text)) => self.mistake(here, StatusCode::INTERNAL_SERVER_ERROR, &text, None),
        }
    }

    /// What the matchers alone would do: of a form nobody has filled in yet.
    async fn matchers_only(&self, here: &Here, typed: &Typed) -> Option<Outcome> {
        let matchers = typed.matchers().ok()?;
        Some(self.outcome(here, typed, matchers, None).await)
    }

    async fn judge(&self, here: &Here, typed: &Typed) -> Judged {
        let matchers = match typed.matchers() {
            Ok(matchers) => matchers,
            Err(mistakes) => {
                return Judged { meant: None, outcome: Outcome { mistakes: views(mistakes), ..Outcome::default() } };
            }
        };
        match typed.meant(matchers.clone(), self.now()) {
            Ok(meant) => {
                let outcome = self.outcome(here, typed, matchers, Some(&meant)).await;
                Judged { meant: Some(meant), outcome }
            }
            Err(mistakes) => {
                // What it would do is the same whoever does it: the name is often typed last.
                let by_anybody = Typed { by: "?".to_owned(), ..typed.clone() }.meant(matchers.clone(), self.now()).ok();
                let outcome = self.outcome(here, typed, matchers, by_anybody.as_ref()).await;
                Judged { meant: None, outcome: Outcome { mistakes: views(mistakes), ..outcome } }
            }
        }
    }

    async fn outcome(&self, here: &Here, typed: &Typed, matchers: Vec<Matcher>, meant: Option<&Meant>) -> Outcome {
        let alerts = alerts_query(&matchers);
        let looked = self.effect(here, matchers.clone(), typed.id).await;
        let (effect, is_edit) = looked.unwrap_or_default();
        let (now, mut outcome) = (self.now(), Outcome { alerts, is_edit, ..Outcome::default() });
        let mut lasts: Option<Duration> = None;
        match meant {
            Some(Meant::Once(draft)) => {
                lasts = Some(draft.ends_at.since(draft.starts_at.max(now)));
                outcome.later = (draft.starts_at > now).then_some(Moment(draft.starts_at));
                outcome.ends = Some(Moment(draft.ends_at));
            }
            Some(Meant::Recurring(draft)) => {
                let from = draft.starts_at.map_or(now, |at| at.max(now));
                outcome.occurrences = OccurrenceView::next(&draft.schedule, from);
            }
            None => {}
        }
        let cautions = Caution::of(&matchers, effect.matching, effect.total, lasts);
        outcome.needs_word = cautions.iter().any(|caution| caution.needs_word());
        outcome.cautions = cautions.iter().map(ToString::to_string).collect();
        outcome.effect = Some(effect);
        outcome
    }

    /// What matchers would do, and whether in place of a silence: worked out beside the threads that serve.
    async fn effect(&self, here: &Here, matchers: Vec<Matcher>, id: Option<Uuid>) -> Option<(Effect, bool)> {
        let desk = self.notifier.clone()?;
        let caller = here.caller().clone();
        let looking = tokio::task::spawn_blocking(move || {
            let before = id.and_then(|id| Before::find(&*desk, &caller, id));
            (effect::of(&*desk, &caller, &matchers, before.as_ref()), before.is_some())
        });
        looking.await.inspect_err(|error| tracing::error!(%error, "the preview of a silence failed")).ok()
    }

    fn form(&self, here: &Here, status: StatusCode, typed: &Typed, outcome: Option<Outcome>) -> Response {
        let heading = match (typed.id.is_some(), typed.recurs) {
            (false, _) => "New silence",
            (true, false) => "Edit silence",
            (true, true) => "Edit recurring silence",
        };
        let view = FormView {
            heading,
            id: typed.id,
            rows: rows(&typed.rows),
            paste: &typed.paste,
            starts: &typed.starts,
            ends: &typed.ends,
            duration: &typed.duration,
            shown_ends: &typed.shown_ends,
            shown_duration: &typed.shown_duration,
            zone: if typed.zone.is_empty() { "UTC" } else { &typed.zone },
            by: &typed.by,
            comment: &typed.comment,
            until_resolved: typed.until_resolved,
            recurs: typed.recurs,
            cron: &typed.cron,
            timezone: &typed.timezone,
            until: &typed.until,
            sure: typed.sure,
            outcome,
        };
        let frame = Frame::new(here, Section::Silences, heading).with_scripts(&["silence_form.js"]);
        self.page_with(status, &frame, "web.silence_form", &view)
    }
}

/// There is always one to fill in.
fn rows(rows: &[Row]) -> Vec<RowView> {
    let empty = [Row::default()];
    let rows = if rows.is_empty() { &empty } else { rows };
    let view = |(place, row): (usize, &Row)| RowView {
        number: place + 1,
        name: row.name.clone(),
        value: row.value.clone(),
        ops: OPS.into_iter().map(|op| OpView { op, chosen: op == row.op }).collect(),
    };
    rows.iter().enumerate().map(view).collect()
}

fn views(mistakes: Vec<Mistake>) -> Vec<MistakeView> {
    let view = |mistake: Mistake| MistakeView {
        title: title(&mistake.field),
        field: mistake.field,
        text: shown(&mistake.text, LONG),
    };
    mistakes.into_iter().map(view).collect()
}

fn title(field: &str) -> String {
    match field {
        "matchers" | "form" => String::new(),
        "paste" => "Matchers as text:".to_owned(),
        "by" => "Your name:".to_owned(),
        "cron" => "When it begins:".to_owned(),
        "timezone" | "zone" => "Time zone:".to_owned(),
        "starts" => "Starts:".to_owned(),
        "ends" => "Ends:".to_owned(),
        "until" => "Until:".to_owned(),
        "duration" => "Duration:".to_owned(),
        row => format!("Matcher {}:", row.trim_start_matches("matcher-")),
    }
}
