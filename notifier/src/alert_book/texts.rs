//! The texts of an alert as they lie in memory: as what differs from an example, which alerts of a rule share.
//!
//! Alerts of a rule are alike but for a few words, so each takes a fraction of its length. The texts are put together again
//! for whoever asks; whether others equal them is seen without that.

use std::borrow::Cow;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use foldhash::fast::FixedState;
use model::LabelSet;
use model::difference::{self, Differ};
use model::labels::PassingLabels;

/// Labels, annotations and link of an alert.
#[derive(Clone)]
pub struct Texts {
    example: Arc<Example>,
    /// What differs, of the labels, the annotations and the link in turn; empty where nothing does.
    differences: Box<str>,
}

#[derive(Debug)]
struct Example {
    labels: LabelSet,
    annotations: LabelSet,
    generator_url: Arc<str>,
}

/// Examples in use, one for each kind of alert; of two kinds that meet in a place, the later has it.
#[derive(Debug, Default)]
pub(super) struct Examples {
    places: Vec<Weak<Example>>,
    differ: Differ,
    differences: String,
}

/// So many kinds of alerts have an example each, more or less.
const PLACES: usize = 1024;

/// So much room for differences is kept from one alert to the next.
const SCRATCH_BYTES: usize = 4096;

impl Texts {
    /// Texts that share nothing with others.
    pub fn new(labels: LabelSet, annotations: LabelSet, generator_url: Arc<str>) -> Self {
        let example = Arc::new(Example { labels, annotations, generator_url });
        Self { example, differences: Box::default() }
    }

    /// Identity.
    pub fn labels(&self) -> LabelSet {
        self.example.labels.differing(&mut &*self.differences)
    }

    /// Text.
    pub fn annotations(&self) -> LabelSet {
        self.example.annotations.differing(&mut self.after(1))
    }

    /// Link to the source; may be empty.
    pub fn generator_url(&self) -> Arc<str> {
        let example = &self.example.generator_url;
        difference::read(example, &mut self.after(2)).map_or_else(|| Arc::clone(example), Arc::from)
    }

    /// Labels, annotations and link, for somebody who reads them once.
    pub fn read(&self) -> (PassingLabels<'_>, PassingLabels<'_>, Cow<'_, str>) {
        let Example { labels, annotations, generator_url } = &*self.example;
        let mut differences = &*self.differences;
        let (labels, annotations) =
            (labels.read_differing(&mut differences), annotations.read_differing(&mut differences));
        let link =
            difference::read(generator_url, &mut differences).map_or(Cow::Borrowed(&**generator_url), Cow::Owned);
        (labels, annotations, link)
    }

    /// How many bytes labels, annotations and link have, put together.
    pub fn bytes(&self) -> usize {
        let (labels, annotations, link) = self.read();
        labels.bytes() + annotations.bytes() + link.len()
    }

    /// Whether these are the labels.
    pub(super) fn has_labels(&self, labels: &LabelSet) -> bool {
        self.example.labels.is_differing(&mut &*self.differences, labels)
    }

    /// Whether the rest is this.
    pub(super) fn has_rest(&self, annotations: &LabelSet, generator_url: &str) -> bool {
        let mut differences = self.after(1);
        self.example.annotations.is_differing(&mut differences, annotations)
            && difference::is_read_as(&self.example.generator_url, &mut differences, generator_url)
    }

    /// The differences without the first few.
    fn after(&self, count: usize) -> &str {
        let mut differences = &*self.differences;
        (0..count).for_each(|_| difference::skip(&mut differences));
        differences
    }
}

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.has_labels(&other.labels()) && self.has_rest(&other.annotations(), &other.generator_url())
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.labels(), self.annotations(), self.generator_url())
    }
}

impl Examples {
    /// Tells texts by an example that they resemble; if there is none, they are the next.
    pub(super) fn tell(&mut self, labels: &LabelSet, annotations: &LabelSet, generator_url: &Arc<str>) -> Texts {
        self.places.resize_with(PLACES, Weak::new);
        let kind = FixedState::default().hash_one((labels.alert_name(), labels.len(), annotations.len()));
        let Self { places, differ, differences } = self;
        let place = &mut places[kind as usize % PLACES];
        if let Some(example) = place.upgrade() {
            differences.clear();
            labels.write_difference(&example.labels, differ, differences);
            annotations.write_difference(&example.annotations, differ, differences);
            differ.write(&example.generator_url, generator_url, differences);
            let bytes = labels.bytes() + annotations.bytes() + generator_url.len();
            let told = (differences.len() <= bytes / 2).then(|| differences.as_str().into());
            differences.shrink_to(SCRATCH_BYTES);
            if let Some(differences) = told {
                return Texts { example, differences };
            }
        }
        let texts = Texts::new(labels.clone(), annotations.clone(), Arc::clone(generator_url));
        *place = Arc::downgrade(&texts.example);
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(n: u32) -> (LabelSet, LabelSet, Arc<str>) {
        let labels =
            [("alertname", "KubePodNotReady".to_owned()), ("pod", format!("web-{n}-ü")), ("team", "web".to_owned())];
        let annotations = [("summary", format!("Pod web-{n}-ü has not been ready for 15 minutes."))];
        (LabelSet::from_pairs(labels), LabelSet::from_pairs(annotations), format!("http://p/{}", n % 2).into())
    }

    #[test]
    fn alerts_of_a_rule_are_told_by_what_differs() {
        let mut examples = Examples::default();
        let told: Vec<Texts> = (0..200).map(alert).map(|(l, a, g)| examples.tell(&l, &a, &g)).collect();
        for (n, texts) in (0..).zip(&told) {
            let (labels, annotations, generator_url) = alert(n);
            assert_eq!(
                (texts.labels(), texts.annotations(), texts.generator_url()),
                (labels, annotations, generator_url)
            );
            assert!(texts.differences.len() < 30, "{:?}", texts.differences);
            let (labels, annotations, generator_url) = alert(n + 1);
            assert!(!texts.has_labels(&labels) && !texts.has_rest(&annotations, &generator_url));
        }
        assert!(told.iter().all(|texts| Arc::ptr_eq(&texts.example, &told[0].example)));
    }

    #[test]
    fn what_resembles_nothing_is_kept_whole_and_forgotten_with_the_last_who_has_it() {
        let mut examples = Examples::default();
        let tell = |examples: &mut Examples, note: &str| {
            examples.tell(
                &LabelSet::from_pairs([("alertname", "A")]),
                &LabelSet::from_pairs([("note", note)]),
                &"".into(),
            )
        };
        let first = tell(&mut examples, "something long that nothing else resembles");
        let second = tell(&mut examples, "1234567890 1234567890 1234567890 1234567890 12");
        assert!(!Arc::ptr_eq(&first.example, &second.example) && first != second);
        assert_eq!(first, first.clone());
        let third = tell(&mut examples, "1234567890 1234567890 1234567890 1234567890 34");
        assert!(Arc::ptr_eq(&second.example, &third.example));
        drop((second, third));
        assert!(examples.places.iter().all(|place| place.strong_count() == 0));
    }
}
