//! What goes into the history: outcomes, and decisions that are not those of the last flush.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use model::Timestamp;

use super::outcome::Flight;
use super::{Effect, Notifier};
use crate::alert_book::{AlertId, StoredAlert};
use crate::decision::{HoldReason, Verdict};
use crate::group::{Content, Failures, Group, GroupId, Member, Seen, Slot, SlotState};
use crate::history::event::{Ended, Happening, Hider, Subject, What, millis};
use crate::notification::{NotifiedAlert, Reason};
use crate::receiver::{Integration, Outcome, Receiver};
use crate::route::{Mute, RouteTree};

/// Alerts listed of an attempt that failed: those of one that arrives are all listed.
const FAILED_LISTED: usize = 16;

/// Keys and receivers of the groups of a configuration.
pub(super) type Whose = HashMap<GroupId, (Arc<str>, Arc<Receiver>)>;

/// Alerts that leave a group for other receivers.
pub(super) type Moves = BTreeMap<(GroupId, Vec<String>), Vec<Subject>>;

/// Which attempt it was, and what followed.
pub(super) struct Attempt {
    /// At its content, 1 for the first.
    number: u32,
    next: Option<Timestamp>,
    failures: Failures,
}

/// Whom an attempt has news for.
pub(super) struct News {
    subjects: Vec<Subject>,
    more: usize,
}

impl Notifier {
    /// Takes in that members of a group are seen otherwise than at the last flush.
    pub(super) fn take_turns(
        &mut self,
        now: Timestamp,
        routes: &RouteTree,
        group: &mut Group,
        turned: &[(AlertId, Seen)],
    ) {
        let mut turned = turned.iter().peekable();
        let mut happened: Vec<(What, Vec<Subject>)> = Vec::new();
        for at in 0..group.members.len() {
            let Some(member) = group.members.get_mut(at) else { break };
            let Some((_, seen)) = turned.next_if(|(id, _)| *id == member.id) else { continue };
            let before = std::mem::replace(&mut member.seen, *seen);
            let member = *member;
            if !self.history.is_kept() {
                continue;
            }
            let Some(alert) = self.known.book.get(member.id) else { continue };
            let Some(what) = self.turn(now, routes, group, member, before) else { continue };
            let subject = subject_of(alert, now);
            match happened.last_mut() {
                Some((last, subjects)) if *last == what => subjects.push(subject),
                _ => happened.push((what, vec![subject])),
            }
        }
        for (what, alerts) in happened {
            let receiver = &routes.node(group.route).receiver.name;
            let group_key = &group.key;
            self.history.note(Happening { at: now, group_key, receiver, integration: None, what, alerts, more: 0 });
        }
    }

    /// What it means that a member is seen as it is now.
    fn turn(&self, now: Timestamp, routes: &RouteTree, group: &Group, member: Member, before: Seen) -> Option<What> {
        if member.seen.is_hidden() {
            return Some(What::Hidden(self.hider(now, routes, group, member.id)?));
        }
        if before.is_hidden() {
            return Some(What::Shown);
        }
        if group.slots.is_empty() {
            return (before == Seen::NOT_YET).then_some(What::NobodyToTell);
        }
        if member.seen == Seen::OVER && before == Seen::NOT_YET {
            let hash = self.known.book.get(member.id)?.fingerprint.0;
            let is_known = |key: &Arc<str>| self.log.get(key).is_some_and(|entry| entry.is_open(hash));
            return (!group.slots.iter().any(|slot| is_known(&slot.log_key))).then_some(What::EndedUntold);
        }
        // Who fires and is told goes without saying: what came of it is noted.
        None
    }

    /// What hides a member, in the order of the questions.
    fn hider(&self, now: Timestamp, routes: &RouteTree, group: &Group, id: AlertId) -> Option<Hider> {
        if let Some(source) = self.known.inhibited_by(id, now) {
            let fingerprint = source.fingerprint.to_string();
            return Some(Hider::Alert { labels: source.labels().to_string(), fingerprint });
        }
        match routes.mute_at(group.route, now) {
            Some(Mute::Muted(intervals)) => return Some(Hider::Muted { intervals }),
            Some(Mute::Inactive(intervals)) => return Some(Hider::Inactive { intervals }),
            None => {}
        }
        let ids = self.known.silenced_by(id, now);
        let ends = ids.iter().filter_map(|id| self.known.silences.get(*id)).map(|silence| silence.ends_at);
        let until_ms = ends.max()?.as_millis();
        Some(Hider::Silences { ids, until_ms })
    }

