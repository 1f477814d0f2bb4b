//! Positions, printed diagnostics, and their order.

use super::*;

fn file(text: &str) -> SourceFile {
    SourceFile::new("t.yml", text)
}

fn printed(text: &str, marked: &str) -> String {
    let start = text.find(marked).expect("marked text");
    Diagnostic::error(&file(text), Span::new(start, start + marked.len()), "wrong").hint("mend it").to_string()
}

#[test]
fn lines_and_columns() {
    let file = file("\u{feff}ab\r\né€x\n\nz");
    let cases = [
        (0, 1, 1),
        (3, 1, 1),
        (4, 1, 2),
        (7, 2, 1),
        (8, 2, 1), // inside é
        (9, 2, 2),
        (12, 2, 3),
        (13, 2, 4),
        (14, 3, 1),
        (15, 4, 1),
        (16, 4, 2),
        (u32::MAX, 4, 2),
    ];
    for (offset, line, column) in cases {
        assert_eq!(file.position(offset), Position { line, column }, "{offset}");
    }
    assert_eq!([file.line(1), file.line(2), file.line(3), file.line(4)], ["\u{feff}ab", "é€x", "", "z"]);
    assert_eq!([file.line(0), file.line(5), file.line(u32::MAX)], ["\u{feff}ab", "", ""]);
    assert_eq!(file.slice(Span::new(7, 9)), "é");
    assert_eq!([file.slice(Span::new(8, 9)), file.slice(Span::new(0, 999))], ["", ""]);
}

