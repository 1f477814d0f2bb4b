//! Scripts of the test language: our own, all of which pass, and those of the corpus, as they are, of which the number
//! that passes may only rise.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use promql::test_language;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/promql");
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/passed.tsv");

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");

#[test]
fn every_evaluation_of_our_own_scripts_passes() {
    let mut files = 0;
    for file in fs::read_dir(OWN).expect("the scripts are part of the sources") {
        let path = file.expect("the folder can be read").path();
        let text = fs::read_to_string(&path).expect("scripts are texts");
        let report = test_language::run(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(report.failed, [], "{}", path.display());
        assert!(report.passed > 0, "{} evaluates nothing", path.display());
        files += 1;
    }
    assert!(files > 3);
}

#[test]
fn a_wrong_expectation_fails_with_its_line() {
    let text = "load 1m\n  up 1\n\neval instant at 0 up + 1\n  {} 3\n\neval instant at 0 up\n  expect fail\n";
    let report = test_language::run(text).expect("the script is right");
    let shown: Vec<String> = report.failed.iter().map(|f| format!("{}: {}: {}", f.line, f.expr, f.reason)).collect();
    let failed = r#"7: up: expected to fail with anything, got {__name__="up"} 1"#;
    assert_eq!(shown, ["4: up + 1: expected {} 3, got 2", failed]);
    let broken = test_language::run("load 1m\n  up 1 two\n").map_err(|error| error.to_string());
    assert_eq!(broken, Err(r#"line 2: 1:6: expected a value, got "t""#.to_owned()));
}

/// Passed and all evaluations of each file, as the table has them.
fn table() -> BTreeMap<String, (usize, usize)> {
    let text = fs::read_to_string(TABLE).expect("the table is part of the sources");
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let count = |at: usize| fields[at].parse().expect("counts are numbers");
        (fields[0].to_owned(), (count(1), count(2)))
    });
    rows.collect()
}

#[test]
fn as_many_evaluations_of_the_corpus_pass_as_before() {
    if !Path::new(CORPUS).is_dir() {
        eprintln!("skipped: {CORPUS} is not here");
        return;
    }
    let mut worse = Vec::new();
    for (name, (passed, total)) in table() {
        let text = fs::read_to_string(Path::new(CORPUS).join(&name)).unwrap();
        let report = test_language::run(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        eprintln!("{name}\t{}\t{}", report.passed, report.total());
        if report.passed < passed || report.total() < total {
            let failed: Vec<String> =
                report.failed.iter().map(|f| format!("{}:{} {}", name, f.line, f.reason)).collect();
            worse.push(format!("{name}: {} of {} passed\n{}", report.passed, report.total(), failed.join("\n")));
        }
    }
    assert!(worse.is_empty(), "{}", worse.join("\n"));
}

#[test]
fn every_file_of_the_corpus_is_in_the_table() {
    let Ok(files) = fs::read_dir(CORPUS) else {
        eprintln!("skipped: {CORPUS} is not here");
        return;
    };
    let table = table();
    for file in files {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(table.contains_key(&name), "{name} is missing in {TABLE}");
    }
}