    /// An integration is not told: noted unless it was the same last time, or goes without saying.
    pub(super) fn note_hold(
        &mut self,
        now: Timestamp,
        routes: &RouteTree,
        group: &mut Group,
        at: usize,
        (verdict, replaced): (Verdict, Option<(Arc<Content>, u32)>),
    ) {
        let Some(slot) = group.slots.get_mut(at) else { return };
        let held = match verdict {
            // That it knows all there is to know needs not be said again after each repeat.
            Verdict::Notify(Reason::RepeatInterval) => slot.held.filter(|held| *held == HoldReason::Unchanged),
            Verdict::Notify(_) => None,
            Verdict::Hold(reason) => Some(reason),
        };
        let is_same = std::mem::replace(&mut slot.held, held) == held;
        let Some(held) = held.filter(|_| self.history.is_kept()) else { return };
        let node = routes.node(group.route);
        let what = match held {
            _ if is_same => None,
            HoldReason::Unchanged | HoldReason::Acknowledged => self.log.get(&slot.log_key).map(|entry| {
                let repeat = group.grid.next_after(entry.at.plus(node.repeat_interval));
                What::Unchanged { told_ms: entry.at.as_millis(), repeat_ms: repeat.as_millis() }
            }),
            HoldReason::ResolvesUnwanted => Some(What::ResolvesUnwanted),
            // Of the alerts it is noted that they are hidden or over, of attempts what came of them.
            HoldReason::Inhibited | HoldReason::Inactive | HoldReason::Muted | HoldReason::Silenced => None,
            HoldReason::NothingToTell | HoldReason::InFlight | HoldReason::Gathered => None,
        };
        let integration = Some((slot.integration.kind, slot.integration.index));
        let (group_key, receiver) = (&*group.key, &*node.receiver.name);
        let given_up = replaced.filter(|_| held == HoldReason::NothingToTell).map(|(content, attempts)| {
            let news = news(content.notification.alerts.iter(), now, FAILED_LISTED);
            (What::GivenUp { attempts }, news)
        });
        let listed = what.map(|what| {
            let over = if what == What::ResolvesUnwanted { self.over(now, group) } else { Vec::new() };
            let more = over.len().saturating_sub(FAILED_LISTED);
            (what, News { subjects: over.into_iter().take(FAILED_LISTED).collect(), more })
        });
        for (what, News { subjects: alerts, more }) in given_up.into_iter().chain(listed) {
            self.history.note(Happening { at: now, group_key, receiver, integration, what, alerts, more });
        }
    }

    /// The members that are over.
    fn over(&self, now: Timestamp, group: &Group) -> Vec<Subject> {
        let known = group.members.iter().filter_map(|member| self.known.book.get(member.id));
        known.filter(|alert| alert.is_resolved(now)).map(|alert| subject_of(alert, now)).collect()
    }

    /// The alerts whose state would be news to whom an attempt is made, or is news if it arrived.
    pub(super) fn news_of(&self, now: Timestamp, flight: &Flight, is_delivered: bool) -> News {
        if !self.history.is_kept() {
            return News { subjects: Vec::new(), more: 0 };
        }
        let before = self.log.get(&flight.log_key);
        let knows = |alert: &NotifiedAlert| before.is_some_and(|entry| entry.knows(alert.fingerprint.0));
        let alerts = flight.content.notification.alerts.iter();
        let mut news = news(
            alerts.filter(|alert| alert.resolved_at.is_some() || !knows(alert)),
            now,
            if is_delivered { usize::MAX } else { FAILED_LISTED },
        );
        for subject in news.subjects.iter_mut().filter(|subject| subject.ended.is_some()) {
            let known = self.known.book.find(&subject.labels).and_then(|id| self.known.book.get(id));
            subject.ended = known.and_then(|alert| ended(alert, now)).or(subject.ended);
        }
        news
    }

