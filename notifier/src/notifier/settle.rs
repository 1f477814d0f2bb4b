//! Letting go: resolved alerts leave a group once everybody knows, and an empty group is gone.

use model::Timestamp;

use super::known::Stored;
use super::sight::Sight;
use super::{Effect, Notifier, Wake};
use crate::alert_book::AlertId;
use crate::group::{Group, GroupId, Member, Slot, SlotState};

impl Notifier {
    /// Puts a taken group back without the resolved alerts that nobody has to hear about any more; if none is left,
    /// the group ends. Its log stays.
    pub(super) fn settle(&mut self, now: Timestamp, id: GroupId, mut group: Group, out: &mut Vec<Effect>) {
        let mut members = std::mem::take(&mut group.members);
        members.retain(|member| self.stays(now, *member, id, &group));
        group.members = members;
        if !group.guests.is_empty() {
            let mut guests = std::mem::take(&mut group.guests);
            guests.retain(|guest| self.guest_stays(now, *guest, id, &group));
            group.guests = guests;
        }
        if group.members.is_empty() && group.guests.is_empty() {
            self.wakes.remove(&(group.next_flush, Wake::Flush(id)));
            if let Some(step) = group.unanswered.as_ref().and_then(|unanswered| unanswered.next) {
                self.wakes.remove(&(step, Wake::Escalate(id)));
            }
            for (at, slot) in group.slots.iter().enumerate() {
                if let SlotState::Waiting { at: due, .. } = &slot.state {
                    self.wakes.remove(&(*due, Wake::Retry(id, at)));
                }
            }
            self.groups.destroy(&group);
            out.push(Effect::Forget { key: group.record_key });
        } else {
            self.groups.put_back(id, group);
        }
    }

    fn stays(&mut self, now: Timestamp, member: Member, id: GroupId, group: &Group) -> bool {
        let alert = member.id;
        let Some(stored) = self.known.book.get(alert) else { return false };
        if !stored.is_resolved(now) {
            return true;
        }
        let hash = stored.fingerprint.0;
        let is_owed = !self.is_forgotten(now, stored.ends_at);
        if self.known.marks(alert).stored == Stored::Firing {
            // It ran out without a word; a restart must not take it for firing, as the log may be closed already.
            self.known.save(now, alert);
        }
        if !member.seen_over || is_owed && group.slots.iter().any(|slot| self.has_business(slot, hash)) {
            return true;
        }
        self.note_hidden_end(now, group, member);
        self.leave_group(now, alert, id);
        false
    }

    /// A guest stays until its resolve is told, or nobody waits for it any more.
    fn guest_stays(&mut self, now: Timestamp, guest: Member, id: GroupId, group: &Group) -> bool {
        let Some(stored) = self.known.book.get(guest.id) else { return false };
        let (hash, is_over) = (stored.fingerprint.0, stored.is_resolved(now));
        let is_owed = !self.is_forgotten(now, stored.ends_at);
        let is_awaited = |slot: &Slot| is_owed && slot.integration.send_resolved && self.has_business(slot, hash);
        let stays = group.slots.iter().any(is_awaited);
        if !stays {
            self.leave_group(now, guest.id, id);
        } else if is_over && self.known.marks(guest.id).stored == Stored::Firing {
            self.known.save(now, guest.id);
        }
        stays
    }

    fn leave_group(&mut self, now: Timestamp, alert: AlertId, id: GroupId) {
        let marks = self.known.marks_mut(alert);
        marks.groups.remove(id);
        marks.is_placed = false;
        if marks.groups.is_empty() {
            self.known.save(now, alert);
        }
    }

    /// As in Alertmanager, what is resolved while it is hidden is forgotten, unless an attempt is under way.
    pub(super) fn let_hidden_go(&mut self, now: Timestamp, id: GroupId, group: &mut Group, sight: &Sight) {
        if group.slots.iter().any(|slot| slot.under_way().is_some()) {
            return;
        }
        for gone in &sight.hidden_over {
            group.members.retain(|member| member.id != *gone);
            self.leave_group(now, *gone, id);
        }
    }

    /// Whether it is over for so long that nobody is owed to hear of it: a receiver that is gone for good would otherwise
    /// keep every alert there ever was.
    fn is_forgotten(&self, now: Timestamp, ended_at: Timestamp) -> bool {
        ended_at.plus(self.settings.retention) <= now
    }

    /// Whether an integration believes, or is just being told, that the alert fires.
    fn has_business(&self, slot: &Slot, hash: u64) -> bool {
        let telling = slot.under_way().is_some_and(|content| content.told.firing.binary_search(&hash).is_ok());
        telling || self.log.get(&slot.log_key).is_some_and(|entry| entry.is_open(hash))
    }
}
