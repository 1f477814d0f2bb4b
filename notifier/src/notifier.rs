//! The machine: owns all state, takes inputs, answers with effects.

mod acknowledge;
mod clock;
mod configure;
mod debts;
mod effect;
mod escalate;
mod explain;
mod flush;
mod follow;
mod gather;
mod groups;
mod ingest;
mod known;
mod outcome;
mod placement;
mod remember;
mod restore;
mod settings;
mod settle;
mod sight;
mod undelivered;
mod view;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::Timestamp;
use uuid::Uuid;

pub use self::effect::{Delivery, DeliveryId, Effect};
pub use self::explain::{Asked, group_labels_of};
pub use self::ingest::NotTaken;
pub use self::settings::Settings;
pub use self::undelivered::Undelivered;
pub use self::view::{AlertCounts, AlertState, AlertStatus, AlertView, GroupView};

use self::gather::DigestFlight;
use self::groups::Groups;
use self::known::Known;
use self::outcome::Flight;
use self::windows::Windows;
use crate::acknowledgement::Acknowledgements;
use crate::group::GroupId;
use crate::history::History;
use crate::notification_log::NotificationLog;
use crate::rate::{AllowanceId, Allowances};
use crate::record::{AlertPageV1, Record};
use crate::route::RouteTree;
use crate::silence::{Silence, SilenceDraft, SilenceError};
use crate::tally::Tally;

/// The notifier as a state machine: no clock, socket, disk, `async` or randomness.
///
/// The shell restores records, configures, then feeds inputs with the current time, performs the effects of each call
/// in order, and calls [`Notifier::advance`] at or soon after [`Notifier::next_wake`]. Where the
/// clock is set back, everything that waits moves with it.
#[derive(Debug)]
pub struct Notifier {
    settings: Settings,
    known: Known,
    /// `None` until the first configuration.
    routes: Option<Arc<RouteTree>>,
    groups: Groups,
    log: NotificationLog,
    /// Who has taken what on.
    acks: Acknowledgements,
    /// Silences that come and go by themselves.
    windows: Windows,
    /// Everything that is to happen by itself.
    wakes: BTreeSet<(Timestamp, Wake)>,
    /// Attempts whose outcome is not known yet.
    flights: BTreeMap<DeliveryId, Flight>,
    /// The same of digests.
    digests: BTreeMap<DeliveryId, DigestFlight>,
    /// What receivers that wish to be told less often were told, and what waits for them.
    allowances: Allowances,
    next_delivery: u64,
    /// No flush before this: the end of the start delay.
    not_before: Timestamp,
    /// The latest time told.
    latest: Timestamp,
    tally: Tally,
    history: History,
    /// When alerts of an earlier process were taken up.
    restored_at: Option<Timestamp>,
    /// When resolved alerts were last cleared away because there was no room.
    cleared_at: Option<Timestamp>,
}

/// What is to happen at an instant; at the same instant in this order, groups by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    /// Make and end silences that come and go by themselves.
    Windows,
    /// Remove what is past its retention.
    Maintain,
    /// Remove resolved alerts that nobody waits for.
    CollectAlerts,
    /// Decide anew what a group's integrations are told.
    Flush(GroupId),
    /// Repeat a failed attempt of the integration in this slot.
    Retry(GroupId, usize),
    /// A step of a group's route has come for those that nobody has taken on.
    Escalate(GroupId),
    /// What goes beyond a receiver's rate is told.
    Gathered(AllowanceId),
}

impl Notifier {
    /// A notifier that knows nothing. Alerts and silences are taken, but nothing is sent before it is configured.
    pub fn new(settings: Settings) -> Self {
        let history = settings.history;
        Self {
            known: Known::new(settings.alerts_per_name_max, settings.book),
            settings,
            routes: None,
            groups: Groups::default(),
            log: NotificationLog::default(),
            acks: Acknowledgements::default(),
            windows: Windows::default(),
            wakes: BTreeSet::new(),
            flights: BTreeMap::new(),
            digests: BTreeMap::new(),
            allowances: Allowances::default(),
            next_delivery: 0,
            not_before: Timestamp::MIN,
            latest: Timestamp::MIN,
            tally: Tally::default(),
            history: History::new(history),
            restored_at: None,
            cleared_at: None,
        }
    }