    /// Notes what came of an attempt.
    pub(super) fn note_attempt(
        &mut self,
        now: Timestamp,
        flight: &Flight,
        (news, outcome): (News, &Outcome),
        Attempt { number: attempt, next, failures }: Attempt,
    ) {
        if !self.history.is_kept() || failures.count > 0 && !failures.count.is_power_of_two() {
            return;
        }
        let in_a_row = failures.count;
        let notification = &flight.content.notification;
        let what = match outcome {
            Outcome::Delivered | Outcome::DeliveredAs(_) => {
                let resolved = notification.alerts.iter().filter(|alert| alert.resolved_at.is_some()).count();
                let firing = notification.alerts.len() - resolved;
                What::Delivered { reason: notification.reason, attempt, firing, resolved }
            }
            Outcome::Retry { reason, message, retry_after } => What::Failed {
                kind: (*reason).to_owned(),
                message: clipped(message),
                attempt,
                in_a_row,
                next_ms: next.map(Timestamp::as_millis),
                asked_ms: retry_after.map(millis),
            },
            Outcome::Rejected { reason, message } => {
                What::Refused { kind: (*reason).to_owned(), message: clipped(message), in_a_row }
            }
        };
        let Integration { kind, index, .. } = &*flight.integration;
        self.history.note(Happening {
            at: now,
            group_key: &notification.group_key,
            receiver: &notification.receiver,
            integration: Some((kind, *index)),
            what,
            alerts: news.subjects,
            more: news.more,
        });
    }

    /// A member that is over leaves without a word, as it was hidden.
    pub(super) fn note_hidden_end(&mut self, now: Timestamp, group: &Group, member: Member) {
        if !member.seen.is_hidden() || !self.history.is_kept() {
            return;
        }
        let (Some(alert), Some(routes)) = (self.known.book.get(member.id), self.routes.as_deref()) else { return };
        let alerts = vec![subject_of(alert, now)];
        let (group_key, receiver) = (&*group.key, &*routes.node(group.route).receiver.name);
        let what = What::EndedHidden;
        self.history.note(Happening { at: now, group_key, receiver, integration: None, what, alerts, more: 0 });
    }

    /// An alert of an earlier process is over and in no group: it ended before anybody was told of it.
    pub(super) fn note_untold_end(&mut self, now: Timestamp, id: AlertId) {
        let (Some(alert), Some(routes)) = (self.known.book.get(id), self.routes.as_deref()) else { return };
        if !alert.is_resolved(now) || !self.known.marks(id).groups.is_empty() {
            return;
        }
        let labels = alert.labels();
        for route in routes.matching(&labels) {
            let node = routes.node(route);
            let group_key = &*node.group_key(&node.group_labels(&labels));
            let (receiver, alerts) = (&*node.receiver.name, vec![subject_of(alert, now)]);
            let what = What::EndedUntold;
            self.history.note(Happening { at: now, group_key, receiver, integration: None, what, alerts, more: 0 });
        }
    }

    /// Keys and receivers of all groups.
    pub(super) fn whose(&self) -> Whose {
        let Some(routes) = self.routes.as_deref().filter(|_| self.history.is_kept()) else { return Whose::new() };
        let whose = |group: &Group| (Arc::clone(&group.key), Arc::clone(&routes.node(group.route).receiver));
        self.groups.iter().map(|(id, group)| (id, whose(group))).collect()
    }

    /// Collects what another configuration routes elsewhere: an alert that was in the groups `prior`.
    pub(super) fn collect_moves(
        &self,
        now: Timestamp,
        id: AlertId,
        (prior, whose): (&[GroupId], &Whose),
        moves: &mut Moves,
    ) {
        let (Some(alert), Some(routes)) = (self.known.book.get(id), self.routes.as_deref()) else { return };
        if prior.is_empty() || alert.is_resolved(now) {
            return;
        }
        let groups = self.known.marks(id).groups.iter().filter_map(|id| self.groups.get(*id));
        let receivers: Vec<&str> = groups.map(|group| routes.node(group.route).receiver.name.as_str()).collect();
        for group in prior {
            let left = whose.get(group).is_some_and(|(_, receiver)| !receivers.contains(&receiver.name.as_str()));
            if left {
                let to = receivers.iter().map(|name| (*name).to_owned()).collect();
                moves.entry((*group, to)).or_default().push(subject_of(alert, now));
            }
        }
    }

