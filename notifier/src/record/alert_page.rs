//! Alerts in the store: neighbours in the book share a record, and in it their texts. A burst of alerts is written in a tenth
//! of the records it would take one by one.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use model::{LabelSet, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::alert_book::{AlertId, StoredAlert};

/// How many ids share a record: so many ordinary alerts stay below the store's 4 KiB.
pub const PAGE_ALERTS: u32 = 10;

/// The stored alerts whose ids lie in one page.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct AlertPageV1 {
    /// Each once; alerts name them by their place here.
    texts: Vec<SmolStr>,
    alerts: Vec<AlertV1>,
}

/// An alert; its texts are places in the page's list.
#[derive(Debug, Serialize, Deserialize)]
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

impl AlertPageV1 {
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
    pub fn new<'a>(alerts: impl Iterator<Item = (AlertId, &'a StoredAlert, bool)>) -> Option<Self> {
        let mut page = Self::default();
        let mut places = HashMap::with_hasher(FixedState::default());
        for (id, alert, is_resolved) in alerts {
            let mut place = |text: SmolStr| {
                *places.entry(text).or_insert_with_key(|text| {
                    page.texts.push(text.clone());
                    u32::try_from(page.texts.len() - 1).expect("a page has fewer than four billion texts")
                })
            };
            let mut places_of = |set: &LabelSet| -> Vec<u32> {
                set.pairs().iter().flat_map(|(name, value)| [name, value]).map(|text| place(text.clone())).collect()
            };
            let (labels, annotations) = (places_of(&alert.labels), places_of(&alert.annotations));
            page.alerts.push(AlertV1 {
                id: id.0,
                labels,
                annotations,
                generator_url: place(SmolStr::from(alert.generator_url.clone())),
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
    /// again as its source had given it, so that downtime resolves nothing.
    ///
    /// # Errors
    /// An alert of the page makes no sense.
    pub fn into_alerts(self, now: Timestamp) -> Result<Vec<Restored>, String> {
        let text = |place: u32| self.texts.get(place as usize).cloned().ok_or_else(|| format!("no text {place}"));
        let set = |places: &[u32]| -> Result<LabelSet, String> {
            let (pairs, rest) = places.as_chunks::<2>();
            if !rest.is_empty() {
                return Err("a label without a value".to_owned());
            }
            let pairs: Result<Vec<_>, String> =
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
            let patient = now.plus(ends_at.since(updated_at));
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
