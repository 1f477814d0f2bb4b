//! Input that tries to break something: nesting, length, nonsense.

use std::thread;

use promql::{Expr, MAX_NESTING, MAX_TEXT_BYTES, MAX_TREE_HEIGHT, Options, parse_with};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

/// Does everything that walks a tree, in half the stack that Rust and tokio give a thread.
fn exercise(text: String) -> Result<usize, String> {
    let walk = move || {
        let expr: Expr = parse_with(&text, Options::all()).map_err(|errors| errors[0].message.clone())?;
        let mut nodes = 0;
        promql::selector::walk(&expr.clone(), &mut |expr, _| nodes += expr.value_type().name().len().min(1));
        assert!(!expr.to_string().is_empty());
        assert_eq!(expr, expr.clone());
        Ok(nodes)
    };
    thread::Builder::new().stack_size(1 << 20).spawn(walk).expect("a thread").join().expect("no panic")
}

/// `open`, a number of times, around `inner`.
fn around(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

const NESTED: [(&str, &str, &str); 9] = [
    ("(", "1", ")"),
    ("-", "a", ""),
    ("2^", "a", ""),
    ("abs(", "a", ")"),
    ("sum by (x) (", "a", ")"),
    ("topk(1, ", "a", ")"),
    ("a + (b * ", "c", ")"),
    ("max_over_time((", "a", ")[1h:])"),
    ("round(a, scalar(", "a", "))"),
];

#[test]
fn nesting_is_fine_up_to_a_bound_and_a_clear_error_beyond() {
    for (open, inner, close) in NESTED {
        // Some of these open two levels at once.
        let most = MAX_NESTING / 2 - 1;
        let deep = exercise(around(open, inner, close, most));
        assert!(deep.is_ok_and(|nodes| nodes >= most), "{open}");
        for times in [MAX_NESTING + 1, 10_000, 40_000] {
            let refusal = exercise(around(open, inner, close, times)).expect_err(open);
            assert_eq!(refusal, format!("expression is nested more than {MAX_NESTING} levels deep"), "{open}");
        }
    }
}

#[test]
fn durations_are_bounded_too() {
    for (open, inner, close) in [("(", "5m", ")"), ("-", "step()", ""), ("min_of(1, ", "5m", ")"), ("2^", "5m", "")] {
        let within = format!("a[1y + {}]", around(open, inner, close, MAX_NESTING / 2));
        assert!(exercise(within.clone()).is_ok(), "{within}");
        assert!(exercise(format!("a offset ({})", around(open, inner, close, 10_000))).is_err());
    }
    assert!(exercise(format!("a[{}5m]", "1s + ".repeat(MAX_TREE_HEIGHT - 1))).is_ok());
    assert!(exercise(format!("a[{}5m]", "1s + ".repeat(10_000))).is_err());
}

#[test]
fn chains_are_fine_up_to_a_bound_and_a_clear_error_beyond() {
    let message = format!("expression has more than {MAX_TREE_HEIGHT} operations built on one another");
    for link in ["a or ", "1 + ", "a * on (x) ", "a == bool "] {
        let chain = |links: usize| format!("{}{}", link.repeat(links), if link.starts_with('1') { "1" } else { "a" });
        assert_eq!(exercise(chain(MAX_TREE_HEIGHT - 1)), Ok(2 * MAX_TREE_HEIGHT - 1), "{link}");
        for links in [MAX_TREE_HEIGHT, 50_000] {
            assert_eq!(exercise(chain(links)).expect_err(link), message);
        }
    }
    // A chain in a chain in a chain, each at its left end.
    let chained = (0..20).fold("a".to_owned(), |inner, _| format!("({inner}{})", " + a".repeat(100)));
    assert_eq!(exercise(chained).expect_err("too high"), message);
    assert!(exercise(format!("a{}", "[5m:]".repeat(50_000))).is_err());
}

#[test]
fn wide_expressions_are_fine() {
    let arguments = vec!["\"x\""; 5000].join(", ");
    assert!(exercise(format!("label_join(a, \"b\", \"-\", {arguments})")).is_ok());
    let matchers = (0..5000).map(|i| format!("l{i}=~\"a|b{i}\"")).collect::<Vec<_>>().join(",");
    assert!(exercise(format!("a{{{matchers}}}")).is_ok());
}

#[test]
fn long_texts_are_refused_unread() {
    let long = format!("1{}", " ".repeat(MAX_TEXT_BYTES - 1));
    assert!(exercise(long.clone()).is_ok());
    assert!(exercise(long + " ").is_err_and(|message| message.contains("1048577 bytes long")));
}

/// Pieces expressions are made of, some broken.
const PIECES: &[&str] = &[
    "a",
    "up",
    "sum",
    "topk",
    "limitk",
    "rate",
    "info",
    "time",
    "label_join",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "@",
    "start",
    "end",
    "step",
    "range",
    "min_of",
    "max_of",
    "fill",
    "fill_left",
    "fill_right",
    "anchored",
    "smoothed",
    "and",
    "or",
    "unless",
    "atan2",
    "(",
    ")",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "[5m]",
    "[1h:5m]",
    "[step()+1]",
    ",",
    ":",
    "=",
    "!=",
    "=~",
    "!~",
    "==",
    "<",
    "<=",
    "</",
    ">",
    ">/",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "1",
    "5m",
    "0x1F",
    "1e3",
    ".5",
    "1_0",
    "1y2w3d",
    "inf",
    "NaN",
    "\"x\"",
    "'a.b'",
    "`r`",
    "\"\\xff\"",
    "\"(\"",
    "\"é\u{200b}\"",
    "#c\n",
    "\n",
    "\u{fffd}",
    "é",
    "\\",
    "\"",
    "'",
    "`",
    "!",
    "$",
    ";",
    ".",
    "a:b",
    "{a=\"b\"}",
    "{\"m.n\"}",
    "sum by (x) (",
    "rate(a[5m])",
    "x{y=~\"[[:alpha:]]{2,}\"}",
    "0",
    "(a,b)",
    "()",
];

fn nonsense() -> impl Strategy<Value = String> {
    let piece = prop_oneof![8 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => ".{0,3}"];
    let separator = prop_oneof![Just(""), Just(" ")];
    prop::collection::vec((piece, separator), 0..14)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, separator)| piece + separator).collect())
}

