//! The verdicts of Prometheus 3.14 about files the field has written, as the corpus' own page gives them.

use std::path::Path;

use std::collections::BTreeMap;

use super::super::check::{Checks, LintChoice, check_file, check_files};
use super::super::lint::{Lint, Surroundings};
use super::super::*;
use crate::rule::RuleKind;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus");

/// The corpus' folder, or why there is none.
#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
pub(super) fn corpus() -> Option<&'static Path> {
    let path = Path::new(CORPUS);
    if !path.is_dir() {
        eprintln!("skipped: the corpus is not here ({CORPUS})");
    }
    path.is_dir().then_some(path)
}

fn read_at(path: &Path, defaults: &Defaults) -> Result<(Vec<RuleGroup>, Diagnostics), Diagnostics> {
    read(&read_file(path).unwrap(), defaults)
}

pub(super) fn yaml_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let pattern = folder.join("**/*.y*ml").display().to_string();
    glob::glob(&pattern).unwrap().map(Result::unwrap).collect()
}

#[test]
fn rule_files_have_prometheus_verdict() {
    let Some(corpus) = corpus() else { return };
    let good = [
        "promtool/rules.yml",
        "promtool/at-modifier.yml",
        "promtool/bad-rules-error.yml",
        "promtool/prometheus-rules.lint.yml",
        "rulefmt/test.yaml",
        "rulefmt/test_aliases.yaml",
        "rulefmt/utf-8_annotation.good.yaml",
        // good under UTF-8 names
        "rulefmt/legacy_validation_annotation.bad.yaml",
        "fixtures/rules_multi_doc.yaml",
    ];
    let bad = [
        "promtool/rules-bad.yml",
        "promtool/rules_extrafields.yml",
        "promtool/features.yml",
        "rulefmt/bad_expr.bad.yaml",
        "rulefmt/bad_field.bad.yaml",
        "rulefmt/duplicate_grp.bad.yaml",
        "rulefmt/invalid_record_name.bad.yaml",
        "rulefmt/no_rec_alert.bad.yaml",
        "rulefmt/record_and_alert.bad.yaml",
        "rulefmt/record_and_for.bad.yaml",
        "fixtures/invalid_rules.yaml",
    ];
    let verdict = |name: &str, defaults: &Defaults| read_at(&corpus.join("rules").join(name), defaults);
    for name in good {
        let read = verdict(name, &Defaults::default());
        assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
    }
    for name in bad {
        let read = verdict(name, &Defaults::default()).expect_err(name);
        assert!(read.iter().all(|mistake| mistake.line().is_some()), "{name}: {read}");
    }
    let legacy = Defaults { names: NameScheme::Legacy, ..Defaults::default() };
    for name in ["rulefmt/legacy_validation_annotation.bad.yaml", "rulefmt/utf-8_annotation.good.yaml"] {
        assert!(verdict(name, &legacy).is_err(), "{name}");
    }
    let experimental = Defaults { promql: promql::Options::all(), ..Defaults::default() };
    assert!(verdict("promtool/features.yml", &experimental).is_ok());
    let (_, warnings) = verdict("fixtures/rules_multi_doc.yaml", &Defaults::default()).unwrap();
    assert_eq!(warnings.len(), 1);
}

