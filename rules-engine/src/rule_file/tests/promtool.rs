//! Small files about which the installed promtool and we must agree: good with so many rules, or refused.

use std::fs;
use std::process::{Command, Stdio};

use super::super::check::{Checks, check_file};
use super::super::*;

/// Bodies of a single rule, in YAML's flow form.
const RULES: [&str; 36] = [
    "alert: A, expr: up",
    "alert: A, expr: 1",
    "alert: A",
    "alert: A, expr: ''",
    "expr: up",
    "alert: '', expr: up",
    "record: '', alert: A, expr: up",
    "record: a, alert: A, expr: up",
    "record: a, expr: up, for: 0s",
    "record: a, expr: up, for: 1s",
    "record: a, expr: up, keep_firing_for: 1s",
    "record: a, expr: up, annotations: {}",
    "record: a, expr: up, annotations: {a: b}",
    "record: 'a b', expr: up, for: 5m",
    "record: 'a{b=\"c\"}', expr: up",
    "record: 'a:b:c', expr: up",
    "alert: 'a b {c}', expr: up",
    "alert: A, expr: up, for: 1h30m",
    "alert: A, expr: up, for: 30m1h",
    "alert: A, expr: up, for: 1.5h",
    "alert: A, expr: up, for: 90",
    "alert: A, expr: up, for: 0",
    "alert: A, expr: up, for: ''",
    "alert: A, expr: up, for: ",
    "alert: A, expr: up, labels: {__name__: x}",
    "alert: A, expr: up, labels: {a: 1, b: true, c: , d: 1.50}",
    "alert: A, expr: up, labels: [a]",
    "alert: A, expr: up, annotations: {a: '{{ $labels.x }} {{ $value }} {{ .Labels.y }} {{ $externalLabels.z }}'}",
    "alert: A, expr: up, annotations: {a: '{{ $nope }}'}",
    "alert: A, expr: up, annotations: {a: '{{ nope 1 }}'}",
    "alert: A, expr: up, annotations: {a: '{{ if }}'}",
    "alert: A, expr: up, labels: {a: '{{ template \"nope\" }}'}",
    "record: a, expr: up, labels: {a: '{{ nope'}",
    "alert: A, expr: 'rate(up)'",
    "alert: A, expr: 'sum(up) by (a) > on(b) group_left() up'",
    "alert: A, exprs: up",
];

/// Whole files.
const FILES: [&str; 16] = [
    "",
    "groups:",
    "groups: []",
    "groups: [{name: a}]",
    "groups: [{name: a}, {name: a}]",
    "groups: [{name: a}, {name: b}]",
    "groups: [{name: ''}]",
    "groups: [{rules: []}]",
    "groups: [{name: a, interval: 1m, limit: 3}]",
    "groups: [{name: a, interval: 1}]",
    "groups: [{name: a, limit: -1}]",
    "groups: [{name: a, limit: many}]",
    "groups: [{name: a, nope: 1}]",
    "group: []",
    "groups: [{name: a, name: b}]",
    "groups: [{name: a}]\n---\ngroups: [{nope: a}]\n",
];

fn installed() -> bool {
    let found = Command::new("promtool").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "peer_promtool_has_the_same_verdict needs promtool");
    found
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
fn peer_promtool_has_the_same_verdict() {
    if !installed() {
        eprintln!("peer_promtool_has_the_same_verdict skipped: promtool is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let with_rule = RULES.iter().map(|rule| format!("groups: [{{name: g, rules: [{{{rule}}}]}}]\n"));
    let texts: Vec<String> = with_rule.chain(FILES.iter().map(|&text| text.to_owned())).collect();
    let paths: Vec<_> = (0..texts.len()).map(|n| folder.path().join(format!("{n:03}.yml"))).collect();
    for (path, text) in paths.iter().zip(&texts) {
        fs::write(path, text).unwrap();
    }
    let output = Command::new("promtool").args(["check", "rules", "--lint=none"]).args(&paths).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> =
        said.split("Checking ").skip(1).map(|one| one.lines().nth(1).unwrap_or("").trim()).collect();
    assert_eq!(theirs.len(), texts.len(), "{said}");
    // Prometheus 2 knows no other names than these
    let defaults = Defaults { names: NameScheme::Legacy, ..Defaults::default() };
    let checks = Checks { defaults, ..Checks::default() };
    for ((path, text), theirs) in paths.iter().zip(&texts).zip(theirs) {
        let report = check_file(&read_file(path).unwrap(), &checks);
        let ours = report.stdout().lines().nth(1).unwrap_or("").trim().to_owned();
        assert_eq!(ours, theirs, "{text}\n{}", report.stderr());
    }
}
