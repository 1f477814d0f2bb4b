//! One integration of a group an alert is in.

use super::Case;
use crate::alert_book::StoredAlert;
use crate::decision::HoldReason;
use crate::explanation::{Answer, Cause, CauseKind, IntegrationAnswer, When, Why, clock};
use crate::group::{Group, Slot, SlotState};
use crate::history::event::{Event, What};
use crate::notification_log::Entry;
use crate::route::RouteTree;

/// An integration of a group.
struct Ear<'a> {
    routes: &'a RouteTree,
    group: &'a Group,
    slot: &'a Slot,
    entry: Option<&'a Entry>,
}

impl Case<'_> {
    pub(super) fn integration(&self, routes: &RouteTree, group: &Group, slot: &Slot) -> IntegrationAnswer {
        let entry = self.notifier.log.get(&slot.log_key);
        let ear = Ear { routes, group, slot, entry };
        let alert = self.known.map(|(_, alert)| alert);
        let answer = alert.map(|alert| match self.under_way(&ear) {
            Some(answer) => answer,
            None if alert.is_resolved(self.now) => self.over(&ear),
            None if self.is_guest(group) => self.moved(&ear),
            None => self.fires(&ear, alert),
        });
        IntegrationAnswer {
            integration: slot.integration.kind.to_owned(),
            index: slot.integration.index,
            answer: answer.unwrap_or_else(|| Answer::new(Why::NeverSeen, "not known")),
            last_told: entry.filter(|entry| entry.has_told()).map(|entry| When(entry.at)),
        }
    }

    /// An attempt that tells of the alert and is not over.
    fn under_way(&self, ear: &Ear<'_>) -> Option<Answer> {
        let told = &ear.slot.under_way()?.told;
        let hash = self.fingerprint.0;
        if told.firing.binary_search(&hash).is_err() && told.resolved.binary_search(&hash).is_err() {
            return None;
        }
        let since = ear.slot.owed_since;
        match &ear.slot.state {
            SlotState::Idle => None,
            SlotState::InFlight { failed, .. } => {
                let text = format!("attempt {} is under way", failed + 1);
                Some(Answer::new(Why::AttemptUnderWay, text).since(since))
            }
            SlotState::Waiting { at, .. } if ear.slot.held == Some(HoldReason::Gathered) => {
                let what =
                    if ear.slot.integration.takes_digests() { "told in a digest" } else { "told when its turn comes," };
                let text =
                    format!("the receiver has been told as often as it wishes; {what} at {} or later", clock(*at));
                Some(Answer::new(Why::BeyondRate, text).since(since).until(*at))
            }
            SlotState::Waiting { at, failed, .. } => {
                let failure = self.last_attempt(ear).map(|event| failure_text(&event.what)).unwrap_or_default();
                let is_blocked = ear.slot.blocked_until.is_some_and(|until| until > self.now);
                let (why, text) = match is_blocked {
                    true => {
                        let text = format!(
                            "the receiver asked to be left alone{failure}; told the newest state at {}",
                            clock(*at)
                        );
                        (Why::LeftAlone, text)
                    }
                    false => {
                        (Why::Retrying, format!("attempt {failed} failed{failure}; tried again at {}", clock(*at)))
                    }
                };
                Some(Answer::new(why, text).since(since).until(*at))
            }
        }
    }

    /// It fires and is routed here.
    fn fires(&self, ear: &Ear<'_>, alert: &StoredAlert) -> Answer {
        let hash = self.fingerprint.0;
        let is_open = ear.entry.is_some_and(|entry| entry.is_open(hash));
        if let Some(hidden) = self.hidden(ear.routes, ear.group.route) {
            let text =
                if is_open { format!("{}; told before, so its end will be told", hidden.text) } else { hidden.text };
            return Answer { text, ..hidden };
        }
        let next = ear.group.next_flush;
        let told_start = ear.entry.and_then(|entry| entry.start_of(hash));
        match (ear.entry, told_start) {
            (Some(_), Some(start)) if alert.starts_at.as_millis() > start => {
                let text = format!("fires again since {}; told at {}", clock(alert.starts_at), clock(next));
                Answer::new(Why::FiresAgain, text).since(alert.starts_at).until(next)
            }
            (Some(entry), Some(_)) => self.told(ear, entry, alert),
            (Some(entry), None) if entry.knows(hash) => {
                let text = format!("no longer hidden since it was told; told again at {}", clock(next));
                Answer::new(Why::NoLongerHidden, text).until(next)
            }
            _ => self.untold(ear, alert),
        }
    }

    /// It was told, and fires on.
    fn told(&self, ear: &Ear<'_>, entry: &Entry, alert: &StoredAlert) -> Answer {
        let first = self.events.iter().rev().find(|event| {
            ear.is_meant(event) && matches!(event.what, What::Delivered { .. }) && event.names(self.fingerprint)
        });
        let reason = first.map_or(String::new(), |event| match &event.what {
            What::Delivered { reason, .. } => format!(" ({})", reason.as_str()),
            _ => String::new(),
        });
        let since = first.map_or(entry.at, |event| event.at);
        let again = match entry.at > since.plus(std::time::Duration::from_secs(1)) {
            true => format!(", last at {}{}", clock(entry.at), self.last_reason(ear)),
            false => String::new(),
        };
        let told = format!("told at {}{reason}{again}", clock(since));
        let ack = self.notifier.acks.in_force(self.fingerprint.0, alert.starts_at.as_millis(), self.now);
        if let Some(ack) = ack {
            let text = format!("{told}; {} has taken it on at {}, so it is not repeated", ack.by, clock(ack.at));
            let cause = Cause {
                detail: ack.comment.clone(),
                created_by: ack.by.clone(),
                until: ack.until.map(When),
                ..Cause::new(CauseKind::Acknowledgement, &ack.by)
            };
            return Answer::new(Why::Acknowledged, text).since(since).until(ack.until).by(vec![cause]);
        }
        let repeat_interval = ear.routes.node(ear.group.route).repeat_interval;
        let repeat = ear.group.grid.next_after(entry.at.plus(repeat_interval));
        let text = format!("{told}; nothing new since, repeated at {}", clock(repeat));
        Answer::new(Why::Unchanged, text).since(since).until(repeat)
    }

    fn last_reason(&self, ear: &Ear<'_>) -> String {
        match self.last_attempt(ear).map(|event| &event.what) {
            Some(What::Delivered { reason, .. }) => format!(" ({})", reason.as_str()),
            _ => String::new(),
        }
    }

    /// It fires, is seen, and nobody has been told.
    fn untold(&self, ear: &Ear<'_>, alert: &StoredAlert) -> Answer {
        let (group, next) = (ear.group, ear.group.next_flush);
        let node = ear.routes.node(group.route);
        let last = self.last_attempt(ear).filter(|event| event.at >= alert.known_at);
        if let Some(Event { at, what: What::Refused { kind, message, .. }, .. }) = last {
            let text = format!("refused at {} ({kind}: {message}); asked again at {}", clock(*at), clock(next));
            return Answer::new(Why::Refused, text).since(*at).until(next);
        }
        let is_first = next <= group.grid.anchor;
        let when = clock(next);
        let (why, text) = if next == self.notifier.not_before && next > self.now {
            (Why::StartDelay, format!("nothing is sent before {when}, the end of --dispatch.start-delay"))
        } else if is_first {
            let wait = model::duration::format_duration(node.group_wait);
            (Why::GroupWait, format!("waits for others of its group (group_wait {wait}); told at {when}"))
        } else {
            let interval = model::duration::format_duration(node.group_interval);
            (
                Why::GroupInterval,
                format!("its group is decided about every {interval} (group_interval); told at {when}"),
            )
        };
        Answer::new(why, text).since(alert.known_at).until(next)
    }

    /// It is over, and its group still knows it.
    fn over(&self, ear: &Ear<'_>) -> Answer {
        let hash = self.fingerprint.0;
        let next = ear.group.next_flush;
        match ear.entry {
            Some(entry) if entry.is_open(hash) => match self.hidden(ear.routes, ear.group.route) {
                _ if !ear.slot.integration.send_resolved => {
                    Answer::new(Why::ResolvesUnwanted, "over; its end is not told, as send_resolved is off")
                }
                Some(hidden) => {
                    let text = format!("over, and its end is owed: {}, then it is told", hidden.text);
                    Answer { text, verdict: Why::EndOwed.verdict(), reason: Why::EndOwed, ..hidden }
                }
                None => Answer::new(Why::EndDue, format!("over; its end is told at {}", clock(next))).until(next),
            },
            Some(entry) if entry.resolved.binary_search(&hash).is_ok() => {
                Answer::new(Why::EndTold, format!("its end was told at {}", clock(entry.at))).since(entry.at)
            }
            _ => Answer::new(Why::EndedUntold, "ended before it was to be told"),
        }
    }

    /// It fires, and is routed elsewhere since it was told here.
    fn moved(&self, ear: &Ear<'_>) -> Answer {
        let to = self.routed_to(ear.routes);
        let text = format!("routed to {} since it was told here; only its end is told here", to.join(", "));
        let by = to.into_iter().map(|name| Cause::new(CauseKind::Receiver, name));
        Answer::new(Why::Moved, text).by(by.collect())
    }

    fn is_guest(&self, group: &Group) -> bool {
        let id = self.known.map(|(id, _)| id);
        group.guests.iter().any(|guest| Some(guest.id) == id)
    }

    fn last_attempt(&self, ear: &Ear<'_>) -> Option<&Event> {
        let is_attempt =
            |what: &What| matches!(what, What::Delivered { .. } | What::Failed { .. } | What::Refused { .. });
        self.events.iter().rev().find(|event| ear.is_meant(event) && is_attempt(&event.what))
    }
}

impl Ear<'_> {
    /// Whether an event concerns this very integration.
    fn is_meant(&self, event: &Event) -> bool {
        let Slot { integration, .. } = self.slot;
        let node = self.routes.node(self.group.route);
        event.group_key == *self.group.key
            && event.receiver == node.receiver.name
            && event
                .integration
                .as_ref()
                .is_some_and(|(kind, index)| kind == integration.kind && *index == integration.index)
    }
}

/// ` (serverError: 503)`.
fn failure_text(what: &What) -> String {
    match what {
        What::Failed { kind, message, .. } | What::Refused { kind, message, .. } => format!(" ({kind}: {message})"),
        _ => String::new(),
    }
}
