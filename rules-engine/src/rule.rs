//! Rule groups as meant: what the engine evaluates. `rule_file` reads them, `engine` runs them.

use std::sync::Arc;
use std::time::Duration;

use model::LabelSet;

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
    /// The rules in order.
    pub rules: Vec<Arc<Rule>>,
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
