//! Files about which the installed promtool and we must agree: good with so many rules, or refused for the same reasons.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use super::super::check::{Checks, LintChoice, check_file};
use super::super::*;
use super::corpus::{corpus, yaml_files};

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

/// What Prometheus 3 reads and promtool 2.42 refuses, by name: the only differences between the two.
const NEWER: [(&str, &str); 8] = [
    ("group labels", "groups: [{name: a, labels: {x: y}, rules: [{record: r, expr: up}]}]"),
    ("query_offset", "groups: [{name: a, query_offset: 1m}]"),
    ("UTF-8 label names", "groups: [{name: a, rules: [{record: r, expr: up, labels: {a.b: c}}]}]"),
    ("UTF-8 metric names", "groups: [{name: a, rules: [{record: a.b, expr: up}]}]"),
    ("UTF-8 names in expressions", "groups: [{name: a, rules: [{record: r, expr: '{\"a.b\"}'}]}]"),
    ("UTF-8 annotation names", "groups: [{name: a, rules: [{alert: A, expr: up, annotations: {a-b: c}}]}]"),
    ("durations as numbers", "groups: [{name: a, rules: [{record: r, expr: up > 5m}]}]"),
    ("arithmetic in durations", "groups: [{name: a, rules: [{record: r, expr: 'rate(up[5m * 2])'}]}]"),
];

#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
fn is_installed(test: &str) -> bool {
    let found = Command::new("promtool").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{test} needs promtool");
    if !found {
        eprintln!("{test} skipped: promtool is not installed");
    }
    found
}

/// What promtool or we say about a file: the line after its name, and what is wrong.
#[derive(Debug)]
struct Said {
    verdict: String,
    mistakes: BTreeSet<String>,
}

/// promtool's words about texts, and ours with names as Prometheus 2 knows them.
fn said(texts: &[String]) -> Vec<(Said, Said)> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..texts.len()).map(|n| folder.path().join(format!("{n:05}.yml"))).collect();
    for (path, text) in paths.iter().zip(texts) {
        fs::write(path, text).unwrap();
    }
    let output = Command::new("promtool").args(["check", "rules", "--lint=none"]).args(&paths).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let verdicts: Vec<&str> =
        stdout.split("Checking ").skip(1).map(|one| one.lines().nth(1).unwrap_or("").trim()).collect();
    assert_eq!(verdicts.len(), texts.len(), "{stdout}");
    let mut refusals = stderr.split("  FAILED:\n").skip(1);
    let defaults = Defaults { names: NameScheme::Legacy, ..Defaults::default() };
    let checks = Checks { defaults, lints: LintChoice::parse("none").0, ..Checks::default() };
    let both = verdicts.iter().zip(&paths).map(|(verdict, path)| {
        let refusal = if verdict.is_empty() { refusals.next().unwrap_or_default() } else { "" };
        let report = check_file(&read_file(path).unwrap(), &checks);
        let ours = Said {
            verdict: report.stdout().lines().nth(1).unwrap_or("").trim().to_owned(),
            mistakes: report.outcome.err().map(|found| our_mistakes(&found)).unwrap_or_default(),
        };
        (Said { verdict: (*verdict).to_owned(), mistakes: their_mistakes(refusal) }, ours)
    });
    both.collect()
}

/// Their words for a kind of mistake, ours, and its name here.
const KINDS: [(&str, &str, &str); 12] = [
    ("could not parse expression", "could not parse expression", "expression"),
    ("invalid recording rule name", "braces in the name", "record"),
    ("invalid recording rule name", "invalid metric name", "record"),
    ("invalid annotation name", "invalid annotation name", "annotation name"),
    ("invalid label name", "invalid label name", "label name"),
    ("one of 'record' or 'alert' must be set", "one of \"record\" and \"alert\" must be set", "no name"),
    ("only one of 'record' and 'alert'", "only one of \"record\" and \"alert\"", "two names"),
    ("invalid field 'for'", "has no \"for\"", "for"),
    ("invalid field 'annotations'", "has no \"annotations\"", "annotations"),
    ("field 'expr' must be set", "field \"expr\"", "no expression"),
    ("template:", "is not a valid template", "template"),
    ("is repeated in the same file", "is given twice in this file", "group twice"),
];

/// `line 7: field x not found in type …` or `group "g", rule 1, "name": …`, as `7 x` or `g 1 kind`.
fn their_mistakes(refusal: &str) -> BTreeSet<String> {
    let normal = |line: &str| {
        if let Some((before, _)) = line.split_once(" not found in type ") {
            let (number, field) = before.trim().strip_prefix("line ")?.split_once(": field ")?;
            return Some(format!("{number} {field}"));
        }
        let kind = KINDS.iter().find(|(theirs, _, _)| line.contains(theirs)).map(|(_, _, kind)| *kind)?;
        Some(format!("{} {kind}", place(line)))
    };
    refusal.lines().filter_map(normal).collect()
}