/// Expressions that are right in their syntax, and often in their types.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(&[
        "a",
        "up{b=\"c\",d=~\"e.*\"}",
        "{\"f.g\"}",
        "1",
        "-2.5e-7",
        "5m",
        "a[5m]",
        "a offset -1m",
        "a @ end()",
        "\"\\xff\\n\"",
        "a[step()*2] anchored",
        "time()",
        "a @ 1.5 offset (step()+1)",
        "NaN",
        "x:y{z!~\"q|r\"}",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(&[
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            "atan2",
            "==",
            "!= bool",
            "> on (a)",
            "+ ignoring (b)",
            "and",
            "or on ()",
            "unless",
            "* on (a, \"b c\") group_left (d)",
            "- ignoring () group_right",
            "</",
            ">/",
            "+ fill (1e7)",
            "/ on (x) fill_right (-1) fill_left (2)",
        ]);
        let around = prop::sample::select(&[
            "(?)",
            "-?",
            "+?",
            "sum(?)",
            "avg by (a) (?)",
            "max(?) without (b)",
            "topk(3, ?)",
            "abs(?)",
            "rate(?)",
            "(?)[1h:5m]",
            "?[1h:] offset 1w",
            "count_values(\"v\", ?)",
            "scalar(?)",
            "clamp(?, 1, 2)",
            "(?) # c\n",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(left, op, right)| format!("{left} {op} {right}")),
            (around, inner).prop_map(|(around, inner)| around.replace('?', &inner)),
        ]
    })
}

/// Errors point into the text; what is accepted prints as something that prints the same.
fn obeys_the_laws(text: &str) -> Result<bool, TestCaseError> {
    match parse_with(text, Options::all()) {
        Err(errors) => {
            prop_assert!(!errors.is_empty());
            for error in errors {
                prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{:?} in {:?}", error, text);
                prop_assert!(!error.located(text).is_empty());
            }
            Ok(false)
        }
        Ok(expr) => {
            prop_assert!(text.get(expr.span().start..expr.span().end).is_some());
            let printed = expr.to_string();
            let again = parse_with(&printed, Options::all()).map(|expr| expr.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&printed), "from {:?}", text);
            Ok(true)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nonsense_obeys_the_laws(text in nonsense()) {
        obeys_the_laws(&text)?;
    }

    #[test]
    fn any_text_obeys_the_laws(text in any::<String>()) {
        obeys_the_laws(&text)?;
    }

    #[test]
    fn expressions_obey_the_laws(text in expression()) {
        obeys_the_laws(&text)?;
    }
}

#[test]
fn enough_of_the_generated_expressions_are_accepted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = |strategy: &dyn Fn() -> BoxedStrategy<String>, runner: &mut proptest::test_runner::TestRunner| {
        let texts = (0..500).map(|_| strategy().new_tree(runner).expect("a value").current());
        texts.filter(|text| parse_with(text, Options::all()).is_ok()).count()
    };
    let right = accepted(&|| expression().boxed(), &mut runner);
    let lucky = accepted(&|| nonsense().boxed(), &mut runner);
    assert!(right > 100 && lucky > 5, "{right} and {lucky} of 500");
}
