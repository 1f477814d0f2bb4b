//! PagerDuty's Events API, v2 and v1.

mod event;
mod settings;

use model::Timestamp;
use outbound::{Request, Response, SendError};
use reqwest::StatusCode;
use sha2::{Digest, Sha256};

use super::webhook::payload::AlertBody;
use super::{Outcome, TemplateText, post_json, reply};
use crate::notification::{Notification, NotifiedAlert};
use crate::rendering::tree::{self, Decoding, Json};
use crate::rendering::{Page, RenderError, Rendered, Renderer, Shipped, plain};
use event::{Action, Detailed, Event, EventV1, Image, Link, Payload};
pub use settings::{PagerDutyImage, PagerDutyKey, PagerDutyLink, PagerDutySettings};

/// Where version 1 listens; `url` is for version 2 alone.
const V1_URL: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";

/// What an incident's severity is unless told otherwise.
const SEVERITY: &str = "error";

impl PagerDutySettings {
    /// The request for a notification. `url` and `key` are the secrets of the settings as read just now.
    ///
    /// # Errors
    /// The key is a template that fails or renders nothing: there is nobody to send a plain form to.
    pub fn render(
        &self,
        notification: &Notification,
        renderer: &Renderer,
        url: &str,
        key: &str,
    ) -> Result<Rendered<Request>, RenderError> {
        let page = renderer.page(notification);
        let key = page.go_text(key)?.trim().to_owned();
        if key.is_empty() {
            return Err(RenderError("the routing key or service key is empty".to_owned()));
        }
        let request = match self.key {
            PagerDutyKey::Routing(_) => post_json(url.to_owned(), self.event(&page, key).into_bytes()),
            PagerDutyKey::Service(_) => post_json(V1_URL.to_owned(), self.event_v1(&page, key).into_bytes()),
        };
        Ok(Rendered { request, degraded: page.degraded() })
    }

    /// What the answer means. `secrets` are not to be told.
    pub fn classify(&self, reply: Result<&Response, &SendError>, secrets: &[&str], now: Timestamp) -> Outcome {
        let told = reply.map(|response| told(response, secrets)).unwrap_or_default();
        match (reply::classify(reply, &told, now), reply) {
            // version 1 limits rates with 403
            (Outcome::Rejected { message, .. }, Ok(response))
                if matches!(self.key, PagerDutyKey::Service(_)) && response.status == StatusCode::FORBIDDEN =>
            {
                Outcome::Retry { reason: "rateLimited", message, retry_after: None }
            }
            (outcome, _) => outcome,
        }
    }

    fn event(&self, page: &Page<'_>, routing_key: String) -> Event {
        let client = self.client(page);
        let source = self.source.as_ref().and_then(|source| page.note("source", page.text(source)));
        let payload = Payload {
            summary: self.summary(page),
            source: source.unwrap_or_else(|| client.clone()),
            severity: self.severity(page),
            class: page.optional("class", self.class.as_ref()),
            component: page.optional("component", self.component.as_ref()),
            group: page.optional("group", self.group.as_ref()),
            custom_details: Json::Value(serde_json::Value::Null),
        };
        let mut event = Event {
            routing_key,
            dedup_key: dedup_key(page.notification),
            event_action: action(page.notification),
            payload,
            client,
            client_url: self.client_url(page),
            images: self.images(page),
            links: self.links(page),
        };
        // last, as they tell what failed before
        event.payload.custom_details = self.details(page);
        event
    }

    fn event_v1(&self, page: &Page<'_>, service_key: String) -> EventV1 {
        let event_type = action(page.notification);
        let told = event_type == Action::Trigger;
        EventV1 {
            service_key,
            incident_key: dedup_key(page.notification),
            event_type,
            description: self.summary(page),
            client: if told { self.client(page) } else { String::new() },
            client_url: if told { self.client_url(page) } else { String::new() },
            details: self.details(page),
        }
    }

    fn summary(&self, page: &Page<'_>) -> String {
        let summary = page.field("description", self.description.as_ref(), Shipped::PagerDutyDescription, || {
            plain::subject(page.notification)
        });
        event::cut(summary)
    }

