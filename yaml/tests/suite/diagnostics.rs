//! Diagnostics as printed: syntax errors, and all mistakes of a file at once.

use yaml::{Decoder, Diagnostics, Node, SourceFile, Spanned, parse_all};

fn syntax(text: &str) -> String {
    parse_all(&SourceFile::new("rules.yml", text)).diagnostics.to_string()
}

#[test]
fn syntax_errors_say_how_to_mend_them() {
    let documents = [
        "summary: {{ $labels.x }} down",
        "summary: {{ $labels.x }}",
        "a: disk: full",
        "a: 1\n b: 2",
        "  a: 1\nb: 2",
        "a:\n\tb: c",
        "a: \"unclosed\nb: c\n",
        "a: 'it's'",
        "a: \"\\d+\"",
        "a: @b",
        "a: %b",
        "a: *",
        "a: *b",
        "a: [1, 2\nb: 3",
        "a: {b: 1",
        "a: [1}",
        "a: ]",
        "- a\nb: c",
        "a: | b\n  c",
        "a: b\nc\nd: e",
        "a: 1\nb: 2\na: 3",
        "? [a]\n: b",
        ": a",
        "<<: 1",
        "a: \u{1}",
        "a: \"x\" y",
    ];
    let printed: Vec<_> = documents.iter().map(|text| syntax(text)).collect();
    insta::assert_snapshot!(printed.join("\n\n"), @r##"
rules.yml:1:11: error: a key must be a text, not a list or a mapping
  1 | summary: {{ $labels.x }} down
    |           ^^^^^^^^^^^^^ quote the value: YAML reads {{ }} outside quotes as a mapping
rules.yml:1:26: error: expected a key of the mapping here
  1 | summary: {{ $labels.x }} down
    |                          ^ quote the value: YAML reads {{ }} outside quotes as a mapping

rules.yml:1:11: error: a key must be a text, not a list or a mapping
  1 | summary: {{ $labels.x }}
    |           ^^^^^^^^^^^^^ quote the value: YAML reads {{ }} outside quotes as a mapping

rules.yml:1:8: error: a key and value cannot stand here
  1 | a: disk: full
    |        ^ quote the value: it contains a colon

rules.yml:2:3: error: a key and value cannot stand here
  2 |  b: 2
    |   ^ align this line with the ones it belongs to

rules.yml:2:1: error: this line does not belong to the document above it
  2 | b: 2
    | ^ align this line with the ones it belongs to

rules.yml:2:2: error: a tab cannot be used for indentation
  2 |     b: c
    |     ^ indent with spaces

rules.yml:1:4: error: this quote is never closed
  1 | a: "unclosed
    |    ^ is a quote not closed before line 2?

rules.yml:1:8: error: unexpected text after the closing quote
  1 | a: 'it's'
    |        ^ write '' for a ' inside single quotes

rules.yml:1:4: error: unknown escape in a double-quoted text
  1 | a: "\d+"
    |    ^ double the backslash, or use single quotes

rules.yml:1:4: error: a value cannot start with @
  1 | a: @b
    |    ^ quote the value

rules.yml:1:4: error: a value cannot start with %
  1 | a: %b
    |    ^ quote the value

rules.yml:1:4: error: a value cannot start with this character
  1 | a: *
    |    ^ quote the value

rules.yml:1:4: error: nothing is named "b" before this
  1 | a: *b
    |    ^^ name it with &b, or quote the value if it is a text

rules.yml:2:2: error: unexpected colon
  2 | b: 3
    |  ^ close the bracket before, or quote the value

rules.yml:1:4: error: this { is never closed
  1 | a: {b: 1
    |    ^ add the closing bracket, or quote the value if it is a text

rules.yml:1:4: error: [ cannot be closed with }
  1 | a: [1}
    |    ^

rules.yml:1:4: error: unexpected closing bracket
  1 | a: ]
    |    ^ quote the value

rules.yml:2:1: error: expected another item of the list here
  2 | b: c
    | ^ align this line with the ones it belongs to

rules.yml:1:4: error: a block text starts on the line after its | or >
  1 | a: | b
    |    ^ move the text to the next line, or quote it

rules.yml:2:1: error: expected a colon after the key
  2 | c
    | ^ write the key and its colon on one line

rules.yml:3:1: error: key "a" is given twice
  3 | a: 3
    | ^ the first is on line 1

rules.yml:1:3: error: a key must be a text, not a list or a mapping
  1 | ? [a]
    |   ^^^

rules.yml:1:1: error: a key is missing before this colon
  1 | : a
    | ^

rules.yml:1:5: error: expected a mapping to merge, found "1"
  1 | <<: 1
    |     ^ "<<" takes a mapping or a list of mappings, usually as aliases

rules.yml:1:4: error: the control character U+0001 cannot stand here
  1 | a: �
    |    ^ remove it

rules.yml:1:8: error: unexpected text after the closing quote
  1 | a: "x" y
    |        ^ write \" for a " inside double quotes
"##);
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown by its Debug form")]
struct Group {
    name: Spanned<String>,
    limit: Option<Spanned<i64>>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown by its Debug form")]
struct Rule {
    alert: String,
    expr: Spanned<String>,
    labels: Vec<(Spanned<String>, Spanned<String>)>,
}

fn decode_group(node: &Node, decoder: &Decoder) -> Option<Group> {
    let mut fields = decoder.mapping(node, "a rule group")?;
    let name = fields.required("name").string();
    let limit = fields.optional("limit").integer_in(0..=i64::MAX);
    let rules = fields.required("rules").sequence(decode_rule);
    fields.finish();
    Some(Group { name: name?, limit, rules: rules? })
}

fn decode_rule(node: &Node, decoder: &Decoder) -> Option<Rule> {
    let mut fields = decoder.mapping(node, "a rule")?;
    let alert = fields.required("alert").string();
    let expr = fields.required("expr").string();
    let labels = fields.optional("labels").string_map();
    fields.optional("keep").boolean();
    fields.optional("severity").one_of(&[("info", 0), ("warning", 1), ("critical", 2)]);
    fields.optional("threshold").float();
    fields.optional("for").parse_with(|text| text.strip_suffix('m').map(str::len).ok_or("not a duration"));
    fields.optional("token").secret().integer();
    fields.ignore(&["annotations"]);
    fields.finish();
    if let Some(expr) = &expr
        && let Some(offset) = expr.value.find('!')
    {
        decoder.error_in(expr, offset, "unexpected \"!\"");
    }
    Some(Rule { alert: alert?.value, expr: expr?, labels: labels.unwrap_or_default() })
}

fn decode(text: &str) -> Result<(Vec<Group>, Diagnostics), Diagnostics> {
    let file = SourceFile::new("rules.yml", text);
    let decoder = Decoder::new(&file);
    let groups = decoder.first_document().and_then(|root| {
        let mut fields = decoder.mapping(&root, "a rule file")?;
        let groups = fields.optional("groups").sequence(decode_group);
        fields.finish();
        Some(groups.unwrap_or_default())
    });
    decoder.finish(groups)
}

#[test]
fn a_right_file_gives_its_values() {
    let (groups, warnings) =
        decode("groups:\n- name: a\n  limit: 0x10\n  rules:\n  - alert: b\n    expr: c > 1\n    labels: {d: 1.10, e: }\n---\nmore: 1\n")
            .expect("right");
    insta::assert_snapshot!(format!("{groups:?}\n{warnings}"), @r##"
[Group { name: Spanned { value: "a", span: Span { start: 16, end: 17 } }, limit: Some(Spanned { value: 16, span: Span { start: 27, end: 31 } }), rules: [Rule { alert: "b", expr: Spanned { value: "c > 1", span: Span { start: 64, end: 69 } }, labels: [(Spanned { value: "d", span: Span { start: 83, end: 84 } }, Spanned { value: "1.10", span: Span { start: 86, end: 90 } }), (Spanned { value: "e", span: Span { start: 92, end: 93 } }, Spanned { value: "", span: Span { start: 93, end: 93 } })] }] }]
rules.yml:8:1: warning: only the first document of this file is read
  8 | ---
    | ^^^ put the others into files of their own
"##);
}

#[test]
fn all_mistakes_at_once() {
    let text = r#"groups:
  - nmae: first
    limit: -1
    rules: {}
  - name: second
    limit: "3"
    rules:
      - alert: [A]
        exprs: up == 0
        severity: critcal
      - alert: B
        expr: |
          up
            !== 0
        for: 5 minutes
        keep: "yes"
        labels:
          team: [a, b]
          tier: 1
          tier: 2
        annotation: {a: b}
      - just text
      - alert: C
        expr: "\t\"x\" ! y"
        threshold: high
        token: hunter2
        labels:
      -
  - name:
    rules:
group: []
"#;
    insta::assert_snapshot!(decode(text).expect_err("wrong"), @r##"
rules.yml:2:5: error: missing field "name" in a rule group
  2 |   - nmae: first
    |     ^^^^
rules.yml:2:5: error: unknown field "nmae" in a rule group
  2 |   - nmae: first
    |     ^^^^ did you mean "name"?
rules.yml:3:12: error: expected an integer of at least 0 for "limit", found "-1"
  3 |     limit: -1
    |            ^^
rules.yml:4:12: error: expected a list for "rules", found a mapping
  4 |     rules: {}
    |            ^^
rules.yml:6:12: error: expected an integer of at least 0 for "limit", found "3"
  6 |     limit: "3"
    |            ^^^ remove the quotes
rules.yml:8:9: error: missing field "expr" in a rule
  8 |       - alert: [A]
    |         ^^^^^
rules.yml:8:16: error: expected a text for "alert", found a list
  8 |       - alert: [A]
    |                ^^^
rules.yml:9:9: error: unknown field "exprs" in a rule
  9 |         exprs: up == 0
    |         ^^^^^ did you mean "expr"?
rules.yml:10:19: error: expected one of info, warning, critical for "severity", found "critcal"
  10 |         severity: critcal
     |                   ^^^^^^^ did you mean "critical"?
rules.yml:14:13: error: unexpected "!"
  14 |             !== 0
     |             ^
rules.yml:15:14: error: not a duration
  15 |         for: 5 minutes
     |              ^^^^^^^^^
rules.yml:16:15: error: expected true or false for "keep", found "yes"
  16 |         keep: "yes"
     |               ^^^^^ remove the quotes
rules.yml:18:17: error: expected a text, found a list
  18 |           team: [a, b]
     |                 ^^^^^^
rules.yml:20:11: error: key "tier" is given twice
  20 |           tier: 2
     |           ^^^^ the first is on line 19
rules.yml:21:9: error: unknown field "annotation" in a rule
  21 |         annotation: {a: b}
     |         ^^^^^^^^^^ did you mean "annotations"?
rules.yml:22:9: error: expected a rule, which is a mapping, found "just text"
  22 |       - just text
     |         ^^^^^^^^^
rules.yml:24:24: error: unexpected "!"
  24 |         expr: "\t\"x\" ! y"
     |                        ^
rules.yml:25:20: error: expected a number for "threshold", found "high"
  25 |         threshold: high
     |                    ^^^^
rules.yml:26:16: error: expected an integer for "token", found a text
rules.yml:28:8: error: expected a rule, which is a mapping, found nothing
  28 |       -
     |        ^
rules.yml:29:5: error: field "name" in a rule group has no value
  29 |   - name:
     |     ^^^^
rules.yml:30:5: error: field "rules" in a rule group has no value
  30 |     rules:
     |     ^^^^^
rules.yml:31:1: error: unknown field "group" in a rule file
  31 | group: []
     | ^^^^^ did you mean "groups"?
"##);
}

#[test]
fn documents_of_the_wrong_kind() {
    let printed: Vec<_> = ["", "- a", "groups: x", "groups: [1, [], ~]"]
        .map(|text| decode(text).expect_err("wrong").to_string())
        .to_vec();
    insta::assert_snapshot!(printed.join("\n\n"), @r##"
rules.yml:1:1: error: expected a rule file, which is a mapping, found nothing
  1 | 
    | ^

rules.yml:1:1: error: expected a rule file, which is a mapping, found a list
  1 | - a
    | ^^^

rules.yml:1:9: error: expected a list for "groups", found "x"
  1 | groups: x
    |         ^

rules.yml:1:10: error: expected a rule group, which is a mapping, found "1"
  1 | groups: [1, [], ~]
    |          ^
rules.yml:1:13: error: expected a rule group, which is a mapping, found a list
  1 | groups: [1, [], ~]
    |             ^^
rules.yml:1:17: error: expected a rule group, which is a mapping, found nothing
  1 | groups: [1, [], ~]
    |                 ^
"##);
}

/// A field that is missing or of the wrong type is reported once, not again by the checks on it.
#[test]
fn readers() {
    let file = SourceFile::new(
        "t.yml",
        "{i: 1.5, s: [a, {}, ~, 7], m: {a: [], b: ~}, l: nope, rest1: 1, rest2: 2, d: \"ab\\tcd\"}",
    );
    let decoder = Decoder::new(&file);
    let root = decoder.first_document().expect("a document");
    let mut fields = decoder.mapping(&root, "a thing").expect("a mapping");
    assert!(fields.contains("i") && !fields.contains("j"));
    assert_eq!(fields.optional("i").integer(), None);
    assert_eq!(fields.optional("absent").integer(), None);
    let strings = fields.optional("s").string_list().expect("a list");
    assert_eq!(strings.iter().map(|text| text.value.as_str()).collect::<Vec<_>>(), ["a", "7"]);
    let pairs = fields.optional("m").string_map().expect("a mapping");
    assert_eq!(
        pairs.iter().map(|(key, value)| (key.value.as_str(), value.value.as_str())).collect::<Vec<_>>(),
        [("b", "")]
    );
    assert_eq!(fields.optional("l").parse::<u8>(), None);
    assert_eq!(fields.optional("d").parse_located::<()>(|_| Err((3, "no c".to_owned()))), None);
    let rest: Vec<_> = fields.rest().iter().map(|(key, _)| key.text.to_string()).collect();
    assert_eq!(rest, ["rest1", "rest2"]);
    fields.finish();
    insta::assert_snapshot!(decoder.into_diagnostics(), @r##"
t.yml:1:5: error: expected an integer for "i", found "1.5"
  1 | {i: 1.5, s: [a, {}, ~, 7], m: {a: [], b: ~}, l: nope, rest1: 1, rest2: 2, d: "ab\tcd"}
    |     ^^^
t.yml:1:17: error: expected a text, found a mapping
  1 | {i: 1.5, s: [a, {}, ~, 7], m: {a: [], b: ~}, l: nope, rest1: 1, rest2: 2, d: "ab\tcd"}
    |                 ^^
t.yml:1:21: error: expected a text, found nothing
  1 | {i: 1.5, s: [a, {}, ~, 7], m: {a: [], b: ~}, l: nope, rest1: 1, rest2: 2, d: "ab\tcd"}
    |                     ^
t.yml:1:35: error: expected a text, found a list
  1 | {i: 1.5, s: [a, {}, ~, 7], m: {a: [], b: ~}, l: nope, rest1: 1, rest2: 2, d: "ab\tcd"}
    |                                   ^^
t.yml:1:49: error: invalid digit found in string
  1 | {i: 1.5, s: [a, {}, ~, 7], m: {a: [], b: ~}, l: nope, rest1: 1, rest2: 2, d: "ab\tcd"}
    |                                                 ^^^^
t.yml:1:83: error: no c
  1 | {i: 1.5, s: [a, {}, ~, 7], m: {a: [], b: ~}, l: nope, rest1: 1, rest2: 2, d: "ab\tcd"}
    |                                                                                   ^
"##);
}
