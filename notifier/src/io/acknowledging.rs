//! Alerts acknowledged for somebody who waits for the answer: what is told to be done is stored.

use axum::http::StatusCode;
use model::labels::Fingerprint;

use super::desk::Desk;
use crate::acknowledgement::{AckDraft, AckError, AckTarget, Acknowledgement};

/// Makes an acknowledgement that is stored when this returns. What could not be stored is taken back: whoever asked will ask
/// again, and until then nobody has taken anything on.
///
/// # Errors
/// A status and a text: nothing that fires is meant, the draft is invalid, or it cannot be stored.
pub async fn acknowledge<D: Desk>(desk: &D, draft: AckDraft) -> Result<Vec<Acknowledgement>, (StatusCode, String)> {
    let made = desk.act(|notifier, now, out| notifier.acknowledge(now, draft, out)).map_err(|error| match error {
        AckError::NoAlert => (StatusCode::NOT_FOUND, error.to_string()),
        AckError::Invalid(_) => (StatusCode::BAD_REQUEST, error.to_string()),
    })?;
    if let Err(error) = desk.durable().await {
        let target = AckTarget::Alerts(made.iter().map(|ack| ack.fingerprint).collect());
        desk.act(|notifier, now, out| notifier.unacknowledge(now, &target, out));
        let message = format!("the acknowledgement could not be stored, it was taken back: {error}");
        return Err((StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    for ack in &made {
        tracing::info!(alert = %ack.fingerprint, by = ack.by, comment = ack.comment, "acknowledged");
    }
    Ok(made)
}

/// Takes acknowledgements back; says of which alerts.
///
/// # Errors
/// It is done, but could not be stored: the text says so.
pub async fn take_back<D: Desk>(desk: &D, target: &AckTarget) -> Result<Vec<Fingerprint>, String> {
    let taken = desk.act(|notifier, now, out| notifier.unacknowledge(now, target, out));
    for fingerprint in &taken {
        tracing::info!(alert = %fingerprint, "acknowledgement taken back");
    }
    let stored = desk.durable().await;
    stored.map(|()| taken).map_err(|error| format!("taken back, but that could not be stored: {error}"))
}
