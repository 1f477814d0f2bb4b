//! What the history says of an alert: receivers that it has left, and alerts that are gone.

use std::collections::{BTreeMap, BTreeSet};

use model::labels::Fingerprint;
use model::matcher::parse::{ParseMode, parse_matchers};
use model::{LabelSet, MatchOp, Timestamp};

use super::{Case, ended_answer};
use crate::explanation::{Answer, Cause, CauseKind, GroupAnswer, IntegrationAnswer, ReceiverAnswer, When, Why, clock};
use crate::history::event::{Event, Subject, What};

/// Events of a group and receiver.
type ByReceiver<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a Event>>;

/// Whether an event of a group concerns all of its alerts.
fn is_about_all(what: &What) -> bool {
    match what {
        What::Delivered { .. } | What::Failed { .. } | What::Refused { .. } | What::Unchanged { .. } => true,
        What::GivenUp { .. }
        | What::Hidden(_)
        | What::Shown
        | What::ResolvesUnwanted
        | What::NobodyToTell
        | What::EndedUntold
        | What::EndedHidden
        | What::Moved { .. } => false,
    }
}

/// Whether an event concerns an alert: it names it, or is about a group as a whole while the alert was in it. `events` are
/// all that name it or its groups; `is_member` says so of the groups it is in now.
fn is_relevant(
    event: &Event,
    fingerprint: Fingerprint,
    events: &[Event],
    is_member: impl Fn(&str) -> Option<Timestamp>,
) -> bool {
    if event.names(fingerprint) {
        return true;
    }
    if !is_about_all(&event.what) {
        return false;
    }
    let mut naming = events
        .iter()
        .filter(|other| other.group_key == event.group_key && other.names(fingerprint))
        .map(|other| other.at);
    let since = is_member(&event.group_key);
    let first = naming.next();
    let last = if since.is_some() { Some(Timestamp::MAX) } else { naming.next_back().or(first) };
    let first = [first, since].into_iter().flatten().min();
    first.is_some_and(|first| first <= event.at) && last.is_some_and(|last| event.at <= last)
}