    fn client(&self, page: &Page<'_>) -> String {
        page.field("client", self.client.as_ref(), Shipped::PagerDutyClient, || "Watchfire".to_owned())
    }

    fn client_url(&self, page: &Page<'_>) -> String {
        let plain = || page.external_url().to_owned();
        page.field("client_url", self.client_url.as_ref(), Shipped::PagerDutyClientUrl, plain)
    }

    fn severity(&self, page: &Page<'_>) -> String {
        let rendered = page.optional("severity", self.severity.as_ref());
        if rendered.is_empty() { SEVERITY.to_owned() } else { rendered }
    }

    fn images(&self, page: &Page<'_>) -> Vec<Image> {
        let text = |text: &TemplateText| page.optional("images", Some(text));
        let images = self.images.iter().map(|image| Image {
            src: text(&image.src),
            alt: text(&image.alt),
            href: text(&image.href),
        });
        images.filter(|image| !image.src.is_empty()).collect()
    }

    fn links(&self, page: &Page<'_>) -> Vec<Link> {
        let text = |text: &TemplateText| page.optional("links", Some(text));
        let links = self.links.iter().map(|link| Link { href: text(&link.href), text: text(&link.text) });
        links.filter(|link| !link.href.is_empty()).collect()
    }

    /// The user's details and the four that are always there, unless the user has them. What failed is told too.
    fn details(&self, page: &Page<'_>) -> Json {
        let mut details = Vec::new();
        for (name, value) in &self.details {
            let rendered = tree::render(page, value, Decoding::Structures);
            if let Some(value) = page.note(&format!("details.{name}"), rendered) {
                details.push((name.clone(), value));
            }
        }
        let (firing, resolved): (Vec<_>, Vec<_>) = page.alerts.iter().partition(|alert| alert.resolved_at.is_none());
        let defaults = [
            ("num_firing", Json::Value(firing.len().to_string().into())),
            ("num_resolved", Json::Value(resolved.len().to_string().into())),
            ("firing", alert_list(page, Shipped::PagerDutyFiring, &firing)),
            ("resolved", alert_list(page, Shipped::PagerDutyResolved, &resolved)),
        ];
        for (name, value) in defaults {
            if !details.iter().any(|(own, _)| own == name) {
                details.push((name.to_owned(), value));
            }
        }
        if let Some(failure) = page.degraded() {
            details.push(("template_error".to_owned(), Json::Value(failure.into())));
        }
        tree::object(details)
    }
}

/// Alerts as JSON; as text where the user has a template for it.
fn alert_list(page: &Page<'_>, shipped: Shipped, alerts: &[&NotifiedAlert]) -> Json {
    if page.is_redefined(shipped) {
        let plain = || plain::alerts(alerts.iter().copied());
        return Json::Value(page.field("details", None, shipped, plain).into());
    }
    let list: Vec<AlertBody<'_>> = alerts.iter().map(|alert| AlertBody::from(*alert)).collect();
    Json::Value(serde_json::to_value(list).unwrap_or_default())
}

/// One incident for each group, whatever alerts are in it.
fn dedup_key(notification: &Notification) -> String {
    hex::encode(Sha256::digest(&notification.group_key))
}

fn action(notification: &Notification) -> Action {
    if notification.is_firing() { Action::Trigger } else { Action::Resolve }
}

/// What PagerDuty says is wrong, for 400; the beginning of the answer otherwise.
fn told(response: &Response, secrets: &[&str]) -> String {
    #[derive(serde::Deserialize)]
    struct Complaint {
        message: String,
        #[serde(default)]
        errors: Vec<String>,
    }
    match serde_json::from_slice::<Complaint>(&response.body) {
        Ok(complaint) => {
            let text = format!("{}: {}", complaint.message, complaint.errors.join(", "));
            secrets
                .iter()
                .filter(|secret| !secret.is_empty())
                .fold(text, |text, secret| text.replace(secret, "<secret>"))
        }
        Err(_) => reply::excerpt(response, secrets),
    }
}

#[cfg(test)]
mod tests;
