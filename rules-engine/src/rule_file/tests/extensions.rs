//! Fields of vmalert, Thanos and Mimir: refused by name, or honoured.

use std::process::{Command, Stdio};

use insta::assert_snapshot;

use super::super::check::{Checks, check_file};
use super::super::*;
use crate::rule::{Language, Pace};

fn read_as(dialect: Dialect, text: &str) -> Result<(Vec<RuleGroup>, Diagnostics), Diagnostics> {
    read(&SourceFile::new("r.yml", text), &Defaults { dialect, ..Defaults::default() })
}

fn group_as(dialect: Dialect, fields: &str) -> RuleGroup {
    let read = read_as(dialect, &format!("groups: [{{name: g, {fields}, rules: [{{record: r, expr: up}}]}}]"));
    let (mut groups, _) = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    groups.remove(0)
}

#[test]
fn by_default_every_foreign_field_is_refused_by_name() {
    let text = "groups:\n- name: g\n  type: prometheus\n  eval_offset: 1m\n  source_tenants: [a]\n  partial_response_strategy: warn\n  rules:\n  - {alert: A, expr: up, debug: true, concurrency: 1}\n";
    assert_snapshot!(read_as(Dialect::Prometheus, text).unwrap_err().to_string());
}

#[test]
fn a_file_with_a_field_of_vmalert_is_read_as_vmalert_reads_it() {
    let text = "groups: [{name: a, concurrency: 2, rules: [{record: r, expr: up}]}]\n---\ngroups: [{name: b}]\n";
    let (groups, notices) = read_as(Dialect::Any, text).unwrap();
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(groups[0].pace, Pace { concurrency: Some(2), is_aligned: true, ..Pace::default() });
    assert_snapshot!(notices.to_string(), @r#"
    r.yml:1:20: warning: "concurrency" is a field of vmalert: the file is read as vmalert reads it
      1 | groups: [{name: a, concurrency: 2, rules: [{record: r, expr: up}]}]
        |                    ^^^^^^^^^^^ all documents of the file, and %{NAME} for a variable of the environment
    "#);
    // the words alone do not make it vmalert's
    let plain =
        "groups: [{name: headers, labels: {type: debug}, rules: [{record: tenant, expr: up}]}]\n---\ngroups: []\n";
    let (groups, warnings) = read_as(Dialect::Any, plain).unwrap();
    assert_eq!((groups.len(), groups[0].pace), (1, Pace::default()));
    assert!(warnings.to_string().contains("only the first document"), "{warnings}");
    let (groups, warnings) = read_as(Dialect::Vmalert, plain).unwrap();
    assert_eq!((groups.len(), warnings.len(), groups[0].pace.is_aligned), (1, 0, true));
    let twice = "groups: [{name: a}]\n---\ngroups: [{name: a}]\n";
    assert!(read_as(Dialect::Vmalert, twice).is_err() && read_as(Dialect::Any, twice).is_ok());
}

#[test]
fn fields_of_vmalert_are_honoured() {
    let secs = Duration::from_secs;
    let group = group_as(Dialect::Any, "interval: 1h, eval_offset: 10m");
    assert_eq!((group.pace.offset, group.pace.is_aligned, group.query_offset), (Some(secs(600)), false, secs(0)));
    let group = group_as(Dialect::Any, "interval: 1h, eval_offset: -10m");
    assert_eq!(group.pace.offset, Some(secs(3000)));
    let group = group_as(Dialect::Any, "interval: 1h, eval_offset: 1h");
    assert_eq!(group.pace.offset, Some(secs(0)));
    let group = group_as(Dialect::Any, "eval_delay: 30s, eval_alignment: false, debug: true, update_entries_limit: 7");
    assert_eq!(group.query_offset, secs(30));
    assert_eq!(group.pace, Pace { is_logged: true, ..Pace::default() });
    assert_eq!(group.rules[0].history, Some(7));
    let group = group_as(
        Dialect::Any,
        "params: {nocache: ['1'], extra: [a, b]}, headers: ['X-Scope-OrgID: team-a', 'Authorization: Bearer x:y']",
    );
    let pairs =
        |pairs: &[(String, String)]| pairs.iter().map(|(a, b)| format!("{a}={b}")).collect::<Vec<_>>().join("&");
    assert_eq!(pairs(&group.source.params), "nocache=1&extra=a&extra=b");
    assert_eq!(pairs(&group.source.headers), "X-Scope-OrgID=team-a&Authorization=Bearer x:y");
    assert_eq!(group_as(Dialect::Any, "type: vlogs").source.language, Language::LogsQl);
    let rule = "groups: [{name: g, rules: [{record: r, expr: up, debug: true, update_entries_limit: 3}, {record: s, expr: up}]}]";
    let (groups, _) = read_as(Dialect::Any, rule).unwrap();
    let rules: Vec<_> = groups[0].rules.iter().map(|rule| (rule.history, rule.is_logged)).collect();
    assert_eq!(rules, [(Some(3), true), (None, false)]);
}

#[test]
fn fields_of_thanos_and_mimir_are_honoured() {
    for (strategy, sent) in [("abort", "false"), ("Warn", "true")] {
        let group = group_as(Dialect::Any, &format!("partial_response_strategy: {strategy}"));
        assert_eq!(group.source.params, [("partial_response".to_owned(), sent.to_owned())]);
    }
    let manifest = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, partial_response_strategy: warn}]}\n";
    let (groups, _) = read_as(Dialect::Any, manifest).unwrap();
    assert_eq!(groups[0].source.params.len(), 1);
    let (groups, _) = read_as(Dialect::Prometheus, manifest).unwrap();
    assert!(groups[0].source.params.is_empty());
    let group = group_as(
        Dialect::Any,
        "source_tenants: [a, b], evaluation_delay: 1m, align_evaluation_time_on_interval: true, interval: 1h",
    );
    assert_eq!(group.source.headers, [(TENANT_HEADER.to_owned(), "a|b".to_owned())]);
    assert_eq!((group.query_offset.as_secs(), group.pace.offset), (60, Some(Duration::ZERO)));
}

