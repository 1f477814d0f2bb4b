//! `receivers`: each a name and lists of integrations.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use model::LabelSet;
use model::duration::parse_duration;
use sha2::{Digest, Sha256};
use yaml::{Decoder, Field, Fields, Node, Spanned};

use super::global::Global;
use crate::rate::Rate;
use crate::receiver::email::EmailSettings;
use crate::receiver::jira::JiraSettings;
use crate::receiver::pagerduty::PagerDutySettings;
use crate::receiver::preset::PresetSettings;
use crate::receiver::preset::definition::Preset;
use crate::receiver::sns::SnsSettings;
use crate::receiver::webhook::WebhookSettings;
use crate::receiver::{Integration, Receiver, Settings};

/// The label every receiver has.
const NAME: &str = "name";

/// Decodes the list; names are unique. With them comes the order they are written in.
pub(super) fn decode(field: Field<'_>, global: &Global, base: &Path) -> (BTreeMap<String, Arc<Receiver>>, Vec<String>) {
    let presets = Presets::default();
    let mut receivers = BTreeMap::new();
    let mut order = Vec::new();
    let _all = field.sequence(|node, decoder| {
        let Spanned { value: receiver, span } = decode_receiver(node, decoder, (global, &presets), base)?;
        let name = receiver.name.clone();
        if receivers.insert(name.clone(), Arc::new(receiver)).is_some() {
            decoder.error(span, format!("there are two receivers with the name {name:?}"));
        }
        order.push(name);
        Some(())
    });
    (receivers, order)
}

