//! What was answered with 200, and so must be known after every start.

use std::collections::BTreeMap;

use model::{Alert, LabelSet, Timestamp};
use notifier::notifier::Notifier;
use notifier::silence::SilenceState;
use uuid::Uuid;

/// The last word about each alert, silence and recurring silence.
#[derive(Default)]
pub(super) struct Accepted<'a> {
    /// Whether it fires.
    alerts: BTreeMap<&'a LabelSet, bool>,
    /// Whether it was ended by hand.
    silences: BTreeMap<Uuid, bool>,
    maintenances: BTreeMap<Uuid, bool>,
}

impl<'a> Accepted<'a> {
    pub(super) fn alerts(&mut self, alerts: &'a [Alert], now: Timestamp) {
        // What has no end runs out at a time that nobody said.
        let stated = alerts.iter().filter_map(|alert| Some((&alert.labels, alert.ends_at?)));
        self.alerts.extend(stated.map(|(labels, end)| (labels, end > now)));
    }

    pub(super) fn silence(&mut self, id: Uuid) {
        self.silences.insert(id, false);
    }

    pub(super) fn maintenance(&mut self, id: Uuid) {
        self.maintenances.insert(id, false);
    }

    pub(super) fn expired(&mut self, id: Uuid) {
        let known = self.silences.get_mut(&id).or_else(|| self.maintenances.get_mut(&id));
        if let Some(is_ended) = known {
            *is_ended = true;
        }
    }

    /// What a notifier that has just read its records does not know, and alerts that it takes for firing though they are over.
    pub(super) fn forgotten(&self, notifier: &Notifier, now: Timestamp) -> Vec<String> {
        let firing: Vec<LabelSet> = notifier.alerts(now).map(|alert| LabelSet::clone(&alert.labels())).collect();
        let mut forgotten = Vec::new();
        for (labels, fires) in &self.alerts {
            if firing.iter().any(|known| known == *labels) != *fires {
                let what = if *fires { "fires and is not known" } else { "is over and taken to fire" };
                forgotten.push(format!("{labels} {what}"));
            }
        }
        for (id, is_ended) in &self.silences {
            let state = notifier.silence(*id).map(|silence| silence.state(now));
            if state.is_none() || (*is_ended && state != Some(SilenceState::Expired)) {
                forgotten.push(format!("silence {id} is {state:?}"));
            }
        }
        for (id, is_ended) in &self.maintenances {
            let ended_at = notifier.maintenance(*id).map(|maintenance| maintenance.ended_at);
            if ended_at.is_none_or(|at| at.is_some() != *is_ended) {
                forgotten.push(format!("recurring silence {id} ended at {ended_at:?}"));
            }
        }
        forgotten
    }
}