    /// Does everything that is due. Inputs do this first, so that what was due before them comes before them.
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.follow_clock(now, out);
        while let Some((at, wake)) = self.wakes.first().copied()
            && at <= now
        {
            self.wakes.pop_first();
            match wake {
                Wake::Windows => self.tend(now, out),
                Wake::Flush(group) => self.flush(now, group, out),
                Wake::Retry(group, slot) => self.retry(now, group, slot, out),
                Wake::Escalate(group) => self.escalate(now, group, out),
                Wake::Gathered(allowance) => self.tell_gathered(now, allowance, out),
                Wake::Maintain => {
                    self.maintain(now, out);
                    self.wakes.insert((now.plus(self.settings.maintenance_interval), Wake::Maintain));
                }
                Wake::CollectAlerts => {
                    self.collect_alerts(now);
                    self.wakes.insert((now.plus(self.settings.alert_gc_interval), Wake::CollectAlerts));
                }
            }
        }
        self.write_alerts(out);
    }

    /// When [`Notifier::advance`] is to be called next. May lie in the past.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Makes a silence, or edits the one the draft names: in place where only times or texts change, otherwise by ending
    /// it and making a new one. `fresh_id` is used where a new one is made. Answers the id the silence now has; it is
    /// only true once the records of `out` are kept.
    ///
    /// # Errors
    /// Nothing is changed: the id is unknown, the draft invalid, or a limit reached.
    pub fn set_silence(
        &mut self,
        now: Timestamp,
        draft: SilenceDraft,
        fresh_id: Uuid,
        out: &mut Vec<Effect>,
    ) -> Result<Uuid, SilenceError> {
        self.advance(now, out);
        let edit = self.known.silences.plan(now, draft, fresh_id)?;
        let (count_max, bytes_max) = (self.settings.silences_max, self.settings.largest_silence());
        let is_new = self.known.silences.get(edit.set.id).is_none();
        // Nobody can help it that occurrences of recurring ones come.
        let count = || self.known.silences.iter().filter(|silence| silence.schedule.is_none()).count();
        if is_new && count_max > 0 && count() >= count_max {
            return Err(SilenceError::TooMany(count_max));
        }
        let bytes = Record::of_silence(&edit.set).to_bytes().len();
        if bytes > bytes_max {
            return Err(SilenceError::TooLarge { bytes, bytes_max });
        }
        let (id, set) = (edit.set.id, edit.set.clone());
        for silence in edit.ended.into_iter().chain([edit.set]) {
            self.put_silence(now, silence, out);
        }
        self.watch(now, &set, out);
        Ok(id)
    }

    /// Ends a silence now, or with the id of a recurring one all of it. Ending one that is over already changes nothing.
    ///
    /// # Errors
    /// The id is unknown.
    pub fn expire_silence(&mut self, now: Timestamp, id: Uuid, out: &mut Vec<Effect>) -> Result<(), SilenceError> {
        if self.maintenance(id).is_some() {
            return self.end_maintenance(now, id, out);
        }
        self.advance(now, out);
        if let Some(ended) = self.known.silences.plan_end(now, id)? {
            self.put_silence(now, ended.clone(), out);
            self.watch(now, &ended, out);
        }
        Ok(())
    }

    fn put_silence(&mut self, now: Timestamp, silence: Silence, out: &mut Vec<Effect>) {
        out.push(persist(Record::silence_key(silence.id), &Record::of_silence(&silence)));
        let ends_early = self.known.silences.get(silence.id).is_some_and(|known| silence.ends_at < known.ends_at);
        if ends_early && !self.settings.as_alertmanager {
            self.look_again(now, &silence);
        }
        self.known.silences.put(silence);
    }

    /// A silence ends sooner than it was to: what it hid is looked at then, not only at the next regular flush.
    fn look_again(&mut self, now: Timestamp, silence: &Silence) {
        let at = silence.ends_at.max(now);
        let covered =
            self.known.book.iter().filter(|(_, alert)| !alert.is_resolved(now) && silence.matches(&alert.labels()));
        let groups: BTreeSet<GroupId> =
            covered.flat_map(|(id, _)| self.known.marks(id).groups.iter()).copied().collect();
        for id in groups {
            let Some(group) = self.groups.get_mut(id).filter(|group| group.grid.anchor < now) else { continue };
            if at < group.next_flush {
                self.wakes.remove(&(group.next_flush, Wake::Flush(id)));
                group.next_flush = at;
                self.wakes.insert((at, Wake::Flush(id)));
            }
        }
    }

    /// Removes silences, log entries and history past their retention.
    fn maintain(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.tally.maintenances += 1;
        self.history.expire(now);
        let silences = self.known.silences.collect(now, self.settings.retention);
        out.extend(silences.into_iter().map(|id| Effect::Forget { key: Record::silence_key(id) }));
        self.forget_maintenances(now, out);
        let in_use = self.groups.log_keys();
        let entries = self.log.collect(now, |key| in_use.contains(key));
        out.extend(entries.iter().map(|key| Effect::Forget { key: Record::log_key(key) }));
        self.collect_acknowledgements(now, out);
    }

    /// Removes resolved alerts that no group holds any more.
    fn collect_alerts(&mut self, now: Timestamp) {
        for id in self.known.resolved_and_alone(now) {
            self.known.remove(id);
        }
    }

    /// Brings the records of alerts in line: the last thing each input does.
    fn write_alerts(&mut self, out: &mut Vec<Effect>) {
        for page in self.known.take_changed_pages() {
            out.push(match AlertPageV1::new(&self.known.page(page)) {
                Some(alerts) => persist(Record::page_key(page), &Record::of_alerts(alerts)),
                None => Effect::Forget { key: Record::page_key(page) },
            });
        }
        self.known.let_go_of_reports();
        self.write_history(out);
    }

    /// Who was told what, and why others were not.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What the command line said.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How much there is of all alerts: how many, the bytes of their texts, and how often longer texts found no room.
    pub fn alert_load(&self) -> (usize, u64, u64) {
        let book = &self.known.book;
        (book.len(), book.text_bytes(), book.texts_left())
    }

    /// How many conversations the log remembers.
    pub fn log_len(&self) -> usize {
        self.log.len()
    }

    /// Counts of what happened.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

fn persist(key: String, record: &Record) -> Effect {
    Effect::Persist { key, value: record.to_bytes() }
}
