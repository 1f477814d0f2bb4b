use proptest::prelude::*;
use yaml::{Decoder, SourceFile};

use super::*;

fn decode(text: &str) -> Result<Relabeling, String> {
    let file = SourceFile::new("relabel.yml", text);
    let decoder = Decoder::new(&file);
    let rules = decoder.first_document().map(|root| decode_relabeling(decoder.value(&root)));
    decoder.finish(rules).map(|(rules, _)| rules).map_err(|mistakes| mistakes.to_string())
}

fn labels(text: &str) -> LabelSet {
    LabelSet::from_pairs(text.split_whitespace().map(|pair| pair.split_once('=').unwrap()))
}

/// What one rule, in YAML's flow form, makes of labels written `a=x b=y`.
fn relabel(rule: &str, before: &str) -> String {
    let rules = decode(&format!("[{{{rule}}}]")).unwrap();
    rules.apply(&labels(before)).map_or("dropped".to_owned(), |after| {
        after.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" ")
    })
}

#[test]
fn each_action_does_what_prometheus_does() {
    let cases = [
        (
            "source_labels: [a], target_label: d, regex: 'f(.*)', replacement: 'ch${1}-ch${1}'",
            "a=foo",
            "a=foo d=choo-choo",
        ),
        (
            "source_labels: [a, b], target_label: a, regex: 'f(.*);(.*)r', replacement: 'b${1}${2}m'",
            "a=foo b=bar",
            "a=boobam b=bar",
        ),
        ("source_labels: [a], regex: 'f', target_label: b, replacement: bar", "a=foo b=x", "a=foo b=x"),
        ("source_labels: [a], regex: '.*', target_label: b, replacement: ''", "a=foo b=x", "a=foo"),
        ("source_labels: [a], target_label: '${1}', regex: '(\\w+)', replacement: v", "a=dyn", "a=dyn dyn=v"),
        ("source_labels: [a], target_label: 'x_$2', regex: '(\\w+)', replacement: v", "a=dyn", "a=dyn x_=v"),
        ("target_label: a, replacement: const", "", "a=const"),
        ("target_label: a, replacement: '$$5'", "", "a=$5"),
        ("source_labels: [gone], target_label: a", "a=x", ""),
        ("source_labels: [a], regex: '.*o.*', action: drop", "a=foo", "dropped"),
        ("source_labels: [a], regex: 'o', action: drop", "a=foo", "a=foo"),
        ("source_labels: [a], regex: '.*o.*', action: keep", "a=foo", "a=foo"),
        ("source_labels: [a], regex: 'no', action: keep", "a=foo", "dropped"),
        ("source_labels: [c], target_label: d, action: hashmod, modulus: 1000", "c=baz", "c=baz d=976"),
        (
            "regex: '(b.*)', replacement: 'bar_${1}', action: labelmap",
            "a=1 b1=2 b2=3",
            "a=1 b1=2 b2=3 bar_b1=2 bar_b2=3",
        ),
        ("regex: '__meta_(.*)', action: labelmap", "__meta_x=1 __meta_y=2 y=old", "__meta_x=1 __meta_y=2 x=1 y=2"),
        ("regex: '(b.*)', action: labeldrop", "a=1 b1=2 b2=3", "a=1"),
        ("regex: '(b.*)', action: labelkeep", "a=1 b1=2 b2=3", "b1=2 b2=3"),
        ("source_labels: [a], target_label: l, action: Lowercase", "a=FoO", "a=FoO l=foo"),
        ("source_labels: [a], target_label: l, action: UPPERCASE", "a=fooß", "a=fooß l=FOOß"),
        ("source_labels: [a], target_label: b, action: keepequal", "a=1 b=1", "a=1 b=1"),
        ("source_labels: [a], target_label: b, action: keepequal", "a=1 b=2", "dropped"),
        ("source_labels: [a], target_label: b, action: dropequal", "a=1 b=1", "dropped"),
        ("source_labels: [a], target_label: b, action: dropequal", "a=1 b=2", "a=1 b=2"),
        ("source_labels: [a, b], separator: '', target_label: c", "a=1 b=2", "a=1 b=2 c=12"),
    ];
    for (rule, before, after) in cases {
        assert_eq!(relabel(rule, before), after, "{rule}");
    }
}

