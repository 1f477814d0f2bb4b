//! Expressions that are refused, and what is said about them.

use std::io::Write as _;
use std::process::Command;

use promql::{Options, parse, parse_with};

/// Expressions, and where and why Prometheus 2.42 refuses them.
const REFUSED: &[(&str, &str, &str)] = &[
    ("(foo", "1:5", "unclosed left parenthesis"),
    ("foo[5m", "1:7", "unclosed left bracket"),
    ("foo]", "1:4", "unexpected right bracket ']'"),
    ("foo[5m]]", "1:8", "unexpected right bracket ']'"),
    ("foo{", "1:5", "unexpected end of input inside braces"),
    ("foo{a", "1:6", "unexpected end of input inside braces"),
    ("foo{a=", "1:7", "unexpected end of input inside braces"),
    (r#"foo{a="b""#, "1:10", "unexpected end of input inside braces"),
    (r#"foo{a="b" c="d"}"#, "1:11", r#"unexpected identifier "c" in label matching, expected "," or "}""#),
    ("foo{a=b}", "1:7", r#"unexpected identifier "b" in label matching, expected string"#),
    (r#"foo{a==="b"}"#, "1:7", r#"unexpected "=" in label matching, expected string"#),
    ("foo{,}", "1:5", r#"unexpected "," in label matching, expected identifier or "}""#),
    (r#"foo{a="b",,}"#, "1:11", r#"unexpected "," in label matching, expected identifier or "}""#),
    ("foo{a!b}", "1:6", "unexpected character after '!' inside braces: 'b'"),
    (r#"foo{a:b="c"}"#, "1:6", "unexpected character inside braces: ':'"),
    ("{}", "1:1", "vector selector must contain at least one non-empty matcher"),
    (r#"{a=""}"#, "1:1", "vector selector must contain at least one non-empty matcher"),
    (r#"{a=~".*"}"#, "1:1", "vector selector must contain at least one non-empty matcher"),
    (r#"foo{__name__="bar"}"#, "1:1", r#"metric name must not be set twice: "foo" or "bar""#),
    (r#"{__name__="foo"}{a="b"}"#, "1:17", r#"unexpected "{""#),
    ("+", "1:2", "unexpected end of input"),
    ("-", "1:2", "unexpected end of input"),
    ("*", "1:1", "unexpected <op:*>"),
    ("foo +", "1:6", "unexpected end of input"),
    ("foo + + ", "1:9", "unexpected end of input"),
    ("foo bar", "1:5", r#"unexpected identifier "bar""#),
    ("foo 5", "1:5", r#"unexpected number "5""#),
    ("1 2", "1:3", r#"unexpected number "2""#),
    ("sum(", "1:5", "unclosed left parenthesis"),
    ("sum()", "1:1", "no arguments for aggregate expression provided"),
    ("sum(foo", "1:8", "unclosed left parenthesis"),
    ("sum(foo bar)", "1:9", r#"unexpected identifier "bar" in aggregation"#),
    ("sum foo", "1:5", r#"unexpected identifier "foo""#),
    ("sum(foo) by", "1:12", r#"unexpected end of input in grouping opts, expected "(""#),
    ("sum(foo) by foo", "1:13", r#"unexpected identifier "foo" in grouping opts, expected "(""#),
    ("sum(foo) by (foo", "1:17", "unclosed left parenthesis"),
    ("sum(foo) by (foo bar)", "1:18", r#"unexpected identifier "bar" in grouping opts, expected "," or ")""#),
    ("sum(foo) by (1)", "1:14", r#"unexpected number "1" in grouping opts, expected label"#),
    ("sum by (,) (foo)", "1:9", r#"unexpected "," in grouping opts, expected label"#),
    ("sum(foo, bar)", "1:1", "wrong number of arguments for aggregate expression provided, expected 1, got 2"),
    ("sum(foo[5m])", "1:5", "expected type instant vector in aggregation expression, got range vector"),
    ("sum(1)", "1:5", "expected type instant vector in aggregation expression, got scalar"),
    ("topk(foo)", "1:1", "wrong number of arguments for aggregate expression provided, expected 2, got 1"),
    (r#"topk("a", foo)"#, "1:6", "expected type scalar in aggregation parameter, got string"),
    ("topk(1, 2, 3)", "1:1", "wrong number of arguments for aggregate expression provided, expected 2, got 3"),
    ("count_values(1, foo)", "1:14", "expected type string in aggregation parameter, got scalar"),
    (r#"quantile("x", foo)"#, "1:10", "expected type scalar in aggregation parameter, got string"),
    ("rate(foo)", "1:6", r#"expected type range vector in call to function "rate", got instant vector"#),
    ("rate(foo[5m], 1)", "1:1", r#"expected 1 argument(s) in call to "rate", got 2"#),
    ("rate()", "1:1", r#"expected 1 argument(s) in call to "rate", got 0"#),
    ("rate(foo[5m],)", "1:13", "trailing commas not allowed in function call args"),
    ("rate(,)", "1:6", r#"unexpected ",""#),
    ("nope(foo)", "1:1", r#"unknown function with name "nope""#),
    ("Rate(foo[5m])", "1:1", r#"unknown function with name "Rate""#),
    (r#"label_replace(foo, "a", "b")"#, "1:1", r#"expected 5 argument(s) in call to "label_replace", got 3"#),
    ("label_join(foo)", "1:1", r#"expected at least 3 argument(s) in call to "label_join", got 1"#),
    (r#"label_join(foo, 1, "a")"#, "1:17", r#"expected type string in call to function "label_join", got scalar"#),
    ("round(foo, 1, 2)", "1:1", r#"expected at most 2 argument(s) in call to "round", got 3"#),
    ("hour(foo, bar)", "1:1", r#"expected at most 1 argument(s) in call to "hour", got 2"#),
    ("time(1)", "1:1", r#"expected 0 argument(s) in call to "time", got 1"#),
    ("vector(foo)", "1:8", r#"expected type scalar in call to function "vector", got instant vector"#),
    ("scalar(1)", "1:8", r#"expected type instant vector in call to function "scalar", got scalar"#),
    ("foo[5m] + 1", "1:1", "binary expression must contain only scalar and instant vector types"),
    (r#"1 + "a""#, "1:5", "binary expression must contain only scalar and instant vector types"),
    (r#""a" + "b""#, "1:1", "binary expression must contain only scalar and instant vector types"),
    (
        r#"-"a""#,
        "1:1",
        r#"unary expression only allowed on expressions of type scalar or instant vector, got "string""#,
    ),
    (
        "-foo[5m]",
        "1:1",
        r#"unary expression only allowed on expressions of type scalar or instant vector, got "range vector""#,
    ),
    ("1 == 1", "1:3", "comparisons between scalars must use BOOL modifier"),
    ("1 and 2", "1:1", r#"set operator "and" not allowed in binary scalar expression"#),
    ("foo and 1", "1:1", r#"set operator "and" not allowed in binary scalar expression"#),
    ("1 or foo", "1:1", r#"set operator "or" not allowed in binary scalar expression"#),
    ("foo + bool bar", "1:5", "bool modifier can only be used on comparison operators"),
    ("foo and bool bar", "1:5", "bool modifier can only be used on comparison operators"),
    ("foo == bool on bar", "1:16", r#"unexpected identifier "bar" in grouping opts, expected "(""#),
    ("foo + on(a) 1", "1:1", "vector matching only allowed between instant vectors"),
    ("1 + ignoring(a) 2", "1:1", "vector matching only allowed between instant vectors"),
    ("foo + group_left bar", "1:7", "unexpected <group_left>"),
    ("foo + on(a) group_left(a) bar", "1:5", r#"label "a" must not occur in ON and GROUP clause at once"#),
    ("foo and on(a) group_left bar", "1:1", r#"no grouping allowed for "and" operation"#),
    ("foo and group_left bar", "1:9", "unexpected <group_left>"),
    ("foo + on(a) group_left (bar)", "1:29", "unexpected end of input"),
    ("foo offset 5m offset 5m", "1:1", "offset may not be set multiple times"),
    ("foo[5m] offset 5m offset 1m", "1:1", "offset may not be set multiple times"),
    (
        "sum(foo) offset 5m",
        "1:1",
        "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "1 offset 5m",
        "1:1",
        "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    ("foo offset 5m[5m]", "1:14", "no offset modifiers allowed before range"),
    ("foo @ 1 [5m]", "1:9", "no @ modifiers allowed before range"),
    ("foo @", "1:6", "unexpected end of input in @, expected timestamp"),
    ("foo @ bar", "1:7", r#"unexpected identifier "bar" in @, expected timestamp"#),
    ("foo @ start", "1:12", "unexpected end of input in @, expected timestamp"),
    ("foo @ start(", "1:13", "unclosed left parenthesis"),
    ("foo @ start() @ end()", "1:1", "@ <timestamp> may not be set multiple times"),
    ("foo @ 1 @ 2", "1:1", "@ <timestamp> may not be set multiple times"),
    (
        "sum(foo) @ 1",
        "1:1",
        "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    ("foo @ Inf", "1:1", "timestamp out of bounds for @ modifier: +Inf"),
    ("foo @ NaN", "1:1", "timestamp out of bounds for @ modifier: NaN"),
    ("foo @ -1e30", "1:1", "timestamp out of bounds for @ modifier: -1000000000000000019884624838656.000000"),
    ("foo[5m:5m:5m]", "1:10", "unexpected colon ':'"),
    ("foo[5m:", "1:8", "unclosed left bracket"),
    ("foo[5m:]]", "1:9", "unexpected right bracket ']'"),
    ("foo[0s]", "1:5", "duration must be greater than 0"),
    ("foo[5m5m]", "1:5", r#"not a valid duration string: "5m5m""#),
    ("foo[1.5h]", "1:5", r#"not a valid duration string: "1.5h""#),
    ("foo[300y]", "1:5", "duration out of range"),
    ("sum(foo)[5m]", "1:9", "ranges only allowed for vector selectors"),
    ("(foo)[5m]", "1:6", "ranges only allowed for vector selectors"),
    ("foo[5m][5m]", "1:8", "ranges only allowed for vector selectors"),
    ("foo[5m][5m:1m]", "1:1", "subquery is only allowed on instant vector, got matrix instead"),
    ("1[5m:1m]", "1:1", "subquery is only allowed on instant vector, got scalar instead"),
    (r#""a"[5m:1m]"#, "1:1", "subquery is only allowed on instant vector, got string instead"),
    ("foo[5m:1m][1h:5m]", "1:1", "subquery is only allowed on instant vector, got matrix instead"),
    ("0x", "1:1", r#"error parsing number: strconv.ParseFloat: parsing "0x": invalid syntax"#),
    ("0xg", "1:1", r#"bad number or duration syntax: "0x""#),
    ("5mm", "1:1", r#"bad number or duration syntax: "5mm""#),
    ("5m3x", "1:1", r#"bad number or duration syntax: "5m3""#),
    ("0b1", "1:1", r#"bad number or duration syntax: "0""#),
    ("1e999", "1:1", r#"error parsing number: strconv.ParseFloat: parsing "1e999": value out of range"#),
    ("'abc", "1:1", "unterminated quoted string"),
    (r#""abc"#, "1:1", "unterminated quoted string"),
    ("`abc", "1:1", "unterminated raw string"),
    (r#""a\z""#, "1:1", "unknown escape sequence U+007A 'z'"),
    (r#""a\xg0""#, "1:1", "illegal character U+0067 'g' in escape sequence"),
    (r#""\400""#, "1:1", "escape sequence is an invalid Unicode code point"),
    (r#""\ud800""#, "1:1", "escape sequence is an invalid Unicode code point"),
    (r#"'a\"b'"#, "1:1", r#"unknown escape sequence U+0022 '"'"#),
    (r#""a"#, "1:1", "unterminated quoted string"),
    (r#"b""#, "1:2", "unterminated quoted string"),
    ("# only comment", "1:1", "no expression found in input"),
    ("foo!", "1:4", "unexpected character after '!': '�'"),
    ("foo=bar", "1:4", r#"unexpected "=""#),
    (r#"foo=~"x""#, "1:4", "unexpected character after '=': '~'"),
    ("foo ! bar", "1:5", "unexpected character after '!': ' '"),
    ("$foo", "1:1", "unexpected character: '$'"),
    ("foo;bar", "1:4", "unexpected character: ';'"),
    (r#"foo{a="b"}{c="d"}"#, "1:11", r#"unexpected "{""#),
    ("foo.bar", "1:4", "unexpected character: '.'"),
    ("on", "1:1", "unexpected <on>"),
    ("bool", "1:1", "unexpected <bool>"),
    ("sum by by (x)", "1:8", r#"unexpected <by> in grouping opts, expected "(""#),
    ("foo == !bar", "1:8", "unexpected character after '!': 'b'"),
    ("foo <= > bar", "1:8", "unexpected <op:>>"),
    ("foo ^^ bar", "1:6", "unexpected <op:^>"),
    ("foo and or bar", "1:12", r#"unexpected identifier "bar""#),
    ("foo unless bar unless", "1:22", "unexpected end of input"),
    ("((((foo)))", "1:11", "unclosed left parenthesis"),
    ("[5m]", "1:1", r#"unexpected "[""#),
    ("foo[5m] [1m:1m] offset 1m @ 3", "1:1", "subquery is only allowed on instant vector, got matrix instead"),
    ("atan2", "1:1", "unexpected <op:atan2>"),
    ("foo by (x)", "1:5", "unexpected <by>"),
    ("sum(foo) by (x) by (y)", "1:17", "unexpected <by>"),
    ("sum by (x) (foo) by (y)", "1:18", "unexpected <by>"),
    ("sum without (x), (foo)", "1:16", r#"unexpected "," in aggregation"#),
    (r#"count(foo{a="b"} == 0) by (x) > bool 1 2"#, "1:40", r#"unexpected number "2""#),
    ("rate(foo[5m]) > 0 and", "1:22", "unexpected end of input"),
    (r#"absent(up{job="x")"#, "1:18", "unexpected character inside braces: ')'"),
    ("histogram_quantile(0.9, sum(rate(x[5m])) by (le)", "1:49", "unclosed left parenthesis"),
    (r#"avg_over_time(foo{a="b"[5m])"#, "1:24", "unexpected character inside braces: '['"),
    ("foo[1h:1m] == 1", "1:1", "binary expression must contain only scalar and instant vector types"),
    ("foo @ --5", "1:8", "unexpected <op:-> in @, expected timestamp"),
    ("foo OFFSET 5M", "1:12", r#"bad number or duration syntax: "5""#),
    (r#"foo{a=~"a{1001}"}"#, "1:5", "error parsing regexp: invalid repeat count: `{1001}`"),
    (
        r#"label_replace(foo, "a", "b", "c", "d", "e")"#,
        "1:1",
        r#"expected 5 argument(s) in call to "label_replace", got 6"#,
    ),
    (
        "predict_linear(foo[5m], bar)",
        "1:25",
        r#"expected type scalar in call to function "predict_linear", got instant vector"#,
    ),
    ("clamp(foo, 1)", "1:1", r#"expected 3 argument(s) in call to "clamp", got 2"#),
    (
        "absent_over_time(foo)",
        "1:18",
        r#"expected type range vector in call to function "absent_over_time", got instant vector"#,
    ),
    ("time() - foo[5m]", "1:10", "binary expression must contain only scalar and instant vector types"),
    (
        "sum(foo) by (a) + on(a) group_left(b, a) bar",
        "1:17",
        r#"label "a" must not occur in ON and GROUP clause at once"#,
    ),
    ("year(time())", "1:6", r#"expected type instant vector in call to function "year", got scalar"#),
    ("pi(1)", "1:1", r#"expected 0 argument(s) in call to "pi", got 1"#),
    ("month(1)", "1:7", r#"expected type instant vector in call to function "month", got scalar"#),
    ("sort_desc(1)", "1:11", r#"expected type instant vector in call to function "sort_desc", got scalar"#),
    (
        "quantile_over_time(foo[5m], 0.5)",
        "1:20",
        r#"expected type scalar in call to function "quantile_over_time", got range vector"#,
    ),
    ("bottomk(2)", "1:1", "wrong number of arguments for aggregate expression provided, expected 2, got 1"),
    ("group()", "1:1", "no arguments for aggregate expression provided"),
];

/// What is worded otherwise since Prometheus 3, or came with it, and where our place is the better one.
const REFUSED_SINCE_3: &[(&str, &str, &str)] = &[
    ("", "1:1", "no expression found in input"),
    ("# nothing", "1:1", "no expression found in input"),
    ("foo)", "1:4", "unexpected right parenthesis ')'"),
    ("foo[", "1:5", "unexpected end of input in duration expression"),
    ("foo[]", "1:5", "unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"),
    ("foo[:5m]", "1:5", "unexpected colon before duration in duration expression"),
    ("foo[bar]", "1:5", "unexpected character in duration expression: 'b'"),
    ("foo[5m:1m:1m]", "1:10", "unexpected colon ':'"),
    ("foo[step():1m:]", "1:14", "unexpected colon ':'"),
    ("foo[-5m]", "1:5", "duration must be greater than 0"),
    ("foo[0]", "1:5", "duration must be greater than 0"),
    ("foo[1e10]", "1:5", "duration out of range"),
    ("foo[5m / 0]", "1:8", "division by zero"),
    ("foo[5m % (0s)]", "1:8", "modulo by zero"),
    ("foo[5m == 1m]", "1:8", "unexpected <op:==> in subquery or range, expected \":\" or \"]\""),
    ("foo offset", "1:11", "unexpected end of input in offset, expected number, duration, step(), or range()"),
    (
        "foo offset (bar)",
        "1:13",
        "unexpected identifier \"bar\" in offset, expected number, duration, step(), or range()",
    ),
    ("foo @ step()", "1:7", "unexpected \"step\" in @, expected timestamp"),
    ("1.2.3", "1:1", "bad number or duration syntax: \"1.2.\""),
    ("1_", "1:1", "bad number or duration syntax: \"1_\""),
    ("@", "1:1", "unexpected <op:@>"),
    (r#"foo{"a" "b"}"#, "1:9", r#"unexpected string "\"b\"" in label matching, expected "," or "}""#),
    (r#"foo{"bar"}"#, "1:1", r#"metric name must not be set twice: "foo" or "bar""#),
    (r#"foo{a="\xff"}"#, "1:7", r#"label value is not valid UTF-8: "\xff""#),
    (r#"sum by ("") (foo)"#, "1:9", "invalid label name for grouping: \"\""),
    (r#"foo{a=~"a**"}"#, "1:5", "error parsing regexp: invalid nested repetition operator: `*`"),
    (r#"foo{b="c", a=~"(x"}"#, "1:12", "error parsing regexp: missing closing )"),
    (r#"foo{a=~"\\1"}"#, "1:5", r"error parsing regexp: invalid escape sequence: `\1`"),
    ("a and fill(0) b", "1:1", "filling in missing series not allowed for set operators"),
    ("a + fill(0) 1", "1:1", "filling in missing series only allowed between instant vectors"),
    ("a + fill b", "1:10", "unexpected identifier \"b\""),
    ("a + fill_left(1) fill(2) b", "1:22", "unexpected \"(\""),
    ("a + fill(b) c", "1:10", "unexpected identifier \"b\""),
    ("foo anchored smoothed", "1:1", "anchored and smoothed modifiers cannot be used together"),
    ("foo[5m:1m] anchored", "1:1", "anchored modifier is not supported for subqueries"),
    ("sum(foo) smoothed", "1:1", "smoothed modifier not implemented"),
    ("info(up, down)", "1:10", "expected label selectors only, got vector selector instead"),
    ("info(up, 1)", "1:10", "expected label selectors only"),
    (
        "histogram_quantiles(up, \"q\")",
        "1:1",
        "expected at least 3 argument(s) in call to \"histogram_quantiles\", got 2",
    ),
    ("holt_winters(foo[5m], 1, 1)", "1:1", "unknown function with name \"holt_winters\""),
    ("START()", "1:1", "unknown function with name \"START\""),
    ("limitk(up)", "1:1", "wrong number of arguments for aggregate expression provided, expected 2, got 1"),
];

/// With everything experimental switched off.
const NOT_ENABLED: &[(&str, &str, &str)] = &[
    ("1 + sort_by_label(up, \"a\")", "1:5", "function \"sort_by_label\" is not enabled"),
    (
        "1 + limitk(2, up)",
        "1:5",
        "limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
    ),
    ("rate(up[5m] smoothed)", "1:6", "smoothed modifier is experimental and not enabled"),
    ("up anchored", "1:1", "anchored modifier is experimental and not enabled"),
    ("1 < bool (a + fill(0) b)", "1:11", "binop fill modifiers are experimental and not enabled"),
    ("up[5m * 2]", "1:4", "experimental duration expression is not enabled"),
    ("up[(5m)]", "1:5", "experimental duration expression is not enabled"),
    ("up offset step()", "1:11", "experimental duration expression is not enabled"),
];

#[test]
fn the_first_error_is_the_one_prometheus_shows() {
    for (text, position, message) in REFUSED.iter().chain(REFUSED_SINCE_3) {
        match parse_with(text, Options::all()) {
            Ok(expr) => panic!("{text} is accepted as {expr}"),
            Err(errors) => assert_eq!(errors[0].located(text), format!("{position}: parse error: {message}"), "{text}"),
        }
    }
}

#[test]
fn what_is_experimental_must_be_enabled() {
    let none = Options { duration_expressions: false, ..Options::default() };
    for (text, position, message) in NOT_ENABLED {
        let errors = parse_with(text, none).expect_err(text);
        assert_eq!(errors[0].located(text), format!("{position}: parse error: {message}"), "{text}");
        assert!(parse_with(text, Options::all()).is_ok(), "{text}");
    }
    assert!(parse("up[5m * 2]").is_ok(), "duration expressions are on by default");
    assert!(parse("limitk(2, up)").is_err(), "experimental functions are not");
}

#[test]
fn every_type_error_of_a_tree_is_found_with_its_place() {
    let text = "rate(foo) + 1 == on (a) sum(\n  \"x\") and topk(bar, 2)";
    let errors = parse(text).expect_err(text);
    let shown: Vec<String> = errors
        .iter()
        .map(|error| format!("{} | {}", error.located(text), &text[error.span.start..error.span.end]))
        .collect();
    assert_eq!(
        shown,
        [
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector | foo",
            "2:3: parse error: expected type instant vector in aggregation expression, got string | \"x\"",
            "2:22: parse error: expected type instant vector in aggregation expression, got scalar | 2",
            "2:17: parse error: expected type scalar in aggregation parameter, got instant vector | bar",
        ]
    );
}

#[test]
fn mistakes_that_leave_the_syntax_clear_are_collected_too() {
    let text = "nope(up) + sum(up, up) + up{a=~\"(\"} offset 5m offset 5m";
    let errors = parse(text).expect_err(text);
    let spans: Vec<&str> = errors.iter().map(|error| &text[error.span.start..error.span.end]).collect();
    assert_eq!(spans, ["nope", "sum(up, up)", "a=~\"(\"", "up{a=~\"(\"} offset 5m"]);
}

/// Every expression as a rule of one file, so that promtool says what it thinks of each.
#[test]
fn promtool_refuses_the_same_expressions() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(file, "groups:\n- name: refused\n  rules:").expect("written");
    for (text, _, _) in REFUSED {
        let quoted = serde_json::to_string(text).expect("a text");
        writeln!(file, "  - {{record: r, expr: {quoted}}}").expect("written");
    }
    let Ok(output) = Command::new("promtool").arg("check").arg("rules").arg(file.path()).output() else {
        eprintln!("skipped: promtool_refuses_the_same_expressions needs promtool");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for (index, (text, _, _)) in REFUSED.iter().enumerate() {
        let rule = format!("rule {}, ", index + 1);
        assert!(said.lines().any(|line| line.contains(&rule)), "promtool accepts {text}");
    }
}
