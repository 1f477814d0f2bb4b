//! What is set for all groups.

use std::collections::BTreeMap;
use std::time::Duration;

use model::LabelSet;

/// What is set for all groups. A change takes effect with [`Engine::configure`](super::Engine::configure).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where users find this service; links in alerts and `externalURL` in templates. No trailing slash.
    pub external_url: String,
    /// Added to alerts where absent, and visible to templates.
    pub external_labels: LabelSet,
    /// A firing alert is sent again once more than this has passed.
    pub resend_delay: Duration,
    /// Whether there is a remote write: without one, nothing is recorded, rules do not wait for one another's samples.
    pub writes: bool,
    /// After a longer downtime, pending alerts begin anew.
    pub for_outage_tolerance: Duration,
    /// How long alerts wait at least whose `for` timer was taken back from the query API; shorter timers are not.
    pub for_grace_period: Duration,
    /// How long a query may take.
    pub query_timeout: Duration,
    /// How long a write may take.
    pub write_timeout: Duration,
    /// Send firing alerts again even while their rule cannot be evaluated, so that Alertmanager does not take them for
    /// resolved while the data source is away. Prometheus does not.
    pub resend_on_error: bool,
    /// Most rules of a group that are evaluated at the same time; 0 and 1 mean strictly in order. Rules that read what
    /// others write wait for those in any case.
    pub concurrency: usize,
    /// Most queries to a source under way at the same time; at least one.
    pub queries_max: usize,
    /// Query sources with bounds of their own, by name.
    pub sources: BTreeMap<String, SourceBounds>,
    /// How many evaluations of each rule are remembered.
    pub history: usize,
}

/// What bounds the queries to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceBounds {
    /// How long a query may take.
    pub query_timeout: Duration,
    /// Most queries under way at the same time; at least one.
    pub queries_max: usize,
}

impl Settings {
    /// The bounds of a source.
    pub fn bounds(&self, source: &str) -> SourceBounds {
        let Self { query_timeout, queries_max, .. } = *self;
        self.sources.get(source).copied().unwrap_or(SourceBounds { query_timeout, queries_max })
    }
}

impl Default for Settings {
    /// Prometheus' defaults where it has them, but for `resend_on_error`.
    fn default() -> Self {
        Self {
            external_url: String::new(),
            external_labels: LabelSet::empty(),
            resend_delay: Duration::from_secs(60),
            writes: false,
            for_outage_tolerance: Duration::from_secs(3600),
            for_grace_period: Duration::from_secs(600),
            query_timeout: Duration::from_secs(120),
            write_timeout: Duration::from_secs(30),
            resend_on_error: true,
            concurrency: 4,
            queries_max: 64,
            sources: BTreeMap::new(),
            history: 20,
        }
    }
}
