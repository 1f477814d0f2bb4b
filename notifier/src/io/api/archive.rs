//! The history as the API answers with it: 503 where the store does not.

use super::Api;
use super::answer::{self, Refusal};
use crate::history::event::Event;
use crate::io::archive::{self, Unreadable};
use crate::io::desk::Desk;
use axum::http::StatusCode;

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        answer::refusal(StatusCode::SERVICE_UNAVAILABLE, unreadable.to_string())
    }
}

impl<D: Desk> Api<D> {
    /// The events of some pages, oldest first; `keys` latest first.
    pub(super) async fn events(&self, keys: &[String]) -> Result<Vec<Event>, Refusal> {
        Ok(archive::events(&*self.desk, keys).await?)
    }

    /// Brings the store in line with what the machine noted, if it can be.
    pub(super) async fn settle_history(&self) {
        archive::settle(&*self.desk).await;
    }
}
