//! The history as the API reads it: pages from the store, in bounded pieces.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use model::LabelSet;

use super::Api;
use super::answer::{self, Refusal};
use crate::history::event::Event;
use crate::history::{Name, Wanted, events_of, without};
use crate::io::desk::Desk;

/// Pages that are read at once: the store takes nothing else meanwhile.
pub(super) const PAGES_AT_ONCE: usize = 32;
/// Most pages that one question about an alert reads, the latest.
const PAGES_OF_AN_ALERT: usize = 512;
/// The store answers within this.
const DEADLINE: Duration = Duration::from_secs(5);

impl<D: Desk> Api<D> {
    /// The events of some pages, oldest first; `keys` latest first.
    pub(super) async fn events(&self, keys: &[String]) -> Result<Vec<Event>, Refusal> {
        let unavailable = |why: String| {
            answer::refusal(StatusCode::SERVICE_UNAVAILABLE, format!("the history cannot be read: {why}"))
        };
        let mut pages: Vec<Vec<u8>> = Vec::new();
        for keys in keys.chunks(PAGES_AT_ONCE) {
            let read = tokio::time::timeout(DEADLINE, self.desk.records(keys.to_vec())).await;
            let read = read.map_err(|_| unavailable(format!("no answer within {} s", DEADLINE.as_secs())))?;
            // A page may have been forgotten meanwhile.
            pages.extend(read.map_err(unavailable)?.into_iter().flatten());
        }
        Ok(events_of(pages.iter().map(Vec::as_slice)))
    }

    /// Brings the store in line with what the machine noted, if it can be.
    pub(super) async fn settle_history(&self) {
        self.desk.act(|notifier, _, out| notifier.store_history(out));
        // Where the store fails, what it has is told.
        drop(tokio::time::timeout(DEADLINE, self.desk.durable()).await);
    }

    /// The events that name an alert or one of its groups, oldest first.
    pub(super) async fn events_about(&self, labels: &LabelSet) -> Result<Vec<Event>, Refusal> {
        let alert = Name::of_alert(labels.fingerprint());
        let (mut keys, groups) = self
            .desk
            .read(|notifier, _| (notifier.history().pages(&Wanted::of(vec![alert])), notifier.group_keys_of(labels)));
        keys.truncate(PAGES_OF_AN_ALERT);
        let named = self.events(&keys).await?;
        let left = named.iter().filter(|event| event.names(labels.fingerprint())).map(|event| event.group_key.clone());
        let groups: BTreeSet<String> = left.chain(groups).collect();
        let wanted = Wanted::of(groups.iter().map(|key| Name::of_group(key)).collect());
        let known: BTreeSet<String> = keys.iter().cloned().collect();
        let of_groups = match groups.is_empty() {
            true => Vec::new(),
            false => without(self.desk.read(|notifier, _| notifier.history().pages(&wanted)), &known),
        };
        if of_groups.is_empty() {
            return Ok(named);
        }
        // In order of time: keys sort as pages do.
        keys.extend(of_groups.into_iter().take(PAGES_OF_AN_ALERT));
        keys.sort_unstable_by(|a, b| b.cmp(a));
        self.events(&keys).await
    }
}
