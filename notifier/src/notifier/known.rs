//! The alerts, what may hide them, and what is remembered about each.

use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;

use foldhash::fast::FixedState;
use model::{LabelSet, Timestamp};
use uuid::Uuid;

use crate::alert_book::{AlertBook, AlertId, BookLimits, Change, Report, StoredAlert};
use crate::group::GroupId;
use crate::inhibit::{Inhibition, Roles};
use crate::name_limit::NameLimit;
use crate::record::{AlertPageV1, PAGE_ALERTS, Whole};
use crate::silence::{Covering, Silence, Silences};

/// Alerts with the silences and inhibitions that hide them. Keeps the views of all three on each other up to date.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) book: AlertBook,
    pub(super) silences: Silences,
    inhibition: Option<Inhibition>,
    /// By alert id.
    marks: Vec<Marks>,
    limit: NameLimit,
    /// Pages of alerts whose record is out of date.
    changed_pages: BTreeSet<u32>,
    /// The reports of alerts that have come to be known since records were last written: their texts need not be put together again.
    at_hand: HashMap<AlertId, Report, FixedState>,
}

/// So many reports are kept at hand.
const AT_HAND_MAX: usize = 1000;

/// What is remembered about an alert, so that it need not be worked out again.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// What it is to the inhibition rules.
    roles: Roles,
    /// Which silences match it.
    covering: Covering,
    /// The groups it is a member of.
    pub(super) groups: Memberships,
    /// It is in every group that its routes give it.
    pub(super) is_placed: bool,
    /// What the store says of it.
    pub(super) stored: Stored,
}

/// The groups of an alert, in the order of its routes: one as a rule, which takes no memory of its own.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "there is one for each alert: the rare list is kept out of it")]
pub(super) enum Memberships {
    #[default]
    None,
    One(GroupId),
    Several(Box<Vec<GroupId>>),
}

impl Memberships {
    pub(super) fn push(&mut self, id: GroupId) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(id),
            Self::One(first) => Self::Several(Box::new(vec![first, id])),
            Self::Several(mut ids) => {
                ids.push(id);
                Self::Several(ids)
            }
        };
    }

    pub(super) fn remove(&mut self, id: GroupId) {
        match self {
            Self::One(only) if *only == id => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Several(ids) => {
                ids.retain(|known| *known != id);
                if ids.is_empty() {
                    *self = Self::None;
                }
            }
        }
    }
}

impl Deref for Memberships {
    type Target = [GroupId];

    fn deref(&self) -> &[GroupId] {
        match self {
            Self::None => &[],
            Self::One(id) => std::slice::from_ref(id),
            Self::Several(ids) => ids,
        }
    }
}

/// What the store says of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stored {
    #[default]
    Nothing,
    Firing,
    Resolved,
}

impl Known {
    pub(super) fn new(alerts_per_name_max: usize, limits: BookLimits) -> Self {
        Self {
            book: AlertBook::new(limits),
            silences: Silences::default(),
            inhibition: None,
            marks: Vec::new(),
            limit: NameLimit::new(alerts_per_name_max),
            changed_pages: BTreeSet::new(),
            at_hand: HashMap::default(),
        }
    }

    /// Stores a report; `None` if there are too many alerts of its name.
    pub(super) fn put(&mut self, now: Timestamp, report: Report) -> Option<(AlertId, Change)> {
        let Some(id) = self.book.find(&report.labels) else {
            let is_over = |id| self.book.get(id).is_none_or(|alert| alert.is_resolved(now));
            if !self.limit.has_room(report.labels.alert_name(), is_over) {
                return None;
            }
            let id = self.book.admit(now, &report);
            self.introduce(id, &report.labels);
            if self.at_hand.len() < AT_HAND_MAX {
                self.at_hand.insert(id, report);
            }
            return Some((id, Change::New));
        };
        self.at_hand.remove(&id);
        let was = self.source_end(id);
        let labels = was.is_some().then(|| report.labels.clone());
        let change = self.book.renew(now, id, report);
        if let Some(labels) = labels {
            self.source_moved(id, &labels, was);
        }
        Some((id, change))
    }

