//! A group of alerts as its source sees it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::ledger::{AlertId, Class, Due, Ledger, Status};
use crate::service::{GROUP_INTERVAL, GROUP_WAIT};
use crate::story::{Story, Team};

/// An alert that goes on as it was is sent again after that time.
const RESEND_SECS: i64 = 60;
/// What is sent as firing is valid for that long: four times the above, as Prometheus has it.
const VALID_SECS: i64 = 240;
/// How often it is said that an alert is over.
const RESOLVED_SENDS: u8 = 3;
/// A generation that would end sooner is left out at the beginning.
const LEFT_SECS_MIN: i64 = 150;
/// What flaps stays as it is for this long at least: who is told once in `group_interval` must come to see it, also where this
/// client had to catch up.
const SEEN_SECS: i64 = 45;
/// A silence goes on for so long after the generation that it hides.
const SILENCE_SPARE_SECS: i64 = 30;
/// What inhibits a group is an alert of this number.
const SOURCE: usize = 999_999;

/// All there is at its source about a group.
pub(crate) struct Group {
    number: usize,
    size: usize,
    story: Story,
    team: Team,
    round: u64,
    /// The alerts' generation, once there was one.
    generation: Option<i64>,
    alerts: Vec<Alert>,
    /// What inhibits them.
    source: Option<Alert>,
    silence: Option<String>,
    is_lifted: bool,
    /// Generations that are over, with what is still to be said of them.
    former: Vec<(i64, Vec<(usize, Alert)>)>,
}

#[derive(Clone, Copy)]
struct Alert {
    status: Status,
    starts_at: i64,
    ends_at: i64,
    sent_at: i64,
    sends_left: u8,
}

/// About a silence.
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Alert {
    fn firing(now: i64) -> Self {
        Self { status: Status::Firing, starts_at: now, ends_at: now + VALID_SECS, sent_at: now, sends_left: 0 }
    }

    /// Of which nobody has heard.
    fn silent() -> Self {
        Self { status: Status::Resolved, ..Self::firing(0) }
    }

    fn resolved(self, now: i64) -> Self {
        Self { status: Status::Resolved, ends_at: now, sent_at: now, sends_left: RESOLVED_SENDS - 1, ..self }
    }

    /// Whether it is sent although nothing changed; as it is then.
    fn again(self, now: i64) -> Option<Self> {
        if now - self.sent_at < RESEND_SECS {
            return None;
        }
        match self.status {
            Status::Firing => Some(Self { ends_at: now + VALID_SECS, sent_at: now, ..self }),
            Status::Resolved if self.sends_left == 0 => None,
            Status::Resolved => Some(Self { sent_at: now, sends_left: self.sends_left - 1, ..self }),
        }
    }
}

impl Group {
    pub(crate) fn new(number: usize, size: usize, story: Story, team: Team) -> Self {
        Self {
            number,
            size,
            story,
            team,
            round: 0,
            generation: None,
            alerts: Vec::new(),
            source: None,
            silence: None,
            is_lifted: false,
            former: Vec::new(),
        }
    }

    /// What must be known of silences before the next evaluation.
    pub(crate) fn hide(&mut self, now: i64, ledger: &Ledger) -> Option<Request> {
        if !matches!(self.story, Story::Silenced { .. }) {
            return None;
        }
        if self.begins(now) {
            let service = self.service(self.story.generation(self.number, now));
            let (starts_at, ends_at) =
                (instant(now), instant(now + self.story.left(self.number, now) + SILENCE_SPARE_SECS));
            let body = format!(
                r#"{{"matchers":[{{"name":"service","value":"{service}","isRegex":false,"isEqual":true}}],"startsAt":"{starts_at}","endsAt":"{ends_at}","createdBy":"soak","comment":"planned work"}}"#
            );
            return Some(Request { method: "POST", path: "/api/v2/silences".to_owned(), body });
        }
        if self.is_to_be_lifted(now) {
            let path = format!("/api/v2/silence/{}", self.silence.take()?);
            // They may be told before the answer is here.
            self.lift(now, self.generation?, ledger, &mut Vec::new());
            return Some(Request { method: "DELETE", path, body: String::new() });
        }
        None
    }

