//! Which of many matcher lists can match a label set at all: each list is filed under one value it asks for.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use model::{LabelSet, MatchOp, Matcher};
use smol_str::SmolStr;

/// Keys of matcher lists, found by the labels they need. Answers candidates: a superset of the lists that match.
#[derive(Debug)]
pub struct MatcherIndex<K> {
    /// Lists that need a label to have one of a few values.
    by_value: Filed<K>,
    /// Lists that need a label's value to begin with something.
    by_prefix: Filed<K>,
    /// How long the prefixes are, by label, ascending, with how many lists have such a one.
    prefix_lengths: HashMap<SmolStr, BTreeMap<usize, usize>, FixedState>,
    /// Lists that have to be tried on everything.
    rest: Vec<K>,
}

/// Label name, text, keys.
type Filed<K> = HashMap<SmolStr, HashMap<SmolStr, Vec<K>, FixedState>, FixedState>;

/// What a matcher needs of its label.
#[derive(Debug, PartialEq)]
enum Need<'m> {
    /// One of these values.
    Values(&'m [SmolStr]),
    /// A value that begins with this.
    Prefix(String),
}

/// A list is filed by values rather than by a prefix, unless that is this much more crowded.
const PREFIX_HANDICAP: usize = 4;

impl<K> Default for MatcherIndex<K> {
    fn default() -> Self {
        Self {
            by_value: Filed::default(),
            by_prefix: Filed::default(),
            prefix_lengths: HashMap::default(),
            rest: Vec::new(),
        }
    }
}

impl<K: Copy + Ord> MatcherIndex<K> {
    /// Files a list under the matcher whose values have the fewest lists so far.
    pub fn insert(&mut self, key: K, matchers: &[Matcher]) {
        let choices = matchers.iter().filter_map(|matcher| Some((matcher.name(), need(matcher)?)));
        match choices.min_by_key(|(name, need)| self.crowd(name, need)) {
            None => self.rest.push(key),
            Some((name, Need::Values(values))) => {
                let filed = self.by_value.entry(SmolStr::new(name)).or_default();
                for value in values {
                    filed.entry(value.clone()).or_default().push(key);
                }
            }
            Some((name, Need::Prefix(prefix))) => {
                *self.prefix_lengths.entry(SmolStr::new(name)).or_default().entry(prefix.len()).or_default() += 1;
                let filed = self.by_prefix.entry(SmolStr::new(name)).or_default();
                filed.entry(SmolStr::from(prefix)).or_default().push(key);
            }
        }
    }

    /// Takes a list out; `matchers` as it was put in.
    pub fn remove(&mut self, key: K, matchers: &[Matcher]) {
        self.rest.retain(|k| *k != key);
        for matcher in matchers {
            let name = matcher.name();
            match need(matcher) {
                None => {}
                Some(Need::Values(values)) => {
                    for value in values {
                        take_out(&mut self.by_value, name, value, key);
                    }
                }
                Some(Need::Prefix(prefix)) => {
                    if take_out(&mut self.by_prefix, name, &prefix, key)
                        && let Some(lengths) = self.prefix_lengths.get_mut(name)
                        && let Some(count) = lengths.get_mut(&prefix.len())
                    {
                        *count -= 1;
                        lengths.retain(|_, count| *count > 0);
                    }
                }
            }
        }
    }

