//! Trees: what they hold and where it stood in the text.

use promql::ast::{At, Boundary, Cardinality, Duration, DurationKind, Fill, Grouping};
use promql::operator::{AggregateOp, BinaryOp};
use promql::{Expr, Options, ValueType, parse_with};

fn parsed(text: &str) -> Expr {
    parse_with(text, Options::all()).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

/// Every node's text, outer before inner.
fn texts(text: &str) -> Vec<&str> {
    let expr = parsed(text);
    let mut found = Vec::new();
    promql::selector::walk(&expr, &mut |expr, _| found.push(&text[expr.span().start..expr.span().end]));
    found
}

#[test]
fn every_node_knows_its_text() {
    assert_eq!(
        texts(" -sum( rate(a{b=\"c\"} [5m] offset 1h) ) by (x) /(max_over_time(b[1h:] @ end() ) ) + 1 # why"),
        [
            "-sum( rate(a{b=\"c\"} [5m] offset 1h) ) by (x) /(max_over_time(b[1h:] @ end() ) ) + 1",
            "-sum( rate(a{b=\"c\"} [5m] offset 1h) ) by (x) /(max_over_time(b[1h:] @ end() ) )",
            "-sum( rate(a{b=\"c\"} [5m] offset 1h) ) by (x)",
            "sum( rate(a{b=\"c\"} [5m] offset 1h) ) by (x)",
            "rate(a{b=\"c\"} [5m] offset 1h)",
            "a{b=\"c\"} [5m] offset 1h",
            "(max_over_time(b[1h:] @ end() ) )",
            "max_over_time(b[1h:] @ end() )",
            "b[1h:] @ end()",
            "b",
            "1",
        ]
    );
    assert_eq!(texts("2 ^ - 3"), ["2 ^ - 3", "2", "- 3"]);
    assert_eq!(texts("rate(a[5m] smoothed)"), ["rate(a[5m] smoothed)", "a[5m] smoothed"]);
}

#[test]
fn operators_bind_as_in_prometheus() {
    let table = [
        ("a + b * c", "a|+|b * c"),
        ("a * b + c", "a * b|+|c"),
        ("a - b - c", "a - b|-|c"),
        ("a ^ b ^ c", "a|^|b ^ c"),
        ("a or b and c", "a|or|b and c"),
        ("a or b or c", "a or b|or|c"),
        ("a and b unless c", "a and b|unless|c"),
        ("a == b + c", "a|==|b + c"),
        ("a > b == c", "a > b|==|c"),
        ("a * b atan2 c", "a * b|atan2|c"),
        ("a + b </ c", "a + b|</|c"),
        ("-a * b", "-a|*|b"),
        ("a ^ -b * c", "a ^ -b|*|c"),
        ("a offset 5m + 1m", "a offset 5m|+|1m"),
    ];
    for (text, shape) in table {
        let Expr::Binary(binary) = parsed(text) else { panic!("{text}") };
        assert_eq!(format!("{}|{}|{}", binary.left, binary.op, binary.right), shape);
        assert!(text[binary.op_span.start..binary.op_span.end].starts_with(binary.op.text()), "{text}");
    }
    assert!(matches!(parsed("-a ^ b"), Expr::Unary(_)));
}

#[test]
fn modifiers_end_up_where_they_belong() {
    let Expr::Binary(binary) = parsed("a == bool on (x) group_right (y, z) fill_left (1) b") else { panic!() };
    let matching = binary.matching.expect("between vectors");
    assert_eq!((binary.op, binary.returns_bool), (BinaryOp::Equal, true));
    assert_eq!((matching.cardinality, matching.on), (Cardinality::OneToMany, true));
    assert_eq!((matching.labels, matching.include), (vec!["x".to_owned()], vec!["y".to_owned(), "z".to_owned()]));
    assert_eq!(matching.fill, Fill::Sides { left: Some(1.0), right: None });

    let Expr::Aggregate(topk) = parsed("topk by (a) (3, b)") else { panic!() };
    assert_eq!((topk.op, topk.grouping), (AggregateOp::Topk, Grouping::By(vec!["a".to_owned()])));
    assert_eq!(topk.parameter.map(|parameter| parameter.to_string()), Some("3".to_owned()));

    let Expr::Range(range) = parsed("a[1h30m] anchored offset -1m @ 1.5") else { panic!() };
    assert_eq!((range.range, range.selector.offset), (Duration::Fixed(5_400_000), Some(Duration::Fixed(-60_000))));
    assert_eq!((range.selector.at, range.selector.boundary), (Some(At::Timestamp(1500)), Some(Boundary::Anchored)));

    let Expr::Subquery(subquery) = parsed("a[1h:step() * 2] @ start()") else { panic!() };
    let Some(Duration::Computed(step)) = subquery.step else { panic!("{:?}", subquery.step) };
    assert!(matches!(step.kind, DurationKind::Binary(BinaryOp::Mul, ..)));
    assert_eq!(subquery.at, Some(At::Start));
}

#[test]
fn only_vectors_are_matched_and_set_operators_match_many_to_many() {
    let matching = |text| match parsed(text) {
        Expr::Binary(binary) => binary.matching.map(|matching| matching.cardinality),
        other => panic!("{other}"),
    };
    assert_eq!(matching("a + b"), Some(Cardinality::OneToOne));
    assert_eq!(matching("a + 1"), None);
    assert_eq!(matching("1 + 1"), None);
    assert_eq!(matching("a or on (x) b"), Some(Cardinality::ManyToMany));
}

#[test]
fn types_of_results() {
    let table = [
        ("1 + 1", ValueType::Scalar),
        ("a + 1", ValueType::Vector),
        ("1 > bool scalar(a)", ValueType::Scalar),
        ("-(a)", ValueType::Vector),
        ("(a[5m])", ValueType::Matrix),
        ("a[5m:]", ValueType::Matrix),
        ("('x')", ValueType::String),
        ("time()", ValueType::Scalar),
        ("count(a)", ValueType::Vector),
    ];
    for (text, wanted) in table {
        assert_eq!(parsed(text).value_type(), wanted, "{text}");
    }
}

#[test]
fn strings_keep_bytes_that_are_not_text() {
    let Expr::String(literal) = parsed(r#""a\xc5z""#) else { panic!() };
    assert_eq!((literal.bytes.as_slice(), literal.text()), (b"a\xc5z".as_slice(), None));
}