    /// What was answered to a request about silences.
    pub(crate) fn hidden_by(&mut self, answer: &[u8]) {
        let id = serde_json::from_slice::<serde_json::Value>(answer).ok();
        self.silence = id.and_then(|answer| Some(answer.get("silenceID")?.as_str()?.to_owned()));
    }

    /// One evaluation; what is to be sent is added to `sent`. Gives how many alerts changed.
    pub(crate) fn evaluate(&mut self, now: i64, ledger: &Ledger, sent: &mut Vec<String>) -> u64 {
        self.round += 1;
        self.go_on_with_former(now, sent);
        let mut changes = 0;
        if self.begins(now) {
            changes += self.retire(now, ledger, sent);
            self.begin(now, sent);
        }
        let Some(generation) = self.generation else { return changes };
        self.lift(now, generation, ledger, sent);
        let is_first = self.alerts.iter().all(|alert| alert.starts_at == 0) && self.is_new_group();
        for index in 0..self.alerts.len() {
            let fires = self.story.fires(self.number, index, now, self.round);
            let Some(alert) = self.alerts.get_mut(index) else { continue };
            let known = *alert;
            let since = if known.status == Status::Firing { known.starts_at } else { known.ends_at };
            let is_seen = self.story != Story::Flapping || now - since >= SEEN_SECS;
            let next = match (fires, known.status) {
                (true, Status::Resolved) if is_seen => Some(Alert::firing(now)),
                (false, Status::Firing) if is_seen => Some(known.resolved(now)),
                _ => known.again(now),
            };
            let Some(next) = next else { continue };
            *alert = next;
            sent.push(self.text(generation, index, &next));
            if next.status != known.status {
                changes += 1;
                self.expect_change(ledger, (generation, index), &next, is_first);
            }
        }
        if let Some(next) = self.source.and_then(|source| source.again(now)) {
            self.source = Some(next);
            sent.push(self.text(generation, SOURCE, &next));
        }
        changes
    }

    /// Whether another generation takes the place of the present one.
    fn begins(&self, now: i64) -> bool {
        self.generation != Some(self.story.generation(self.number, now))
            && (self.generation.is_some() || self.story.left(self.number, now) >= LEFT_SECS_MIN)
    }

    fn is_new_group(&self) -> bool {
        self.story.is_new_group() || self.former.is_empty()
    }

    fn is_to_be_lifted(&self, now: i64) -> bool {
        !self.is_lifted && self.generation.is_some() && self.story.is_lifted(self.number, now)
    }

    /// Whether its alerts are told at the moment.
    fn is_told(&self) -> bool {
        !self.story.is_hidden() || self.is_lifted
    }

    fn begin(&mut self, now: i64, sent: &mut Vec<String>) {
        let generation = self.story.generation(self.number, now);
        self.generation = Some(generation);
        self.is_lifted = false;
        self.alerts = vec![Alert::silent(); self.size];
        for alert in &mut self.alerts {
            alert.starts_at = 0;
        }
        if matches!(self.story, Story::Inhibited { .. }) {
            let source = Alert::firing(now);
            self.source = Some(source);
            sent.push(self.text(generation, SOURCE, &source));
        }
    }

    /// What hides the alerts has gone.
    fn lift(&mut self, now: i64, generation: i64, ledger: &Ledger, sent: &mut Vec<String>) {
        if !self.is_to_be_lifted(now) {
            return;
        }
        self.is_lifted = true;
        if let Some(source) = self.source.take() {
            let source = source.resolved(now);
            sent.push(self.text(generation, SOURCE, &source));
            self.former.push((generation, vec![(SOURCE, source)]));
        }
        for (index, alert) in self.alerts.iter().enumerate() {
            ledger.hide(self.id(generation, index), false);
            self.expect(ledger, (generation, index), alert, GROUP_INTERVAL, Class::Change);
        }
    }

