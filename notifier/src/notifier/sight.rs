//! What a flush sees of a group: who is visible, who is hidden and why.

use std::sync::Arc;

use model::Timestamp;

use super::known::Known;
use crate::alert_book::AlertId;
use crate::decision::HoldReason;
use crate::group::{Group, Member, Seen, alert_order};
use crate::notification::{Notification, NotifiedAlert, Reason};
use crate::notification_log::{Entry, Told};
use crate::route::{Mute, RouteTree};
use crate::tally::Suppressed;

/// A group at an instant.
#[derive(Debug)]
pub(super) struct Sight {
    /// Who fires, who is resolved, who is hidden.
    pub(super) told: Told,
    /// Of the resolved, those that an earlier flush saw so: told only to who believes that they fire.
    pub(super) stale: Box<[u64]>,
    /// Of the hidden, those that fire, guests included.
    pub(super) firing_unseen: Box<[u64]>,
    /// Of those, the ones that a silence or the time hides.
    pub(super) muted: Box<[u64]>,
    /// When the first of those will be seen again, if that is before the next regular flush.
    pub(super) seen_again: Option<Timestamp>,
    /// Resolved and hidden: where nobody is owed anything, they may go.
    pub(super) hidden_over: Vec<AlertId>,
    /// Why the hidden ones are.
    pub(super) suppressed: Suppressed,
    /// The members that the last flush saw otherwise, in order.
    pub(super) turned: Vec<(AlertId, Seen)>,
    /// How many alerts were looked up among the silences.
    pub(super) silence_queries: u64,
    /// Neither inhibited nor muted nor silenced.
    pub(super) visible: Vec<AlertId>,
}

impl Known {
    /// Looks at a group as it was at an instant: alerts known by then, in the order of the questions: inhibited?
    /// route mute? silenced?
    pub(super) fn look(&mut self, routes: &RouteTree, group: &Group, at: Timestamp) -> Sight {
        let mute = routes.mute_at(group.route, at);
        let mut suppressed = Suppressed::default();
        let (mut visible, mut firing, mut resolved) = (Vec::new(), Vec::new(), Vec::new());
        let (mut hidden, mut stale) = (Vec::new(), Vec::new());
        let (mut firing_unseen, mut muted, mut hidden_over) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen_again: Option<Timestamp> = None;
        let mut turned = Vec::new();
        let guests = group.guests.iter().map(|guest| (guest, true));
        for (Member { id, seen_over, seen }, is_guest) in
            group.members.iter().map(|member| (member, false)).chain(guests)
        {
            let Some(alert) = self.book.get(*id).filter(|alert| alert.known_at <= at) else { continue };
            let (hash, is_resolved) = (alert.fingerprint.0, alert.is_resolved(at));
            if is_guest && !is_resolved {
                hidden.push(hash);
                firing_unseen.push(hash);
                continue;
            }
            let start = alert.starts_at.as_millis();
            let mut ends = None;
            let mut note = |now: Seen| {
                if *seen != now && !is_guest {
                    turned.push((*id, now));
                }
            };
            let counter = if let Some(source) = self.inhibited_by(*id, at) {
                note(Seen::hidden(0, source.fingerprint.0));
                &mut suppressed.inhibition
            } else if let Some(mute) = &mute {
                ends = Some(Timestamp::MAX);
                note(Seen::hidden(1 + u8::from(matches!(mute, Mute::Muted(_))), 0));
                match mute {
                    Mute::Inactive(_) => &mut suppressed.active_time_interval,
                    Mute::Muted(_) => &mut suppressed.mute_time_interval,
                }
            } else if let Some(end) = self.silenced_until(*id, at) {
                ends = Some(end);
                note(Seen::hidden(3, end.as_millis().unsigned_abs()));
                &mut suppressed.silence
            } else {
                note(if is_resolved { Seen::OVER } else { Seen::SHOWN });
                visible.push(*id);
                if is_resolved {
                    resolved.push(hash);
                } else {
                    firing.push((hash, start));
                }
                if is_resolved && *seen_over {
                    stale.push(hash);
                }
                continue;
            };
            *counter += 1;
            hidden.push(hash);
            if is_resolved {
                hidden_over.push(*id);
                continue;
            }
            firing_unseen.push(hash);
            if let Some(end) = ends {
                muted.push(hash);
                seen_again = Some(seen_again.map_or(end, |first| first.min(end)));
            }
        }
        if mute.is_some() && !muted.is_empty() {
            seen_again = routes.heard_again(group.route, at, group.grid.next_after(at));
        }
        firing.sort_unstable();
        let (firing, starts): (Vec<u64>, Vec<i64>) = firing.into_iter().unzip();
        let told =
            Told { firing: firing.into(), starts: starts.into(), resolved: sorted(resolved), hidden: sorted(hidden) };
        let silence_queries = suppressed.silence + visible.len() as u64;
        let (firing_unseen, muted, stale) = (sorted(firing_unseen), sorted(muted), sorted(stale));
        Sight {
            told,
            stale,
            firing_unseen,
            muted,
            seen_again,
            hidden_over,
            suppressed,
            turned,
            silence_queries,
            visible,
        }
    }

