//! Silences that come and go by themselves: occurrences of recurring ones, and those that wait for their alerts' resolves.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{ClockStep, Timestamp};
use uuid::Uuid;

use super::{Effect, Notifier, Wake, persist};
use crate::alert_book::AlertId;
use crate::maintenance::{Maintenance, MaintenanceDraft, Maintenances};
use crate::record::Record;
use crate::silence::{Silence, SilenceError, SilenceState, validate_matchers};

/// What comes and goes, and when it is to be looked at next.
#[derive(Debug, Default)]
pub(super) struct Windows {
    maintenances: Maintenances,
    /// Silences that end with their alerts.
    vigils: BTreeMap<Uuid, Vigil>,
    /// When [`Wake::Windows`] is set to.
    due: Option<Timestamp>,
}

/// A silence that ends when its last alert resolves.
#[derive(Debug)]
struct Vigil {
    /// One alert that fired and was covered when it was last looked at. While it does, no other need be looked for.
    holder: Option<AlertId>,
    /// After a restart, alerts have until here to come back.
    patience: Timestamp,
}

/// The end of an alert may be moved without a word to anybody: it is looked at this often.
const GLANCE: Duration = Duration::from_secs(60);

impl Notifier {
    /// Makes a recurring silence, or edits the one that the draft names: what is to come changes, an occurrence that has
    /// begun stays. `fresh_id` names a new one. Answers its id and the occurrence that comes next; true once the
    /// records of `out` are kept.
    ///
    /// # Errors
    /// Nothing is changed: the id is unknown, the draft invalid, or a limit reached.
    pub fn set_maintenance(
        &mut self,
        now: Timestamp,
        draft: MaintenanceDraft,
        fresh_id: Uuid,
        out: &mut Vec<Effect>,
    ) -> Result<(Uuid, Uuid), SilenceError> {
        self.advance(now, out);
        validate_matchers(&draft.matchers)?;
        let starts_at = draft.starts_at.map_or(now, |at| at.max(now));
        draft.schedule.check(starts_at)?;
        if let Some(id) = draft.id {
            self.windows.maintenances.get(id).ok_or(SilenceError::NotFound(id))?;
        }
        let (count_max, bytes_max) = (self.settings.schedules_max, self.settings.largest_silence());
        if draft.id.is_none() && count_max > 0 && self.windows.maintenances.len() >= count_max {
            return Err(SilenceError::TooManySchedules(count_max));
        }
        let maintenance = Maintenance {
            id: draft.id.unwrap_or(fresh_id),
            schedule: draft.schedule,
            starts_at,
            matchers: draft.matchers,
            until_resolved: draft.until_resolved,
            updated_at: now,
            created_by: draft.created_by,
            comment: draft.comment,
            annotations: draft.annotations,
            latest: None,
            ended_at: None,
        };
        let bytes = Record::of_maintenance(&maintenance).to_bytes().len();
        if bytes > bytes_max {
            return Err(SilenceError::TooLarge { bytes, bytes_max });
        }
        let id = maintenance.id;
        self.withdraw_pending(now, id, out);
        self.put_maintenance(maintenance, out);
        self.tend(now, out);
        let made = self.windows.maintenances.get(id).and_then(|one| Some(one.occurrence_id(one.latest?)));
        Ok((id, made.unwrap_or(id)))
    }

    /// Ends a recurring silence and its occurrence. Ending one that is over already changes nothing.
    ///
    /// # Errors
    /// The id is unknown.
    pub fn end_maintenance(&mut self, now: Timestamp, id: Uuid, out: &mut Vec<Effect>) -> Result<(), SilenceError> {
        self.advance(now, out);
        let known = self.windows.maintenances.get(id).ok_or(SilenceError::NotFound(id))?;
        if known.ended_at.is_some_and(|end| end <= now) {
            return Ok(());
        }
        let ended = Maintenance { ended_at: Some(now), updated_at: now, ..known.clone() };
        self.put_maintenance(ended, out);
        for silence in self.occurrences(id, now) {
            if let Some(ended) = self.known.silences.plan_end(now, silence)? {
                self.put_silence(now, ended, out);
            }
        }
        self.tend(now, out);
        Ok(())
    }

    /// Every recurring silence, in order of ids.
    pub fn maintenances(&self) -> impl Iterator<Item = &Maintenance> {
        self.windows.maintenances.iter()
    }