/// The presets that the file uses, each read once.
#[derive(Default)]
struct Presets(RefCell<BTreeMap<&'static str, Arc<Preset>>>);

impl Presets {
    fn of_section(&self, section: &'static str, text: &'static str) -> Arc<Preset> {
        let mut read = self.0.borrow_mut();
        read.entry(section).or_insert_with(|| Arc::new(Preset::of_section((section, text)))).clone()
    }
}

/// Fields that say whom an integration tells; of any kind.
const ADDRESS: [&str; 30] = [
    "to",
    "url",
    "url_file",
    "routing_key",
    "routing_key_file",
    "service_key",
    "service_key_file",
    "webhook_url",
    "webhook_url_file",
    "api_url",
    "api_url_file",
    "channel",
    "channel_id",
    "api_key",
    "api_key_file",
    "user_key",
    "user_key_file",
    "token",
    "token_file",
    "bot_token",
    "bot_token_file",
    "chat",
    "chat_id",
    "room_id",
    "topic_arn",
    "phone_number",
    "target_arn",
    "to_user",
    "to_party",
    "project",
];

/// A digest of whom an integration tells, so that it is known again after the file was rearranged. The digest is stored,
/// so it must not give a secret away.
fn address(node: &Node) -> u64 {
    let mut digest = Sha256::new();
    let mut says = false;
    for field in ADDRESS {
        if let Some(text) = node.get(field).and_then(Node::as_text) {
            says = true;
            digest.update(field);
            digest.update([0]);
            digest.update(text);
            digest.update([0]);
        }
    }
    let digest = digest.finalize();
    let first = digest.first_chunk().copied().unwrap_or_default();
    if says { u64::from_be_bytes(first) } else { 0 }
}

/// The span is the name's.
fn decode_receiver(
    node: &Node,
    decoder: &Decoder,
    (global, presets): (&Global, &Presets),
    base: &Path,
) -> Option<Spanned<Receiver>> {
    let mut fields = decoder.mapping(node, "a receiver")?;
    let name = fields.required("name").string();
    if let Some(name) = name.as_ref().filter(|name| name.value.is_empty()) {
        decoder.error(name.span, "the receiver's name is empty");
    }
    let labels = fields.optional("labels").string_map().unwrap_or_default();
    let email = integrations(&mut fields, "email_configs", "email", |node, decoder| {
        let (send_resolved, settings) = EmailSettings::decode(node, decoder, global, base)?;
        Some((send_resolved, Settings::Email(Box::new(settings))))
    });
    let pagerduty = integrations(&mut fields, "pagerduty_configs", "pagerduty", |node, decoder| {
        let (send_resolved, settings) = PagerDutySettings::decode(node, decoder, global, base)?;
        Some((send_resolved, Settings::PagerDuty(Box::new(settings))))
    });
    let webhook = integrations(&mut fields, "webhook_configs", "webhook", |node, decoder| {
        let (send_resolved, settings) = WebhookSettings::decode(node, decoder, global, base)?;
        Some((send_resolved, Settings::Webhook(Box::new(settings))))
    });
    let jira = integrations(&mut fields, "jira_configs", "jira", |node, decoder| {
        let (send_resolved, settings) = JiraSettings::decode(node, decoder, global, base)?;
        Some((send_resolved, Settings::Jira(Box::new(settings))))
    });
    let sns = integrations(&mut fields, "sns_configs", "sns", |node, decoder| {
        let (send_resolved, settings) = SnsSettings::decode(node, decoder, global, base)?;
        Some((send_resolved, Settings::Sns(Box::new(settings))))
    });
    let rate = fields.optional("rate").decode(decode_rate);
    let mut others = Vec::new();
    for (section, text) in templates::presets::ALL {
        if fields.optional(section).is_present() {
            let preset = presets.of_section(section, text);
            others.extend(integrations(&mut fields, section, preset.name, |node, decoder| {
                let (send_resolved, settings) = PresetSettings::decode(&preset, node, decoder, global, base)?;
                Some((send_resolved, Settings::Preset(Box::new(settings))))
            }));
        }
    }
    fields.finish();
    let name = name?;
    let labels = decode_labels(labels, &name.value, decoder);
    let integrations = email.into_iter().chain(pagerduty).chain(webhook).chain(jira).chain(sns).chain(others).collect();
    Some(Spanned::new(Receiver { name: name.value, labels, integrations, rate }, name.span))
}

/// `{notifications: 10, per: 1m}`
fn decode_rate(node: &Node, decoder: &Decoder) -> Option<Rate> {
    let mut fields = decoder.mapping(node, "a rate")?;
    let count = fields.required("notifications").integer();
    let per = fields.required("per").parse_with(parse_duration);
    fields.finish();
    let (count, per) = (count?, per?);
    let hint = "a rate is a number of notifications per duration, such as {notifications: 10, per: 1m}";
    let notifications = u32::try_from(count.value).ok().filter(|count| *count > 0);
    if notifications.is_none() {
        decoder.error(count.span, "at least one notification must be allowed").hint(hint);
    }
    if per.value.is_zero() {
        decoder.error(per.span, "the duration must not be zero").hint(hint);
    }
    Some(Rate { notifications: notifications?, per: per.value })
}

fn integrations(
    fields: &mut Fields<'_>,
    key: &'static str,
    kind: &'static str,
    decode: impl Fn(&Node, &Decoder) -> Option<(bool, Settings)>,
) -> Vec<Arc<Integration>> {
    let list = fields.optional(key).sequence(|node, decoder| {
        let decoded = decode(node, decoder).map(|(send_resolved, settings)| (send_resolved, address(node), settings));
        if decoded.is_none() && !decoder.has_errors() {
            // Nobody may believe to be told when they are not.
            decoder.error(node.span, format!("this item of {key} cannot be read"));
        }
        decoded
    });
    let number = |(index, (send_resolved, address, settings))| {
        Arc::new(Integration { kind, index, address, send_resolved, settings })
    };
    list.unwrap_or_default().into_iter().enumerate().map(number).collect()
}

/// Labels of receivers may have any name; `name`, if given, must be the receiver's.
fn decode_labels(labels: Vec<(Spanned<String>, Spanned<String>)>, name: &str, decoder: &Decoder) -> LabelSet {
    for (label, text) in &labels {
        if label.value.is_empty() {
            decoder.error(label.span, "a label name is empty");
        }
        if label.value == NAME && text.value != name {
            decoder.error(text.span, format!("label \"name\" of a receiver is always its name, here {name:?}"));
        }
    }
    let labels = labels.into_iter().map(|(label, text)| (label.value, text.value));
    LabelSet::from_pairs(labels.chain([(NAME.to_owned(), name.to_owned())]))
}
