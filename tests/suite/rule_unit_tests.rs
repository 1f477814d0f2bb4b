//! Unit tests of rules: the corpus has the verdicts of Prometheus 3.14, and of Debian's promtool where that can read the file.

use std::path::{Path, PathBuf};
use std::process::Command;

use watchfire::unit_test::run_choice::RunChoice;
use watchfire::unit_test::{Options, test_file};

use crate::peers::installed;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/rules/promtool");

/// Files of the corpus, whether they pass, and whether promtool 2.42 can read them.
const FILES: [(&str, bool, bool); 11] = [
    ("at-modifier-test.yml", true, true),
    ("bad-input-series.yml", false, true),
    ("bad-promql.yml", false, true),
    ("bad-rules-error-test.yml", false, true),
    ("failing.yml", false, true),
    ("long-period.yml", true, true),
    ("rules_run.yml", false, true),
    ("rules_run_extrafields.yml", false, true),
    ("rules_run_fuzzy.yml", false, false),
    ("start-time-test.yml", true, false),
    ("unittest.yml", true, false),
];

fn corpus(test: &str) -> Option<&'static Path> {
    let corpus = Path::new(CORPUS);
    if corpus.is_dir() {
        return Some(corpus);
    }
    eprintln!("skipped {test}: {CORPUS} is not here");
    None
}

#[test]
fn the_corpus_has_the_verdicts_of_prometheus() {
    let Some(corpus) = corpus("the_corpus_has_the_verdicts_of_prometheus") else { return };
    for (name, passes, _) in FILES {
        let outcome = test_file(&corpus.join(name), &Options::default());
        assert_eq!(outcome.passed(), passes, "{name}: {:?}", outcome.failures().collect::<Vec<_>>());
    }
    for (name, pattern, passes) in [
        ("rules_run.yml", "correct", true),
        ("rules_run.yml", "wrong", false),
        ("rules_run_fuzzy.yml", "^correct", true),
        ("rules_run_fuzzy.yml", "^wrong", false),
    ] {
        let run = RunChoice::new(&[pattern.to_owned()]).unwrap();
        let outcome = test_file(&corpus.join(name), &Options { run, ..Options::default() });
        assert_eq!(outcome.passed(), passes, "{name} {pattern}");
    }
    let lenient = Options { ignores_unknown_fields: true, ..Options::default() };
    assert!(test_file(&corpus.join("rules_run_extrafields.yml"), &lenient).passed());
}

#[test]
fn the_corpus_has_the_verdicts_of_the_installed_promtool() {
    let test = "the_corpus_has_the_verdicts_of_the_installed_promtool";
    let Some(corpus) = corpus(test) else { return };
    if !installed(test, &["promtool"]) {
        return;
    }
    for (name, _, readable) in FILES {
        if readable {
            assert_same_as_promtool(&corpus.join(name), name == "failing.yml");
        }
    }
}

/// Same exit code, same standard output. What failed is told in the same words too where `in_detail`, but for our plots.
fn assert_same_as_promtool(path: &Path, in_detail: bool) {
    let run = |program: &str| Command::new(program).args(["test", "rules"]).arg(path).output().unwrap();
    let (ours, theirs) = (run(env!("CARGO_BIN_EXE_watchfire")), run("promtool"));
    let lines = |output: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(output);
        let is_plot = |line: &str| line.trim_start().starts_with(|c| ('▁'..='█').contains(&c));
        text.lines().filter(|line| !line.is_empty() && !is_plot(line)).map(str::to_owned).collect()
    };
    assert_eq!(ours.status.code(), theirs.status.code(), "{}: {:?}", path.display(), lines(&ours.stderr));
    assert_eq!(lines(&ours.stdout), lines(&theirs.stdout), "{}", path.display());
    if in_detail {
        assert_eq!(lines(&ours.stderr), lines(&theirs.stderr), "{}", path.display());
    }
}

/// A folder with a rule file and a test file.
fn written(rules: &str, tests: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let path = folder.path().join("test.yml");
    std::fs::write(&path, tests).unwrap();
    (folder, path)
}

const RULES: &str = r#"
groups:
  - name: recordings
    rules:
      - record: job:errors:rate5m
        expr: sum by (job) (rate(errors_total[5m]))
  - name: alerts
    rules:
      - alert: ErrorsHigh
        expr: job:errors:rate5m > 0.5
        for: 2m
        keep_firing_for: 3m
        labels: {severity: page}
        annotations: {summary: '{{ $labels.job }} fails {{ $value | humanize }} times a second'}
      - alert: JobGone
        expr: absent(errors_total{job="api"})
"#;

/// Everything the format has, and what goes beyond it.
const TESTS: &str = r#"
rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [recordings, alerts]
tests:
  - name: errors rise and fall
    interval: 30s
    input_series:
      - {series: 'errors_total{job="api", pod="1"}', values: '0+0x10 0+30x20 600x20 stale'}
    promql_expr_test:
      - expr: job:errors:rate5m
        eval_time: 12m
        exp_samples: [{labels: 'job:errors:rate5m{job="api"}', value: 1}]
      - {expr: 'errors_total * on(job) job:errors:rate5m offset 1y', eval_time: 10m, exp_samples: []}
    alert_rule_test:
      - eval_time: 8m
        alertname: ErrorsHigh
        exp_alerts: []
