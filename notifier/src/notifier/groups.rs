//! All groups, found by route and labels; and what a reload or restart leaves to take up again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use model::LabelSet;

use crate::group::{Group, GroupId, Left};
use crate::route::RouteId;

/// Groups by id and by identity.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_id: BTreeMap<GroupId, Group>,
    ids: HashMap<(RouteId, LabelSet), GroupId, FixedState>,
    next_id: u64,
    /// Groups of the last configuration, or of the store, that the present one has not taken up yet, by record key. Empty
    /// but in a reload, or between a restore and the first configuration.
    left: BTreeMap<String, Left>,
    /// Of those the ones whose route is gone, by receiver and labels: a route that was given other matchers takes them up.
    orphans: HashMap<(String, LabelSet), Vec<String>, FixedState>,
    /// Conversations of groups that were taken up with another receiver: what the receivers before were told.
    parted: Vec<Left>,
    /// Groups made from the store.
    resumed: Vec<GroupId>,
}

impl Groups {
    pub(super) fn get(&self, id: GroupId) -> Option<&Group> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn find(&self, route: RouteId, labels: &LabelSet) -> Option<GroupId> {
        self.ids.get(&(route, labels.clone())).copied()
    }

    /// Every group, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.by_id.iter().map(|(id, group)| (*id, group))
    }

    /// Every group, for a change that leaves its identity alone.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.by_id.values_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn fresh_id(&mut self) -> GroupId {
        self.next_id += 1;
        GroupId(self.next_id)
    }

    pub(super) fn insert(&mut self, id: GroupId, group: Group) {
        self.ids.insert((group.route, group.labels.clone()), id);
        self.by_id.insert(id, group);
    }

    /// Takes a group out to work on it; its identity stays known until [`Groups::destroy`].
    pub(super) fn take(&mut self, id: GroupId) -> Option<Group> {
        self.by_id.remove(&id)
    }

    /// Puts a taken group back.
    pub(super) fn put_back(&mut self, id: GroupId, group: Group) {
        self.by_id.insert(id, group);
    }

    /// Forgets a taken group's identity.
    pub(super) fn destroy(&mut self, group: &Group) {
        self.ids.remove(&(group.route, group.labels.clone()));
    }

    /// The keys that the notification log must keep.
    pub(super) fn log_keys(&self) -> BTreeSet<Arc<str>> {
        self.by_id.values().flat_map(|group| &group.slots).map(|slot| Arc::clone(&slot.log_key)).collect()
    }

    /// Sets all groups aside, emptied of members, for another configuration to take up. `whose` gives a group's route and
    /// receiver in the last one.
    pub(super) fn set_aside(&mut self, whose: impl Fn(&Group) -> ((Arc<str>, usize), String)) {
        self.ids.clear();
        for (id, mut group) in std::mem::take(&mut self.by_id) {
            group.members.clear();
            group.guests.clear();
            let (route, receiver) = whose(&group);
            let left = Left {
                route,
                key: Arc::clone(&group.key),
                receiver,
                is_renamed: false,
                labels: group.labels.clone(),
                grid: group.grid,
                waiting: Vec::new(),
                group: None,
            };
            let record_key = group.record_key.clone();
            self.left.insert(record_key, Left { group: Some((id, Box::new(group))), ..left });
        }
    }

    /// Finds those whose route is gone.
    pub(super) fn find_orphans(&mut self, is_route: impl Fn(&(Arc<str>, usize)) -> bool) {
        for (record_key, left) in self.left.iter().filter(|(_, left)| !is_route(&left.route)) {
            let same = self.orphans.entry((left.receiver.clone(), left.labels.clone())).or_default();
            same.push(record_key.clone());
        }
    }

    /// What the store says of a group.
    pub(super) fn leave(&mut self, record_key: String, left: Left) {
        self.left.insert(record_key, left);
    }

    /// Nothing is to be taken up.
    pub(super) fn has_none_left(&self) -> bool {
        self.left.is_empty()
    }

    /// What is left under a record key.
    pub(super) fn left(&self, record_key: &str) -> Option<&Left> {
        self.left.get(record_key)
    }

    /// Everything that is left.
    pub(super) fn left_mut(&mut self) -> impl Iterator<Item = &mut Left> {
        self.left.values_mut()
    }

    /// The record keys of those whose route is gone, with this receiver and these labels.
    pub(super) fn orphans(&self, receiver: &str, labels: &LabelSet) -> &[String] {
        if self.orphans.is_empty() {
            return &[];
        }
        self.orphans.get(&(receiver.to_owned(), labels.clone())).map(Vec::as_slice).unwrap_or_default()
    }

    /// Takes up a group that was left.
    pub(super) fn take_up(&mut self, record_key: &str) -> Option<Left> {
        self.left.remove(record_key)
    }

    /// A group goes on without its receiver of before.
    pub(super) fn part(&mut self, with: Left) {
        self.parted.push(with);
    }

    /// A group was made from what the store says.
    pub(super) fn resume(&mut self, id: GroupId) {
        self.resumed.push(id);
    }

    /// The groups that were made from the store.
    pub(super) fn take_resumed(&mut self) -> Vec<GroupId> {
        std::mem::take(&mut self.resumed)
    }

    /// Takes what nobody took up: groups by record key, and conversations with receivers of before.
    pub(super) fn take_the_rest(&mut self) -> (BTreeMap<String, Left>, Vec<Left>) {
        self.orphans.clear();
        (std::mem::take(&mut self.left), std::mem::take(&mut self.parted))
    }
}
