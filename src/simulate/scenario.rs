//! Scenario files as meant: what is configured, what happens when, and what must be delivered at which instant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::source::{Diagnostics, SourceFile};
use model::{Alert, LabelSet, Matcher, Timestamp};
use notifier::notification::NotifiedAlert;
use notifier::schedule::WrittenSchedule;

use super::series::Values;

/// A story and its expected ending.
pub struct Scenario {
    /// The file.
    pub file: SourceFile,
    /// Virtual time begins here.
    pub start: Timestamp,
    /// And ends this much later.
    pub length: Duration,
    /// For whatever is drawn by chance; the same seed gives the same bytes.
    pub seed: u64,
    /// Network answers take up to this long, drawn by chance; zero: all at once.
    pub latency: Duration,
    /// Rule files, read already, with their paths.
    pub rules: Vec<(PathBuf, String)>,
    /// Between evaluations where a group does not say.
    pub evaluation_interval: Duration,
    /// What the query API answers.
    pub answers: Vec<Answer>,
    /// Series it has besides, which expressions without such an answer are evaluated over. Files of scenarios have none.
    pub storage: Option<promql::eval::Storage>,
    /// The notifier's configuration, with its path.
    pub config: Option<(PathBuf, String)>,
    /// No group is flushed before this much time has passed since a start of the notifier.
    pub start_delay: Duration,
    /// Whether the notifier does as Alertmanager does where it promises more by itself.
    pub as_alertmanager: bool,
    /// Whether firing alerts are sent again even while their rule cannot be evaluated.
    pub resend_on_error: bool,
    /// What happens, in order of time.
    pub events: Vec<(Duration, Event)>,
    /// Keep a record of everything that laws ask about, also of what must be known at every minute.
    pub is_watched: bool,
    /// What must be delivered; `None`: anything may be.
    pub expected: Option<Vec<Expected>>,
}

/// The result of one expression over time.
pub struct Answer {
    /// Which expression.
    pub asked: Asked,
    /// What comes back.
    pub reply: Reply,
}

/// Names an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The one of the rules with this name.
    Rule(String),
    /// The one with this text: a query in a template.
    Expr(String),
}

/// What the query API says to an expression.
pub enum Reply {
    /// A result.
    Series {
        /// Between two values.
        step: Duration,
        /// Label set and values from the start on; past the end the series is gone.
        series: Vec<(LabelSet, Values)>,
    },
    /// Always this error.
    Error(String),
}

/// Something that happens.
pub enum Event {
    /// Alerts posted straight to the notifier.
    Alerts(Vec<Alert>),
    /// A silence, by a name that exists only in the scenario.
    Silence {
        /// For `expire`.
        name: String,
        /// What it covers.
        matchers: Vec<Matcher>,
        /// It begins this much later.
        starts_in: Duration,
        /// How long.
        length: Duration,
        /// It ends when its last alert resolves.
        until_resolved: bool,
    },
    /// A silence that recurs, by a name that exists only in the scenario.
    Maintenance {
        /// For `expire`, which ends all of it.
        name: String,
        /// What it covers.
        matchers: Vec<Matcher>,
        /// When.
        schedule: WrittenSchedule,
    },
    /// The end of a silence.
    Expire(String),
    /// Somebody takes on what fires and matches.
    Acknowledge {
        /// Which alerts.
        matchers: Vec<Matcher>,
        /// Who.
        by: String,
        /// For how long, if not until the episodes end.
        length: Option<Duration>,
    },
    /// Acknowledgements of what matches are taken back.
    Unacknowledge(Vec<Matcher>),
    /// The process is killed and comes back this much later.
    Restart(Duration),
    /// The process is killed amid its own work, after so many more effects, and comes back this much later.
    Crash {
        /// How many effects are still performed.
        effects: usize,
        /// How long it is down.
        down: Duration,
    },
    /// The clock, of everybody, is set back by this much.
    ClockBack(Duration),
    /// The clock, of everybody, is put forward by this much.
    ClockForward(Duration),
    /// A receiver fails until an instant.
    Failing {
        /// Receiver.
        receiver: String,
        /// Only this of its integrations.
        via: Option<Via>,
        /// How they fail.
        how: Failure,
        /// Until this long after the start.
        until: Duration,
    },
    /// The query API answers nothing until an instant.
    QueryOutage(Duration),
    /// Nothing happens, but by now so many notifications are owed to a receiver.
    Undelivered {
        /// Receiver.
        receiver: String,
        /// How many notifications, over its integrations.
        count: usize,
    },
    /// Nothing happens, but the last decision about a receiver was this: a verdict's or a reason's text.
    Why {
        /// Receiver.
        receiver: String,
        /// `silenced`, `first notification`, …
        says: String,
    },
    /// New files come into force.
    Reload {
        /// The notifier's configuration, if it changes.
        config: Option<(PathBuf, String)>,
        /// The rules, if they change.
        rules: Option<Vec<(PathBuf, String)>>,
    },
}

