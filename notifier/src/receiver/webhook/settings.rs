//! `webhook_configs` as meant.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outbound::secret::decode_secret;
use outbound::{HttpConfig, Secret, SecretText};
use yaml::{Decoder, Node};

use super::signature::Signature;
use crate::config::global::Global;
use crate::receiver::TemplateTree;
use crate::receiver::reading::{any_given, check_templated_url, http_or_global, timeout};

/// A POST of JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookSettings {
    /// Where to; the text, also one from a file, is a Go template.
    pub url: Secret,
    /// How many alerts are sent at most, the rest only counted; 0: all.
    pub max_alerts: usize,
    /// For one attempt; `None`: as long as the flush.
    pub timeout: Option<Duration>,
    /// The body. `None`: Alertmanager's version 4.
    pub payload: Option<TemplateTree>,
    /// How receivers can tell that it comes from us. Not one of Alertmanager's keys.
    pub signature: Option<Signature>,
    /// How to get there.
    pub http: Arc<HttpConfig>,
}

impl WebhookSettings {
    /// The plainest webhook: everything but the address left out.
    pub fn to(url: impl Into<SecretText>) -> WebhookSettings {
        let http = Arc::new(HttpConfig::default());
        WebhookSettings { url: Secret::inline(url), max_alerts: 0, timeout: None, payload: None, signature: None, http }
    }

    /// Decodes an item of `webhook_configs`. Also gives `send_resolved`.
    pub fn decode(node: &Node, decoder: &Decoder, global: &Global, base: &Path) -> Option<(bool, WebhookSettings)> {
        let mut fields = decoder.mapping(node, "a webhook_configs item")?;
        let send_resolved = fields.optional("send_resolved").boolean().is_none_or(|flag| flag.value);
        if let Some(url) = node.get("url") {
            check_templated_url(url, decoder);
        }
        let url = decode_secret(&mut fields, decoder, base, ("url", "url_file"));
        if url.is_none() && !any_given(node, &["url", "url_file"]) {
            decoder.error(fields.span(), "neither \"url\" nor \"url_file\" is given");
        }
        let max_alerts = fields.optional("max_alerts").integer_in(0..=i64::MAX);
        let timeout = timeout(fields.optional("timeout"));
        let payload = fields.optional("payload").decode(TemplateTree::decode);
        let signature = fields.optional("signature").decode(|node, decoder| Signature::decode(node, decoder, base));
        let http = http_or_global(fields.optional("http_config"), global, base);
        fields.finish();
        let max_alerts = max_alerts.map_or(0, |max| usize::try_from(max.value).unwrap_or(usize::MAX));
        Some((send_resolved, WebhookSettings { url: url?, max_alerts, timeout, payload, signature, http }))
    }
}
