//! Mails to one mail server: connections kept for the next mail, each attempt under a deadline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Timestamp;
use outbound::Guard;
use tokio::time::timeout;

use super::conversation::{Conversation, Limit};
use super::mail_tls::SystemRoots;
use crate::receiver::Outcome;
use crate::receiver::email::{EmailMessage, EmailSettings};

/// Longest attempt: a mail server takes a mail within this, or is asked again later.
const ATTEMPT_MAX: Duration = Duration::from_secs(30);

/// Longest wait for one answer.
const STEP_MAX: Duration = Duration::from_secs(10);

/// How long an idle connection may be used again.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// How many idle connections are kept.
const IDLE_CONNECTIONS_MAX: usize = 4;

/// Sends the mails of one integration.
pub(super) struct Mailer {
    idle: Mutex<Vec<(Conversation, Timestamp)>>,
    roots: SystemRoots,
    guard: Arc<Guard>,
}

impl Mailer {
    pub(super) fn new(roots: SystemRoots, guard: Arc<Guard>) -> Mailer {
        Mailer { idle: Mutex::default(), roots, guard }
    }

    /// Hands one mail in.
    pub(super) async fn send(
        &self,
        settings: &EmailSettings,
        mail: &EmailMessage,
        now: Timestamp,
        allowed: Duration,
    ) -> Outcome {
        let allowed = allowed.min(ATTEMPT_MAX);
        // a step that hangs is named before the whole attempt is out of time
        let limit = Limit(STEP_MAX.min(allowed / 2));
        match timeout(allowed, self.attempt(settings, mail, now, limit)).await {
            Ok(Ok(())) => Outcome::Delivered,
            Ok(Err(outcome)) => outcome,
            Err(_) => {
                let message = format!("{} did not take the mail within {allowed:?}", settings.smarthost);
                Outcome::Retry { reason: "contextDeadlineExceeded", message, retry_after: None }
            }
        }
    }

    async fn attempt(
        &self,
        settings: &EmailSettings,
        mail: &EmailMessage,
        now: Timestamp,
        limit: Limit,
    ) -> Result<(), Outcome> {
        let mut conversation = match self.idle(now, limit).await {
            Some(conversation) => conversation,
            None => Conversation::open(settings, &self.roots, &self.guard, limit).await?,
        };
        conversation.hand_in(mail, limit).await?;
        let mut idle = self.lock();
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push((conversation, now));
        }
        Ok(())
    }

    /// A connection that still answers.
    async fn idle(&self, now: Timestamp, limit: Limit) -> Option<Conversation> {
        loop {
            let (mut conversation, since) = self.lock().pop()?;
            if now.since(since) <= IDLE_MAX && conversation.is_alive(limit).await {
                return Some(conversation);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Conversation, Timestamp)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
