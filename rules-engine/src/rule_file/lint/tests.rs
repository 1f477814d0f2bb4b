use insta::assert_snapshot;
use model::duration::parse_duration;

use crate::rule_file::check::{Checks, LintChoice, check_file};

use super::*;

fn checks() -> Checks {
    let minute = parse_duration("1m").ok();
    let surroundings = Surroundings { scrape_interval: minute, evaluation_interval: minute };
    Checks { lints: LintChoice::parse("all").0, surroundings, ..Checks::default() }
}

/// What is found in rules, each given as YAML's flow form.
fn found(rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("  - {{{rule}}}\n")).collect();
    let file = SourceFile::new("r.yml", format!("groups:\n- name: g\n  rules:\n{rules}"));
    let report = check_file(&file, &checks());
    let good = report.outcome.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    good.failing.iter().map(|finding| format!("{}\n", finding.diagnostic)).collect()
}

#[test]
fn findings_say_where_what_why_and_how_to_mend() {
    assert_snapshot!(found(&[
        "alert: A, expr: 'sum by (job) (up) == 0', annotations: {summary: '{{ $labels.instance }} of {{ $labels.job }}'}",
        "alert: B, expr: 'sum(up) < 3', labels: {severity: page}, annotations: {summary: 'a {{ .Labels.severity }}'}",
        "alert: C, expr: 'absent(up{job=\"a\"})', annotations: {summary: '{{ index $labels \"instance\" }}'}",
        "alert: D, expr: 'up > 1', labels: {value: '{{ $value | humanize }}', at: '{{ now }}'}",
        "alert: E, expr: 'rate(errors_total[5m]) / rate(all_total[5m])'",
        "alert: F, expr: 'up == bool 0'",
        "alert: G, expr: 'up == 0 or down'",
        "alert: H, expr: 'count(up == 0) < 1'",
        "alert: I, expr: '0 > rate(x[5m])'",
        "alert: J, expr: 'x == NaN'",
        "alert: K, expr: 'sum by (a) (x) / sum by (b) (y) > 0'",
        "alert: L, expr: 'x{s=\"1\"} unless x{s=\"2\"}'",
        "alert: M, expr: 'x{s=\"1\",s!~\"[0-9]\"} > 0'",
        "alert: N, expr: 'x * on (a) group_left (team) sum by (a) (y) > 0'",
        "alert: O, expr: 'rate(x[1m]) > 0'",
        "record: r, expr: 'sum(x)'",
        "alert: P, expr: 'deriv(r[90s]) > 0 and rate(y[10m:10m]) > 0'",
        "alert: Q, expr: 'r'",
        "alert: R, expr: 'x > 0', for: 30s",
    ]));
}

#[test]
fn nothing_is_said_about_what_may_be_right() {
    assert_eq!(
        found(&[
            "alert: Watchdog, expr: vector(1)",
            "alert: A, expr: 'absent(up{job=\"a\"})', annotations: {summary: '{{ $labels.job }}'}",
            "alert: B, expr: 'up and on (job) down'",
            "alert: C, expr: 'up unless on (job) down'",
            "alert: D, expr: 'ALERTS{alertstate=\"firing\"}'",
            "alert: E, expr: 'job:is_down:bool'",
            "alert: F, expr: 'count_over_time((up == 0)[10m:1m])'",
            "alert: G, expr: 'index_size{name=~\".*_ccnew\"}'",
            "record: is_down, expr: 'up == 0'",
            "alert: H, expr: is_down",
            "alert: I, expr: 'x * on (a) group_left () (y == 1)'",
            "alert: J, expr: 'sum by (job) (up) == 0', annotations: {summary: '{{ with $labels.instance }}{{ . }}{{ end }}'}",
            "alert: K, expr: 'up == 0', labels: {value: '{{ $value }}', level: '{{ if gt $value 1.0 }}a{{ else }}b{{ end }}'}",
            "alert: L, expr: 'sum(x) > 0', annotations: {summary: '{{ range query \"up\" }}{{ .Labels.instance }}{{ end }}'}",
            "alert: M, expr: '(count(up == 0) or vector(0)) == 0'",
            "alert: N, expr: 'sum(x) / y > 0'",
            "alert: O, expr: 'rate(x[2m]) > 0', for: 1m",
            "alert: P, expr: 'max_over_time(x[30s]) > 0'",
        ]),
        ""
    );
}

#[test]
fn recordings_that_vanish_between_evaluations() {
    let text = "groups: [{name: g, interval: 10m, rules: [{record: r, expr: up}]}, {name: h, interval: 5m, rules: [{record: s, expr: up}]}, {name: i, interval: 1h, rules: [{alert: A, expr: up == 0}]}]";
    let report = check_file(&SourceFile::new("r.yml", text), &checks());
    assert_snapshot!(report.stderr());
}

#[test]
fn a_rule_is_exempt_from_what_a_comment_names() {
    let text = "groups:
- name: g
  rules:
  # why this is meant
  # watchfire: ignore alert-condition, never-true
  - alert: A
    expr: up
  - alert: B
    expr: up # watchfire: ignore never-true
  - alert: C
    # watchfire: ignore alert-condition
    expr: up
  # watchfire: ignore nothing-known

  - {alert: D, expr: up} # watchfire: ignore alert-condition
  - {alert: E, expr: up}
";
    let report = check_file(&SourceFile::new("r.yml", text), &checks());
    let good = report.outcome.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let lines: Vec<_> = good.failing.iter().map(|finding| finding.diagnostic.line()).collect();
    assert_eq!(lines, [Some(9), Some(16)]);
}

#[test]
fn every_lint_has_a_name_of_its_own_and_a_line_in_the_manual() {
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lints.md")).unwrap();
    for lint in Lint::ALL {
        assert_eq!(Lint::by_name(lint.name()), Some(lint));
        assert!(manual.contains(&format!("| `{lint}` |")), "{lint}");
    }
    assert_eq!(Lint::by_name("nope"), None);
}
