//! How a label set lies in memory: one text, and no more bytes than it needs.
//!
//! The number of labels, then for each label the length of its name, its name, the length of its value, its value. Numbers
//! are ASCII, so the whole is valid UTF-8. The set without labels is the empty text. Equal sets have equal texts.

use std::ops::Range;
use std::sync::Arc;

use super::{LabelSet, number};

/// Lays out labels, which come sorted by name, each name once.
pub(super) fn pack<'a>(labels: impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone) -> Arc<str> {
    if labels.len() == 0 {
        return Arc::default();
    }
    // Lengths take one or two bytes as a rule.
    let bytes = labels.clone().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + 4;
    let mut text = String::with_capacity(bytes);
    number::put(&mut text, labels.len());
    for (name, value) in labels {
        number::put(&mut text, name.len());
        text.push_str(name);
        number::put(&mut text, value.len());
        text.push_str(value);
    }
    Arc::from(text)
}

/// The value of a label, by its name.
pub(super) fn get<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (count, mut rest) = number::split(text.as_bytes());
    for _ in 0..count {
        let (name_bytes, after) = number::split(rest);
        let (found, after) = after.split_at_checked(name_bytes)?;
        let (value_bytes, after) = number::split(after);
        if found == name.as_bytes() {
            let from = text.len() - after.len();
            return text.get(from..from + value_bytes);
        }
        rest = after.get(value_bytes..)?;
    }
    None
}

/// Where a label of a set lies.
pub(super) struct Span {
    /// Its name, with the length of it.
    pub(super) name: Range<usize>,
    /// The length of its value.
    pub(super) length: Range<usize>,
    pub(super) value: Range<usize>,
}

impl Span {
    pub(super) fn whole(&self) -> Range<usize> {
        self.name.start..self.value.end
    }
}

/// Where each label of a set lies, in order. They follow one another without a gap.
pub(super) fn spans(text: &str) -> impl Iterator<Item = Span> {
    let (count, mut rest) = number::split(text.as_bytes());
    (0..count).map(move |_| {
        let at = |rest: &[u8]| text.len() - rest.len();
        let start = at(rest);
        let (name_bytes, after) = number::split(rest);
        let named = after.get(name_bytes..).unwrap_or_default();
        let (value_bytes, after) = number::split(named);
        rest = after.get(value_bytes..).unwrap_or_default();
        Span { name: start..at(named), length: at(named)..at(after), value: at(after)..at(rest) }
    })
}

/// The labels that `keep` accepts, copied as they lie; `None` if that is all of them.
pub(super) fn filter(text: &str, keep: impl Fn(&str, &str) -> bool) -> Option<Arc<str>> {
    let mut labels = Labels::new(text);
    let first = labels.rest;
    let (mut kept, mut copied) = (0, None);
    loop {
        let from = first.len() - labels.rest.len();
        let Some((name, value)) = labels.next() else { break };
        if !keep(name, value) {
            copied.get_or_insert_with(|| with_room_for_count(first.get(..from).unwrap_or_default(), first.len()));
            continue;
        }
        kept += 1;
        if let Some(copied) = &mut copied {
            copied.push_str(first.get(from..first.len() - labels.rest.len()).unwrap_or_default());
        }
    }
    copied.map(|copied| counted(copied, kept))
}

/// Labels as they lie behind their number, which is still to be told.
fn with_room_for_count(labels: &str, capacity: usize) -> String {
    let mut text = String::with_capacity(capacity + 1);
    number::put(&mut text, 0);
    text.push_str(labels);
    text
}

/// A set from its labels behind [`with_room_for_count`].
fn counted(mut text: String, count: usize) -> Arc<str> {
    if count == 0 {
        return Arc::default();
    }
    if count < number::SHORT {
        text.replace_range(..1, number::short(count, &mut [0; 4]));
        return Arc::from(text);
    }
    let mut whole = String::with_capacity(text.len() + 2);
    number::put(&mut whole, count);
    whole.push_str(text.get(1..).unwrap_or_default());
    Arc::from(whole)
}

/// Takes labels as a parser comes upon them, in any order; of the same name the last one wins.
#[derive(Debug)]
pub struct LabelSetBuilder {
    /// As packed, with room for a number of one byte in front.
    text: String,
    count: usize,
    /// Where the latest name is.
    name: Range<usize>,
    is_sorted: bool,
}