#[test]
fn excerpts() {
    let long = format!("a: {}WRONG{}", "x".repeat(200), "y".repeat(200));
    let cases = [
        printed("groups:\n  - nmae: x\n", "nmae"),
        printed("\ta:\tb", "b"),
        printed("a: é€ b", "b"),
        printed("a: [1,\n 2]\n", "[1,\n 2]"),
        printed("a: b\n", ""),
        printed("a: \u{1b}[31mred", "red"),
        printed(&long, "WRONG"),
        printed(&format!("{}WRONG", "x".repeat(200)), "WRONG"),
        printed(&format!("a: {}", "x".repeat(200)), "x"),
        printed(&"w".repeat(300), &"w".repeat(300)),
        printed("\u{feff}ab", "ab"),
    ];
    insta::assert_snapshot!(cases.join("\n\n"), @r##"
t.yml:2:5: error: wrong
  2 |   - nmae: x
    |     ^^^^ mend it

t.yml:1:5: error: wrong
  1 |     a:    b
    |           ^ mend it

t.yml:1:7: error: wrong
  1 | a: é€ b
    |       ^ mend it

t.yml:1:4: error: wrong
  1 | a: [1,
    |    ^^^ mend it

t.yml:1:1: error: wrong
  1 | a: b
    | ^ mend it

t.yml:1:9: error: wrong
  1 | a: �[31mred
    |         ^^^ mend it

t.yml:1:204: error: wrong
  1 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxWRONGyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
    |                                          ^^^^^ mend it

t.yml:1:201: error: wrong
  1 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxWRONG
    |                                                                                                 ^^^^^ mend it

t.yml:1:4: error: wrong
  1 | a: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    |    ^ mend it

t.yml:1:1: error: wrong
  1 | wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww…
    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ mend it

t.yml:1:1: error: wrong
  1 | ab
    | ^^ mend it
"##);
}

#[test]
fn secrets_are_not_printed() {
    let cases = [
        printed("  smtp_auth_password: hunter2", "hunter2"),
        printed("{user: a, \"apiKey\" : hunter2, foo: c}", "foo"),
        printed("passwrod: x\nbearer_token: hunter2", "bearer_token"),
    ];
    assert!(cases.iter().all(|case| !case.contains("hunter2")), "{cases:?}");
    insta::assert_snapshot!(cases.join("\n\n"), @r##"
t.yml:1:23: error: wrong
  1 |   smtp_auth_password: <secret>
    |                       ^^^^^^^ mend it

t.yml:1:31: error: wrong
  1 | {user: a, "apiKey" : <secret>
    |                              ^ mend it

t.yml:2:1: error: wrong
  2 | bearer_token: <secret>
    | ^^^^^^^^^^^^ mend it
"##);
    let urls = "{a: 'http://u:gehéim@h/x', b: https://v:p@ss@i, c: http://h:80/y, wrng: 1}";
    let line = "{a: 'http://u:******@h/x', b: https://v:****@i, c: http://h:80/y, wrng: 1}";
    let shown = printed(urls, "wrng");
    assert!(shown.contains(line), "{shown}");
    assert_eq!(
        shown.lines().last().and_then(|l| l.find('^')),
        Some("  1 | ".len() + line.find("wrng").expect("a key")),
        "{shown}"
    );
    for harmless in ["password_file: /x", "expr: rate(secret_total[5m])", "key: x", "password:"] {
        assert!(printed(harmless, harmless).contains(harmless), "{harmless}");
    }
    let hidden = Diagnostic::error(&file("x: hunter2"), Span::new(3, 10), "wrong").without_excerpt();
    assert_eq!(hidden.to_string(), "t.yml:1:4: error: wrong");
    assert_eq!(hidden.hint("mend it").to_string(), "t.yml:1:4: error: wrong\n  mend it");
}

#[test]
fn diagnostics_keep_the_order_of_files_and_lines() {
    let (a, b) = (SourceFile::new("a", "0123456789"), SourceFile::new("b", "0123456789"));
    let mut diagnostics = Diagnostics::new();
    assert!(diagnostics.is_empty() && !diagnostics.has_errors());
    diagnostics.push(Diagnostic::warning(&a, Span::at(5), "a5"));
    assert!(!diagnostics.has_errors());
    diagnostics.push(Diagnostic::error(&b, Span::at(7), "b7"));
    diagnostics.push(Diagnostic::error(&a, Span::at(2), "a2"));
    diagnostics.push(Diagnostic::error(&a, Span::at(2), "a2"));
    diagnostics.push(Diagnostic::error(&a, Span::at(2), "a2 again"));
    diagnostics.push(Diagnostic::whole_file(&a, "a"));
    diagnostics.append(Diagnostics::from(Diagnostic::error(&b, Span::at(1), "b1")));
    let messages: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(messages, ["a", "a2", "a2 again", "a5", "b1", "b7"]);
    assert!(diagnostics.has_errors());
    assert_eq!(diagnostics.clone().into_result(1), Err(diagnostics));
    let warning = Diagnostics::from(Diagnostic::warning(&a, Span::at(5), "a5"));
    assert_eq!(warning.clone().into_result(1), Ok((1, warning)));
}

#[test]
fn many_diagnostics_are_counted_and_not_all_kept() {
    let file = file(&"x\n".repeat(2_000));
    let mut diagnostics = Diagnostics::new();
    for at in 0..2_000 {
        diagnostics.push(Diagnostic::warning(&file, Span::at(at * 2), "w"));
    }
    assert_eq!((diagnostics.len(), diagnostics.iter().len(), diagnostics.has_errors()), (2_000, 1_000, false));
    diagnostics.push(Diagnostic::error(&file, Span::at(4_000), "e"));
    assert!(diagnostics.has_errors(), "an error that was only counted is an error");
    let printed = diagnostics.to_string();
    assert_eq!(printed.matches("warning: w").count(), 100);
    assert!(printed.ends_with("\nand 1901 more"));
}

#[test]
fn a_message_that_quotes_a_whole_file_is_cut() {
    let file = SourceFile::new("f.yml", "x".repeat(100_000));
    let mistake =
        Diagnostic::error(&file, Span::new(0, 100_000), format!("{:?} is none", file.text())).hint("é".repeat(5_000));
    let shown = mistake.to_string();
    assert!(shown.len() < 4_000 && shown.starts_with("f.yml:1:1: error: \"xxx"), "{} bytes", shown.len());
}

#[test]
fn a_long_line_is_looked_through_once() {
    // Minutes, if each colon or each password cost the whole line.
    for line in ["{a: ".repeat(200_000), "http://u:p@h ".repeat(100_000)] {
        let file = SourceFile::new("f.yml", line);
        let shown = Diagnostic::error(&file, Span::new(1_000, 1_001), "odd").to_string();
        assert!(shown.len() < 500, "{shown}");
        assert!(!shown.contains(":p@"), "{shown}");
    }
}