    /// The recurring silence with this id.
    pub fn maintenance(&self, id: Uuid) -> Option<&Maintenance> {
        self.windows.maintenances.get(id)
    }

    /// How many silences wait for their alerts' resolves.
    pub fn vigil_count(&self) -> usize {
        self.windows.vigils.len()
    }

    /// Looks at all that comes and goes, and sets when to look again.
    pub(super) fn tend(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if let Some(due) = self.windows.due.take() {
            self.wakes.remove(&(due, Wake::Windows));
        }
        let recurs = self.make_occurrences(now, out);
        let resolves = self.keep_vigils(now, out);
        if let Some(at) = recurs.into_iter().chain(resolves).min() {
            self.windows.due = Some(at);
            self.wakes.insert((at, Wake::Windows));
        }
    }

    /// A silence was made or changed.
    pub(super) fn watch(&mut self, now: Timestamp, silence: &Silence, out: &mut Vec<Effect>) {
        if silence.until_resolved && silence.state(now) != SilenceState::Expired {
            let patience = Timestamp::MIN;
            self.windows.vigils.entry(silence.id).or_insert(Vigil { holder: None, patience });
        } else if silence.schedule.is_none() {
            return;
        }
        self.tend(now, out);
    }

    /// Whether a silence waits for what an alert has just begun or ceased to do.
    pub(super) fn is_awaited(&self, now: Timestamp, id: AlertId) -> bool {
        if self.windows.vigils.is_empty() {
            return false;
        }
        let Some(alert) = self.known.book.get(id) else { return false };
        let is_over = alert.is_resolved(now);
        self.windows.vigils.iter().any(|(silence, vigil)| match vigil.holder {
            Some(holder) => is_over && holder == id,
            None => !is_over && self.known.silences.get(*silence).is_some_and(|it| it.matches(&alert.labels())),
        })
    }

    /// Takes up a recurring silence of an earlier process.
    pub(super) fn restore_maintenance(&mut self, maintenance: Maintenance) {
        self.windows.maintenances.put(maintenance);
    }

    /// Begins to tend what an earlier process left, with patience for alerts that have not come back yet.
    pub(super) fn restore_windows(&mut self, now: Timestamp) {
        let patience = now.plus(self.settings.restart_grace);
        let waiting =
            self.known.silences.iter().filter(|it| it.until_resolved && it.state(now) != SilenceState::Expired);
        self.windows.vigils = waiting.map(|it| (it.id, Vigil { holder: None, patience })).collect();
        if !(self.windows.vigils.is_empty() && self.windows.maintenances.is_empty()) {
            self.windows.due = Some(now);
            self.wakes.insert((now, Wake::Windows));
        }
    }

    /// The clock was moved. Where it was set back the wakes were, too; where it was put forward they stay where they are.
    pub(super) fn move_windows(&mut self, step: ClockStep) {
        if let ClockStep::Back(_) = step {
            self.windows.due = self.windows.due.map(|at| step.of(at));
        }
        for vigil in self.windows.vigils.values_mut() {
            vigil.patience = step.of(vigil.patience);
        }
    }

    /// Removes recurring silences that ended long ago.
    pub(super) fn forget_maintenances(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let gone = self.windows.maintenances.collect(now, self.settings.retention);
        out.extend(gone.into_iter().map(|id| Effect::Forget { key: Record::maintenance_key(id) }));
    }

    /// The occurrences of a recurring silence that are not over.
    fn occurrences(&self, id: Uuid, now: Timestamp) -> Vec<Uuid> {
        let of = |silence: &&Silence| silence.schedule == Some(id) && silence.state(now) != SilenceState::Expired;
        self.known.silences.iter().filter(of).map(|silence| silence.id).collect()
    }

    fn withdraw_pending(&mut self, now: Timestamp, id: Uuid, out: &mut Vec<Effect>) {
        for silence in self.occurrences(id, now) {
            if self.known.silences.get(silence).is_some_and(|known| known.state(now) == SilenceState::Pending) {
                self.known.silences.withdraw(silence);
                out.push(Effect::Forget { key: Record::silence_key(silence) });
            }
        }
    }

    fn put_maintenance(&mut self, maintenance: Maintenance, out: &mut Vec<Effect>) {
        out.push(persist(Record::maintenance_key(maintenance.id), &Record::of_maintenance(&maintenance)));
        self.windows.maintenances.put(maintenance);
    }

