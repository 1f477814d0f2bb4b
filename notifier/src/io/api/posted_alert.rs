//! Alerts as sources post them.

use std::fmt;
use std::sync::Arc;

use model::labels::LabelSetBuilder;
use model::{Alert, LabelSet};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

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
                let (mut alerts, mut before) = (Vec::new(), Before::default());
                while alerts.len() < ALERTS_MAX {
                    let Some(alert) = list.next_element_seed(Nullable(AlertAfter(&mut before)))? else {
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

/// An alert as sources post it. Of keys that come twice the last wins; labels and annotations are taken together, as Go does.
#[derive(Default)]
pub(super) struct PostableAlert {
    labels: Option<Pairs>,
    annotations: Option<Pairs>,
    starts_at: Option<Moment>,
    ends_at: Option<Moment>,
    generator_url: Option<Arc<str>>,
}

/// What alerts of a batch mostly have in common with the one before, so that it is read once.
#[derive(Default)]
struct Before {
    starts_at: Option<(String, Moment)>,
    ends_at: Option<(String, Moment)>,
    generator_url: Arc<str>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Key {
    Labels,
    Annotations,
    StartsAt,
    EndsAt,
    #[serde(rename = "generatorURL")]
    GeneratorUrl,
    #[serde(other)]
    Other,
}

/// Reads an alert.
struct AlertAfter<'b>(&'b mut Before);

impl<'de> DeserializeSeed<'de> for AlertAfter<'_> {
    type Value = PostableAlert;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PostableAlert, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AlertAfter<'_> {
    type Value = PostableAlert;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct PostableAlert")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PostableAlert, A::Error> {
        let Before { starts_at, ends_at, generator_url } = self.0;
        let mut alert = PostableAlert::default();
        while let Some(key) = map.next_key()? {
            match key {
                Key::Labels => alert.labels = Pairs::after(alert.labels, map.next_value()?),
                Key::Annotations => alert.annotations = Pairs::after(alert.annotations, map.next_value()?),
                Key::StartsAt => alert.starts_at = map.next_value_seed(Nullable(MomentAfter(starts_at)))?,
                Key::EndsAt => alert.ends_at = map.next_value_seed(Nullable(MomentAfter(ends_at)))?,
                Key::GeneratorUrl => alert.generator_url = map.next_value_seed(Nullable(TextAfter(generator_url)))?,
                Key::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(alert)
    }
}

/// Reads an instant.
struct MomentAfter<'b>(&'b mut Option<(String, Moment)>);

impl<'de> DeserializeSeed<'de> for MomentAfter<'_> {
    type Value = Moment;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Moment, D::Error> {
        let read = |text: &str| match self.0 {
            Some((known, moment)) if known == text => Ok(*moment),
            before => Moment::read(text).inspect(|moment| *before = Some((text.to_owned(), *moment))),
        };
        Taking(read).deserialize(deserializer)?.map_err(D::Error::custom)
    }
}

/// Reads a text that is shared.
struct TextAfter<'b>(&'b mut Arc<str>);

impl<'de> DeserializeSeed<'de> for TextAfter<'_> {
    type Value = Arc<str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Arc<str>, D::Error> {
        let read = |text: &str| {
            if **self.0 != *text {
                *self.0 = text.into();
            }
            Arc::clone(self.0)
        };
        Taking(read).deserialize(deserializer)
    }
}

/// `null` stands for nothing.
struct Nullable<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("option")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}

impl PostableAlert {
    /// `at`: its place in the list, for messages. `before`: the last link found good, shared if it comes again.
    pub(super) fn into_alert(self, at: usize, before: &mut Arc<str>) -> Result<Alert, Refusal> {
        // go-openapi looks at the inherited part first, its fields in this order
        let generator_url = self.generator_url.unwrap_or_default();
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

impl Pairs {
    /// The object under a key that may have come before.
    fn after(before: Option<Self>, object: Option<Self>) -> Option<Self> {
        match (before, object) {
            (Some(before), Some(object)) => Some(Self(before.0.overlay(object.0.iter()))),
            (_, object) => object,
        }
    }
}

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

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use serde_json::json;

    use super::*;

    fn read(body: &serde_json::Value) -> Result<Vec<Option<Alert>>, String> {
        let posted: PostedAlerts = serde_json::from_str(&body.to_string()).map_err(|error| error.to_string())?;
        let mut link = Arc::default();
        let alerts = posted.alerts.into_iter().enumerate();
        Ok(alerts.map(|(at, alert)| alert.map(|alert| alert.into_alert(at, &mut link).unwrap())).collect())
    }

    #[test]
    fn what_is_as_before_is_read_once_and_is_no_less_its_own() {
        let (early, late) = ("2026-01-02T03:04:05Z", "2026-01-02T03:04:06.5Z");
        let alert = |starts_at: &str, ends_at: &str, link: &str| json!({"labels": {"a": "b"}, "startsAt": starts_at, "endsAt": ends_at, "generatorURL": link, "other": [{}]});
        let times = |text: &str| Some(Timestamp::parse_rfc3339(text).unwrap());
        let body = json!([
            alert(early, late, "http://a/"),
            alert(early, late, "http://a/"),
            alert(late, early, "http://b/"),
            alert("", "0001-01-01T00:00:00Z", ""),
            {"labels": {"a": "b"}, "startsAt": null, "endsAt": early, "generatorURL": null},
            null,
        ]);
        let alerts = read(&body).unwrap();
        let told: Vec<_> =
            alerts.iter().flatten().map(|alert| (alert.starts_at, alert.ends_at, &*alert.generator_url)).collect();
        let expected = [
            (times(early), times(late), "http://a/"),
            (times(early), times(late), "http://a/"),
            (times(late), times(early), "http://b/"),
            (None, None, ""),
            (None, times(early), ""),
        ];
        assert_eq!((told, alerts[5].is_none()), (expected.to_vec(), true));
        assert!(Arc::ptr_eq(&alerts[0].as_ref().unwrap().generator_url, &alerts[1].as_ref().unwrap().generator_url));
    }

    /// Seen with Alertmanager 0.25.
    #[test]
    fn keys_that_come_twice_are_taken_as_go_takes_them() {
        let body = r#"[
            {"labels": {"a": "1", "b": "1"}, "labels": {"a": "2"}, "startsAt": "", "startsAt": "2026-01-02T03:04:05Z"},
            {"labels": {"a": "1"}, "labels": null}
        ]"#;
        let posted: PostedAlerts = serde_json::from_str(body).unwrap();
        let mut alerts = posted.alerts.into_iter().map(|alert| alert.unwrap().into_alert(0, &mut Arc::default()));
        let twice = alerts.next().unwrap().unwrap();
        assert_eq!((twice.labels, twice.starts_at.is_some()), (LabelSet::from_pairs([("a", "2"), ("b", "1")]), true));
        assert!(alerts.next().unwrap().is_err());
    }

    #[test]
    fn what_is_none_is_told_with_its_place() {
        let cases = [
            (json!([{"labels": {"a": 1}}]), "invalid type: integer `1`, expected a string at line 1 column 17"),
            (
                json!([{"labels": {"a": "b"}, "startsAt": "soon"}]),
                "\"soon\" is not an RFC 3339 time such as 2026-01-02T03:04:05Z at line 1 column 39",
            ),
            (json!([[]]), "invalid type: sequence, expected struct PostableAlert at line 1 column 1"),
            (json!([{"labels": {}, "generatorURL": {}}]), "invalid type: map, expected a string at line 1 column 17"),
        ];
        for (body, said) in cases {
            assert_eq!(read(&body).unwrap_err(), said);
        }
    }
}