#[test]
fn a_newline_in_a_value_is_matched_like_any_character() {
    let rules = decode("[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]").unwrap();
    let after = rules.apply(&LabelSet::from_pairs([("c", "foo\nbar")])).unwrap();
    assert_eq!(after.get("d"), Some("734"));
}

#[test]
fn rules_apply_in_order_and_a_drop_ends_them() {
    let rules = decode(
        "- {target_label: a, replacement: x}\n- {source_labels: [a], regex: x, action: drop}\n- {target_label: b, replacement: y}\n",
    );
    assert_eq!(rules.unwrap().apply(&labels("c=1")), None);
}

#[test]
fn every_mistake_is_reported_at_its_place() {
    let text = "\
- {action: keeep, regex: a}
- {action: hashmod, target_label: a}
- {action: replace}
- {action: labeldrop, regex: a, source_labels: [b], target_label: c}
- {action: keepequal, source_labels: [a], target_label: b, regex: x}
- {action: lowercase, source_labels: [a], target_label: b, replacement: x}
- {regex: '(', target_label: a}
- {source_label: [a], target_label: a}
- {action: labelmap, regex: a, replacement: ''}
";
    insta::assert_snapshot!(decode(text).unwrap_err());
}

fn any_labels() -> impl Strategy<Value = LabelSet> {
    proptest::collection::vec(("[a-d]{1,2}", "[A-Za-zéİß]{1,4}"), 0..6).prop_map(LabelSet::from_pairs)
}

fn any_rule() -> impl Strategy<Value = String> {
    let (name, pattern) = ("[a-d]{1,2}", "(a|b)(.*)|[c-d].|(.*)x|.*");
    let pattern = prop::sample::select(
        pattern.split('|').map(|p| p.replace("(a", "(a)").replace("b)", "(b)")).collect::<Vec<_>>(),
    );
    (0..11usize, name, name, pattern, prop::sample::select(vec!["$1", "$2x", "lit", "", "${1}$1"])).prop_map(
        |(action, source, target, pattern, replacement)| match action {
            0 => format!(
                "source_labels: [{source}], regex: '{pattern}', target_label: {target}, replacement: '{replacement}'"
            ),
            1 => format!("action: keep, source_labels: [{source}], regex: '{pattern}'"),
            2 => format!("action: drop, source_labels: [{source}], regex: '{pattern}'"),
            3 => format!("action: keepequal, source_labels: [{source}], target_label: {target}"),
            4 => format!("action: dropequal, source_labels: [{source}], target_label: {target}"),
            5 => format!("action: hashmod, source_labels: [{source}], target_label: {target}, modulus: 8"),
            6 => format!("action: labelmap, regex: '{pattern}', replacement: 'm${{1}}'"),
            7 => format!("action: labeldrop, regex: '{pattern}'"),
            8 => format!("action: labelkeep, regex: '{pattern}'"),
            9 => format!("action: lowercase, source_labels: [{source}], target_label: {target}"),
            _ => format!("action: uppercase, source_labels: [{source}], target_label: {target}"),
        },
    )
}

proptest! {
    #[test]
    fn what_comes_out_is_a_proper_label_set(rules in proptest::collection::vec(any_rule(), 1..5), before in any_labels()) {
        let yaml: String = rules.iter().map(|rule| format!("- {{{rule}}}\n")).collect();
        let rules = decode(&yaml).unwrap();
        let after = rules.apply(&before);
        prop_assert_eq!(&after, &rules.apply(&before));
        if let Some(after) = after {
            prop_assert!(after.iter().is_sorted_by(|a, b| a.0 < b.0));
            prop_assert!(after.iter().all(|(name, value)| !name.is_empty() && !value.is_empty()));
        }
    }

    #[test]
    fn opposites_are_opposite(before in any_labels(), pattern in "[a-d]\\.\\*|[a-d]") {
        let rule = |action: &str| decode(&format!("[{{action: {action}, source_labels: [a], target_label: b}}]")).unwrap();
        prop_assert!(rule("keepequal").apply(&before).is_some() != rule("dropequal").apply(&before).is_some());
        let filter = |action: &str| decode(&format!("[{{action: {action}, regex: '{pattern}'}}]")).unwrap().apply(&before).unwrap();
        let (kept, rest) = (filter("labelkeep"), filter("labeldrop"));
        prop_assert_eq!(kept.overlay(rest.iter()), before.clone());
        prop_assert_eq!(kept.len() + rest.len(), before.len());
    }
}
