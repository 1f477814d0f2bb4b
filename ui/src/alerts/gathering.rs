//! The alerts that are asked for, in bunches: what a card each shows. The machine is looked at in short pieces.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use model::matcher::all_match;
use model::{LabelSet, Timestamp};
use notifier::alert_book::AlertId;
use notifier::io::desk::Desk;
use notifier::notifier::{AlertView, Notifier};
use serde::Serialize;

use super::request::{Request, Sort};
use super::state::States;

/// Alerts looked at in one piece.
const PIECE: usize = 1000;

/// Alerts that belong together.
#[derive(Clone, Debug)]
pub struct Bunch {
    /// Names it in addresses.
    pub key: String,
    /// What makes it one: labels of the notifier's group, or those it was asked to be made by.
    pub labels: LabelSet,
    /// Who is told.
    pub receivers: BTreeSet<String>,
    /// Time intervals that mute all of its groups now.
    pub muted_by: Vec<String>,
    /// Those that are shown, those that began last first.
    pub members: Vec<Member>,
}

/// An alert of a bunch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Names it in the machine.
    pub id: AlertId,
    /// Hash of its labels.
    pub hash: u64,
    /// When it began.
    pub starts_at: Timestamp,
}

/// How many alerts fit the filter, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub all: usize,
    /// Those that nothing hides.
    pub active: usize,
    /// Those that something hides.
    pub suppressed: usize,
    /// By silences.
    pub silenced: usize,
    /// By other alerts.
    pub inhibited: usize,
    /// By time intervals.
    pub muted: usize,
    /// Those somebody has taken on.
    pub acknowledged: usize,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Gathering {
    /// In the order asked for.
    pub bunches: Vec<Bunch>,
    /// Of all that fit the filter, whatever is shown.
    pub counts: Counts,
}

/// Groups of the machine with the same labels.
struct Seed {
    labels: LabelSet,
    receivers: BTreeSet<String>,
    muted_by: Option<Vec<String>>,
    ids: Vec<AlertId>,
}

/// Finds them.
pub fn gather<D: Desk>(desk: &D, request: &Request) -> Gathering {
    let seeds = desk.read(|notifier, now| seeds(notifier, now, request));
    let mut gatherer = Gatherer { request, bunches: HashMap::new(), seen: Vec::new(), counts: Counts::default() };
    for seed in &seeds {
        for ids in seed.ids.chunks(PIECE) {
            desk.read(|notifier, now| gatherer.look(notifier, now, seed, ids));
        }
    }
    let mut bunches: Vec<Bunch> = gatherer.bunches.into_values().collect();
    for bunch in &mut bunches {
        bunch.members.sort_unstable_by_key(|member| (Reverse(member.starts_at), member.hash));
        bunch.members.dedup_by_key(|member| member.id);
    }
    put_in_order(&mut bunches, &request.sort);
    Gathering { bunches, counts: gatherer.counts }
}

fn seeds(notifier: &Notifier, now: Timestamp, request: &Request) -> Vec<Seed> {
    let mut places: HashMap<LabelSet, usize> = HashMap::new();
    let mut seeds: Vec<Seed> = Vec::new();
    for group in notifier.unordered_groups(now).filter(|group| request.filter.may_fit(group.labels())) {
        let is_seen = |alert: AlertView<'_>| all_match(&request.scope, &alert.labels());
        // Who is told of others' alerts is others' business.
        if !request.scope.is_empty() && !group.alerts().any(is_seen) {
            continue;
        }
        let muted_by = group.muted_by();
        let place = *places.entry(group.labels().clone()).or_insert(seeds.len());
        if place == seeds.len() {
            seeds.push(Seed {
                labels: group.labels().clone(),
                receivers: BTreeSet::new(),
                muted_by: Some(muted_by.clone()),
                ids: Vec::new(),
            });
        }
        // An index from the map is one of the list.
        let Some(seed) = seeds.get_mut(place) else { continue };
        seed.receivers.insert(group.receiver().to_owned());
        seed.muted_by = seed.muted_by.take().filter(|before| !before.is_empty() && !muted_by.is_empty());
        seed.ids.extend(group.alerts().map(|alert| alert.id()));
    }
    seeds
}

struct Gatherer<'a> {
    request: &'a Request,
    bunches: HashMap<LabelSet, Bunch>,
    /// By id, which are small numbers: whether it is counted already. An alert may be in several groups.
    seen: Vec<bool>,
    counts: Counts,
}

