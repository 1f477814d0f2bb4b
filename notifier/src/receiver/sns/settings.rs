//! `sns_configs` as meant.

use std::path::Path;
use std::sync::Arc;

use outbound::{HttpConfig, Secret};
use yaml::{Decoder, Field, Fields, Node};

use crate::config::global::Global;
use crate::receiver::TemplateText;
use crate::receiver::reading::{any_given, check_templated_url, http_or_global};
use crate::receiver::template_text::go_text;

/// A message to a topic, a telephone or an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct SnsSettings {
    /// Instead of the region's own address; a Go template.
    pub api_url: Option<Secret>,
    /// `eu-central-1`; `None`: what the environment names.
    pub region: Option<String>,
    /// Access key and secret key; `None`: those of the surroundings.
    pub keys: Option<(Secret, Secret)>,
    /// In whose name the message is sent instead.
    pub role: Option<SnsRole>,
    /// Where to.
    pub target: SnsTarget,
    /// At most 100 characters.
    pub subject: TemplateText,
    /// At most 256 KiB, or 1600 characters to a telephone.
    pub message: TemplateText,
    /// Texts beside the message, by name; both are templates.
    pub attributes: Vec<(TemplateText, TemplateText)>,
    /// How to get there.
    pub http: Arc<HttpConfig>,
}

/// A role whose keys are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnsRole {
    /// `arn:aws:iam::1:role/alerts`
    pub arn: String,
    /// What the role's owner asks for.
    pub external_id: Option<String>,
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnsTarget {
    /// Everybody who subscribed.
    Topic(TemplateText),
    /// A text message.
    Phone(TemplateText),
    /// A device or the like.
    Endpoint(TemplateText),
}

const TARGETS: [&str; 3] = ["topic_arn", "phone_number", "target_arn"];

impl SnsSettings {
    /// Decodes an item of `sns_configs`. Also gives `send_resolved`.
    pub fn decode(node: &Node, decoder: &Decoder, global: &Global, base: &Path) -> Option<(bool, SnsSettings)> {
        let mut fields = decoder.mapping(node, "an sns_configs item")?;
        let send_resolved = fields.optional("send_resolved").boolean().is_none_or(|flag| flag.value);
        if let Some(url) = node.get("api_url") {
            check_templated_url(url, decoder);
        }
        let api_url = secret(fields.optional("api_url"));
        let sigv4 = fields.optional("sigv4").decode(decode_sigv4).unwrap_or_default();
        let target = decode_target(node, &mut fields, decoder);
        let subject = TemplateText::decode(fields.optional("subject")).unwrap_or_else(|| default("subject"));
        let message = TemplateText::decode(fields.optional("message")).unwrap_or_else(|| default("message"));
        let attributes = fields.optional("attributes").entries(|key, node, decoder| {
            Some((TemplateText::Go(key.text.to_string()), TemplateText::Go(go_text(node, decoder)?)))
        });
        // Alertmanager's choice between two HTTP clients; there is one here
        let _client = fields.optional("use_aws_http_client").boolean();
        let http = http_or_global(fields.optional("http_config"), global, base);
        fields.finish();
        let Sigv4 { region, keys, role } = sigv4;
        let attributes = attributes.unwrap_or_default();
        let settings = SnsSettings { api_url, region, keys, role, target: target?, subject, message, attributes, http };
        Some((send_resolved, settings))
    }

    /// The templates of the settings, for compiling.
    pub(crate) fn texts(&self, add: &mut dyn FnMut(&TemplateText)) {
        let (SnsTarget::Topic(target) | SnsTarget::Phone(target) | SnsTarget::Endpoint(target)) = &self.target;
        [target, &self.subject, &self.message].into_iter().for_each(&mut *add);
        self.attributes.iter().flat_map(|(name, text)| [name, text]).for_each(add);
    }
}

/// The section `sigv4`.
#[derive(Default)]
struct Sigv4 {
    region: Option<String>,
    keys: Option<(Secret, Secret)>,
    role: Option<SnsRole>,
}

fn decode_sigv4(node: &Node, decoder: &Decoder) -> Option<Sigv4> {
    let mut fields = decoder.mapping(node, "the sigv4 section")?;
    let region = text(fields.optional("region"));
    let (access_key, secret_key) = (secret(fields.optional("access_key")), secret(fields.optional("secret_key")));
    let (arn, external_id) = (text(fields.optional("role_arn")), text(fields.optional("external_id")));
    let is_given = fields.optional("profile").string().is_some_and(|profile| !profile.value.is_empty());
    if let Some(span) = fields.key_span("profile").filter(|_| is_given) {
        let report = decoder.error(span, "profile: not supported by Watchfire, which reads no AWS configuration files");
        report.hint("give access_key and secret_key, and role_arn where the profile names a role");
    }
    if arn.is_none()
        && external_id.is_some()
        && let Some(span) = fields.key_span("external_id")
    {
        decoder.error(span, "\"external_id\" is only for a role").hint("give \"role_arn\" too");
    }
    if access_key.is_some() != secret_key.is_some() {
        let report = decoder.error(fields.span(), "\"access_key\" and \"secret_key\" belong together");
        report.hint("give both, or none to use the keys of the environment, the container or the machine");
    }
    fields.finish();
    let role = arn.map(|arn| SnsRole { arn, external_id });
    Some(Sigv4 { region, keys: access_key.zip(secret_key), role })
}

fn decode_target(node: &Node, fields: &mut Fields<'_>, decoder: &Decoder) -> Option<SnsTarget> {
    let [topic, phone, endpoint] = TARGETS.map(|key| {
        let text = TemplateText::decode(fields.optional(key));
        text.filter(|_| any_given(node, &[key]))
    });
    let given = [&topic, &phone, &endpoint].into_iter().flatten().count();
    if given != 1 && TARGETS.iter().filter(|key| any_given(node, &[key])).count() == given {
        let which = "\"topic_arn\", \"phone_number\", \"target_arn\"";
        let message = if given == 0 {
            format!("one of {which} must be given")
        } else {
            format!("only one of {which} can be given")
        };
        decoder.error(fields.span(), message);
    }
    topic.map(SnsTarget::Topic).or(phone.map(SnsTarget::Phone)).or(endpoint.map(SnsTarget::Endpoint))
}

fn default(name: &str) -> TemplateText {
    TemplateText::Go(format!("{{{{ template \"sns.default.{name}\" . }}}}"))
}

fn text(field: Field<'_>) -> Option<String> {
    field.string().map(|text| text.value).filter(|text| !text.is_empty())
}

fn secret(field: Field<'_>) -> Option<Secret> {
    text(field.secret()).map(Secret::inline)
}
