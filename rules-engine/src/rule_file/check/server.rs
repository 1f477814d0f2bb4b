//! What a query API is asked about the rules of a file, and what its answers say about them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use promql::Expr;
use promql::ast::VectorSelector;
use promql::matcher::MatchOp;
use promql::selector::walk;

use super::{Checks, FileReport, GoodFile};
use crate::rule::RuleKind;
use crate::rule_file::lint::{Finding, Lint, Subject};

/// More alerts than this from one rule at one moment are too many for people.
pub const ALERTS_MAX: f64 = 100.0;

/// More series than this from one recording rule are much for a server.
pub const SERIES_MAX: f64 = 10_000.0;

/// Series that Prometheus writes only while there are alerts.
const ALERT_SERIES: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Functions for counters only.
const OF_COUNTERS: [&str; 4] = ["rate", "irate", "increase", "resets"];

/// Functions that a counter's reset makes useless.
const OF_GAUGES: [&str; 4] = ["delta", "idelta", "deriv", "predict_linear"];

/// Something to ask a query API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// How many series this expression gives now: `count(…)`.
    Count(String),
    /// What type the metric has, by `/api/v1/metadata`.
    Type(String),
}

/// What the query API said; what it could not say is not in it.
#[derive(Debug, Default)]
pub struct Answers {
    /// For each expression how many series it gives.
    pub counts: BTreeMap<String, f64>,
    /// For each metric its type, if it has just one: `counter`, `gauge`, …
    pub types: BTreeMap<String, String>,
}

/// Everything to be asked about these files, each once.
pub fn questions(reports: &[FileReport]) -> BTreeSet<Question> {
    let mut asked = BTreeSet::new();
    let recorded = recorded(reports);
    for (_, expr) in good_files(reports).flat_map(parsed_rules) {
        asked.insert(Question::Count(expr.to_string()));
        for selector in selectors(expr) {
            asked.extend(counted(selector, &recorded).into_iter().flat_map(Counted::exprs).map(Question::Count));
        }
        typed_calls(expr, &mut |_, _, metric| {
            asked.insert(Question::Type(metric.to_owned()));
        });
    }
    asked
}

/// Adds to the reports what the answers tell.
pub fn judge(reports: &mut [FileReport], answers: &Answers, checks: &Checks) {
    let recorded = recorded(reports);
    for report in reports {
        let Ok(good) = &mut report.outcome else { continue };
        let mut found = Vec::new();
        for (subject, expr) in subjects(good, checks) {
            let mut of_rule = missing(&subject, expr, answers, &recorded);
            of_rule.extend(wrong_type(&subject, expr, answers));
            of_rule.extend(too_many(&subject, expr, answers));
            found.extend(subject.without_exempt(of_rule));
        }
        good.take(found, &checks.lints);
    }
}

fn good_files(reports: &[FileReport]) -> impl Iterator<Item = &GoodFile> {
    reports.iter().filter_map(|report| report.outcome.as_ref().ok())
}

fn parsed_rules(good: &GoodFile) -> impl Iterator<Item = (&crate::rule::Rule, &Expr)> {
    let rules = good.groups.iter().flat_map(|group| &group.rules);
    rules.filter_map(|located| Some((&*located.rule, located.parsed.as_ref()?)))
}

fn subjects<'a>(good: &'a GoodFile, checks: &'a Checks) -> impl Iterator<Item = (Subject<'a>, &'a Expr)> {
    good.groups.iter().flat_map(move |group| {
        group.rules.iter().filter_map(move |rule| {
            Some((Subject::new(good.text.file(), group, rule, &checks.surroundings), rule.parsed.as_ref()?))
        })
    })
}

/// What the files record: it need not be there before they are in use.
fn recorded(reports: &[FileReport]) -> BTreeSet<String> {
    let rules = good_files(reports).flat_map(|good| good.groups.iter().flat_map(|group| &group.rules));
    let recording = rules.filter(|located| matches!(located.rule.kind, RuleKind::Recording));
    recording.map(|located| located.rule.name.clone()).collect()
}