    /// The keys of every list that may match, ascending, each once.
    pub fn candidates(&self, labels: &LabelSet) -> Vec<K> {
        let mut keys = self.rest.clone();
        for (name, value) in labels.iter() {
            if let Some(filed) = self.by_value.get(name).and_then(|filed| filed.get(value)) {
                keys.extend_from_slice(filed);
            }
            let (Some(filed), Some(lengths)) = (self.by_prefix.get(name), self.prefix_lengths.get(name)) else {
                continue;
            };
            for prefix in lengths.keys().map_while(|length| value.as_bytes().get(..*length)) {
                // A cut inside a character is no prefix of anybody's.
                let found = std::str::from_utf8(prefix).ok().and_then(|prefix| filed.get(prefix));
                keys.extend(found.into_iter().flatten());
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn crowd(&self, name: &str, need: &Need<'_>) -> usize {
        let count = |filed: &Filed<K>, text: &str| filed.get(name).and_then(|f| f.get(text)).map_or(0, Vec::len);
        match need {
            Need::Values(values) => values.iter().map(|value| count(&self.by_value, value)).sum(),
            Need::Prefix(prefix) => PREFIX_HANDICAP.saturating_mul(count(&self.by_prefix, prefix) + 1),
        }
    }
}

fn take_out<K: PartialEq>(filed: &mut Filed<K>, name: &str, text: &str, key: K) -> bool {
    let Some(by_text) = filed.get_mut(name) else { return false };
    let Some(keys) = by_text.get_mut(text) else { return false };
    let before = keys.len();
    keys.retain(|k| *k != key);
    let was_there = keys.len() < before;
    if keys.is_empty() {
        by_text.remove(text);
    }
    if by_text.is_empty() {
        filed.remove(name);
    }
    was_there
}

/// What a label must be for the matcher to pass: `="a"`, patterns that are plain alternatives (`=~"a|b"`), and patterns
/// that begin with plain text (`=~"web-.*"`). None if an absent label would pass, or if it cannot be told.
fn need(matcher: &Matcher) -> Option<Need<'_>> {
    if let Some(values) = matcher.only_values() {
        return values.iter().all(|value| !value.is_empty()).then_some(Need::Values(values));
    }
    let pattern = matcher.value();
    if matcher.op() != MatchOp::Regex || pattern.contains('|') {
        return None;
    }
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | ' ' | '@');
    let mut prefix: String = pattern.chars().take_while(plain).collect();
    // A quantifier may take the last character away.
    if matches!(pattern[prefix.len()..].chars().next(), Some('*' | '?' | '{')) {
        prefix.pop();
    }
    (!prefix.is_empty()).then_some(Need::Prefix(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_hold_every_list_that_matches() {
        let list = |op, value: &str| vec![Matcher::new("a", op, value).unwrap()];
        let lists = [
            list(MatchOp::Equal, "x"),
            list(MatchOp::Equal, ""),
            list(MatchOp::NotEqual, "x"),
            list(MatchOp::Regex, "x|y"),
            list(MatchOp::Regex, "x.*"),
            list(MatchOp::Regex, "|x"),
            list(MatchOp::Regex, "xy?.*"),
            list(MatchOp::Regex, "öa.+"),
            list(MatchOp::Regex, "xyz(a|b)"),
            list(MatchOp::Regex, "xyzz.*"),
            vec![Matcher::equal("a", "x"), Matcher::equal("b", "1")],
        ];
        let mut index = MatcherIndex::default();
        for (key, matchers) in lists.iter().enumerate() {
            index.insert(key, matchers);
        }
        for labels in [
            [("a", "x"), ("b", "1")],
            [("a", "y"), ("b", "2")],
            [("b", "1"), ("c", "1")],
            [("a", "xyza"), ("b", "1")],
            [("a", "xyzz1"), ("b", "1")],
            [("a", "öab"), ("b", "1")],
        ] {
            let labels = LabelSet::from_pairs(labels);
            let found = index.candidates(&labels);
            for (key, matchers) in lists.iter().enumerate() {
                assert!(!model::matcher::all_match(matchers, &labels) || found.contains(&key), "{labels} {key}");
            }
        }
        assert_eq!(
            index.candidates(&LabelSet::from_pairs([("a", "z")])),
            [1, 2, 5, 8],
            "only those that cannot be filed"
        );
        for (key, matchers) in lists.iter().enumerate() {
            index.remove(key, matchers);
        }
        assert!(index.by_value.is_empty() && index.by_prefix.is_empty() && index.rest.is_empty());
        assert!(index.prefix_lengths.values().all(BTreeMap::is_empty));
    }
}