"#;

#[test]
fn verdicts_are_promtools_on_a_file_of_our_own() {
    let pending = TESTS.to_owned()
        + r#"
      - eval_time: 12m
        alertname: ErrorsHigh
        exp_alerts:
          - exp_labels: {severity: page, job: api}
            exp_annotations: {summary: 'api fails 1 times a second'}
"#;
    let (_folder, path) = written(&RULES.replace("        keep_firing_for: 3m\n", ""), &pending);
    let outcome = test_file(&path, &Options::default());
    assert!(outcome.passed(), "{}", outcome.failures().collect::<String>());
    if installed("verdicts_are_promtools_on_a_file_of_our_own", &["promtool"]) {
        assert_same_as_promtool(&path, true);
        // Also where they differ from what is expected.
        let (_folder, path) = written(
            &RULES.replace("        keep_firing_for: 3m\n", ""),
            &pending.replace("api fails 1", "api fails 2"),
        );
        assert!(!test_file(&path, &Options::default()).passed());
        assert_same_as_promtool(&path, true);
    }
}

#[test]
fn pending_and_resolved_alerts_and_errors_can_be_expected() {
    let beyond = TESTS.to_owned()
        + r#"
      - {eval_time: 12m, alertname: ErrorsHigh, exp_pending: [], exp_alerts: [{exp_labels: {severity: page, job: api}, exp_annotations: {summary: 'api fails 1 times a second'}}]}
      - {eval_time: 9m, alertname: ErrorsHigh, exp_pending: [{exp_labels: {severity: page, job: api}, exp_annotations: {summary: 'api fails 700m times a second'}}]}
      - {eval_time: 24m, alertname: ErrorsHigh, exp_resolved: [{exp_labels: {severity: page, job: api}, exp_annotations: {summary: 'api fails 666.7m times a second'}}]}
"#;
    let beyond = beyond.replace("    alert_rule_test:", "      - {expr: 'errors_total + on(pod) group_left() (errors_total or job:errors:rate5m)', eval_time: 10m, exp_error: 'no such error'}\n    alert_rule_test:");
    let (_folder, path) = written(RULES, &beyond);
    let outcome = test_file(&path, &Options::default());
    let failures: Vec<&str> = outcome.failures().collect();
    assert_eq!(failures.len(), 1, "{}", failures.concat());
    assert!(
        failures[0].contains("exp: err: no such error") && failures[0].contains("got: no error"),
        "{}",
        failures[0]
    );
}

#[test]
fn every_mistake_of_a_file_is_told_with_its_place() {
    let tests = "tests:\n  - input_series:\n      - {series: 'up{', values: '1 2 three'}\n    colour: red\n    alert_rule_test: [{eval_time: soon}]\n";
    let (_folder, path) = written(RULES, tests);
    let outcome = test_file(&path, &Options::default());
    let told = outcome.mistakes.concat();
    for part in ["test.yml:3:", "expected a value, got \"t\"", "colour", "eval_time", "alertname"] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
}

#[test]
fn what_is_sent_to_whom_can_be_expected() {
    let rules = r#"
groups:
  - name: alerts
    interval: 30s
    rules:
      - {alert: TargetDown, expr: up == 0, for: 2m, labels: {severity: page}}
"#;
    let tests = |group_intervals: bool, sent: &str| {
        format!(
            r#"
rule_files: [rules.yml]
evaluation_interval: 1m
group_intervals: {group_intervals}
tests:
  - name: a target goes away and comes back
    interval: 30s
    input_series:
      - {{series: 'up{{instance="a"}}', values: '1x2 0x10 1x40'}}
    notifier_config: alertmanager.yml
    exp_notifications:
      {sent}
"#
        )
    };
    let config = "route: {receiver: pager, group_wait: 10s, group_interval: 5m, repeat_interval: 1h}\n\
                  receivers: [{name: pager, webhook_configs: [{url: 'http://localhost:1/'}]}]\n";
    // Down from 1m30s: every 30 seconds it is seen at once, every minute half a minute later.
    let sent = |first: &str, resolved: &str| {
        format!(
            "- {{at: {first}, receiver: pager, via: webhook, firing: [{{alertname: TargetDown, instance: a}}]}}\n      \
             - {{at: {resolved}, until: 20m, receiver: pager, via: webhook, resolved: [{{alertname: TargetDown}}]}}"
        )
    };
    for (group_intervals, sent, passes) in [
        (true, sent("3m40s", "8m40s"), true),
        (false, sent("4m10s", "9m10s"), true),
        (false, sent("3m40s", "9m10s"), false),
        (true, "[]".to_owned(), true),
    ] {
        let (folder, path) = written(rules, &tests(group_intervals, &sent));
        std::fs::write(folder.path().join("alertmanager.yml"), config).unwrap();
        let outcome = test_file(&path, &Options::default());
        let failures = outcome.failures().collect::<String>();
        assert_eq!(outcome.passed(), passes, "{sent}: {failures}");
        assert!(passes || failures.contains("not expected:") && failures.contains("missing (line"), "{failures}");
    }
    let (_folder, path) = written(rules, &tests(true, "[]"));
    let outcome = test_file(&path, &Options::default());
    assert!(outcome.failures().any(|failure| failure.contains("alertmanager.yml")), "a missing file is told");
}