#[test]
fn what_cannot_be_honoured_is_a_mistake_that_shows_no_secret() {
    let text = "groups:\n- name: g\n  type: graphite\n  eval_offset: 1m\n  eval_delay: 1s\n  tenant: '0:0'\n  notifier_headers: ['Authorization: s3cr3t']\n  headers: ['nocolon s3cr3t', 'Host: s3cr3t', 'b ad: s3cr3t']\n  params: {a: b}\n- name: h\n  interval: 1m\n  eval_offset: -2m\n  concurrency: -1\n  update_entries_limit: 100000\n";
    let told = read_as(Dialect::Any, text).unwrap_err().to_string();
    assert!(!told.contains("s3cr3t"), "{told}");
    assert_snapshot!(told);
}

#[test]
fn variables_of_the_environment_stand_in_files_of_vmalert_only() {
    // what cargo sets for tests serves as a variable that is there
    let version = env!("CARGO_PKG_VERSION");
    let text = "groups: [{name: g, labels: {v: '%{CARGO_PKG_VERSION}'}, rules: [{record: r, expr: up}]}]";
    let label = |dialect| read_as(dialect, text).unwrap().0[0].rules[0].labels.get("v").map(ToString::to_string);
    assert_eq!(label(Dialect::Vmalert).as_deref(), Some(version));
    assert_eq!(label(Dialect::Any).as_deref(), Some("%{CARGO_PKG_VERSION}"));
    // unquoted, and with a mistake on the same line
    let text = "groups:\n- {name: '%{CARGO_PKG_NAME}', limit: x%{CARGO_PKG_VERSION}, concurrency: 1, rulez: []}\n";
    assert_snapshot!(read_as(Dialect::Any, text).unwrap_err().to_string());
    let text = "groups: [{name: g, limit: %{NO_SUCH_VARIABLE}, debug: true}]";
    assert_snapshot!(read_as(Dialect::Any, text).unwrap_err().to_string());
    // lints tell of the file as it is written
    let text = "groups: [{name: g, concurrency: 1, rules: [{alert: '%{CARGO_PKG_NAME}', expr: 'up == bool 0'}]}]";
    let defaults = Defaults { dialect: Dialect::Any, ..Defaults::default() };
    let report = check_file(&SourceFile::new("r.yml", text), &Checks { defaults, ..Checks::default() });
    assert_snapshot!(report.stderr());
}

/// Files about which vmalert 1.79 and we agree; `RULES` stands for the rules of a group.
const VMALERT_FILES: [&str; 14] = [
    "groups: [{name: g, RULES}]",
    "groups: [{name: g, concurrency: 2, RULES}]",
    "groups: [{name: g, concurrency: two, RULES}]",
    "groups: [{name: g, type: prometheus, RULES}]",
    "groups: [{name: g, type: nope, RULES}]",
    "groups: [{name: g, params: {a: ['1', '2']}, RULES}]",
    "groups: [{name: g, params: {a: '1'}, RULES}]",
    "groups: [{name: g, limit: 3, labels: {a: b}, RULES}]",
    "groups: [{name: g, limit: %{CARGO_PKG_VERSION_MAJOR}, RULES}]",
    "groups: [{name: g, labels: {a: 'x%{CARGO_PKG_NAME}'}, RULES}]",
    "groups: [{name: g, RULES}]\n---\ngroups: [{name: h, RULES}]",
    "groups: [{name: g, RULES}, {name: g, RULES}]",
    "groups: [{name: g, nope: 1, RULES}]",
    "groups: [{name: g, rules: [{alert: A, expr: up ==}]}]",
];

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
fn peer_vmalert_has_the_same_verdict() {
    if Command::new("vmalert").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        eprintln!("peer_vmalert_has_the_same_verdict skipped: vmalert is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.yml");
    for text in VMALERT_FILES {
        let text = text.replace("RULES", "rules: [{alert: A, expr: up == 0}]");
        std::fs::write(&path, &text).unwrap();
        let status = Command::new("vmalert")
            .args(["-dryRun", "-datasource.url=http://127.0.0.1:1", "-notifier.url=http://127.0.0.1:1"])
            .arg(format!("-rule={}", path.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(read_as(Dialect::Vmalert, &text).is_ok(), status.success(), "{text}");
    }
}
