//! Series recognised by the bytes their labels have in an answer: one that comes again costs a look-up, and all rules that
//! see it share one label set.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use foldhash::quality::RandomState;
use model::LabelSet;

/// So many are kept before those that nobody holds any more are looked for.
const SWEEP_MIN: usize = 1024;

/// Label sets by two hashes of their bytes, whose seeds nobody knows. Holds at most a quarter more than others hold: where
/// series come and go, twice as many took half an hour to gather, which looked like a leak.
#[derive(Debug)]
pub(super) struct KnownSeries {
    seeds: [RandomState; 2],
    sets: HashMap<[u64; 2], LabelSet, FixedState>,
    sweep_at: usize,
}

impl KnownSeries {
    /// The labels that some bytes mean; those that are not known are read.
    pub(super) fn labels(&mut self, json: &[u8], read: impl FnOnce() -> Option<LabelSet>) -> Option<LabelSet> {
        let key = [self.seeds[0].hash_one(json), self.seeds[1].hash_one(json)];
        if let Some(known) = self.sets.get(&key) {
            return Some(known.clone());
        }
        let labels = read()?;
        if self.sets.len() >= self.sweep_at {
            self.sets.retain(|_, labels| labels.is_shared());
            self.sweep_at = SWEEP_MIN.max(self.sets.len() + self.sets.len() / 4);
        }
        self.sets.insert(key, labels.clone());
        Some(labels)
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }
}

impl Default for KnownSeries {
    fn default() -> Self {
        Self { seeds: Default::default(), sets: HashMap::default(), sweep_at: SWEEP_MIN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(n: usize) -> LabelSet {
        LabelSet::from_pairs([("n", n.to_string())])
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let mut known = KnownSeries::default();
        let held: Vec<LabelSet> =
            (0..10).filter_map(|n| known.labels(n.to_string().as_bytes(), || Some(set(n)))).collect();
        for n in 10..5 * SWEEP_MIN {
            known.labels(n.to_string().as_bytes(), || Some(set(n))).unwrap();
        }
        assert!(known.len() <= SWEEP_MIN, "{}", known.len());
        for (n, held) in held.iter().enumerate() {
            let again = known.labels(n.to_string().as_bytes(), || panic!("it is known")).unwrap();
            assert!(again.is_same(held));
        }
        assert_eq!(known.labels(b"broken", || None), None);
    }

    #[test]
    fn series_that_come_and_go_take_no_more_than_a_quarter() {
        let mut known = KnownSeries::default();
        let mut held: Vec<LabelSet> = Vec::new();
        for n in 0..20_000_usize {
            let set = known.labels(n.to_string().as_bytes(), || Some(set(n))).unwrap();
            match held.get_mut(n % 4_000) {
                Some(place) => *place = set,
                None => held.push(set),
            }
            assert!(known.len() <= SWEEP_MIN.max(4_000 + 4_000 / 4 + 1), "{} after {n}", known.len());
        }
    }
}
