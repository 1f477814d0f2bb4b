//! The call that publishes a message.

use model::Timestamp;
use outbound::Request;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use url::form_urlencoded::Serializer;

use super::role::Keys;
use super::{SnsSettings, SnsTarget, host};
use crate::notification::Notification;
use crate::receiver::TemplateText;
use crate::receiver::preset::definition::Limit;
use crate::receiver::preset::limit::cut;
use crate::rendering::{Page, RenderError, Rendered, Renderer, plain};

/// Longest message, with what marks its end.
const MESSAGE: Limit = Limit::Bytes(256 * 1024);

/// Longest text message.
const TEXT_MESSAGE: Limit = Limit::Characters(1600);

/// Longest subject; Amazon refuses a longer one with the whole message.
const SUBJECT: Limit = Limit::Characters(99);

/// End of the names of topics that keep an order.
const FIFO: &str = ".fifo";

impl SnsSettings {
    /// The signed request for a notification. `api_url` is that setting as read just now.
    ///
    /// # Errors
    /// The address or the target fail or come out empty: there is nobody to send a plain form to.
    pub(crate) fn render(
        &self,
        notification: &Notification,
        renderer: &Renderer,
        (api_url, keys): (Option<&str>, &Keys),
        now: Timestamp,
    ) -> Result<Rendered<Request>, RenderError> {
        let page = renderer.page(notification);
        let url = match api_url {
            Some(template) => {
                page.go_text(template).map_err(|_| RenderError("the template in api_url fails".to_owned()))?
            }
            None => String::new(),
        };
        let url = if url.is_empty() { host("sns", &keys.region) } else { url };
        let mut request = form_post(url, &self.parameters(&page)?);
        let unusable = || RenderError("the address cannot be used".to_owned());
        self.sign(&mut request, "sns", keys, now).ok_or_else(unusable)?;
        Ok(Rendered { request, degraded: page.degraded() })
    }

    /// Names and values, by name.
    fn parameters(&self, page: &Page<'_>) -> Result<Vec<(String, String)>, RenderError> {
        let (target_name, target, limit) = match &self.target {
            SnsTarget::Topic(topic) => ("TopicArn", needed(page, "topic_arn", topic)?, MESSAGE),
            SnsTarget::Phone(number) => ("PhoneNumber", needed(page, "phone_number", number)?, TEXT_MESSAGE),
            SnsTarget::Endpoint(target) => ("TargetArn", needed(page, "target_arn", target)?, MESSAGE),
        };
        let mut attributes = self.attributes(page);
        let subject = subject(page, &self.subject);
        let message = page
            .note("message", page.text(&self.message))
            .unwrap_or_else(|| plain::body(page.notification, &page.degraded().unwrap_or_default()));
        // an empty message is refused
        let message = if message.is_empty() { plain::subject(page.notification) } else { message };
        let whole = message.clone();
        let message = cut(message, limit);
        if message != whole {
            attributes.retain(|(name, _)| name != "truncated");
            attributes.push(("truncated".to_owned(), "true".to_owned()));
        }
        let mut parameters = vec![
            ("Action".to_owned(), "Publish".to_owned()),
            ("Version".to_owned(), "2010-03-31".to_owned()),
            (target_name.to_owned(), target.clone()),
        ];
        if matches!(self.target, SnsTarget::Topic(_)) && target.ends_with(FIFO) {
            let group = hex::encode(Sha256::digest(&page.notification.group_key));
            // not the group alone: a resolve within five minutes would be taken for the same message, and dropped
            let this = Sha256::new().chain_update(&group).chain_update(page.notification.at.to_rfc3339());
            parameters.push(("MessageDeduplicationId".to_owned(), hex::encode(this.finalize())));
            parameters.push(("MessageGroupId".to_owned(), group));
        }
        for (at, (name, text)) in attributes.into_iter().enumerate() {
            let entry = format!("MessageAttributes.entry.{}", at + 1);
            parameters.push((format!("{entry}.Name"), name));
            parameters.push((format!("{entry}.Value.DataType"), "String".to_owned()));
            parameters.push((format!("{entry}.Value.StringValue"), text));
        }
        if !subject.is_empty() {
            parameters.push(("Subject".to_owned(), subject));
        }
        parameters.push(("Message".to_owned(), message));
        parameters.sort();
        Ok(parameters)
    }

    /// Those that say something: an empty one is refused with the whole message.
    fn attributes(&self, page: &Page<'_>) -> Vec<(String, String)> {
        let attribute = |(name, text): &(TemplateText, TemplateText)| {
            (page.optional("attributes", Some(name)), page.optional("attributes", Some(text)))
        };
        let mut attributes: Vec<_> = self.attributes.iter().map(attribute).collect();
        attributes.retain(|(name, text)| !name.is_empty() && !text.is_empty());
        attributes.sort();
        attributes
    }
}

/// On one line.
fn subject(page: &Page<'_>, text: &TemplateText) -> String {
    let rendered = page.note("subject", page.text(text)).unwrap_or_else(|| plain::subject(page.notification));
    let words: Vec<&str> = rendered.split(char::is_control).filter(|line| !line.is_empty()).collect();
    cut(words.join(" "), SUBJECT)
}

fn needed(page: &Page<'_>, name: &str, text: &TemplateText) -> Result<String, RenderError> {
    let text = page.text(text).map_err(|error| RenderError(format!("{name}: {error}")))?;
    if text.is_empty() { Err(RenderError(format!("{name} is empty"))) } else { Ok(text) }
}

/// A POST as Amazon's older services take it.
pub(super) fn form_post(url: String, parameters: &[(String, String)]) -> Request {
    let body = Serializer::new(String::new()).extend_pairs(parameters).finish();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    Request { method: Method::POST, url, headers: HeaderMap::from_iter([(CONTENT_TYPE, form)]), body: body.into() }
}