    /// Puts an alert from the store in, under the id that its record gives it.
    pub(super) fn restore(&mut self, id: AlertId, alert: StoredAlert, stored: Stored) -> Result<(), String> {
        let labels = alert.labels();
        self.book.put_back(id, alert)?;
        self.introduce(id, &labels);
        self.marks_mut(id).stored = stored;
        Ok(())
    }

    fn introduce(&mut self, id: AlertId, labels: &LabelSet) {
        let at = id.0 as usize;
        if self.marks.len() <= at {
            self.marks.resize_with(at + 1, Marks::default);
        }
        self.marks[at] = Marks::default();
        self.limit.admit(labels.alert_name(), id);
        self.cast(id, labels);
    }

    /// Works out an alert's roles under the present rules and enters it as a source.
    fn cast(&mut self, id: AlertId, labels: &LabelSet) {
        let (Some(inhibition), Some(alert)) = (&mut self.inhibition, self.book.get(id)) else { return };
        let roles = inhibition.roles(labels);
        inhibition.move_source(&roles, labels, id, None, Some(alert.ends_at));
        self.marks_mut(id).roles = roles;
    }

    fn source_end(&self, id: AlertId) -> Option<Timestamp> {
        if !self.marks(id).roles.has_source() {
            return None;
        }
        self.book.get(id).map(|alert| alert.ends_at)
    }

    fn source_moved(&mut self, id: AlertId, labels: &LabelSet, was: Option<Timestamp>) {
        let is = self.book.get(id);
        let (Some(inhibition), Some(alert)) = (&mut self.inhibition, is) else { return };
        let roles = &self.marks[id.0 as usize].roles;
        inhibition.move_source(roles, labels, id, was, Some(alert.ends_at));
    }

    /// Takes an alert out.
    pub(super) fn remove(&mut self, id: AlertId) {
        let was = self.source_end(id);
        let Some(alert) = self.book.remove(id) else { return };
        self.at_hand.remove(&id);
        let labels = alert.labels();
        let marks = std::mem::take(self.marks_mut(id));
        if let Some(inhibition) = &mut self.inhibition {
            inhibition.move_source(&marks.roles, &labels, id, was, None);
        }
        self.limit.release(labels.alert_name(), id);
        if marks.stored != Stored::Nothing {
            self.changed_pages.insert(AlertPageV1::number_of(id));
        }
    }

    /// Says what the store is to keep of an alert: all while it is in a group, nothing otherwise.
    pub(super) fn save(&mut self, now: Timestamp, id: AlertId) {
        let (Some(alert), Some(marks)) = (self.book.get(id), self.marks.get_mut(id.0 as usize)) else { return };
        let was = marks.stored;
        marks.stored = match (marks.groups.is_empty(), alert.is_resolved(now)) {
            (true, _) => Stored::Nothing,
            (false, true) => Stored::Resolved,
            (false, false) => Stored::Firing,
        };
        if (was, marks.stored) != (Stored::Nothing, Stored::Nothing) {
            self.changed_pages.insert(AlertPageV1::number_of(id));
        }
    }

    /// See [`AlertBook::set_back`] and [`Silences::set_back`]; gives the silences that changed.
    pub(super) fn set_back(&mut self, before: Timestamp, now: Timestamp) -> Vec<Uuid> {
        for id in self.book.set_back(before, now) {
            self.changed_pages.insert(AlertPageV1::number_of(id));
        }
        self.silences.set_back(before, now)
    }

    /// An alert that fires and that a silence matches, with its end: the one at hand if it still is one, otherwise the next in
    /// order of ids, so that alerts which resolve one by one are looked at once.
    pub(super) fn find_firing(
        &self,
        silence: &Silence,
        at_hand: Option<AlertId>,
        now: Timestamp,
    ) -> Option<(AlertId, Timestamp)> {
        let ends = |id: AlertId| {
            let alert = self.book.get(id).filter(|alert| !alert.is_resolved(now) && silence.matches(&alert.labels()));
            alert.map(|alert| (id, alert.ends_at))
        };
        let first = at_hand.map_or(0, |id| id.0);
        (first..self.book.ids_end()).chain(0..first).find_map(|id| ends(AlertId(id)))
    }

