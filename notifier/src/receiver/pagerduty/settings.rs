//! `pagerduty_configs` as meant.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outbound::secret::decode_secret;
use outbound::{HttpConfig, Secret};
use yaml::{Decoder, Field, Fields, Node};

use crate::config::global::Global;
use crate::receiver::reading::{any_given, http_or_global, http_url, timeout};
use crate::receiver::{TemplateText, TemplateTree};

/// An event to PagerDuty. A field that is `None` has its documented default.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerDutySettings {
    /// Which service is told, and by which version of the API.
    pub key: PagerDutyKey,
    /// The address of the API; may carry credentials.
    pub url: Secret,
    /// Name of the monitoring client. Default: the shipped template.
    pub client: Option<TemplateText>,
    /// Link to it. Default: the shipped template.
    pub client_url: Option<TemplateText>,
    /// The summary. Default: the shipped template.
    pub description: Option<TemplateText>,
    /// Default `error`.
    pub severity: Option<TemplateText>,
    /// What is affected. Default: the client's name.
    pub source: Option<TemplateText>,
    /// Class of the event; left out if `None`.
    pub class: Option<TemplateText>,
    /// Component of the source; left out if `None`.
    pub component: Option<TemplateText>,
    /// Logical grouping; left out if `None`.
    pub group: Option<TemplateText>,
    /// Further facts, in the order of the file, without the four that are filled in unless given: `firing`, `resolved`,
    /// `num_firing`, `num_resolved`.
    pub details: Vec<(String, TemplateTree)>,
    /// Pictures; one whose `src` comes out empty is left out.
    pub images: Vec<PagerDutyImage>,
    /// Links; one whose `href` comes out empty is left out.
    pub links: Vec<PagerDutyLink>,
    /// For one attempt; `None`: as long as the flush.
    pub timeout: Option<Duration>,
    /// How to reach the API.
    pub http: Arc<HttpConfig>,
}

/// Names the service. The text, also one from a file, is a Go template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PagerDutyKey {
    /// `routing_key`: Events API v2.
    Routing(Secret),
    /// `service_key`: Events API v1.
    Service(Secret),
}

/// A picture in an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDutyImage {
    /// Address of the picture.
    pub src: TemplateText,
    /// Text in its place.
    pub alt: TemplateText,
    /// Where a click leads.
    pub href: TemplateText,
}

/// A link in an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDutyLink {
    /// Where it leads.
    pub href: TemplateText,
    /// Its text.
    pub text: TemplateText,
}

impl PagerDutySettings {
    /// Decodes an item of `pagerduty_configs`. Also gives `send_resolved`.
    pub fn decode(node: &Node, decoder: &Decoder, global: &Global, base: &Path) -> Option<(bool, PagerDutySettings)> {
        let mut fields = decoder.mapping(node, "a pagerduty_configs item")?;
        let send_resolved = fields.optional("send_resolved").boolean().is_none_or(|flag| flag.value);
        let key = decode_key(node, &mut fields, decoder, base);
        let url = http_url(fields.optional("url")).unwrap_or_else(|| global.pagerduty_url.clone());
        let mut text = |key| TemplateText::decode(fields.optional(key));
        let (client, client_url, description) = (text("client"), text("client_url"), text("description"));
        let (severity, source) = (text("severity"), text("source"));
        let (class, component, group) = (text("class"), text("component"), text("group"));
        let details = fields
            .optional("details")
            .entries(|key, node, decoder| Some((key.text.to_string(), TemplateTree::decode(node, decoder)?)));
        let images = fields.optional("images").sequence(decode_image);
        let links = fields.optional("links").sequence(decode_link);
        let timeout = timeout(fields.optional("timeout"));
        let http = http_or_global(fields.optional("http_config"), global, base);
        fields.finish();
        let settings = PagerDutySettings {
            key: key?,
            url,
            client,
            client_url,
            description,
            severity: severity.filter(|severity| !severity.as_str().is_empty()),
            source: source.filter(|source| !source.as_str().is_empty()),
            class,
            component,
            group,
            details: details.unwrap_or_default(),
            images: images.unwrap_or_default(),
            links: links.unwrap_or_default(),
            timeout,
            http,
        };
        Some((send_resolved, settings))
    }
}

fn decode_key(node: &Node, fields: &mut Fields<'_>, decoder: &Decoder, base: &Path) -> Option<PagerDutyKey> {
    const KEYS: [&str; 4] = ["routing_key", "routing_key_file", "service_key", "service_key_file"];
    let routing = decode_secret(fields, decoder, base, ("routing_key", "routing_key_file"));
    let service = decode_secret(fields, decoder, base, ("service_key", "service_key_file"));
    // With both, Alertmanager speaks v1.
    let key = service.map(PagerDutyKey::Service).or(routing.map(PagerDutyKey::Routing));
    if key.is_none() && !any_given(node, &KEYS) {
        let report = decoder.error(fields.span(), "neither \"routing_key\" nor \"service_key\" is given");
        report.hint("routing_key for an Events API v2 integration, service_key for v1");
    }
    key
}

fn decode_image(node: &Node, decoder: &Decoder) -> Option<PagerDutyImage> {
    let mut fields = decoder.mapping(node, "an image")?;
    let mut text = |key| optional_text(fields.optional(key));
    let image = PagerDutyImage { src: text("src"), alt: text("alt"), href: text("href") };
    fields.finish();
    Some(image)
}

fn decode_link(node: &Node, decoder: &Decoder) -> Option<PagerDutyLink> {
    let mut fields = decoder.mapping(node, "a link")?;
    let mut text = |key| optional_text(fields.optional(key));
    let link = PagerDutyLink { href: text("href"), text: text("text") };
    fields.finish();
    Some(link)
}

fn optional_text(field: Field<'_>) -> TemplateText {
    TemplateText::decode(field).unwrap_or_else(|| TemplateText::Go(String::new()))
}
