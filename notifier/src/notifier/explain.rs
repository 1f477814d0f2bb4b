//! "Why did, or why didn't this page?", answered from the state as it is and from the history.

mod integration;
mod past;
mod search;

use std::collections::BTreeSet;

use model::duration::format_duration;
use model::labels::Fingerprint;
use model::{LabelSet, Timestamp};
use uuid::Uuid;

pub use self::past::group_labels_of;
pub use self::search::Asked;
use super::Notifier;
use super::remember::ended;
use crate::alert_book::{AlertId, StoredAlert};
use crate::explanation::told::Told;
use crate::explanation::{Answer, Cause, CauseKind, Explanation, GroupAnswer, ReceiverAnswer, When, Why, clock};
use crate::group::Group;
use crate::history::event::{Ended, Event};
use crate::route::path::Step;
use crate::route::{Mute, Node, RouteId, RouteTree};

/// A time interval is looked for an end no further ahead.
const MUTE_LOOKED_THROUGH: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// The question, with everything at hand.
struct Case<'a> {
    notifier: &'a Notifier,
    now: Timestamp,
    labels: &'a LabelSet,
    fingerprint: Fingerprint,
    known: Option<(AlertId, &'a StoredAlert)>,
    is_supposed: bool,
    events: &'a [Event],
}

impl Notifier {
    /// Everything about an alert that fires, fired, or (`is_supposed`) might fire. `events` are those of the history that name
    /// it or its groups, in order; others do no harm.
    pub fn explain(&self, now: Timestamp, labels: &LabelSet, is_supposed: bool, events: &[Event]) -> Explanation {
        let known = self.known.book.find(labels).and_then(|id| Some((id, self.known.book.get(id)?)));
        let case = Case {
            notifier: self,
            now,
            labels,
            fingerprint: labels.fingerprint(),
            known: known.filter(|_| !is_supposed),
            is_supposed,
            events,
        };
        case.explanation()
    }

    /// The keys of the groups an alert is in, for looking them up in the history.
    pub fn group_keys_of(&self, labels: &LabelSet) -> Vec<String> {
        let Some(id) = self.known.book.find(labels) else { return Vec::new() };
        let groups = self.known.marks(id).groups.iter().filter_map(|id| self.groups.get(*id));
        groups.map(|group| group.key.to_string()).collect()
    }
}

impl<'a> Case<'a> {
    fn explanation(&self) -> Explanation {
        let alert = self.known.map(|(_, alert)| alert);
        let routes = self.notifier.routes.as_deref();
        let mut receivers = match (routes, self.is_supposed) {
            (Some(routes), true) => self.supposed(routes),
            (Some(routes), false) => self.present(routes),
            (None, _) => Vec::new(),
        };
        let present: BTreeSet<(String, String)> =
            receivers.iter().map(|one| (one.group.key.clone(), one.receiver.clone())).collect();
        if !self.is_supposed {
            receivers.extend(self.past(&present));
        }
        let relevant = self.events.iter().filter(|event| !self.is_supposed && self.is_relevant(event));
        Explanation {
            at: When(self.now),
            fingerprint: self.fingerprint,
            labels: self.labels.clone(),
            starts_at: alert.map(|alert| When(alert.starts_at)),
            ends_at: alert.map(|alert| When(alert.ends_at)),
            updated_at: alert.map(|alert| When(alert.updated_at)),
            answer: self.standing(),
            route: routes.map(|routes| Step::through(&routes.config().route, self.labels)),
            receivers,
            history: relevant.cloned().map(Told::of).collect(),
        }
    }

    /// Whether the alert fires, and how that is known.
    fn standing(&self) -> Answer {
        let Some((_, alert)) = self.known else {
            return match self.is_supposed {
                true => Answer::new(Why::Supposed, "what would become of such an alert if it fired now"),
                false => self.past_standing(),
            };
        };
        if let Some(ended) = ended(alert, self.now) {
            return ended_answer(ended, alert.ends_at);
        }
        let since = clock(alert.starts_at);
        let answer = match self.notifier.restored_at.filter(|at| alert.updated_at < *at) {
            Some(restart) => {
                let (restart, end) = (clock(restart), clock(alert.ends_at));
                let text = format!(
                    "fires since {since}; not reported since the restart at {restart}, and held until {end} for its source to report it"
                );
                Answer::new(Why::HeldAfterRestart, text)
            }
            None => Answer::new(Why::Reported, format!("fires since {since}")),
        };
        answer.since(alert.starts_at).until(alert.ends_at)
    }

