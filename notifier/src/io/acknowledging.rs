//! Alerts acknowledged for somebody who waits for the answer: what is told to be done is stored.

use axum::http::StatusCode;
use model::caller::{Deed, OutOfScope};
use model::labels::Fingerprint;
use model::{Caller, Timestamp};

use super::desk::Desk;
use crate::acknowledgement::{AckDraft, AckError, AckTarget, Acknowledgement};
use crate::notifier::Notifier;

/// So many alerts of an acknowledgement are named in the book.
const NAMED_MAX: usize = 20;

/// Makes an acknowledgement that is stored when this returns. What could not be stored is taken back: whoever asked will ask
/// again, and until then nobody has taken anything on. It bears the name of a caller who is known, and concerns only alerts that are
/// their business.
///
/// # Errors
/// A status and a text: nothing that fires is meant, or nothing that is the caller's business, the draft is invalid, or it cannot be
/// stored.
pub async fn acknowledge<D: Desk>(
    desk: &D,
    caller: &Caller,
    draft: AckDraft,
) -> Result<Vec<Acknowledgement>, (StatusCode, String)> {
    let by = caller.author(draft.by.clone());
    let mut deed = Deed {
        until: draft.until.map(|until| until.to_rfc3339_millis()).unwrap_or_default(),
        comment: draft.comment.clone(),
        claimed: caller.claimed(&draft.by),
        ..Deed::new("acknowledged", "")
    };
    let made = desk.act(|notifier, now, out| {
        let target = within(notifier, now, draft.target.clone(), caller)
            .map_err(|error| (StatusCode::FORBIDDEN, error.to_string()))?;
        notifier.acknowledge(now, AckDraft { target, by, ..draft }, out).map_err(|error| match error {
            AckError::NoAlert => (StatusCode::NOT_FOUND, error.to_string()),
            AckError::Invalid(_) => (StatusCode::BAD_REQUEST, error.to_string()),
        })
    });
    let made = match made {
        Ok(made) => made,
        Err((status, message)) => {
            caller.note(deed.failed(&message));
            return Err((status, message));
        }
    };
    let fingerprints: Vec<Fingerprint> = made.iter().map(|ack| ack.fingerprint).collect();
    deed.about = named(&fingerprints);
    caller.note(deed.clone());
    if let Err(error) = desk.durable().await {
        desk.act(|notifier, now, out| notifier.unacknowledge(now, &AckTarget::Alerts(fingerprints), out));
        let message = format!("the acknowledgement could not be stored, it was taken back: {error}");
        caller.note(deed.failed(&message));
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
/// A status and a text: what is meant is none of the caller's business; or it is done, but could not be stored.
pub async fn take_back<D: Desk>(
    desk: &D,
    caller: &Caller,
    target: &AckTarget,
) -> Result<Vec<Fingerprint>, (StatusCode, String)> {
    let taken = desk.act(|notifier, now, out| {
        let target = within(notifier, now, target.clone(), caller)?;
        Ok(notifier.unacknowledge(now, &target, out))
    });
    let deed = Deed::new("acknowledgement_taken_back", "");
    let taken = taken.map_err(|error: OutOfScope| {
        caller.note(deed.clone().failed(&error));
        (StatusCode::FORBIDDEN, error.to_string())
    })?;
    for fingerprint in &taken {
        tracing::info!(alert = %fingerprint, "acknowledgement taken back");
    }
    let deed = Deed { about: named(&taken), ..deed };
    caller.note(deed.clone());
    let stored = desk.durable().await;
    stored.map(|()| taken).map_err(|error| {
        let message = format!("taken back, but that could not be stored: {error}");
        caller.note(deed.failed(&message));
        (StatusCode::INTERNAL_SERVER_ERROR, message)
    })
}

/// What of a target is the caller's business.
fn within(notifier: &Notifier, now: Timestamp, target: AckTarget, caller: &Caller) -> Result<AckTarget, OutOfScope> {
    if !caller.is_scoped() {
        return Ok(target);
    }
    let meant = notifier.would_acknowledge(now, &target);
    let seen = meant.iter().filter(|alert| caller.sees(&alert.labels())).map(|alert| alert.fingerprint());
    let seen: Vec<Fingerprint> = seen.collect();
    if seen.is_empty() && !meant.is_empty() {
        Err(caller.out_of_scope("the alerts"))
    } else {
        Ok(AckTarget::Alerts(seen))
    }
}

fn named(fingerprints: &[Fingerprint]) -> String {
    let named: Vec<String> = fingerprints.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    match fingerprints.len().saturating_sub(NAMED_MAX) {
        0 => named.join(","),
        more => format!("{},and {more} more", named.join(",")),
    }
}