/// How a receiver fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A server error: worth another attempt.
    Unwell,
    /// Too many requests; come back after this long.
    Busy(Duration),
    /// A refusal for good.
    Refusing,
    /// It takes the request and says nothing until the attempt's deadline.
    Hanging,
}

/// Names an integration of a receiver: `webhook`, or `webhook/1` for the second of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `email`, `pagerduty`, `webhook`.
    pub kind: String,
    /// Which of that kind; `None`: any.
    pub index: Option<usize>,
}

/// One delivery.
pub struct Expected {
    /// The instant, after the start.
    pub at: Duration,
    /// It may come as late as this, where chance decides.
    pub until: Duration,
    /// Receiver.
    pub receiver: String,
    /// Through which integration.
    pub via: Via,
    /// The alerts that fire.
    pub firing: Vec<ExpectedAlert>,
    /// The resolved alerts.
    pub resolved: Vec<ExpectedAlert>,
    /// `first notification` and so on, if the scenario cares.
    pub reason: Option<String>,
    /// Key of the group, if the scenario cares.
    pub group_key: Option<String>,
    /// It goes out in plain form as a template fails, if the scenario cares.
    pub plain: Option<bool>,
    /// Whether it says that the group is still firing, if the scenario cares.
    pub open: Option<bool>,
    /// Line in the scenario file.
    pub line: u32,
}

/// What an alert must have; it may have more.
#[derive(Default)]
pub struct ExpectedAlert {
    /// Labels.
    pub labels: LabelSet,
    /// Annotations.
    pub annotations: LabelSet,
    /// When it began to fire.
    pub starts_at: Option<Timestamp>,
    /// When it was resolved.
    pub ends_at: Option<Timestamp>,
}

impl Via {
    /// Whether it names this integration.
    pub fn is(&self, kind: &str, index: usize) -> bool {
        self.kind == kind && self.index.is_none_or(|wanted| wanted == index)
    }
}

impl ExpectedAlert {
    /// Whether an alert has all this.
    pub fn is_met_by(&self, alert: &NotifiedAlert) -> bool {
        let has = |set: &LabelSet, wanted: &LabelSet| wanted.iter().all(|(name, value)| set.get(name) == Some(value));
        has(&alert.labels, &self.labels)
            && has(&alert.annotations, &self.annotations)
            && self.starts_at.is_none_or(|at| at.as_millis() == alert.starts_at.as_millis())
            && self.ends_at.is_none_or(|at| Some(at.as_millis()) == alert.resolved_at.map(Timestamp::as_millis))
    }
}

impl Scenario {
    /// Reads a scenario and the files it names (relative to it).
    ///
    /// # Errors
    /// Every mistake in the scenario, or a file that cannot be read.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow::anyhow!("cannot read {}: {error}", path.display()))?;
        let file = SourceFile::new(path.display().to_string(), text);
        Self::parse(&file, path.parent().unwrap_or(Path::new(""))).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))
    }

    /// Reads a scenario; the files it names lie relative to `base`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(file: &SourceFile, base: &Path) -> Result<Self, Diagnostics> {
        super::scenario_file::read(file, base)
    }
}
