//! A stage for stories: a notifier, a store, and receivers that answer by a script. Times are seconds since the curtain.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::matcher::parse::ParseMode;
use model::source::SourceFile;
use model::{Alert, LabelSet, Matcher, Timestamp};
use uuid::Uuid;

use crate::config::Config;
use crate::decision::Decision;
use crate::notifier::{Delivery, Effect, Notifier, Settings};
use crate::receiver::Outcome;
use crate::silence::{SilenceDraft, SilenceError};

/// What the far side does with an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    /// Takes it at once.
    Ok,
    /// Takes it, and says so after some seconds.
    OkAfter(f64),
    /// Taken, and this is what it is called.
    OkAs(&'static str),
    /// Fails at once.
    Fail,
    /// Fails after some seconds, and may ask to be left alone for some more.
    FailAfter(f64, Option<f64>),
    /// Will never take it.
    Reject,
}

type Script = Box<dyn FnMut(&Delivery, f64) -> Reply>;

pub(super) struct Stage {
    pub(super) notifier: Notifier,
    settings: Settings,
    config: Arc<Config>,
    pub(super) now: Timestamp,
    pub(super) store: BTreeMap<String, Vec<u8>>,
    script: Script,
    pub(super) replies: Vec<(Timestamp, crate::notifier::DeliveryId, Outcome)>,
    /// What was taken by the far side, with its time.
    pub(super) taken: Vec<(f64, Delivery)>,
    heard_before: usize,
    /// Every attempt, with its time.
    pub(super) attempts: Vec<(f64, Delivery)>,
    pub(super) decisions: Vec<Decision>,
    silences: u128,
}

pub(super) fn t(seconds: f64) -> Timestamp {
    // 2025-01-06T00:00:00Z, a Monday.
    Timestamp::from_millis(1_736_121_600_000 + (seconds * 1000.0).round() as i64)
}

pub(super) fn seconds(at: Timestamp) -> f64 {
    (at.as_nanos() - t(0.0).as_nanos()) as f64 / 1e9
}

