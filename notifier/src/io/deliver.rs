//! Deliveries: renders what a receiver is to be told, sends it, and says what came of it.
//!
//! Each network step has a deadline, and nothing is ever dropped for a template: see [`crate::rendering`]. Secrets are
//! read at each use. Connections are kept between deliveries.

mod conversation;
mod jira;
mod login;
mod mail;
mod mail_stream;
mod mail_tls;
mod preset;
mod preview;
mod sns;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use outbound::{Guard, HttpClient, HttpConfig, Limits, Request, Response, Secret, SecretText, SendError};
use prometheus_client::metrics::counter::Counter;
use tracing::warn;

use crate::ack_link::AckLinks;
use crate::config::Config;
use crate::notifier::Delivery;
use crate::receiver::email::EmailSettings;
use crate::receiver::pagerduty::{PagerDutyKey, PagerDutySettings};
use crate::receiver::sns::role::Keys;
use crate::receiver::webhook::WebhookSettings;
use crate::receiver::webhook::signature::{self, Signature};
use crate::receiver::{Integration, Outcome, Settings};
use crate::rendering::{RenderError, Rendered, Renderer, UnusableTemplates};
use mail::Mailer;
use mail_tls::SystemRoots;
pub use preview::{Message, Preview};
use sns::region_of;

/// Sends the notifications of one configuration.
pub struct Deliverer {
    renderer: Renderer,
    clients: HashMap<ByAddress<HttpConfig>, HttpClient>,
    mailers: HashMap<ByAddress<Integration>, Mailer>,
    roots: SystemRoots,
    guard: Arc<Guard>,
    tokens: preset::Tokens,
    lent_keys: sns::LentKeys,
    variables: Arc<sns::Variables>,
    degraded: Counter,
}

/// A shared value known by where it is, not by what it holds.
struct ByAddress<T>(Arc<T>);

impl<T> PartialEq for ByAddress<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for ByAddress<T> {}

impl<T> std::hash::Hash for ByAddress<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl Deliverer {
    /// Compiles the templates and makes the clients. `external_url` is where links in messages lead.
    ///
    /// # Errors
    /// A template cannot be used. A certificate that cannot be read is no error here: it fails the deliveries that
    /// need it, until it can be read.
    pub fn new(config: &Config, external_url: &str) -> Result<Deliverer, UnusableTemplates> {
        Deliverer::guarded(config, external_url, &Arc::default())
    }

    /// The same, and nothing is sent where a guard does not allow it.
    ///
    /// # Errors
    /// As above.
    pub fn guarded(config: &Config, external_url: &str, guard: &Arc<Guard>) -> Result<Deliverer, UnusableTemplates> {
        let mut deliverer = Deliverer {
            renderer: Renderer::new(config, external_url)?,
            clients: HashMap::new(),
            mailers: HashMap::new(),
            roots: SystemRoots::default(),
            guard: guard.clone(),
            tokens: preset::Tokens::default(),
            lent_keys: sns::LentKeys::default(),
            variables: sns::environment(),
            degraded: Counter::default(),
        };
        for integration in config.receivers.values().flat_map(|receiver| &receiver.integrations) {
            match &integration.settings {
                Settings::Email(_) => {
                    let mailer = Mailer::new(deliverer.roots.clone(), guard.clone());
                    deliverer.mailers.insert(ByAddress(integration.clone()), mailer);
                }
                Settings::PagerDuty(settings) => deliverer.add_client(&settings.http),
                Settings::Webhook(settings) => deliverer.add_client(&settings.http),
                Settings::Jira(settings) => deliverer.add_client(&settings.http),
                Settings::Sns(settings) => deliverer.add_client(&settings.http),
                Settings::Preset(settings) => deliverer.add_client(settings.http()),
            }
        }
        Ok(deliverer)
    }

    /// Counts notifications that went out in plain form, as a template failed, with a counter that outlives this
    /// configuration.
    #[must_use]
    pub fn counting_degraded(self, counter: Counter) -> Deliverer {
        Deliverer { degraded: counter, ..self }
    }

    /// Templates may show links that acknowledge.
    #[must_use]
    pub fn with_ack_links(self, links: Option<Arc<AckLinks>>) -> Deliverer {
        Deliverer { renderer: self.renderer.with_ack_links(links), ..self }
    }

    /// Notifications that went out in plain form, as a template failed.
    pub fn degraded(&self) -> &Counter {
        &self.degraded
    }

    fn add_client(&mut self, http: &Arc<HttpConfig>) {
        if let Ok(client) = HttpClient::guarded(http, Limits::default(), &self.guard) {
            self.clients.entry(ByAddress(http.clone())).or_insert(client);
        }
    }

