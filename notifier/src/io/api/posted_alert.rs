//! Alerts as sources post them.

use std::fmt;
use std::sync::Arc;

use model::labels::LabelSetBuilder;
use model::{Alert, LabelSet};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::answer::{self, Refusal};
use super::moment::Moment;
use super::request_uri::is_request_uri;

/// More alerts in one request are refused as a whole; Prometheus posts 256 at most, vmalert and Grafana as many as they have.
pub(super) const ALERTS_MAX: usize = 100_000;

/// So much of a link that is none is shown.
const URL_BYTES_SHOWN: usize = 2000;

/// The alerts of a request.
#[derive(Default)]
pub(super) struct PostedAlerts {
    /// The first of them, [`ALERTS_MAX`] at most.
    pub(super) alerts: Vec<Option<PostableAlert>>,
    /// How many there were.
    pub(super) count: usize,
}

impl<'de> Deserialize<'de> for PostedAlerts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = PostedAlerts;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<PostedAlerts, A::Error> {
                let mut alerts = Vec::new();
                while alerts.len() < ALERTS_MAX {
                    let Some(alert) = list.next_element()? else {
                        return Ok(PostedAlerts { count: alerts.len(), alerts });
                    };
                    alerts.push(alert);
                }
                let mut count = alerts.len();
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(PostedAlerts { alerts, count })
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

/// An alert as sources post it. Duplicate keys are tolerated: the last wins.
#[derive(Default, Deserialize)]
pub(super) struct PostableAlert {
    labels: Option<Pairs>,
    #[serde(default)]
    annotations: Option<Pairs>,
    #[serde(default, rename = "startsAt")]
    starts_at: Option<Moment>,
    #[serde(default, rename = "endsAt")]
    ends_at: Option<Moment>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<Text>,
}

impl PostableAlert {
    /// `at`: its place in the list, for messages. `before`: the last link found good, shared if it comes again.
    pub(super) fn into_alert(self, at: usize, before: &mut Arc<str>) -> Result<Alert, Refusal> {
        // go-openapi looks at the inherited part first, its fields in this order
        let generator_url = self.generator_url.unwrap_or_default().0;
        if generator_url != *before {
            if !generator_url.is_empty() && !is_request_uri(&generator_url) {
                let end = generator_url.floor_char_boundary(URL_BYTES_SHOWN);
                let shown = generator_url.get(..end).unwrap_or_default();
                let quoted = outbound::go_json::to_vec(&shown).unwrap_or_default();
                let quoted = String::from_utf8_lossy(&quoted).into_owned();
                return Err(answer::invalid(601, format!("{at}.generatorURL in body must be of type uri: {quoted}")));
            }
            *before = generator_url;
        }
        let labels = self.labels.ok_or_else(|| answer::invalid(602, format!("{at}.labels in body is required")))?;
        Ok(Alert {
            labels: labels.0,
            annotations: self.annotations.map(|pairs| pairs.0).unwrap_or_default(),
            starts_at: self.starts_at.and_then(Moment::given),
            ends_at: self.ends_at.and_then(Moment::given),
            generator_url: Arc::clone(before),
        })
    }
}

/// A JSON object of texts, laid out while it is read.
struct Pairs(LabelSet);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut builder = LabelSetBuilder::new();
                while map.next_key_seed(Taking(|name: &str| builder.name(name)))?.is_some() {
                    map.next_value_seed(Taking(|value: &str| builder.value(value)))?;
                }
                Ok(Pairs(builder.finish()))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Hands a JSON string on without keeping it.
pub(super) struct Taking<F>(pub(super) F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for Taking<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Taking<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

/// A JSON string that will be shared.
#[derive(Default)]
struct Text(Arc<str>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Taking(|text: &str| Self(text.into())).deserialize(deserializer)
    }
}
