//! Who is still to be told: what no attempt has brought over yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;

use super::Notifier;
use crate::group::SlotState;
use crate::receiver::{Integration, Receiver};

/// What one integration is owed, over all groups.
#[derive(Clone, Debug)]
pub struct Undelivered {
    /// Who.
    pub receiver: Arc<Receiver>,
    /// Through what.
    pub integration: Arc<Integration>,
    /// Notifications decided on that have not arrived.
    pub count: usize,
    /// Since when the oldest has been owed.
    pub oldest: Duration,
    /// Most attempts made at one of them, the one under way included.
    pub attempts: u32,
}

impl Notifier {
    /// Every configured integration with what it is owed at `now`; zero for those that have been told everything.
    pub fn undelivered(&self, now: Timestamp) -> Vec<Undelivered> {
        let mut owed: BTreeMap<(&str, &str, usize), Undelivered> = BTreeMap::new();
        for receiver in self.config().iter().flat_map(|config| config.receivers.values()) {
            for integration in &receiver.integrations {
                let key = (receiver.name.as_str(), integration.kind, integration.index);
                let (receiver, integration) = (Arc::clone(receiver), Arc::clone(integration));
                owed.insert(key, Undelivered { receiver, integration, count: 0, oldest: Duration::ZERO, attempts: 0 });
            }
        }
        let Some(routes) = self.routes.as_deref() else { return Vec::new() };
        for (_, group) in self.groups.iter() {
            for slot in &group.slots {
                let key = (routes.node(group.route).receiver.name.as_str(), slot.integration.kind, slot.integration.index);
                let (Some(since), Some(total)) = (slot.owed_since, owed.get_mut(&key)) else { continue };
                total.count += 1;
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
