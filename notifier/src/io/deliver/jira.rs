//! Deliveries to Jira: one request after the other, as the answers ask for.

use std::time::Duration;

use model::Timestamp;

use super::{Deliverer, read, within};
use crate::notifier::Delivery;
use crate::receiver::Outcome;
use crate::receiver::jira::{JiraSettings, Turn};

impl Deliverer {
    /// Makes one attempt, all its requests within `allowed`.
    pub(super) async fn jira(
        &self,
        settings: &JiraSettings,
        delivery: &Delivery,
        now: Timestamp,
        allowed: Duration,
    ) -> Outcome {
        within(allowed, self.talk_to_jira(settings, delivery, now, allowed)).await
    }

    async fn talk_to_jira(
        &self,
        settings: &JiraSettings,
        delivery: &Delivery,
        now: Timestamp,
        allowed: Duration,
    ) -> Outcome {
        let url = match read(&settings.url).await {
            Ok(url) => url,
            Err(outcome) => return outcome,
        };
        let talk = settings.render(&delivery.notification, &self.renderer, &url);
        let mut talk = match self.rendered(talk, delivery) {
            Ok(talk) => talk,
            Err(outcome) => return outcome,
        };
        let mut request = talk.open();
        // at most four requests: each answer leads on
        loop {
            let reply = self.post(&settings.http, request, allowed, now).await;
            request = match talk.hear(reply.as_ref(), now) {
                Turn::Ask(request) => request,
                Turn::Done(outcome) => return outcome,
            };
        }
    }
}
