//! One alert of a rule, and how it changes state at an evaluation. The table is Prometheus' (`rules/alerting.go`).

use std::fmt;
use std::time::Duration;

use model::labels::METRIC_NAME;
use model::{ClockStep, LabelSet, Timestamp};

/// A resolved alert is kept, and told again, for this long.
pub const RESOLVED_RETENTION: Duration = Duration::from_secs(15 * 60);

/// The metric that shows active alerts.
const ALERTS: &str = "ALERTS";
/// The metric that shows since when.
const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// Where an alert is in its life; ordered by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertState {
    /// Resolved, still kept.
    Inactive,
    /// Present, not yet for long enough.
    Pending,
    /// Firing.
    Firing,
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        })
    }
}

/// State and times of an alert: when they change, it is recorded anew. Value and annotations are recorded with them, at
/// the latest when the alert is sent again, not at each evaluation that changes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Where it is.
    pub state: AlertState,
    /// Evaluation that first saw it.
    pub active_at: Timestamp,
    /// Evaluation that made it fire.
    pub fired_at: Option<Timestamp>,
    /// Evaluation that resolved it.
    pub resolved_at: Option<Timestamp>,
    /// Evaluation that last handed it on.
    pub last_sent_at: Option<Timestamp>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<Timestamp>,
}

/// The times of a rule that decide about states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// `for`.
    pub hold: Duration,
    /// `keep_firing_for`.
    pub keep_firing_for: Duration,
}

impl Course {
    /// An alert seen for the first time.
    pub fn pending(active_at: Timestamp) -> Self {
        Self {
            state: AlertState::Pending,
            active_at,
            fired_at: None,
            resolved_at: None,
            last_sent_at: None,
            keep_firing_since: None,
        }
    }

    /// The state at evaluation `ts`; `None` if the alert is to be forgotten.
    #[must_use]
    pub fn at(mut self, ts: Timestamp, present: bool, holds: Holds) -> Option<Self> {
        match (self.state, present) {
            (_, true) => self.keep_firing_since = None,
            (AlertState::Pending, false) => return None,
            (AlertState::Inactive, false) => return self.retained(ts),
            (AlertState::Firing, false) if !self.is_kept_firing(ts, holds) => {
                self.state = AlertState::Inactive;
                self.resolved_at = Some(ts);
                return Some(self);
            }
            (AlertState::Firing, false) => {}
        }
        let held = ts.since(self.active_at) >= holds.hold;
        match self.state {
            AlertState::Pending if held => {
                self.state = AlertState::Firing;
                self.fired_at = Some(ts);
            }
            // The rule's `for` was raised meanwhile.
            AlertState::Firing if !held => self = Self::pending(self.active_at),
            _ => {}
        }
        Some(self)
    }

    /// The clock was moved, and now is `now`: what the alert waits for is as far away as it was. When it began to fire is what
    /// others know it by, and stays if it does not lie ahead.
    #[must_use]
    pub fn moved(self, step: ClockStep, now: Timestamp) -> Self {
        let moved = |at: Option<Timestamp>| at.map(|at| step.of(at));
        let begins = |at: Timestamp| if self.resolved_at.is_some() { at.min(step.of(at)) } else { at.min(now) };
        Self {
            state: self.state,
            active_at: step.of(self.active_at),
            fired_at: self.fired_at.map(begins),
            resolved_at: moved(self.resolved_at),
            last_sent_at: moved(self.last_sent_at),
            keep_firing_since: moved(self.keep_firing_since),
        }
    }

    fn retained(self, ts: Timestamp) -> Option<Self> {
        let resolved_at = self.resolved_at.unwrap_or(self.active_at);
        (ts.since(resolved_at) <= RESOLVED_RETENTION).then_some(self)
    }

    fn is_kept_firing(&mut self, ts: Timestamp, holds: Holds) -> bool {
        if holds.keep_firing_for.is_zero() {
            return false;
        }
        let since = *self.keep_firing_since.get_or_insert(ts);
        ts.since(since) < holds.keep_firing_for
    }

    /// Whether nothing has happened since `before` but that the alert, which had been handed on, was handed on again.
    pub fn is_repeated(&self, before: &Self) -> bool {
        before.last_sent_at.is_some() && *self == Self { last_sent_at: self.last_sent_at, ..*before }
    }

