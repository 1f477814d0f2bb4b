//! `/api/v2/receivers/test`, which Alertmanager does not have.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::Api;
use super::answer::{self, Refusal};
use crate::io::desk::Desk;
use crate::io::trial::{self, NoTrial, TrialOrder};

/// `POST /receivers/test`.
pub(super) async fn post<D: Desk>(State(api): State<Api<D>>, body: Bytes) -> Result<Response, Refusal> {
    let order: TrialOrder = serde_json::from_slice(&body).map_err(|error| {
        answer::refusal(StatusCode::BAD_REQUEST, format!("the body is no order for a test: {error}"))
    })?;
    Ok(answer::json(&trial::ordered(&api.desk, order).await?))
}

impl From<NoTrial> for Refusal {
    fn from(reason: NoTrial) -> Self {
        let status = match reason {
            NoTrial::NoConfig => StatusCode::SERVICE_UNAVAILABLE,
            NoTrial::Unknown(_) => StatusCode::NOT_FOUND,
            NoTrial::Busy => StatusCode::TOO_MANY_REQUESTS,
        };
        answer::refusal(status, reason.to_string())
    }
}
