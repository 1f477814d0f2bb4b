//! What a delivery would say, without sending anything: rendered with stand-ins, so that no secret can be in it.

use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;
use outbound::secret::SHOWN;
use outbound::{Request, Response, SecretText};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{Deliverer, Keys, region_of};
use crate::notifier::Delivery;
use crate::receiver::Settings;
use crate::receiver::email::{EmailMessage, EmailSettings};
use crate::receiver::jira::{JiraSettings, Turn};
use crate::receiver::preset::{Inputs, PresetSettings};
use crate::receiver::sns::SnsSettings;
use crate::rendering::{RenderError, Rendered};

/// Stands in for secrets while a message is rendered: an address, which every key can be too.
const STAND_IN: &str = "http://secret.invalid";

/// The forms in which the stand-in may come out, the longest first.
const STAND_IN_FORMS: [&str; 3] = ["http%3A%2F%2Fsecret.invalid", STAND_IN, "secret.invalid"];

/// What Jira answers if it knows no issue of the group.
const NO_ISSUE: &[u8] = br#"{"issues":[]}"#;

/// The messages of one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// In the order they would be sent.
    pub messages: Vec<Message>,
    /// The failed templates, for which a plain text stands in.
    pub degraded: Option<String>,
}

/// One message, every secret in it shown as `<secret>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Message {
    /// A request; its headers are left out, as most of them prove who we are.
    Request {
        /// `POST` and the like.
        method: String,
        /// Where to.
        url: String,
        /// What it carries.
        body: String,
    },
    /// A mail.
    Mail {
        /// Name and text of each header, in order, nothing encoded.
        headers: Vec<(String, String)>,
        /// The part of plain text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The part of HTML.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        html: Option<String>,
    },
}

impl Deliverer {
    /// Renders what [`Deliverer::deliver`] would send for a group that nobody was told of yet.
    ///
    /// # Errors
    /// There is nobody to send it to: an address or a name that must be there fails or is empty.
    pub async fn preview(&self, delivery: &Delivery, now: Timestamp) -> Result<Preview, RenderError> {
        let notification = &delivery.notification;
        let one =
            |rendered: Rendered<Request>| Rendered { request: vec![rendered.request], degraded: rendered.degraded };
        let requests = match &delivery.integration.settings {
            Settings::Email(settings) => return self.preview_mail(settings, delivery),
            Settings::PagerDuty(settings) => one(settings.render(notification, &self.renderer, STAND_IN, STAND_IN)?),
            Settings::Webhook(settings) => one(settings.render(notification, &self.renderer, STAND_IN)?),
            Settings::Jira(settings) => self.preview_jira(settings, delivery, now).await?,
            Settings::Sns(settings) => one(self.preview_sns(settings, delivery, now)?),
            Settings::Preset(settings) => self.preview_preset(settings, delivery)?,
        };
        let messages = requests.request.iter().map(Message::of_request).collect();
        Ok(Preview { messages, degraded: requests.degraded.as_deref().map(hidden) })
    }

    fn preview_mail(&self, settings: &EmailSettings, delivery: &Delivery) -> Result<Preview, RenderError> {
        let Rendered { request, degraded } = settings.render(&delivery.notification, &self.renderer)?;
        let EmailMessage { headers, text, html, .. } = request;
        Ok(Preview { messages: vec![Message::Mail { headers, text, html }], degraded })
    }

    /// The search for the issue, and the issue that is made if there is none.
    async fn preview_jira(
        &self,
        settings: &JiraSettings,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<Rendered<Vec<Request>>, RenderError> {
        // of the address only the version of the API is used: it decides the form of texts
        let is_v3 = settings.url.read().await.is_ok_and(|url| url.trim_end_matches('/').ends_with("/3"));
        let url = format!("{STAND_IN}/rest/api/{}", if is_v3 { 3 } else { 2 });
        let Rendered { request: mut talk, degraded } = settings.render(&delivery.notification, &self.renderer, &url)?;
        let mut requests = vec![talk.open()];
        let answer = Response {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(NO_ISSUE),
            truncated: false,
        };
        if let Turn::Ask(request) = talk.hear(Ok(&answer), now) {
            requests.push(request);
        }
        Ok(Rendered { request: requests, degraded })
    }

    fn preview_sns(
        &self,
        settings: &SnsSettings,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<Rendered<Request>, RenderError> {
        let region = region_of(settings, &*self.variables);
        let region: Arc<str> =
            region.ok_or_else(|| RenderError("no region is given, nor AWS_REGION".to_owned()))?.into();
        let key = SecretText::from(STAND_IN);
        let keys = Keys { access_key: key.clone(), secret_key: key, session_token: None, region };
        let api_url = settings.api_url.as_ref().map(|_| STAND_IN);
        settings.render(&delivery.notification, &self.renderer, (api_url, &keys), now)
    }

    fn preview_preset(
        &self,
        settings: &PresetSettings,
        delivery: &Delivery,
    ) -> Result<Rendered<Vec<Request>>, RenderError> {
        let secrets = settings.secrets().into_iter().map(|(name, _)| (name, STAND_IN.into())).collect();
        let token = settings.preset.login.as_ref().map(|_| STAND_IN.into());
        let inputs = Inputs { secrets, token, memory: None };
        let Rendered { request: steps, degraded } = settings.render(&delivery.notification, &self.renderer, &inputs)?;
        Ok(Rendered { request: steps.into_iter().map(|step| step.request).collect(), degraded })
    }
}

impl Message {
    fn of_request(request: &Request) -> Message {
        Message::Request {
            method: request.method.to_string(),
            url: hidden(&request.url),
            body: hidden(&String::from_utf8_lossy(&request.body)),
        }
    }
}

fn hidden(text: &str) -> String {
    STAND_IN_FORMS.iter().fold(text.to_owned(), |text, form| text.replace(form, SHOWN))
}
