//! The far side of deliveries: takes them, or fails as the scenario says.

use model::Timestamp;
use notifier::notifier::Delivery;
use notifier::receiver::Outcome;

use super::scenario::{Failure, Via};

/// Every receiver, with the faults they have or had.
#[derive(Default)]
pub(super) struct Receivers<'a> {
    faults: Vec<Fault<'a>>,
}

struct Fault<'a> {
    receiver: &'a str,
    via: Option<&'a Via>,
    how: Failure,
    until: Timestamp,
}

impl<'a> Receivers<'a> {
    /// From now on a receiver, or one of its integrations, fails until an instant. Of several faults the last counts.
    pub(super) fn fail(&mut self, receiver: &'a str, via: Option<&'a Via>, how: Failure, until: Timestamp) {
        self.faults.push(Fault { receiver, via, how, until });
    }

    /// A request arrives: when the answer comes, and what it is.
    pub(super) fn take(&self, now: Timestamp, delivery: &Delivery) -> (Timestamp, Outcome) {
        let message = || "as the scenario says".to_owned();
        let retry = |reason, retry_after| Outcome::Retry { reason, message: message(), retry_after };
        match self.fault(now, delivery) {
            None => (now, Outcome::Delivered),
            Some(Failure::Unwell) => (now, retry("serverError", None)),
            Some(Failure::Busy(after)) => (now, retry("rateLimited", Some(after))),
            Some(Failure::Refusing) => (now, Outcome::Rejected { reason: "clientError", message: message() }),
            Some(Failure::Hanging) => (delivery.deadline, retry("contextDeadlineExceeded", None)),
        }
    }

    fn fault(&self, now: Timestamp, delivery: &Delivery) -> Option<Failure> {
        let (receiver, integration) = (&delivery.receiver.name, &delivery.integration);
        let concerns = |fault: &&Fault<'_>| {
            fault.receiver == receiver && fault.via.is_none_or(|via| via.is(integration.kind, integration.index))
        };
        self.faults.iter().rev().find(concerns).filter(|fault| now < fault.until).map(|fault| fault.how)
    }
}
