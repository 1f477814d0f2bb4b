//! What the API and metrics show: alerts, groups and silences by reference, worked out for an instant when asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::labels::Fingerprint;
use model::matcher::all_match;
use model::{LabelSet, Matcher, Timestamp};
use uuid::Uuid;

use super::Notifier;
use super::known::Known;
use crate::acknowledgement::Acknowledgement;
use crate::alert_book::{AlertId, StoredAlert};
use crate::group::{Group, GroupId};
use crate::receiver::Receiver;
use crate::route::{Node, RouteTree};
use crate::silence::{Silence, SilenceState};

/// An alert at an instant. Cheap to make; its status is worked out when asked for.
#[derive(Clone, Copy, Debug)]
pub struct AlertView<'a> {
    notifier: &'a Notifier,
    alert: &'a StoredAlert,
    id: AlertId,
    /// The group it is shown in, if it is.
    group: Option<GroupId>,
    now: Timestamp,
}

/// Whether an alert may be notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlertState {
    /// Nothing hides it.
    Active,
    /// Something does.
    Suppressed,
}

/// How many alerts that are not resolved are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertCounts {
    /// Nothing hides them.
    pub active: u64,
    /// A silence or an inhibition hides them.
    pub suppressed: u64,
}

/// What hides an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertStatus {
    /// Active if all lists are empty.
    pub state: AlertState,
    /// Active silences.
    pub silenced_by: Vec<Uuid>,
    /// The alert that inhibits it, at most one.
    pub inhibited_by: Vec<Fingerprint>,
    /// Time intervals that mute its group; always empty outside a [`GroupView`], as in Alertmanager.
    pub muted_by: Vec<String>,
}

/// A group at an instant.
#[derive(Clone, Copy, Debug)]
pub struct GroupView<'a> {
    notifier: &'a Notifier,
    routes: &'a RouteTree,
    id: GroupId,
    group: &'a crate::group::Group,
    now: Timestamp,
}

