//! A first or another configuration: alerts are routed anew, groups that persist go on as they were.

use std::sync::Arc;

use model::Timestamp;

use super::known::Stored;
use super::remember::Moves;
use super::{Effect, Notifier, Wake};
use crate::alert_book::StoredAlert;
use crate::config::Config;
use crate::group::GroupId;
use crate::inhibit::Inhibition;
use crate::route::RouteTree;

impl Notifier {
    /// Takes a configuration: the first one starts the notifier, another replaces the last. Groups whose route key and
    /// labels persist keep their instants, their log, and what is under way; silences and the log are untouched.
    pub fn configure(&mut self, now: Timestamp, config: Arc<Config>, out: &mut Vec<Effect>) {
        let is_first = self.routes.is_none();
        if is_first {
            self.not_before = now.plus(self.settings.start_delay);
            self.wakes.insert((now.plus(self.settings.maintenance_interval), Wake::Maintain));
            self.wakes.insert((now.plus(self.settings.alert_gc_interval), Wake::CollectAlerts));
        } else {
            self.advance(now, out);
        }
        let (whose, mut moves) = (self.whose(), Moves::new());
        let routes = RouteTree::new(Arc::clone(&config));
        let before = self.routes.replace(Arc::new(routes));
        self.leave_groups(before.as_deref(), &config, out);
        self.known.inhibit_by(Inhibition::new(config));
        self.allowances.release();
        self.wakes.retain(|(_, wake)| matches!(wake, Wake::Windows | Wake::Maintain | Wake::CollectAlerts));
        for id in self.known.ids() {
            let marks = self.known.marks_mut(id);
            let prior = std::mem::take(&mut marks.groups);
            marks.is_placed = false;
            let labels = self.known.book.get(id).map(StoredAlert::labels).unwrap_or_default();
            self.place(now, (id, &labels), &prior, out);
            self.collect_moves(now, id, (&prior, &whose), &mut moves);
            if is_first {
                self.note_untold_end(now, id);
            }
        }
        self.note_moves(now, &whose, moves);
        self.keep_debts(now, out);
        for id in self.known.ids() {
            let marks = self.known.marks(id);
            if marks.groups.is_empty() != (marks.stored == Stored::Nothing) {
                self.known.save(now, id);
            }
        }
        if is_first {
            let restored: Vec<GroupId> = self.groups.take_resumed();
            for id in restored {
                self.resume(now, id);
            }
        }
        self.write_alerts(out);
    }

    /// The configuration in force.
    pub fn config(&self) -> Option<&Arc<Config>> {
        self.routes.as_ref().map(|routes| routes.config())
    }
}
