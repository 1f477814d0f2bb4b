//! Test files as meant. promtool's documentation of unit tests describes the fields.

use std::path::PathBuf;
use std::time::Duration;

use model::{LabelSet, Timestamp};
use promql::eval::Value;

use crate::simulate::scenario::Expected;

/// A file of tests.
pub struct TestFile {
    /// Globs of rule files, relative to the test file.
    pub rule_files: Vec<String>,
    /// Between evaluations, of every group.
    pub evaluation_interval: Duration,
    /// Groups are evaluated at their own interval where they name one.
    pub honours_group_interval: bool,
    /// Names of groups that are evaluated in this order.
    pub group_order: Vec<String>,
    /// Numbers that are neighbours count as equal.
    pub fuzzy_compare: bool,
    /// The tests.
    pub tests: Vec<TestGroup>,
}

/// One test: series, and what becomes of them.
pub struct TestGroup {
    /// Its name, if it has one.
    pub name: String,
    /// Between the samples of the series.
    pub interval: Duration,
    /// The instant at which series and evaluations begin.
    pub start: Timestamp,
    /// What templates see.
    pub external_labels: LabelSet,
    /// What templates see.
    pub external_url: String,
    /// The series.
    pub series: Vec<InputSeries>,
    /// Where the alerts go: the configuration of a notifier, and what it must send, nothing else.
    pub notifications: Option<Notifications>,
    /// What alerts there must be.
    pub alert_tests: Vec<AlertTest>,
    /// What expressions must give.
    pub expr_tests: Vec<ExprTest>,
}

/// What the alerts of a test tell whom.
pub struct Notifications {
    /// The notifier's configuration, relative to the test file.
    pub config: PathBuf,
    /// What it must send.
    pub expected: Vec<Expected>,
}

/// A series that is there without rules.
#[derive(Debug, Clone)]
pub struct InputSeries {
    /// Its labels.
    pub labels: LabelSet,
    /// A value, or a gap, each interval.
    pub values: Vec<Option<Value>>,
}

/// The alerts of one name at one time.
#[derive(Debug, Clone)]
pub struct AlertTest {
    /// After the start.
    pub eval_time: Duration,
    /// The name of the alerting rule.
    pub alert_name: String,
    /// The alerts that must fire, and no others.
    pub firing: Vec<ExpectedAlert>,
    /// The alerts that must be pending, and no others, if the test says so.
    pub pending: Option<Vec<ExpectedAlert>>,
    /// The alerts that must be resolved and still be told so, and no others, if the test says so.
    pub resolved: Option<Vec<ExpectedAlert>>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedAlert {
    /// Its labels, `alertname` among them.
    pub labels: LabelSet,
    /// Its annotations.
    pub annotations: LabelSet,
}

/// The result of an expression at one time.
#[derive(Debug, Clone)]
pub struct ExprTest {
    /// The expression.
    pub expr: String,
    /// After the start.
    pub eval_time: Duration,
    /// The samples it must give, and no others.
    pub samples: Vec<ExpectedSample>,
    /// It must fail, with this in the message.
    pub error: Option<String>,
}

/// A sample.
#[derive(Debug, Clone)]
pub struct ExpectedSample {
    /// Its labels.
    pub labels: LabelSet,
    /// Its value.
    pub value: Value,
}

impl TestGroup {
    /// The last instant a test asks for, after the start.
    pub fn last_eval_time(&self) -> Duration {
        let alerts = self.alert_tests.iter().map(|test| test.eval_time);
        let expressions = self.expr_tests.iter().map(|test| test.eval_time);
        let sent = self.notifications.iter().flat_map(|notifications| &notifications.expected);
        alerts.chain(expressions).chain(sent.map(|expected| expected.until)).max().unwrap_or_default()
    }
}
