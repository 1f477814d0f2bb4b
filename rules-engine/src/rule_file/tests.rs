use std::fs;

use insta::assert_snapshot;

use super::*;
use crate::rule::RuleKind;

mod corpus;
mod extensions;
mod hostile;
mod promtool;

fn read_text(text: &str) -> Result<(Vec<RuleGroup>, Diagnostics), Diagnostics> {
    read(&SourceFile::new("rules.yml", text), &Defaults::default())
}

fn mistakes(text: &str) -> String {
    read_text(text).expect_err("there are mistakes in it").to_string()
}

#[test]
fn a_group_with_everything_is_read_as_meant() {
    let text = "
groups:
- name: g
  interval: 90s
  query_offset: 0s
  limit: 7
  labels: {team: infra, severity: page}
  rules:
  - record: job:up:sum
    expr: sum   by(job)(up)
    labels: {severity: none}
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 10m
    labels: {n: 1, yes: yes}
    annotations:
      summary: '{{ $labels.instance }} of {{ $externalLabels.x }} at {{ $externalURL }} is {{ $value | humanize }}'
";
    let (groups, warnings) = read_text(text).unwrap();
    assert!(warnings.is_empty());
    let [group] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!((group.name.as_str(), group.file.as_str(), group.limit), ("g", "rules.yml", 7));
    assert_eq!((group.interval, group.query_offset), (Duration::from_secs(90), Duration::ZERO));
    let [record, alert] = group.rules.as_slice() else { panic!("{groups:?}") };
    assert_eq!((record.name.as_str(), record.expr.as_str()), ("job:up:sum", "sum   by(job)(up)"));
    assert_eq!(record.shown_expr, "sum by (job) (up)");
    assert_eq!(record.labels.to_string(), r#"{severity="none", team="infra"}"#);
    assert!(matches!(record.kind, RuleKind::Recording));
    assert_eq!(alert.labels.to_string(), r#"{n="1", severity="page", team="infra", yes="yes"}"#);
    let RuleKind::Alerting(alerting) = &alert.kind else { panic!("{alert:?}") };
    assert_eq!((alerting.hold.as_secs(), alerting.keep_firing_for.as_secs()), (300, 600));
    assert_eq!(alerting.annotations.len(), 1);
}

#[test]
fn what_is_left_out_has_the_defaults() {
    let defaults =
        Defaults { interval: Duration::from_secs(15), query_offset: Duration::from_secs(3), ..Defaults::default() };
    let text = "groups: [{name: a, interval: 0s, rules: [{alert: A, expr: 1, for: 0, labels: }]}, {name: b, rules: }]";
    let (groups, _) = read(&SourceFile::new("f", text), &defaults).unwrap();
    assert_eq!(groups.len(), 2);
    for group in &groups {
        assert_eq!((group.interval, group.query_offset, group.limit), (defaults.interval, defaults.query_offset, 0));
    }
    for empty in ["", "# nothing\n", "groups:", "groups: []", "---\n", "{}"] {
        assert_eq!(read_text(empty).unwrap().0.len(), 0, "{empty:?}");
    }
}

#[test]
fn every_mistake_of_a_file_at_once() {
    let text = r#"
groups:
- name: first
  interval: 1x
  labels: {"": a, __name__: b}
  rules:
  - alert: "x y"
    expr: up ==
    for: 5
  - record: "up{job=\"x\"}"
    expr: up
    annotations: {a: b}
    for: 1m
    keep_firing_for: 1m
  - record: both
    alert: two
    expr: 1
  - expr: 1
  - alert: ""
    expr: ""
  - alert: NoExpr
    annotation: {summary: s}
- name: ""
- name: first
- nam: second
- name: templates
  rules:
  - alert: T
    expr: |
      sum(rate(foo[5m])) by (
        job
      ) > on(
    labels:
      l: "{{ $labels.x }} {{ $foo }}"
    annotations:
      nofunc: "é {{ nofunc 1 }}"
      block: |
        first line
        second {{ if }}
      open: '{{ $labels.a'
rules: []
"#;
    assert_snapshot!(mistakes(text));
}

#[test]
fn places_inside_expressions_of_every_scalar_style() {
    let text = r#"
groups:
- name: g
  rules:
  - {alert: Plain, expr: rate(up) > 1}
  - {alert: Double, expr: "up{a=\"x\"} > foo{a=~\"[\"}"}
  - {alert: Single, expr: 'up{a=''x''} and (up'}
  - alert: Literal
    expr: |
      sum(up)
        / count(
          up[5m]
        )
  - alert: Folded
    expr: >-
      sum(up)
      / count(1 + up[5m])
  - alert: Many
    expr: topk(up) + nosuch(1) + rate(up)
"#;
    assert_snapshot!(mistakes(text));
}

#[test]
fn names_follow_the_scheme() {
    let text = "groups: [{name: g, rules: [{record: größe, expr: up, labels: {a-b: c}}, {alert: é, expr: up, annotations: {x-y: z}}]}]";
    assert!(read_text(text).is_ok());
    let legacy = Defaults { names: NameScheme::Legacy, ..Defaults::default() };
    assert_eq!(read(&SourceFile::new("f", text), &legacy).unwrap_err().len(), 3);
}

#[test]
fn experimental_promql_is_refused_unless_allowed() {
    let text = "groups: [{name: g, rules: [{record: r, expr: 'limitk(2, up)'}]}]";
    assert!(read_text(text).is_err());
    let all = Defaults { promql: promql::Options::all(), ..Defaults::default() };
    assert!(read(&SourceFile::new("f", text), &all).is_ok());
}

#[test]
fn only_the_first_document_of_a_rule_file_is_read() {
    let (groups, warnings) = read_text("groups: [{name: a}]\n---\ngroups: [{name: b}]\n").unwrap();
    assert_eq!(groups.len(), 1);
    assert_snapshot!(warnings.to_string());
}

const MANIFEST: &str = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n";

#[test]
fn a_manifest_is_a_rule_file_in_its_spec() {
    let text = format!(
        "{MANIFEST}metadata: {{name: r, labels: {{x: y}}}}\nspec:\n  groups:\n  - name: g\n    interval: ''\n    partial_response_strategy: Warn\n    rules:\n    - {{alert: A, expr: 1, for: ''}}\n    - {{record: r, expr: up}}\nstatus: {{bindings: []}}\n"
    );
    let (groups, warnings) = read_text(&text).unwrap();
    assert!(warnings.is_empty());
    assert_eq!((groups[0].file.as_str(), groups[0].rules.len(), groups[0].interval.as_secs()), ("rules.yml", 2, 60));
    assert_eq!(groups[0].rules[0].expr, "1");
}

#[test]
fn several_manifests_of_a_file_are_told_apart() {
    let one = |name: &str| format!("{MANIFEST}metadata: {{{name}}}\nspec: {{groups: [{{name: g}}]}}\n");
    let item = |name: &str| {
        format!(
            "- {{apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, metadata: {{name: {name}}}, spec: {{groups: [{{name: g}}]}}}}\n"
        )
    };
    let text = format!(
        "{}---\n{}---\napiVersion: v1\nkind: ConfigMap\ndata: {{}}\n---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n{}{}",
        one("name: a, namespace: ns"),
        one("name: a"),
        item("b"),
        item("c"),
    );
    let (groups, warnings) = read_text(&text).unwrap();
    let files: Vec<&str> = groups.iter().map(|group| group.file.as_str()).collect();
    assert_eq!(files, ["rules.yml#ns/a", "rules.yml#default/a", "rules.yml#default/b", "rules.yml#default/c"]);
    assert_snapshot!(warnings.to_string());
}

#[test]
fn mistakes_of_manifests() {
    let text = format!(
        "{MANIFEST}metadata: {{namespace: x}}\nspec: {{groups: []}}\n---\n{}metadata: {{name: a}}\nspecs: {{}}\n---\n{MANIFEST}metadata: {{name: a}}\nspec: {{group: [{{name: g}}]}}\n---\n{MANIFEST}metadata: {{name: a}}\nspec:\n  groups:\n  - name: g\n    partial_response_strategy: maybe\n    rules: [{{alert: A, expr: up >}}]\n---\njust: yaml\n",
        MANIFEST.replace("/v1", "/v1alpha1"),
    );
    assert_snapshot!(mistakes(&text));
    assert_snapshot!(mistakes("apiVersion: v1\nkind: Secret\n"), @"
    rules.yml:1:1: error: no PrometheusRule in this file
      1 | apiVersion: v1
        | ^^^^^^^^^^^^^^
    rules.yml:2:7: warning: this Secret is not a PrometheusRule and is skipped
      2 | kind: Secret
        |       ^^^^^^
    ");
}

#[test]
fn globs_are_read_in_order_and_each_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    fs::create_dir_all(base.join("a/deep")).unwrap();
    let file = |name: &str, group: &str| fs::write(base.join(name), format!("groups: [{{name: {group}}}]")).unwrap();
    for (name, group) in [("a/2.yml", "two"), ("a/1.yml", "one"), ("a/deep/3.yml", "three"), ("z.yml", "last")] {
        file(name, group);
    }
    let names = |globs: &[&str]| {
        let loaded = load(globs, base, &Defaults::default()).unwrap();
        let names: Vec<String> = loaded.groups.iter().map(|group| group.name.clone()).collect();
        (names.join(" "), loaded.warnings.to_string())
    };
    assert_eq!(names(&["z.yml", "a/*.yml", "*.yml"]), ("last one two".to_owned(), String::new()));
    assert_eq!(names(&["**/*.yml"]).0, "one two three last");
    assert_eq!(names(&["none/*.yml"]), (String::new(), "none/*.yml: warning: no rule file matches this".to_owned()));
    let absolute = base.join("z.yml").display().to_string();
    let loaded = load(&[absolute.as_str()], Path::new("/nowhere"), &Defaults::default()).unwrap();
    assert_eq!((loaded.groups[0].file.as_str(), loaded.files.len()), (absolute.as_str(), 1));
    fs::write(base.join("bad.yml"), b"groups: \xff").unwrap();
    fs::write(base.join("worse.yml"), "group: []").unwrap();
    let mistakes = load(&["*.yml", "[", "a"], base, &Defaults::default()).unwrap_err();
    let mistakes = mistakes.to_string().replace(&format!("{}/", base.display()), "");
    assert_snapshot!(mistakes);
}
