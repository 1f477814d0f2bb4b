//! What laws ask about, noted as it happens.

use std::sync::Arc;

use model::Timestamp;
use notifier::decision::Decision;
use notifier::notifier::Delivery;
use notifier::receiver::{Outcome, Settings};

use super::super::timeline::{Answered, Judged, Owed, Rendering, Report};
use super::World;

/// Questions are asked once in so many minutes.
const WHY_EVERY: u64 = 15;

/// An attempt whose end the notifier has not heard of.
pub(super) struct Talk {
    receiver: String,
    integration: &'static str,
    address: u64,
    group_key: String,
}

impl Talk {
    pub(super) fn of(delivery: &Delivery) -> Self {
        Self {
            receiver: delivery.receiver.name.clone(),
            integration: delivery.integration.kind,
            address: delivery.integration.address,
            group_key: delivery.notification.group_key.clone(),
        }
    }

    pub(super) fn report(self, at: Timestamp, outcome: &Outcome) -> Report {
        let Self { receiver, integration, address, group_key } = self;
        let is_settled = !matches!(outcome, Outcome::Retry { .. });
        Report { at, receiver, integration, address, group_key, is_settled }
    }
}

impl World<'_> {
    pub(super) fn note_decision(&mut self, decision: &Decision) {
        if self.scenario.is_watched {
            self.timeline.decisions.push(Judged {
                at: self.now,
                group_key: Arc::clone(&decision.group_key),
                address: decision.integration.address,
                verdict: decision.verdict,
            });
        }
    }

    /// Asks what is owed, and about every alert why it is told or not.
    pub(super) fn look(&mut self) {
        let (at, now) = (self.now, self.clock());
        let Some(machines) = &self.machines else { return };
        let owed = machines.notifier.undelivered(now).into_iter().map(|one| Owed {
            receiver: one.receiver.name.clone(),
            integration: one.integration,
            count: one.count,
            oldest: one.oldest,
            attempts: one.attempts,
        });
        self.timeline.owed.push((at, owed.collect()));
        if at.since(self.scenario.start).as_secs() / 60 % WHY_EVERY != 7 {
            return;
        }
        let labels: Vec<_> = machines.notifier.alerts(now).map(|alert| alert.labels().clone()).collect();
        for labels in labels {
            let told = machines.notifier.explain(now, &labels, false, &[]);
            let each = told.receivers.iter().flat_map(|one| one.integrations.iter().map(|one| &one.answer));
            let all = each.chain(told.receivers.iter().map(|one| &one.answer)).chain([&told.answer]);
            let by = told.receivers.iter().flat_map(|one| &one.answer.by).map(|cause| cause.id.clone());
            self.timeline.answers.push(Answered {
                at,
                reason: told.answer.reason,
                by: by.collect(),
                receivers: told.receivers.iter().map(|one| (one.receiver.clone(), one.answer.reason)).collect(),
                mute: all.filter(|answer| answer.text.is_empty()).count(),
                labels,
            });
        }
    }

    /// Renders what is sent, as the deliverer does.
    pub(super) fn rendering(&self, delivery: &Delivery) -> Option<Rendering> {
        let renderer = self.renderer.as_ref().filter(|_| self.scenario.is_watched)?;
        let notification = &delivery.notification;
        let made = match &delivery.integration.settings {
            Settings::PagerDuty(settings) => settings.render(notification, renderer, "http://pager.example", "key"),
            // Its payload has no template.
            _ => return Some(Rendering::Whole),
        };
        Some(match made.map(|made| (made.degraded, made.request.body)) {
            Err(error) => Rendering::Lost(error.to_string()),
            Ok((None, _)) => Rendering::Whole,
            Ok((Some(failure), body)) => {
                let text = String::from_utf8_lossy(&body);
                let names = notification.alerts.iter().map(|alert| alert.labels.alert_name());
                let why = failure.split(['"', '\\', '<', '>', '&', '\n']).max_by_key(|part| part.len());
                let is_complete = names.chain(why).all(|part| text.contains(part));
                Rendering::Plain { is_complete }
            }
        })
    }
}
