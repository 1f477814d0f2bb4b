//! Alerts in the store: neighbours in the book share a record, in which each says how it differs from the one before. So a
//! burst of alerts is written in few records, which hold a fraction of its text.

use std::borrow::Cow;
use std::time::Duration;

use model::labels::PassingLabels;
use model::{LabelSet, Timestamp};
use serde::{Deserialize, Serialize};

use super::text_change::{TextChange, applied, changes};
use crate::alert_book::{AlertId, Report, StoredAlert, Texts};

/// How many ids share a record: so many ordinary alerts stay below the store's 4 KiB.
pub const PAGE_ALERTS: u32 = 20;

/// The stored alerts whose ids lie in one page.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct AlertPageV1<'a>(Vec<AlertV1<'a>>);

/// An alert, as a list: its id; how many labels it has; its texts; its times in nanoseconds; its flags. Texts and times are
/// told as changes from the alert before, those of the first from nothing.
#[derive(Debug, Serialize, Deserialize)]
struct AlertV1<'a>(u32, u32, Vec<TextChange<'a>>, Times, u8);

/// Start, end, latest report, when it became known.
type Times = [i64; 4];

/// The end is not the source's word.
const TIMEOUT: u8 = 1;
/// It was known to be over when this was written.
const OVER: u8 = 2;

/// A stored alert as it is to be taken after a restart.
#[derive(Debug, PartialEq)]
pub struct Restored {
    /// Under which id.
    pub id: AlertId,
    /// The alert.
    pub alert: StoredAlert,
    /// Whether it was known to be over when it was stored.
    pub is_resolved: bool,
}

/// An alert of a page, with its texts put together.
#[derive(Debug)]
pub struct Whole<'a> {
    id: AlertId,
    alert: &'a StoredAlert,
    is_resolved: bool,
    labels: PassingLabels<'a>,
    annotations: PassingLabels<'a>,
    generator_url: Cow<'a, str>,
}

impl<'a> Whole<'a> {
    /// An alert under its id, and whether it is known to be over.
    pub fn new(id: AlertId, alert: &'a StoredAlert, is_resolved: bool) -> Self {
        let (labels, annotations, generator_url) = alert.texts.read();
        Self { id, alert, is_resolved, labels, annotations, generator_url }
    }

    /// The same where its texts are at hand, put together.
    pub fn of_report(id: AlertId, alert: &'a StoredAlert, is_resolved: bool, report: &'a Report) -> Self {
        let (labels, annotations) = (report.labels.passing(), report.annotations.passing());
        Self { id, alert, is_resolved, labels, annotations, generator_url: Cow::Borrowed(&report.generator_url) }
    }
}

impl<'a> AlertPageV1<'a> {
    /// The page that an alert belongs to.
    pub fn number_of(id: AlertId) -> u32 {
        id.0 / PAGE_ALERTS
    }

    /// The ids of a page.
    pub fn ids(page: u32) -> impl Iterator<Item = AlertId> {
        let first = page.saturating_mul(PAGE_ALERTS);
        (first..first.saturating_add(PAGE_ALERTS)).map(AlertId)
    }

    /// A page of alerts; none if there are none.
    pub fn new(alerts: &'a [Whole<'a>]) -> Option<Self> {
        let (mut texts_before, mut times_before): (Vec<&str>, Times) = Default::default();
        let alerts = alerts.iter().map(|Whole { id, alert, is_resolved, labels, annotations, generator_url }| {
            let (labels, annotations) = (labels.iter(), annotations.iter());
            let label_count = u32::try_from(labels.len()).expect("an alert has fewer than four billion labels");
            let texts = labels.chain(annotations).flat_map(|(name, value)| [name, value]).chain([&**generator_url]);
            let times = [alert.starts_at, alert.ends_at, alert.updated_at, alert.known_at].map(Timestamp::as_nanos);
            let (id, alert) = (*id, *alert);
            let flags = if alert.is_timeout { TIMEOUT } else { 0 } | if *is_resolved { OVER } else { 0 };
            let changed =
                AlertV1(id.0, label_count, changes(&mut texts_before, texts), since(times, times_before), flags);
            times_before = times;
            changed
        });
        let page = Self(alerts.collect());
        (!page.0.is_empty()).then_some(page)
    }

    /// The alerts as they are to be taken after a restart at `now`. One that fired gets as much time to be reported
    /// again as its source had given it, but at most `grace`, so that downtime resolves nothing.
    ///
    /// # Errors
    /// An alert of the page makes no sense.
    pub fn into_alerts(self, now: Timestamp, grace: Duration) -> Result<Vec<Restored>, String> {
        let (mut texts, mut times): (Vec<String>, Times) = Default::default();
        let restored = |AlertV1(id, labels, text_changes, time_changes, flags)| {
            texts = applied(text_changes, &texts)?;
            times = std::array::from_fn(|at| i64::wrapping_add(times[at], time_changes[at]));
            let [starts_at, ends_at, updated_at, known_at] = times.map(Timestamp::from_nanos);
            let (labels, annotations, generator_url) = parts(&texts, labels)?;
            let patient = now.plus(ends_at.since(updated_at).min(grace));
            let is_resolved = flags & OVER != 0;
            let alert = StoredAlert {
                fingerprint: labels.fingerprint(),
                texts: Texts::new(labels, annotations, generator_url.into()),
                starts_at,
                ends_at: if is_resolved { ends_at } else { ends_at.max(patient) },
                updated_at,
                known_at,
                is_timeout: flags & TIMEOUT != 0,
            };
            Ok(Restored { id: AlertId(id), alert, is_resolved })
        };
        self.0.into_iter().map(restored).collect()
    }
}

/// What to add to the times before.
fn since(times: Times, before: Times) -> Times {
    std::array::from_fn(|at| times[at].wrapping_sub(before[at]))
}

/// Labels, annotations and link of an alert from its texts.
fn parts(texts: &[String], label_count: u32) -> Result<(LabelSet, LabelSet, &str), String> {
    let (generator_url, texts) = texts.split_last().ok_or("the alert has no texts")?;
    let (pairs, rest) = texts.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a label without a value".to_owned());
    }
    let (labels, annotations) = pairs.split_at_checked(label_count as usize).ok_or("labels are missing")?;
    if labels.is_empty() {
        return Err("the alert has no labels".to_owned());
    }
    let set = |pairs: &[[String; 2]]| LabelSet::from_pairs(pairs.iter().map(|[name, value]| (name, value)));
    Ok((set(labels), set(annotations), generator_url))
}
