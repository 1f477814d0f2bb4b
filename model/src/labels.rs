//! Label sets: sorted, immutable, cheap to clone, with the field's fingerprint.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::difference::{self, Differ};
use crate::quote::Quoted;

pub(crate) mod number;
mod packed;

pub use packed::{LabelSetBuilder, Labels};

/// The label that names an alert.
pub const ALERT_NAME: &str = "alertname";
/// The label that names a metric.
pub const METRIC_NAME: &str = "__name__";

/// Names with values, sorted by name, each name once. Also used for annotations.
///
/// All texts lie in one allocation, so a set costs little more than its text; cloning costs one reference count, and
/// comparing or hashing one pass over the bytes. Values may be empty (a rule may override a label with ""); a label with an
/// empty value equals an absent one only where a caller says so, with [`LabelSet::without_empty`].
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct LabelSet(Arc<str>);

impl LabelSet {
    /// The set `{}`; costs no memory.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Sorts; of labels with the same name the last one given wins.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        if !pairs.is_sorted_by(|a, b| a.0.as_ref() < b.0.as_ref()) {
            // Stable, then keep the last of each run of equal names.
            pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
            pairs.reverse();
            pairs.dedup_by(|a, b| a.0.as_ref() == b.0.as_ref());
            pairs.reverse();
        }
        Self(packed::pack(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))))
    }

    /// The value of a label, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        packed::get(&self.0, name)
    }

    /// The value of a label, "" if absent: what a matcher sees.
    pub fn get_or_empty(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// Name and value of every label, by name.
    pub fn iter(&self) -> Labels<'_> {
        Labels::new(&self.0)
    }

    /// Whether this is the very same set in memory: equality that costs nothing, and may say no of equal sets.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether anybody else holds this very set.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// How many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `alertname`, "" if absent.
    pub fn alert_name(&self) -> &str {
        self.get_or_empty(ALERT_NAME)
    }

    /// This set with one label set.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        self.overlay([(name, value)])
    }

    /// This set overlaid by others; the overlay wins.
    #[must_use]
    pub fn overlay<'a>(&'a self, over: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::from_pairs(self.iter().chain(over))
    }

    /// This set without one label.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        self.filter(|n, _| n != name)
    }

    /// Whether a name or a value may be empty: quick, and says no only where none is.
    pub fn may_have_empty(&self) -> bool {
        // as a length of 0 is told
        self.0.as_bytes().contains(&0)
    }

    /// This set without labels whose value is empty.
    #[must_use]
    pub fn without_empty(&self) -> Self {
        if !self.may_have_empty() {
            return self.clone();
        }
        self.filter(|_, v| !v.is_empty())
    }

    /// The labels that `keep` (name, value) accepts.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&str, &str) -> bool) -> Self {
        packed::filter(&self.0, keep).map_or_else(|| self.clone(), Self)
    }

    /// The labels common to both, with equal value.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.filter(|n, v| other.get(n) == Some(v))
    }

    /// Writes what makes this set of an example; small if the two are alike.
    pub fn write_difference(&self, example: &Self, differ: &mut Differ, difference: &mut String) {
        let (before, after) = (&*example.0, &*self.0);
        if example.len() != self.len() {
            return differ.write(before, after, difference);
        }
        differ.clear();
        for (old, new) in packed::spans(before).zip(packed::spans(after)) {
            if before.as_bytes()[old.whole()] != after.as_bytes()[new.whole()] {
                differ.compare(before, after, old.name, new.name);
                differ.compare(before, after, old.length, new.length);
                differ.compare(before, after, old.value, new.value);
            }
        }
        differ.write_edits(after, difference);
    }

    /// The set that the difference at the beginning of `differences` makes of this one.
    #[must_use]
    pub fn differing(&self, differences: &mut &str) -> Self {
        difference::read(&self.0, differences).map_or_else(|| self.clone(), |text| Self(text.into()))
    }

    /// The same for somebody who reads it once: the text is not made a set of its own.
    pub fn read_differing(&self, differences: &mut &str) -> PassingLabels<'_> {
        PassingLabels(difference::read(&self.0, differences).map_or(Cow::Borrowed(&self.0), Cow::Owned))
    }

    /// This set, for somebody who reads it once.
    pub fn passing(&self) -> PassingLabels<'_> {
        PassingLabels(Cow::Borrowed(&self.0))
    }

    /// Whether [`LabelSet::differing`] would give `other`.
    pub fn is_differing(&self, differences: &mut &str, other: &Self) -> bool {
        difference::is_read_as(&self.0, differences, &other.0)
    }

    /// Alertmanager's public fingerprint: FNV-1a 64 over name, 0xFF, value, 0xFF of each label in order.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Fnv::new();
        for (name, value) in self.iter() {
            hash.write(name.as_bytes());
            hash.write(&[0xFF]);
            hash.write(value.as_bytes());
            hash.write(&[0xFF]);
        }
        Fingerprint(hash.0)
    }
}

/// Labels that are read and let go.
#[derive(Debug)]
pub struct PassingLabels<'a>(Cow<'a, str>);

impl PassingLabels<'_> {
    /// Name and value of every label, by name.
    pub fn iter(&self) -> Labels<'_> {
        Labels::new(&self.0)
    }

    /// As [`LabelSet::bytes`].
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// Identity of a label set, shown as 16 hex digits (`6051004c729abe0e`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// FNV-1a, 64 bits: the hash behind visible fingerprints.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// By the first label in which they differ: its name, then its value; a set that the other begins with comes first.
impl Ord for LabelSet {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for LabelSet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for LabelSet {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(iter: I) -> Self {
        Self::from_pairs(iter)
    }
}

/// `{a="x", b="y"}`, values quoted as Go's `%q`-like text; the form of logs and group keys.
impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}={}", Quoted(value))?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_is_alertmanagers() {
        let labels = LabelSet::from_pairs([("x", "1"), ("alertname", "A")]);
        assert_eq!(labels.fingerprint().to_string(), "6051004c729abe0e");
    }

    proptest::proptest! {
        #[test]
        fn a_set_is_told_by_what_differs_from_any_other(
            example in proptest::collection::btree_map("[a-d]{0,3}", "[ab é]{0,70}", 0..6),
            set in proptest::collection::btree_map("[a-d]{0,3}", "[ab é]{0,70}", 0..6),
        ) {
            let (example, set) = (LabelSet::from_pairs(&example), LabelSet::from_pairs(&set));
            let mut difference = String::new();
            set.write_difference(&example, &mut Differ::default(), &mut difference);
            proptest::prop_assert_eq!(&example.differing(&mut difference.as_str()), &set);
            proptest::prop_assert!(example.is_differing(&mut difference.as_str(), &set));
            proptest::prop_assert_eq!(example.is_differing(&mut difference.as_str(), &example), example == set);
        }
    }

    #[test]
    fn the_last_of_equal_names_wins() {
        let labels = LabelSet::from_pairs([("b", "1"), ("a", "1"), ("b", "2")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="2"}"#);
        assert_eq!(labels.with("a", "9").get("a"), Some("9"));
    }
}