fn our_mistakes(found: &Diagnostics) -> BTreeSet<String> {
    let normal = |one: &Diagnostic| {
        if let Some((_, rest)) = one.message.split_once("unknown field \"") {
            return Some(format!("{} {}", one.line()?, rest.split('"').next()?));
        }
        let kind = KINDS.iter().find(|(_, ours, _)| one.message.contains(ours)).map(|(_, _, kind)| *kind)?;
        Some(format!("{} {kind}", place(&one.message)))
    };
    found.iter().filter_map(normal).collect()
}

/// `g 1` of `… group "g", rule 1…`.
fn place(text: &str) -> String {
    let group = text.split_once("group \"").and_then(|(_, rest)| rest.split_once("\", rule "));
    let number = group.map(|(group, rest)| (group, rest.chars().take_while(char::is_ascii_digit).collect::<String>()));
    number.map(|(group, number)| format!("{group} {number}")).unwrap_or_default()
}

#[test]
fn peer_promtool_has_the_same_verdict() {
    if !is_installed("peer_promtool_has_the_same_verdict") {
        return;
    }
    let with_rule = RULES.iter().map(|rule| format!("groups: [{{name: g, rules: [{{{rule}}}]}}]\n"));
    let texts: Vec<String> = with_rule.chain(FILES.iter().map(|&text| text.to_owned())).collect();
    for (text, (theirs, ours)) in texts.iter().zip(said(&texts)) {
        assert_eq!(ours.verdict, theirs.verdict, "{text}\n{ours:?}");
    }
}

#[test]
fn peer_promtool_does_not_know_what_is_newer() {
    if !is_installed("peer_promtool_does_not_know_what_is_newer") {
        return;
    }
    let texts: Vec<String> = NEWER.iter().map(|(_, text)| (*text).to_owned()).collect();
    for ((name, text), (theirs, _)) in NEWER.iter().zip(said(&texts)) {
        assert_eq!(theirs.verdict, "", "promtool knows {name} by now");
        let ours = check_file(&SourceFile::new("r.yml", *text), &Checks::default());
        assert!(ours.outcome.is_ok(), "{name}: {}", ours.stderr());
    }
}

/// Every file of the corpus; of manifests, what a rule file of their `spec` would be.
fn corpus_texts() -> Vec<(String, String)> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let folders = ["rules", "prometheusrules", "awesome/dist"];
    let files = folders.iter().flat_map(|folder| yaml_files(&corpus.join(folder)));
    files.map(|path| (path.display().to_string(), spec_of(&fs::read_to_string(&path).unwrap()))).collect()
}

fn spec_of(text: &str) -> String {
    let Some((_, spec)) = text.split_once("\nspec:\n") else { return text.to_owned() };
    let inside = spec.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
    inside.map(|line| format!("{}\n", line.get(2..).unwrap_or_default())).collect()
}

#[test]
fn peer_promtool_says_the_same_about_the_whole_corpus() {
    if !is_installed("peer_promtool_says_the_same_about_the_whole_corpus") {
        return;
    }
    let files = corpus_texts();
    let texts: Vec<String> = files.iter().map(|(_, text)| text.clone()).collect();
    let mut refused = 0;
    for ((name, _), (theirs, ours)) in files.iter().zip(said(&texts)) {
        assert_eq!(ours.verdict, theirs.verdict, "{name}");
        refused += usize::from(ours.verdict.is_empty());
        // what 2.42 does not know of PromQL it refuses in other words, and it knows no recording rule without a good name
        if !name.ends_with("promtool/features.yml") {
            assert_eq!(ours.mistakes, theirs.mistakes, "{name}");
        }
        assert_eq!(
            ours.mistakes.is_empty(),
            !ours.verdict.is_empty(),
            "{name}: a mistake of a kind that is not compared"
        );
    }
    assert!(files.is_empty() || refused > 20, "{refused} of {} refused", files.len());
}

/// Deletes, doubles, cuts or indents a line; which, follows from the number.
fn damaged(text: &str, number: usize) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let places: Vec<usize> = (1..lines.len()).filter(|at| !lines[*at].trim().is_empty()).collect();
    let Some(at) = places.get(number * 37 % places.len().max(1)).copied() else { return text.to_owned() };
    match number % 4 {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => {
            let half = lines[at].floor_char_boundary(lines[at].len() * (number % 7 + 1) / 8);
            lines[at].truncate(half);
        }
        _ => lines[at].insert(0, ' '),
    }
    lines.join("\n") + "\n"
}

#[test]
fn peer_promtool_has_the_same_verdict_on_damaged_files() {
    if !is_installed("peer_promtool_has_the_same_verdict_on_damaged_files") {
        return;
    }
    let files = corpus_texts();
    let texts: Vec<String> =
        files.iter().flat_map(|(_, text)| (0..8).map(|number| damaged(text, number * 5 + text.len() % 5))).collect();
    for (text, (theirs, ours)) in texts.iter().zip(said(&texts)) {
        assert_eq!(ours.verdict, theirs.verdict, "{ours:?}\n{theirs:?}\n{text}");
    }
}
