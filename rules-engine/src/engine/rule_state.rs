//! A rule as it runs: compiled texts, alerts, the series it wrote last, and how its last evaluation went.

use std::sync::Arc;
use std::time::Duration;

use model::{Alert, LabelSet, Timestamp};
use url::form_urlencoded::byte_serialize;

use super::history::History;
use super::turn::Turn;
use super::{Effect, LogLevel, Settings};
use crate::alerting::{Alerts, Holds, Restoration, Sending};
use crate::annotation::{Lookups, Rendering, Texts};
use crate::group::GroupKey;
use crate::record::{AlertRecord, Labels, Record, RecordV1, RuleKey, alert_key};
use crate::recording::{Recording, WrittenSeries};
use crate::rule::{Alerting, Rule, RuleKind};
use crate::sample::{QueryAnswer, QueryFailure, Sample};
use crate::tally::RuleTally;

/// A rule as it runs.
#[derive(Debug)]
pub(super) struct RuleState {
    pub(super) rule: Arc<Rule>,
    pub(super) name: Arc<str>,
    pub(super) expr: Arc<str>,
    pub(super) body: Body,
    pub(super) written: WrittenSeries,
    pub(super) status: RuleStatus,
    pub(super) history: History,
    pub(super) tally: RuleTally,
}

/// What only one kind of rule has.
#[derive(Debug)]
pub(super) enum Body {
    Recording(Recording),
    Alerting(Box<AlertingState>),
}

/// An alerting rule's own.
#[derive(Debug)]
pub(super) struct AlertingState {
    pub(super) alerts: Alerts,
    texts: Texts,
    holds: Holds,
    generator_url: Arc<str>,
    key: Arc<RuleKey>,
    pub(super) record_prefix: String,
    /// How often the query API may still be asked for the alerts' past. Until it is known, nothing is recorded or
    /// written: that would be taken for the past after the next restart.
    pub(super) inquiries: u32,
}

/// How often the query API is asked for the past of a rule's alerts.
const INQUIRIES_MAX: u32 = 3;

/// How a rule's last evaluation went.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleStatus {
    /// Whether it worked.
    pub health: Health,
    /// Why it did not; empty if it did.
    pub last_error: String,
    /// From asking the query to the end of the write.
    pub evaluation_time: Duration,
    /// When the last evaluation began.
    pub last_evaluation: Option<Timestamp>,
    /// What the query API warned of.
    pub warnings: Vec<String>,
    /// Series in the last result.
    pub series: usize,
}

/// Whether a rule works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// Not evaluated yet.
    #[default]
    Unknown,
    /// The last evaluation worked.
    Good,
    /// It did not.
    Bad,
}

impl Health {
    /// `unknown`, `ok` or `err`, as the rules API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "ok",
            Self::Bad => "err",
        }
    }
}

/// The circumstances of one evaluation.
pub(super) struct Occasion<'a> {
    /// The evaluation timestamp.
    pub(super) ts: Timestamp,
    /// The timestamp of samples.
    pub(super) timestamp_ms: i64,
    /// The group's limit.
    pub(super) limit: usize,
    pub(super) interval: Duration,
    /// `file;group`, for the log.
    pub(super) group: &'a Arc<str>,
    pub(super) lookups: &'a Lookups,
}

/// What came of a result.
pub(super) enum Digest {
    /// These samples are to be stored.
    Samples(Vec<Sample>),
    /// The evaluation failed.
    Failed(String),
    /// Templates ask for these queries first; then the result is to be tried again.
    Needs(Vec<Arc<str>>, Vec<(LabelSet, f64)>),
    /// The past of its alerts is to be asked for with this query.
    NeedsPast(Arc<str>),
}

impl RuleState {
    /// A rule that has not been evaluated. `duplicate`: how many equals come before it in the group.
    pub(super) fn new(rule: Arc<Rule>, group: &GroupKey, duplicate: usize, settings: &Settings) -> Self {
        let body = match &rule.kind {
            RuleKind::Recording => Body::Recording(Recording::default()),
            RuleKind::Alerting(alerting) => {
                Body::Alerting(Box::new(AlertingState::new(&rule, alerting, group, duplicate, settings)))
            }
        };
        Self {
            name: rule.name.as_str().into(),
            expr: rule.expr.as_str().into(),
            body,
            written: WrittenSeries::default(),
            status: RuleStatus::default(),
            history: History::default(),
            tally: RuleTally::default(),
            rule,
        }
    }

    /// Its alerts, if it is an alerting rule.
    pub(super) fn alerts(&self) -> Option<&Alerts> {
        match &self.body {
            Body::Recording(_) => None,
            Body::Alerting(state) => Some(&state.alerts),
        }
    }