#[test]
fn the_other_fixtures_and_mixins_are_good() {
    let Some(corpus) = corpus() else { return };
    let files = [yaml_files(&corpus.join("rules/fixtures")), yaml_files(&corpus.join("rules/mixin"))].concat();
    let good = files.iter().filter(|path| !path.ends_with("invalid_rules.yaml"));
    let mut rules = 0;
    for path in good {
        let (groups, _) = read_at(path, &Defaults::default()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        rules += groups.iter().map(|group| group.rules.len()).sum::<usize>();
    }
    assert!(rules > 30, "{rules}");
}

#[test]
fn duplicate_rules_are_found_where_promtool_finds_them() {
    let Some(corpus) = corpus() else { return };
    for (name, found) in [
        ("rules/promtool/prometheus-rules.lint.yml", true),
        ("rules/rulefmt/test.yaml", true),
        ("rules/rulefmt/test_aliases.yaml", true),
        ("rules/promtool/rules.yml", false),
        ("prometheusrules/kube-prometheus/kubernetesControlPlane-prometheusRule.yaml", true),
        ("prometheusrules/kube-prometheus/alertmanager-prometheusRule.yaml", false),
    ] {
        let report = check_file(&read_file(&corpus.join(name)).unwrap(), &Checks::default());
        let good = report.outcome.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(!good.duplicates.is_empty(), found, "{name}");
    }
}

#[test]
fn prometheus_rule_objects_have_the_groups_and_rules_they_should() {
    let Some(corpus) = corpus() else { return };
    for (name, groups_expected, alerts_expected, records_expected) in [
        ("kube-prometheus/alertmanager-prometheusRule.yaml", 1, 9, 0),
        ("kube-prometheus/grafana-prometheusRule.yaml", 2, 1, 1),
        ("kube-prometheus/kubePrometheus-prometheusRule.yaml", 4, 4, 8),
        ("kube-prometheus/kubeStateMetrics-prometheusRule.yaml", 1, 4, 0),
        ("kube-prometheus/kubernetesControlPlane-prometheusRule.yaml", 25, 63, 71),
        ("operator-examples/prometheus-example-rules.yaml", 1, 1, 0),
    ] {
        let read = read_at(&corpus.join("prometheusrules").join(name), &Defaults::default());
        let (groups, warnings) = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let rules: Vec<_> = groups.iter().flat_map(|group| &group.rules).collect();
        let alerts = rules.iter().filter(|rule| matches!(rule.kind, RuleKind::Alerting(_))).count();
        let counts = (groups.len(), alerts, rules.len() - alerts, warnings.len());
        assert_eq!(counts, (groups_expected, alerts_expected, records_expected, 0), "{name}");
    }
}

#[test]
fn collected_rules_of_many_services_are_all_good() {
    let Some(corpus) = corpus() else { return };
    let files = yaml_files(&corpus.join("awesome/dist"));
    let (mut groups, mut rules) = (0, 0);
    for path in &files {
        let (read, warnings) = read_at(path, &Defaults::default()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert!(warnings.is_empty(), "{warnings}");
        groups += read.len();
        rules += read.iter().map(|group| group.rules.len()).sum::<usize>();
    }
    assert_eq!((files.len(), groups, rules), (111, 111, 950));
}

/// Every finding was looked at: all are as they say. See `docs/lints.md` for what is let pass.
#[test]
fn lints_find_what_is_known_to_be_wrong_in_the_corpus_and_nothing_else() {
    let Some(corpus) = corpus() else { return };
    let every_minute = Some(Duration::from_secs(60));
    let counts = |folder: &str, scrape_interval: Option<Duration>| {
        let surroundings = Surroundings { scrape_interval, evaluation_interval: every_minute };
        let checks = Checks { lints: LintChoice::parse("all").0, surroundings, ..Checks::default() };
        let mut counts: BTreeMap<Lint, usize> = BTreeMap::new();
        for report in check_files(&yaml_files(&corpus.join(folder)), &checks) {
            let findings = report.outcome.map(|good| good.failing).unwrap_or_default();
            findings.iter().for_each(|finding| *counts.entry(finding.lint).or_default() += 1);
        }
        counts.into_iter().map(|(lint, count)| format!("{lint} {count}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(counts("rules", None), "alert-condition 10");
    assert_eq!(counts("prometheusrules", None), "template-label 5");
    assert_eq!(counts("awesome/dist", None), "template-label 231, never-true 2, never-matches 11, short-for 1");
    assert_eq!(
        counts("awesome/dist", every_minute),
        "template-label 231, never-true 2, never-matches 11, rate-window 173, short-for 1"
    );
}
