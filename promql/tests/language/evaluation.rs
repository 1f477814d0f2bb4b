//! Scripts of the test language: our own, all of which pass, and those of the corpus, as they are, of which the number
//! that passes may only rise.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use model::LabelSet;
use promql::eval::{Query, Settings, Storage, Value};
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

#[test]
fn names_may_also_go_at_once() {
    let settings = Settings { delayed_name_removal: false, ..test_language::settings() };
    let mut failed = Vec::new();
    for file in fs::read_dir(OWN).expect("the scripts are part of the sources") {
        let path = file.expect("the folder can be read").path();
        let text = fs::read_to_string(&path).expect("scripts are texts");
        failed.extend(test_language::run_with(&text, &settings).expect("the script is right").failed);
    }
    assert_eq!(failed, []);
    // What is told of names that go late, and of labels that go with them, is another story.
    let late = ["name_label_dropping.test", "type_and_unit.test"];
    for name in table().keys().filter(|name| !late.contains(&name.as_str())) {
        let Ok(text) = fs::read_to_string(Path::new(CORPUS).join(name)) else { continue };
        let report = test_language::run_with(&text, &settings).expect("the script is right");
        assert_eq!(report.failed, [], "{name}");
    }
}

#[test]
fn nothing_overflows_or_takes_for_ever() {
    let mut storage = Storage::new();
    let id = storage.series_id(&LabelSet::from_pairs([("__name__", "up")]));
    for at_ms in [i64::MIN + 1, 0, 60_000, i64::MAX - 1] {
        storage.append(id, at_ms, Value::Float(1.0)).expect("in order");
    }
    let settings = Settings { samples_max: 10_000, ..test_language::settings() };
    for text in [
        "up @ 9223372036854775 offset -290y",
        "up @ -9223372036854775 offset 290y",
        "rate(up[290y])",
        "max_over_time(up[290y:290y] @ 9223372036854775)",
        "sum_over_time(vector(1)[290y:1ms])",
        "sum_over_time(absent(down)[1d:1ms])",
        "predict_linear(up[290y] @ -9223372036854775, 1e300)",
        "increase(up[290y] smoothed)",
        "changes(up[290y] anchored offset -290y)",
        "year(vector(1e300)) + day_of_year(vector(-1e300)) + hour(vector(NaN))",
        "topk(1e300, up)",
        "quantile(NaN, up)",
        "round(up, 0)",
        "up[290y:1ms]",
        "info(up offset 290y)",
    ] {
        let mut query = Query::prepare(text, &settings).unwrap_or_else(|error| panic!("{text}: {error}"));
        for at_ms in [i64::MIN, -1, 0, 60_000, i64::MAX] {
            // Any answer will do, as long as there is one.
            drop(query.instant(&storage, at_ms));
        }
        drop(query.range(&storage, i64::MAX - 10, i64::MAX, 3));
        let wide = query.range(&storage, i64::MIN, i64::MAX, 1).map_err(|error| error.message);
        assert!(wide.is_err(), "{text}");
    }
}
