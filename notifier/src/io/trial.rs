//! A trial of a receiver: a sample alert sent through each of its integrations, or only rendered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use model::labels::ALERT_NAME;
use model::{LabelSet, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::deliver::{Deliverer, Message};
use super::desk::Desk;
use crate::config::Config;
use crate::notification::{Notification, NotifiedAlert, Reason};
use crate::notifier::{Delivery, DeliveryId};
use crate::receiver::{Outcome, Receiver};

/// Name of the alert if none is given.
const SAMPLE_NAME: &str = "ReceiverTest";

/// A trial that is asked for ends within this.
const DEADLINE: Duration = Duration::from_secs(20);

/// How many trials are under way at a time; more are refused.
const TRIALS_MAX: usize = 4;

static TURNS: Semaphore = Semaphore::const_new(TRIALS_MAX);

/// How many integrations are tried at a time.
const INTEGRATIONS_AT_A_TIME: usize = 8;

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrialOrder {
    /// Name of the receiver.
    pub receiver: String,
    /// Labels and annotations in place of the sample's, or beside them.
    #[serde(default)]
    pub alert: SampleAlert,
    /// Send nothing, show what would be sent.
    #[serde(default)]
    pub dry_run: bool,
}

/// What an alert says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleAlert {
    /// Names and values.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Names and texts.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// Name of the receiver.
    pub receiver: String,
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// In the order of the receiver; none if it tells nobody.
    pub integrations: Vec<TriedIntegration>,
}

/// What came of one integration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriedIntegration {
    /// `email`, `webhook`, ...
    pub integration: String,
    /// Among those of its kind.
    pub index: usize,
    /// The result.
    pub outcome: Trialed,
    /// Why it failed: `clientError`, `authError`, ... as in the metrics; empty if it did not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What happened, without secrets; empty if it did not fail.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Whether another attempt may succeed with the same content.
    pub retryable: bool,
    /// How long it took.
    pub duration_seconds: f64,
    /// Templates that failed; a plain text stands in for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// What would be sent; only in a dry run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// How a trial of an integration ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trialed {
    /// The far side has it.
    Sent,
    /// Nothing was sent, and it could be.
    Rendered,
    /// It was not delivered, or cannot be addressed.
    Failed,
}

impl Trial {
    /// Whether any integration failed.
    pub fn has_failed(&self) -> bool {
        self.integrations.iter().any(|tried| tried.outcome == Trialed::Failed)
    }
}

/// Why nothing is tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTrial {
    /// It has just started.
    #[error("the notifier has no configuration yet")]
    NoConfig,
    /// Says which receivers there are.
    #[error("{0}")]
    Unknown(String),
    /// Too many are tried now.
    #[error("{TRIALS_MAX} tests are under way; ask again when one has ended")]
    Busy,
}

/// Tries a receiver of the configuration in force, within 20 s.
///
/// # Errors
/// There is no such receiver, or too many are tried.
pub async fn ordered<D: Desk>(desk: &Arc<D>, order: TrialOrder) -> Result<Trial, NoTrial> {
    let (config, deliverer) = (desk.read(|notifier, _| notifier.config().cloned()), desk.deliverer());
    let (config, deliverer) = config.zip(deliverer).ok_or(NoTrial::NoConfig)?;
    let receiver = config.receivers.get(&order.receiver).cloned();
    let receiver = receiver.ok_or_else(|| NoTrial::Unknown(unknown_receiver(&config, &order.receiver)))?;
    let _turn = TURNS.try_acquire().map_err(|_| NoTrial::Busy)?;
    let desk = desk.clone();
    let clock = move || desk.read(|_, now| now);
    Ok(run(deliverer, receiver, order, DEADLINE, clock).await)
}

/// Tries a receiver, all of it within `allowed`. `clock` tells the time.
pub async fn run<C>(
    deliverer: Arc<Deliverer>,
    receiver: Arc<Receiver>,
    order: TrialOrder,
    allowed: Duration,
    clock: C,
) -> Trial
where
    C: Fn() -> Timestamp + Clone + Send + 'static,
{
    let started = clock();
    let notification = Arc::new(notification(&receiver.name, &order.alert, started));
    let deliveries: Vec<Delivery> = receiver
        .integrations
        .iter()
        .map(|integration| Delivery {
            id: DeliveryId(0),
            receiver: receiver.clone(),
            integration: integration.clone(),
            notification: notification.clone(),
            named: None,
            attempt: 1,
            is_recorded: false,
            deadline: started.plus(allowed),
        })
        .collect();
    let dry_run = order.dry_run;
    let trials = deliveries.into_iter().map(|delivery| tried(deliverer.clone(), delivery, dry_run, clock.clone()));
    let integrations = stream::iter(trials).buffered(INTEGRATIONS_AT_A_TIME).collect().await;
    Trial { receiver: receiver.name.clone(), dry_run, integrations }
}

