//! `/api/v2/receivers/test`, which Alertmanager does not have.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::Semaphore;

use super::Api;
use super::answer::{self, Refusal};
use crate::io::desk::Desk;
use crate::io::trial::{self, TrialOrder};

/// A trial ends within this.
const DEADLINE: Duration = Duration::from_secs(20);

/// How many trials are under way at a time; more are refused.
const TRIALS_MAX: usize = 4;

static TURNS: Semaphore = Semaphore::const_new(TRIALS_MAX);

/// `POST /receivers/test`.
pub(super) async fn post<D: Desk>(State(api): State<Api<D>>, body: Bytes) -> Result<Response, Refusal> {
    let order: TrialOrder = serde_json::from_slice(&body).map_err(|error| {
        answer::refusal(StatusCode::BAD_REQUEST, format!("the body is no order for a test: {error}"))
    })?;
    let (config, deliverer) = (api.desk.read(|notifier, _| notifier.config().cloned()), api.desk.deliverer());
    let (Some(config), Some(deliverer)) = (config, deliverer) else {
        return Err(answer::refusal(StatusCode::SERVICE_UNAVAILABLE, "the notifier has no configuration yet"));
    };
    let Some(receiver) = config.receivers.get(&order.receiver).cloned() else {
        let unknown = trial::unknown_receiver(&config, &order.receiver);
        return Err(answer::refusal(StatusCode::NOT_FOUND, unknown));
    };
    let Ok(_turn) = TURNS.try_acquire() else {
        let message = format!("{TRIALS_MAX} tests are under way; ask again when one has ended");
        return Err(answer::refusal(StatusCode::TOO_MANY_REQUESTS, message));
    };
    let desk = api.desk.clone();
    let clock = move || desk.read(|_, now| now);
    Ok(answer::json(&trial::run(deliverer, receiver, order, DEADLINE, clock).await))
}
