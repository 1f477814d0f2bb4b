//! Rule groups as meant: what the engine evaluates. `rule_file` reads them, `engine` runs them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::{LabelSet, Timestamp};

use crate::group::whole_multiple;

/// A group of rules that are evaluated together at one instant; what one writes the later ones see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleGroup {
    /// Unique within its file.
    pub name: String,
    /// The path it came from, as shown in `/api/v1/rules`; with the name it is the group's identity.
    pub file: String,
    /// Between evaluations; the file's, or `global.evaluation_interval`.
    pub interval: Duration,
    /// Most series a recording rule may give, most pending and firing alerts an alerting rule may have; 0 is unlimited.
    pub limit: usize,
    /// Queries look this far back: sample timestamp = evaluation timestamp - offset.
    pub query_offset: Duration,
    /// Who is asked its queries.
    pub source: Arc<Source>,
    /// How its evaluations differ from Prometheus'.
    pub pace: Pace,
    /// The rules in order.
    pub rules: Vec<Arc<Rule>>,
}

/// How a group's evaluations differ from Prometheus': fields of vmalert and Mimir. The default is no difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Distance of the slots from whole multiples of the interval, less than that: `eval_offset`. `None` is a distance
    /// that follows from the group's name.
    pub offset: Option<Duration>,
    /// Queries are for whole multiples of the interval: `eval_alignment`.
    pub is_aligned: bool,
    /// Most rules that are evaluated at the same time, in place of the setting for all groups: `concurrency`.
    pub concurrency: Option<usize>,
    /// Every evaluation of a rule is logged: `debug`.
    pub is_logged: bool,
}

impl RuleGroup {
    /// The instant that queries are for at a slot, and the timestamp of what they give.
    pub fn query_time(&self, slot: Timestamp) -> Timestamp {
        let at = slot.minus(self.query_offset);
        if self.pace.is_aligned { whole_multiple(at, self.interval) } else { at }
    }
}

/// Who is asked a group's queries, and what goes with them.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// A query source of the configuration; empty is the default one.
    pub name: String,
    /// What its expressions are written in.
    pub language: Language,
    /// URL parameters in place of the source's own of the same name: vmalert's `params`.
    pub params: Vec<(String, String)>,
    /// Headers in place of the source's own of the same name: vmalert's `headers`, Mimir's `source_tenants`.
    pub headers: Vec<(String, String)>,
}

/// What the expressions for a query source are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// Checked when a file is read, and read for dependencies among rules.
    #[default]
    PromQl,
    /// VictoriaMetrics' superset of PromQL: what is not PromQL is left to the server to judge.
    MetricsQl,
    /// Loki's: left to the server to judge. What rules record cannot be read with it.
    LogQl,
    /// VictoriaLogs', likewise.
    LogsQl,
}

impl Language {
    /// Whether rules may read with it what other rules record.
    pub fn reads_metrics(self) -> bool {
        matches!(self, Self::PromQl | Self::MetricsQl)
    }
}

/// Without the headers' values, which may be secret.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let mut shown = f.debug_struct("Source");
        shown
            .field("name", &self.name)
            .field("language", &self.language)
            .field("params", &self.params)
            .field("headers", &headers)
            .finish()
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Metric name or alert name.
    pub name: String,
    /// The expression as written: what is sent to the query API.
    pub expr: String,
    /// The expression as Prometheus prints it: what APIs and generator links show.
    pub shown_expr: String,
    /// Group labels overlaid by the rule's own. For alerting rules the values are templates.
    pub labels: LabelSet,
    /// Recording or alerting.
    pub kind: RuleKind,
    /// How many of its evaluations are remembered, in place of the setting for all rules: vmalert's
    /// `update_entries_limit`.
    pub history: Option<usize>,
    /// Every evaluation is logged: vmalert's `debug`.
    pub is_logged: bool,
}

/// What a rule makes of its query result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKind {
    /// Stores the result under the rule's name.
    Recording,
    /// Keeps an alert per series.
    Alerting(Alerting),
}

/// The fields of an alerting rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerting {
    /// `for`: how long a series must be present before it fires.
    pub hold: Duration,
    /// `keep_firing_for`: how long a firing alert outlives its series.
    pub keep_firing_for: Duration,
    /// Annotations; values are templates.
    pub annotations: LabelSet,
}
