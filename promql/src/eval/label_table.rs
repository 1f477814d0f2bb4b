//! Label sets as numbers: each set once, so that steps of an evaluation compare and look up integers.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use model::LabelSet;
use model::labels::METRIC_NAME;

/// A label set of a [`LabelTable`].
pub(super) type LabelId = u32;

/// Every label set a query has met.
#[derive(Debug, Clone)]
pub(super) struct LabelTable {
    sets: Vec<LabelSet>,
    ids: HashMap<LabelSet, LabelId, FixedState>,
    nameless: Memo,
}

/// Labels that tell what a metric is rather than where it comes from; they go together.
pub(super) fn is_metadata(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

impl LabelTable {
    pub(super) fn new() -> LabelTable {
        LabelTable { sets: Vec::new(), ids: HashMap::with_hasher(FixedState::default()), nameless: Memo::default() }
    }

    /// Number of label sets.
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    pub(super) fn id(&mut self, labels: &LabelSet) -> LabelId {
        if let Some(&id) = self.ids.get(labels) {
            return id;
        }
        let id = LabelId::try_from(self.sets.len()).expect("a query is reset long before it met so many label sets");
        self.sets.push(labels.clone());
        self.ids.insert(labels.clone(), id);
        id
    }

    pub(super) fn set(&self, id: LabelId) -> &LabelSet {
        self.sets.get(id as usize).expect("ids are made by this table")
    }

    /// The same labels without the metric's name, type and unit.
    pub(super) fn nameless(&mut self, id: LabelId) -> LabelId {
        if let Some(known) = self.nameless.get(id) {
            return known;
        }
        let labels = self.set(id).filter(|name, _| !is_metadata(name));
        let nameless = self.id(&labels);
        self.nameless.set(id, nameless);
        nameless
    }
}

/// What became of label sets in one place of a query: computed once each.
#[derive(Debug, Clone, Default)]
pub(super) struct Memo(Vec<LabelId>);

const UNKNOWN: LabelId = LabelId::MAX;

impl Memo {
    pub(super) fn get(&self, id: LabelId) -> Option<LabelId> {
        self.0.get(id as usize).copied().filter(|&known| known != UNKNOWN)
    }

    pub(super) fn set(&mut self, id: LabelId, value: LabelId) {
        let at = id as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, UNKNOWN);
        }
        if let Some(slot) = self.0.get_mut(at) {
            *slot = value;
        }
    }

    pub(super) fn get_or(&mut self, id: LabelId, make: impl FnOnce() -> LabelId) -> LabelId {
        match self.get(id) {
            Some(known) => known,
            None => {
                let made = make();
                self.set(id, made);
                made
            }
        }
    }
}

/// Slots by label set that are all emptied in one step.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    round: u32,
    slots: Vec<(u32, u32)>,
}

impl Slots {
    /// Empties every slot.
    pub(super) fn clear(&mut self) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.slots.clear();
            self.round = 1;
        }
    }

    pub(super) fn get(&self, id: LabelId) -> Option<u32> {
        self.slots.get(id as usize).filter(|(round, _)| *round == self.round).map(|(_, value)| *value)
    }

    /// Fills a slot; what was in it before.
    pub(super) fn put(&mut self, id: LabelId, value: u32) -> Option<u32> {
        let at = id as usize;
        if self.slots.len() <= at {
            self.slots.resize(at + 1, (0, 0));
        }
        let slot = self.slots.get_mut(at)?;
        let before = (slot.0 == self.round).then_some(slot.1);
        *slot = (self.round, value);
        before
    }
}