pub(crate) fn config(yaml: &str) -> Arc<Config> {
    let file = SourceFile::new("test.yml", yaml);
    let reader = |_: &Path| Err(std::io::Error::other("no files here"));
    match Config::parse(&file, Path::new(""), ParseMode::default(), &reader) {
        Ok((config, _)) => Arc::new(config),
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// A configuration with one route, by timings, to one webhook `hook`.
pub(super) fn simple(group_by: &str, wait: &str, interval: &str, repeat: &str) -> Arc<Config> {
    config(&format!(
        "route: {{receiver: hook, group_by: {group_by}, group_wait: {wait}, group_interval: {interval}, repeat_interval: {repeat}}}
receivers: [{{name: hook, webhook_configs: [{{url: 'http://hook'}}]}}]"
    ))
}

/// `labels("alertname=K i=1")`
pub(super) fn labels(text: &str) -> LabelSet {
    text.split_whitespace().map(|pair| pair.split_once('=').unwrap()).collect()
}

/// A firing alert without an end.
pub(super) fn alert(text: &str) -> Alert {
    Alert {
        labels: labels(text),
        annotations: LabelSet::empty(),
        starts_at: None,
        ends_at: None,
        generator_url: "".into(),
    }
}

pub(super) fn from(start: f64, text: &str) -> Alert {
    Alert { starts_at: Some(t(start)), ..alert(text) }
}

pub(super) fn between(start: f64, end: f64, text: &str) -> Alert {
    Alert { ends_at: Some(t(end)), ..from(start, text) }
}

pub(super) fn noted(note: &str, alert: Alert) -> Alert {
    Alert { annotations: LabelSet::from_pairs([("note", note)]), ..alert }
}

impl Stage {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self::with(Settings::default(), config)
    }

    pub(super) fn with(settings: Settings, config: Arc<Config>) -> Self {
        let mut stage = Self {
            notifier: Notifier::new(settings.clone()),
            settings,
            config: Arc::clone(&config),
            now: t(0.0),
            store: BTreeMap::new(),
            script: Box::new(|_, _| Reply::Ok),
            replies: Vec::new(),
            taken: Vec::new(),
            heard_before: 0,
            attempts: Vec::new(),
            decisions: Vec::new(),
            silences: 0,
        };
        stage.reload(config);
        stage
    }

    /// One that does as Alertmanager does.
    pub(super) fn alertmanager(config: Arc<Config>) -> Self {
        Self::with(Settings { as_alertmanager: true, ..Settings::default() }, config)
    }

    pub(super) fn is_alertmanager(&self) -> bool {
        self.settings.as_alertmanager
    }

    pub(super) fn script(mut self, script: impl FnMut(&Delivery, f64) -> Reply + 'static) -> Self {
        self.set_script(script);
        self
    }

    pub(super) fn set_script(&mut self, script: impl FnMut(&Delivery, f64) -> Reply + 'static) {
        self.script = Box::new(script);
    }

    /// Lets time pass until everything due by then has happened.
    pub(super) fn at(&mut self, seconds: f64) -> &mut Self {
        let until = t(seconds);
        loop {
            let wake = self.notifier.next_wake().filter(|wake| *wake <= until);
            self.replies.sort_by_key(|(at, id, _)| (*at, *id));
            let reply = self.replies.first().map(|(at, ..)| *at).filter(|at| *at <= until);
            let mut out = Vec::new();
            match (wake, reply) {
                (None, None) => break,
                (wake, Some(reply)) if wake.is_none_or(|wake| reply < wake) => {
                    let (at, id, outcome) = self.replies.remove(0);
                    self.now = self.now.max(at);
                    self.notifier.delivered(self.now, id, outcome, &mut out);
                }
                (wake, _) => {
                    self.now = self.now.max(wake.unwrap_or(self.now));
                    self.notifier.advance(self.now, &mut out);
                }
            }
            self.perform(out);
        }
        self.now = self.now.max(until);
        self
    }

    /// The system clock is set back, which is noticed at once.
    pub(super) fn clock_set_back(&mut self, seconds: f64) -> &mut Self {
        let mut out = Vec::new();
        self.notifier.advance(self.now, &mut out);
        self.now = self.now.minus(Duration::from_secs_f64(seconds));
        self.notifier.advance(self.now, &mut out);
        self.perform(out);
        self
    }

    /// The system clock is put forward, and the shell says so.
    pub(super) fn clock_put_forward(&mut self, seconds: f64) -> &mut Self {
        let (mut out, step) = (Vec::new(), Duration::from_secs_f64(seconds));
        self.now = self.now.plus(step);
        self.notifier.clock_moved(self.now, model::ClockStep::Forward(step), &mut out);
        self.notifier.advance(self.now, &mut out);
        self.perform(out);
        self
    }

    pub(super) fn push(&mut self, alerts: impl IntoIterator<Item = Alert>) -> &mut Self {
        let mut out = Vec::new();
        self.notifier.receive(self.now, alerts.into_iter().collect(), &mut out).unwrap();
        self.perform(out);
        self
    }

    pub(super) fn reload(&mut self, config: Arc<Config>) -> &mut Self {
        let mut out = Vec::new();
        self.config = Arc::clone(&config);
        self.notifier.configure(self.now, config, &mut out);
        self.perform(out);
        self
    }

    /// Ends the process, whatever is under way, and starts another on the same store after some seconds.
    pub(super) fn restart(&mut self, down: f64) -> &mut Self {
        self.replies.clear();
        self.now = self.now.plus(Duration::from_secs_f64(down));
        self.notifier = Notifier::new(self.settings.clone());
        let warnings = self.notifier.restore(self.now, self.store.clone().into_iter());
        assert_eq!(warnings, [""; 0]);
        let config = Arc::clone(&self.config);
        self.reload(config)
    }

    pub(super) fn silence(&mut self, matchers: &[Matcher], start: f64, end: f64) -> Uuid {
        self.set_silence(draft(matchers, start, end)).unwrap()
    }

    pub(super) fn set_silence(&mut self, draft: SilenceDraft) -> Result<Uuid, SilenceError> {
        self.silences += 1;
        let mut out = Vec::new();
        let set = self.notifier.set_silence(self.now, draft, Uuid::from_u128(self.silences), &mut out);
        self.perform(out);
        set
    }

    /// Any other input.
    pub(super) fn input<T>(&mut self, input: impl FnOnce(&mut Notifier, Timestamp, &mut Vec<Effect>) -> T) -> T {
        let mut out = Vec::new();
        let answer = input(&mut self.notifier, self.now, &mut out);
        self.perform(out);
        answer
    }

    pub(super) fn acknowledge(
        &mut self,
        draft: crate::acknowledgement::AckDraft,
    ) -> Result<usize, crate::acknowledgement::AckError> {
        let mut out = Vec::new();
        let made = self.notifier.acknowledge(self.now, draft, &mut out);
        self.perform(out);
        made.map(|made| made.len())
    }

    pub(super) fn expire(&mut self, id: Uuid) -> &mut Self {
        let mut out = Vec::new();
        self.notifier.expire_silence(self.now, id, &mut out).unwrap();
        self.perform(out);
        self
    }

    /// The keys of what the store has beside the history.
    pub(super) fn kept(&self) -> Vec<&str> {
        self.store.keys().map(String::as_str).filter(|key| !key.starts_with("history/")).collect()
    }

    /// What the far side took since the last call: time, receiver, reason, alerts (those resolved with a minus).
    pub(super) fn heard(&mut self) -> Vec<String> {
        let new = std::mem::replace(&mut self.heard_before, self.taken.len());
        self.taken[new..].iter().map(|(at, delivery)| line(*at, delivery)).collect()
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist { key, value } => {
                    self.store.insert(key, value);
                }
                Effect::Forget { key } => {
                    self.store.remove(&key);
                }
                Effect::Decided(decision) => self.decisions.push(decision),
                Effect::Deliver(delivery) => self.send(delivery),
            }
        }
    }

    fn send(&mut self, delivery: Delivery) {
        let now = seconds(self.now);
        let failed = |retry_after: Option<f64>| Outcome::Retry {
            reason: "serverError",
            message: "503".to_owned(),
            retry_after: retry_after.map(Duration::from_secs_f64),
        };
        let (after, outcome) = match (self.script)(&delivery, now) {
            Reply::Ok => (0.0, Outcome::Delivered),
            Reply::OkAfter(after) => (after, Outcome::Delivered),
            Reply::OkAs(name) => (0.0, Outcome::DeliveredAs(name.into())),
            Reply::Fail => (0.0, failed(None)),
            Reply::FailAfter(after, retry_after) => (after, failed(retry_after)),
            Reply::Reject => (0.0, Outcome::Rejected { reason: "clientError", message: "400".to_owned() }),
        };
        if outcome.is_delivered() {
            self.taken.push((now, delivery.clone()));
        }
        self.replies.push((self.now.plus(Duration::from_secs_f64(after)), delivery.id, outcome));
        self.attempts.push((now, delivery));
    }
}

