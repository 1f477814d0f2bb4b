//! Silences set and ended for somebody who waits for the answer: what is told to be done is stored.

use model::caller::{Deed, OutOfScope};
use model::{Caller, Matcher};
use uuid::Uuid;

use super::desk::Desk;
use crate::maintenance::MaintenanceDraft;
use crate::notifier::Notifier;
use crate::silence::{SilenceDraft, SilenceError};

/// The target of log lines about silences that are made, changed and ended (`--log.silences`).
pub const SILENCES_LOG: &str = "notifier::silences";

/// Why a silence is not as asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilencingError {
    /// It may not be like this.
    #[error(transparent)]
    Refused(#[from] SilenceError),
    /// It is none of the caller's business.
    #[error(transparent)]
    OutOfScope(#[from] OutOfScope),
    /// It could not be stored; the text says what holds now.
    #[error("{0}")]
    NotStored(String),
}

/// Makes or edits a silence, and names it. Only stored ones are acknowledged: one that is not is ended again. It bears the name of
/// a caller who is known.
///
/// # Errors
/// The draft is refused or beyond the caller's scope, or the silence could not be stored.
pub async fn set_silence<D: Desk>(desk: &D, caller: &Caller, draft: SilenceDraft) -> Result<Uuid, SilencingError> {
    let created_by = caller.author(draft.created_by.clone());
    let deed = Deed {
        until: draft.ends_at.to_rfc3339_millis(),
        comment: draft.comment.clone(),
        claimed: caller.claimed(&draft.created_by),
        ..Deed::new("silence_set", id_text(draft.id)).about(&draft.matchers)
    };
    let (by, comment) = (created_by.clone(), draft.comment.clone());
    let draft = SilenceDraft { created_by, ..draft };
    let set = desk.act(|notifier, now, out| {
        may_set(caller, notifier, draft.id, &draft.matchers)?;
        Ok(notifier.set_silence(now, draft, Uuid::new_v4(), out)?)
    });
    let id = noted(caller, &deed, set)?;
    tracing::info!(target: SILENCES_LOG, silence = %id, by, comment, "silence set");
    stored_or_undone(desk, caller, id).await?;
    Ok(id)
}

/// Makes or edits a recurring silence: its id, and that of its occurrence that is active or comes next.
///
/// # Errors
/// As of [`set_silence`].
pub async fn set_maintenance<D: Desk>(
    desk: &D,
    caller: &Caller,
    draft: MaintenanceDraft,
) -> Result<(Uuid, Uuid), SilencingError> {
    let created_by = caller.author(draft.created_by.clone());
    let deed = Deed {
        until: draft.schedule.to_string(),
        comment: draft.comment.clone(),
        claimed: caller.claimed(&draft.created_by),
        ..Deed::new("maintenance_set", id_text(draft.id)).about(&draft.matchers)
    };
    let (by, comment) = (created_by.clone(), draft.comment.clone());
    let cron = draft.schedule.written().cron.clone();
    let draft = MaintenanceDraft { created_by, ..draft };
    let mut silence_id = Uuid::nil();
    let set = desk.act(|notifier, now, out| {
        may_set(caller, notifier, draft.id, &draft.matchers)?;
        let (id, occurrence) = notifier.set_maintenance(now, draft, Uuid::new_v4(), out)?;
        silence_id = occurrence;
        Ok(id)
    });
    let id = noted(caller, &deed, set)?;
    tracing::info!(target: SILENCES_LOG, schedule = %id, silence = %silence_id, cron, by, comment, "recurring silence set");
    stored_or_undone(desk, caller, id).await?;
    Ok((id, silence_id))
}

/// Ends a silence, or a recurring one.
///
/// # Errors
/// The id is unknown or that of a silence beyond the caller's scope, or the end could not be stored: then it holds until the
/// process ends.
pub async fn end_silence<D: Desk>(desk: &D, caller: &Caller, id: Uuid) -> Result<(), SilencingError> {
    let mut deed = Deed::new("silence_ended", id.to_string());
    let ended = desk.act(|notifier, now, out| {
        if let Some(matchers) = matchers_of(notifier, id) {
            deed = std::mem::take(&mut deed).about(matchers);
            caller.ensure_covers("the silence", matchers)?;
        }
        notifier.expire_silence(now, id, out)?;
        Ok(id)
    });
    noted(caller, &deed, ended)?;
    tracing::info!(target: SILENCES_LOG, silence = %id, "silence expired");
    let stored = desk.durable().await;
    stored.map_err(|error| {
        let message = format!("the silence has ended, but that could not be stored: {error}");
        caller.note(deed.failed(&message));
        SilencingError::NotStored(message)
    })
}

/// What a silence or a recurring one matches.
pub fn matchers_of(notifier: &Notifier, id: Uuid) -> Option<&[Matcher]> {
    let recurring = notifier.maintenance(id).map(|one| one.matchers.as_slice());
    recurring.or_else(|| notifier.silence(id).map(|silence| silence.matchers.as_slice()))
}

/// What is set and what it takes the place of must both be the caller's business.
fn may_set(caller: &Caller, notifier: &Notifier, id: Option<Uuid>, matchers: &[Matcher]) -> Result<(), OutOfScope> {
    if let Some(before) = id.and_then(|id| matchers_of(notifier, id)) {
        caller.ensure_covers("the silence that is edited", before)?;
    }
    caller.ensure_covers("the matchers of the silence", matchers)
}

fn id_text(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// In the book, as soon as it is done: whoever asked may be gone before it is stored.
fn noted(caller: &Caller, deed: &Deed, outcome: Result<Uuid, SilencingError>) -> Result<Uuid, SilencingError> {
    match &outcome {
        // Of one that is edited, the id it has from now on.
        Ok(id) => caller.note(Deed { id: id.to_string(), ..deed.clone() }),
        Err(error) => caller.note(deed.clone().failed(error)),
    }
    outcome
}

/// Waits until what was set is stored. What was not acknowledged must not mute: whoever asked will ask again.
async fn stored_or_undone<D: Desk>(desk: &D, caller: &Caller, id: Uuid) -> Result<(), SilencingError> {
    let Err(error) = desk.durable().await else { return Ok(()) };
    let undone = desk.act(|notifier, now, out| notifier.expire_silence(now, id, out));
    let outcome = if undone.is_ok() { "it was ended again" } else { "it is still in force" };
    let message = format!("the silence could not be stored, {outcome}: {error}");
    caller.note(Deed::new("silence_ended", id.to_string()).failed(&message));
    Err(SilencingError::NotStored(message))
}