    /// The present generation is over.
    fn retire(&mut self, now: i64, ledger: &Ledger, sent: &mut Vec<String>) -> u64 {
        let Some(generation) = self.generation.take() else { return 0 };
        let mut former = Vec::new();
        let mut changes = 0;
        for (index, alert) in self.alerts.iter().enumerate() {
            if alert.status == Status::Resolved {
                continue;
            }
            changes += 1;
            let over = alert.resolved(now);
            let mut within = GROUP_INTERVAL;
            if self.story == Story::Vanishing {
                within += Duration::from_secs((alert.ends_at - now).max(0) as u64);
            } else {
                sent.push(self.text(generation, index, &over));
                former.push((index, over));
            }
            if self.is_told() {
                self.expect(ledger, (generation, index), &over, within, Class::Change);
            }
        }
        // It ends after what it hides.
        former.extend(self.source.take().map(|source| (SOURCE, source)));
        self.former.push((generation, former));
        self.former.retain(|(_, alerts)| !alerts.is_empty());
        changes
    }

    fn go_on_with_former(&mut self, now: i64, sent: &mut Vec<String>) {
        let mut former = std::mem::take(&mut self.former);
        for (generation, alerts) in &mut former {
            for (index, alert) in alerts.iter_mut() {
                let next = if alert.status == Status::Firing { Some(alert.resolved(now)) } else { alert.again(now) };
                if let Some(next) = next {
                    *alert = next;
                    sent.push(self.text(*generation, *index, &next));
                }
            }
            alerts.retain(|(_, alert)| alert.sends_left > 0);
        }
        former.retain(|(_, alerts)| !alerts.is_empty());
        self.former = former;
    }

    fn expect_change(&self, ledger: &Ledger, (generation, index): (i64, usize), alert: &Alert, is_first: bool) {
        match self.story {
            // Nobody can tell which of its states are told.
            Story::Restless if index.is_multiple_of(3) => {}
            _ if !self.is_told() => ledger.hide(self.id(generation, index), true),
            _ if is_first => self.expect(ledger, (generation, index), alert, GROUP_WAIT, Class::First),
            _ => self.expect(ledger, (generation, index), alert, GROUP_INTERVAL, Class::Change),
        }
    }

    fn expect(
        &self,
        ledger: &Ledger,
        (generation, index): (i64, usize),
        alert: &Alert,
        within: Duration,
        class: Class,
    ) {
        let class = match self.team {
            Team::Fast(_) => class,
            Team::Slow(_) => Class::Slow,
            Team::Flaky => Class::Flaky,
            Team::Dead => return,
        };
        let starts = (alert.starts_at, alert.starts_at);
        let due = Due { status: alert.status, starts, from: Instant::now(), within, class };
        ledger.expect(self.id(generation, index), due);
    }

    fn id(&self, generation: i64, index: usize) -> AlertId {
        AlertId { is_rules: false, group: self.number as u32, generation: generation as u32, index: index as u32 }
    }

    fn service(&self, generation: i64) -> String {
        match self.story.is_new_group() {
            true => format!("service-{}-{generation}", self.number),
            false => format!("service-{}", self.number),
        }
    }

    /// As the API takes it: eight labels, two annotations and a link.
    fn text(&self, generation: i64, index: usize, alert: &Alert) -> String {
        let Self { number, .. } = self;
        let (service, namespace) = (self.service(generation), number % 100);
        let (starts_at, ends_at) = (instant(alert.starts_at), instant(alert.ends_at));
        let (name, severity, team) = match index {
            SOURCE => ("SourceIsDown".to_owned(), "critical", Team::Fast(0).name()),
            _ => (format!("WorkloadIsDegraded{}", number % 50), "warning", self.team.name()),
        };
        let mut text = String::with_capacity(700);
        let written = write!(
            text,
            r#"{{"labels":{{"alertname":"{name}","cluster":"production-eu-1","id":"c-{number}-{generation}-{index}","namespace":"tenant-{namespace}","pod":"pod-{number}-{generation}-{index}-x2x4q","service":"{service}","severity":"{severity}","team":"{team}"}},"annotations":{{"description":"Workload {index} of {service} in namespace tenant-{namespace} has been degraded for more than 15 minutes.","summary":"A workload is degraded"}},"startsAt":"{starts_at}","endsAt":"{ends_at}","generatorURL":"http://prometheus.example.com:9090/graph?g0.expr=workload_degraded%3E0&g0.tab=1"}}"#
        );
        written.expect("a text takes all that is written to it");
        text
    }
}

fn instant(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|instant| instant.to_string()).unwrap_or_default()
}