impl Notifier {
    /// Every alert that is not resolved, in no particular order; Alertmanager's API sorts them by fingerprint.
    pub fn alerts(&self, now: Timestamp) -> impl Iterator<Item = AlertView<'_>> {
        let live = self.known.book.iter().filter(move |(_, alert)| !alert.is_resolved(now));
        live.map(move |(id, alert)| AlertView { notifier: self, alert, id, group: None, now })
    }

    /// The alert with this id, if it is not resolved.
    pub fn alert(&self, now: Timestamp, id: AlertId) -> Option<AlertView<'_>> {
        let alert = self.known.book.get(id).filter(|alert| !alert.is_resolved(now))?;
        Some(AlertView { notifier: self, alert, id, group: None, now })
    }

    /// Every alert that is not resolved and satisfies the matchers, in no particular order. What a group's labels rule out
    /// is not looked at one by one.
    pub fn alerts_matching<'a>(
        &'a self,
        now: Timestamp,
        matchers: &'a [Matcher],
    ) -> Box<dyn Iterator<Item = AlertView<'a>> + 'a> {
        let is_wanted = move |alert: &AlertView<'_>| all_match(matchers, &alert.labels());
        match self.members_matching(matchers) {
            Some(ids) => Box::new(ids.into_iter().filter_map(move |id| self.alert(now, id)).filter(is_wanted)),
            None => Box::new(self.alerts(now).filter(is_wanted)),
        }
    }

    /// The members of the groups whose labels do not contradict the matchers; `None` if that rules nobody out. Every alert
    /// that fires is in a group.
    fn members_matching(&self, matchers: &[Matcher]) -> Option<BTreeSet<AlertId>> {
        let routes = self.routes.as_deref().filter(|_| !matchers.is_empty())?;
        let may_match = |group: &Group| {
            let node = routes.node(group.route);
            let ruled = matchers.iter().filter(|matcher| node.groups_by(matcher.name()));
            ruled.into_iter().all(|matcher| matcher.matches(&group.labels))
        };
        let fitting: Vec<&Group> =
            self.groups.iter().map(|(_, group)| group).filter(|group| may_match(group)).collect();
        let ids = || fitting.iter().flat_map(|group| &group.members).map(|member| member.id);
        (fitting.len() < self.groups.len()).then(|| ids().collect())
    }

    /// How many alerts are known, resolved ones that are still in a group included.
    pub fn alert_count(&self) -> usize {
        self.known.book.len()
    }

    /// Adds the alerts with ids from `from` on, at most `most` of them, to `counts`; answers where to go on, if there is
    /// more to count. To count in pieces is to keep nobody waiting.
    pub fn count_alerts(&self, now: Timestamp, from: u32, most: u32, counts: &mut AlertCounts) -> Option<u32> {
        let all = self.known.book.ids_end();
        let end = from.saturating_add(most).min(all);
        let known = (from..end).filter_map(|id| Some((AlertId(id), self.known.book.get(AlertId(id))?)));
        for (id, _) in known.filter(|(_, alert)| !alert.is_resolved(now)) {
            let hidden = self.known.inhibited_by(id, now).is_some() || !self.known.silenced_by(id, now).is_empty();
            *(if hidden { &mut counts.suppressed } else { &mut counts.active }) += 1;
        }
        (end < all).then_some(end)
    }

    /// Every group with an alert that is not resolved, in Alertmanager's order: by labels, then receiver.
    pub fn groups(&self, now: Timestamp) -> Vec<GroupView<'_>> {
        let mut groups: Vec<_> = self.unordered_groups(now).collect();
        groups.sort_by(|a, b| a.labels().cmp(b.labels()).then_with(|| a.receiver().cmp(b.receiver())));
        groups
    }

    /// The same in no particular order, for whoever has another one in mind.
    pub fn unordered_groups(&self, now: Timestamp) -> impl Iterator<Item = GroupView<'_>> {
        let groups = self.routes.as_deref().into_iter().flat_map(move |routes| {
            self.groups.iter().map(move |(id, group)| GroupView { notifier: self, routes, id, group, now })
        });
        groups.filter(|group| group.alerts().next().is_some())
    }

    /// How many groups there are, `dispatcher_aggregation_groups`.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// How many alerts are in groups of each route, by its place in depth-first order; resolved ones until they are told.
    pub fn members_by_route(&self) -> Vec<usize> {
        let mut counts = Vec::new();
        for (_, group) in self.groups.iter() {
            let place = group.route.0 as usize;
            if counts.len() <= place {
                counts.resize(place + 1, 0);
            }
            if let Some(count) = counts.get_mut(place) {
                *count += group.members.len();
            }
        }
        counts
    }

    /// Every silence of any state, oldest first.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.known.silences.iter()
    }

    /// The silence with this id.
    pub fn silence(&self, id: Uuid) -> Option<&Silence> {
        self.known.silences.get(id)
    }

    /// How many silences are in a state, `silences{state}`.
    pub fn silence_count(&self, state: SilenceState, now: Timestamp) -> usize {
        self.silences().filter(|silence| silence.state(now) == state).count()
    }
}

impl<'a> AlertView<'a> {
    /// Names it for as long as it is known.
    pub fn id(&self) -> AlertId {
        self.id
    }

    /// Identity.
    pub fn labels(&self) -> LabelSet {
        self.alert.labels()
    }

    /// Text.
    pub fn annotations(&self) -> LabelSet {
        self.alert.annotations()
    }

    /// Hash of the labels.
    pub fn fingerprint(&self) -> Fingerprint {
        self.alert.fingerprint
    }

    /// When it began to fire.
    pub fn starts_at(&self) -> Timestamp {
        self.alert.starts_at
    }

    /// When it will be taken for resolved.
    pub fn ends_at(&self) -> Timestamp {
        self.alert.ends_at
    }

