//! Webhooks: an HTTP POST of JSON.

pub(crate) mod payload;
mod settings;
pub mod signature;

use model::Timestamp;
use outbound::{Request, Response, SendError};

use super::{Outcome, post_json, reply};
use crate::notification::Notification;
use crate::rendering::tree::{self, Decoding};
use crate::rendering::{RenderError, Rendered, Renderer};
pub use settings::WebhookSettings;
pub use signature::Signature;

impl WebhookSettings {
    /// The request for a notification. `url` is the text of the setting as read just now.
    ///
    /// # Errors
    /// The address is a template that fails: there is nowhere to send a plain form to.
    pub fn render(
        &self,
        notification: &Notification,
        renderer: &Renderer,
        url: &str,
    ) -> Result<Rendered<Request>, RenderError> {
        let alerts_max = if self.max_alerts == 0 { usize::MAX } else { self.max_alerts };
        let page = renderer.page_of(notification, alerts_max);
        let url = page.go_text(url)?;
        let own =
            self.payload.as_ref().and_then(|own| page.note("payload", tree::render(&page, own, Decoding::Everything)));
        let body = match own {
            Some(own) => super::go_lines(&own),
            None => payload::body(&page),
        };
        Ok(Rendered { request: post_json(url, body), degraded: page.degraded() })
    }

    /// What the answer means. Of `url`, the address as it was rendered, nothing is told.
    pub fn classify(&self, reply: Result<&Response, &SendError>, url: &str, now: Timestamp) -> Outcome {
        let secrets = reply::secrets_of(url);
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let told = reply.map(|response| reply::excerpt(response, &secrets)).unwrap_or_default();
        reply::classify(reply, &told, now)
    }
}

#[cfg(test)]
mod tests;
