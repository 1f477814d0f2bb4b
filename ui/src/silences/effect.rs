//! Which alerts a silence would mute: those that nothing mutes yet, those that are muted already, and, of one that is edited,
//! those that would be heard again.

use std::cmp::Reverse;
use std::collections::HashMap;

use model::matcher::all_match;
use model::{Caller, LabelSet, Matcher};
use notifier::alert_book::AlertId;
use notifier::io::desk::Desk;
use notifier::notifier::AlertView;
use notifier::silence::SilenceState;
use serde::Serialize;
use uuid::Uuid;

use crate::moment::Moment;
use crate::shown::{SHORT, shown};

/// Alerts looked at in one piece: nobody waits long for the machine.
const PIECE: usize = 1000;
/// Alerts of each kind that are shown.
const SHOWN: usize = 20;
/// Names of alerts that are counted.
const NAMES: usize = 12;

/// What a silence would do now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Effect {
    /// Alerts there are.
    pub(super) total: usize,
    /// Alerts it matches.
    pub(super) matching: usize,
    /// Of them, those that no silence mutes.
    pub(super) newly: Bucket,
    /// Those that the silence that is edited mutes, as it is.
    pub(super) kept: Bucket,
    /// Those that others mute too.
    pub(super) already: Bucket,
    /// Those that only the silence that is edited mutes, and would not any more.
    pub(super) freed: Bucket,
    /// How many of which name it matches, most first.
    pub(super) names: Vec<Named>,
    /// How many names more.
    pub(super) names_more: usize,
}

/// Alerts of a kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Bucket {
    pub(super) count: usize,
    pub(super) shown: Vec<ShownAlert>,
    /// How many are not shown.
    pub(super) more: usize,
}

/// How many alerts have a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Named {
    name: String,
    count: usize,
}

/// An alert in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ShownAlert {
    fingerprint: String,
    name: String,
    labels: Vec<Label>,
    since: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Label {
    name: String,
    value: String,
}

/// The silence that is edited, as it is.
#[derive(Clone, Debug)]
pub(super) struct Before {
    pub(super) id: Uuid,
    pub(super) matchers: Vec<Matcher>,
    pub(super) is_active: bool,
}

impl Before {
    /// The silence with this id; a recurring one counts as one that does not mute.
    pub(super) fn find<D: Desk>(desk: &D, caller: &Caller, id: Uuid) -> Option<Before> {
        desk.read(|notifier, now| {
            let silence = notifier.silence(id).filter(|silence| caller.covers(&silence.matchers))?;
            let is_active = silence.state(now) == SilenceState::Active;
            Some(Before { id, matchers: silence.matchers.clone(), is_active })
        })
    }
}

/// What a silence with these matchers would do in place of `before`, to the alerts that are the caller's business.
pub(super) fn of<D: Desk>(desk: &D, caller: &Caller, matchers: &[Matcher], before: Option<&Before>) -> Effect {
    let ids: Vec<AlertId> = desk.read(|notifier, now| {
        let seen = notifier.alerts_matching(now, &caller.scope);
        seen.map(|alert| alert.id()).collect()
    });
    let mut effect = Effect { total: ids.len(), ..Effect::default() };
    let mut names: HashMap<String, usize> = HashMap::new();
    for ids in ids.chunks(PIECE) {
        desk.read(|notifier, now| {
            for alert in ids.iter().filter_map(|id| notifier.alert(now, *id)) {
                effect.look(&alert, matchers, before, &mut names);
            }
        });
    }
    let mut names: Vec<Named> = names.into_iter().map(|(name, count)| Named { name, count }).collect();
    names.sort_by(|a, b| (Reverse(a.count), &a.name).cmp(&(Reverse(b.count), &b.name)));
    effect.names_more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    effect.names = names.into_iter().map(|named| Named { name: shown(&named.name, SHORT), ..named }).collect();
    effect
}

impl Effect {
    fn look(
        &mut self,
        alert: &AlertView<'_>,
        matchers: &[Matcher],
        before: Option<&Before>,
        names: &mut HashMap<String, usize>,
    ) {
        let labels = alert.labels();
        let was_covered = before.is_some_and(|before| before.is_active && all_match(&before.matchers, &labels));
        let is_covered = all_match(matchers, &labels);
        if !is_covered && !was_covered {
            return;
        }
        let mut others = alert.status().silenced_by;
        others.retain(|id| before.is_none_or(|before| before.id != *id));
        let bucket = match (is_covered, was_covered) {
            (true, _) if !others.is_empty() => &mut self.already,
            (true, true) => &mut self.kept,
            (true, false) => &mut self.newly,
            (false, _) if others.is_empty() => &mut self.freed,
            (false, _) => return,
        };
        bucket.add(alert, &labels);
        if is_covered {
            self.matching += 1;
            match names.get_mut(labels.alert_name()) {
                Some(count) => *count += 1,
                None => drop(names.insert(labels.alert_name().to_owned(), 1)),
            }
        }
    }
}

impl Bucket {
    fn add(&mut self, alert: &AlertView<'_>, labels: &LabelSet) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(ShownAlert::of(alert, labels));
        } else {
            self.more += 1;
        }
    }
}

impl ShownAlert {
    pub(super) fn of(alert: &AlertView<'_>, labels: &LabelSet) -> Self {
        let others = labels.iter().filter(|(name, _)| *name != model::labels::ALERT_NAME);
        let label = |(name, value)| Label { name: shown(name, SHORT), value: shown(value, SHORT) };
        Self {
            fingerprint: alert.fingerprint().to_string(),
            name: shown(labels.alert_name(), SHORT),
            labels: others.map(label).collect(),
            since: Moment(alert.starts_at()),
        }
    }
}