async fn tried<C: Fn() -> Timestamp>(
    deliverer: Arc<Deliverer>,
    delivery: Delivery,
    dry_run: bool,
    clock: C,
) -> TriedIntegration {
    let started = clock();
    let mut tried = TriedIntegration {
        integration: delivery.integration.kind.to_owned(),
        index: delivery.integration.index,
        outcome: if dry_run { Trialed::Rendered } else { Trialed::Sent },
        reason: String::new(),
        message: String::new(),
        retryable: false,
        duration_seconds: 0.0,
        degraded: None,
        messages: Vec::new(),
    };
    match deliverer.preview(&delivery, started).await {
        Ok(preview) => {
            tried.degraded = preview.degraded;
            if dry_run {
                tried.messages = preview.messages;
            }
        }
        Err(error) if dry_run => tried.fail("other", format!("cannot be addressed: {error}"), false),
        // sending says the same, or there is more to go by than in a preview
        Err(_) => {}
    }
    if !dry_run {
        let allowed = delivery.deadline.since(started);
        match Box::pin(deliverer.deliver(&delivery, started, allowed)).await {
            Outcome::Delivered | Outcome::DeliveredAs(_) => {}
            Outcome::Retry { reason, message, .. } => tried.fail(reason, message, true),
            Outcome::Rejected { reason, message } => tried.fail(reason, message, false),
        }
    }
    tried.duration_seconds = clock().since(started).as_secs_f64();
    tried
}

impl TriedIntegration {
    fn fail(&mut self, reason: &str, message: String, retryable: bool) {
        (self.outcome, self.reason, self.message) = (Trialed::Failed, reason.to_owned(), message);
        self.retryable = retryable;
    }
}

/// What is said of a name that no receiver has.
pub fn unknown_receiver(config: &Config, name: &str) -> String {
    format!("there is no receiver {name:?}, but these: {}", config.receiver_order.join(", "))
}

/// One alert that fires, in a group that no route makes.
fn notification(receiver: &str, sample: &SampleAlert, now: Timestamp) -> Notification {
    let mut labels =
        BTreeMap::from([(ALERT_NAME.to_owned(), SAMPLE_NAME.to_owned()), ("severity".to_owned(), "info".to_owned())]);
    let summary = format!("A test of the receiver {receiver}; nothing is wrong");
    let mut annotations = BTreeMap::from([("summary".to_owned(), summary)]);
    labels.extend(sample.labels.clone());
    annotations.extend(sample.annotations.clone());
    let labels = LabelSet::from_pairs(labels);
    let group_labels = LabelSet::from_pairs([(ALERT_NAME, labels.alert_name())]);
    Notification {
        receiver: receiver.to_owned(),
        group_key: format!("test:{group_labels}"),
        group_labels,
        route_labels: LabelSet::empty(),
        alerts: vec![NotifiedAlert {
            fingerprint: labels.fingerprint(),
            labels,
            annotations: LabelSet::from_pairs(annotations),
            starts_at: now,
            resolved_at: None,
            generator_url: Arc::from(""),
        }],
        still_firing: false,
        reason: Reason::FirstNotification,
        at: now,
        digest: None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use model::matcher::parse::ParseMode;
    use model::source::SourceFile;

    use super::*;

    const FILE: &str = r#"
global: {smtp_smarthost: "localhost:1", smtp_from: w@example.com, smtp_auth_username: u, smtp_auth_password: hush-mail}
route: {receiver: all}
receivers:
- name: all
  email_configs: [{to: ops@example.com}]
  pagerduty_configs: [{routing_key: hush-pager}]
  webhook_configs: [{url: "http://127.0.0.1:1/hush-hook"}]
  slack_configs: [{api_url: "http://127.0.0.1:1/hush-slack", channel: ops}]
  telegram_configs: [{bot_token: "hush-bot", chat_id: 7}]
  jira_configs: [{api_url: "http://127.0.0.1:1/hush-jira/rest/api/3", project: P, issue_type: Bug}]
  sns_configs: [{topic_arn: "arn:aws:sns:us-east-1:1:t", sigv4: {region: us-east-1, access_key: hush-access, secret_key: hush-sns}}]
"#;

    async fn trial(dry_run: bool) -> Trial {
        let file = SourceFile::new("alertmanager.yml", FILE);
        let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let (config, _) = Config::parse(&file, Path::new(""), ParseMode::default(), &read).unwrap();
        let deliverer = Arc::new(Deliverer::new(&config, "http://am.example").unwrap());
        let alert =
            SampleAlert { labels: BTreeMap::from([("team".to_owned(), "video".to_owned())]), ..Default::default() };
        let order = TrialOrder { receiver: "all".to_owned(), alert, dry_run };
        let at = Timestamp::from_secs(1_000_000);
        run(deliverer, config.receivers["all"].clone(), order, Duration::from_secs(5), move || at).await
    }

    #[tokio::test]
    async fn a_dry_run_shows_every_kind_of_message_and_no_secret() {
        let trial = trial(true).await;
        assert!(!trial.has_failed(), "{trial:#?}");
        assert_eq!(trial.integrations.len(), 7);
        for tried in &trial.integrations {
            assert!(!tried.messages.is_empty(), "{tried:?}");
            assert_eq!(tried.degraded, None, "{tried:?}");
            let shown = serde_json::to_string(&tried.messages).unwrap();
            assert!(shown.contains("ReceiverTest"), "{shown}");
            assert!(!shown.contains("hush") && !shown.contains("secret.invalid"), "{shown}");
        }
        let text = serde_json::to_string(&trial).unwrap();
        assert_eq!(serde_json::from_str::<Trial>(&text).unwrap(), trial);
    }

    #[tokio::test]
    async fn what_nobody_takes_has_failed_and_is_told_without_secrets() {
        let trial = trial(false).await;
        assert!(trial.has_failed());
        let hook = trial.integrations.iter().find(|tried| tried.integration == "webhook").unwrap();
        assert_eq!((hook.outcome, hook.retryable), (Trialed::Failed, true));
        assert!(!hook.message.is_empty() && !serde_json::to_string(&trial).unwrap().contains("hush"), "{trial:?}");
    }
}