    /// The receivers of the groups that it is in.
    fn present(&self, routes: &RouteTree) -> Vec<ReceiverAnswer> {
        let Some((id, _)) = self.known else { return Vec::new() };
        let groups = self.notifier.known.marks(id).groups.iter().filter_map(|id| self.notifier.groups.get(*id));
        let groups: Vec<&Group> = groups.collect();
        let mut answers: Vec<ReceiverAnswer> = groups.iter().map(|group| self.receiver(routes, group)).collect();
        answers.extend(groups.iter().flat_map(|group| self.escalations(routes, group, &groups)));
        answers
    }

    fn receiver(&self, routes: &RouteTree, group: &Group) -> ReceiverAnswer {
        let node = routes.node(group.route);
        let integrations: Vec<_> = group.slots.iter().map(|slot| self.integration(routes, group, slot)).collect();
        let most_pressing = integrations.iter().map(|one| &one.answer).min_by_key(|answer| answer.verdict);
        let answer = most_pressing.cloned().unwrap_or_else(|| no_integrations(node));
        ReceiverAnswer { receiver: node.receiver.name.clone(), group: self.group(node, group), answer, integrations }
    }

    fn group(&self, node: &Node, group: &Group) -> GroupAnswer {
        let book = &self.notifier.known.book;
        let fires = |id: AlertId| book.get(id).is_some_and(|alert| !alert.is_resolved(self.now));
        GroupAnswer {
            next_decision: Some(When(group.next_flush)),
            firing: Some(group.members.iter().filter(|member| fires(member.id)).count()),
            ..timing(node, group.key.to_string(), group.labels.clone())
        }
    }

    /// Steps of a group's route that are still to come for the alert.
    fn escalations(&self, routes: &RouteTree, group: &Group, groups: &[&Group]) -> Vec<ReceiverAnswer> {
        let node = routes.node(group.route);
        let waiting = group.unanswered.iter().flat_map(|unanswered| &unanswered.waiting);
        let Some(since) = waiting.into_iter().find(|one| one.hash == self.fingerprint.0).map(|one| one.since) else {
            return Vec::new();
        };
        let ahead = node.steps.iter().filter(|(_, step)| !groups.iter().any(|group| group.route == *step));
        let answer = |(after, step): &(std::time::Duration, RouteId)| {
            let (step, at) = (routes.node(*step), since.plus(*after));
            let text = format!("told at {} unless somebody acknowledges it before", clock(at));
            let labels = step.group_labels(self.labels);
            ReceiverAnswer {
                receiver: step.receiver.name.clone(),
                group: timing(step, step.group_key(&labels).to_string(), labels),
                answer: Answer::new(Why::EscalationWaits, text).since(since).until(at),
                integrations: Vec::new(),
            }
        };
        ahead.map(answer).collect()
    }

    /// Who would be told if it fired now.
    fn supposed(&self, routes: &RouteTree) -> Vec<ReceiverAnswer> {
        let answer = |route: RouteId| {
            let node = routes.node(route);
            let labels = node.group_labels(self.labels);
            let group = self.notifier.groups.find(route, &labels).and_then(|id| self.notifier.groups.get(id));
            let at = match group {
                Some(group) => group.next_flush,
                None => self.now.plus(node.group_wait).max(self.notifier.not_before),
            };
            let answer = match (node.receiver.integrations.is_empty(), self.hidden(routes, route)) {
                (true, _) => no_integrations(node),
                (false, Some(hidden)) => hidden,
                (false, None) => {
                    let when = clock(at);
                    match group {
                        Some(_) => Answer::new(Why::GroupInterval, format!("its group is there: told at {when}")),
                        None => Answer::new(Why::GroupWait, format!("told at {when}, after group_wait")),
                    }
                    .until(at)
                }
            };
            let key = node.group_key(&labels).to_string();
            let next_decision = Some(When(at));
            ReceiverAnswer {
                receiver: node.receiver.name.clone(),
                group: GroupAnswer { next_decision, ..timing(node, key, labels) },
                answer,
                integrations: Vec::new(),
            }
        };
        routes.matching(self.labels).into_iter().map(answer).collect()
    }

