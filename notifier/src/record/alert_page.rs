//! Alerts in the store: neighbours in the book share a record, and in it their texts. A burst of alerts is written in a tenth
//! of the records it would take one by one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::FixedState;
use model::{LabelSet, Timestamp};
use serde::{Deserialize, Serialize, Serializer};

use crate::alert_book::{AlertId, StoredAlert};

/// How many ids share a record: so many ordinary alerts stay below the store's 4 KiB.
pub const PAGE_ALERTS: u32 = 10;

/// The stored alerts whose ids lie in one page.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct AlertPageV1<'a> {
    /// Each once; alerts name them by their place here.
    texts: Vec<Cow<'a, str>>,
    alerts: Vec<AlertV1>,
}

/// An alert; its texts are places in the page's list. Written as a list of its fields in this order, read also with names.
#[derive(Debug, Deserialize)]
struct AlertV1 {
    id: u32,
    /// Name, value, name, value.
    labels: Vec<u32>,
    #[serde(rename = "notes")]
    annotations: Vec<u32>,
    #[serde(rename = "url")]
    generator_url: u32,
    #[serde(rename = "start")]
    starts_at: i64,
    #[serde(rename = "end")]
    ends_at: i64,
    #[serde(rename = "updated")]
    updated_at: i64,
    #[serde(rename = "known")]
    known_at: i64,
    #[serde(rename = "timeout")]
    is_timeout: bool,
    /// Whether it was known to be over when this was written.
    #[serde(rename = "over")]
    is_resolved: bool,
}

impl Serialize for AlertV1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts = (&self.labels, &self.annotations, self.generator_url);
        let times = (self.starts_at, self.ends_at, self.updated_at, self.known_at);
        let flags = (self.is_timeout, self.is_resolved);
        (self.id, texts.0, texts.1, texts.2, times.0, times.1, times.2, times.3, flags.0, flags.1).serialize(serializer)
    }
}

/// Where the texts of a page are. Neighbours often have the same text in the same place, which is then found without hashing.
#[derive(Default)]
struct Places<'a> {
    by_text: HashMap<&'a str, u32, FixedState>,
    /// Of the alert before, in order.
    before: Vec<(&'a str, u32)>,
    /// Of this alert.
    now: Vec<(&'a str, u32)>,
}

impl<'a> Places<'a> {
    fn place(&mut self, text: &'a str, texts: &mut Vec<Cow<'a, str>>) -> u32 {
        let same = self.before.get(self.now.len()).filter(|(before, _)| *before == text);
        let place = same.map_or_else(
            || {
                *self.by_text.entry(text).or_insert_with(|| {
                    texts.push(Cow::Borrowed(text));
                    u32::try_from(texts.len() - 1).expect("a page has fewer than four billion texts")
                })
            },
            |(_, place)| *place,
        );
        self.now.push((text, place));
        place
    }

    fn next_alert(&mut self) {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
    }
}

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

    /// A page of alerts with whether each is known to be over; none if there are none.
    pub fn new(alerts: impl Iterator<Item = (AlertId, &'a StoredAlert, bool)>) -> Option<Self> {
        let mut page = Self::default();
        let mut places = Places::default();
        for (id, alert, is_resolved) in alerts {
            let mut place = |text| places.place(text, &mut page.texts);
            let mut places_of = |set: &'a LabelSet| -> Vec<u32> {
                let mut places = Vec::with_capacity(2 * set.len());
                places.extend(set.iter().flat_map(|(name, value)| [name, value]).map(&mut place));
                places
            };
            let (labels, annotations) = (places_of(&alert.labels), places_of(&alert.annotations));
            let generator_url = place(&alert.generator_url);
            places.next_alert();
            page.alerts.push(AlertV1 {
                id: id.0,
                labels,
                annotations,
                generator_url,
                starts_at: alert.starts_at.as_nanos(),
                ends_at: alert.ends_at.as_nanos(),
                updated_at: alert.updated_at.as_nanos(),
                known_at: alert.known_at.as_nanos(),
                is_timeout: alert.is_timeout,
                is_resolved,
            });
        }
        (!page.alerts.is_empty()).then_some(page)
    }

    /// The alerts as they are to be taken after a restart at `now`. One that fired gets as much time to be reported
    /// again as its source had given it, but at most `grace`, so that downtime resolves nothing.
    ///
    /// # Errors
    /// An alert of the page makes no sense.
    pub fn into_alerts(self, now: Timestamp, grace: Duration) -> Result<Vec<Restored>, String> {
        let text =
            |place: u32| self.texts.get(place as usize).map(AsRef::as_ref).ok_or_else(|| format!("no text {place}"));
        let set = |places: &[u32]| -> Result<LabelSet, String> {
            let (pairs, rest) = places.as_chunks::<2>();
            if !rest.is_empty() {
                return Err("a label without a value".to_owned());
            }
            let pairs: Result<Vec<(&str, &str)>, String> =
                pairs.iter().map(|[name, value]| Ok((text(*name)?, text(*value)?))).collect();
            Ok(LabelSet::from_pairs(pairs?))
        };
        let restored = |stored: &AlertV1| {
            let labels = set(&stored.labels)?;
            if labels.is_empty() {
                return Err("the alert has no labels".to_owned());
            }
            let ends_at = Timestamp::from_nanos(stored.ends_at);
            let updated_at = Timestamp::from_nanos(stored.updated_at);
            let patient = now.plus(ends_at.since(updated_at).min(grace));
            let alert = StoredAlert {
                fingerprint: labels.fingerprint(),
                labels,
                annotations: set(&stored.annotations)?,
                starts_at: Timestamp::from_nanos(stored.starts_at),
                ends_at: if stored.is_resolved { ends_at } else { ends_at.max(patient) },
                updated_at,
                known_at: Timestamp::from_nanos(stored.known_at),
                is_timeout: stored.is_timeout,
                generator_url: text(stored.generator_url)?.into(),
            };
            Ok(Restored { id: AlertId(stored.id), alert, is_resolved: stored.is_resolved })
        };
        self.alerts.iter().map(restored).collect()
    }
}
