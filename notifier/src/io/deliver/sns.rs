//! Deliveries to Amazon SNS, with keys of a role where the settings name one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use tokio::sync::Mutex;

use super::{ByAddress, Deliverer, read, within};
use crate::notifier::Delivery;
use crate::receiver::sns::SnsSettings;
use crate::receiver::sns::role::{Keys, keys_in};
use crate::receiver::{Integration, Outcome};

/// Keys of roles, and until when they are used.
pub(super) type RoleKeys = Mutex<HashMap<ByAddress<Integration>, (Keys, Timestamp)>>;

impl Deliverer {
    /// Makes one attempt, all its requests within `allowed`.
    pub(super) async fn sns(
        &self,
        settings: &SnsSettings,
        delivery: &Delivery,
        now: Timestamp,
        allowed: Duration,
    ) -> Outcome {
        within(allowed, self.publish(settings, delivery, now, allowed)).await
    }

    async fn publish(&self, settings: &SnsSettings, delivery: &Delivery, now: Timestamp, allowed: Duration) -> Outcome {
        let (keys, api_url) = match self.keys(settings, delivery, now, allowed).await {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let api_url = api_url.as_deref();
        let rendered = settings.render(&delivery.notification, &self.renderer, (api_url, &keys), now);
        let request = match self.rendered(rendered, delivery) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        let hidden = crate::receiver::reply::secrets_of(&request.url);
        let hidden: Vec<&str> = hidden.iter().map(String::as_str).chain(keys.secrets()).collect();
        let reply = self.post(&settings.http, request, allowed, now).await;
        let (outcome, is_expired) = settings.classify(reply.as_ref(), &hidden, now);
        if is_expired {
            self.role_keys.lock().await.remove(&ByAddress(delivery.integration.clone()));
        }
        outcome
    }

    /// The keys to sign with, and the address of the settings.
    async fn keys(
        &self,
        settings: &SnsSettings,
        delivery: &Delivery,
        now: Timestamp,
        allowed: Duration,
    ) -> Result<(Keys, Option<Arc<str>>), Outcome> {
        let (access_key, secret_key) = (read(&settings.access_key).await?, read(&settings.secret_key).await?);
        let own = Keys { access_key, secret_key, session_token: None };
        let api_url = match &settings.api_url {
            Some(url) => Some(read(url).await?),
            None => None,
        };
        if settings.role.is_none() {
            return Ok((own, api_url));
        }
        let at = ByAddress(delivery.integration.clone());
        let mut known = self.role_keys.lock().await;
        if let Some((keys, until)) = known.get(&at)
            && *until > now
        {
            return Ok((keys.clone(), api_url));
        }
        let (keys, until) = self.keys_of_role(settings, &own, now, allowed).await?;
        known.insert(at, (keys.clone(), until));
        Ok((keys, api_url))
    }

    async fn keys_of_role(
        &self,
        settings: &SnsSettings,
        own: &Keys,
        now: Timestamp,
        allowed: Duration,
    ) -> Result<(Keys, Timestamp), Outcome> {
        let rejected = |message: &str| Outcome::Rejected { reason: "authError", message: message.to_owned() };
        let request = settings.assume_role(own, now).ok_or_else(|| rejected("the role cannot be asked for"))?;
        let reply = self.post(&settings.http, request, allowed, now).await;
        match settings.classify(reply.as_ref(), &own.secrets(), now).0 {
            Outcome::Retry { reason, message, retry_after } => {
                return Err(Outcome::Retry {
                    reason,
                    message: format!("the keys of the role: {message}"),
                    retry_after,
                });
            }
            Outcome::Rejected { reason, message } => {
                return Err(Outcome::Rejected { reason, message: format!("the keys of the role: {message}") });
            }
            Outcome::Delivered | Outcome::DeliveredAs(_) => {}
        }
        let answer = reply.map(|response| String::from_utf8_lossy(&response.body).into_owned()).unwrap_or_default();
        keys_in(&answer).ok_or_else(|| rejected("the answer to the request for the role's keys holds no keys"))
    }
}