    /// Makes of a result what the rule makes of it. Effects: alerts to send, records.
    pub(super) fn digest(&mut self, series: Vec<(LabelSet, f64)>, on: &Occasion<'_>, turn: &mut Turn<'_>) -> Digest {
        self.status.series = series.len();
        let (breaches, failures) = (turn.tally.limit_breaches, turn.tally.template_failures);
        let digest = match &mut self.body {
            Body::Recording(recording) => {
                turn.tally.limit_breaches += u64::from(on.limit > 0 && series.len() > on.limit);
                let samples = recording.record(&self.name, &self.rule.labels, on.limit, series, on.timestamp_ms);
                samples.map_or_else(Digest::Failed, Digest::Samples)
            }
            Body::Alerting(state) => state.digest(&self.name, &self.rule.labels, series, on, turn),
        };
        self.tally.limit_breaches += turn.tally.limit_breaches - breaches;
        self.tally.template_failures += turn.tally.template_failures - failures;
        digest
    }

    /// Takes the answer to [`Digest::NeedsPast`]; gives what is to be stored.
    pub(super) fn recall(
        &mut self,
        answer: Result<QueryAnswer, QueryFailure>,
        on: &Occasion<'_>,
        turn: &mut Turn<'_>,
    ) -> Vec<Sample> {
        match &mut self.body {
            Body::Recording(_) => Vec::new(),
            Body::Alerting(state) => state.recall(&self.name, &self.rule.labels, answer, on, turn),
        }
    }

    /// Sends what is due although there was no result.
    pub(super) fn resend(&mut self, on: &Occasion<'_>, turn: &mut Turn<'_>) {
        if let Body::Alerting(state) = &mut self.body {
            let due = state.due(on, turn);
            state.persist(turn);
            send(due, turn);
        }
    }
}

impl AlertingState {
    fn new(rule: &Rule, alerting: &Alerting, group: &GroupKey, duplicate: usize, settings: &Settings) -> Self {
        let key = RuleKey {
            file: group.file.to_string(),
            group: group.name.to_string(),
            name: rule.name.clone(),
            labels: Labels(rule.labels.clone()),
            duplicate,
        };
        Self {
            alerts: Alerts::default(),
            texts: Texts::compile(&rule.name, &rule.labels, &alerting.annotations),
            holds: Holds { hold: alerting.hold, keep_firing_for: alerting.keep_firing_for },
            generator_url: generator_url(&settings.external_url, &rule.shown_expr),
            record_prefix: key.prefix(),
            key: Arc::new(key),
            inquiries: 0,
        }
    }

    fn digest(
        &mut self,
        name: &Arc<str>,
        rule_labels: &LabelSet,
        series: Vec<(LabelSet, f64)>,
        on: &Occasion<'_>,
        turn: &mut Turn<'_>,
    ) -> Digest {
        let settings = turn.settings;
        let mut dropped = Vec::new();
        if let Err(error) = self.alerts.refuse_beyond(on.limit, series.len(), &mut dropped) {
            turn.tally.limit_breaches += 1;
            self.forget(dropped, turn);
            return Digest::Failed(error);
        }
        let mut rendering = Rendering::new(&settings.external_url, &settings.external_labels, on.ts, on.lookups);
        let rows = self.texts.rows(&series, &self.alerts, &mut rendering);
        if !rendering.missing.is_empty() {
            return Digest::Needs(rendering.missing, series);
        }
        turn.tally.template_expansions += rendering.expansions;
        turn.tally.template_failures += rendering.failures;
        if let Some(error) = rendering.first_failure {
            let text = format!("{} of the rule's texts could not be rendered, the first: {error}", rendering.failures);
            turn.log(LogLevel::Warn, on.group, name, text);
        }
        let settled = self.alerts.settle(rows, on.ts, self.holds, &mut dropped).and_then(|()| {
            let within = self.alerts.enforce_limit(on.limit, &mut dropped);
            turn.tally.limit_breaches += u64::from(within.is_err());
            within
        });
        self.forget(dropped, turn);
        if let Err(error) = settled {
            return Digest::Failed(error);
        }
        let due = self.due(on, turn);
        if self.inquiries > 0 && self.alerts.has_unknown_past() {
            send(due, turn);
            return Digest::NeedsPast(self.restoration(on, turn).query(name, rule_labels).into());
        }
        self.inquiries = 0;
        self.persist(turn);
        send(due, turn);
        Digest::Samples(self.samples(rule_labels, on, turn))
    }

    fn samples(&mut self, rule_labels: &LabelSet, on: &Occasion<'_>, turn: &Turn<'_>) -> Vec<Sample> {
        match turn.settings.writes {
            true => self.alerts.samples(rule_labels, on.timestamp_ms),
            false => Vec::new(),
        }
    }

    /// Nothing is recorded of this rule: the query API may know its alerts' past.
    pub(super) fn look_for_past(&mut self, interval: Duration, settings: &Settings, now: Timestamp) {
        let restoration = Restoration {
            ts: now,
            hold: self.holds.hold,
            interval,
            tolerance: settings.for_outage_tolerance,
            grace: settings.for_grace_period,
        };
        self.inquiries = if restoration.is_possible() { INQUIRIES_MAX } else { 0 };
    }

