//! Deliveries of integrations that are data: a login if the service has one, then one request after the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use outbound::{Response, SecretText};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::{ByAddress, Deliverer, read, within};
use crate::notifier::Delivery;
use crate::receiver::preset::verdict::Judged;
use crate::receiver::preset::{Inputs, PresetSettings, Step};
use crate::receiver::{Integration, Outcome, reply};

/// Tokens of services with a login, and until when they are used.
pub(super) type Tokens = Mutex<HashMap<ByAddress<Integration>, (SecretText, Timestamp)>>;

impl Deliverer {
    /// Makes one attempt, all its requests within `allowed`.
    pub(super) async fn preset(
        &self,
        settings: &PresetSettings,
        delivery: &Delivery,
        now: Timestamp,
        allowed: Duration,
    ) -> Outcome {
        let allowed = settings.timeout.map_or(allowed, |timeout| timeout.min(allowed));
        within(allowed, self.converse(settings, delivery, now, allowed)).await
    }

    async fn converse(
        &self,
        settings: &PresetSettings,
        delivery: &Delivery,
        now: Timestamp,
        allowed: Duration,
    ) -> Outcome {
        let mut inputs = Inputs::default();
        for (name, secret) in settings.secrets() {
            match read(secret).await {
                Ok(text) => inputs.secrets.insert(name, text),
                Err(outcome) => return outcome,
            };
        }
        inputs.memory = delivery.named.as_ref().and_then(|named| serde_json::from_str(named).ok());
        let logged_in = self.log_in(settings, delivery, &mut inputs, (now, allowed)).await;
        if let Err(outcome) = logged_in {
            return outcome;
        }
        match self.tell(settings, delivery, &inputs, (now, allowed)).await {
            Judged::Outcome(outcome) => outcome,
            Judged::TokenExpired(outcome) => {
                self.tokens.lock().await.remove(&ByAddress(delivery.integration.clone()));
                outcome
            }
            Judged::Gone(outcome) if inputs.memory.is_none() => outcome,
            // what was to be changed is gone, so it is said anew
            Judged::Gone(_) => {
                inputs.memory = None;
                match self.tell(settings, delivery, &inputs, (now, allowed)).await {
                    Judged::Outcome(outcome) | Judged::TokenExpired(outcome) | Judged::Gone(outcome) => outcome,
                }
            }
        }
    }

    /// Sends the requests of a notification until one of them fails.
    async fn tell(
        &self,
        settings: &PresetSettings,
        delivery: &Delivery,
        inputs: &Inputs,
        (now, allowed): (Timestamp, Duration),
    ) -> Judged {
        let rendered = settings.render(&delivery.notification, &self.renderer, inputs);
        let steps = match self.rendered(rendered, delivery) {
            Ok(steps) => steps,
            Err(outcome) => return Judged::Outcome(outcome),
        };
        let mut last = Judged::Outcome(Outcome::Delivered);
        for Step { request, remember } in steps {
            let hidden = hidden(inputs, &request.url);
            let hidden: Vec<&str> = hidden.iter().map(String::as_str).collect();
            let reply = self.post(settings.http(), request, allowed, now).await;
            last = match (settings.classify(reply.as_ref(), &hidden, now), &reply) {
                (Judged::Outcome(Outcome::Delivered), Ok(response)) => Judged::Outcome(named(response, &remember)),
                (failed, _) => return failed,
            };
        }
        last
    }

    /// Gets a token, or takes the one that is still good.
    async fn log_in(
        &self,
        settings: &PresetSettings,
        delivery: &Delivery,
        inputs: &mut Inputs,
        (now, allowed): (Timestamp, Duration),
    ) -> Result<(), Outcome> {
        let Some(login) = &settings.preset.login else { return Ok(()) };
        let key = ByAddress(delivery.integration.clone());
        // not held while the service is asked: one that is slow must not delay another
        let known = self.tokens.lock().await.get(&key).cloned();
        if let Some((token, _)) = known.filter(|(_, until)| *until > now) {
            inputs.token = Some(token);
            return Ok(());
        }
        let unaddressed =
            |error| Outcome::Rejected { reason: "other", message: format!("cannot be addressed: {error}") };
        let request = settings.login(&delivery.notification, &self.renderer, inputs).map_err(unaddressed)?;
        let Some(request) = request else { return Ok(()) };
        let hidden = hidden(inputs, &request.url);
        let hidden: Vec<&str> = hidden.iter().map(String::as_str).collect();
        let reply = self.post(settings.http(), request, allowed, now).await;
        let judged = settings.classify(reply.as_ref(), &hidden, now);
        if let Judged::Outcome(outcome) | Judged::TokenExpired(outcome) | Judged::Gone(outcome) = judged
            && outcome != Outcome::Delivered
        {
            return Err(outcome);
        }
        let answer = reply.ok().and_then(|response| serde_json::from_slice::<Value>(&response.body).ok());
        let token = answer.as_ref().and_then(|answer| answer.get(&login.token)?.as_str());
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            let message = "the login gave no token".to_owned();
            return Err(Outcome::Rejected { reason: "authError", message });
        };
        let until = now.plus(Duration::from_secs(login.keep_seconds.unsigned_abs()));
        let token = SecretText::from(token);
        self.tokens.lock().await.insert(key, (token.clone(), until));
        inputs.token = Some(token);
        Ok(())
    }
}

/// What no outcome may tell.
fn hidden(inputs: &Inputs, url: &str) -> Vec<String> {
    let secrets = inputs.secrets.values().map(|secret| secret.to_string());
    secrets.chain(inputs.token.as_ref().map(|token| token.to_string())).chain(reply::secrets_of(url)).collect()
}

/// What the far side calls the message, if that is to be remembered.
fn named(response: &Response, keys: &[String]) -> Outcome {
    let answer = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
    let found: Map<String, Value> =
        keys.iter().filter_map(|key| Some((key.clone(), answer.get(key)?.clone()))).collect();
    if keys.is_empty() || found.len() < keys.len() {
        return Outcome::Delivered;
    }
    Outcome::DeliveredAs(Arc::from(Value::Object(found).to_string()))
}
