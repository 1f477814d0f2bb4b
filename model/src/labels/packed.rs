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

/// The stretches that a set consists of, in order: the number of labels, then length and text of each name and value.
pub(super) fn stretches(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    let mut text_bytes = None;
    std::iter::from_fn(move || {
        let start = at;
        if let Some(bytes) = text_bytes.take() {
            at += bytes;
        } else {
            let rest = text.as_bytes().get(at..).filter(|rest| !rest.is_empty())?;
            let (number, after) = number::split(rest);
            at = text.len() - after.len();
            text_bytes = (start > 0).then_some(number);
        }
        Some(start..at.min(text.len()))
    })
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
        let mut text = String::with_capacity(252);
        number::put(&mut text, 0);
        Self { text, count: 0, name: 0..0, is_sorted: true }
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
    pub fn finish(mut self) -> LabelSet {
        if self.count > 0 && self.is_sorted && self.count < number::SHORT {
            let mut count = [0; 4];
            self.text.replace_range(..1, number::short(self.count, &mut count));
            return LabelSet(Arc::from(self.text));
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
