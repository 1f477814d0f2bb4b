//! Why alerts were told or not, of the state and of the history: for the API and for pages of the UI.

use std::collections::BTreeSet;

use model::LabelSet;
use serde::Serialize;

use super::archive::{self, PAGES_AT_ONCE, Unreadable};
use super::desk::Desk;
use crate::explanation::{Explanation, NotFound};
use crate::history::{Name, Wanted};
use crate::notifier::Asked;

/// Pages of the history that are searched for alerts that are gone, latest first.
const PAGES_SEARCHED: usize = 1024;
/// Labels of alerts that are gone, among which the nearest is looked for.
const PAST_MAX: usize = 1000;

/// What is answered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The alerts that are meant, each explained.
    pub alerts: Vec<Explanation>,
    /// How many more alerts are meant.
    pub more: usize,
    /// What comes nearest, if none is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_found: Option<NotFound>,
}

/// Explains the alerts that are meant, those that are gone too where none of the others is; `most` of them.
///
/// # Errors
/// The history cannot be read.
pub async fn explain<D: Desk>(desk: &D, asked: &Asked, most: usize) -> Result<Explained, Unreadable> {
    archive::settle(desk).await;
    let (mut meant, mut more) = desk.read(|notifier, now| notifier.meant_alerts(now, asked, most));
    let mut not_found = None;
    if meant.is_empty() {
        let past = past(desk, asked, most).await?;
        (meant, more) = (past.meant, past.more);
        if meant.is_empty() {
            not_found = Some(desk.read(|notifier, _| notifier.explain_absence(asked, &past.others)));
        }
    }
    let mut alerts = Vec::with_capacity(meant.len());
    for labels in meant {
        let events = archive::events_about(desk, &labels).await?;
        alerts.push(desk.read(|notifier, now| notifier.explain(now, &labels, false, &events)));
    }
    Ok(Explained { alerts, more, not_found })
}

/// Alerts that only the history knows.
struct Past {
    meant: Vec<LabelSet>,
    more: usize,
    others: Vec<LabelSet>,
}

/// Looks for alerts that are gone, those that were last heard of first.
async fn past<D: Desk>(desk: &D, asked: &Asked, most: usize) -> Result<Past, Unreadable> {
    let wanted = match asked {
        Asked::Fingerprint(fingerprint) => Wanted::of(vec![Name::of_alert(*fingerprint)]),
        Asked::Matching(_) => Wanted::all(),
    };
    let mut keys = desk.read(|notifier, _| notifier.history().pages(&wanted));
    keys.truncate(PAGES_SEARCHED);
    let (mut seen, mut past) = (BTreeSet::new(), Past { meant: Vec::new(), more: 0, others: Vec::new() });
    for keys in keys.chunks(PAGES_AT_ONCE) {
        let events = archive::events(desk, keys).await?;
        for labels in events.into_iter().rev().flat_map(|event| event.alerts).map(|alert| alert.labels) {
            if !seen.insert(labels.fingerprint()) {
                continue;
            }
            match asked.means(&labels) {
                true if past.meant.len() < most => past.meant.push(labels),
                true => past.more += 1,
                false if past.others.len() < PAST_MAX => past.others.push(labels),
                false => {}
            }
        }
    }
    Ok(past)
}