impl Case<'_> {
    pub(super) fn is_relevant(&self, event: &Event) -> bool {
        let member_since = |key: &str| {
            let (id, alert) = self.known?;
            let mut groups = self.notifier.known.marks(id).groups.iter();
            let is_in = groups.any(|id| self.notifier.groups.get(*id).is_some_and(|group| *group.key == *key));
            is_in.then_some(alert.known_at)
        };
        is_relevant(event, self.fingerprint, self.events, member_since)
    }

    /// Whether an alert that is not known any more was, and how it ended.
    pub(super) fn past_standing(&self) -> Answer {
        let named = |event: &Event| Some((event.at, subject(event, self.fingerprint)?.ended));
        let mut last = self.events.iter().rev().filter_map(named);
        match last.next() {
            Some((at, Some(ended))) => ended_answer(ended, at),
            Some((at, None)) => {
                let text = format!("over: last heard of at {}, as the history says", clock(at));
                Answer::new(Why::Past, text).since(at)
            }
            None => Answer::new(Why::NeverSeen, "never heard of, as far as the history goes back"),
        }
    }

    /// The receivers of groups it has left, but for those in `present`.
    pub(super) fn past(&self, present: &BTreeSet<(String, String)>) -> Vec<ReceiverAnswer> {
        let mut left = ByReceiver::new();
        for event in self.events.iter().filter(|event| self.is_relevant(event)) {
            let key = (event.group_key.as_str(), event.receiver.as_str());
            if !present.contains(&(key.0.to_owned(), key.1.to_owned())) {
                left.entry(key).or_default().push(event);
            }
        }
        left.into_iter().map(|((key, receiver), events)| self.past_receiver(key, receiver, &events)).collect()
    }

    fn past_receiver(&self, key: &str, receiver: &str, events: &[&Event]) -> ReceiverAnswer {
        let ears: BTreeSet<&(String, usize)> = events.iter().filter_map(|event| event.integration.as_ref()).collect();
        let integrations = ears.into_iter().map(|ear| {
            let concerning = events.iter().copied().filter(|event| event.integration.as_ref().is_none_or(|e| e == ear));
            let concerning: Vec<&Event> = concerning.collect();
            let told = concerning.iter().rev().find(|event| matches!(event.what, What::Delivered { .. }));
            IntegrationAnswer {
                integration: ear.0.clone(),
                index: ear.1,
                answer: self.past_answer(&concerning),
                last_told: told.map(|event| When(event.at)),
            }
        });
        let integrations: Vec<IntegrationAnswer> = integrations.collect();
        let most_pressing = integrations.iter().map(|one| &one.answer).min_by_key(|answer| answer.verdict);
        let answer = most_pressing.cloned().unwrap_or_else(|| self.past_answer(events));
        let labels = group_labels_of(key).unwrap_or_default();
        let group = GroupAnswer { key: key.to_owned(), labels, ..GroupAnswer::default() };
        ReceiverAnswer { receiver: receiver.to_owned(), group, answer, integrations }
    }

    /// What the last event that decided anything says.
    fn past_answer(&self, events: &[&Event]) -> Answer {
        let decided = events.iter().rev().find_map(|event| Some((event, self.past_reason(event)?)));
        let Some((event, why)) = decided else {
            return Answer::new(Why::Past, "over, as the history says");
        };
        let text = match (why, &event.what) {
            (Why::EndTold, _) => format!("its end was told at {}", clock(event.at)),
            (Why::Unchanged, _) => format!("told at {}", clock(event.at)),
            (_, What::Failed { .. }) => {
                format!("ended before it arrived; at {}: {}", clock(event.at), crate::explanation::told::text(event))
            }
            _ => crate::explanation::told::text(event),
        };
        let by = match &event.what {
            What::Moved { to } => to.iter().map(|name| Cause::new(CauseKind::Receiver, name)).collect(),
            _ => Vec::new(),
        };
        // When it ended is in the alert's own answer.
        Answer::new(why, text).since((why != Why::EndedUntold).then_some(event.at)).by(by)
    }

    fn past_reason(&self, event: &Event) -> Option<Why> {
        match &event.what {
            What::Delivered { .. } => match subject(event, self.fingerprint) {
                Some(Subject { ended: Some(_), .. }) => Some(Why::EndTold),
                _ => Some(Why::Unchanged),
            },
            What::Failed { .. } | What::GivenUp { .. } => Some(Why::GivenUp),
            What::Refused { .. } => Some(Why::Refused),
            What::ResolvesUnwanted => Some(Why::ResolvesUnwanted),
            What::NobodyToTell => Some(Why::NoIntegrations),
            What::EndedUntold => Some(Why::EndedUntold),
            What::EndedHidden | What::Hidden(_) => Some(Why::EndedHidden),
            What::Moved { .. } => Some(Why::Moved),
            What::Shown | What::Unchanged { .. } => None,
        }
    }
}

fn subject(event: &Event, fingerprint: Fingerprint) -> Option<&Subject> {
    event.alerts.iter().find(|alert| alert.labels.fingerprint() == fingerprint)
}

/// The labels of a group, from its key; `None` if the key shows them in a way that cannot be told apart.
pub fn group_labels_of(key: &str) -> Option<LabelSet> {
    let shown = key.rmatch_indices(":{").map(|(at, _)| key.get(at + 1..).unwrap_or_default());
    let read = |text| parse_matchers(text, ParseMode::Utf8Strict).ok().map(|parsed| parsed.value);
    let matchers = shown.into_iter().find_map(read)?;
    let is_set = matchers.iter().all(|matcher| matcher.op() == MatchOp::Equal);
    is_set.then(|| LabelSet::from_pairs(matchers.iter().map(|matcher| (matcher.name(), matcher.value()))))
}