pub(super) fn draft(matchers: &[Matcher], start: f64, end: f64) -> SilenceDraft {
    SilenceDraft {
        id: None,
        matchers: matchers.to_vec(),
        starts_at: t(start),
        ends_at: t(end),
        created_by: "ann".to_owned(),
        comment: "works".to_owned(),
        annotations: LabelSet::empty(),
        until_resolved: None,
    }
}

/// `2.5 hook/1 new alerts added: K/1 -K/2`: a resolved alert carries a minus, label values stand for the alert.
fn line(now: f64, delivery: &Delivery) -> String {
    let name = |alert: &crate::notification::NotifiedAlert| {
        let values: Vec<&str> = alert.labels.iter().map(|(_, value)| value).collect();
        let sign = if alert.resolved_at.is_some() { "-" } else { "" };
        let note = alert.annotations.get("note").map(|note| format!("({note})")).unwrap_or_default();
        format!("{sign}{}{note}", values.join("/"))
    };
    let alerts: Vec<String> = delivery.notification.alerts.iter().map(name).collect();
    let (receiver, reason) = (&delivery.receiver.name, delivery.notification.reason.as_str());
    let index = if delivery.receiver.integrations.len() > 1 {
        format!("/{}", delivery.integration.index)
    } else {
        String::new()
    };
    format!("{now} {receiver}{index} {reason}: {}", alerts.join(" "))
}
