//! What is said about labels and about sides that never meet, held against what evaluation gives.

use std::fs;
use std::path::Path;

use model::duration::parse_duration;

use super::ResultLabels;
use crate::ast::Expr;
use crate::eval::{Data, Query, Settings, Storage};
use crate::matching::{Mismatch, mismatch};
use crate::test_language::series_notation::parse_series;
use crate::{Options, parse_with};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/promql");

/// Series of which each has all labels.
const FULL: &str = r#"
x{a="1", b="1", c="1"} 1x9
x{a="1", b="2", c="1"} 2x9
x{a="2", b="1", c="2"} 0+1x9
y{a="1", b="1", c="1"} 3x9
y{a="2", b="3", c="1"} 4x9
z{a="1", b="1", c="9"} 1x9
"#;

/// Likewise, but for some that are not there.
const HOLEY: &str = r#"
x{a="1", b="1"} 1x9
x{b="2"} 2x9
x{a="2", c="2"} 0+1x9
y{a="1"} 3x9
y{b="3", c="1"} 4x9
y 5x9
z{a="1", b="1", c="9"} 1x9
"#;

const LEAVES: [&str; 24] = [
    "x",
    "y",
    "x{a=\"1\"}",
    "y{a=\"2\"}",
    "x{b!=\"\"}",
    "x{a=~\"1|2\"}",
    "y{b=\"\"}",
    "sum(x)",
    "sum by (a) (x)",
    "sum by (a, b) (y)",
    "max without (a) (y)",
    "topk by (a) (1, x)",
    "count_values(\"v\", x)",
    "count_values without (a) (\"b\", y)",
    "label_replace(x, \"d\", \"$1\", \"a\", \"(.*)\")",
    "label_replace(sum by (a) (y), \"b\", \"1\", \"\", \"\")",
    "label_join(x, \"c\", \"-\", \"a\", \"b\")",
    "absent(missing{a=\"1\", b=~\"2\"})",
    "rate(x[5m])",
    "last_over_time(y[5m])",
    "max_over_time(sum by (a, c) (x)[5m:1m])",
    "(x or z)",
    "(x > 1)",
    "-y",
];

const OPERATORS: [&str; 7] = ["+", ">", "== bool", "and", "or", "unless", "atan2"];

const MATCHINGS: [&str; 9] = [
    "",
    "on ()",
    "on (a)",
    "on (a, b)",
    "ignoring (a)",
    "ignoring (b, c)",
    "on (a) group_left (b)",
    "ignoring (b) group_left ()",
    "on (b) group_right (a, c)",
];

fn settings() -> Settings {
    Settings { language: Options::all(), ..Settings::default() }
}

fn load(storage: &mut Storage, line: &str, step_ms: i64) {
    let series = parse_series(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let id = storage.series_id(&series.labels);
    for (step, value) in (0..).zip(series.values) {
        if let Some(value) = value {
            // a script may load the same again, which it says more about
            let _repeated = storage.append(id, step * step_ms, value);
        }
    }
}

/// The number of series an expression gives. What it gave against what was said goes to `broken`.
fn held(expr: &Expr, storage: &Storage, at_ms: i64, broken: &mut Vec<String>) -> Option<usize> {
    let labels = ResultLabels::of(expr);
    let answer = Query::of(expr.clone(), &settings()).ok()?.instant(storage, at_ms).ok()?;
    let found: Vec<_> = match answer.data {
        Data::Vector(vector) => vector.into_iter().map(|sample| sample.labels).collect(),
        Data::Matrix(rows) => rows.into_iter().map(|row| row.labels).collect(),
        Data::Scalar(_) | Data::Text(_) => return None,
    };
    for series in &found {
        for (name, value) in series.iter() {
            if !labels.can_have(name) || !labels.passes(name, value) {
                broken.push(format!("{expr} gave {series}, but was said not to have this {name}"));
            }
        }
    }
    Some(found.len())
}

#[test]
fn no_result_has_a_label_it_was_said_not_to_have_and_no_sides_meet_that_were_said_not_to() {
    let mut broken = Vec::new();
    let (mut evaluated, mut never, mut given, mut turn) = (0, 0, 0, 0_u32);
    for (text, has_all_labels) in [(FULL, true), (HOLEY, false)] {
        let mut storage = Storage::new();
        text.lines().filter(|line| !line.is_empty()).for_each(|line| load(&mut storage, line, 60_000));
        let sides = LEAVES.iter().flat_map(|left| LEAVES.iter().map(move |right| (left, right)));
        for (left, right) in sides {
            for (op, matching) in OPERATORS.iter().flat_map(|op| MATCHINGS.iter().map(move |matching| (op, matching))) {
                // a quarter of all is enough, and done sooner
                turn += 1;
                if !turn.is_multiple_of(4) {
                    continue;
                }
                let text = format!("{left} {op} {matching} {right}");
                let Ok(expr) = parse_with(&text, Options::all()) else { continue };
                let Some(count) = held(&expr, &storage, 300_000, &mut broken) else { continue };
                evaluated += 1;
                given += usize::from(count > 0);
                let Expr::Binary(binary) = &expr else { continue };
                // what is one-sided may meet where a label is not there on the other side
                let is_certain = match mismatch(binary) {
                    Some(Mismatch::Disjoint { .. }) => true,
                    Some(Mismatch::OneSided { .. }) => has_all_labels,
                    Some(Mismatch::NothingToCopy { .. }) | None => false,
                };
                if is_certain && *op != "unless" {
                    never += 1;
                    assert_eq!(count, 0, "{text} was said never to match: {:?}", mismatch(binary));
                }
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(evaluated > 8_000 && never > 500 && given > 2_000, "{evaluated} {never} {given}");
}

/// The series of `load` commands and the instants and expressions of `eval instant` commands, as far as they are read
/// without more ado.
#[test]
fn results_of_the_corpus_have_no_label_they_were_said_not_to_have() {
    let Ok(files) = fs::read_dir(Path::new(CORPUS)) else { return };
    let (mut evaluated, mut broken) = (0, Vec::new());
    for file in files {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let (mut storage, mut step_ms) = (Storage::new(), None);
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["clear", ..] => storage.clear(),
                ["load", step] => step_ms = parse_duration(step).ok().map(|step| step.as_millis() as i64),
                ["eval", "instant", "at", at, expr @ ..] => {
                    step_ms = None;
                    let Ok(at) = parse_duration(at) else { continue };
                    let Ok(expr) = parse_with(&expr.join(" "), Options::all()) else { continue };
                    evaluated += usize::from(held(&expr, &storage, at.as_millis() as i64, &mut broken).is_some());
                }
                [_, ..] if line.starts_with([' ', '\t']) => {
                    if let Some(step_ms) = step_ms.filter(|_| parse_series(line.trim()).is_ok()) {
                        load(&mut storage, line.trim(), step_ms);
                    }
                }
                _ => {}
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(evaluated > 500, "{evaluated}");
}
