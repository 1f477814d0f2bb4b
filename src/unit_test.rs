//! Unit tests of rules: series go in, alerts and results of expressions are compared. The format is promtool's; the rules run
//! through the machine that runs them in service, on virtual time.
//!
//! - [`file`](mod@file): test files as meant; `file_reader`: as written
//! - [`stage`]: series, machines and time of one test; `pager`: the notifier of it
//! - [`alert_check`], [`expr_check`]: what is compared, and how a difference is told
//! - [`outcome`]: what became of a file's tests

pub mod alert_check;
pub mod expr_check;
pub mod file;
mod file_reader;
pub mod outcome;
mod pager;
mod plot;
pub mod run_choice;
pub mod stage;

use std::path::Path;

use anyhow::{anyhow, bail};
use model::source::SourceFile;
use promql::eval::Storage;
use rules_engine::rule::RuleGroup;
use rules_engine::rule_file::{self, Defaults};
use run_choice::RunChoice;

use file::{TestFile, TestGroup};
use outcome::{FileOutcome, TestOutcome};
use stage::Stage;

/// How tests are run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which tests, by their names.
    pub run: RunChoice,
    /// Whether keys that nobody knows are passed over.
    pub ignores_unknown_fields: bool,
    /// Which experimental parts of PromQL are allowed.
    pub promql: promql::Options,
    /// Whether every series is shown after a test.
    pub shows_series: bool,
    /// Whether only the alerts are listed that are missing or too many.
    pub lists_differences: bool,
}

/// The series that go into a test of a file: the one of this name, or the first.
///
/// # Errors
/// Every mistake of the file; or it has no such test.
pub fn input_series(file: &SourceFile, test: Option<&str>) -> anyhow::Result<Storage> {
    let tests = file_reader::read(file, true).map_err(|mistakes| anyhow!("{mistakes}"))?.tests;
    let chosen = tests.iter().find(|own| test.is_none_or(|name| own.name == name));
    let Some(test) = chosen else { bail!("{}: there is no such test", file.name()) };
    let mut storage = Storage::new();
    for series in &test.series {
        let id = storage.series_id(&series.labels);
        let mut at = test.start;
        for value in &series.values {
            if let Some(value) = value {
                let taken = storage.append(id, at.as_millis(), value.clone());
                taken.map_err(|_| anyhow!("{}: {} is given twice", file.name(), series.labels))?;
            }
            at = at.plus(test.interval);
        }
    }
    Ok(storage)
}

/// Runs the tests of a file.
pub fn test_file(path: &Path, options: &Options) -> FileOutcome {
    let mut outcome = FileOutcome::new(path.display().to_string());
    let base = path.parent().unwrap_or(Path::new(""));
    let read = rule_file::read_file(path).and_then(|file| read(&file, base, options));
    match read {
        Ok((file, groups)) => {
            for test in file.tests.iter().filter(|test| options.run.names(&test.name)) {
                let tested = run(&file, test, &groups, base, options);
                outcome.tests.push(tested);
            }
        }
        Err(mistakes) => outcome.mistakes.push(mistakes.to_string()),
    }
    outcome
}

fn read(
    file: &SourceFile,
    base: &Path,
    options: &Options,
) -> Result<(TestFile, Vec<RuleGroup>), model::source::Diagnostics> {
    let test_file = file_reader::read(file, options.ignores_unknown_fields)?;
    let defaults = Defaults {
        interval: test_file.evaluation_interval,
        promql: options.promql,
        ignores_unknown_fields: options.ignores_unknown_fields,
        ..Defaults::default()
    };
    let loaded = rule_file::load(&test_file.rule_files, base, &defaults)?;
    let mut groups = loaded.groups;
    // Groups the list does not name tie with its first.
    groups.sort_by_key(|group| test_file.group_order.iter().position(|name| *name == group.name).unwrap_or(0));
    Ok((test_file, groups))
}

fn run(file: &TestFile, test: &TestGroup, groups: &[RuleGroup], base: &Path, options: &Options) -> TestOutcome {
    let mut outcome = TestOutcome::new(test.name.clone());
    let mut stage = Stage::new(file, test, groups, options.promql);
    if let Some(notifications) = &test.notifications
        && let Err(mistakes) = stage.page_with(&base.join(&notifications.config))
    {
        outcome.failures.push(mistakes.to_string());
        return outcome;
    }
    let mut alert_tests: Vec<&file::AlertTest> = test.alert_tests.iter().collect();
    alert_tests.sort_by_key(|alert_test| alert_test.eval_time);
    let mut upcoming = alert_tests.into_iter().peekable();
    for slot in stage.slots() {
        if let Err(errors) = stage.evaluate(slot) {
            outcome.failures.extend(errors);
            return outcome;
        }
        // What lies before the next slot is as this one left it.
        while let Some(alert_test) = upcoming.next_if(|alert_test| alert_test.eval_time < slot.next) {
            outcome.failures.extend(alert_check::difference(&stage, test, alert_test, options.lists_differences));
        }
    }
    for expr_test in &test.expr_tests {
        outcome.failures.extend(expr_check::difference(&mut stage, file.fuzzy_compare, expr_test));
    }
    outcome.failures.extend(stage.notification_difference());
    if options.shows_series {
        outcome.series = stage.shown_series();
    }
    outcome
}
