//! Groups and rules as others may see them, by reference.

use std::sync::Arc;
use std::time::Duration;

use super::history::PastEvaluation;
use super::rule_state::{Health, RuleState, RuleStatus};
use super::running_group::{GroupStatus, RunningGroup};
use crate::alerting::{AlertState, Instance};
use crate::group::GroupKey;
use crate::rule::{Rule, RuleGroup, Source};
use crate::tally::{GroupTally, RuleTally};

/// A group.
#[derive(Debug, Clone, Copy)]
pub struct GroupView<'a> {
    group: &'a RunningGroup,
}

/// A rule of a group.
#[derive(Debug, Clone, Copy)]
pub struct RuleView<'a> {
    state: &'a RuleState,
}

impl<'a> GroupView<'a> {
    pub(super) fn new(group: &'a RunningGroup) -> Self {
        Self { group }
    }

    /// File and name; displays as `file;group`.
    pub fn key(&self) -> &'a GroupKey {
        &self.group.key
    }

    /// Time between evaluations.
    pub fn interval(&self) -> Duration {
        self.group.spec.interval
    }

    /// Most series or alerts a rule may have, 0 is unlimited.
    pub fn limit(&self) -> usize {
        self.group.spec.limit
    }

    /// How far back its queries look.
    pub fn query_offset(&self) -> Duration {
        self.group.spec.query_offset
    }

    /// Who is asked its queries.
    pub fn source(&self) -> &'a Arc<Source> {
        &self.group.spec.source
    }

    /// The group as configured.
    pub fn spec(&self) -> &'a RuleGroup {
        &self.group.spec
    }

    /// How its last evaluation went.
    pub fn status(&self) -> &'a GroupStatus {
        &self.group.status
    }

    /// Its counters.
    pub fn tally(&self) -> &'a GroupTally {
        &self.group.tally
    }

    /// Its rules in order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = RuleView<'a>> + use<'a> {
        self.group.rules.iter().map(|state| RuleView { state })
    }
}

impl<'a> RuleView<'a> {
    /// The rule as configured.
    pub fn rule(&self) -> &'a Rule {
        &self.state.rule
    }

    /// How its last evaluation went.
    pub fn status(&self) -> &'a RuleStatus {
        &self.state.status
    }

    /// Its counters.
    pub fn tally(&self) -> &'a RuleTally {
        &self.state.tally
    }

    /// Its last evaluations, oldest first.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &'a PastEvaluation> + use<'a> {
        self.state.history.iter()
    }

    /// The most severe state of an alerting rule's alerts; `None` for a recording rule, and before the first evaluation
    /// if no alerts were taken over.
    pub fn state(&self) -> Option<AlertState> {
        let alerts = self.state.alerts()?;
        let is_unknown = self.state.status.health == Health::Unknown && alerts.instances().is_empty();
        (!is_unknown).then(|| alerts.state())
    }

    /// Pending and firing alerts: what Prometheus lists.
    pub fn alerts(&self) -> impl Iterator<Item = &'a Instance> + use<'a> {
        self.state.alerts().into_iter().flat_map(|alerts| alerts.active())
    }

    /// All alerts, resolved ones that are still kept included.
    pub fn instances(&self) -> &'a [Instance] {
        self.state.alerts().map_or(&[], |alerts| alerts.instances())
    }
}