    fn restoration(&self, on: &Occasion<'_>, turn: &Turn<'_>) -> Restoration {
        let Settings { for_outage_tolerance: tolerance, for_grace_period: grace, .. } = *turn.settings;
        Restoration { ts: on.ts, hold: self.holds.hold, interval: on.interval, tolerance, grace }
    }

    /// Takes the answer about the past. A failure that may pass is left to the next evaluation; gives what is to be stored.
    fn recall(
        &mut self,
        name: &Arc<str>,
        rule_labels: &LabelSet,
        answer: Result<QueryAnswer, QueryFailure>,
        on: &Occasion<'_>,
        turn: &mut Turn<'_>,
    ) -> Vec<Sample> {
        let answer = match answer {
            Ok(answer) => answer.value.into_vector(),
            Err(failure) if failure.is_passing && self.inquiries > 1 => {
                self.inquiries -= 1;
                return Vec::new();
            }
            Err(failure) => {
                let text = format!("its `for` timers start anew, their past could not be queried: {failure}");
                turn.log(LogLevel::Warn, on.group, name, text);
                Vec::new()
            }
        };
        let restoration = self.restoration(on, turn);
        let restored = self.alerts.restore(&restoration, rule_labels, answer, &turn.settings.external_labels);
        if restored > 0 {
            let text = format!("`for` timers of {restored} alerts go on where ALERTS_FOR_STATE left them");
            turn.log(LogLevel::Info, on.group, name, text);
        }
        self.inquiries = 0;
        self.persist(turn);
        self.samples(rule_labels, on, turn)
    }

    /// Drops the records of alerts that are gone.
    fn forget(&self, dropped: Vec<LabelSet>, turn: &mut Turn<'_>) {
        let forget = |labels: LabelSet| Effect::Forget { key: alert_key(&self.record_prefix, &labels) };
        turn.out.extend(dropped.into_iter().map(forget));
    }

    /// What is to be sent now. It is sent after it was recorded: what others were told must be known after a restart.
    fn due(&mut self, on: &Occasion<'_>, turn: &Turn<'_>) -> Vec<Alert> {
        let lifetime = on.interval.max(turn.settings.resend_delay).saturating_mul(4);
        let sending = self.sending(&turn.settings.external_labels, on.ts.plus(lifetime));
        self.alerts.due(on.ts, turn.settings.resend_delay, &sending)
    }

    /// Records what is not recorded as it is, unless its past is still to be asked for.
    pub(super) fn persist(&mut self, turn: &mut Turn<'_>) {
        let Self { alerts, key, record_prefix, inquiries: 0, .. } = self else { return };
        alerts.each_unrecorded(|instance, may_wait| {
            let record = Record::V1(RecordV1::Alert(AlertRecord::of(Arc::clone(key), instance)));
            let key = alert_key(record_prefix, &instance.labels);
            turn.out.push(Effect::Persist { key, value: record.to_json(), may_wait });
        });
    }

    /// The link to its expression.
    pub(super) fn generator_url(&self) -> Arc<str> {
        Arc::clone(&self.generator_url)
    }

    /// How its instances are sent.
    fn sending<'s>(&self, external_labels: &'s LabelSet, valid_until: Timestamp) -> Sending<'s> {
        Sending { external_labels, generator_url: Arc::clone(&self.generator_url), valid_until }
    }
}

fn send(due: Vec<Alert>, turn: &mut Turn<'_>) {
    if !due.is_empty() {
        turn.tally.alerts_sent += due.len() as u64;
        turn.out.push(Effect::Send(due));
    }
}

/// The link to an expression that Prometheus puts into alerts.
pub(super) fn generator_url(external_url: &str, expr: &str) -> Arc<str> {
    let mut url = format!("{}/graph?g0.expr=", external_url.trim_end_matches('/'));
    query_escape(expr, &mut url);
    url.push_str("&g0.tab=1");
    url.into()
}

/// Go's `url.QueryEscape`: letters, digits and `-_.~` stay, a space becomes `+`. (Form encoding differs in `*` and `~`.)
fn query_escape(text: &str, out: &mut String) {
    for piece in byte_serialize(text.as_bytes()) {
        match piece {
            "%7E" => out.push('~'),
            piece => out.push_str(&piece.replace('*', "%2A")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generator_links_are_prometheus() {
        assert_eq!(
            &*generator_url("http://h:9090/p/", "up{job=~\"a b.*\"} == 0 or x-_~é"),
            "http://h:9090/p/graph?g0.expr=up%7Bjob%3D~%22a+b.%2A%22%7D+%3D%3D+0+or+x-_~%C3%A9&g0.tab=1"
        );
    }
}
