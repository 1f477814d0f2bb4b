//! Deliveries to Amazon SNS: keys first, of the settings, of the surroundings, or of a role.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use outbound::{HttpConfig, Request, Response};
use tokio::sync::Mutex;

use super::{ByAddress, Deliverer, read, within};
use crate::notifier::Delivery;
pub(super) use crate::receiver::sns::ambient::Variables;
use crate::receiver::sns::ambient::{self, Source};
use crate::receiver::sns::role::{Keys, keys_in};
use crate::receiver::sns::{SnsSettings, host};
use crate::receiver::{Integration, Outcome, reply};

/// Keys that were lent to us, and until when they are used.
pub(super) type LentKeys = Mutex<HashMap<ByAddress<Integration>, (Keys, Timestamp)>>;

/// One attempt: its instant, and the time it has.
type Attempt = (Timestamp, Duration);

/// The variables of the process.
pub(super) fn environment() -> Arc<Variables> {
    Arc::new(|name| std::env::var(name).ok())
}

/// Where the topic is, as the settings or the surroundings say.
pub(super) fn region_of(settings: &SnsSettings, variables: &Variables) -> Option<String> {
    settings.region.clone().or_else(|| ambient::region(variables))
}

impl Deliverer {
    /// Makes one attempt, all its requests within `allowed`.
    pub(super) async fn sns(
        &self,
        settings: &SnsSettings,
        delivery: &Delivery,
        now: Timestamp,
        allowed: Duration,
    ) -> Outcome {
        within(allowed, self.publish(settings, delivery, (now, allowed))).await
    }

    async fn publish(&self, settings: &SnsSettings, delivery: &Delivery, (now, allowed): Attempt) -> Outcome {
        let api_url = match &settings.api_url {
            Some(url) => match read(url).await {
                Ok(url) => Some(url),
                Err(outcome) => return outcome,
            },
            None => None,
        };
        let keys = match self.keys(settings, delivery, (now, allowed)).await {
            Ok(keys) => keys,
            Err(outcome) => return outcome,
        };
        let rendered = settings.render(&delivery.notification, &self.renderer, (api_url.as_deref(), &keys), now);
        let request = match self.rendered(rendered, delivery) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        let hidden = reply::secrets_of(&request.url);
        let hidden: Vec<&str> = hidden.iter().map(String::as_str).chain(keys.secrets()).collect();
        let reply = self.post(&settings.http, request, allowed, now).await;
        let (outcome, is_expired) = settings.classify(reply.as_ref(), &hidden, now);
        if is_expired {
            self.lent_keys.lock().await.remove(&ByAddress(delivery.integration.clone()));
        }
        outcome
    }

    /// The keys to sign with: the settings', or lent ones while they last.
    async fn keys(&self, settings: &SnsSettings, delivery: &Delivery, attempt: Attempt) -> Result<Keys, Outcome> {
        let region = region_of(settings, &*self.variables);
        let region: Arc<str> = region.ok_or_else(|| refused("no region is given, nor AWS_REGION"))?.into();
        let own = match &settings.keys {
            Some((access_key, secret_key)) => {
                let (access_key, secret_key) = (read(access_key).await?, read(secret_key).await?);
                Some(Keys { access_key, secret_key, session_token: None, region: region.clone() })
            }
            None => None,
        };
        if let (Some(own), None) = (&own, &settings.role) {
            return Ok(own.clone());
        }
        let at = ByAddress(delivery.integration.clone());
        // not held while others are asked: who is slow to lend keys to one must not delay another
        let lent = self.lent_keys.lock().await.get(&at).cloned();
        if let Some((keys, _)) = lent.filter(|(_, until)| *until > attempt.0) {
            return Ok(keys);
        }
        let (mut keys, mut until) = match own {
            Some(own) => (own, None),
            None => self.ambient_keys(settings, &region, attempt).await?,
        };
        if settings.role.is_some() {
            let request = settings.assume_role(self.sts_url(&region), &keys, attempt.0);
            let request = request.ok_or_else(|| refused("the role cannot be asked for"))?;
            let answer = self.asked(settings, &settings.http, request, &keys.secrets(), attempt).await?;
            let (of_role, end) = keys_in(&text(&answer), &region).ok_or_else(|| refused(NO_KEYS))?;
            (keys, until) = (of_role, Some(end));
        }
        if let Some(until) = until {
            self.lent_keys.lock().await.insert(at, (keys.clone(), until));
        }
        Ok(keys)
    }

