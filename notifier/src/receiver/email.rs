//! E-mail over SMTP.

mod message;
mod settings;
mod smarthost;

use lettre::message::{Mailbox, Mailboxes};
use sha2::{Digest, Sha256};

use crate::notification::Notification;
use crate::rendering::{Page, RenderError, Rendered, Renderer, Shipped, plain};
pub use message::EmailMessage;
pub use settings::{EmailAuth, EmailSettings, Threading};
pub(crate) use settings::{mail_tls, read_smarthost};
pub use smarthost::Smarthost;

/// Carries what failed, if a template did.
const FAILURE_HEADER: &str = "X-Watchfire-Template-Error";

impl EmailSettings {
    /// The mail for a notification.
    ///
    /// # Errors
    /// Sender or recipients are templates that fail, or are no addresses: there is nobody to send a plain form to.
    pub fn render(
        &self,
        notification: &Notification,
        renderer: &Renderer,
    ) -> Result<Rendered<EmailMessage>, RenderError> {
        let page = renderer.page(notification);
        let (to, from) = (page.text(&self.to)?, page.text(&self.from)?);
        let recipients: Mailboxes =
            to.parse().map_err(|error| RenderError(format!("{to:?} are no addresses: {error}")))?;
        let sender: Mailbox = from.parse().map_err(|error| RenderError(format!("{from:?} is no address: {error}")))?;
        let recipients: Vec<String> = recipients.iter().map(|mailbox| mailbox.email.to_string()).collect();
        if recipients.is_empty() {
            return Err(RenderError("there is no recipient".to_owned()));
        }
        let sender = sender.email.to_string();
        let digest = hex::encode(Sha256::digest(format!(
            "{}\0{}\0{to}\0{from}\0{}",
            notification.group_key,
            notification.at.as_nanos(),
            notification.reason.as_str(),
        )));
        let (text, html) = self.parts(&page);
        let mut headers = self.headers(&page, (to, from));
        self.add_standing_headers(&mut headers, notification, &message_id(&digest, &sender));
        if let Some(failure) = page.degraded() {
            headers.push((FAILURE_HEADER.to_owned(), failure));
        }
        let boundary = format!("=_{}", digest.get(..32).unwrap_or(&digest));
        let request = EmailMessage { sender, recipients, headers, text, html, boundary };
        Ok(Rendered { request, degraded: page.degraded() })
    }

    /// Text and HTML: those the settings have; both shipped ones if they have none. A part that fails is replaced by
    /// the plain text.
    fn parts(&self, page: &Page<'_>) -> (Option<String>, Option<String>) {
        if page.notification.digest.is_some() {
            // Texts of the settings are made for the alerts of one group.
            let text = page.note("text", page.shipped(Shipped::DigestText));
            let text = text.or_else(|| Some(page.notification.digest.as_ref()?.text()));
            return (text, page.note("html", page.shipped(Shipped::DigestHtml)));
        }
        let is_off = |text: &Option<_>| matches!(text, Some(text) if is_empty(text));
        let html = match &self.html {
            Some(html) => (!is_empty(html)).then(|| page.note("html", page.html(html))).flatten(),
            None => page.note("html", page.shipped(Shipped::EmailHtml)),
        };
        let text = match &self.text {
            Some(text) => (!is_empty(text)).then(|| page.note("text", page.text(text))).flatten(),
            None if self.html.is_none() || is_off(&self.html) => page.note("text", page.shipped(Shipped::EmailText)),
            None => None,
        };
        match page.degraded() {
            // a mail with nothing in it would not be read
            None if text.is_none() && html.is_none() => (Some(plain::body(page.notification, "")), None),
            None => (text, html),
            Some(failure) => {
                let plain = plain::body(page.notification, &failure);
                (Some(text.map_or(plain.clone(), |text| format!("{text}\n\n{plain}"))), html)
            }
        }
    }

    /// Subject, To and From, unless the user has them, and the user's.
    fn headers(&self, page: &Page<'_>, (to, from): (String, String)) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        for (name, text) in &self.headers {
            if name != "Subject"
                && let Some(text) = page.note(&format!("header {name}"), page.text(text))
            {
                headers.push((name.clone(), text));
            }
        }
        let subject = self.headers.iter().find(|(name, _)| name == "Subject").map(|(_, text)| text);
        let subject = match &page.notification.digest {
            Some(digest) => page.field("subject", None, Shipped::DigestSubject, || digest.title()),
            None => page.field("subject", subject, Shipped::EmailSubject, || plain::subject(page.notification)),
        };
        headers.insert(0, ("Subject".to_owned(), subject));
        add_missing(&mut headers, "To", to);
        add_missing(&mut headers, "From", from);
        headers
    }

    fn add_standing_headers(&self, headers: &mut Vec<(String, String)>, notification: &Notification, id: &str) {
        add_missing(headers, "Message-Id", id.to_owned());
        let date = notification.at.to_jiff().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
        add_missing(headers, "Date", date);
        // mail programs that are on holiday do not answer
        add_missing(headers, "Auto-Submitted", "auto-generated".to_owned());
        if let Some(root) = self.thread_root(notification) {
            add_missing(headers, "References", root.clone());
            add_missing(headers, "In-Reply-To", root);
        }
    }

    /// The mail that all mails of a thread answer to. Nobody ever sent it; mail programs do not mind.
    fn thread_root(&self, notification: &Notification) -> Option<String> {
        let day = match self.threading {
            Threading::Off => return None,
            Threading::Daily => notification.at.to_jiff().strftime("%Y-%m-%d").to_string(),
            Threading::Forever => String::new(),
        };
        let group = hex::encode(Sha256::digest(&notification.group_key));
        Some(format!("<alert-{}-{day}@alertmanager>", group.get(..16).unwrap_or(&group)))
    }
}

fn is_empty(text: &super::TemplateText) -> bool {
    text.as_str().is_empty()
}

fn add_missing(headers: &mut Vec<(String, String)>, name: &str, text: String) {
    if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
        headers.push((name.to_owned(), text));
    }
}

/// The same for every attempt at the same content, so that a mail that arrives twice is shown once.
fn message_id(digest: &str, sender: &str) -> String {
    let domain = sender.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    format!("<{}@{domain}>", digest.get(..40).unwrap_or(digest))
}

#[cfg(test)]
mod tests;
