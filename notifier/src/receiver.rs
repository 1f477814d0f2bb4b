//! Receivers: named lists of integrations, and what came of sending to one.

pub mod email;
pub mod jira;
pub(crate) mod opsgenie;
pub mod pagerduty;
pub mod preset;
pub(crate) mod reading;
pub(crate) mod reply;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod slack;
pub mod sns;
pub(crate) mod template_check;
pub(crate) mod template_text;
pub mod webhook;

use std::sync::Arc;
use std::time::Duration;

use crate::rate::Rate;
use email::EmailSettings;
use jira::JiraSettings;
use model::LabelSet;
use outbound::Request;
use pagerduty::PagerDutySettings;
use preset::PresetSettings;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sns::SnsSettings;
pub use template_text::{TemplateText, TemplateTree};
use webhook::WebhookSettings;

/// A named target of routes: a list of integrations, all of which are told. May be empty (a sink).
#[derive(Debug)]
pub struct Receiver {
    /// Unique name.
    pub name: String,
    /// For filtering receivers; `name` is always among them.
    pub labels: LabelSet,
    /// In the order of the file, types in the order email, pagerduty, webhook, jira, sns, presets by name; the index is part of the notification log's key.
    pub integrations: Vec<Arc<Integration>>,
    /// How often each of them wishes to be told. Not one of Alertmanager's keys.
    pub rate: Option<Rate>,
}

/// One way of telling somebody.
#[derive(Debug)]
pub struct Integration {
    /// `email`, `pagerduty`, `webhook`, `jira`, `sns`, or the name of a preset: the metric label and the log key.
    pub kind: &'static str,
    /// Index among the receiver's integrations of the same kind, as in Alertmanager's log keys.
    pub index: usize,
    /// What it is known by wherever it stands in the file: a digest of whom it tells. 0 if the file says that elsewhere.
    pub address: u64,
    /// Whether resolved alerts are told too.
    pub send_resolved: bool,
    /// Where to and how.
    pub settings: Settings,
}

/// The settings of an integration, resolved against `global`.
#[derive(Debug)]
pub enum Settings {
    /// A mail.
    Email(Box<EmailSettings>),
    /// An event to PagerDuty.
    PagerDuty(Box<PagerDutySettings>),
    /// A POST of JSON.
    Webhook(Box<WebhookSettings>),
    /// An issue in Jira.
    Jira(Box<JiraSettings>),
    /// A message by Amazon SNS.
    Sns(Box<SnsSettings>),
    /// An integration that is data.
    Preset(Box<PresetSettings>),
}

/// Kinds that keep an incident for each group, which a digest could not close.
const WITH_INCIDENTS: [&str; 5] = ["pagerduty", "opsgenie", "victorops", "jira", "incidentio"];

impl Integration {
    /// Whether many groups may be told in one message.
    pub fn takes_digests(&self) -> bool {
        !WITH_INCIDENTS.contains(&self.kind)
    }
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The far side has it.
    Delivered,
    /// The far side has it, and this JSON object names it there: the notification log keeps it, and the next delivery of
    /// the group brings it along.
    DeliveredAs(Arc<str>),
    /// Not now: worth another attempt, not before `retry_after` if the far side said so (429, Retry-After).
    Retry {
        /// Metric label: `other`, `clientError`, `serverError`, `authError`, `rateLimited`, `contextDeadlineExceeded`.
        reason: &'static str,
        /// What happened, without secrets.
        message: String,
        /// Least delay the far side asked for.
        retry_after: Option<Duration>,
    },
    /// The far side will never take this content.
    Rejected {
        /// Metric label, as above.
        reason: &'static str,
        /// What happened, without secrets.
        message: String,
    },
}

impl Outcome {
    /// Whether the far side has it.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Outcome::Delivered | Outcome::DeliveredAs(_))
    }

    /// Whether the far side may have it although nobody heard so: the request was sent, and no answer came in time.
    pub fn may_have_arrived(&self) -> bool {
        matches!(self, Outcome::Retry { reason: "contextDeadlineExceeded", .. }) || self.is_delivered()
    }
}

/// A POST of JSON.
pub(crate) fn post_json(url: String, body: Vec<u8>) -> Request {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    Request { method: Method::POST, url, headers, body: body.into() }
}

/// JSON as Go's encoder writes it, with a line break at the end.
pub(crate) fn go_lines(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = outbound::go_json::to_vec(value).expect("keys of objects are texts");
    bytes.push(b'\n');
    bytes
}