/// The selectors of series that should be there: not those that are asked whether they are absent.
fn selectors(expr: &Expr) -> Vec<&VectorSelector> {
    let mut found = Vec::new();
    walk(expr, &mut |expr, around| {
        let is_absence = |outer: &&Expr| matches!(outer, Expr::Call(call) if call.function.name.starts_with("absent"));
        let is_info = |outer: &&Expr| matches!(outer, Expr::Call(call) if call.function.name == "info");
        if around.iter().any(|outer| is_absence(outer) || is_info(outer)) {
            return;
        }
        match expr {
            Expr::Vector(selector) => found.push(selector),
            Expr::Range(range) => found.push(&range.selector),
            _ => {}
        }
    });
    found
}

/// The expressions whose number of series tells whether a selector finds anything, and why not: itself, its metric, its
/// metric with each label it asks for.
fn counted(selector: &VectorSelector, recorded: &BTreeSet<String>) -> Option<Counted> {
    let metric = selector.metric_name()?;
    if !selector.is_plain() || recorded.contains(metric) || ALERT_SERIES.contains(&metric) {
        return None;
    }
    let metric_only = Expr::Vector(VectorSelector {
        matchers: selector
            .matchers
            .iter()
            .filter(|matcher| matcher.name() == promql::matcher::METRIC_NAME)
            .cloned()
            .collect(),
        ..selector.clone()
    });
    let wanted = selector.matchers.iter().filter(|matcher| {
        matcher.name() != promql::matcher::METRIC_NAME && matcher.op().is_positive() && !matcher.matches_value("")
    });
    let labels = wanted.filter_map(|matcher| {
        let has = model::Matcher::of_selector(matcher.name(), MatchOp::NotEqual, "").ok()?;
        let Expr::Vector(base) = &metric_only else { return None };
        let mut matchers = base.matchers.clone();
        matchers.insert(0, has);
        Some((matcher.name().to_owned(), Expr::Vector(VectorSelector { matchers, ..base.clone() }).to_string()))
    });
    Some(Counted {
        whole: Expr::Vector(selector.clone()).to_string(),
        metric: metric_only.to_string(),
        labels: labels.collect(),
    })
}

struct Counted {
    whole: String,
    metric: String,
    /// A label that must be there, and the metric with it.
    labels: Vec<(String, String)>,
}

impl Counted {
    fn exprs(self) -> impl Iterator<Item = String> {
        let labels = self.labels.into_iter().map(|(_, expr)| expr);
        [self.whole, self.metric].into_iter().chain(labels)
    }
}

fn missing(subject: &Subject<'_>, expr: &Expr, answers: &Answers, recorded: &BTreeSet<String>) -> Vec<Finding> {
    let count = |expr: &str| answers.counts.get(expr).copied();
    let finding = |selector: &VectorSelector| {
        let counted = counted(selector, recorded)?;
        if count(&counted.whole)? > 0.0 {
            return None;
        }
        let of_metric = count(&counted.metric)?;
        let lacking = counted.labels.iter().find(|(_, expr)| count(expr) == Some(0.0));
        let metric = selector.metric_name().unwrap_or_default();
        let (message, hint) = match lacking {
            _ if of_metric == 0.0 => (
                format!("the server has no series of {metric:?} now"),
                "check the name, and whether its target is scraped".to_owned(),
            ),
            Some((label, _)) => (
                format!("no series of {metric:?} has the label {label:?} now"),
                format!("the metric has {of_metric} series; check how the label is called there"),
            ),
            None => (
                "this selects no series now".to_owned(),
                format!("{metric:?} has {of_metric} series, none passes these matchers: check their values"),
            ),
        };
        Some(subject.finding(Lint::MissingSeries, subject.place(selector.span), &message, hint))
    };
    selectors(expr).into_iter().filter_map(finding).collect()
}

/// Calls `visit` with each function that wants a certain type, whether it wants a counter, and the metric it gets.
fn typed_calls<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e promql::ast::Call, bool, &'e str)) {
    walk(expr, &mut |expr, _| {
        let Expr::Call(call) = expr else { return };
        let wants_counter = OF_COUNTERS.contains(&call.function.name);
        if !wants_counter && !OF_GAUGES.contains(&call.function.name) {
            return;
        }
        if let Some(Expr::Range(range)) = call.arguments.first().map(Expr::bare)
            && let Some(metric) = range.selector.metric_name()
        {
            visit(call, wants_counter, metric);
        }
    });
}

