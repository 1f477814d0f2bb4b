//! Silences set and ended for somebody who waits for the answer: what is told to be done is stored.

use uuid::Uuid;

use super::desk::Desk;
use crate::maintenance::MaintenanceDraft;
use crate::silence::{SilenceDraft, SilenceError};

/// The target of log lines about silences that are made, changed and ended (`--log.silences`).
pub const SILENCES_LOG: &str = "notifier::silences";

/// Why a silence is not as asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilencingError {
    /// It may not be like this.
    #[error(transparent)]
    Refused(#[from] SilenceError),
    /// It could not be stored; the text says what holds now.
    #[error("{0}")]
    NotStored(String),
}

/// Makes or edits a silence, and names it. Only stored ones are acknowledged: one that is not is ended again.
///
/// # Errors
/// The draft is refused, or the silence could not be stored.
pub async fn set_silence<D: Desk>(desk: &D, draft: SilenceDraft) -> Result<Uuid, SilencingError> {
    let (by, comment) = (draft.created_by.clone(), draft.comment.clone());
    let id = desk.act(|notifier, now, out| notifier.set_silence(now, draft, Uuid::new_v4(), out))?;
    tracing::info!(target: SILENCES_LOG, silence = %id, by, comment, "silence set");
    stored_or_undone(desk, id).await?;
    Ok(id)
}

/// Makes or edits a recurring silence: its id, and that of its occurrence that is active or comes next.
///
/// # Errors
/// As of [`set_silence`].
pub async fn set_maintenance<D: Desk>(desk: &D, draft: MaintenanceDraft) -> Result<(Uuid, Uuid), SilencingError> {
    let (by, comment) = (draft.created_by.clone(), draft.comment.clone());
    let cron = draft.schedule.written().cron.clone();
    let (id, silence_id) = desk.act(|notifier, now, out| notifier.set_maintenance(now, draft, Uuid::new_v4(), out))?;
    tracing::info!(target: SILENCES_LOG, schedule = %id, silence = %silence_id, cron, by, comment, "recurring silence set");
    stored_or_undone(desk, id).await?;
    Ok((id, silence_id))
}

/// Ends a silence, or a recurring one.
///
/// # Errors
/// The id is unknown, or the end could not be stored: then it holds until the process ends.
pub async fn end_silence<D: Desk>(desk: &D, id: Uuid) -> Result<(), SilencingError> {
    desk.act(|notifier, now, out| notifier.expire_silence(now, id, out))?;
    tracing::info!(target: SILENCES_LOG, silence = %id, "silence expired");
    let stored = desk.durable().await;
    stored.map_err(|error| {
        SilencingError::NotStored(format!("the silence has ended, but that could not be stored: {error}"))
    })
}

/// Waits until what was set is stored. What was not acknowledged must not mute: whoever asked will ask again.
async fn stored_or_undone<D: Desk>(desk: &D, id: Uuid) -> Result<(), SilencingError> {
    let Err(error) = desk.durable().await else { return Ok(()) };
    let undone = desk.act(|notifier, now, out| notifier.expire_silence(now, id, out));
    let outcome = if undone.is_ok() { "it was ended again" } else { "it is still in force" };
    Err(SilencingError::NotStored(format!("the silence could not be stored, {outcome}: {error}")))
}
