//! The history as it is read: pages from the store, in bounded pieces. For the API and for pages of the UI.

pub mod question;

use std::collections::BTreeSet;
use std::time::Duration;

use model::LabelSet;

use super::desk::Desk;
use crate::history::event::Event;
use crate::history::{Name, Wanted, events_of, without};

/// Pages that are read at once: the store takes nothing else meanwhile.
pub const PAGES_AT_ONCE: usize = 32;
/// Most pages that one question about an alert reads, the latest.
const PAGES_OF_AN_ALERT: usize = 512;
/// The store answers within this.
const DEADLINE: Duration = Duration::from_secs(5);

/// The store does not answer; the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the history cannot be read: {0}")]
pub struct Unreadable(pub String);

/// The events of some pages, oldest first; `keys` latest first.
///
/// # Errors
/// The store does not answer within 5 s, or cannot.
pub async fn events<D: Desk>(desk: &D, keys: &[String]) -> Result<Vec<Event>, Unreadable> {
    let mut pages: Vec<Vec<u8>> = Vec::new();
    for keys in keys.chunks(PAGES_AT_ONCE) {
        let read = tokio::time::timeout(DEADLINE, desk.records(keys.to_vec())).await;
        let read = read.map_err(|_| Unreadable(format!("no answer within {} s", DEADLINE.as_secs())))?;
        // A page may have been forgotten meanwhile.
        pages.extend(read.map_err(Unreadable)?.into_iter().flatten());
    }
    Ok(events_of(pages.iter().map(Vec::as_slice)))
}

/// Brings the store in line with what the machine noted, if it can be.
pub async fn settle<D: Desk>(desk: &D) {
    desk.act(|notifier, _, out| notifier.store_history(out));
    // Where the store fails, what it has is told.
    drop(tokio::time::timeout(DEADLINE, desk.durable()).await);
}

/// The events that name an alert or one of its groups, oldest first.
///
/// # Errors
/// As of [`events`].
pub async fn events_about<D: Desk>(desk: &D, labels: &LabelSet) -> Result<Vec<Event>, Unreadable> {
    let alert = Name::of_alert(labels.fingerprint());
    let (mut keys, groups) =
        desk.read(|notifier, _| (notifier.history().pages(&Wanted::of(vec![alert])), notifier.group_keys_of(labels)));
    keys.truncate(PAGES_OF_AN_ALERT);
    let named = events(desk, &keys).await?;
    let left = named.iter().filter(|event| event.names(labels.fingerprint())).map(|event| event.group_key.clone());
    let groups: BTreeSet<String> = left.chain(groups).collect();
    let wanted = Wanted::of(groups.iter().map(|key| Name::of_group(key)).collect());
    let known: BTreeSet<String> = keys.iter().cloned().collect();
    let of_groups = match groups.is_empty() {
        true => Vec::new(),
        false => without(desk.read(|notifier, _| notifier.history().pages(&wanted)), &known),
    };
    if of_groups.is_empty() {
        return Ok(named);
    }
    // In order of time: keys sort as pages do.
    keys.extend(of_groups.into_iter().take(PAGES_OF_AN_ALERT));
    keys.sort_unstable_by(|a, b| b.cmp(a));
    events(desk, &keys).await
}