    /// Keys of the surroundings, and until when they are used if they end.
    async fn ambient_keys(
        &self,
        settings: &SnsSettings,
        region: &Arc<str>,
        attempt: Attempt,
    ) -> Result<(Keys, Option<Timestamp>), Outcome> {
        // agents are near: no proxy leads there
        let near = Arc::new(HttpConfig::default());
        let found = match Source::find(&*self.variables) {
            Source::Environment { access_key, secret_key, session_token } => {
                let session_token = session_token.map(Into::into);
                let (access_key, secret_key) = (access_key.into(), secret_key.into());
                return Ok((Keys { access_key, secret_key, session_token, region: region.clone() }, None));
            }
            Source::WebIdentity { role, token_file, session } => {
                let token = token_in(&token_file).await?;
                let request = ambient::by_token(self.sts_url(region), &role, &session, &token);
                let answer = self.asked(settings, &settings.http, request, &[&token], attempt).await?;
                keys_in(&text(&answer), region)
            }
            Source::Container { url, token, token_file } => {
                let token = match token_file {
                    Some(file) => Some(token_in(&file).await?),
                    None => token,
                };
                let request = ambient::at_container(&url, token.as_deref());
                let request = request.ok_or_else(|| refused("the token for the container's agent cannot be used"))?;
                let answer = self.asked(settings, &near, request, &[], attempt).await?;
                ambient::keys_in(&answer.body, region)
            }
            Source::Machine { url } => {
                let token = self.asked(settings, &near, ambient::machine_token(&url), &[], attempt).await?;
                let token = text(&token);
                let unusable = || refused("the token of the machine's agent cannot be used");
                let request = ambient::at_machine(&url, &token, "").ok_or_else(unusable)?;
                let role = text(&self.asked(settings, &near, request, &[&token], attempt).await?);
                let role = role.lines().next().unwrap_or_default();
                let request = ambient::at_machine(&url, &token, role).ok_or_else(unusable)?;
                ambient::keys_in(&self.asked(settings, &near, request, &[&token], attempt).await?.body, region)
            }
        };
        found.map(|(keys, until)| (keys, Some(until))).ok_or_else(|| refused(NO_KEYS))
    }

    /// The token service of a region.
    fn sts_url(&self, region: &str) -> String {
        (self.variables)("AWS_ENDPOINT_URL_STS").unwrap_or_else(|| host("sts", region))
    }

    /// The answer to a question about keys.
    async fn asked(
        &self,
        settings: &SnsSettings,
        http: &Arc<HttpConfig>,
        request: Request,
        secrets: &[&str],
        (now, allowed): Attempt,
    ) -> Result<Response, Outcome> {
        let reply = self.post(http, request, allowed, now).await;
        match (settings.classify(reply.as_ref(), secrets, now).0, reply) {
            (Outcome::Delivered | Outcome::DeliveredAs(_), Ok(response)) => Ok(response),
            (Outcome::Retry { reason, message, retry_after }, _) => {
                Err(Outcome::Retry { reason, message: format!("the keys to sign with: {message}"), retry_after })
            }
            (Outcome::Rejected { reason, message }, _) => {
                Err(Outcome::Rejected { reason, message: format!("the keys to sign with: {message}") })
            }
            (delivered, Err(_)) => Err(delivered),
        }
    }
}

const NO_KEYS: &str = "the answer to the question for keys holds none";

fn refused(message: &str) -> Outcome {
    Outcome::Rejected { reason: "authError", message: message.to_owned() }
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).trim().to_owned()
}

async fn token_in(path: &str) -> Result<String, Outcome> {
    let unreadable = |error| Outcome::Retry {
        reason: "authError",
        message: format!("cannot read the token in {path}: {error}"),
        retry_after: None,
    };
    tokio::fs::read_to_string(path).await.map(|token| token.trim().to_owned()).map_err(unreadable)
}
