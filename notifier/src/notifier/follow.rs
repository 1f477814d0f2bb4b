//! Integrations that moved in the file: what they were told goes with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Effect, Notifier};
use crate::config::Config;
use crate::notification_log::{Ear, Entry, log_key, split_log_key};
use crate::record::Record;

/// Whose entries there are, and what each was known by.
type Heard = BTreeSet<(Ear, u64)>;

impl Notifier {
    /// Gives the log's entries, and what is under way, to the integrations that have the same address now, at another
    /// place of the same receiver or in one that was renamed. Answers the receivers that were.
    pub(super) fn follow_integrations(&mut self, config: &Config, out: &mut Vec<Effect>) -> BTreeMap<String, String> {
        if self.settings.as_alertmanager {
            return BTreeMap::new();
        }
        let mut heard = Heard::new();
        for (key, entry) in self.log.iter() {
            heard.extend(split_log_key(key).map(|(_, ear)| (ear, entry.address)));
        }
        let moves: BTreeMap<&(Ear, u64), Ear> =
            heard.iter().filter_map(|ear| Some((ear, moved_to(ear, &heard, config)?))).collect();
        let renamed = moves.iter().filter(|((from, _), to)| from.receiver != to.receiver);
        let renamed = renamed.map(|((from, _), to)| (from.receiver.clone(), to.receiver.clone())).collect();
        if !moves.is_empty() {
            self.rename_log_keys(&moves, out);
        }
        renamed
    }

    fn rename_log_keys(&mut self, moves: &BTreeMap<&(Ear, u64), Ear>, out: &mut Vec<Effect>) {
        let new_key = |key: &str, address: u64| {
            let (group_key, ear) = split_log_key(key)?;
            let to = moves.get(&(ear, address))?;
            Some(log_key(group_key, &to.receiver, &to.kind, to.index))
        };
        let renamed = self.log.iter().filter_map(|(key, entry)| Some((Arc::clone(key), new_key(key, entry.address)?)));
        let mut renamed: Vec<(Arc<str>, Arc<str>)> = renamed.collect();
        renamed.sort_unstable();
        let entries: Vec<_> = renamed.iter().filter_map(|(from, _)| self.log.remove(from)).collect();
        for ((_, to), entry) in renamed.iter().zip(entries) {
            self.log.restore(Arc::clone(to), Entry { record_key: None, ..entry });
        }
        let mut keys: BTreeSet<&Arc<str>> = renamed.iter().flat_map(|(from, to)| [from, to]).collect();
        for key in std::mem::take(&mut keys) {
            match self.log.get(key) {
                Some(entry) => out.push(super::persist(Record::log_key(key), &Record::of_log(key, entry))),
                None => out.push(Effect::Forget { key: Record::log_key(key) }),
            }
        }
        let renamed: HashMap<Arc<str>, Arc<str>> = renamed.into_iter().collect();
        let slots = self.groups.iter_mut().flat_map(|group| &mut group.slots).map(|slot| &mut slot.log_key);
        let parts = self.digests.values_mut().flat_map(|digest| &mut digest.parts);
        let flights = self.flights.values_mut().chain(parts);
        for key in slots.chain(flights.map(|flight| &mut flight.log_key)) {
            if let Some(to) = renamed.get(key) {
                *key = Arc::clone(to);
            }
        }
    }
}

/// Where an integration went; `None`: it stays where it was, or nobody knows.
fn moved_to((ear, address): &(Ear, u64), heard: &Heard, config: &Config) -> Option<Ear> {
    if *address == 0 {
        return None;
    }
    let at = |receiver: &crate::receiver::Receiver, index: Option<usize>| {
        let same = |i: &&Arc<crate::receiver::Integration>| {
            i.kind == ear.kind && i.address == *address && index.is_none_or(|index| i.index == index)
        };
        receiver.integrations.iter().find(same).map(|i| i.index)
    };
    match config.receivers.get(&ear.receiver) {
        Some(receiver) if at(receiver, Some(ear.index)).is_some() => None,
        Some(receiver) => at(receiver, None).map(|index| Ear { index, ..ear.clone() }),
        None => {
            // Renamed, if exactly one receiver that was not heard of before has it.
            let is_new = |name: &str| !heard.iter().any(|(known, _)| known.receiver == name);
            let mut heirs = config.receivers.values().filter(|receiver| is_new(&receiver.name));
            let mut heirs = heirs.by_ref().filter_map(|receiver| Some((receiver.name.clone(), at(receiver, None)?)));
            let (receiver, index) = heirs.next()?;
            heirs.next().is_none().then_some(Ear { receiver, index, ..ear.clone() })
        }
    }
}