    /// The pages whose record is out of date, which are then taken to be written.
    pub(super) fn take_changed_pages(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.changed_pages)
    }

    /// Records were written.
    pub(super) fn let_go_of_reports(&mut self) {
        self.at_hand.clear();
    }

    /// The alerts of a page that the store is to keep.
    pub(super) fn page(&self, page: u32) -> Vec<Whole<'_>> {
        let mut whole = Vec::with_capacity(PAGE_ALERTS as usize);
        whole.extend(AlertPageV1::ids(page).filter_map(|id| {
            let alert = self.book.get(id)?;
            let is_resolved = match self.marks(id).stored {
                Stored::Nothing => return None,
                stored => stored == Stored::Resolved,
            };
            Some(match self.at_hand.get(&id) {
                Some(report) => Whole::of_report(id, alert, is_resolved, report),
                None => Whole::new(id, alert, is_resolved),
            })
        }));
        whole
    }

    /// Takes over another configuration's inhibition rules.
    pub(super) fn inhibit_by(&mut self, inhibition: Inhibition) {
        self.inhibition = Some(inhibition);
        for id in self.ids() {
            if let Some(labels) = self.book.get(id).map(StoredAlert::labels) {
                self.cast(id, &labels);
            }
        }
    }

    pub(super) fn marks(&self, id: AlertId) -> &Marks {
        self.marks.get(id.0 as usize).expect("every alert in the book has marks")
    }

    pub(super) fn marks_mut(&mut self, id: AlertId) -> &mut Marks {
        self.marks.get_mut(id.0 as usize).expect("every alert in the book has marks")
    }

    /// Every alert, in order.
    pub(super) fn ids(&self) -> Vec<AlertId> {
        self.book.iter().map(|(id, _)| id).collect()
    }

    pub(super) fn resolved_and_alone(&self, now: Timestamp) -> Vec<AlertId> {
        let alone = self.book.iter().filter(|(id, alert)| alert.is_resolved(now) && self.marks(*id).groups.is_empty());
        alone.map(|(id, _)| id).collect()
    }

    /// The alert that inhibits this one.
    pub(super) fn inhibited_by(&self, id: AlertId, at: Timestamp) -> Option<&StoredAlert> {
        let roles = Some(&self.marks(id).roles).filter(|roles| roles.has_target())?;
        let source = self.inhibition.as_ref()?.inhibited_by(roles, &self.book.get(id)?.labels(), at)?;
        self.book.get(source)
    }

    /// The alert that would inhibit one with these labels.
    pub(super) fn would_be_inhibited_by(&self, labels: &LabelSet, at: Timestamp) -> Option<&StoredAlert> {
        let inhibition = self.inhibition.as_ref()?;
        self.book.get(inhibition.inhibited_by(&inhibition.roles(labels), labels, at)?)
    }

    /// The active silences that would cover an alert with these labels.
    pub(super) fn would_be_silenced_by(&self, labels: &LabelSet, at: Timestamp) -> Vec<Uuid> {
        let nothing = Covering::default();
        let covering = self.silences.refreshed(labels, &nothing);
        self.silences.active(&covering, at).map(|silence| silence.id).collect()
    }

    /// Whether as many alerts of a name are known as allowed.
    pub(super) fn is_name_full(&self, name: &str) -> bool {
        self.limit.is_full(name)
    }

    /// When the last of the active silences that cover the alert ends; `None` if there is none.
    pub(super) fn silenced_until(&mut self, id: AlertId, at: Timestamp) -> Option<Timestamp> {
        let (alert, marks) = (self.book.get(id)?, self.marks.get_mut(id.0 as usize)?);
        if !self.silences.is_fresh(&marks.covering) {
            self.silences.refresh(&alert.labels(), &mut marks.covering);
        }
        self.silences.active(&marks.covering, at).map(|silence| silence.ends_at).max()
    }

    /// The active silences that cover the alert.
    pub(super) fn silenced_by(&self, id: AlertId, at: Timestamp) -> Vec<Uuid> {
        let covering = &self.marks(id).covering;
        let ids = |covering: &Covering| self.silences.active(covering, at).map(|silence| silence.id).collect();
        match self.book.get(id).filter(|_| !self.silences.is_fresh(covering)) {
            None => ids(covering),
            Some(alert) => ids(&self.silences.refreshed(&alert.labels(), covering)),
        }
    }
}