    /// Whether the alert is to be handed on at evaluation `ts`: news at once, repeats once more than `resend_delay`
    /// has passed.
    pub fn is_due(&self, ts: Timestamp, resend_delay: Duration) -> bool {
        match (self.state, self.last_sent_at) {
            (AlertState::Pending, _) => false,
            (_, None) => true,
            (_, Some(sent)) => self.resolved_at.is_some_and(|resolved| resolved > sent) || sent.plus(resend_delay) < ts,
        }
    }
}

/// An alert of a rule: one per label set.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Who it is, `alertname` included.
    pub labels: LabelSet,
    /// What it says.
    pub annotations: LabelSet,
    /// The value of its series when it was last present.
    pub value: f64,
    /// State and times.
    pub course: Course,
    /// The labels of the series it was last rendered from; `None` if it has to be rendered anew.
    pub(super) source: Option<LabelSet>,
    /// Number of the last round it was present in.
    pub(super) present_in: u64,
    /// What its record says, if it has one.
    pub(super) recorded: Option<Course>,
    /// Its `ALERTS` series and the state that shows, and its `ALERTS_FOR_STATE` series.
    series: Option<(AlertState, LabelSet, LabelSet)>,
}

impl Instance {
    /// An instance in a given state, without a record.
    pub fn new(labels: LabelSet, annotations: LabelSet, value: f64, course: Course) -> Self {
        Self { labels, annotations, value, course, source: None, present_in: 0, recorded: None, series: None }
    }

    /// The same, known to be recorded as it is.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.recorded = Some(self.course);
        self
    }

    /// The same, to be sent at the next evaluation. Its record stays as it is until then.
    #[must_use]
    pub fn unsent(mut self) -> Self {
        self.course.last_sent_at = None;
        self
    }

    /// Pending or firing.
    pub fn is_active(&self) -> bool {
        self.course.state != AlertState::Inactive
    }

    /// Whether there is a record of it.
    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// The labels of its `ALERTS` and `ALERTS_FOR_STATE` series; `base` are the rule's labels as written.
    pub(super) fn series(&mut self, base: &LabelSet) -> (LabelSet, LabelSet) {
        let state = self.course.state;
        let (alerts, for_state) = match self.series.take() {
            Some((shown, alerts, for_state)) if shown == state => (alerts, for_state),
            Some((_, _, for_state)) => (alerts_series(&for_state, state), for_state),
            None => {
                let own = self.labels.iter().chain([(METRIC_NAME, ALERTS_FOR_STATE)]);
                let for_state = base.overlay(own).without_empty();
                (alerts_series(&for_state, state), for_state)
            }
        };
        self.series = Some((state, alerts.clone(), for_state.clone()));
        (alerts, for_state)
    }
}

