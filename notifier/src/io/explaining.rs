//! Why alerts were told or not, of the state and of the history: for the API and for pages of the UI.

use std::collections::BTreeSet;

use model::{Caller, LabelSet, Matcher, Timestamp};
use serde::Serialize;

use super::archive::{self, PAGES_AT_ONCE, Unreadable};
use super::desk::Desk;
use super::silencing::matchers_of;
use crate::explanation::{Answer, Cause, CauseKind, Explanation, NotFound};
use crate::history::event::Event;
use crate::history::{Name, Wanted};
use crate::notifier::{Asked, Notifier};

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

/// Explains the alerts that are meant and the caller's business, those that are gone too where none of the others is; `most` of them.
///
/// # Errors
/// The history cannot be read.
pub async fn explain<D: Desk>(desk: &D, caller: &Caller, asked: &Asked, most: usize) -> Result<Explained, Unreadable> {
    let asked = &narrowed(asked, caller);
    archive::settle(desk).await;
    let (mut meant, mut more) = desk.read(|notifier, now| notifier.meant_alerts(now, asked, most));
    meant.retain(|labels| caller.sees(labels));
    let mut not_found = None;
    if meant.is_empty() {
        let past = past(desk, caller, asked, most).await?;
        (meant, more) = (past.meant, past.more);
        if meant.is_empty() {
            not_found = Some(desk.read(|notifier, _| notifier.explain_absence(caller, asked, &past.others)));
        }
    }
    let mut alerts = Vec::with_capacity(meant.len());
    for labels in meant {
        let events = archive::events_about(desk, &labels).await?;
        let events: Vec<Event> = events.into_iter().filter_map(|event| event.within(caller)).collect();
        alerts.push(desk.read(|notifier, now| explained(notifier, now, caller, &labels, false, &events)));
    }
    Ok(Explained { alerts, more, not_found })
}

/// The question about what is the caller's business.
fn narrowed(asked: &Asked, caller: &Caller) -> Asked {
    match asked {
        Asked::Matching(matchers) => {
            let bounds: Vec<Matcher> = matchers.iter().chain(caller.scope.iter()).cloned().collect();
            Asked::Matching(bounds)
        }
        Asked::Fingerprint(fingerprint) => Asked::Fingerprint(*fingerprint),
    }
}

/// An alert explained to somebody: of what hides it they learn no more than is their business. The events are those they may see.
pub fn explained(
    notifier: &Notifier,
    now: Timestamp,
    caller: &Caller,
    labels: &LabelSet,
    is_supposed: bool,
    events: &[Event],
) -> Explanation {
    let mut explanation = notifier.explain(now, labels, is_supposed, events);
    if caller.is_scoped() {
        // Routes name whom else there is.
        explanation.route = None;
        let is_seen = |cause: &Cause| match cause.kind {
            CauseKind::Silence => {
                let matchers = cause.id.parse().ok().and_then(|id| matchers_of(notifier, id));
                matchers.is_some_and(|matchers| caller.covers(matchers))
            }
            CauseKind::Alert => {
                let mut seen = notifier.alerts_matching(now, &caller.scope);
                seen.any(|alert| alert.fingerprint().to_string() == cause.id)
            }
            CauseKind::TimeInterval | CauseKind::Receiver | CauseKind::Acknowledgement => true,
        };
        let of_receivers = explanation.receivers.iter_mut().flat_map(|receiver| {
            std::iter::once(&mut receiver.answer).chain(receiver.integrations.iter_mut().map(|one| &mut one.answer))
        });
        std::iter::once(&mut explanation.answer).chain(of_receivers).for_each(|answer| veil(answer, &is_seen));
    }
    explanation
}

/// Takes out of an answer what is others' business.
fn veil(answer: &mut Answer, is_seen: &impl Fn(&Cause) -> bool) {
    if answer.by.iter().all(is_seen) {
        return;
    }
    for cause in &mut answer.by {
        if !is_seen(cause) {
            let (kind, until) = (cause.kind, cause.until);
            *cause = Cause { until, ..Cause::new(kind, std::mem::take(&mut cause.id)) };
        }
    }
    let until = answer.until.map(|until| format!(" until {}", until.0.to_rfc3339())).unwrap_or_default();
    let by =
        if answer.by.iter().any(|cause| cause.kind == CauseKind::Alert) { "inhibited by an alert" } else { "silenced" };
    answer.text = format!("{by}{until}; what does it is others' business too");
}

/// Alerts that only the history knows.
struct Past {
    meant: Vec<LabelSet>,
    more: usize,
    others: Vec<LabelSet>,
}

/// Looks for alerts that are gone, those that were last heard of first.
async fn past<D: Desk>(desk: &D, caller: &Caller, asked: &Asked, most: usize) -> Result<Past, Unreadable> {
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
            if !caller.sees(&labels) || !seen.insert(labels.fingerprint()) {
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
