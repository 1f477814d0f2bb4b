//! Instants in JSON.

use model::Timestamp;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error};
use serde::{Serialize, Serializer};

use super::posted_alert::Taking;

/// An instant; Go's zero time and an empty text count as not given.
#[derive(Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl Moment {
    pub(super) fn given(self) -> Option<Timestamp> {
        (self.0 != Timestamp::MIN).then_some(self.0)
    }

    pub(super) fn read(text: &str) -> Result<Self, impl std::fmt::Display + use<>> {
        if text.is_empty() {
            return Ok(Self(Timestamp::MIN));
        }
        let parsed = Timestamp::parse_rfc3339(text);
        let parsed = parsed.or_else(|error| {
            let local = text.replacen(' ', "T", 1);
            let candidates = [format!("{local}Z"), format!("{local}:00Z")];
            candidates.iter().find_map(|text| Timestamp::parse_rfc3339(text).ok()).ok_or(error)
        });
        parsed.map(Self)
    }
}

/// RFC 3339, and what strfmt takes besides: no offset (then it is UTC), no seconds, a blank for the `T`.
impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Taking(Self::read).deserialize(deserializer)?.map_err(D::Error::custom)
    }
}

/// With milliseconds, in UTC.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_millis())
    }
}
