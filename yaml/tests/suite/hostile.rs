//! Input made to hurt is refused, quickly and without a panic.

use proptest::prelude::*;
use yaml::{Decoder, SourceFile, Spanned, parse_all, parse_first, position_in_scalar};

fn refusal(text: &str) -> String {
    let diagnostics = parse_first(&SourceFile::new("test.yml", text)).expect_err("refused");
    diagnostics.iter().next().expect("a diagnostic").message.clone()
}

#[test]
fn alias_bombs() {
    let mut doubling = "a0: &a0 [x, x]\n".to_owned();
    let mut merging = "a0: &a0 {x: 1}\n".to_owned();
    for level in 1..60 {
        let below = level - 1;
        doubling += &format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}]\n");
        merging += &format!("a{level}: &a{level} {{<<: [*a{below}, *a{below}], k{level}: [*a{below}, *a{below}]}}\n");
    }
    let texts = format!("a: &a \"{}\"\nb: [{}]", "x".repeat(1 << 20), "*a,".repeat(1_000));
    for text in [doubling, merging, texts] {
        assert_eq!(refusal(&text), "the file holds more than 1000000 values, counting what aliases repeat");
    }
}

#[test]
fn nesting() {
    for opening in ["[", "{a: ", "- ", "? ", "{? ", "[[{x: "] {
        let message = refusal(&opening.repeat(100_000));
        assert!(message.contains("deep"), "{opening}: {message}");
    }
    let mut chain = format!("a0: &a0 {}x{}\n", "[".repeat(200), "]".repeat(200));
    for level in 1..50 {
        chain += &format!("a{level}: &a{level} {}*a{}{}\n", "[".repeat(200), level - 1, "]".repeat(200));
    }
    assert_eq!(refusal(&chain), "values nest deeper than 255 levels here");
}

#[test]
fn values_that_contain_themselves() {
    assert_eq!(refusal("a: &a [*a]"), "a value cannot contain itself");
    assert_eq!(refusal("a: &a {<<: *a}"), "a value cannot contain itself");
}

#[test]
fn too_many_values_and_mistakes() {
    assert!(refusal(&format!("[{}]", "1,".repeat(1_000_001))).contains("more than 1000000 values"));
    let duplicates = parse_all(&SourceFile::new("test.yml", "a: 1\n".repeat(200_000)));
    assert_eq!(duplicates.diagnostics.len(), 199_999);
    assert!(duplicates.diagnostics.to_string().ends_with("\nand 199899 more"));
    let broken = parse_all(&SourceFile::new("test.yml", "a: @\n---\n".repeat(20_000)));
    assert_eq!(broken.diagnostics.len(), 20_000);
}

#[test]
fn many_lines_indented_too_little() {
    let text = format!("k:\n  a: \"{}\"", "x\n".repeat(100_000));
    assert_eq!(refusal(&text), "a quoted text continues on this line");
}

#[test]
fn bytes_that_are_not_utf8() {
    let diagnostics = SourceFile::from_bytes("test.yml", b"a: \xff".to_vec()).expect_err("refused");
    insta::assert_snapshot!(diagnostics, @r##"
test.yml:1:4: error: the file is not valid UTF-8
  1 | a: �
    |    ^ save it as UTF-8
"##);
}

/// Texts of the characters that mean something to YAML, and a few others.
fn yaml_like() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "b",
        "1",
        " ",
        "  ",
        "\n",
        "\n  ",
        "\n    ",
        "\t",
        ": ",
        ":",
        "- ",
        "? ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\"",
        "'",
        "\\",
        "|",
        ">",
        "|-\n  ",
        ">2\n",
        "#",
        " # ",
        "&a ",
        "*a",
        "<<: *a",
        "!!str ",
        "!x ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "@",
        "`",
        "~",
        "{{ ",
        " }}",
        "é",
        "\u{feff}",
        "\r\n",
        "\u{0}",
        "\u{85}",
        "0x1F",
        "yes",
        "\\u00e9",
        "\\\n",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(text in yaml_like(), offset in 0..40usize) {
        let file = SourceFile::new("test.yml", text.as_str());
        let parsed = parse_all(&file);
        prop_assert!(parsed.diagnostics.to_string().lines().all(|line| line.chars().count() < 400));
        for diagnostic in &parsed.diagnostics {
            let span = diagnostic.span.expect("syntax errors have a place");
            prop_assert!(text.get(span.range()).is_some(), "{diagnostic:?}");
        }
        for document in &parsed.documents {
            prop_assert!(text.get(document.span.range()).is_some(), "{document:?}");
            let located = Spanned::new(document.as_text().unwrap_or_default(), document.span);
            let inside = position_in_scalar(&file, &located, offset);
            prop_assert!(text.get(inside.range()).is_some());
        }
        let decoder = Decoder::new(&file);
        let root = decoder.first_document();
        let decoded = root.as_ref().and_then(|root| decoder.value(root).string_map());
        prop_assert!(decoder.finish(decoded).is_err() || root.is_some());
    }
}