    /// Makes each recurring silence's next occurrence once the one before it has begun or was ended. Answers when to look again.
    fn make_occurrences(&mut self, now: Timestamp, out: &mut Vec<Effect>) -> Option<Timestamp> {
        let running = self.windows.maintenances.iter().filter(|one| one.ended_at.is_none());
        let ids: Vec<Uuid> = running.map(|one| one.id).collect();
        ids.into_iter().filter_map(|id| self.make_occurrence(now, id, out)).min()
    }

    fn make_occurrence(&mut self, now: Timestamp, id: Uuid, out: &mut Vec<Effect>) -> Option<Timestamp> {
        loop {
            let maintenance = self.windows.maintenances.get(id)?;
            let made = maintenance.latest.map(|latest| (latest, maintenance.occurrence_id(latest)));
            let made = made.and_then(|(latest, id)| Some((latest, self.known.silences.get(id)?)));
            if let Some((latest, silence)) = made
                && latest > now
                && silence.state(now) != SilenceState::Expired
            {
                return Some(latest);
            }
            let Some(next) = maintenance.next(now) else {
                let last = self.occurrences(id, now).into_iter().filter_map(|id| self.known.silences.get(id));
                if let Some(end) = last.map(|silence| silence.ends_at).max() {
                    return Some(end);
                }
                let ended = Maintenance { ended_at: Some(now), ..maintenance.clone() };
                self.put_maintenance(ended, out);
                return None;
            };
            let silence = maintenance.silence(now, next);
            let noted = Maintenance { latest: Some(next.starts_at), ..maintenance.clone() };
            // One that is there was made before a crash: what became of it holds.
            if self.known.silences.get(silence.id).is_none() {
                self.enter_silence(now, silence, out);
            }
            self.put_maintenance(noted, out);
        }
    }

    /// An occurrence takes its place, and its vigil if it keeps one; the caller tends the vigils next.
    fn enter_silence(&mut self, now: Timestamp, silence: Silence, out: &mut Vec<Effect>) {
        if silence.until_resolved {
            self.windows.vigils.insert(silence.id, Vigil { holder: None, patience: Timestamp::MIN });
        }
        self.put_silence(now, silence, out);
    }

    /// Ends the silences whose last alert has resolved. Answers when to look again.
    fn keep_vigils(&mut self, now: Timestamp, out: &mut Vec<Effect>) -> Option<Timestamp> {
        let ids: Vec<Uuid> = self.windows.vigils.keys().copied().collect();
        ids.into_iter().filter_map(|id| self.keep_vigil(now, id, out)).min()
    }

    fn keep_vigil(&mut self, now: Timestamp, id: Uuid, out: &mut Vec<Effect>) -> Option<Timestamp> {
        let vigil = self.windows.vigils.get(&id)?;
        let Some(silence) = self.known.silences.get(id).filter(|it| it.until_resolved) else {
            self.windows.vigils.remove(&id);
            return None;
        };
        match silence.state(now) {
            SilenceState::Expired => {
                self.windows.vigils.remove(&id);
                return None;
            }
            SilenceState::Pending => return Some(silence.starts_at),
            SilenceState::Active => {}
        }
        let holder = self.known.find_firing(silence, vigil.holder, now);
        let (until, silence) = (silence.ends_at, silence.clone());
        let Some((holder, end)) = holder else {
            return self.last_resolved(now, silence, out);
        };
        if let Some(vigil) = self.windows.vigils.get_mut(&id) {
            *vigil = Vigil { holder: Some(holder), patience: Timestamp::MIN };
        }
        if !silence.has_matched {
            self.put_silence(now, Silence { has_matched: true, ..silence }, out);
        }
        Some(end.min(now.plus(GLANCE)).min(until))
    }

    /// None of a silence's alerts fires: it ends, if any did before, and after a restart once they had time to come back.
    fn last_resolved(&mut self, now: Timestamp, silence: Silence, out: &mut Vec<Effect>) -> Option<Timestamp> {
        let vigil = self.windows.vigils.get_mut(&silence.id)?;
        vigil.holder = None;
        if !silence.has_matched {
            return Some(silence.ends_at);
        }
        if vigil.patience > now {
            return Some(vigil.patience.min(silence.ends_at));
        }
        self.windows.vigils.remove(&silence.id);
        let ended = Silence { ends_at: now, updated_at: now, ..silence };
        self.put_silence(now, ended, out);
        None
    }
}