impl Gatherer<'_> {
    fn look(&mut self, notifier: &Notifier, now: Timestamp, seed: &Seed, ids: &[AlertId]) {
        let is_muted = seed.muted_by.is_some();
        for alert in ids.iter().filter_map(|id| notifier.alert(now, *id)) {
            let needs_labels =
                self.request.filter.asks_labels() || !self.request.by.is_empty() || !self.request.scope.is_empty();
            let labels = needs_labels.then(|| alert.labels());
            let fits =
                |labels: &LabelSet| self.request.filter.fits_labels(labels) && all_match(&self.request.scope, labels);
            if labels.as_ref().is_some_and(|labels| !fits(labels)) {
                continue;
            }
            let states = States::of(&alert, is_muted);
            if self.request.filter.fits(&alert, &states, now) {
                let is_new = self.is_new(alert.id());
                if is_new {
                    self.counts.add(&states);
                }
                if self.request.shows(states.is_active()) && (is_new || self.request.by.is_empty()) {
                    self.put(seed, &alert, labels);
                }
            }
        }
    }

    fn is_new(&mut self, id: AlertId) -> bool {
        let at = id.0 as usize;
        if self.seen.len() <= at {
            self.seen.resize(at + 1, false);
        }
        self.seen.get_mut(at).is_some_and(|seen| !std::mem::replace(seen, true))
    }

    fn put(&mut self, seed: &Seed, alert: &AlertView<'_>, labels: Option<LabelSet>) {
        let common = match labels.filter(|_| !self.request.by.is_empty()) {
            Some(labels) => labels.filter(|name, _| self.request.by.iter().any(|by| by == name)),
            None => seed.labels.clone(),
        };
        let bunch = self.bunches.entry(common).or_insert_with_key(|labels| Bunch {
            key: labels.fingerprint().to_string(),
            labels: labels.clone(),
            receivers: BTreeSet::new(),
            muted_by: seed.muted_by.clone().unwrap_or_default(),
            members: Vec::new(),
        });
        if bunch.receivers.is_empty() || !self.request.by.is_empty() {
            bunch.receivers.extend(seed.receivers.iter().cloned());
        }
        bunch.members.push(Member { id: alert.id(), hash: alert.fingerprint().0, starts_at: alert.starts_at() });
    }
}

impl Counts {
    fn add(&mut self, states: &States) {
        self.all += 1;
        for name in states.names() {
            *match name {
                "active" => &mut self.active,
                "suppressed" => &mut self.suppressed,
                "silenced" => &mut self.silenced,
                "inhibited" => &mut self.inhibited,
                "muted" => &mut self.muted,
                _ => &mut self.acknowledged,
            } += 1;
        }
    }
}

fn put_in_order(bunches: &mut [Bunch], sort: &Sort) {
    // Members are in order: the first began last.
    let newest = |bunch: &Bunch| bunch.members.first().map(|member| member.starts_at);
    let oldest = |bunch: &Bunch| bunch.members.last().map(|member| member.starts_at);
    match sort {
        Sort::Newest => bunches.sort_unstable_by(|a, b| newest(b).cmp(&newest(a)).then_with(|| a.key.cmp(&b.key))),
        Sort::Oldest => bunches.sort_unstable_by(|a, b| oldest(a).cmp(&oldest(b)).then_with(|| a.key.cmp(&b.key))),
        Sort::Name => bunches.sort_unstable_by(|a, b| named(a).cmp(&named(b))),
        Sort::Size => bunches.sort_unstable_by(|a, b| {
            let size = |bunch: &Bunch| Reverse(bunch.members.len());
            size(a).cmp(&size(b)).then_with(|| a.key.cmp(&b.key))
        }),
        Sort::Label(label) => bunches.sort_by(|a, b| {
            // Those that lack it come last.
            let value = |bunch: &Bunch| {
                let value = bunch.labels.get(label);
                (value.is_none(), value.unwrap_or_default().to_owned())
            };
            value(a).cmp(&value(b)).then_with(|| a.key.cmp(&b.key))
        }),
    }
}

fn named(bunch: &Bunch) -> (&str, &LabelSet, &str) {
    (bunch.labels.alert_name(), &bunch.labels, &bunch.key)
}