    /// Notes what is routed elsewhere.
    pub(super) fn note_moves(&mut self, now: Timestamp, whose: &Whose, moves: Moves) {
        for ((group, to), alerts) in moves {
            let Some((group_key, receiver)) = whose.get(&group) else { continue };
            let (receiver, what) = (&*receiver.name, What::Moved { to });
            self.history.note(Happening { at: now, group_key, receiver, integration: None, what, alerts, more: 0 });
        }
    }

    /// Gives out what is not written yet of the history, for whoever reads it.
    pub fn store_history(&mut self, out: &mut Vec<Effect>) {
        out.extend(self.history.take_changes().map(history_record));
    }

    /// Brings the records of the history in line: the last thing each input does.
    pub(super) fn write_history(&mut self, out: &mut Vec<Effect>) {
        out.extend(self.history.take_due(self.latest).map(history_record));
    }
}

fn history_record((key, value): (String, Option<Vec<u8>>)) -> Effect {
    match value {
        Some(value) => Effect::Persist { key, value },
        None => Effect::Forget { key },
    }
}

impl Attempt {
    /// An attempt whose group is gone.
    pub(super) fn lone() -> Self {
        Self { number: 1, next: None, failures: Failures::default() }
    }

    /// The attempt under way for a slot, before its outcome is taken in.
    pub(super) fn of(slot: Option<&Slot>) -> Self {
        match slot.map(|slot| &slot.state) {
            Some(SlotState::InFlight { failed, .. }) => Self { number: failed.saturating_add(1), ..Self::lone() },
            _ => Self::lone(),
        }
    }

    /// With what became of the slot.
    pub(super) fn landed(self, slot: Option<&mut Slot>, outcome: &Outcome) -> Self {
        let Some(slot) = slot else { return self };
        let next = match &slot.state {
            SlotState::Waiting { at, .. } => Some(*at),
            SlotState::Idle | SlotState::InFlight { .. } => None,
        };
        let what = match outcome {
            Outcome::Delivered | Outcome::DeliveredAs(_) => None,
            Outcome::Retry { reason, message, .. } | Outcome::Rejected { reason, message } => Some((*reason, message)),
        };
        slot.failures = what.map_or_else(Failures::default, |what| {
            let hash = FixedState::default().hash_one(what) as u32;
            let count = if slot.failures.what == hash { slot.failures.count.saturating_add(1) } else { 1 };
            Failures { count, what: hash }
        });
        Self { next, failures: slot.failures, ..self }
    }
}

/// The failed attempts at a content that waits for another.
pub(super) fn waiting(state: SlotState) -> Option<(Arc<Content>, u32)> {
    match state {
        SlotState::Waiting { content, failed, .. } => Some((content, failed)),
        SlotState::Idle | SlotState::InFlight { .. } => None,
    }
}

fn news<'a>(alerts: impl Iterator<Item = &'a NotifiedAlert>, now: Timestamp, most: usize) -> News {
    let mut alerts = alerts.map(|alert| Subject {
        labels: alert.labels.clone(),
        starts_at: alert.starts_at,
        ended: alert.resolved_at.filter(|end| *end <= now).map(|_| Ended::BySource),
    });
    let subjects = alerts.by_ref().take(most).collect();
    News { subjects, more: alerts.count() }
}

fn subject_of(alert: &StoredAlert, now: Timestamp) -> Subject {
    Subject { labels: alert.labels(), starts_at: alert.starts_at, ended: ended(alert, now) }
}

/// How an alert ended, if it did.
pub(super) fn ended(alert: &StoredAlert, now: Timestamp) -> Option<Ended> {
    alert.is_resolved(now).then(|| match (alert.ends_at <= alert.updated_at, alert.is_timeout) {
        (true, _) => Ended::BySource,
        (false, true) => Ended::ResolveTimeout,
        (false, false) => Ended::EndsAtPassed,
    })
}

fn clipped(message: &str) -> String {
    let end = message.floor_char_boundary(Happening::MESSAGE_BYTES_MAX);
    message.get(..end).unwrap_or_default().to_owned()
}