    /// When it was last reported.
    pub fn updated_at(&self) -> Timestamp {
        self.alert.updated_at
    }

    /// Link to its source; may be empty.
    pub fn generator_url(&self) -> Arc<str> {
        self.alert.generator_url()
    }

    /// The names of the receivers its routes lead to, in the order of the routes.
    pub fn receivers(&self) -> impl Iterator<Item = &'a str> {
        self.whole_receivers().map(|receiver| receiver.name.as_str())
    }

    /// The receivers its routes lead to, in the order of the routes.
    pub fn whole_receivers(&self) -> impl Iterator<Item = &'a Arc<Receiver>> {
        let notifier = self.notifier;
        let groups = self.known().marks(self.id).groups.iter().filter_map(|id| notifier.groups.get(*id));
        let groups = groups.filter(|group| !group.guests.iter().any(|guest| guest.id == self.id));
        let routes = notifier.routes.as_deref();
        groups.filter_map(move |group| Some(&routes?.node(group.route).receiver))
    }

    /// Who has taken its episode on, if somebody has.
    pub fn acknowledged(&self) -> Option<&'a Acknowledgement> {
        let acks = &self.notifier.acks;
        if acks.is_empty() {
            return None;
        }
        acks.in_force(self.alert.fingerprint.0, self.alert.starts_at.as_millis(), self.now)
    }

    /// What hides it, at the instant of the view.
    pub fn status(&self) -> AlertStatus {
        let inhibiting = self.known().inhibited_by(self.id, self.now);
        let group = self.group.and_then(|id| self.notifier.groups.get(id));
        let mute = group
            .zip(self.notifier.routes.as_deref())
            .and_then(|(group, routes)| routes.mute_at(group.route, self.now));
        let silenced_by = self.known().silenced_by(self.id, self.now);
        let inhibited_by: Vec<Fingerprint> = inhibiting.map(|source| source.fingerprint).into_iter().collect();
        let muted_by = mute.map(|mute| mute.intervals().to_vec()).unwrap_or_default();
        let is_active = silenced_by.is_empty() && inhibited_by.is_empty() && muted_by.is_empty();
        let state = if is_active { AlertState::Active } else { AlertState::Suppressed };
        AlertStatus { state, silenced_by, inhibited_by, muted_by }
    }

    fn known(&self) -> &'a Known {
        &self.notifier.known
    }
}

impl<'a> GroupView<'a> {
    /// What its members share.
    pub fn labels(&self) -> &'a LabelSet {
        &self.group.labels
    }

    /// Route key, colon, labels.
    pub fn key(&self) -> &'a str {
        &self.group.key
    }

    /// Labels of its route.
    pub fn route_labels(&self) -> &'a LabelSet {
        &self.node().labels
    }

    /// Name of its receiver.
    pub fn receiver(&self) -> &'a str {
        &self.node().receiver.name
    }

    /// When it is decided about next.
    pub fn next_flush(&self) -> Timestamp {
        self.group.next_flush
    }

    /// The time intervals that mute it at the instant of the view.
    pub fn muted_by(&self) -> Vec<String> {
        self.routes.mute_at(self.group.route, self.now).map(|mute| mute.intervals().to_vec()).unwrap_or_default()
    }

    /// Its alerts that are not resolved.
    pub fn alerts(&self) -> impl Iterator<Item = AlertView<'a>> {
        let Self { notifier, id: group, now, .. } = *self;
        let known =
            self.group.members.iter().filter_map(move |member| Some((member.id, notifier.known.book.get(member.id)?)));
        let live = known.filter(move |(_, alert)| !alert.is_resolved(now));
        live.map(move |(id, alert)| AlertView { notifier, alert, id, group: Some(group), now })
    }

    fn node(&self) -> &'a Node {
        self.routes.node(self.group.route)
    }
}

impl AlertState {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suppressed => "suppressed",
        }
    }
}
