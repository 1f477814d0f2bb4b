//! Which of many matcher lists can match a label set at all: each list is filed under one value it asks for.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use model::{LabelSet, MatchOp, Matcher};
use smol_str::SmolStr;

/// Keys of matcher lists, found by the labels they need. Answers candidates: a superset of the lists that match.
#[derive(Debug)]
pub struct MatcherIndex<K> {
    /// Lists that need a label to have one of a few values: label name, value, keys.
    filed: HashMap<SmolStr, HashMap<SmolStr, Vec<K>, FixedState>, FixedState>,
    /// Lists that have to be tried on everything.
    rest: Vec<K>,
}

impl<K> Default for MatcherIndex<K> {
    fn default() -> Self {
        Self { filed: HashMap::default(), rest: Vec::new() }
    }
}

impl<K: Copy + Ord> MatcherIndex<K> {
    /// Files a list under the matcher whose values have the fewest lists so far.
    pub fn insert(&mut self, key: K, matchers: &[Matcher]) {
        let choices = matchers.iter().filter_map(|matcher| Some((matcher.name(), needed_values(matcher)?)));
        match choices.min_by_key(|(name, values)| self.crowd(name, values)) {
            None => self.rest.push(key),
            Some((name, values)) => {
                let by_value = self.filed.entry(SmolStr::new(name)).or_default();
                for value in values {
                    by_value.entry(SmolStr::new(value)).or_default().push(key);
                }
            }
        }
    }

    /// Takes a list out; `matchers` as it was put in.
    pub fn remove(&mut self, key: K, matchers: &[Matcher]) {
        self.rest.retain(|k| *k != key);
        for (name, values) in matchers.iter().filter_map(|matcher| Some((matcher.name(), needed_values(matcher)?))) {
            let Some(by_value) = self.filed.get_mut(name) else { continue };
            for value in values {
                if let Some(keys) = by_value.get_mut(value) {
                    keys.retain(|k| *k != key);
                    if keys.is_empty() {
                        by_value.remove(value);
                    }
                }
            }
            if by_value.is_empty() {
                self.filed.remove(name);
            }
        }
    }

    /// The keys of every list that may match, ascending, each once.
    pub fn candidates(&self, labels: &LabelSet) -> Vec<K> {
        let mut keys = self.rest.clone();
        for (name, value) in labels.iter() {
            if let Some(filed) = self.filed.get(name).and_then(|by_value| by_value.get(value)) {
                keys.extend_from_slice(filed);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn crowd(&self, name: &str, values: &[&str]) -> usize {
        let Some(by_value) = self.filed.get(name) else { return 0 };
        values.iter().map(|value| by_value.get(*value).map_or(0, Vec::len)).sum()
    }
}

/// The values a label must have one of for the matcher to pass: `="a"`, and patterns that are plain alternatives, `=~"a|b"`.
/// None if an absent label would pass, or if it cannot be told.
fn needed_values(matcher: &Matcher) -> Option<Vec<&str>> {
    let plain =
        |text: &str| text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | ' ' | '@'));
    let values: Vec<&str> = match matcher.op() {
        MatchOp::Equal => vec![matcher.value()],
        MatchOp::Regex => matcher.value().split('|').collect(),
        MatchOp::NotEqual | MatchOp::NotRegex => return None,
    };
    let literal = matcher.op() == MatchOp::Equal || values.iter().all(|value| plain(value));
    (literal && values.iter().all(|value| !value.is_empty())).then_some(values)
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
            vec![Matcher::equal("a", "x"), Matcher::equal("b", "1")],
        ];
        let mut index = MatcherIndex::default();
        for (key, matchers) in lists.iter().enumerate() {
            index.insert(key, matchers);
        }
        for labels in [[("a", "x"), ("b", "1")], [("a", "y"), ("b", "2")], [("b", "1"), ("c", "1")]] {
            let labels = LabelSet::from_pairs(labels);
            let found = index.candidates(&labels);
            for (key, matchers) in lists.iter().enumerate() {
                assert!(!model::matcher::all_match(matchers, &labels) || found.contains(&key), "{labels} {key}");
            }
        }
        assert_eq!(
            index.candidates(&LabelSet::from_pairs([("a", "z")])),
            [1, 2, 4, 5],
            "only those that cannot be filed"
        );
        for (key, matchers) in lists.iter().enumerate() {
            index.remove(key, matchers);
        }
        assert!(index.filed.is_empty() && index.rest.is_empty());
    }
}