    /// What hides it on a route, in the order of a flush's questions.
    fn hidden(&self, routes: &RouteTree, route: RouteId) -> Option<Answer> {
        let known = &self.notifier.known;
        let source = match self.known {
            Some((id, _)) => known.inhibited_by(id, self.now),
            None => known.would_be_inhibited_by(self.labels, self.now),
        };
        if let Some(source) = source {
            let detail = source.labels().to_string();
            let text = format!("inhibited by {detail} for as long as that fires");
            let cause = Cause { detail, ..Cause::new(CauseKind::Alert, source.fingerprint.to_string()) };
            return Some(Answer::new(Why::Inhibited, text).by(vec![cause]));
        }
        routes.mute_at(route, self.now).map(|mute| self.muted(routes, route, &mute)).or_else(|| self.silenced())
    }

    fn muted(&self, routes: &RouteTree, route: RouteId, mute: &Mute) -> Answer {
        let until = routes.heard_again(route, self.now, self.now.plus(MUTE_LOOKED_THROUGH));
        let names = mute.intervals().join(", ");
        let end = until.map_or("for more than a day".to_owned(), |until| format!("until {}", clock(until)));
        let (why, text) = match mute {
            Mute::Muted(_) => (Why::Muted, format!("muted by time interval {names} {end}")),
            Mute::Inactive(_) => {
                (Why::OutsideActiveIntervals, format!("outside the active time intervals {names} {end}"))
            }
        };
        let by = mute.intervals().iter().map(|name| Cause::new(CauseKind::TimeInterval, name));
        Answer::new(why, text).until(until).by(by.collect())
    }

    fn silenced(&self) -> Option<Answer> {
        let known = &self.notifier.known;
        let ids = match self.known {
            Some((id, _)) => known.silenced_by(id, self.now),
            None => known.would_be_silenced_by(self.labels, self.now),
        };
        let silences: Vec<_> = ids.iter().filter_map(|id| known.silences.get(*id)).collect();
        let until = silences.iter().map(|silence| silence.ends_at).max()?;
        let causes = silences.iter().map(|silence| Cause {
            detail: silence.comment.clone(),
            created_by: silence.created_by.clone(),
            schedule: silence.schedule.map(|id| self.schedule(id)).unwrap_or_default(),
            until: Some(When(silence.ends_at)),
            ..Cause::new(CauseKind::Silence, silence.id.to_string())
        });
        let causes: Vec<Cause> = causes.collect();
        let named = causes.iter().map(|cause| {
            let name = match (cause.created_by.as_str(), cause.detail.as_str()) {
                ("", "") => cause.id.clone(),
                (by, comment) => format!("{} ({by}: {comment})", cause.id),
            };
            if cause.schedule.is_empty() { name } else { format!("{name}, which recurs by {},", cause.schedule) }
        });
        let named: Vec<String> = named.collect();
        let waits = silences.iter().any(|silence| silence.until_resolved);
        let or_before = if waits { ", or until the last of its alerts resolves" } else { "" };
        let text = format!("silenced by {} until {}{or_before}", named.join(", "), clock(until));
        let since = silences.iter().map(|silence| silence.starts_at).min();
        Some(Answer::new(Why::Silenced, text).since(since).until(until).by(causes))
    }

    /// A recurring silence in words: `ID (30 2 * * SAT, Europe/Berlin, for 2h)`.
    fn schedule(&self, id: Uuid) -> String {
        let known = self.notifier.maintenance(id);
        known.map_or_else(|| id.to_string(), |maintenance| format!("{id} ({})", maintenance.schedule))
    }

    /// The receivers it is routed to now.
    fn routed_to(&self, routes: &RouteTree) -> Vec<String> {
        routes.matching(self.labels).into_iter().map(|id| routes.node(id).receiver.name.clone()).collect()
    }
}

fn ended_answer(ended: Ended, at: Timestamp) -> Answer {
    let why = match ended {
        Ended::BySource => Why::EndedBySource,
        Ended::EndsAtPassed => Why::EndsAtPassed,
        Ended::ResolveTimeout => Why::ResolveTimeout,
    };
    Answer::new(why, format!("over since {}: {}", clock(at), ended.as_str())).since(at)
}

fn no_integrations(node: &Node) -> Answer {
    Answer::new(Why::NoIntegrations, format!("receiver {} has no integrations, so nobody is told", node.receiver.name))
}

fn timing(node: &Node, key: String, labels: LabelSet) -> GroupAnswer {
    GroupAnswer {
        key,
        labels,
        group_wait: format_duration(node.group_wait),
        group_interval: format_duration(node.group_interval),
        repeat_interval: format_duration(node.repeat_interval),
        next_decision: None,
        firing: None,
    }
}