    /// Makes one attempt, within `allowed`. Never panics, and never takes longer.
    pub async fn deliver(&self, delivery: &Delivery, now: Timestamp, allowed: Duration) -> Outcome {
        match &delivery.integration.settings {
            Settings::Email(settings) => self.mail(settings, delivery, now, allowed).await,
            Settings::PagerDuty(settings) => self.pagerduty(settings, delivery, now, allowed).await,
            Settings::Webhook(settings) => self.webhook(settings, delivery, now, allowed).await,
            Settings::Jira(settings) => self.jira(settings, delivery, now, allowed).await,
            Settings::Sns(settings) => self.sns(settings, delivery, now, allowed).await,
            Settings::Preset(settings) => self.preset(settings, delivery, now, allowed).await,
        }
    }

    async fn webhook(
        &self,
        settings: &WebhookSettings,
        delivery: &Delivery,
        now: Timestamp,
        allowed: Duration,
    ) -> Outcome {
        let url = match read(&settings.url).await {
            Ok(url) => url,
            Err(outcome) => return outcome,
        };
        let rendered = settings.render(&delivery.notification, &self.renderer, &url);
        let mut request = match self.rendered(rendered, delivery) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        if let Some(signature) = &settings.signature
            && let Err(outcome) = sign(signature, &mut request, delivery, now).await
        {
            return outcome;
        }
        let rendered_url = request.url.clone();
        let allowed = settings.timeout.map_or(allowed, |timeout| timeout.min(allowed));
        let reply = self.post(&settings.http, request, allowed, now).await;
        settings.classify(reply.as_ref(), &rendered_url, now)
    }

    async fn pagerduty(
        &self,
        settings: &PagerDutySettings,
        delivery: &Delivery,
        now: Timestamp,
        allowed: Duration,
    ) -> Outcome {
        let (PagerDutyKey::Routing(key) | PagerDutyKey::Service(key)) = &settings.key;
        let (url, key) = match (read(&settings.url).await, read(key).await) {
            (Ok(url), Ok(key)) => (url, key),
            (Err(outcome), _) | (_, Err(outcome)) => return outcome,
        };
        let rendered = settings.render(&delivery.notification, &self.renderer, &url, &key);
        let request = match self.rendered(rendered, delivery) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        let allowed = settings.timeout.map_or(allowed, |timeout| timeout.min(allowed));
        let reply = self.post(&settings.http, request, allowed, now).await;
        settings.classify(reply.as_ref(), &[&key, &url], now)
    }

    async fn mail(&self, settings: &EmailSettings, delivery: &Delivery, now: Timestamp, allowed: Duration) -> Outcome {
        let mail = match self.rendered(settings.render(&delivery.notification, &self.renderer), delivery) {
            Ok(mail) => mail,
            Err(outcome) => return outcome,
        };
        // an attempt of the configuration before this one has no mailer here
        match self.mailers.get(&ByAddress(delivery.integration.clone())) {
            Some(mailer) => mailer.send(settings, &mail, now, allowed).await,
            None => Mailer::new(self.roots.clone(), self.guard.clone()).send(settings, &mail, now, allowed).await,
        }
    }

    /// Counts and logs a plain form; a notification that nobody can be found for is refused.
    fn rendered<R>(&self, rendered: Result<Rendered<R>, RenderError>, delivery: &Delivery) -> Result<R, Outcome> {
        let rendered = rendered
            .map_err(|error| Outcome::Rejected { reason: "other", message: format!("cannot be addressed: {error}") })?;
        if let Some(failure) = &rendered.degraded {
            self.degraded.inc();
            let (receiver, integration) = (delivery.receiver.name.as_str(), delivery.integration.kind);
            warn!(receiver, integration, error = %failure, "a template failed, the notification goes out in plain form");
        }
        Ok(rendered.request)
    }

    async fn post(
        &self,
        http: &Arc<HttpConfig>,
        request: Request,
        allowed: Duration,
        now: Timestamp,
    ) -> Result<Response, SendError> {
        match self.clients.get(&ByAddress(http.clone())) {
            Some(client) => client.send(request, allowed, now).await,
            // a certificate could not be read at first, or the attempt is of the configuration before this one
            None => HttpClient::guarded(http, Limits::default(), &self.guard)?.send(request, allowed, now).await,
        }
    }
}

impl std::fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliverer").field("renderer", &self.renderer).finish_non_exhaustive()
    }
}

async fn read(secret: &Secret) -> Result<SecretText, Outcome> {
    secret.read().await.map_err(|error| Outcome::Retry {
        reason: "other",
        message: error.to_string(),
        retry_after: None,
    })
}

async fn sign(
    signature: &Signature,
    request: &mut Request,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<(), Outcome> {
    let mut secrets = Vec::new();
    for secret in &signature.secrets {
        secrets.push(read(secret).await?);
    }
    let signed = signature::sign(request, &delivery.notification, &secrets, now);
    signed.map_err(|message| Outcome::Retry { reason: "other", message, retry_after: None })
}

/// Several requests that make one attempt, and a deadline for all of them.
async fn within(allowed: Duration, conversation: impl Future<Output = Outcome>) -> Outcome {
    tokio::time::timeout(allowed, conversation).await.unwrap_or_else(|_| Outcome::Retry {
        reason: "contextDeadlineExceeded",
        message: format!("no answer within {allowed:?}"),
        retry_after: None,
    })
}

#[cfg(test)]
mod tests;
