//! Any text at all: no panic, and every mistake has a place in the file.

use proptest::prelude::*;

use super::super::*;

const GOOD: &str = r#"groups:
- name: g
  interval: 1m
  rules:
  - record: a
    expr: |
      sum(rate(foo{a=~"b.*"}[5m])) by (job)
        / 2
  - alert: "B \"x\""
    expr: 'up{a=''é''} == 0'
    for: 5m
    labels: &l {severity: page}
    annotations: {<<: *l, summary: "{{ $labels.job }} {{ printf \"%.2f\" $value }}"}
"#;

fn check(text: &str) -> Result<(), TestCaseError> {
    let file = SourceFile::new("f", text);
    let found = match read(&file, &Defaults::default()) {
        Ok((_, warnings)) => warnings,
        Err(mistakes) => {
            prop_assert!(mistakes.has_errors());
            mistakes
        }
    };
    for one in &found {
        let inside = one.span.is_none_or(|span| span.start <= span.end && span.end as usize <= text.len());
        prop_assert!(inside, "{one:?}");
        prop_assert!(!one.message.is_empty());
    }
    let _printed = found.to_string();
    Ok(())
}

proptest! {
    #[test]
    fn a_damaged_rule_file_never_panics(
        edits in proptest::collection::vec((0..GOOD.len(), 0..6usize, "[ -~é\\n\"'{}\\[\\]|:]{0,4}"), 1..4),
    ) {
        let mut text = GOOD.to_owned();
        for (at, cut, insert) in edits {
            let start = text.floor_char_boundary(at.min(text.len()));
            let end = text.floor_char_boundary((start + cut).min(text.len()));
            text.replace_range(start..end.max(start), &insert);
        }
        check(&text)?;
    }

    #[test]
    fn any_text_never_panics(text in "\\PC{0,60}") {
        check(&text)?;
        check(&format!("groups: [{{name: g, rules: [{{alert: A, expr: {text:?}}}]}}]"))?;
    }
}

#[test]
fn the_undamaged_file_is_good() {
    let (groups, warnings) = read(&SourceFile::new("f", GOOD), &Defaults::default()).unwrap();
    assert_eq!((groups[0].rules.len(), warnings.len()), (2, 0));
}
