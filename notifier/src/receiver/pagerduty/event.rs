//! Events as PagerDuty reads them.

use serde::Serialize;

use crate::rendering::tree::Json;

/// Longest summary, in characters.
const SUMMARY_MAX: usize = 1024;

/// Longest event, in bytes.
const EVENT_BYTES_MAX: usize = 512_000;

/// Said in place of details that are too long.
const TOO_LONG: &str = "Custom details have been removed because the original event exceeds the maximum size of 512KB";

/// Whether an incident opens or closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Trigger,
    Resolve,
}

/// Events API v2.
#[derive(Debug, Serialize)]
pub(crate) struct Event {
    pub(crate) routing_key: String,
    pub(crate) dedup_key: String,
    pub(crate) event_action: Action,
    pub(crate) payload: Payload,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) client: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) client_url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) images: Vec<Image>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<Link>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Payload {
    pub(crate) summary: String,
    pub(crate) source: String,
    pub(crate) severity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) class: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) component: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) group: String,
    pub(crate) custom_details: Json,
}

#[derive(Debug, Serialize)]
pub(crate) struct Image {
    pub(crate) src: String,
    pub(crate) alt: String,
    pub(crate) href: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) text: String,
}

/// Events API v1.
#[derive(Debug, Serialize)]
pub(crate) struct EventV1 {
    pub(crate) service_key: String,
    pub(crate) incident_key: String,
    pub(crate) event_type: Action,
    pub(crate) description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) client: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) client_url: String,
    pub(crate) details: Json,
}

/// An event with details that may have to go.
pub(crate) trait Detailed: Serialize {
    /// Where the details are.
    fn details(&mut self) -> &mut Json;

    /// The event as bytes; without its details if it is too long with them.
    fn into_bytes(mut self) -> Vec<u8>
    where
        Self: Sized,
    {
        let bytes = crate::receiver::go_lines(&self);
        if bytes.len() <= EVENT_BYTES_MAX {
            return bytes;
        }
        let note = Json::Value(TOO_LONG.into());
        *self.details() = Json::Object(vec![("error".to_owned(), note)]);
        crate::receiver::go_lines(&self)
    }
}

impl Detailed for Event {
    fn details(&mut self) -> &mut Json {
        &mut self.payload.custom_details
    }
}

impl Detailed for EventV1 {
    fn details(&mut self) -> &mut Json {
        &mut self.details
    }
}

/// Cuts a summary to what is taken.
pub(crate) fn cut(summary: String) -> String {
    if summary.chars().count() <= SUMMARY_MAX {
        return summary;
    }
    summary.chars().take(SUMMARY_MAX - 1).chain(['…']).collect()
}
