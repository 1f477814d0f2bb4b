//! How large an alert may be. Alertmanager takes any; here it must fit its record in the store, which it shares with its
//! neighbours, however its texts are escaped there.

use std::borrow::Cow;

use model::LabelSet;

use crate::alert_book::Report;

/// Most labels of an alert, and most annotations.
pub const PAIRS_MAX: usize = 1000;
/// Longest name of a label or annotation.
pub const NAME_BYTES_MAX: usize = 1 << 10;
/// Most bytes of the labels, names and values together, with the link to the source: what names an alert cannot be cut off.
pub const LABEL_BYTES_MAX: usize = 64 << 10;
/// Most bytes of the annotations, names and values together: longer values are cut off, as the page matters more.
pub const ANNOTATION_BYTES_MAX: usize = 64 << 10;

/// So much of a bad text is quoted in a message.
const QUOTED_BYTES: usize = 100;
/// How a value ends that was cut off.
const CUT: &str = "… [cut off]";

/// Whether it may be taken; annotations that are only too long may.
///
/// # Errors
/// Says what there is too much of.
pub fn check(report: &Report) -> Result<(), String> {
    let (labels, annotations) = (&report.labels, &report.annotations);
    for (set, what) in [(labels, "labels"), (annotations, "annotations")] {
        if set.len() > PAIRS_MAX {
            return Err(format!("{} {what}, at most {PAIRS_MAX} are taken: {}", set.len(), named(labels)));
        }
    }
    let bytes = labels.bytes() + report.generator_url.len();
    if bytes > LABEL_BYTES_MAX {
        let what = "of labels and generatorURL, at most";
        return Err(format!("{bytes} bytes {what} {LABEL_BYTES_MAX} are taken: {}", named(labels)));
    }
    if annotations.bytes() > ANNOTATION_BYTES_MAX {
        let names: usize = annotations.iter().map(|(name, _)| name.len()).sum();
        let names_max = ANNOTATION_BYTES_MAX / 2;
        if names > names_max {
            return Err(format!(
                "{names} bytes of names of annotations, at most {names_max} are taken: {}",
                named(labels)
            ));
        }
    }
    Ok(())
}

/// The annotations with the longest values cut off, so that all are as long together as they may be; `None` if they are
/// short enough, or cannot be made so.
pub fn cut(annotations: &LabelSet) -> Option<LabelSet> {
    if annotations.bytes() <= ANNOTATION_BYTES_MAX || annotations.len() > PAIRS_MAX {
        return None;
    }
    let mut lengths: Vec<usize> = annotations.iter().map(|(_, value)| value.len()).collect();
    lengths.sort_unstable();
    let mut left = ANNOTATION_BYTES_MAX.saturating_sub(annotations.bytes() - lengths.iter().sum::<usize>());
    let mut share = 0;
    for (at, length) in lengths.iter().enumerate() {
        share = left / (lengths.len() - at);
        if *length > share {
            break;
        }
        left -= length;
    }
    let shortened = annotations.iter().map(|(name, value)| {
        let value = match value.len() > share {
            true => Cow::Owned(beginning(value, share.saturating_sub(CUT.len())).to_owned() + CUT),
            false => Cow::Borrowed(value),
        };
        (name, value)
    });
    Some(LabelSet::from_pairs(shortened))
}

/// A text for a message: what is too long is cut off.
pub fn quoted(text: &str) -> String {
    match text.len() > QUOTED_BYTES {
        true => format!("{:?}…", beginning(text, QUOTED_BYTES)),
        false => format!("{text:?}"),
    }
}

fn named(labels: &LabelSet) -> String {
    format!("alertname {}", quoted(labels.alert_name()))
}

fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::alert_book::{AlertId, Report, StoredAlert, Texts};
    use crate::record::{AlertPageV1, PAGE_ALERTS, Record, Whole};

    fn report(labels: LabelSet, annotations: LabelSet, link: &str) -> Report {
        let at = Timestamp::EPOCH;
        Report { labels, annotations, starts_at: at, ends_at: at, is_timeout: false, generator_url: link.into() }
    }

    fn many(count: usize, name: &str, value: &str) -> LabelSet {
        LabelSet::from_pairs((0..count).map(|n| (format!("{name}{n:04}"), value.to_owned())))
    }

    #[test]
    fn what_may_be_and_what_may_not() {
        let usual = || LabelSet::from_pairs([("alertname", "Down")]);
        let long = |bytes| "x".repeat(bytes);
        let cases = [
            (report(usual(), LabelSet::empty(), ""), ""),
            (report(many(1000, "l", "v"), many(1000, "a", "v"), ""), ""),
            (
                report(many(1001, "l", "v"), LabelSet::empty(), ""),
                "1001 labels, at most 1000 are taken: alertname \"\"",
            ),
            (report(usual(), many(1001, "a", ""), ""), "1001 annotations, at most 1000 are taken: alertname \"Down\""),
            (report(usual().with("log", &long(65_000)), LabelSet::empty(), ""), ""),
            (
                report(usual().with("log", &long(66_000)), LabelSet::empty(), ""),
                " bytes of labels and generatorURL, at most 65536",
            ),
            (report(usual(), LabelSet::empty(), &long(66_000)), " bytes of labels and generatorURL, at most 65536"),
            (report(usual(), usual().with("log", &long(9_000_000)), ""), ""),
            (report(usual(), many(900, &long(100), ""), ""), " bytes of names of annotations, at most 32768"),
            (
                report(usual().with("alertname", &long(70_000)), LabelSet::empty(), ""),
                " bytes of labels and generatorURL",
            ),
        ];
        for (report, expected) in cases {
            let message = check(&report).err().unwrap_or_default();
            assert!(message.contains(expected) && message.is_empty() == expected.is_empty(), "{message}");
            assert!(message.len() < 300, "{} bytes", message.len());
        }
    }

    /// A record that is too large is not stored: whatever is taken must fit, as JSON with every byte escaped too.
    #[test]
    fn the_largest_neighbours_fit_their_record() {
        let text = |bytes: usize| "\u{1}".repeat(bytes);
        let alert = |id: u32| {
            let labels = many(PAIRS_MAX - 2, "l", "\u{1}").with("id", &id.to_string());
            let labels = labels.with("rest", &text(LABEL_BYTES_MAX - labels.bytes() - 20));
            let annotations = many(PAIRS_MAX - 1, "a", "\u{1}").with("rest", &text(1 << 20));
            let report = report(labels, cut(&annotations).unwrap(), "");
            check(&report).unwrap();
            assert!(
                report.labels.bytes() > LABEL_BYTES_MAX - 20 && report.annotations.bytes() > ANNOTATION_BYTES_MAX - 20
            );
            let (labels, at) = (report.labels, Timestamp::MAX);
            let fingerprint = labels.fingerprint();
            let texts = Texts::new(labels, report.annotations, Arc::from(""));
            let [starts_at, ends_at, updated_at, known_at] = [at; 4];
            StoredAlert { texts, fingerprint, starts_at, ends_at, updated_at, known_at, is_timeout: true }
        };
        let alerts: Vec<StoredAlert> = (0..PAGE_ALERTS).map(alert).collect();
        let whole: Vec<Whole<'_>> =
            (0..).zip(&alerts).map(|(id, alert)| Whole::new(AlertId(id), alert, true)).collect();
        let bytes = Record::of_alerts(AlertPageV1::new(&whole).unwrap()).to_bytes().len();
        assert!(bytes <= store::MAX_VALUE_BYTES, "{bytes}");
    }

    proptest! {
        #[test]
        fn what_was_cut_off_is_as_long_as_may_be(lengths in proptest::collection::vec(0_usize..40_000, 1..20), letter in "[aé…]") {
            let values = lengths.iter().enumerate().map(|(at, bytes)| (at.to_string(), letter.repeat(bytes / letter.len())));
            let annotations = LabelSet::from_pairs(values);
            match cut(&annotations) {
                None => prop_assert!(annotations.bytes() <= ANNOTATION_BYTES_MAX),
                Some(shorter) => {
                    prop_assert!(shorter.bytes() <= ANNOTATION_BYTES_MAX, "{}", shorter.bytes());
                    prop_assert!(shorter.bytes() > ANNOTATION_BYTES_MAX - 20 * 8, "{}", shorter.bytes());
                    prop_assert_eq!(cut(&shorter), None);
                    for ((_, value), (_, whole)) in shorter.iter().zip(annotations.iter()) {
                        prop_assert!(value == whole || value.strip_suffix(CUT).is_some_and(|begin| whole.starts_with(begin)));
                    }
                }
            }
        }
    }
}
