//! `/api/v2/alerts`: take alerts in, list them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::labels::Fingerprint;
use model::{Alert, LabelSet, Timestamp};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::Api;
use super::answer::{self, Refusal};
use super::filter::{Filter, Parameters};
use super::status::ReceiverName;
use crate::io::desk::Desk;
use crate::notifier::{AlertState, AlertView};

/// An alert as sources post it. Duplicate keys are tolerated: the last wins.
#[derive(Deserialize)]
struct PostableAlert {
    labels: Option<Pairs>,
    #[serde(default)]
    annotations: Option<Pairs>,
    #[serde(default, rename = "startsAt")]
    starts_at: Option<Moment>,
    #[serde(default, rename = "endsAt")]
    ends_at: Option<Moment>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

/// `GET`: alerts that are not resolved, by fingerprint; written in pieces as the client reads.
pub(super) async fn list<D: Desk>(State(api): State<Api<D>>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let filter = Filter::read(&Parameters::read(query.as_deref()))?;
    let mut alerts: Vec<GettableAlert> = api.desk.read(|notifier, now| {
        let wanted = |alert: &AlertView<'_>| {
            filter.wants_labels(alert.labels()) && alert.receivers().any(|name| filter.wants_receiver(name))
        };
        notifier.alerts(now).filter(wanted).filter_map(|alert| GettableAlert::new(&alert, &filter)).collect()
    });
    alerts.sort_unstable_by_key(GettableAlert::fingerprint);
    Ok(answer::json_list(alerts))
}

/// `POST`: every valid alert is taken, also when others are not.
pub(super) async fn post<D: Desk>(
    State(api): State<Api<D>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let posted: Vec<PostableAlert> = answer::read("alerts", &headers, &body)?;
    let alerts: Result<Vec<_>, _> = posted.into_iter().enumerate().map(|(at, alert)| alert.into_alert(at)).collect();
    let alerts = alerts?;
    let outcome = api.desk.act(|notifier, now, out| notifier.receive(now, alerts, out));
    if let Err(error) = api.desk.durable().await {
        // Pages go out all the same; the shell has logged it once.
        tracing::debug!(%error, "alerts taken but not stored");
    }
    outcome.map(|()| answer::empty()).map_err(|messages| answer::refusal(StatusCode::BAD_REQUEST, messages.join("\n")))
}

impl PostableAlert {
    fn into_alert(self, at: usize) -> Result<Alert, Refusal> {
        let labels = self.labels.ok_or_else(|| answer::invalid(602, format!("{at}.labels in body is required")))?;
        let generator_url = self.generator_url.unwrap_or_default();
        if !generator_url.is_empty() && !generator_url.starts_with('/') && url::Url::parse(&generator_url).is_err() {
            return Err(answer::invalid(
                601,
                format!("{at}.generatorURL in body must be of type uri: {generator_url:?}"),
            ));
        }
        Ok(Alert {
            labels: labels.0,
            annotations: self.annotations.map(|pairs| pairs.0).unwrap_or_default(),
            starts_at: self.starts_at.and_then(Moment::given),
            ends_at: self.ends_at.and_then(Moment::given),
            generator_url: generator_url.into(),
        })
    }
}

/// An alert as clients see it; the order of the fields is Alertmanager's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GettableAlert {
    #[serde(serialize_with = "as_object")]
    annotations: LabelSet,
    ends_at: Moment,
    #[serde(serialize_with = "as_text")]
    fingerprint: Fingerprint,
    receivers: Vec<ReceiverName<String>>,
    starts_at: Moment,
    status: Status,
    updated_at: Moment,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: Arc<str>,
    #[serde(serialize_with = "as_object")]
    labels: LabelSet,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(serialize_with = "as_texts")]
    inhibited_by: Vec<Fingerprint>,
    muted_by: Vec<String>,
    silenced_by: Vec<Uuid>,
    state: &'static str,
}

impl GettableAlert {
    /// What lists are sorted by.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// `None` if the filter does not want alerts in this state.
    pub(super) fn new(alert: &AlertView<'_>, filter: &Filter) -> Option<Self> {
        let status = alert.status();
        let unwanted = (!filter.active && status.state == AlertState::Active)
            || (!filter.silenced && !status.silenced_by.is_empty())
            || (!filter.inhibited && !status.inhibited_by.is_empty())
            || (!filter.muted && !status.muted_by.is_empty());
        (!unwanted).then(|| Self {
            annotations: alert.annotations().clone(),
            ends_at: Moment(alert.ends_at()),
            fingerprint: alert.fingerprint(),
            receivers: alert.receivers().map(|name| ReceiverName { name: name.to_owned() }).collect(),
            starts_at: Moment(alert.starts_at()),
            status: Status {
                inhibited_by: status.inhibited_by,
                muted_by: status.muted_by,
                silenced_by: status.silenced_by,
                state: status.state.as_str(),
            },
            updated_at: Moment(alert.updated_at()),
            generator_url: alert.generator_url().into(),
            labels: alert.labels().clone(),
        })
    }
}

pub(super) fn as_object<S: Serializer>(labels: &LabelSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter())
}

fn as_text<S: Serializer>(fingerprint: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fingerprint)
}

fn as_texts<S: Serializer>(fingerprints: &[Fingerprint], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(fingerprints.iter().map(ToString::to_string))
}

/// A JSON object of texts.
struct Pairs(LabelSet);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs: Vec<(smol_str::SmolStr, smol_str::SmolStr)> =
                    Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(LabelSet::from_pairs(pairs)))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// An instant in JSON; Go's zero time counts as not given.
#[derive(Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl Moment {
    pub(super) fn given(self) -> Option<Timestamp> {
        (self.0 != Timestamp::MIN).then_some(self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Timestamp::parse_rfc3339(&text).map(Moment).map_err(serde::de::Error::custom)
    }
}

/// An instant as the API writes it.
impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_millis())
    }
}
