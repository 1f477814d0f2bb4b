//! All groups, found by route and labels; and what a reload or restart leaves to take up again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use model::{LabelSet, Timestamp};

use crate::group::{Group, GroupId};
use crate::route::RouteId;

/// Groups by id and by identity.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_id: BTreeMap<GroupId, Group>,
    ids: HashMap<(RouteId, LabelSet), GroupId, FixedState>,
    next_id: u64,
    /// Groups of the last configuration that the present one has not taken up yet, by record key. Empty but in a reload.
    aside: BTreeMap<String, (GroupId, Group)>,
    /// Stored anchors by record key. Empty but between a restore and the first configuration.
    anchors: BTreeMap<String, Timestamp>,
    /// Groups made with a stored anchor.
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

    /// Sets all groups aside, emptied of members, for another configuration to take up.
    pub(super) fn set_aside(&mut self) {
        self.ids.clear();
        for (id, mut group) in std::mem::take(&mut self.by_id) {
            group.members.clear();
            self.aside.insert(group.record_key.clone(), (id, group));
        }
    }

    /// Takes up a group that was set aside.
    pub(super) fn take_up(&mut self, record_key: &str) -> Option<(GroupId, Group)> {
        self.aside.remove(record_key)
    }

    /// The id of a group that is set aside.
    pub(super) fn id_aside(&self, record_key: &str) -> Option<GroupId> {
        self.aside.get(record_key).map(|(id, _)| *id)
    }

    pub(super) fn remember_anchor(&mut self, record_key: String, anchor: Timestamp) {
        self.anchors.insert(record_key, anchor);
    }

    /// The stored anchor for a group that is being made.
    pub(super) fn take_anchor(&mut self, record_key: &str, id: GroupId) -> Option<Timestamp> {
        let anchor = self.anchors.remove(record_key)?;
        self.resumed.push(id);
        Some(anchor)
    }

    /// The groups that were made with a stored anchor.
    pub(super) fn take_resumed(&mut self) -> Vec<GroupId> {
        std::mem::take(&mut self.resumed)
    }

    /// Drops what nobody took up, and names the records.
    pub(super) fn drop_the_rest(&mut self) -> Vec<String> {
        let aside = std::mem::take(&mut self.aside).into_keys();
        aside.chain(std::mem::take(&mut self.anchors).into_keys()).collect()
    }
}