impl LabelSetBuilder {
    /// No labels yet.
    #[must_use]
    pub fn new() -> Self {
        Self { text: with_room_for_count("", 252), count: 0, name: 0..0, is_sorted: true }
    }

    /// The name of the next label; its value is to follow.
    pub fn name(&mut self, name: &str) {
        number::put(&mut self.text, name.len());
        let at = self.text.len();
        self.is_sorted &= self.count == 0 || self.text.get(self.name.clone()).is_some_and(|before| before < name);
        self.text.push_str(name);
        self.name = at..self.text.len();
        self.count += 1;
    }

    /// The value of the label that was named last.
    pub fn value(&mut self, value: &str) {
        number::put(&mut self.text, value.len());
        self.text.push_str(value);
    }

    /// The set. A name that no value followed has the value "".
    #[must_use]
    pub fn finish(self) -> LabelSet {
        if self.is_sorted {
            return LabelSet(counted(self.text, self.count));
        }
        LabelSet::from_pairs(Labels { rest: self.text.get(1..).unwrap_or_default(), left: self.count })
    }
}

impl Default for LabelSetBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// Name and value of every label of a set, by name.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    rest: &'a str,
    left: usize,
}

impl<'a> Labels<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (left, rest) = number::split(text.as_bytes());
        Self { rest: text.get(text.len() - rest.len()..).unwrap_or_default(), left }
    }

    #[inline]
    fn take(&mut self) -> Option<&'a str> {
        let (bytes, after) = number::split(self.rest.as_bytes());
        let (text, rest) = self.rest.get(self.rest.len() - after.len()..)?.split_at_checked(bytes)?;
        self.rest = rest;
        Some(text)
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some((self.take()?, self.take()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Labels<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(labels in proptest::collection::btree_map("\\PC{0,70}", "\\PC{0,9}|[a-é]{4090,4100}", 0..5)) {
            let text = pack(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let read = Labels::new(&text);
            prop_assert_eq!(read.len(), labels.len());
            prop_assert!(read.eq(labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
            for (name, value) in &labels {
                prop_assert_eq!(get(&text, name), Some(value.as_str()));
            }
            prop_assert_eq!(get(&text, "\u{1}"), None);
        }

        #[test]
        fn what_is_kept_is_packed_as_if_nothing_else_had_been_there(
            labels in proptest::collection::btree_map("[a-c]{0,3}", "[a-cé]{0,70}", 0..80),
            kept in proptest::sample::select(vec!["", "a", "abc"]),
        ) {
            let keep = |name: &str, _: &str| name.chars().all(|c| kept.contains(c));
            let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let expected: Vec<_> = pairs.clone().filter(|(name, value)| keep(name, value)).collect();
            let text = pack(pairs.collect::<Vec<_>>().into_iter());
            let found = filter(&text, keep);
            prop_assert_eq!(found.is_none(), expected.len() == labels.len());
            prop_assert_eq!(found.unwrap_or(text), pack(expected.into_iter()));
        }

        #[test]
        fn a_set_is_told_by_an_example(
            example in proptest::collection::btree_map("[ab]{0,2}", "[ab é]{0,9}|[a-é ]{60,70}", 0..5),
            labels in proptest::collection::btree_map("[ab]{0,2}", "[ab é]{0,9}|[a-é ]{60,70}", 0..5),
        ) {
            let (example, set) = (LabelSet::from_pairs(&example), LabelSet::from_pairs(&labels));
            let mut written = String::new();
            set.write_difference(&example, &mut crate::difference::Differ::default(), &mut written);
            prop_assert!(example.is_differing(&mut &*written, &set));
            prop_assert_eq!(example.is_differing(&mut &*written, &example), example == set);
            prop_assert_eq!(example.differing(&mut &*written), set);
        }

        #[test]
        fn what_is_built_label_by_label_is_what_is_built_at_once(
            labels in proptest::collection::btree_map("[a-c]{0,3}", "[a-cé]{0,70}", 0..80),
        ) {
            let build = |labels: &mut dyn Iterator<Item = (&String, &String)>| {
                let mut builder = LabelSetBuilder::new();
                for (name, value) in labels {
                    builder.name(name);
                    builder.value(value);
                }
                builder.finish()
            };
            let whole = LabelSet::from_pairs(&labels);
            prop_assert_eq!(&build(&mut labels.iter()), &whole);
            prop_assert_eq!(&build(&mut labels.iter().rev()), &whole);
            prop_assert_eq!(&build(&mut labels.keys().zip(labels.keys()).chain(&labels)), &whole);
        }
    }
}
