//! Who is still to be told: what no attempt has brought over yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;

use super::Notifier;
use crate::decision::HoldReason;
use crate::group::SlotState;
use crate::receiver::Receiver;

/// What a receiver's integrations of one kind are owed, over all groups.
#[derive(Clone, Debug)]
pub struct Undelivered {
    /// Who.
    pub receiver: Arc<Receiver>,
    /// Through what kind of integration.
    pub integration: &'static str,
    /// Notifications decided on that have not arrived.
    pub count: usize,
    /// Of these, how many wait as the receiver has been told as often as it wishes.
    pub gathered: usize,
    /// Since when the oldest has been owed.
    pub oldest: Duration,
    /// Most attempts made at one of them, the one under way included.
    pub attempts: u32,
}

impl Notifier {
    /// What is owed at `now`, for every receiver and kind of integration configured; zero where all has been told.
    pub fn undelivered(&self, now: Timestamp) -> Vec<Undelivered> {
        let mut owed: BTreeMap<(&str, &str), Undelivered> = BTreeMap::new();
        for receiver in self.config().iter().flat_map(|config| config.receivers.values()) {
            for integration in &receiver.integrations {
                let key = (receiver.name.as_str(), integration.kind);
                let (receiver, integration) = (Arc::clone(receiver), integration.kind);
                owed.insert(
                    key,
                    Undelivered { receiver, integration, count: 0, gathered: 0, oldest: Duration::ZERO, attempts: 0 },
                );
            }
        }
        let Some(routes) = self.routes.as_deref() else { return Vec::new() };
        for (_, group) in self.groups.iter() {
            for slot in &group.slots {
                let key = (routes.node(group.route).receiver.name.as_str(), slot.integration.kind);
                let (Some(since), Some(total)) = (slot.owed_since, owed.get_mut(&key)) else { continue };
                total.count += 1;
                total.gathered += usize::from(slot.held == Some(HoldReason::Gathered));
                total.oldest = total.oldest.max(now.since(since));
                total.attempts = total.attempts.max(attempts(&slot.state));
            }
        }
        owed.into_values().collect()
    }
}

fn attempts(state: &SlotState) -> u32 {
    match state {
        SlotState::Idle => 0,
        SlotState::Waiting { failed, .. } => *failed,
        SlotState::InFlight { failed, .. } => failed + 1,
    }
}