fn wrong_type(subject: &Subject<'_>, expr: &Expr, answers: &Answers) -> Vec<Finding> {
    let mut found = Vec::new();
    typed_calls(expr, &mut |call, wants_counter, metric| {
        let name = call.function.name;
        let (message, hint) = match answers.types.get(metric).map(String::as_str) {
            Some("gauge") if wants_counter => (
                format!("{name} is for counters, but {metric:?} is a gauge: each fall counts as a reset"),
                "use delta or deriv, or an …_over_time function",
            ),
            Some("counter") if !wants_counter => (
                format!("{name} is for gauges, but {metric:?} is a counter: each reset counts as a fall"),
                "use rate or increase",
            ),
            _ => return,
        };
        found.push(subject.finding(Lint::MetricType, subject.place(call.span), &message, hint));
    });
    found
}

fn too_many(subject: &Subject<'_>, expr: &Expr, answers: &Answers) -> Option<Finding> {
    let count = *answers.counts.get(&expr.to_string())?;
    let (most, message, hint) = match subject.is_alert() {
        true => {
            (ALERTS_MAX, format!("{count} alerts would be active now"), "aggregate, so that one alert tells of many")
        }
        false => (SERIES_MAX, format!("{count} series would be recorded now"), "aggregate more labels away"),
    };
    (count > most).then(|| subject.finding(Lint::TooManySeries, subject.name_place(), &message, hint))
}

/// The scrape interval that holds for all targets: the longest, since a window must hold two samples of each.
pub fn scrape_interval(intervals: impl IntoIterator<Item = Duration>) -> Option<Duration> {
    intervals.into_iter().max()
}

#[cfg(test)]
mod tests {
    use model::source::SourceFile;

    use super::super::{LintChoice, check_file};
    use super::*;

    fn checks() -> Checks {
        Checks { lints: LintChoice::parse("all").0, ..Checks::default() }
    }

    fn report(rules: &str) -> Vec<FileReport> {
        let text = format!("groups: [{{name: g, rules: [{rules}]}}]");
        vec![check_file(&SourceFile::new("r.yml", text), &checks())]
    }

    #[test]
    fn each_thing_is_asked_once() {
        let reports = report(
            "{alert: A, expr: 'rate(x{a=\"1\",b!=\"2\",c=~\"|3\"}[5m]) > 0 and x{a=\"1\",b!=\"2\",c=~\"|3\"} > 1'}, \
             {alert: B, expr: absent(y)}, {record: r, expr: sum(y)}, {alert: C, expr: r > 0}, \
             {alert: D, expr: 'ALERTS{alertname=\"A\"} > 0 and z offset 1h > 0'}",
        );
        let asked = questions(&reports).into_iter().map(|question| match question {
            Question::Count(expr) => expr,
            Question::Type(metric) => format!("type of {metric}"),
        });
        insta::assert_snapshot!(asked.collect::<Vec<_>>().join("\n"), @r#"
        ALERTS{alertname="A"} > 0 and z offset 1h > 0
        absent(y)
        r > 0
        rate(x{a="1",b!="2",c=~"|3"}[5m]) > 0 and x{a="1",b!="2",c=~"|3"} > 1
        sum(y)
        x
        x{a!=""}
        x{a="1",b!="2",c=~"|3"}
        y
        type of x
        "#);
    }

    #[test]
    fn what_was_not_answered_is_not_judged() {
        let mut reports = report("{alert: A, expr: 'rate(x[5m]) > 0'}");
        judge(&mut reports, &Answers::default(), &checks());
        assert_eq!(reports[0].stderr(), "");
    }

    #[test]
    fn too_many_alerts_and_series() {
        let mut reports = report("{alert: A, expr: x > 0}, {record: r, expr: y}, {alert: B, expr: z > 0}");
        let counts = [("x > 0", 101.0), ("y", 10_001.0), ("z > 0", 100.0), ("x", 1.0), ("z", 1.0)];
        let counts = counts.into_iter().map(|(expr, count)| (expr.to_owned(), count)).collect();
        judge(&mut reports, &Answers { counts, ..Answers::default() }, &checks());
        insta::assert_snapshot!(reports[0].stderr());
    }
}
