//! Scenario files as meant: what is configured, what happens when, and what must be delivered at which instant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::source::{Diagnostics, SourceFile};
use model::{Alert, LabelSet, Matcher, Timestamp};

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
    /// The notifier's configuration, with its path.
    pub config: Option<(PathBuf, String)>,
    /// What happens, in order of time.
    pub events: Vec<(Duration, Event)>,
    /// What must be delivered; `None`: anything may be.
    pub expected: Option<Vec<Expected>>,
}

/// The result of one rule's expression over time.
pub struct Answer {
    /// The rule's name.
    pub rule: String,
    /// Between two values.
    pub step: Duration,
    /// Label set and values from the start on; past the end the series is gone.
    pub series: Vec<(LabelSet, Values)>,
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
        /// How long.
        length: Duration,
    },
    /// The end of a silence.
    Expire(String),
    /// The process is killed and comes back this much later.
    Restart(Duration),
    /// A receiver's integrations of a kind fail until an instant.
    Failing {
        /// Receiver.
        receiver: String,
        /// How they fail.
        how: Failure,
        /// Until this long after the start.
        until: Duration,
    },
    /// The query API answers nothing until an instant.
    QueryOutage(Duration),
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

/// One delivery.
pub struct Expected {
    /// The instant, after the start.
    pub at: Duration,
    /// Receiver.
    pub receiver: String,
    /// `email`, `pagerduty`, `webhook`.
    pub integration: String,
    /// For each alert that fires: labels it must have.
    pub firing: Vec<LabelSet>,
    /// For each resolved alert: labels it must have.
    pub resolved: Vec<LabelSet>,
    /// `first notification` and so on, if the scenario cares.
    pub reason: Option<String>,
    /// Line in the scenario file.
    pub line: u32,
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