    /// What a receiver is told of a group: all that fires, and of the resolved those in `resolved`.
    pub(super) fn notification(
        &self,
        routes: &RouteTree,
        group: &Group,
        sight: &Sight,
        (reason, resolved, still_firing): (Reason, &[u64], bool),
        now: Timestamp,
    ) -> Arc<Notification> {
        let node = routes.node(group.route);
        let mut alerts: Vec<_> = sight.visible.iter().filter_map(|id| self.book.get(*id)).collect();
        alerts.retain(|alert| !alert.is_resolved(now) || resolved.binary_search(&alert.fingerprint.0).is_ok());
        let alerts = alerts.into_iter().map(|alert| NotifiedAlert {
            labels: alert.labels(),
            annotations: alert.annotations(),
            starts_at: alert.starts_at,
            resolved_at: alert.is_resolved(now).then_some(alert.ends_at),
            generator_url: alert.generator_url(),
            fingerprint: alert.fingerprint,
        });
        let mut alerts: Vec<_> = alerts.collect();
        alerts.sort_by(|a, b| alert_order(&a.labels, &b.labels));
        Arc::new(Notification {
            receiver: node.receiver.name.clone(),
            group_key: group.key.to_string(),
            group_labels: group.labels.clone(),
            route_labels: node.labels.clone(),
            alerts,
            still_firing,
            reason,
            at: now,
            digest: None,
        })
    }
}

impl Sight {
    /// Why nothing may be told, if there is nobody left to speak of.
    pub(super) fn hold(&self, told: &Told) -> Option<HoldReason> {
        (told.firing.is_empty() && told.resolved.is_empty()).then(|| hold_reason(self.suppressed))
    }

    /// What one integration may be told: without the resolved alerts that it need not hear of, or has just heard of.
    pub(super) fn told_to(&self, entry: Option<&Entry>) -> Told {
        let mut told = self.told.clone();
        let is_open = |hash| entry.is_some_and(|entry| entry.is_open(hash));
        let was_told = |hash| entry.is_some_and(|entry| entry.resolved.binary_search(&hash).is_ok());
        let is_stale = |hash| self.stale.binary_search(&hash).is_ok();
        if !told.resolved.is_empty() {
            let needed = told.resolved.iter().copied().filter(|h| is_open(*h) || !(is_stale(*h) || was_told(*h)));
            told.resolved = needed.collect();
        }
        told
    }
}

impl Suppressed {
    /// How many alerts are hidden in all.
    pub(super) fn total(self) -> u64 {
        self.inhibition + self.active_time_interval + self.mute_time_interval + self.silence
    }
}

/// The question that hid the last of the alerts.
fn hold_reason(suppressed: Suppressed) -> HoldReason {
    if suppressed.silence > 0 {
        HoldReason::Silenced
    } else if suppressed.mute_time_interval > 0 {
        HoldReason::Muted
    } else if suppressed.active_time_interval > 0 {
        HoldReason::Inactive
    } else if suppressed.inhibition > 0 {
        HoldReason::Inhibited
    } else {
        HoldReason::NothingToTell
    }
}

fn sorted(mut hashes: Vec<u64>) -> Box<[u64]> {
    hashes.sort_unstable();
    hashes.into_boxed_slice()
}
