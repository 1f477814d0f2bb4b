//! What a document's tree is: a table of small documents.

use yaml::{Kind, Node, SourceFile, parse_all, parse_first};

/// A tree on one line: quoted texts in quotes, plain ones bare.
pub(crate) fn shape(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Scalar(scalar) if scalar.plain => scalar.text.to_string(),
        Kind::Scalar(scalar) => format!("{:?}", scalar.text),
        Kind::Sequence(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(", ")),
        Kind::Mapping(entries) => {
            let pairs = entries.iter().map(|(key, value)| format!("{}: {}", key.text, shape(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn first(text: &str) -> String {
    match parse_first(&SourceFile::new("test.yml", text)) {
        Ok((root, _)) => shape(&root),
        Err(diagnostics) => panic!("{text:?}\n{diagnostics}"),
    }
}

#[test]
fn trees() {
    let cases = [
        ("", "null"),
        ("# only a comment\n", "null"),
        ("---\n", "null"),
        ("a: 1", "{a: 1}"),
        ("a: 1.10\nb: 007\nc: yes\nd: 0x1F\ne: 1e3", "{a: 1.10, b: 007, c: yes, d: 0x1F, e: 1e3}"),
        ("a: '1'\nb: \"yes\"", "{a: \"1\", b: \"yes\"}"),
        ("a:\nb: ~\nc: null\nd: NULL\ne: 'null'\nf: ''", "{a: null, b: null, c: null, d: null, e: \"null\", f: \"\"}"),
        ("[a, b,]", "[a, b]"),
        ("{a, b: c, \"d\":e}", "{a: null, b: c, d: e}"),
        ("- a\n- - b\n  - c\n-\n", "[a, [b, c], null]"),
        ("a:\n- b\nc:\n  - d\n", "{a: [b], c: [d]}"),
        ("a: |\n  x\n   y\n\nb: >-\n  x\n  y\n", "{a: \"x\\n y\\n\", b: \"x y\"}"),
        ("a: |", "{a: \"\"}"),
        ("a: b\n  c", "{a: b c}"),
        ("a: \"x \\\n   y\\t\\u00e9\"", "{a: \"x y\\té\"}"),
        ("a: 'it''s'", "{a: \"it's\"}"),
        ("? a\n: b", "{a: b}"),
        ("1: a\ntrue: b\n'c d': e\n~: f", "{1: a, true: b, c d: e, ~: f}"),
        ("\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\n", "{a: 1, b: \"x\\ny\\n\"}"),
        (
            "a: !!str 12\nb: !!str\nc: !!int '3'\nd: !!null x\ne: !mine f\ng: ! 5",
            "{a: \"12\", b: \"\", c: 3, d: null, e: \"f\", g: \"5\"}",
        ),
        ("a: !!binary aGk=", "{a: \"aGk=\"}"),
        ("{\n\t\"a\":1,\n\t\"b\": [\n\t\t\"\\ud83d\\ude00\\/\"\n\t]\n}\n", "{a: 1, b: [\"😀/\"]}"),
        ("%YAML 1.2\n---\na: 1\n...\n", "{a: 1}"),
        ("a: 2001-01-01 00:00:00\nb: http://x/y#z\nc: a #b", "{a: 2001-01-01 00:00:00, b: http://x/y#z, c: a}"),
    ];
    for (text, expected) in cases {
        assert_eq!(first(text), expected, "{text:?}");
    }
}

#[test]
fn aliases_and_merges() {
    let cases = [
        ("a: &x 1\nb: *x", "{a: 1, b: 1}"),
        ("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3", "{a: {p: 1, q: 2}, b: {q: 3, p: 1}}"),
        (
            "a: &x {p: 1}\nb: &y {p: 2, q: 3}\nc: {<<: [*x, *y], r: 4}",
            "{a: {p: 1}, b: {p: 2, q: 3}, c: {r: 4, p: 1, q: 3}}",
        ),
        ("a: {<<: {p: 1}, p: 2}", "{a: {p: 2}}"),
        ("a: &x {p: 1}\nb: &y {<<: *x, q: 2}\nc: {<<: *y}", "{a: {p: 1}, b: {q: 2, p: 1}, c: {q: 2, p: 1}}"),
        ("a: {'<<': 1}", "{a: {<<: 1}}"),
        ("a: &x 1\nb: &x 2\nc: *x", "{a: 1, b: 2, c: 2}"),
        ("a: &x k\n*x : v", "{a: k, k: v}"),
    ];
    for (text, expected) in cases {
        assert_eq!(first(text), expected, "{text:?}");
    }
}

/// Go's libraries accept these; the lines fold as if they were indented.
#[test]
fn quoted_texts_indented_too_little() {
    let cases = [
        ("k:\n  a: \"foo\nbar\"\n  b: c", "{k: {a: \"foo bar\", b: c}}"),
        ("k:\n  - a: 'foo\n  bar\n\n baz'\n    b: c", "{k: [{a: \"foo bar\\nbaz\", b: c}]}"),
        ("a: \"x\ny\"\nb: 'x\ny'", "{a: \"x y\", b: \"x y\"}"),
    ];
    for (text, expected) in cases {
        assert_eq!(first(text), expected, "{text:?}");
    }
}

#[test]
fn several_documents() {
    let file = SourceFile::new("test.yml", "a: 1\n---\n# nothing\n---\nb: 2\n...\n---\n- c\n---\n");
    let parsed = parse_all(&file);
    assert!(parsed.diagnostics.is_empty(), "{}", parsed.diagnostics);
    assert_eq!(parsed.documents.iter().map(shape).collect::<Vec<_>>(), ["{a: 1}", "{b: 2}", "[c]"]);
    assert_eq!(parse_all(&SourceFile::new("empty.yml", "")).documents, []);
}

#[test]
fn a_syntax_error_costs_one_document() {
    let file = SourceFile::new("test.yml", "a: 1\n---\nb: [\n---\nc: 3\nc: 4\n---\nd: @\n---\ne: 5");
    let parsed = parse_all(&file);
    assert_eq!(parsed.documents.iter().map(shape).collect::<Vec<_>>(), ["{a: 1}", "{c: 3}", "{e: 5}"]);
    let lines: Vec<_> = parsed.diagnostics.iter().map(|diagnostic| diagnostic.line()).collect();
    assert_eq!(lines, [Some(3), Some(6), Some(8)]);
}

#[test]
fn a_second_document_is_warned_about_and_not_read() {
    let cases = [
        ("a: 1", 0),
        ("a: 1\n---\n", 0),
        ("a: 1\n---\n# comment\n...\n", 0),
        ("a: 1\n---\nb: 2", 1),
        ("a: 1\n---\nb: [", 1),
        ("a: 1\n---\n\n---\nb: 2", 1),
    ];
    for (text, warnings) in cases {
        let (root, diagnostics) = parse_first(&SourceFile::new("test.yml", text)).expect(text);
        assert_eq!((shape(&root).as_str(), diagnostics.len()), ("{a: 1}", warnings), "{text:?}");
    }
}
