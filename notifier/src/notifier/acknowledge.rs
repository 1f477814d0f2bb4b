//! Acknowledging: whom it concerns, and its end with the episode.

use std::collections::BTreeSet;

use model::labels::Fingerprint;
use model::{LabelSet, Timestamp};

use super::{AlertView, Effect, Notifier, persist};
use crate::acknowledgement::{AckDraft, AckError, AckTarget, Acknowledgement};
use crate::alert_book::{AlertId, StoredAlert};
use crate::notification_log::Told;
use crate::record::{Record, group_digest};

impl Notifier {
    /// Notes that somebody has taken episodes on: those that fire of what the draft names. Answers which; it is only true
    /// once the records of `out` are kept.
    ///
    /// # Errors
    /// Nothing is changed: nothing that fires is meant, or the draft is invalid.
    pub fn acknowledge(
        &mut self,
        now: Timestamp,
        draft: AckDraft,
        out: &mut Vec<Effect>,
    ) -> Result<Vec<Acknowledgement>, AckError> {
        self.advance(now, out);
        draft.validate(now)?;
        let made = self.meant(now, &draft.target).map(|(_, alert)| Acknowledgement {
            fingerprint: alert.fingerprint,
            starts_at: alert.starts_at,
            by: draft.by.trim().to_owned(),
            comment: draft.comment.clone(),
            at: now,
            until: draft.until,
        });
        let made = made.collect::<Vec<_>>();
        if made.is_empty() {
            return Err(AckError::NoAlert);
        }
        for ack in &made {
            out.push(persist(Record::ack_key(ack.fingerprint), &Record::of_ack(ack)));
            self.acks.put(ack.clone());
        }
        Ok(made)
    }

    /// Takes acknowledgements back. Answers of which alerts; none is no error.
    pub fn unacknowledge(&mut self, now: Timestamp, target: &AckTarget, out: &mut Vec<Effect>) -> Vec<Fingerprint> {
        self.advance(now, out);
        let meant: Vec<Fingerprint> = self.meant(now, target).map(|(_, alert)| alert.fingerprint).collect();
        let taken: Vec<Fingerprint> =
            meant.into_iter().filter(|fingerprint| self.acks.remove(fingerprint.0).is_some()).collect();
        out.extend(taken.iter().map(|fingerprint| Effect::Forget { key: Record::ack_key(*fingerprint) }));
        taken
    }

    /// What is acknowledged now, by fingerprint.
    pub fn acknowledgements(&self, now: Timestamp) -> Vec<(&Acknowledgement, AlertView<'_>)> {
        if self.acks.is_empty() {
            return Vec::new();
        }
        let known = self.alerts(now).filter_map(|alert| Some((alert.acknowledged()?, alert)));
        let mut known: Vec<_> = known.collect();
        known.sort_by_key(|(ack, _)| ack.fingerprint.0);
        known
    }

    /// What fires and would be acknowledged.
    pub fn would_acknowledge(&self, now: Timestamp, target: &AckTarget) -> Vec<AlertView<'_>> {
        self.meant(now, target).filter_map(|(id, _)| self.alert(now, id)).collect()
    }

    /// The alerts that fire of those a target names, by id.
    fn meant<'a>(
        &'a self,
        now: Timestamp,
        target: &'a AckTarget,
    ) -> Box<dyn Iterator<Item = (AlertId, &'a StoredAlert)> + 'a> {
        let firing = move |(_, alert): &(AlertId, &StoredAlert)| !alert.is_resolved(now);
        match target {
            AckTarget::BegunBy(at, target) => {
                Box::new(self.meant(now, target).filter(move |(_, alert)| alert.starts_at <= *at))
            }
            AckTarget::Alerts(wanted) => {
                let wanted: BTreeSet<u64> = wanted.iter().map(|fingerprint| fingerprint.0).collect();
                let named = move |(_, alert): &(AlertId, &StoredAlert)| wanted.contains(&alert.fingerprint.0);
                Box::new(self.known.book.iter().filter(firing).filter(named))
            }
            AckTarget::Matching(matchers) => {
                let matching = self.alerts_matching(now, matchers).map(|alert| alert.id());
                Box::new(matching.filter_map(|id| Some((id, self.known.book.get(id)?))))
            }
            AckTarget::Group(key) => Box::new(self.members(move |group| group == key).filter(firing)),
            AckTarget::GroupDigest(digest) => {
                Box::new(self.members(move |group| group_digest(group) == *digest).filter(firing))
            }
        }
    }

    /// The members of the groups whose key is wanted.
    fn members(&self, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = (AlertId, &StoredAlert)> {
        let groups = self.groups.iter().filter(|(_, group)| is_wanted(&group.key));
        let members: BTreeSet<AlertId> = groups.flat_map(|(_, group)| &group.members).map(|member| member.id).collect();
        members.into_iter().filter_map(|id| Some((id, self.known.book.get(id)?)))
    }

    /// An alert is reported: if its last episode was over, so is what was said of that.
    pub(super) fn end_acknowledgement(&mut self, now: Timestamp, labels: &LabelSet, out: &mut Vec<Effect>) {
        if self.acks.is_empty() {
            return;
        }
        if let Some(id) = self.known.book.find(labels) {
            self.end_acknowledgement_of(now, id, out);
        }
    }

    /// The same of an alert that is known by its id.
    pub(super) fn end_acknowledgement_of(&mut self, now: Timestamp, id: AlertId, out: &mut Vec<Effect>) {
        if self.acks.is_empty() {
            return;
        }
        let over = self.known.book.get(id).filter(|alert| alert.is_resolved(now)).map(|alert| alert.fingerprint);
        if let Some(fingerprint) = over {
            self.drop_acknowledgement(fingerprint, out);
        }
    }

    /// Forgets acknowledgements whose episode is over, or that were to end.
    pub(super) fn collect_acknowledgements(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if self.acks.is_empty() {
            return;
        }
        let kept: BTreeSet<u64> = self.acknowledgements(now).iter().map(|(ack, _)| ack.fingerprint.0).collect();
        let gone = self.acks.iter().map(|ack| ack.fingerprint).filter(|fingerprint| !kept.contains(&fingerprint.0));
        for fingerprint in gone.collect::<Vec<_>>() {
            self.drop_acknowledgement(fingerprint, out);
        }
    }

    /// Whether somebody has taken on everything that fires.
    pub(super) fn are_acknowledged(&self, told: &Told, at: Timestamp) -> bool {
        let mut firing = told.firing.iter().zip(&told.starts);
        !self.acks.is_empty() && firing.all(|(hash, start)| self.acks.in_force(*hash, *start, at).is_some())
    }

    fn drop_acknowledgement(&mut self, fingerprint: Fingerprint, out: &mut Vec<Effect>) {
        if self.acks.remove(fingerprint.0).is_some() {
            out.push(Effect::Forget { key: Record::ack_key(fingerprint) });
        }
    }
}
