//! The notifier of a test: what the alerts of its rules would have told whom, and when. Every receiver takes what it is sent at
//! once.

use std::path::Path;
use std::sync::Arc;

use model::matcher::parse::ParseMode;
use model::source::Diagnostics;
use model::{Alert, Timestamp};
use notifier::config::Config;
use notifier::notifier::{Effect, Notifier, Settings};
use notifier::receiver::Outcome;
use rules_engine::rule_file::read_file;

use crate::simulate::timeline::{Delivered, Timeline};

/// A notifier at work.
pub(super) struct Pager {
    notifier: Notifier,
    timeline: Timeline,
}

impl Pager {
    /// A notifier that begins at `start` with the configuration in a file.
    ///
    /// # Errors
    /// Every mistake of the configuration.
    pub(super) fn new(path: &Path, start: Timestamp) -> Result<Pager, Diagnostics> {
        let file = read_file(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let (config, _) = Config::parse(&file, base, ParseMode::default(), &|path| std::fs::read_to_string(path))?;
        let mut pager =
            Pager { notifier: Notifier::new(Settings::default()), timeline: Timeline { start, ..Timeline::default() } };
        let mut effects = Vec::new();
        pager.notifier.configure(start, Arc::new(config), &mut effects);
        pager.perform(start, effects);
        Ok(pager)
    }

    /// The rules hand over alerts.
    pub(super) fn receive(&mut self, now: Timestamp, alerts: Vec<Alert>) {
        let mut effects = Vec::new();
        // What the machine makes is valid; were it not, the missing delivery would show it.
        let _refused = self.notifier.receive(now, alerts, &mut effects);
        self.perform(now, effects);
    }

    /// Time passes up to an instant.
    pub(super) fn run_until(&mut self, until: Timestamp) {
        while let Some(wake) = self.notifier.next_wake().filter(|wake| *wake <= until) {
            let mut effects = Vec::new();
            self.notifier.advance(wake, &mut effects);
            self.perform(wake, effects);
        }
    }

    /// What was delivered so far.
    pub(super) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn perform(&mut self, now: Timestamp, effects: Vec<Effect>) {
        let mut effects = std::collections::VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            let Effect::Deliver(delivery) = effect else { continue };
            self.timeline.deliveries.push(Delivered {
                at: now,
                integration: delivery.integration.kind,
                index: delivery.integration.index,
                address: delivery.integration.address,
                is_plain: None,
                notification: Arc::clone(&delivery.notification),
            });
            let mut more = Vec::new();
            self.notifier.delivered(now, delivery.id, Outcome::Delivered, &mut more);
            effects.extend(more);
        }
    }
}