fn alerts_series(for_state: &LabelSet, state: AlertState) -> LabelSet {
    let state = match state {
        AlertState::Firing => "firing",
        AlertState::Pending | AlertState::Inactive => "pending",
    };
    for_state.overlay([(METRIC_NAME, ALERTS), ("alertstate", state)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use AlertState::{Firing, Inactive, Pending};

    const HOLDS: Holds = Holds { hold: Duration::from_secs(60), keep_firing_for: Duration::from_secs(30) };
    const PLAIN: Holds = Holds { hold: Duration::ZERO, keep_firing_for: Duration::ZERO };

    fn secs(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// State, activeAt, firedAt, resolvedAt, lastSentAt, keepFiringSince; negative is unset.
    fn course(state: AlertState, times: [i64; 5]) -> Course {
        let [active, fired, resolved, sent, kept] = times.map(|t| (t >= 0).then(|| secs(t)));
        Course {
            state,
            active_at: active.unwrap(),
            fired_at: fired,
            resolved_at: resolved,
            last_sent_at: sent,
            keep_firing_since: kept,
        }
    }

    #[test]
    fn every_row_of_the_transition_table() {
        let firing = [0, 60, -1, 60, -1];
        let kept = [0, 60, -1, 60, 100];
        let resolved = [0, 60, 100, 100, -1];
        type Row = (&'static str, AlertState, [i64; 5], Holds, bool, i64, Option<(AlertState, [i64; 5])>);
        let rows: [Row; 16] = [
            (
                "pending waits for `for`",
                Pending,
                [0, -1, -1, -1, -1],
                HOLDS,
                true,
                59,
                Some((Pending, [0, -1, -1, -1, -1])),
            ),
            (
                "pending fires at `for`",
                Pending,
                [0, -1, -1, -1, -1],
                HOLDS,
                true,
                60,
                Some((Firing, [0, 60, -1, -1, -1])),
            ),
            (
                "no `for` fires at once",
                Pending,
                [0, -1, -1, -1, -1],
                PLAIN,
                true,
                0,
                Some((Firing, [0, 0, -1, -1, -1])),
            ),
            ("pending goes without a trace", Pending, [0, -1, -1, -1, -1], HOLDS, false, 60, None),
            ("firing stays", Firing, firing, HOLDS, true, 500, Some((Firing, firing))),
            ("firing resolves", Firing, firing, PLAIN, false, 100, Some((Inactive, [0, 60, 100, 60, -1]))),
            ("firing is kept", Firing, firing, HOLDS, false, 100, Some((Firing, kept))),
            ("kept stays", Firing, kept, HOLDS, false, 129, Some((Firing, kept))),
            ("kept resolves in the end", Firing, kept, HOLDS, false, 130, Some((Inactive, [0, 60, 130, 60, 100]))),
            ("kept and back", Firing, kept, HOLDS, true, 110, Some((Firing, firing))),
            ("keep_firing_for removed", Firing, kept, PLAIN, false, 110, Some((Inactive, [0, 60, 110, 60, 100]))),
            (
                "raised `for`",
                Firing,
                firing,
                Holds { hold: Duration::from_secs(600), ..HOLDS },
                true,
                200,
                Some((Pending, [0, -1, -1, -1, -1])),
            ),
            (
                "raised `for` while kept",
                Firing,
                kept,
                Holds { hold: Duration::from_secs(600), ..HOLDS },
                false,
                110,
                Some((Pending, [0, -1, -1, -1, -1])),
            ),
            ("resolved is retained", Inactive, resolved, HOLDS, false, 1000, Some((Inactive, resolved))),
            ("resolved after 15 min goes", Inactive, resolved, HOLDS, false, 1001, None),
            (
                "the clock stepped back",
                Pending,
                [500, -1, -1, -1, -1],
                HOLDS,
                true,
                100,
                Some((Pending, [500, -1, -1, -1, -1])),
            ),
        ];
        for (name, state, times, holds, present, ts, expected) in rows {
            let expected = expected.map(|(state, times)| course(state, times));
            assert_eq!(course(state, times).at(secs(ts), present, holds), expected, "{name}");
        }
    }

    #[test]
    fn what_is_sent_when() {
        let minute = Duration::from_secs(60);
        for (name, course, ts, due) in [
            ("pending never", course(Pending, [0, -1, -1, -1, -1]), 1000, false),
            ("new", course(Firing, [0, 60, -1, -1, -1]), 60, true),
            ("not yet again", course(Firing, [0, 60, -1, 60, -1]), 120, false),
            ("again, strictly later", course(Firing, [0, 60, -1, 60, -1]), 121, true),
            ("resolved at once", course(Inactive, [0, 60, 70, 60, -1]), 70, true),
            ("resolved again", course(Inactive, [0, 60, 70, 70, -1]), 131, true),
            ("resolved not yet again", course(Inactive, [0, 60, 70, 70, -1]), 130, false),
        ] {
            assert_eq!(course.is_due(secs(ts), minute), due, "{name}");
        }
    }

    #[test]
    fn series_carry_the_rules_labels_as_written_under_the_instances() {
        let base = LabelSet::from_pairs([("severity", "{{ .Value }}"), ("gone", "{{ \"\" }}")]);
        let labels = LabelSet::from_pairs([("alertname", "A"), ("severity", "1"), ("alertstate", "x")]);
        let mut instance = Instance::new(labels, LabelSet::empty(), 1.0, Course::pending(secs(0)));
        let (alerts, for_state) = instance.series(&base);
        let shared = "alertname=\"A\"";
        assert!(alerts.to_string().contains(shared) && for_state.to_string().contains(shared));
        assert_eq!((alerts.get("__name__"), alerts.get("alertstate")), (Some("ALERTS"), Some("pending")));
        assert_eq!((alerts.get("severity"), alerts.get("gone")), (Some("1"), Some("{{ \"\" }}")));
        assert_eq!((for_state.get("__name__"), for_state.get("alertstate")), (Some("ALERTS_FOR_STATE"), Some("x")));
        instance.course.state = Firing;
        assert_eq!(instance.series(&base).0.get("alertstate"), Some("firing"));
    }
}
