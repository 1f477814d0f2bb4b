use std::fs;

use super::*;

const DUPLICATES: &str = "
groups:
- name: a
  labels: {x: y}
  rules:
  - {alert: A, expr: up == 0}
  - {alert: A, expr: up == 1, labels: {severity: page}}
- name: b
  rules:
  - {record: A, expr: up, labels: {x: y}}
  - {alert: B, expr: up == 2}
  - {alert: B, expr: up == 2}
  - {alert: B, expr: down > 0}
";

fn check(text: &str) -> FileReport {
    check_file(&SourceFile::new("r.yml", text), &Checks::default())
}

#[test]
fn good_files_are_counted() {
    let report = check("groups: [{name: a, rules: [{alert: A, expr: 1}, {record: r, expr: 1}]}]");
    assert_eq!(report.stdout(), "Checking r.yml\n  SUCCESS: 2 rules found\n\n");
    assert_eq!(report.stderr(), "");
    assert_eq!((exit_code(&[report], true), exit_code(&[], true)), (EXIT_GOOD, EXIT_GOOD));
}

#[test]
fn duplicates_are_findings() {
    let report = check(DUPLICATES);
    assert_eq!(report.stdout(), "Checking r.yml\n\n");
    insta::assert_snapshot!(report.stderr(), @"
      FAILED:
    lint error 3 duplicate rule(s) found.
    Metric: A
    Label(s):
    	x: y
    Metric: B
    Label(s):
    Might cause inconsistency while recording expressions
    ");
    let reports = [report];
    assert_eq!((exit_code(&reports, false), exit_code(&reports, true)), (EXIT_GOOD, EXIT_LINT));
}

#[test]
fn mistakes_win_over_findings() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("bad.yml"), "groups: [{name: a, rules: [{alert: A}]}]").unwrap();
    fs::write(path("twice.yml"), DUPLICATES).unwrap();
    fs::write(path("more.yml"), "groups: []\n---\ngroups: [{name: a}]\n").unwrap();
    let reports = check_files(&["bad.yml", "none.yml", "twice.yml", "more.yml"].map(path), &Checks::default());
    assert_eq!(exit_code(&reports, true), EXIT_MISTAKE);
    let shown: String = reports.iter().map(|report| report.stdout() + &report.stderr()).collect();
    insta::assert_snapshot!(shown.replace(&format!("{}/", folder.path().display()), ""));
}
